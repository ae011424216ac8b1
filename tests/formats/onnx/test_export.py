"""ONNX files: the version of their operators, and shapes that a checker agrees with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_deploy.core.spec import LoadOptions
from edge_deploy.formats.onnx.export import OPSETS
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.frontends import keras as keras_files
from tests.conftest import Run
from tests.support.models import save
from tests.support.three_targets import META

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("opset", OPSETS)
def test_file_of_an_opset(opset: int, tmp_path: Path) -> None:
    """A model of a resize, a softmax, a pool and a normalization, which changed between opsets."""
    import keras
    import onnx

    layers = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    h = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="gelu")(x))
    h = layers.MaxPooling2D()(layers.Resizing(10, 7)(h))
    h = layers.LayerNormalization()(layers.Flatten()(h))
    original = keras.Model(x, layers.Softmax()(layers.Dense(3)(h)))
    model = keras_files.from_live(tmp_path, original, LoadOptions())
    path = tmp_path / "model.onnx"
    FORMATS["onnx"].export(model, path, META, opset=opset)
    proto = onnx.load(path)
    assert [one.version for one in proto.opset_import if not one.domain] == [opset]
    onnx.checker.check_model(proto, full_check=True)
    x = {"x": np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)}
    with default_runtime("onnx").open(path) as runner:
        (got,), (want,) = runner.predict(x).values(), model.predict(x).values()
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_opset_of_the_command_line(tmp_path: Path, run: Run) -> None:
    import keras
    import onnx

    path = save(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "a.keras")
    wrong = run("convert", path, "--to", "onnx", "--opset", "12")
    assert wrong.code == 2
    assert "--opset 12: files are written in 13 to 18" in wrong.err
    assert not (tmp_path / "artifacts").exists()
    result = run(
        "convert", path, "--to", "onnx", "--opset", "15", "--quantize", "float32,int8", "--json"
    )
    assert result.code in (0, 1), result.err  # int8 may cost more than two columns may lose
    made = sorted((tmp_path / "artifacts" / "a" / "1").rglob("*.onnx"))
    assert len(made) == 2
    for file in made:
        proto = onnx.load(file)
        assert {one.version for one in proto.opset_import if not one.domain} == {15}
