"""What is wrong though every file agrees: real models asked wrongly, and healthy ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.artifact.performance import WarningEntry
from edge_deploy.core.spec import Feature, ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference, with_class_indices
from edge_deploy.examples import EXAMPLES, ExampleFiles
from edge_deploy.verification.diagnostics import diagnose
from edge_deploy.verification.metrics import Confusion, confusion, macro_f1, performance
from edge_deploy.verification.unlabelled import Case


def classifier(kind: str = "probabilities", classes: int = 3) -> ModelSpec:
    """A model of four columns."""
    width = 1 if kind in ("probability", "value") else classes
    return ModelSpec(
        (TensorSpec("x", (None, 4), "float32", "table"),),
        (TensorSpec("y", (None, width), "float32", kind),),
    )


def case(answers: np.ndarray, labels: Any, kind: str = "probabilities", **how: Any) -> Case:
    """Samples whose answers are known."""
    spec = classifier(kind, answers.shape[1])
    x = np.random.default_rng(1).normal(size=(len(answers), 4)).astype(np.float32)
    origin = how.pop("origin", "user")
    data = Reference({"x": x}, {"y": answers}, origin, None if labels is None else labels)
    return Case(spec, with_class_indices(data, spec), **how)


def sure(found: np.ndarray, classes: int = 3) -> np.ndarray:
    """Probabilities with these winners."""
    return np.eye(classes, dtype=np.float32)[found] * 0.8 + 0.2 / classes


RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 3, 90)
WEAK = np.where(RNG.random(90) < 0.7, TRUE, (TRUE + 1) % 3)
RARE = (np.arange(400) % 40 == 0).astype(int)
NUMBERS = RNG.normal(50, 10, 60)
NEAR = (NUMBERS + RNG.normal(0, 5, 60)).astype(np.float32)[:, None]

# What was answered, the labels, the kind of output, and what is to be said.
CASES: dict[str, tuple[Case, list[str]]] = {
    "healthy": (case(sure(TRUE), TRUE), []),
    "weak": (case(sure(WEAK), TRUE), []),
    "exchanged": (case(sure(2 - TRUE), TRUE), ["label order"]),
    "two exchanged": (case(sure(np.array([1, 0, 2])[TRUE]), TRUE), ["label order"]),
    "one after the other": (case(sure((TRUE + 1) % 3), TRUE), ["label order"]),
    "five samples": (case(sure(2 - TRUE[:5]), TRUE[:5]), []),
    "other rows": (case(sure(RNG.permutation(TRUE)), TRUE), ["rows shuffled"]),
    "rows shifted": (case(sure(np.roll(TRUE, 4)), TRUE, ordered=True), ["rows shifted"]),
    "rows reversed": (case(sure(TRUE[::-1]), TRUE, ordered=True), ["rows reversed"]),
    "rows in an order that is not known": (case(sure(np.roll(TRUE, 4)), TRUE), ["rows shuffled"]),
    "all the same": (case(sure(np.zeros(90, int)), TRUE), ["at chance"]),
    "rare, answered as usual": (case(sure(RARE * 0, 2), RARE), []),
    "sigmoid": (case(RARE[:, None] * 0.8 + 0.1, RARE, "probability"), []),
    "sigmoid exchanged": (
        case(0.9 - TRUE[:, None] % 2 * 0.8, TRUE % 2, "probability"),
        ["label order"],
    ),
    "made up": (case(sure(2 - TRUE), TRUE, origin="synthetic"), []),
    "one class of three": (case(sure(np.zeros(40, int)), np.zeros(40, int)), []),
    "labels from 1": (case(sure(TRUE), TRUE + 1), ["labels"]),
    "labels of another model": (case(sure(TRUE), np.array(["cow", "owl"] * 45)), ["labels"]),
    "names that nobody gave": (case(sure(TRUE), np.array(["cow", "elk", "owl"])[TRUE]), []),
    "one-hot labels": (case(sure(TRUE), np.eye(3)[TRUE]), []),
    "labels in a column": (case(sure(2 - TRUE), TRUE[:, None]), ["label order"]),
    "labels in a table": (case(sure(TRUE), np.stack([TRUE, TRUE], 1)), ["labels"]),
    "unlabelled": (case(sure(TRUE), None), []),
    "unlabelled, the same answers": (case(sure(TRUE * 0), None), ["constant"]),
    "values": (case(NEAR, NUMBERS, "value"), []),
    "values in a column": (case(NEAR, NUMBERS[:, None], "value"), []),
    "few bad values": (case(-NEAR[:5], NUMBERS[:5], "value"), []),
    "a target that was standardized": (
        case((NEAR - 50) / 10, NUMBERS, "value"),
        ["target scaling"],
    ),
    "a target in thousands": (case(NEAR / 1000, NUMBERS, "value"), ["target scaling"]),
    "a target that was a logarithm": (case(np.log(NEAR), NUMBERS, "value"), ["target scaling"]),
    "values of other rows": (case(RNG.permutation(NEAR), NUMBERS, "value"), ["rows shuffled"]),
    "values shifted": (
        case(np.roll(NEAR, 3, axis=0), NUMBERS, "value", ordered=True),
        ["rows shifted"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named_and_nothing_else(name: str) -> None:
    asked, kinds = CASES[name]
    assert [warning.kind for warning in diagnose(asked)] == kinds


def test_figures_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    for true, found in ((TRUE, WEAK), (RARE, RARE * 0), (TRUE, TRUE)):
        whole = confusion(true, found, 3)
        labels = range(3)
        assert np.array_equal(whole.counts, sklearn.confusion_matrix(true, found, labels=labels))
        expected = sklearn.f1_score(true, found, average="macro", zero_division=0)
        assert macro_f1(true, found) == pytest.approx(expected)
    told = performance(case(NEAR, NUMBERS, "value").spec, case(NEAR, NUMBERS, "value").data)
    assert told is not None
    assert told.values == pytest.approx(
        {
            "R²": sklearn.r2_score(NUMBERS, NEAR[:, 0]),
            "MAE": sklearn.mean_absolute_error(NUMBERS, NEAR[:, 0]),
            "RMSE": np.sqrt(sklearn.mean_squared_error(NUMBERS, NEAR[:, 0])),
        }
    )


def test_figures_of_several_values_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    true = np.stack([NUMBERS, NUMBERS[::-1] * 3 - 7], axis=1)
    near = true + RNG.normal(size=true.shape)
    spec = ModelSpec((), (TensorSpec("next", (None, 2), "float32", "value"),))
    told = performance(spec, Reference({"x": near}, {"next": near}, labels=true))
    assert told is not None and told.values == pytest.approx(
        {
            "R²": sklearn.r2_score(true, near),
            "MAE": sklearn.mean_absolute_error(true, near),
            "RMSE": np.sqrt(sklearn.mean_squared_error(true, near)),
        }
    )


def test_figures_of_several_questions_are_means_of_each_one_s() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    outputs = (
        TensorSpec("class_0", (None,), "int32", "class", ("a", "b", "c"), label="tier"),
        TensorSpec("class_1", (None,), "int32", "class", ("no", "yes")),
    )
    spec = ModelSpec(classifier().inputs, outputs)
    found = {"class_0": WEAK.astype(np.int32), "class_1": (1 - TRUE % 2).astype(np.int32)}
    data = Reference(
        {"x": np.zeros((90, 4), np.float32)}, found, labels=np.stack([TRUE, TRUE % 2], axis=1)
    )
    told = performance(spec, data)
    each = [accuracy_score(TRUE, WEAK), 0.0]
    assert told is not None and told.output == "tier, class_1"
    assert told.values == {
        "accuracy": pytest.approx(np.mean(each)),
        "macro F1": pytest.approx(f1_score(TRUE, WEAK, average="macro") / 2),
        "accuracy of tier": pytest.approx(each[0]),
        "accuracy of class_1": 0.0,
    }
    (warning,) = diagnose(Case(spec, data))
    assert warning.kind == "label order" and warning.text.startswith("class_1: ")


def test_a_value_of_several_that_is_wrong_is_named() -> None:
    outputs = (TensorSpec("y", (None, 2), "float32", "value", ("low", "high")),)
    spec = ModelSpec(classifier().inputs, outputs)
    answers = {"y": np.concatenate([NEAR, -NEAR], axis=1)}
    labels = np.stack([NUMBERS, NUMBERS], axis=1)
    data = Reference({"x": np.zeros((60, 4), np.float32)}, answers, labels=labels)
    (warning,) = diagnose(Case(spec, data))
    assert warning.text.startswith("high: ")


def test_codes_of_words_are_no_numbers_that_were_scaled_twice() -> None:
    x = np.arange(120, dtype=np.float32).reshape(40, 3) * 5
    spec = ModelSpec((TensorSpec("x", (None, 3), "float32", "table"),), ())
    scaled = np.zeros(3), np.ones(3)
    words = Feature("city", "category", categories=tuple(map(str, range(600))), encode="ordinal")
    for columns, kinds in (
        ((Feature("a"), Feature("b"), Feature("c")), ["inputs"]),
        ((words, replace(words, name="b"), replace(words, name="c")), []),
    ):
        asked = Case(spec, Reference({"x": x}), features=columns, ordinary=scaled)
        assert [warning.kind for warning in diagnose(asked)] == kinds


def test_of_many_classes_the_pairs_are_kept_that_are_mistaken_most() -> None:
    true = np.arange(500) % 100
    found = np.where(true < 60, true, 99 - true)
    kept = confusion(true, found, 100)
    assert (kept.counts, len(kept.pairs)) == ((), 40)
    assert kept.pairs[0] == (60, 39, 5)
    assert Confusion.from_json(kept.to_json()) == kept


# Real models, asked as their users may ask them


@pytest.fixture(scope="module")
def folder(
    example: Callable[[str], ExampleFiles], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of an example or of the tabular model, built once."""

    @cache
    def build(name: str) -> Path:
        if name == "wine":
            return _wine(tmp_path_factory.mktemp("asked") / name)
        return example(name).folder

    return build


def _wine(folder: Path) -> Path:
    """A pipeline that scales by itself, a model that does not, and 89 wines to ask them."""
    import joblib
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wines = load_wine()
    order = np.random.default_rng(0).permutation(len(wines.data))
    train, test = order[:89], order[89:]
    folder.mkdir()
    scaler = StandardScaler().fit(wines.data[train])
    x, y = wines.data[train], wines.target[train]
    joblib.dump(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), folder / "w.joblib"
    )
    joblib.dump(LogisticRegression().fit(scaler.transform(x), y), folder / "bare.joblib")
    np.savez(
        folder / "test.npz",
        raw=wines.data[test].astype(np.float32),
        scaled=scaler.transform(wines.data[test]).astype(np.float32),
        unit=((wines.data[test] - x.min(0)) / np.ptp(x, axis=0)).astype(np.float32),
        labels=wines.target[test],
    )
    return folder


def said(model: Path, **options: Any) -> tuple[WarningEntry, ...]:
    """What `convert` warns of."""
    done = edge_deploy.convert(model, dry_run=True, **options)
    assert [w.text for w in done.manifest.reference.warnings or ()] == list(done.warnings)
    return done.manifest.reference.warnings or ()


def _pixels(folder: Path, **changes: Any) -> str:
    image = json.loads((folder / "preprocessing.json").read_text())["image"] | changes
    keys = ("resize", "color", "scale", "offset")
    return ",".join(
        [f"size={image['size'][0]}x{image['size'][1]}", *(f"{k}={image[k]}" for k in keys)]
    )


def _shuffled(folder: Path, to: Path) -> Path:
    """The folder's pictures, each under the name of another."""
    shutil.copytree(folder / "reference", to)
    files = sorted(path for path in to.rglob("*") if path.is_file())
    contents = [path.read_bytes() for path in files]
    for path, n in zip(files, np.random.default_rng(1).permutation(len(files)), strict=True):
        path.write_bytes(contents[n])
    return to


def _model(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.suffix in (".keras", ".h5"))


def _labels(folder: Path) -> list[str]:
    return (folder / "labels.txt").read_text().split("\n")[:-1]


# How the pictures are given, what is named, and a part of the mend.
PICTURES: dict[str, tuple[Callable[[Path], dict[str, Any]], str | None, str]] = {
    "healthy": (lambda f: {}, None, ""),
    "labels swapped": (
        lambda f: {"labels": _labels(f)[::-1]},
        "label order",
        "labels='{labels}'",
    ),
    "scaled twice": (
        lambda f: {"preprocess": _pixels(f, scale=1 / 65025)},
        "scaled twice",
        "preprocess='keras-load-img",
    ),
    "another scaler": (
        lambda f: {"preprocess": _pixels(f, scale=1 / 127.5, offset=-1)},
        "preprocessing",
        "preprocess='keras-load-img",
    ),
    "rows shuffled": (
        lambda f: {"reference": _shuffled(f, Path("shuffled"))},
        "rows shuffled",
        "each label beside its own sample",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", PICTURES)
@pytest.mark.parametrize("name", ["digits-mlp", "cat-vs-dog"])
def test_pictures_that_are_asked_wrongly_are_told_with_the_mend(
    folder: Callable[[str], Path], name: str, fault: str
) -> None:
    given, kind, mend = PICTURES[fault]
    where = folder(name)
    found = said(_model(where), **given(where))
    assert [warning.kind for warning in found] == ([kind] if kind else [])
    mend = mend.format(labels=",".join(_labels(where)))
    assert all(mend in warning.text for warning in found)


def _wines(folder: Path, key: str, change: Callable[[Any], Any] = lambda y: y) -> dict[str, Any]:
    with np.load(folder / "test.npz") as data:
        return {"reference": (data[key], change(data["labels"]))}


TABLES: dict[str, tuple[str, Callable[[Path], dict[str, Any]], str | None, str]] = {
    "healthy": ("w.joblib", lambda f: _wines(f, "raw"), None, ""),
    "healthy, scaled outside": ("bare.joblib", lambda f: _wines(f, "scaled"), None, ""),
    "labels swapped": (
        "w.joblib",
        lambda f: _wines(f, "raw", lambda y: 2 - y),
        "label order",
        "labels='2,1,0'",
    ),
    "scaled twice": (
        "w.joblib",
        lambda f: _wines(f, "scaled"),
        "standardized twice",
        "as they were measured",
    ),
    "another scaler": (
        "w.joblib",
        lambda f: _wines(f, "unit"),
        "another scaler",
        "as they were measured",
    ),
    "not scaled": (
        "bare.joblib",
        lambda f: _wines(f, "raw"),
        "not standardized",
        "Put the scaler",
    ),
    "rows shuffled": (
        "w.joblib",
        lambda f: _wines(f, "raw", np.random.default_rng(2).permutation),
        "rows shuffled",
        "each label beside its own sample",
    ),
    "rows shifted": (
        "w.joblib",
        lambda f: _wines(f, "raw", lambda y: np.roll(y, 2)),
        "rows shifted",
        "shifted by 2",
    ),
    "scaled twice, unlabelled": (
        "w.joblib",
        lambda f: {"reference": _wines(f, "scaled")["reference"][0]},
        "inputs",
        "as the model takes them",
    ),
    "healthy, unlabelled": (
        "w.joblib",
        lambda f: {"reference": _wines(f, "raw")["reference"][0]},
        None,
        "",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", TABLES)
def test_a_table_that_is_asked_wrongly_is_told_with_the_mend(
    folder: Callable[[str], Path], fault: str
) -> None:
    file, given, kind, mend = TABLES[fault]
    where = folder("wine")
    found = said(where / file, **given(where))
    assert [warning.kind for warning in found] == ([kind] if kind else [])
    assert all(mend in warning.text for warning in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(set(EXAMPLES) - {"digits-mlp", "cat-vs-dog", "chihuahua-vs-muffin"})
)
def test_healthy_examples_are_left_alone(folder: Callable[[str], Path], name: str) -> None:
    assert said(folder(name) / EXAMPLES[name].model) == ()


@pytest.mark.slow
def test_channels_that_are_exchanged_are_told(tmp_path: Path) -> None:
    import keras

    rng = np.random.default_rng(0)
    x = rng.random((300, 8, 8, 3)).astype(np.float32)
    y = (x[..., 0].mean(axis=(1, 2)) > 0.5).astype(int)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 3), name="picture"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(2, activation="softmax", name="y"),
        ]
    )
    kernel = np.array([[-200.0, 200.0], [0, 0], [0, 0]], np.float32)
    model.layers[-1].set_weights([kernel, np.array([100, -100], np.float32)])
    model.save(tmp_path / "m.keras")
    assert said(tmp_path / "m.keras", reference=(x, y)) == ()
    (warning,) = said(tmp_path / "m.keras", reference=(x[..., ::-1], y))
    assert warning.kind == "channels" and "color=bgr" in warning.text


@pytest.mark.slow
def test_a_model_that_scales_pixels_itself_tells_that_they_are_scaled_twice(tmp_path: Path) -> None:
    import keras

    rng = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 3), name="picture"),
            keras.layers.Rescaling(1 / 255, name="scale"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(2, activation="softmax", name="y"),
        ]
    )
    model.save(tmp_path / "m.keras")
    x = rng.integers(0, 256, (40, 8, 8, 3)).astype(np.float32)
    assert said(tmp_path / "m.keras", reference=x, preprocess="unit,scale=1") == ()
    (warning,) = said(tmp_path / "m.keras", reference=x / 255, preprocess="unit")
    assert warning.kind == "inputs" and "preprocess='unit,scale=1'" in warning.text


@pytest.mark.slow
def test_strict_refuses_and_verify_says_the_same(
    run: Any, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    where = folder("wine")
    with np.load(where / "test.npz") as data:
        np.savez(tmp_path / "swapped.npz", x=data["raw"], labels=2 - data["labels"])
    ask = ("convert", where / "w.joblib", "--reference", "swapped.npz", "--to", "tflite")
    refused = run(*ask, "--strict")
    assert refused.code == 2 and "another order" in refused.err
    assert not Path("artifacts").exists()
    made = run(*ask, "--json")
    document = json.loads(made.out)
    assert made.code == 0 and "--labels 2,1,0" in document["warnings"][0]
    assert f"warning: {document['warnings'][0]}" in made.err
    assert document["reference"]["performance"]["values"]["accuracy"] < 0.5
    (row,) = document["verdicts"]
    assert (
        row["task"]["before"] == row["task"]["after"]
        and len(row["task"]["confusion"]["counts"]) == 3
    )
    again = run("verify", "artifacts/w/1")
    assert again.code == 0 and "warning: the classes are probably in another order" in again.err
    assert "macro F1" in again.out
    assert run("verify", "artifacts/w/1", "--strict").code == 1
    report = Path("artifacts/w/1/report.html").read_text(encoding="utf-8")
    assert "another order" in report and "<table class=confusion>" in report
