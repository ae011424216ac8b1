"""TF.js graph models: ``model.json`` and its weight shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.graph import FrozenGraph, freeze, has_control_flow
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, ModelSpec
from edge_deploy.formats.base import METADATA_KEY, Converted
from edge_deploy.formats.tfjs import rewrites

# TF.js has no 64-bit integers: its converter stores them as 32-bit ones.
DTYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_INT64": "int32", "DT_BOOL": "bool"}


def export(model: LoadedModel, path: Path, metadata: Mapping[str, Any]) -> Converted:
    """Write a graph model: ``model.json`` at ``path`` and 4 MB weight shards beside it.

    Recurrent Keras layers of a fixed length are unrolled: TF.js runs an unrolled graph at once,
    and a loop step by step. Attention layers are traced without einsum, which its wasm backend
    does not have.

    Args:
        model: The model.
        path: Where ``model.json`` goes; its folder must exist and be empty.
        metadata: Becomes ``userDefinedMetadata``.

    Raises:
        ConversionError: TF.js has no kernel for an operator; all of them are named.
    """
    from google.protobuf.json_format import MessageToDict
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    frozen, notes = _freeze(model)
    signature = _signature(model.spec, frozen)
    graph = _rewritten(frozen.graph_def)
    _check_operators(graph.as_graph_def())
    try:
        graph_def = converter.optimize_graph(graph, signature, skip_op_check=True)
    except Exception as error:  # Grappler raises anything
        raise _refusal(first_line(error)) from error
    _drop_control_inputs(graph_def)
    rewrites.after_optimizer(graph_def)
    _check_operators(graph_def)
    _merge_constants(graph_def)
    weights = converter.extract_weights(graph_def)
    for group in weights:
        # Shapes and axes first: with them the page can compile while the rest is on its way.
        group.sort(key=lambda weight: weight["data"].dtype.kind == "f")
    topology = MessageToDict(graph_def)
    # Protobuf's maps have no order of their own; the same model is to give the same bytes.
    for node in topology["node"]:
        if "attr" in node:
            node["attr"] = dict(sorted(node["attr"].items()))
    converter.write_artifacts(
        topology,
        weights,
        str(path),
        tf.__version__,
        signature,
        metadata={METADATA_KEY: dict(metadata)},
    )
    return Converted(path, tuple(sorted(path.parent.iterdir())), notes)


def _freeze(model: LoadedModel) -> tuple[FrozenGraph, tuple[str, ...]]:
    inputs = model.spec.inputs
    frozen = freeze(model.function, inputs)
    loops, einsum = has_control_flow(frozen), any(n.op == "Einsum" for n in frozen.graph_def.node)
    if not loops and not einsum:
        return frozen, ()
    fixed = all(None not in spec.shape[1:] for spec in inputs)
    if model.plain is not None and (fixed or not loops):
        plain = freeze(model.plain, inputs)
        if not has_control_flow(plain):
            return plain, ()
    if not loops:
        return frozen, ("TF.js runs this model on webgl and not on wasm, which has no einsum",)
    note = "TF.js runs this model's loops step by step, which is slow and not always possible"
    if not fixed:
        note += f"; say the sequence's length with {option('input_shapes')} and they are unrolled"
    return freeze(model.function, inputs, lower_control_flow=True), (note,)


def _rewritten(graph_def: Any) -> Any:
    """A frozen graph, which the other targets start from too, rewritten for the optimizer."""
    copy = type(graph_def)()
    copy.CopyFrom(graph_def)
    rewrites.before_optimizer(copy)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(copy, name="")
    return graph


def _check_operators(graph_def: Any) -> None:
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    if lacking := converter.validate(graph_def, skip_op_check=False, strip_debug_ops=False):
        raise _refusal(f"it has no kernel for {', '.join(sorted(lacking))}")


def _refusal(reason: str) -> ConversionError:
    return ConversionError(
        f"TF.js cannot hold this model: {reason}. Leave it out with "
        f"{option('to', ['tflite', 'onnx'])}."
    )


def _signature(spec: ModelSpec, frozen: FrozenGraph) -> Any:
    """The model's own names for the graph's tensors, as TF.js reads them."""
    from tensorflow.core.protobuf import meta_graph_pb2

    signature = meta_graph_pb2.SignatureDef()
    for entries, specs, tensors in (
        (signature.inputs, spec.inputs, frozen.inputs),
        (signature.outputs, spec.outputs, frozen.outputs),
    ):
        for tensor in specs:
            entry = entries[tensor.name]
            entry.name = tensors[tensor.name]
            entry.dtype = tf.as_dtype(tensor.dtype).as_datatype_enum
            entry.tensor_shape.CopyFrom(tf.TensorShape(tensor.shape).as_proto())
    return signature


def _drop_control_inputs(graph_def: Any) -> None:
    """Drop the edges that only order operators, of which none here has a side effect.

    TF.js takes them for data, and then cannot compute a loop whose first step they come from.
    """
    for node in graph_def.node:
        node.input[:] = [name for name in node.input if not name.startswith("^")]


def _merge_constants(graph_def: Any) -> None:
    """Let equal constants be one: unrolling leaves each step a copy of the weights."""
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    kept = []
    for node in graph_def.node:
        if node.op == "Const" and not node.input:
            value = node.attr["value"].tensor.SerializeToString(deterministic=True)
            same[node.name] = first.setdefault(value, node.name)
            if same[node.name] != node.name:
                continue
        kept.append(node)
    for node in kept:
        node.input[:] = [same.get(name, name) for name in node.input]
    unique = [node.SerializeToString() for node in kept]
    del graph_def.node[:]
    for data in unique:
        graph_def.node.add().ParseFromString(data)
