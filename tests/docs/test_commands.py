"""Every command in the README and in docs/ is run here, or is one that another test runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.support import PATIENCE
from tests.support.models import teachable_machine_zip, third_party
from tests.support.old_pickles import write as write_old_pickle
from tests.support.picture_files import scene

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in DOCS.rglob("*.md") if "adding" not in p.name),
]
# The lines that are not run here, and the test that runs them.
ELSEWHERE = {
    "make check": "tests/test_install.py::test_ci_calls_check_then_test",
    "make test": "tests/test_install.py::test_ci_calls_check_then_test",
    "make setup": "tests/docs/test_readme.py::test_make_quickstart_ends_with_a_page",
    "make quickstart": "tests/docs/test_readme.py::test_make_quickstart_ends_with_a_page",
    ".venv/bin/edge-deploy serve build/web_demo": (
        "tests/docs/test_readme.py::test_make_quickstart_ends_with_a_page"
    ),
    "python3.11 -m venv .venv": (
        "tests/test_install.py::test_make_target_does_its_own_set_up_when_all_is_missing"
    ),
    '.venv/bin/pip install -c constraints.txt -e ".[convert,browser]"': (
        "tests/test_install.py::test_make_target_does_its_own_set_up_when_all_is_missing"
    ),
    "edge-deploy push site --git https://github.com/ME/REPOSITORY.git": (
        "tests/web/test_git_push.py::test_two_pushes_are_two_commits_and_send_what_is_new"
    ),
    "make wheel": "tests/test_install.py::test_installed_wheel_is_what_runs",
    'pip install -c constraints.txt "dist/edge_deploy-0.1.0-py3-none-any.whl[convert,browser]"': (
        "tests/test_install.py::test_installed_wheel_is_what_runs"
    ),
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)


def lines(block: str) -> list[str]:
    """The commands of a shell block, without comments."""
    return [line for text in block.splitlines() if (line := text.split(" #")[0].strip())]


def commands(page: Path) -> list[str]:
    return [line for block in blocks(page, "sh") for line in lines(block)]


def steps(page: Path) -> list[tuple[str, str]]:
    """What a reader does with a page, in order: ("sh", a line) or ("python", a block)."""
    found = re.findall(r"^```(sh|python)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)
    return [
        (kind, step) for kind, text in found for step in (lines(text) if kind == "sh" else [text])
    ]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


RUNNING = [
    page
    for page in PAGES
    if any(kind == "python" or line not in ELSEWHERE for kind, line in steps(page))
]


def test_every_command_is_run_here_or_by_a_test_that_exists() -> None:
    every = {line for page in PAGES for line in commands(page)}
    others = {line for line in every if not line.startswith("edge-deploy ")}
    others |= every & set(ELSEWHERE)
    assert others == set(ELSEWHERE), "say in ELSEWHERE which test runs it"
    for test in ELSEWHERE.values():
        path, name = test.split("::")
        assert f"def {name}(" in (ROOT / path).read_text("utf-8"), test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader of all pages works, with the files that the pages say are theirs."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    folder = tmp_path_factory.mktemp("reader")
    with third_party():
        (teachable_machine_zip(folder)).rename(folder / "converted_keras.zip")
    from PIL import Image

    for number, name in enumerate(("Cat", "Dog")):
        (folder / "pictures" / name).mkdir(parents=True)
        for seed in range(2):
            picture = Image.fromarray(scene(90, 120, seed=10 * number + seed))
            picture.save(folder / "pictures" / name / f"{seed + 1}.png")
    x, y = make_classification(random_state=0)
    forest = RandomForestClassifier(5, random_state=0).fit(x, y)
    write_old_pickle(folder / "old_pipeline.joblib", forest, "0.24.2")
    return folder


@pytest.fixture(scope="module")
def done() -> set[str]:
    """The lines that were run: what several pages begin with is done once."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_what_a_page_says_works_in_its_order(
    page: Path, folder: Path, done: set[str], run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for kind, step in steps(page):
        if kind == "python":
            exec(compile(step, named(page), "exec"), {"__name__": "__main__"})
        elif step.startswith("edge-deploy serve"):
            assert "<title>" in fetch_while_served(step, folder)
        elif step not in ELSEWHERE and step not in done:
            result = run(*shlex.split(step)[1:])
            assert result.code == 0, (step, result.out, result.err)
            done.add(step)


def fetch_while_served(line: str, folder: Path) -> str:
    """Start a serve command on a free port, fetch the page, and end it."""
    arguments = [*shlex.split(line)[1:], "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "edge_deploy.cli", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        with urllib.request.urlopen(address, timeout=60) as answer:
            return str(answer.read().decode())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def test_the_workflow_for_ci_is_one_and_its_command_is_a_real_one() -> None:
    import typer

    from edge_deploy.cli import app

    block, *_ = blocks(DOCS / "tutorials" / "ci.md", "yaml")
    told = [
        step["run"] for step in yaml.safe_load(block)["jobs"]["verify"]["steps"] if "run" in step
    ]
    install, verify = told
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert version["name"].replace("-", "_") in install
    command = typer.main.get_command(app).commands["verify"]  # type: ignore[attr-defined]
    flags = {flag for parameter in command.params for flag in getattr(parameter, "opts", ())}
    assert {word for word in verify.split() if word.startswith("--")} <= flags


def test_every_flag_that_a_page_names_exists() -> None:
    import typer

    from edge_deploy.cli import app

    group = typer.main.get_command(app)
    flags = {
        flag
        for command in group.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for flag in (*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ()))
    }
    others = {"--version", "--help", "--dir", "--site", "--prod", "--strict-markers"}
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", page.read_text("utf-8")):
            for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
                assert flag in flags | others, f"{named(page)}: {flag}"
