"""ONNX: ``.onnx`` files."""

from __future__ import annotations

from edge_deploy.formats.base import FLOAT, Format, Runtime
from edge_deploy.formats.onnx import describe, export, layers, quantize, runner

FORMAT = Format(
    name="onnx",
    path=lambda name, precision: f"onnx/{name}_{precision}.onnx",
    suffixes=(".onnx",),
    export=export.export,
    describe=describe.describe,
    metadata=describe.read_metadata,
    embed=export.embed,
    precisions=(FLOAT, "float16", "dynamic", "int8"),
    quantize=quantize.quantize,
    static_precisions=quantize.STATIC,
    operators=layers.operators,
    quantization_steps=quantize.quantization_steps,
)

RUNTIMES = (
    Runtime("ort", "onnx", open=runner.open_runner),
    Runtime("ort-web", "onnx", in_browser=True, backends=("wasm",)),
)
