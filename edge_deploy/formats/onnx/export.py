"""ONNX files."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MethodType
from typing import Any

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.grappler import optimize
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, OnnxGraph, TensorSpec
from edge_deploy.core.worker.limits import give_memory_back, large_blocks_apart
from edge_deploy.formats.base import METADATA_KEY, Converted
from edge_deploy.formats.onnx import rewrites

OPSET = 17  # what ONNX Runtime Web, ONNX Runtime Mobile and WinML of the last years all read
# Below 13 there are no scales by channel for int8; tf2onnx writes none above 18.
OPSETS = range(13, 19)
# Those of tf2onnx, whose patterns know graphs that they leave.
_PASSES = ("constfold", "function", "dependency")


@large_blocks_apart()
def export(
    model: LoadedModel, path: Path, metadata: Mapping[str, Any], opset: int = OPSET
) -> Converted:
    """Write an ``.onnx`` file with a free batch axis.

    Ensembles of trees become ONNX's own operator for them, which is several times faster than
    the gathers of the other targets.

    Args:
        model: The model.
        path: The file to write.
        metadata: Embedded as JSON.
        opset: The version of ONNX' operators, one of OPSETS.

    Raises:
        ConversionError: tf2onnx has no translation for an operator; all of them are named.
    """
    import onnx

    if model.onnx is None:
        proto = _by_tf2onnx(model, metadata["name"], opset)
    else:
        proto = _ready(model.onnx, opset)
    for value, spec in zip(proto.graph.input, model.spec.inputs, strict=True):
        _name_axes(value, spec)
    for value, spec in zip(proto.graph.output, model.spec.outputs, strict=True):
        _name_axes(value, spec)
    del proto.graph.value_info[:]  # inferred shapes with the placeholders' names
    _set_metadata(proto, metadata)
    path.write_bytes(proto.SerializeToString())
    del proto
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        path.unlink()
        who = "tf2onnx" if model.onnx is None else model.onnx.converter
        raise ConversionError(f"{who} wrote an invalid file: {first_line(error)}.") from error
    return Converted(path, (path,))


def embed(path: Path, metadata: Mapping[str, Any]) -> None:
    """Write other metadata into a file that edge-deploy wrote."""
    import onnx

    proto = onnx.load(path)
    del proto.metadata_props[:]
    _set_metadata(proto, metadata)
    path.write_bytes(proto.SerializeToString())


def _set_metadata(proto: Any, metadata: Mapping[str, Any]) -> None:
    from onnx import helper

    helper.set_model_props(proto, {METADATA_KEY: json.dumps(metadata, ensure_ascii=False)})


def _ready(graph: OnnxGraph, opset: int) -> Any:
    """What another library has converted: it lacks the metadata only."""
    import onnx

    proto = onnx.load_model_from_string(graph.data)
    has = max(one.version for one in proto.opset_import if not one.domain)
    if has > opset:
        raise ConversionError(
            f"{graph.converter} writes this model in opset {has}, and not in {opset}: leave "
            f"{option('opset', opset)} out."
        )
    return proto


def _by_tf2onnx(model: LoadedModel, name: str, opset: int) -> Any:
    from edge_deploy.formats.onnx.tree_ensemble import fill

    frozen, ensembles = _freeze(model)
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    try:
        options = {**_handlers(ensembles), "opset": opset}
        proto = _translate(frozen, name, options)
    except ModuleNotFoundError:
        raise  # told as a missing dependency
    except Exception as error:
        # tf2onnx raises ValueError, KeyError, AssertionError or TensorFlow's own errors.
        raise ConversionError(
            f"ONNX (opset {opset}) cannot hold this model: {first_line(error)}. Leave it out "
            f"with {option('to', ['tflite', 'tfjs'])}."
        ) from error
    del frozen
    fill(proto.graph, ensembles)
    rewrites.keep_padding_apart(proto.graph)
    rewrites.pad_outputs(proto.graph)
    return proto


def _translate(frozen: FrozenGraph, name: str, options: Mapping[str, Any]) -> Any:
    """The graph as a ModelProto.

    tf2onnx's own ``convert`` copies the whole model before each of its passes, for the case that
    one fails; here that is what a second try does. And its ``tf_optimize`` makes a graph of the
    model to write it down again, before the passes of TensorFlow's optimizer that it needs.
    """
    import tensorflow as tf
    from tf2onnx import optimizer
    from tf2onnx.tfonnx import process_tf_graph

    inputs, outputs = list(frozen.inputs.values()), list(frozen.outputs.values())
    names = {tensor: name for name, tensor in (*frozen.inputs.items(), *frozen.outputs.items())}

    def translated() -> Any:
        graph_def = optimize(
            frozen.graph_def,
            (*inputs, *outputs),
            _PASSES,
            experimental_disable_folding_quantization_emulation=True,
        )
        with tf.device("/cpu:0"), tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
            del graph_def
            made = process_tf_graph(
                graph,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=names,
                **options,
            )
        made.update_proto = MethodType(_update_nodes, made)
        return made

    weights = frozen.graph_def.ByteSize()
    made = translated()
    give_memory_back(freed=weights)  # TensorFlow's graph
    try:
        made = optimizer.optimize_graph(made, catch_errors=False)
    except Exception:  # any, of a pass that the file can do without
        made = optimizer.optimize_graph(translated(), catch_errors=True)
    proto = made.make_model(f"converted from {name}")
    del made
    give_memory_back(freed=weights)  # tf2onnx's graph
    return proto


def _update_nodes(graph: Any, storage: Any = None) -> None:
    """What tf2onnx does after each pass, but for constants.

    Protobuf gives no memory back of what is written anew into a message, here all weights.
    """
    for node in graph.get_nodes():
        if not node.is_const():
            node.update_proto(storage)


def _freeze(model: LoadedModel) -> tuple[FrozenGraph, Mapping[str, Any]]:
    """The graph, and what the marks in it stand for."""
    from edge_deploy.core.tree_ensemble import OP, marking

    if model.kind != "sklearn":
        return freeze(model.function, model.spec.inputs), {}
    with marking() as ensembles:
        # A function of its own, since freeze remembers the graphs of those that it has seen.
        marked = freeze(
            lambda tensors: model.function(tensors), model.spec.inputs, marks=frozenset({OP})
        )
    return marked, ensembles


def _handlers(ensembles: Mapping[str, Any]) -> dict[str, Any]:
    """What tf2onnx needs to know to put ensembles of trees in place of their marks.

    And a choice stays one: tf2onnx makes ``where(c, x, y)`` into ``c * x + (1 - c) * y``, in which
    a NaN or an infinity that was not chosen spoils what was.
    """
    from onnx import helper

    from edge_deploy.core.tree_ensemble import OP
    from edge_deploy.formats.onnx.tree_ensemble import DOMAIN, VERSION, handler

    handlers: dict[str, Any] = {
        "SelectV2": (_choose, []),
        "Conv3D": (rewrites.convolve_volumes, []),
        **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor"), (rewrites.resize, [])),
    }
    if not ensembles:
        return {"custom_op_handlers": handlers}
    return {
        "custom_op_handlers": {**handlers, OP: (handler(ensembles), [])},
        "extra_opset": [helper.make_opsetid(DOMAIN, VERSION)],
    }


def _choose(ctx: Any, node: Any, name: str, args: Any) -> None:
    """TensorFlow's SelectV2 is ONNX's Where: both broadcast as numpy does.

    ONNX Runtime has no Where of truth values: there, tf2onnx's own way is right.
    """
    from onnx import TensorProto
    from tf2onnx.onnx_opset.controlflow import Select

    if ctx.get_dtype(node.output[0]) == TensorProto.BOOL:
        Select.version_9(ctx, node)
        return
    node.type = "Where"
    node.skip_conversion = True


def _name_axes(value: Any, spec: TensorSpec) -> None:
    """Free axes get names that mean something: ``batch``, then ``<tensor>_<axis>``."""
    axes = value.type.tensor_type.shape.dim
    for n, (axis, size) in enumerate(zip(axes, spec.shape, strict=False)):
        if size is not None:
            axis.dim_value = size
        else:
            axis.dim_param = "batch" if n == 0 else f"{spec.name}_{n}"
