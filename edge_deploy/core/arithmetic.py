"""A TensorFlow model asked in another arithmetic: what its answers are but for its own rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.graph_weights import without_weights
from edge_deploy.core.spec import Array, Arrays, Function, ModelSpec

# What most networks for pictures hold; all others tell when the graph is built.
_ONLY_FLOAT32 = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_SUMS = frozenset({"Mean", "Sum"})
_LONG = 1024  # numbers; of fewer the order changes less than a float32 step or two


def predict_in_float64(function: Function, spec: ModelSpec, inputs: Arrays) -> Arrays | None:
    """The answers with every float32 of the graph in float64.

    Args:
        function: The model.
        spec: Its inputs and outputs.
        inputs: Samples on the first axis.

    Returns:
        By output; None where an operator has no float64 (a fused batch normalization).
    """
    import tensorflow as tf

    frozen = freeze(function, spec.inputs)
    if any(node.op in _ONLY_FLOAT32 for node in frozen.graph_def.node):
        return None

    def widen(graph_def: Any) -> None:
        inner = [node for one in graph_def.library.function for node in one.node_def]
        for node in (*graph_def.node, *inner):
            _widen(node)
        for one in graph_def.library.function:
            for argument in (*one.signature.input_arg, *one.signature.output_arg):
                if argument.type == tf.float32.as_datatype_enum:
                    argument.type = tf.float64.as_datatype_enum

    return _predict(frozen, spec, inputs, widen, np.float64)


def predict_in_sequence(function: Function, spec: ModelSpec, inputs: Arrays) -> Arrays | None:
    """The answers with long sums and means taken one number after another.

    TensorFlow adds up many numbers in blocks. LiteRT, ONNX Runtime and TF.js add them one after
    another: of the 50,000 places of a large picture that costs two digits.

    Args:
        function: The model.
        spec: Its inputs and outputs.
        inputs: Samples on the first axis.

    Returns:
        By output; None where the model has no such sum.
    """
    frozen = freeze(function, spec.inputs)
    long = [node.name for node in frozen.graph_def.node if _long_sum(frozen.graph_def, node)]
    if not long:
        return None

    def one_by_one(graph_def: Any) -> None:
        for node in [node for node in graph_def.node if node.name in long]:
            _in_sequence(graph_def, node)

    return _predict(frozen, spec, inputs, one_by_one, np.float32)


def _predict(
    frozen: FrozenGraph,
    spec: ModelSpec,
    inputs: Arrays,
    change: Callable[[Any], None],
    kind: type[np.floating[Any]],
) -> Arrays | None:
    """The answers of a changed copy of a graph, whose float32 inputs and weights are of a kind."""
    import tensorflow as tf

    graph_def = without_weights(frozen.graph_def)
    weights = _fed_weights(frozen.graph_def, graph_def)
    change(graph_def)
    given, fed = (
        {name: _as(array, kind) for name, array in arrays.items()} for arrays in (inputs, weights)
    )
    try:
        with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
            tf.graph_util.import_graph_def(graph_def, name="")
            with tf.compat.v1.Session(graph=graph) as session:
                return _ask(session, frozen, spec, given, fed)
    except (ValueError, TypeError, KeyError, tf.errors.OpError):
        return None


def _as(array: Array, kind: type[np.floating[Any]]) -> Array:
    return array.astype(kind) if array.dtype == np.float32 else array


def _fed_weights(whole: Any, without: Any) -> Arrays:
    """The large constants of a graph, as what is fed to its copy without their values.

    Within the graph they would be there five times over: TensorFlow copies a graph as it is read,
    placed, optimized and run.
    """
    import tensorflow as tf

    weights = {}
    for node, empty in zip(whole.node, without.node, strict=True):
        if node.op != "Const" or empty.attr["value"] == node.attr["value"]:
            continue
        value = node.attr["value"].tensor
        weights[f"{node.name}:0"] = tf.make_ndarray(value)
        empty.op = "Placeholder"
        empty.attr["shape"].shape.CopyFrom(value.tensor_shape)
        del empty.attr["value"]
    return weights


def _ask(
    session: Any, frozen: FrozenGraph, spec: ModelSpec, inputs: Arrays, weights: Arrays
) -> Arrays:
    parts: dict[str, list[Any]] = {output.name: [] for output in spec.outputs}
    for n in range(len(next(iter(inputs.values())))):
        feed = dict(weights)
        for one in spec.inputs:
            value = inputs[one.name][n : n + 1] if one.batched else inputs[one.name][n]
            feed[frozen.inputs[one.name]] = value
        answers = session.run(dict(frozen.outputs), feed)
        for output in spec.outputs:
            value = answers[output.name]
            parts[output.name].append(value if output.batched else value[np.newaxis])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _widen(node: Any) -> None:
    import tensorflow as tf

    narrow, wide = tf.float32.as_datatype_enum, tf.float64.as_datatype_enum
    for attribute in node.attr.values():
        if attribute.type == narrow:
            attribute.type = wide
        for n, kind in enumerate(attribute.list.type):
            if kind == narrow:
                attribute.list.type[n] = wide
        if attribute.HasField("tensor") and attribute.tensor.dtype == narrow:
            values = tf.make_ndarray(attribute.tensor).astype(np.float64)
            attribute.tensor.CopyFrom(tf.make_tensor_proto(values))


def _long_sum(graph_def: Any, node: Any) -> tuple[list[int], int, int] | None:
    """Of a sum over many neighbouring places: the sizes of all axes, its first and last axis."""
    import tensorflow as tf

    if node.op not in _SUMS or node.attr["T"].type != tf.float32.as_datatype_enum:
        return None
    nodes = {one.name: one for one in graph_def.node}
    source, by = nodes[node.input[0].partition(":")[0]], nodes[node.input[1].partition(":")[0]]
    if by.op != "Const" or "_output_shapes" not in source.attr:
        return None
    shape = source.attr["_output_shapes"].list.shape[0]
    sizes = [axis.size for axis in shape.dim]
    axes = sorted(int(axis) % max(len(sizes), 1) for axis in np.ravel(_values(by)))
    first, last = (axes[0], axes[-1]) if axes and sizes else (0, 0)
    if shape.unknown_rank or first == 0 or axes != list(range(first, last + 1)):
        return None
    if -1 in sizes[1:] or math.prod(sizes[first : last + 1]) < _LONG:
        return None
    return sizes, first, last


def _values(constant: Any) -> Array:
    import tensorflow as tf

    return np.asarray(tf.make_ndarray(constant.attr["value"].tensor))


def _in_sequence(graph_def: Any, node: Any) -> None:
    """Let a sum be the last of a running sum, and a mean that sum by its count."""
    import tensorflow as tf

    found = _long_sum(graph_def, node)
    assert found is not None
    sizes, first, last = found
    count = math.prod(sizes[first : last + 1])
    int32, float32 = tf.int32.as_datatype_enum, tf.float32.as_datatype_enum

    def constant(name: str, value: Any) -> str:
        made = graph_def.node.add(name=f"{node.name}/{name}", op="Const")
        made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        made.attr["dtype"].type = made.attr["value"].tensor.dtype
        return str(made.name)

    def made(name: str, op: str, *inputs: str, **kinds: int) -> str:
        one = graph_def.node.add(name=f"{node.name}/{name}", op=op, input=inputs)
        for key, kind in kinds.items():
            one.attr[key].type = kind
        return str(one.name)

    before, behind = math.prod(sizes[1:first]), math.prod(sizes[last + 1 :])
    rows = constant("rows", np.array([-1, before, count, behind], np.int32))
    lined = made("lined", "Reshape", node.input[0], rows, T=float32, Tshape=int32)
    axis = constant("axis", np.int32(2))
    running = made("running", "Cumsum", lined, axis, T=float32, Tidx=int32)
    place = constant("place", np.int32(count - 1))
    kinds = {"Tparams": float32, "Tindices": int32, "Taxis": int32}
    whole = made("whole", "GatherV2", running, place, axis, **kinds)
    if node.op == "Mean":
        by = constant("count", np.float32(count))
        whole = made("by_count", "RealDiv", whole, by, T=float32)
    kept = [1] * (last - first + 1) if node.attr["keep_dims"].b else []
    shape = constant("shape", np.array([-1, *sizes[1:first], *kept, *sizes[last + 1 :]], np.int32))
    node.op = "Reshape"
    node.input[:] = [whole, shape]
    node.attr.clear()
    node.attr["T"].type, node.attr["Tshape"].type = float32, int32
