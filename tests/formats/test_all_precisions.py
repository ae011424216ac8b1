"""The whole table: every source kind, target, precision, pruned or not, run in the real runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import ConvertOptions, ConvertResult, convert
from edge_deploy.examples import ExampleFiles
from edge_deploy.examples.pictures import write_pictures
from edge_deploy.formats.registry import FORMATS
from tests.optimize.test_pruning import blobs, small

slow = pytest.mark.slow


def keras2(folder: Path) -> Path:
    import tf_keras

    return small(tf_keras, "softmax", folder)


def keras3(folder: Path) -> Path:
    import keras

    return small(keras, "softmax", folder)


def saved_model(folder: Path) -> Path:
    import keras

    keras.models.load_model(small(keras, "softmax", folder), compile=False).export(
        folder / "saved", verbose=False
    )
    return folder / "saved"


def sklearn(folder: Path) -> Path:
    import pickle

    from sklearn.neural_network import MLPClassifier

    path = folder / "network.pkl"
    model = MLPClassifier((64, 48), max_iter=40, tol=1e-2, random_state=0).fit(*blobs(1500, 1))
    path.write_bytes(pickle.dumps(model))
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    builder.__name__: builder for builder in (keras2, keras3, saved_model, sklearn)
}
ROWS = [
    (kind, target, precision, pruned)
    for kind in SOURCES
    for pruned in ((False, True) if kind.startswith("keras") else (False,))
    for target, file_format in FORMATS.items()
    for precision in file_format.precisions
]


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], ConvertResult]:
    """All files of a kind of model at once, converted when first asked for."""

    @cache
    def make(kind: str, pruned: bool) -> ConvertResult:
        folder = tmp_path_factory.mktemp(kind)
        for name, seed in (("reference", 4), ("calibration", 5), ("train", 6)):
            x, y = blobs(600 if name == "train" else 232, seed)
            np.savez(folder / f"{name}.npz", x=x, labels=y)
        options = ConvertOptions(
            output=folder / "out",
            reference=folder / "reference.npz",
            calibration=folder / "calibration.npz",
            quantize=tuple(dict.fromkeys(p for one in FORMATS.values() for p in one.precisions)),
            prune=0.8 if pruned else None,
            prune_data=folder / "train.npz" if pruned else None,
            prune_epochs=6,
        )
        return convert(SOURCES[kind](folder), options)

    return make


@slow
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.filterwarnings("ignore:.*np.asarray:DeprecationWarning")
@pytest.mark.parametrize(("kind", "target", "precision", "pruned"), ROWS)
def test_a_file_of_the_table_runs_within_its_budget(
    converted, kind: str, target: str, precision: str, pruned: bool
) -> None:
    done = converted(kind, pruned)
    assert (done.passed, dict(done.failed)) == (True, {})
    (verdict,) = [v for v in done.verdicts if (v.target, v.precision) == (target, precision)]
    assert (verdict.status, verdict.problems) == ("pass", ())
    runtime = {"tflite": ("litert", None), "onnx": ("ort", None), "tfjs": ("tfjs", "wasm")}[target]
    assert (verdict.runtime, verdict.backend) == runtime
    assert verdict.samples == (232 if verdict.compressed else 32)
    assert (verdict.sparsity is not None) == pruned
    if pruned:
        assert verdict.sparsity == pytest.approx(0.8, abs=0.01)
    (entry,) = [
        e for e in done.manifest.artifacts if (e.target, e.precision) == (target, precision)
    ]
    assert (entry.pruned is not None) == pruned == ("_pruned" in entry.path)


@slow
def test_a_fold_of_digits_changes_few_answers(tmp_path: Path) -> None:
    """No more than all five may together, which tests/benchmarks/bench_folds.py asks."""
    from tests.support.folds import digits

    most = {"float16": 2, "dynamic": 2, "int8": 9}
    rows = digits(tmp_path, precisions=tuple(most), folds=1)
    for row in rows:
        if row.pruned:
            assert row.after >= row.before - 0.01, row
        elif row.precision in most:
            assert (row.samples, row.changed <= most[row.precision]) == (360, True), row
    assert {(row.target, row.precision, row.pruned) for row in rows} >= {
        (target, precision, pruned)
        for target in ("tflite", "onnx")
        for precision in most
        for pruned in (False, True)
    }


@slow
@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("name", ["cat-vs-dog", "chihuahua-vs-muffin"])
def test_the_picture_examples_stay_within_the_budgets(
    example: Callable[[str], ExampleFiles], tmp_path: Path, name: str, pruned: bool
) -> None:
    model = example(name).model
    if pruned:
        draw(name, tmp_path / "more")
    options = ConvertOptions(
        to=("tflite", "onnx"),
        output=tmp_path,
        quantize=FORMATS["tflite"].precisions,
        prune=0.6 if pruned else None,
        prune_data=tmp_path / "more" if pruned else None,
    )
    done = convert(model, options)
    assert {v.path: v.problems for v in done.verdicts if v.status != "pass"} == {}
    assert done.complete and done.passed


def draw(name: str, folder: Path) -> None:
    """Sixty more pictures of each class, a subfolder each."""
    from edge_deploy.examples import cat_vs_dog, chihuahua_vs_muffin

    rng = np.random.default_rng(9)
    drawn = {
        "cat-vs-dog": {"cat": cat_vs_dog.draw_cat, "dog": cat_vs_dog.draw_dog},
        "chihuahua-vs-muffin": {
            "chihuahua": chihuahua_vs_muffin.draw_chihuahua,
            "muffin": chihuahua_vs_muffin.draw_muffin,
        },
    }[name]
    for label, pen in drawn.items():
        write_pictures(folder / label, [np.asarray(pen(rng)) for _ in range(60)], label)
