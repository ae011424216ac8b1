"""``init`` in a terminal: a table, one file, and questions that ``convert`` asks again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.test_init import make
from tests.support import PATIENCE, unmeasured

pytestmark = pytest.mark.slow


def test_the_table_names_files_evidence_and_what_comes_next(run) -> None:
    make("p")
    done = run("init", "p")
    assert done.code == 0
    assert done.out.splitlines()[1].split() == ["what", "found", "evidence", "to", "check"]
    words = " ".join(done.out.split())
    assert "step scaler.pkl: StandardScaler of 3 columns app.py:5 scaler = joblib.load(" in words
    assert "true answers data.csv, column label" in words
    assert "tried the original: accuracy" in words
    assert done.out.endswith("p/edge-deploy.toml\nNext: edge-deploy convert p\n")


def test_json_has_all_of_it(run) -> None:
    make("p")
    done = run("init", "p", "--json")
    document = json.loads(done.out)
    assert done.code == 0
    assert (document["recipe"], document["undecided"]) == ("p/edge-deploy.toml", [])
    assert document["text"] == Path("p/edge-deploy.toml").read_text("utf-8")
    assert document["scripts"] == ["app.py"]
    first = document["found"][0]
    assert first["what"] == "step" and first["evidence"].startswith("app.py:5 ")


def test_dry_run_prints_the_recipe_and_writes_nothing(run) -> None:
    make("p")
    done = run("init", "p", "--dry-run")
    assert done.code == 0 and 'file = "scaler.pkl" # app.py:5' in done.out
    assert not Path("p/edge-deploy.toml").exists()


def test_questions_are_printed_and_stop_convert(run) -> None:
    make("p", None, scalers=("a.pkl", "b.pkl"))
    done = run("init", "p")
    assert done.code == 0 and "To decide, in that file, before it converts:\n  - which" in done.out
    again = run("convert", "p")
    assert again.code == 2 and "a.pkl or b.pkl fit equally" in again.err
    assert not Path("artifacts").exists()


REFUSED = [
    # a command line -> exit code, and what is said
    (("init", "p"), 2, "p/edge-deploy.toml: is there already. Look at it, or have it written anew "
                       "with --overwrite."),
    (("init", "none"), 2, "none: no such folder. Name the folder of a project."),
    (("convert", "empty"), 2, "nor an edge-deploy.toml. Have one written from what lies in it with "
                              "edge-deploy init empty"),
    (("convert",), 2, "nor an edge-deploy.toml."),
    (("convert", "p", "--quantize", "int5"), 2, "--quantize"),
    (("verify", "a/1", "--against", "p"), 2, "p/edge-deploy.toml, line 1: recipe: is of form 9"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED, ids=lambda v: str(v)[:30])
def test_a_wrong_call_is_one_message(run, arguments, code: int, words: str) -> None:
    for folder in ("p", "empty"):
        Path(folder).mkdir()
    Path("p/model.pkl").write_bytes(b"\x80")
    form = 9 if arguments[0] == "verify" else 1
    Path("p/edge-deploy.toml").write_text(f'recipe = {form}\n[[steps]]\nfile = "model.pkl"\n')
    done = run(*arguments)
    assert (done.code, words in done.err) == (code, True), done.err


def test_the_program_makes_no_folder_that_is_not_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_deploy.cli", "init", "none"],
        capture_output=True, text=True, timeout=PATIENCE, env=unmeasured(),
    )  # fmt: skip
    assert (done.returncode, "none: no such folder" in done.stderr) == (2, True), done.stderr
    assert not Path("none").exists()


def test_the_program_examines_and_converts_shut_in() -> None:
    root = make("p")
    for arguments in (("init", "p"), ("convert", "p", "--to", "onnx", "--quiet")):
        done = subprocess.run(
            [sys.executable, "-m", "edge_deploy.cli", *arguments],
            capture_output=True, text=True, timeout=PATIENCE, env=unmeasured(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (root / "precious.txt").read_text() == "kept"
    assert Path("artifacts/p/1/manifest.json").is_file()
    assert sorted(path.name for path in root.iterdir() if path.name.startswith(".")) == []
