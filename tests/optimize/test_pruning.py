"""Pruning: which weights become zeros, what is trained after, and what the files then are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import UsageError, load_model
from edge_deploy.data.reference import Reference
from edge_deploy.optimize import pruning
from edge_deploy.optimize.finetuning import FineTuneData
from edge_deploy.optimize.pruning import kernels, pruned
from edge_deploy.verification.metrics import winners
from tests.support import models
from tests.support.told import told

slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("sizes", "edges", "asked", "wanted"),
    [
        ([10, 80, 10], {0, 2}, 0.8, [0.4, 0.9, 0.4]),
        ([80, 20], set(), 0.8, [0.8, 0.8]),
        ([50], {0}, 0.6, [0.6]),
        ([10, 80, 10], {0, 2}, 0.98, [0.49, 0.99, 0.49]),
    ],
)
def test_thin_ends_are_kept_denser_and_the_rest_makes_up_for_it(
    sizes: list[int], edges: set[int], asked: float, wanted: list[float]
) -> None:
    assert pruning._shares(sizes, edges, asked) == pytest.approx(wanted)


# builder: kernels that are found, weights with "kernel" in their names that are not.
KINDS = {
    models.teachable_machine_h5: 37,
    models.lstm_h5: 5,
    models.text_gru_h5: 3,
    models.two_inputs_keras: 3,
    models.attention_keras: 6,
}


@slow
@pytest.mark.parametrize("builder", KINDS, ids=lambda b: b.__name__)
def test_only_kernels_are_pruned_and_the_original_comes_back(builder, tmp_path: Path) -> None:
    model = load_model(builder(tmp_path))
    weights = pruning._variables(model)
    before = [weight.numpy() for weight in weights]
    found = {id(kernel.variable) for kernel in kernels(model, 0.7)}
    assert len(found) == KINDS[builder]
    with pruned(model, 0.7) as done:
        for weight, value in zip(weights, before, strict=True):
            if id(weight) not in found:
                assert np.array_equal(weight.numpy(), value), weight.name
        # What is left is what was there, and larger than what is gone.
        for kernel in kernels(model, 0.7):
            value = before[next(n for n, w in enumerate(weights) if w is kernel.variable)]
            now = kernel.variable.numpy()
            kept = now != 0
            assert np.array_equal(now[kept], value[kept])
            assert np.abs(value[~kept]).max(initial=0) <= np.abs(value[kept]).min()
        assert done.sparsity == pytest.approx(0.7, abs=0.01)
    assert all(np.array_equal(w.numpy(), v) for w, v in zip(weights, before, strict=True))
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def blobs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points about four corners of a cube in 16 dimensions, and which."""
    rng = np.random.default_rng(seed)
    corners = np.random.default_rng(0).normal(0, 1.2, (4, 16))
    labels = rng.integers(0, 4, count)
    return (corners[labels] + rng.normal(0, 0.8, (count, 16))).astype(np.float32), labels


def small(library, last: str, tmp_path: Path) -> Path:
    """A trained network of either generation that ends in softmax, logits, sigmoid or a value."""
    layers = library.layers
    library.utils.set_random_seed(1)
    units = {"softmax": 4, "logits": 4, "sigmoid": 1, "value": 1}[last]
    loss = {
        "softmax": "sparse_categorical_crossentropy",
        "logits": library.losses.SparseCategoricalCrossentropy(from_logits=True),
        "sigmoid": "binary_crossentropy",
        "value": "mse",
    }[last]
    model = library.Sequential(
        [
            layers.Input((16,), name="x"),
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(48, activation="relu"),
            layers.Dense(units, activation=last if last in ("softmax", "sigmoid") else None),
        ]
    )
    model.compile("adam", loss)
    x, y = blobs(1500, 1)
    model.fit(x, truth(y, last), epochs=3, verbose=0)
    path = tmp_path / ("small.keras" if library.__name__ == "keras" else "small.h5")
    model.save(path)
    return path


def truth(labels: np.ndarray, last: str) -> np.ndarray:
    return {"sigmoid": labels // 2, "value": labels * 2.0 - 1}.get(last, labels)


@slow
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("last", ["softmax", "logits", "sigmoid", "value"])
@pytest.mark.parametrize("generation", ["keras", "tf_keras"])
def test_fine_tuning_mends_what_pruning_broke(generation: str, last: str, tmp_path: Path) -> None:
    import importlib

    model = load_model(small(importlib.import_module(generation), last, tmp_path))
    (spec,) = model.spec.outputs
    x, y = blobs(600, 2)
    test, known = blobs(400, 3)
    original = model.predict({"x": test})[spec.name]

    def error(answers: np.ndarray) -> float:
        if last == "value":
            return float(np.sqrt(np.mean((answers[:, 0] - truth(known, last)) ** 2))) / 4
        if last == "sigmoid":
            return float(np.mean((answers[:, 0] >= 0.5) != truth(known, last)))
        return float(np.mean(winners("probabilities", answers) != known))

    with pruned(model, 0.9) as once:
        broken = error(once.model.predict({"x": test})[spec.name])
    tuning = FineTuneData(Reference({"x": x}, labels=truth(y, last)), epochs=8, seed=0)
    with told() as lines, pruned(model, 0.9, tuning) as done:
        mended = error(done.model.predict({"x": test})[spec.name])
        assert done.sparsity == pytest.approx(0.9, abs=0.01)
        assert done.epoch is not None and done.epoch >= 4
    assert broken > error(original) + 0.02
    assert mended < error(original) + 0.02
    assert any("epoch 8 of 8" in line for line in lines)


@slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune", "80"], "--prune 80: the share"),
        (["--prune", "0"], "between 0 and 1"),
        (["--prune-data", "data.npz"], "give --prune 0.8 too"),
        (["--prune", "0.5", "--prune-data", "none.npz"], "none.npz"),
        (["--prune", "0.5", "--prune-data", "data.npz", "--prune-epochs", "0"], "at least 1"),
        (["--prune", "0.5", "--prune-data", "words.npz"], "fit no output"),
    ],
)
def test_prune_refuses_what_it_cannot_mean(run, arguments: list[str], message: str) -> None:
    import keras

    x = keras.Input((4,), name="x")
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Dense(8)(x))
    keras.Model(x, outputs).save("plain.keras")
    np.savez("data.npz", x=np.ones((9, 4), np.float32), labels=np.zeros(9))
    np.savez("words.npz", x=np.ones((9, 4), np.float32), labels=np.asarray(["a"] * 9))
    result = run("convert", "plain.keras", "--to", "onnx", *arguments)
    assert (result.code, message in result.err) == (2, True), result
    assert not Path("artifacts/plain").exists()


@slow
@pytest.mark.parametrize("kind", ["a SavedModel", "a scikit-learn model"])
def test_what_is_not_a_keras_file_cannot_be_pruned(run, tmp_path: Path, kind: str) -> None:
    from tests.support import other_models

    builder = (
        other_models.sklearn_pipeline_joblib
        if "scikit" in kind
        else other_models.saved_model_two_signatures
    )
    result = run("convert", builder(tmp_path), "--prune", "0.5")
    assert (result.code, f"and this is {kind}" in result.err) == (2, True), result


def test_a_sparsity_is_a_share() -> None:
    with pytest.raises(UsageError, match="prune=1: the share"):
        pruning.check_options(1.0, None, 10)


@slow
def test_a_pruned_file_is_judged_against_the_pruned_model_and_the_original(
    run, tmp_path: Path
) -> None:
    import jsonschema
    import keras

    import edge_deploy

    path = small(keras, "softmax", tmp_path)
    for name, (x, y) in {"reference": blobs(200, 4), "train": blobs(600, 5)}.items():
        np.savez(f"{name}.npz", x=x, labels=y)
    result = run(
        "convert", path, "--reference", "reference.npz", "--quantize", "float32,float16,int8,uint8",
        "--prune", "0.8", "--prune-data", "train.npz", "--prune-epochs", "6", "--json",
    )  # fmt: skip
    document = json.loads(result.out)
    assert result.code == 0, [v["problems"] for v in document["verdicts"]]
    folder = Path(document["artifact"])
    manifest = json.loads((folder / "manifest.json").read_text())
    schema = json.loads(
        (Path(edge_deploy.__file__).parent / "artifact/manifest.schema.json").read_text()
    )
    jsonschema.Draft202012Validator(schema).validate(manifest)
    assert {e["pruned"]["asked"] for e in manifest["artifacts"]} == {0.8}
    assert all("_pruned" in e["files"][0]["path"] for e in manifest["artifacts"])
    assert {round(v["sparsity"], 2) for v in document["verdicts"]} == {0.8}
    assert "make the download smaller" in "\n".join(document["notes"])
    again = run("verify", folder, "--only", "tflite,onnx")
    assert again.code == 0, again
    assert "float32, 80%" in again.out
    # More precisions of the pruned file, without the model.
    assert run("quantize", folder, "--to", "tflite=dynamic").code == 0
    assert (folder / "tflite/small_dynamic_pruned.tflite").is_file()
