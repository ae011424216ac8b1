"""Folders and chains that cannot be right: one message, nothing written, nothing run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run
from tests.support.hostile_pickles import Calls
from tests.support.projects import Project

pytestmark = pytest.mark.slow

Edit = Callable[[Path], None]


@pytest.fixture
def copy(project: Callable[..., Project], tmp_path: Path) -> Callable[[str], Path]:
    """A project's folder, to be spoilt; commands run in it."""

    def make(name: str) -> Path:
        shutil.copytree(project(name).folder, tmp_path / name)
        return tmp_path / name

    return make


def nothing(_: Path) -> None:
    """A folder as it is."""


def dump(folder: Path, name: str, value: object) -> None:
    (folder / name).write_bytes(pickle.dumps(value))


def other_scaler(folder: Path) -> None:
    from sklearn.preprocessing import StandardScaler

    dump(folder, "models/scaler.pkl", StandardScaler().fit(np.arange(10.0).reshape(2, 5)))


def five_classes(folder: Path) -> None:
    dump(folder, "classes.pkl", ["a", "b", "c", "d", "e"])


def code(folder: Path) -> None:
    dump(folder, "scaler.pkl", Calls(os.mkdir, str(folder / "ran")))


CHURN = ("label_encoder_gender.pkl@Gender", "label_encoder_card.pkl@HasCrCard",
         "onehot_encoder_geo.pkl@Geography")  # fmt: skip

CHAINS: dict[str, tuple[str, Edit, tuple[str, ...], int, tuple[str, ...]]] = {
    "scaler before the encoders": (
        "churn", nothing, ("scaler.pkl@*", *CHURN, "model.h5"), 2, ("scaler.pkl",),
    ),
    "model before its scaler": (
        "crop", nothing, ("crop_bundle.joblib::model", "crop_bundle.joblib::features"), 2,
        ("crop_bundle.joblib",),
    ),
    "scaler of other columns": (
        "housing", other_scaler, ("models/scaler.pkl", "models/housing_model.keras"), 2,
        ("scaler.pkl", "5", "housing_model.keras", "13"),
    ),
    "length that the model does not take": (
        "sentiment_json", nothing,
        ("backend/model/tokenizer.json", "backend/model/sentiment_model.keras", "--pad=maxlen=25"),
        2, ("25", "30"),
    ),
    "another number of classes": (
        "chatbot", five_classes, ("words.pkl", "chatbot_model.h5", "classes.pkl"), 2,
        ("classes.pkl", "5", "6"),
    ),
    "a scaler that would run code": (
        "churn", code, (*CHURN, "scaler.pkl@*", "model.h5"), 3, ("scaler.pkl", "mkdir"),
    ),
    "a file that is not there": (
        "churn", nothing, ("scaller.pkl", "model.h5"), 2, ("scaller.pkl",),
    ),
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("row", sorted(CHAINS))
def test_chain_is_refused_in_one_message(
    copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, run: Run, row: str
) -> None:
    name, spoil, steps, exit_code, words = CHAINS[row]
    folder = copy(name)
    spoil(folder)
    before = contents(folder)
    monkeypatch.chdir(folder)
    done = run("convert", *steps)
    assert done.code == exit_code, done
    assert done.out == ""
    assert done.err.count("edge-deploy: ") == 1, done.err
    for word in words:
        assert word in done.err
    assert contents(folder) == before


def recipe(folder: Path, scaler: str, more: str = "") -> None:
    steps = "".join(f'[[steps]]\nfile = "{file}"\n' for file in (scaler, MODEL))
    (folder / "edge-deploy.toml").write_text(f"recipe = 1\n{more}{steps}")


MODEL = "models/housing_model.keras"


def unknown_key(folder: Path) -> None:
    recipe(folder, "models/scaler.pkl", 'label = ["a"]\n')


def outside(folder: Path) -> None:
    (folder.parent / "scaler.pkl").write_bytes((folder / "models/scaler.pkl").read_bytes())
    recipe(folder, "../scaler.pkl")


def undecided(folder: Path) -> None:
    """Two scalers that fit, and no script that says which."""
    shutil.copy(folder / "models/scaler.pkl", folder / "models/scaler_old.pkl")
    for script in ("app.py", "train.py"):
        (folder / script).unlink()


RECIPES: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "an unknown key": (unknown_key, ("label", "labels")),
    "a file outside its folder": (outside, ("../scaler.pkl",)),
}


@pytest.mark.parametrize("row", sorted(RECIPES))
def test_recipe_is_refused_in_one_message(copy: Callable[[str], Path], run: Run, row: str) -> None:
    spoil, words = RECIPES[row]
    folder = copy("housing")
    spoil(folder)
    before = contents(folder)
    done = run("convert", folder, "-o", folder / "artifacts")
    assert done.code == 2, done
    assert done.err.count("edge-deploy: ") == 1, done.err
    for word in words:
        assert word in done.err
    assert contents(folder) == before


def test_two_scalers_that_fit_are_both_listed_and_convert_waits(
    copy: Callable[[str], Path], run: Run
) -> None:
    folder = copy("housing")
    undecided(folder)
    told = run("init", folder)
    assert told.code == 0, told
    for file in ("models/scaler.pkl", "models/scaler_old.pkl"):
        assert file in (folder / "edge-deploy.toml").read_text()
    done = run("convert", folder, "-o", folder / "artifacts")
    assert done.code == 2
    assert "scaler_old.pkl" in done.err
    assert not (folder / "artifacts").exists()


APPS = {
    "deletes a file": "import os\nos.remove('precious.txt')\n",
    "has a syntax error": "def predict(:\n    return 1\n",
    "is not text": "\x00\x01",
    "never ends": "while True: open('precious.txt', 'w').close()\n",
}


@pytest.mark.parametrize("row", sorted(APPS))
def test_script_is_read_and_never_run(copy: Callable[[str], Path], run: Run, row: str) -> None:
    folder = copy("crop")
    (folder / "precious.txt").write_text("keep")
    (folder / "start.py").write_text(APPS[row])
    done = run("init", folder)
    assert done.code == 0, done
    assert (folder / "precious.txt").read_text() == "keep"
    assert "crop_bundle.joblib" in (folder / "edge-deploy.toml").read_text()
    if row == "has a syntax error":
        assert "start.py" in done.out + done.err


def test_script_that_cannot_move_is_said(
    project: Callable[..., Project], tmp_path: Path, run: Run
) -> None:
    folder = tmp_path / "bot"
    shutil.copytree(project("chatbot", lemmatized=True).folder, folder)
    done = run("init", folder)
    assert "WordNetLemmatizer" in done.out.replace("\n", "") + done.err
    assert "chatbot.py" in done.out
    assert json.loads((folder / "intents.json").read_text())
