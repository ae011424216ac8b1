"""Files and folders that texts and comments name are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A module, alone or with the end of its path; a folder of the package.
MODULE = re.compile(r"(?<![\w./@-])((?:\w+/)*\w+\.py)\b(?!\.j2)")
FOLDER = re.compile(r"\b(edge_deploy(?:/\w+)+/)")
# What CONTRIBUTING tells to add, a reader's own files, and what is written into a bundle.
EXAMPLES = re.compile(r"_web_demo|coreml|unity|wine\.py|FILE\.py|(my|custom)_layers?\.py|^test\.py")


def tracked() -> list[str]:
    """The files of the repository, new ones too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


FILES = tracked()
PLACES = [
    name
    for name in FILES
    if name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "constraints.txt")
    or (
        name.startswith(("docs/", "web_demo/src/", "edge_deploy/", "tools/"))
        and name.endswith((".md", ".js", ".py", ".sh", ".toml", ".ipynb", ".j2"))
    )
]


def missing(text: str) -> list[str]:
    """The modules and folders in a text that are not in the repository."""
    named = [*MODULE.findall(text), *FOLDER.findall(text)]
    ends = [f"/{name}" for name in FILES]
    return [
        name
        for name in dict.fromkeys(named)
        if not EXAMPLES.search(name)
        and not any(end.endswith(f"/{name}") or end.startswith(f"/{name}") for end in ends)
    ]


def test_modules_and_folders_that_are_named_exist() -> None:
    assert len(PLACES) > 200
    gone = {name: missing((ROOT / name).read_text("utf-8")) for name in PLACES}
    assert {name: wrong for name, wrong in gone.items() if wrong} == {}


def test_a_module_that_was_moved_is_missing() -> None:
    assert missing("see edge_deploy/verification.py, lowering/trees.py") == [
        "edge_deploy/verification.py",
        "lowering/trees.py",
    ]
    assert missing("in edge_deploy/lowering/ and edge_deploy/core/errors.py, base.py") == [
        "edge_deploy/lowering/"
    ]
