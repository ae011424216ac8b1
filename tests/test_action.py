"""action.yml and the hook for pre-commit: their commands, run as GitHub and pre-commit run them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import edge_deploy
from edge_deploy.examples import ExampleFiles
from edge_deploy.web.releases import read_releases
from tests.conftest import Run
from tests.support import unmeasured

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout of a project with a remote, and edge-deploy on the path as `Install` leaves it."""
    git(tmp_path, "init", "--quiet", "--bare", "host.git")
    git(tmp_path, "init", "--quiet", "project")
    git(tmp_path / "project", "remote", "add", "origin", str(tmp_path / "host.git"))
    command = tmp_path / "bin" / "edge-deploy"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m edge_deploy.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path / "project"


ALL = ("Verify", "Compare with the live site", "Publish")


def happens(
    project: Path, runner: Path, steps: Sequence[str] = ALL, **inputs: str
) -> tuple[dict[str, int], str]:
    """Run steps after `Install` on a runner: all but the comment, and not after one that failed.

    Returns:
        The exit codes of the steps, and what the comment would say.
    """
    runner.mkdir(exist_ok=True)
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | inputs
    environment = {
        **unmeasured(),
        "PATH": f"{project.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(runner),
        "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
    }
    codes: dict[str, int] = {}
    for name in steps:
        if any(codes.values()) and "cancelled" not in str(STEPS[name].get("if")):
            continue
        step = STEPS[name]
        values = {key: filled(str(value), given) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=project,
            env={**environment, **values},
            capture_output=True,
            text=True,
        )
        codes[name] = done.returncode
        assert "unbound" not in done.stderr and "command not found" not in done.stderr
    return codes, (runner / "told.md").read_text("utf-8")


def filled(text: str, given: dict[str, str]) -> str:
    """The value of an expression over the inputs, of the two forms that the action has."""
    if found := re.fullmatch(r"\$\{\{ inputs\.(\w+) == 'true' && 'true' \|\| '' \}\}", text):
        return "true" if given[found[1]] == "true" else ""
    found = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", text)
    assert found, text
    return given[found[1]]


@pytest.mark.slow
def test_the_action_verifies_compares_and_publishes(
    example: Callable[[str], ExampleFiles],
    example_artifact: Callable[[str], Path],
    project: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(example_artifact("insurance"), project / "artifacts" / "insurance" / "1")
    done = edge_deploy.convert(
        example("insurance").model, output=project / "artifacts", version="2", to="tflite,tfjs"
    )
    assert done.artifact is not None
    second = done.artifact.folder
    host = tmp_path / "host.git"

    codes, told = happens(project, tmp_path / "one", artifacts="artifacts/insurance/1\n")
    assert codes == dict.fromkeys(ALL, 0), told
    assert git(host, "log", "-1", "--format=%an %s", "gh-pages") == (
        "github-actions[bot] Publish insurance 1\n"
    )
    # A pull request: the table, and nothing is published.
    ask = {"artifacts": "artifacts/insurance/2", "channel": "canary", "share": "10%"}
    codes, told = happens(project, tmp_path / "two", ALL[:2], **ask)
    assert codes == dict.fromkeys(ALL[:2], 0), told
    assert told.startswith("<!-- edge-deploy -->\n### Verified\n```text\n")
    assert "✓ pass" in told and "insurance 2 answers 10% of the visitors" in told
    assert git(host, "rev-list", "--count", "gh-pages") == "1\n"
    # On merge.
    codes, told = happens(project, tmp_path / "two", ALL[2:], **ask)
    assert codes == {"Publish": 0}, told
    git(tmp_path, "clone", "--quiet", "-b", "gh-pages", str(host), "live")
    (model,) = read_releases(tmp_path / "live").models
    assert (model.stable, model.canary and model.canary.version) == ("1", "2")
    # A file that is not the one that was converted stops it.
    broken = next(second.glob("tflite/*.tflite"))
    data = broken.read_bytes()
    broken.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    codes, told = happens(project, tmp_path / "four", ALL[::2], **ask)
    assert codes["Verify"] == 1 and "Publish" not in codes
    assert git(host, "rev-list", "--count", "gh-pages") == "2\n"


def test_the_action_is_one_that_github_runs() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert step["shell"] == "bash"
        # What others write comes in by the environment, never into a script.
        assert "${{" not in step["run"]
        assert subprocess.run(["bash", "-n", "-c", step["run"]]).returncode == 0
    assert STEPS["Publish"]["if"] == "${{ inputs.publish == 'true' }}"
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(ACTION["inputs"])


def blocks(language: str) -> list[Any]:
    page = (ROOT / "docs/tutorials/ci.md").read_text("utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.M)
    return [yaml.safe_load(block) for block in found]


def test_the_documented_workflow_gives_inputs_that_there_are() -> None:
    release = next(one for one in blocks("yaml") if one.get("name") == "release")
    step = release["jobs"]["release"]["steps"][-1]
    assert step["uses"].startswith("OWNER/edge-deploy@")
    needed = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert needed <= set(step["with"]) <= set(ACTION["inputs"])


@pytest.mark.slow
def test_the_hook_of_pre_commit_runs(
    example_artifact: Callable[[str], Path], run: Run, tmp_path: Path
) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    shutil.copytree(example_artifact("insurance"), tmp_path / "artifacts/insurance/1")
    documented = next(one for one in blocks("yaml") if "repos" in one)
    (used,) = documented["repos"][0]["hooks"]
    assert (used["id"], hook["pass_filenames"]) == (hook["id"], False)
    assert re.search(hook["files"], "artifacts/insurance/1/manifest.json")
    program, *arguments = shlex.split(hook["entry"])
    assert program == "edge-deploy"
    assert run(*arguments, *used["args"]).code == 0
