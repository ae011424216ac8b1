"""Terminals, disks and arguments that are not as a command hopes: words, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_deploy import cli
from tests.conftest import Run

PROGRAM = [sys.executable, "-m", "edge_deploy.cli"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
STRICT = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8:strict"}


@pytest.fixture
def model() -> Path:
    """A TF.js model whose input has a name beyond ASCII."""
    ends = {"inputs": {"größe": {"dtype": "DT_FLOAT"}}, "outputs": {}}
    path = Path("model.json")
    path.write_text(json.dumps({"modelTopology": {"node": []}, "signature": ends}))
    return path


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["inspect", "model.json"], ["inspect", "model.json", "--json"]],
    ids=" ".join,
)
def test_a_full_device_is_told(model: Path, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device here is always full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (
        3,
        "edge-deploy: The answer cannot be written to stdout (No space left on device).\n",
    )


def test_a_terminal_of_ascii_takes_every_answer(model: Path) -> None:
    environment = {**os.environ, **ASCII}
    for more in ([], ["--json"]):
        done = subprocess.run(
            [*PROGRAM, "inspect", str(model), *more],
            env=environment,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b""), done
        assert not more or json.loads(done.stdout)["inputs"][0]["name"] == "größe"


def test_a_table_in_a_terminal_of_ascii_is_written_with_escapes() -> None:
    """What draws tables writes to the stream itself, where ``typer.echo`` chooses an encoding."""
    code = (
        "from edge_deploy.cli import console; console.take_every_character(); "
        "console.table(['verdict'], [['\\u2713 pass']])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **ASCII}, capture_output=True, timeout=60
    )
    assert (done.returncode, b"\\u2713 pass" in done.stdout) == (0, True), done


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inspect", LONG], " characters"),
        (["convert", "model.json", "--labels", LONG], " characters"),
        (["run", LONG, LONG], " characters"),
        (["demo", LONG], " characters"),
        (["convert", LONG, "--name", LONG], " characters"),
        ([LONG], "No such command"),
        (["inspect", "model.json", f"--{LONG}"], "No such option"),
        (["inspect", b"\xff\xfe"], r"\udcff\udcfe: no such file"),
        (["snippet", "a", "--platform", b"\xff\xfe"], r"\udcff\udcfe"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_argument_that_no_file_is_called_by_is_refused(
    model: Path, arguments: list[str | bytes], says: str
) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments, "--json"],
        env={**os.environ, **STRICT},
        capture_output=True,
        timeout=60,
    )
    told = done.stderr.decode("utf-8")
    assert (done.returncode, "Traceback" in told, says in told) == (2, False, True), told[-600:]
    error = json.loads(done.stdout)["error"]
    assert (
        error["exit_code"] == 2
        and says in error["message"].encode("utf-8", "backslashreplace").decode()
    )


STEERING = "Bo\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\u2066"


def _model_json() -> list[str]:
    ends = {"inputs": {STEERING: {"dtype": "DT_FLOAT"}}, "outputs": {}}
    Path("model.json").write_text(json.dumps({"modelTopology": {"node": []}, "signature": ends}))
    return ["inspect", "model.json"]


def _releases() -> list[str]:
    event = {"action": "publish", "version": "1", "channel": "stable", "by": STEERING}
    event |= {"time": "2026-01-01T00:00:00Z", "source": "0" * 64, "content": "0" * 64}
    model = {"name": "costs", "stable": "1", "canary": None, "shadow": None, "versions": ["1"]}
    document = {"schema": "edge-deploy/releases/1", "models": [{**model, "history": [event]}]}
    Path("site/models").mkdir(parents=True)
    Path("site/models/releases.json").write_text(json.dumps(document))
    return ["releases", "site"]


@pytest.mark.parametrize("write", [_model_json, _releases, lambda: ["inspect", f"no {STEERING}"]])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_a_file_says_cannot_steer_the_terminal(
    run: Run, write: Callable[[], list[str]], as_json: bool
) -> None:
    result = run(*write(), *(["--json"] if as_json else []))
    said = result.out + result.err
    assert [character for character in said if character in STEERING and not character.isalnum()
            and character not in ";[] "] == []  # fmt: skip
    assert "owned" in said
    if as_json and result.code == 0:  # as it is, for who reads it with a program
        assert repr(STEERING)[1:-1] in str(json.loads(result.out))


def test_only_the_console_prints() -> None:
    """All that is printed goes through what escapes control characters."""
    printing = re.compile(r"typer\.(echo|secho)\(|\bprint\(|std(out|err)\.write\(")
    files = Path(cli.__file__).parent.glob("*.py")
    found = {
        (file.name, line.strip())
        for file in files
        if file.name != "console.py"
        for line in file.read_text().splitlines()
        if printing.search(line)
    }
    assert found == {("app.py", 'typer.echo(f"edge-deploy {__version__}")')}
