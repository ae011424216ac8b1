"""Models and data that a Python caller holds, converted without a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.frontends.live import kind_of

pytestmark = pytest.mark.slow

TARGETS = {"tflite", "tfjs", "onnx"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def checked(done: edge_deploy.ConvertResult) -> set[str]:
    """The targets whose files ran and passed; TF.js needs a browser."""
    assert not done.failed and done.artifact is not None
    assert {entry.target for entry in done.manifest.artifacts} == TARGETS
    assert all(v.status == "pass" for v in done.verdicts if v.status != "not run"), done.verdicts
    return {v.target for v in done.verdicts if v.status == "pass"}


def test_a_fitted_estimator_and_a_frame_become_three_targets() -> None:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.integers(18, 80, 200), "city": rng.choice(["Ulm", "Köln", "Kiel"], 200)}
    )
    truth = np.where((frame["age"] > 50) ^ (frame["city"] == "Ulm"), "yes", "no")
    model = make_pipeline(
        make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"])),
        LogisticRegression(),
    ).fit(frame, truth)
    given = frame.assign(label=truth)
    before = given.copy()
    done = edge_deploy.convert(
        model, reference=given, quantize=["float32", "float16"], output="out", samples=100
    )
    assert {"tflite", "onnx"} <= checked(done)
    assert done.artifact.folder == Path("out/pipeline/1")
    assert done.manifest.source.kind == "sklearn"
    assert done.manifest.reference.origin == "user"
    assert given.equals(before)
    assert [f.name for f in done.manifest.features] == ["age", "city"]
    # The rows are asked as they are, and so is a single one.
    answers = edge_deploy.run(done.artifact.folder, frame.head(3))
    told = [answer.outputs["class"]["label"] for answer in answers]
    assert told == list(model.predict(frame.head(3)))
    (one,) = edge_deploy.run(done.artifact.folder, {"age": 40, "city": "Kiel"})
    expected = model.predict(pd.DataFrame({"age": [40], "city": ["Kiel"]}))[0]
    assert one.outputs["class"]["label"] == expected
    found = edge_deploy.verify(
        done.artifact.folder, against=model, reference=given, only="tflite,onnx"
    )
    assert {v.status for v in found.verdicts} == {"pass"}


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_a_live_keras_model_and_arrays_become_three_targets(library: str) -> None:
    import importlib

    keras = importlib.import_module(library)

    class Doubled(keras.layers.Layer):
        """Known to nobody else: it is in no registry and in no file."""

        def call(self, x):  # type: ignore[no-untyped-def]
            return 2.0 * x

    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(8, activation="relu"), Doubled(), layers.Dense(3)],
        name="net",
    )
    before = [w.copy() for w in model.get_weights()]
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    done = edge_deploy.convert(model, reference=x, output=Path("out"), name="mine")
    assert {"tflite", "onnx"} <= checked(done)
    assert done.manifest.source.kind == ("keras3" if library == "keras" else "keras2")
    assert done.manifest.source.file == f"net.{'keras' if library == 'keras' else 'h5'}"
    stored = done.artifact.reference()
    (name,) = stored.outputs
    assert np.allclose(stored.outputs[name], np.asarray(model(next(iter(stored.inputs.values())))))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_tf_module_becomes_three_targets() -> None:
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.eye(3, 2, dtype=np.float32))

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
        def __call__(self, x):  # type: ignore[no-untyped-def]
            return {"y": tf.tanh(x @ self.w)}

    class Silent(tf.Module):
        def __call__(self, x):  # type: ignore[no-untyped-def]
            return x + 1.0

    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    done = edge_deploy.convert(Net(), reference={"x": x}, output="out")
    assert {"tflite", "onnx"} <= checked(done)
    assert done.manifest.source.kind == "saved_model"
    with pytest.raises(UsageError, match="does not say what it takes"):
        edge_deploy.load_model(Silent())
    with pytest.raises(UsageError, match="has no __call__ that could be converted"):
        edge_deploy.load_model(tf.Module())
    loaded = edge_deploy.load_model(Silent(), input_shapes={"x": (None, 3)})
    assert [s.shape for s in loaded.spec.inputs] == [(None, 3)]


def test_what_cannot_be_saved_or_is_not_fitted_is_told() -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    x = np.arange(6.0).reshape(3, 2)
    odd = make_pipeline(FunctionTransformer(lambda x: x), LinearRegression()).fit(x, [1, 2, 3])
    with pytest.raises(SourceError, match="cannot be saved by its own library"):
        edge_deploy.load_model(odd)
    with pytest.raises(edge_deploy.EdgeDeployError, match="fit"):
        edge_deploy.load_model(LinearRegression())
    assert kind_of(LinearRegression) is None and kind_of("model.h5") is None


LABELS = {
    "pair": lambda x, y: (x, y),
    "dict": lambda x, y: {"features": x, "labels": y},
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_come_along_in_every_form(form: str) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(x, y)
    done = edge_deploy.convert(model, reference=LABELS[form](x, y), to="onnx", output="out")
    assert done.artifact.reference().labels is not None
    with pytest.raises(UsageError, match="there are 2 labels for 80 samples"):
        edge_deploy.convert(model, reference=(x, y[:2]), to="onnx", output="other")
