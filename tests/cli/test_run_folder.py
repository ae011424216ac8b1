"""`run` on a project's folder: converted where it was not, told where its recipe has changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from tests.support import PATIENCE

pytestmark = pytest.mark.slow

PROGRAM = (sys.executable, "-m", "edge_deploy.cli")
RECIPE = """recipe = 1
[[steps]]
file = "model.joblib"
[convert]
name = "line"
to = ["onnx"]
"""


def edge_deploy(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop").mkdir()
    x = pd.DataFrame({"a": [0.0, 2.0, 1.0, 6.0], "b": [1.0, 3.0, 5.0, 7.0]})
    joblib.dump(LinearRegression().fit(x, x["a"] + 2 * x["b"]), "shop/model.joblib")
    Path("shop/edge-deploy.toml").write_text(RECIPE)


def test_a_folder_is_converted_once_and_asked() -> None:
    first = edge_deploy("run", "shop", "a=1", "b=2")
    assert (first.returncode, "value: 5" in first.stdout) == (0, True), first
    manifest = Path("artifacts/line/1/manifest.json")
    made = manifest.stat().st_mtime_ns
    second = edge_deploy("run", "shop", "a=2", "b=2")
    assert (second.returncode, "value: 6" in second.stdout, second.stderr) == (0, True, ""), second
    assert manifest.stat().st_mtime_ns == made
    Path("shop/edge-deploy.toml").write_text(RECIPE + "seed = 1\n")
    third = edge_deploy("run", "shop", "a=1", "b=2")
    assert third.returncode == 0
    assert "not of the recipe as it is now" in third.stderr
    assert "edge-deploy convert shop --overwrite" in third.stderr


WRONG = {
    "a recipe without a name": (RECIPE.replace('name = "line"', ""), 2, 'Say name = "NAME"'),
    "a model that is not there": (RECIPE.replace("model.joblib", "gone.pkl"), 2, "gone.pkl"),
    "no recipe": (None, 2, "not an artifact"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_folder_that_cannot_be_converted_is_one_message(name: str) -> None:
    recipe, code, words = WRONG[name]
    if recipe is None:
        Path("shop/edge-deploy.toml").unlink()
    else:
        Path("shop/edge-deploy.toml").write_text(recipe)
    done = edge_deploy("run", "shop", "a=1", "b=2")
    assert (done.returncode, words in done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr
    assert not Path("artifacts").exists()


def test_nothing_is_imported_from_the_folder_one_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may hold files with the names of this program's modules."""
    monkeypatch.chdir("shop")
    Path("edge_deploy").mkdir()
    for file in ("edge_deploy/__init__.py", "typer.py", "numpy.py", "tensorflow.py"):
        Path(file).write_text("open('MARKER', 'w').close()\nraise SystemExit(9)\n")
    Path("model.joblib").write_bytes(b"no model")
    code = "import sys; del sys.path[0]; from edge_deploy import cli; cli.main()"
    command = [sys.executable, "-c", code, "run", ".", "a=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, "model.joblib" in done.stderr) == (2, True), done
    assert not Path("MARKER").exists()
