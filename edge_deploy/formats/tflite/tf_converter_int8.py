"""int8 TFLite files by TFLiteConverter, from the traced model: a second try, with TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.graph import freeze
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import LoadedModel
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.tflite.export import converter_of
from edge_deploy.formats.tflite.file import ends, name_ends, unpack
from edge_deploy.formats.tflite.metadata import finish, read
from edge_deploy.formats.tflite.quantize import complete


def quantize(model: LoadedModel, source: Path, path: Path, wanted: Quantization) -> None:
    """Write the model in int8, with the names, signature and metadata of its float32 file.

    Its ranges and its fusions are others than ai-edge-quantizer's, and so are its errors.
    Operators that have no int8 kernel stay float32, as they do there.

    Args:
        model: The model, of which the graph is traced.
        source: The float32 file.
        path: The file to write.
        wanted: int8, with calibration data.

    Raises:
        ConversionError: TFLiteConverter cannot do it, or it quantizes nothing.
    """
    import tensorflow as tf

    names = [spec.name for spec in model.spec.inputs], [spec.name for spec in model.spec.outputs]

    def calibration() -> Iterator[list[Any]]:
        for feed in wanted.samples or ():
            yield [feed[name] for name in names[0]]

    before = source.read_bytes()
    whole = unpack(source, before)
    free = any(spec.shape[:1] == (None,) for spec in ends(whole)[0])
    batch = None if free else 1
    converter = converter_of(freeze(model.function, model.spec.inputs, batch=batch))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    ops = tf.lite.OpsSet
    converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8, ops.TFLITE_BUILTINS]
    if wanted.io != "float":  # uint8 is written around int8 ends, as in the other quantizer's files
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        data = bytes(converter.convert())
    except Exception as error:
        # The converter raises its own ConverterError, whose base is Exception.
        raise ConversionError(
            f"TFLite in int8: TFLiteConverter cannot do it: {first_line(error)}."
        ) from error
    metadata = read(source, before, whole) or {}
    file = unpack(path, data)
    name_ends(file, *names)
    made = finish(file, metadata, *ends(file))
    path.write_bytes(complete(before, made, "int8", wanted.io))
