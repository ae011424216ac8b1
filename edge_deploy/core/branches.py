"""Conditions of a frozen graph whose answer is known before it runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array

_CONDITIONS = frozenset({"If", "StatelessIf"})
_EVERY = frozenset({"All", "LogicalAnd"})
# A condition on sizes is a few steps long; one on what the model computed may be as deep as it is.
_DEEPEST = 40


def take_known_branches(graph_def: Any) -> bool:
    """Call the branch that is always taken in place of a condition that depends on no input.

    Keras 2 asks when the model runs whether a picture of a known size is larger than what it is
    cut to, and whether it is being trained; the branch that is never taken draws random numbers,
    or asserts, neither of which a converted file can.

    Returns:
        Whether there was one; the calls are to be inlined then.
    """
    conditions = [node for node in graph_def.node if node.op in _CONDITIONS]
    if not conditions:
        return False
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name="")
    taken = False
    with tf.compat.v1.Session(graph=graph) as session:
        for node in conditions:
            tensor = graph.as_graph_element(_output(node.input[0]))
            value = _known(tensor, session, _DEEPEST)
            if value is None or value.shape:
                continue
            branch = node.attr["then_branch" if value else "else_branch"].func
            kept = {key: node.attr[key].SerializeToString() for key in ("Tin", "Tout")}
            node.op = "StatefulPartitionedCall" if node.op == "If" else "PartitionedCall"
            node.input[:] = node.input[1:]
            node.attr["f"].func.CopyFrom(branch)
            for key in set(node.attr) - {"f", "_output_shapes"}:
                del node.attr[key]
            for key, content in kept.items():
                node.attr[key].ParseFromString(content)
            taken = True
    return taken


def _output(tensor: str) -> str:
    return tensor if ":" in tensor else f"{tensor}:0"


def _known(tensor: Any, session: Any, deepest: int) -> Array | None:
    """A tensor's value where it follows from constants and known sizes; None where it does not."""
    operator = tensor.op
    if operator.type == "Const":
        return np.asarray(session.run(tensor))
    if operator.type == "Shape" and operator.inputs[0].shape.is_fully_defined():
        return np.array(operator.inputs[0].shape.as_list(), tensor.dtype.as_numpy_dtype)
    if operator.type == "Rank" and operator.inputs[0].shape.rank is not None:
        return np.array(operator.inputs[0].shape.rank, np.int32)
    if not deepest or not operator.inputs or operator.op_def.is_stateful:
        return None
    if operator.type == "StridedSlice" and operator.inputs[0].op.type == "Shape":
        return _size(tensor)
    if operator.type in _EVERY and tensor.shape.rank == 0:
        parts = operator.inputs
        if operator.type == "All":
            packed = parts[0].op
            parts = packed.inputs if packed.type == "Pack" else []
        values = (_known(part, session, deepest - 1) for part in parts)
        if any(value is not None and not value.any() for value in values):
            return np.array(False)
    given = []
    for part in operator.inputs:
        value = _known(part, session, deepest - 1)
        if value is None:
            return None
        given.append(value)
    return np.asarray(session.run(tensor, dict(zip(operator.inputs, given, strict=True))))


def _size(tensor: Any) -> Array | None:
    """One size of a shape, of which others may be free."""
    from tensorflow.python.framework.tensor_util import constant_value

    shape, *bounds = tensor.op.inputs
    sizes = shape.op.inputs[0].shape
    begin = constant_value(bounds[0])
    if sizes.rank is None or begin is None or begin.size != 1:
        return None
    # A new axis or an ellipsis would take the whole shape, whatever else is asked.
    if tensor.shape.rank != 0 or not tensor.op.get_attr("shrink_axis_mask"):
        return None
    size = sizes.as_list()[int(begin[0])]
    return None if size is None else np.array(size, tensor.dtype.as_numpy_dtype)
