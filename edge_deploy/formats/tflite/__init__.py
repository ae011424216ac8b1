"""TensorFlow Lite (LiteRT): ``.tflite`` files."""

from __future__ import annotations

from edge_deploy.formats.base import FLOAT, FallbackQuantizer, Format, Runtime
from edge_deploy.formats.tflite import (
    describe,
    export,
    layer_errors,
    layers,
    metadata,
    quantize,
    quantized_io,
    requirements,
    runner,
    tf_converter_int8,
)

FORMAT = Format(
    name="tflite",
    path=lambda name, precision: f"tflite/{name}_{precision}.tflite",
    suffixes=(".tflite",),
    export=export.export,
    describe=describe.describe,
    metadata=describe.read_metadata,
    embed=export.embed,
    precisions=(FLOAT, "float16", "dynamic", "int8", "int16x8", "int4"),
    quantize=quantize.quantize,
    static_precisions=quantize.STATIC,
    operators=layers.operators,
    quantization_steps=quantized_io.quantization_steps,
    layer_errors=layer_errors.measure,
    quantizer="ai-edge-quantizer",
    fallback=FallbackQuantizer("TFLiteConverter", "int8", tf_converter_int8.quantize),
    io_types=("int8", "uint8"),
    too_new=requirements.too_new,
    preprocessing_notes=metadata.preprocessing_notes,
)

RUNTIMES = (
    Runtime("litert", "tflite", open=runner.open_runner),
    Runtime("litert-web", "tflite", in_browser=True, backends=("wasm",)),
)
