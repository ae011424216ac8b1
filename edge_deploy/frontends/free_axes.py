"""The size of an input's last axis where a file leaves it free and the graph does not.

A SavedModel may say ``(None, None)`` of a table although its Normalization holds nine means.
TensorFlow's own shape inference tells which sizes the graph takes: it is asked with the sizes that
the graph's constants have, and nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.graph_weights import without_weights
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Function, TensorSpec
from edge_deploy.frontends.tracing import input_kind

_MOST_SIZES = 64
_LARGEST = 100_000
_ANY = 7919  # a prime that no model has: a graph that takes it takes all


def with_columns(function: Function, inputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """The inputs with the number of columns that the graph asks for, where the file leaves it free.

    Args:
        function: The model.
        inputs: As the file has them.

    Returns:
        The same, where exactly one number fits; free axes that are free in truth stay so.
    """
    free = [n for n, spec in enumerate(inputs) if len(spec.shape) > 1 and spec.shape[-1] is None]
    if not free:
        return inputs
    try:
        frozen = freeze(function, inputs)
    except EdgeDeployError:
        return inputs  # whoever converts it says so
    sizes = _sizes(frozen.graph_def)
    found = list(inputs)
    for n in free:
        if _fits(frozen, found, n, _ANY):
            continue
        fitting = [size for size in sizes if _fits(frozen, found, n, size)]
        if len(fitting) == 1:
            shape = (*inputs[n].shape[:-1], fitting[0])
            found[n] = replace(inputs[n], shape=shape, kind=input_kind(shape, inputs[n].dtype))
    return tuple(found)


def _sizes(graph_def: Any) -> list[int]:
    """Sizes of constants' axes, of which one may be the number of columns; 1 fits by spreading."""
    found: set[int] = set()
    for node in graph_def.node:
        if node.op == "Const":
            found.update(dim.size for dim in node.attr["value"].tensor.tensor_shape.dim)
    return sorted(size for size in found if 1 < size <= _LARGEST)[:_MOST_SIZES]


def _fits(frozen: FrozenGraph, inputs: Sequence[TensorSpec], n: int, size: int) -> bool:
    """Whether shape inference passes with a size of one input's last axis."""
    graph_def = without_weights(frozen.graph_def)
    name = frozen.inputs[inputs[n].name].partition(":")[0]
    for node in graph_def.node:
        for key in ("_output_shapes",):  # those of the free axis
            node.attr.pop(key, None)
        if node.name == name:
            shape = tf.TensorShape((*inputs[n].shape[:-1], size)).as_proto()
            node.attr["shape"].shape.CopyFrom(shape)
    try:
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(graph_def, name="")
    except (ValueError, tf.errors.OpError):
        return False
    return True
