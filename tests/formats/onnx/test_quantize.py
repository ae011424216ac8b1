"""ONNX files in integers give the same on every processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_deploy.core.spec import Array
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.onnx.quantize import quantize


def bright(path: Path) -> Path:
    """A convolution and a product whose sums of two products leave 16 bits: 2 * 255 * 127."""
    weights = {
        "filters": np.linspace(0.9, 1, 8 * 4 * 9, dtype=np.float32).reshape(8, 4, 3, 3),
        "matrix": np.linspace(0.9, 1, 288 * 5, dtype=np.float32).reshape(288, 5),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "filters"], ["convolved"]),
            helper.make_node("Relu", ["convolved"], ["positive"]),
            helper.make_node("Flatten", ["positive"], ["flat"]),
            helper.make_node("MatMul", ["flat", "matrix"], ["y"]),
        ],
        "bright",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def answer(path: Path, x: Array) -> Array:
    (y,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})
    return np.asarray(y)


@pytest.mark.parametrize("precision", ["dynamic", "int8"])
def test_no_sum_of_products_saturates(precision: str, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(0.7, 1, (8, 4, 8, 8)).astype(np.float32)
    float_file, small = bright(tmp_path / "bright.onnx"), tmp_path / "small.onnx"
    feeds = tuple({"x": sample[None]} for sample in samples)
    quantize(float_file, small, Quantization(precision, samples=feeds))
    assert answer(small, samples) == pytest.approx(answer(float_file, samples), rel=0.01)
    # A processor without dot products of bytes (VNNI) adds two of them up in 16 bits where one side
    # is signed, and cuts the sum; others would pass above.
    kinds = {
        one.data_type
        for one in onnx.load(small).graph.initializer
        if one.name.endswith(("_quantized", "_zero_point"))
    }
    assert kinds == {TensorProto.UINT8}
