"""What quantizers cannot make and runtimes cannot run, in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import ArtifactError, ConversionError, MissingDependencyError
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.formats.tflite.file import pack, unpack
from tests.support.tfjs_files import dense

pytestmark = pytest.mark.slow


def sizes() -> Any:
    """A model without weights: nothing in it can be quantized."""
    return module(lambda tf, x: tf.abs(x))


def module(function: Callable[[Any, Any], Any]) -> Any:
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
        def __call__(self, x: Any) -> Any:
            return {"y": function(tf, x)}

    return Module()


def forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor

    x = np.random.default_rng(0).random((40, 4))
    return RandomForestRegressor(3, random_state=0).fit(x, x[:, 0])


CANNOT: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "tflite": (sizes, {"to": "tflite", "quantize": "dynamic"}, "ai-edge-quantizer can quantize no"),
    "onnx": (sizes, {"to": "onnx", "quantize": "int8"}, "onnxruntime can quantize no operator"),
    "all of them": (
        sizes,
        {"to": ("tflite", "onnx"), "quantize": ("tflite=dynamic", "onnx=int8"), "keep_going": True},
        "(?s)ai-edge-quantizer can quantize no.*onnxruntime can quantize no",
    ),
    "trees": (
        forest,
        {"to": "onnx", "quantize": "float16"},
        "trees take the wrong branches where thresholds are rounded",
    ),
}


@pytest.mark.parametrize("row", CANNOT)
def test_precision_that_cannot_be_made_is_told(row: str) -> None:
    model, options, words = CANNOT[row]
    with pytest.raises(ConversionError, match=words):
        edge_deploy.convert(model(), **options)
    assert not Path("artifacts").exists() or not list(Path("artifacts").iterdir())


def test_the_other_quantizer_s_error_is_told(files: dict[str, Path]) -> None:
    model = edge_deploy.load_model(module(lambda tf, x: tf.math.igamma(x, x)))
    fallback = FORMATS["tflite"].fallback
    assert fallback is not None
    with pytest.raises(ConversionError, match="TFLite in int8: TFLiteConverter cannot do it: "):
        fallback.quantize(model, files["tflite"], Path("y.tflite"), Quantization("int8"))


def cut(model: Path, document: dict[str, Any]) -> None:
    (name,) = document["weightsManifest"][0]["paths"]
    file = model.with_name(name)
    file.write_bytes(file.read_bytes()[:-4])


def stored_otherwise(model: Path, document: dict[str, Any]) -> None:
    document["weightsManifest"][0]["weights"][0]["dtype"] = "string"
    model.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("fault", "words"),
    [(cut, "its shards are too short"), (stored_otherwise, "is string, not plain float32 stor")],
)
def test_tfjs_weights_that_are_not_there_are_told(
    tmp_path: Path, fault: Callable[[Path, dict[str, Any]], None], words: str
) -> None:
    model, _ = dense(tmp_path)
    fault(model, json.loads(model.read_text()))
    with pytest.raises(ArtifactError, match=words):
        FORMATS["tfjs"].quantize(model, tmp_path / "small.json", Quantization("uint8"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    output = tmp_path_factory.mktemp("sizes")
    done = edge_deploy.convert(sizes(), to="tflite,onnx", name="sizes", output=output)
    assert done.artifact is not None
    folder = done.artifact.folder
    return {e.target: folder / e.path for e in done.manifest.artifacts}


def test_runtime_that_cannot_run_a_file_is_told(files: dict[str, Path]) -> None:
    for target, runtime, name in (("tflite", "litert", "LiteRT"), ("onnx", "ort", "ONNX Runtime")):
        with (
            RUNTIMES[runtime].open(files[target]) as runner,
            pytest.raises(ArtifactError, match=f"{name} cannot run it: "),
        ):
            runner.predict({})


def test_runtime_that_cannot_open_a_file_is_told(files: dict[str, Path]) -> None:
    Path("text.onnx").write_text("no ONNX file")
    with pytest.raises(ArtifactError, match="not a whole ONNX file"):
        edge_deploy.inspect("text.onnx")
    model = unpack(files["tflite"], files["tflite"].read_bytes())
    for code in model.operatorCodes:
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, b"Conjure"
    Path("custom.tflite").write_bytes(pack(model))
    with (
        pytest.raises(ArtifactError, match=r"LiteRT cannot open this file: .*Conjure"),
        RUNTIMES["litert"].open(Path("custom.tflite")),
    ):
        pass


@pytest.mark.parametrize(("target", "package"), [("tflite", "ai_edge_quantizer"), ("onnx", "onnx")])
def test_quantizer_that_is_not_installed_is_told(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, target: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"{package} is needed to quantize"):
        FORMATS[target].quantize(files[target], Path("small"), Quantization("dynamic"))
