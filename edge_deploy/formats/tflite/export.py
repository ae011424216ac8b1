"""TensorFlow Lite (LiteRT) files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel
from edge_deploy.formats.base import Converted
from edge_deploy.formats.tflite.file import ends, name_ends, unpack
from edge_deploy.formats.tflite.metadata import finish


def export(
    model: LoadedModel, path: Path, metadata: Mapping[str, Any], free_batch: bool = False
) -> Converted:
    """Write a ``.tflite`` file of built-in operators.

    The batch is fixed to 1: that is what a phone asks, what recurrent layers need to stay
    within the built-in operators, and what lets a delegate plan its memory. With ``free_batch`` it
    is 1 until an app resizes the inputs.

    Args:
        model: The model.
        path: The file to write.
        metadata: Embedded as JSON.
        free_batch: Leave the number of samples free.

    Raises:
        ConversionError: Neither the built-in operators nor TensorFlow's own can hold it; or only
            the latter can with a free batch.
    """
    # TensorFlow's converter knows a gelu by its erfc, and has no erf.
    gelu = frozenset({"Erfc"})
    batch = None if free_batch else 1
    frozen = freeze(model.function, model.spec.inputs, batch=batch, marks=gelu)
    notes: tuple[str, ...] = ()
    try:
        data = converter_of(frozen).convert()
    except Exception as error:
        # The converter raises its own ConverterError, whose base is Exception.
        if free_batch:
            raise ConversionError(
                f"TFLite cannot hold this model with a free batch: {first_line(error)}. It may "
                f"hold it for one sample at a time: leave out {option('free_batch', True)}."
            ) from error
        data = _convert_with_flex(frozen, error)
        notes = (
            "NEEDS FLEX: the built-in operators cannot hold this model, so the .tflite uses "
            "TensorFlow's own (Flex). Apps must link the Flex delegate; browsers have none.",
        )
    if free_batch and not any(spec.shape[:1] == (None,) for spec in model.spec.inputs):
        notes += ("The .tflite has no free batch: the model itself has a fixed one.",)
    names = [spec.name for spec in model.spec.inputs], [spec.name for spec in model.spec.outputs]
    file = unpack(path, data)
    name_ends(file, *names)
    path.write_bytes(finish(file, metadata, *ends(file)))
    return Converted(path, (path,), notes)


def embed(path: Path, metadata: Mapping[str, Any]) -> None:
    """Write other metadata into a file that edge-deploy wrote."""
    file = unpack(path, path.read_bytes())
    path.write_bytes(finish(file, metadata, *ends(file)))


def converter_of(frozen: FrozenGraph) -> Any:
    """TensorFlow's converter of a graph that is frozen already.

    ``from_concrete_functions`` wants a function, of which it makes such a graph: by way of four
    copies of the weights.
    """
    _write_erf_as_erfc(frozen.graph_def)
    converter = tf.lite.TFLiteConverter([], SimpleNamespace(graph_debug_info=None))
    converter.experimental_lower_to_saved_model = False
    ends = [
        [frozen.types[tensor] for tensor in side.values()]
        for side in (frozen.inputs, frozen.outputs)
    ]
    converter._freeze_concrete_function = lambda: (frozen.graph_def, *ends, None)
    return converter


def _write_erf_as_erfc(graph_def: Any) -> None:
    """Write 1 - erf(x) as erfc(x) again: TFLite has no erf, and knows a gelu by its erfc."""
    nodes = {node.name: node for node in graph_def.node}
    for node in graph_def.node:
        if node.op == "Sub" and node.input[0].endswith("/one") and node.input[1].endswith("/erf"):
            node.op = "Erfc"
            node.input[:] = nodes[node.input[1]].input[:1]


def _convert_with_flex(frozen: FrozenGraph, reason: Exception) -> bytes:
    converter = converter_of(frozen)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    try:
        return bytes(converter.convert())
    except Exception as error:
        # As above: ConverterError's base is Exception.
        raise ConversionError(
            f"TFLite cannot hold this model: {first_line(reason)}. With TensorFlow's own "
            f"operators neither: {first_line(error)}. Leave it out with "
            f"{option('to', ['tfjs', 'onnx'])}."
        ) from error
