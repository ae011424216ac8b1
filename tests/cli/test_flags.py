"""Messages name an option as their reader writes it: overwrite=True in Python, --overwrite here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_deploy
from edge_deploy.cli.flags import SHELL
from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import Shown, call, option, written_for
from tests.cli.test_contract import FLAGS

PACKAGE = Path(edge_deploy.__file__).parent

WRITTEN = [
    # an option and its value -> what a Python caller reads, what a shell's user reads
    (("overwrite", True), "overwrite=True", "--overwrite"),
    (("reference",), "reference=...", "--reference"),
    (("max_drop", 0.01), "max_drop=0.01", "--max-drop 0.01"),
    (("samples", -1), "samples=-1", "--samples -1"),
    (("rtol", Shown("1.0e-03")), "rtol=1.0e-03", "--rtol 1.0e-03"),
    (("keep_float", "auto"), "keep_float='auto'", "--keep-float auto"),
    (("keep_float", ["a", "b"]), "keep_float=['a', 'b']", "--keep-float a,b"),
    (("quantize", ["float32", ...]), "quantize=['float32', ...]", "--quantize float32,..."),
    (("data", Path("my/cats")), "data='my/cats'", "--data my/cats"),
    (("data", Path("my cats; ls")), "data='my cats; ls'", "--data 'my cats; ls'"),
    (("label_column", "it's"), 'label_column="it\'s"', """--label-column 'it'"'"'s'"""),
    (
        ("input_shapes", {"x": (1, 10)}),
        "input_shapes={'x': (1, 10)}",
        "--input-shape x=1,10",
    ),
    (("input_shapes", {"x": ...}), "input_shapes={'x': ...}", "--input-shape x"),
    (("version",), "version=...", "--artifact-version"),
    (("runtimes",), "runtimes=...", "--runtime"),
    (("backends",), "backends=...", "--backend"),
]


@pytest.mark.parametrize(("asked", "python", "shell"), WRITTEN, ids=lambda v: str(v)[:30])
def test_option_is_written_for_its_reader(asked: tuple, python: str, shell: str) -> None:
    assert option(*asked) == python
    with written_for(SHELL):
        assert option(*asked) == shell
    assert option(*asked) == python


def test_call_is_written_for_its_reader() -> None:
    def written() -> str:
        return call("quantize", Path("a/1"), to="tflite=int8")

    assert written() == "quantize('a/1', to='tflite=int8')"
    with written_for(SHELL):
        assert written() == "edge-deploy quantize a/1 --to tflite=int8"


def test_wrong_option_carries_the_option_and_what_it_was_given() -> None:
    error = wrong_option("jobs", 0, "at least 1.")
    assert isinstance(error, UsageError)
    assert (str(error), error.option, error.got) == ("jobs=0: at least 1.", "jobs", 0)


def _library() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("cli/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


# Flags of other programs, and a file that says which command wrote it.
_OTHERS = {
    "api/doctor.py": {"--force-reinstall", "--no-deps"},  # pip
    "codegen/cpp.py": {"--build", "--test-dir"},  # cmake, ctest
    "core/dependencies.py": {"--python"},  # uv
    "web/browser.py": None,  # Chromium
    "web/git.py": None,
    "web/git_push.py": None,  # git
    "web/embed.py": {"--embed"},
}


def test_no_text_of_the_library_names_a_flag() -> None:
    found = []
    for name, tree in _library():
        # A text that stands alone is a docstring.
        notes = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in notes:
                continue
            flags = set(re.findall(r"--[a-z][a-z-]*", str(node.value)))
            allowed = _OTHERS.get(name, set())
            if allowed is not None and flags - allowed:
                found.append(f"{name}:{node.lineno}: {flags - allowed}")
    assert found == []


def test_every_option_that_a_message_names_is_a_flag_of_a_command() -> None:
    known = set(" ".join(FLAGS.values()).split())
    named = set()
    for _, tree in _library():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        ours = {name.name for one in imports for name in one.names} & {
            "option",
            "wrong_option",
            "unknown_option",
        }
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        named |= {
            node.args[0].value
            for node in calls
            if isinstance(node.func, ast.Name)
            and node.func.id in ours
            and isinstance(node.args[0], ast.Constant)
        }
    assert len(named) > 30
    with written_for(SHELL):
        flags = {name: {option(name), option(name, False)} for name in named}
        assert {name for name in named if not flags[name] & known} == set()


def test_an_error_that_begins_with_an_option_carries_it() -> None:
    bare = []
    for name, tree in _library():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            text = ast.unparse(node.args[0])
            about = ast.unparse(node.func) == "UsageError" and re.match(r"f.\{option\(", text)
            if about and not any(keyword.arg == "option" for keyword in node.keywords):
                bare.append(f"{name}:{node.lineno}: {text[:60]}")
    assert bare == []
