"""A TensorFlow model asked in float64: what its answers would be without float32's rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.graph import freeze, without_weights
from edge_deploy.core.spec import Arrays, Function, ModelSpec

# What most networks for pictures hold; all others tell when the graph is built.
_ONLY_FLOAT32 = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})


def predict(function: Function, spec: ModelSpec, inputs: Arrays) -> Arrays | None:
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
    graph_def = without_weights(frozen.graph_def)
    weights = _fed_weights(frozen.graph_def, graph_def)
    inner = [node for one in graph_def.library.function for node in one.node_def]
    for node in (*graph_def.node, *inner):
        _widen(node)
    for one in graph_def.library.function:
        for argument in (*one.signature.input_arg, *one.signature.output_arg):
            if argument.type == tf.float32.as_datatype_enum:
                argument.type = tf.float64.as_datatype_enum
    try:
        with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
            tf.graph_util.import_graph_def(graph_def, name="")
            with tf.compat.v1.Session(graph=graph) as session:
                return _ask(session, frozen, spec, inputs, weights)
    except (ValueError, TypeError, KeyError, tf.errors.OpError):
        return None


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
        numbers = tf.make_ndarray(value)
        if value.dtype == tf.float32.as_datatype_enum:
            numbers = numbers.astype(np.float64)
        weights[f"{node.name}:0"] = numbers
        empty.op = "Placeholder"
        empty.attr["shape"].shape.CopyFrom(value.tensor_shape)
        del empty.attr["value"]
    return weights


def _ask(session: Any, frozen: Any, spec: ModelSpec, inputs: Arrays, weights: Arrays) -> Arrays:
    parts: dict[str, list[Any]] = {output.name: [] for output in spec.outputs}
    for n in range(len(next(iter(inputs.values())))):
        feed = dict(weights)
        for one in spec.inputs:
            value = inputs[one.name][n : n + 1] if one.batched else inputs[one.name][n]
            wide = value.astype(np.float64) if value.dtype == np.float32 else value
            feed[frozen.inputs[one.name]] = wide
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
