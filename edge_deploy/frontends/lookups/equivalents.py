"""Operators on numbers that no phone or browser has, written in those that all have.

Look-ups of whole numbers, bucketing and counting need no app: they are comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array

EXACT = 1 << 24
"""The largest whole number up to which float32 holds all of them."""
_DENSE = 16  # numbers a key that a table of all numbers between may have
_AT_LEAST = 4096

Contents = Mapping[str, tuple[Array, Array]]
"""Of each look-up by its node's name, the keys and the values of its table."""


def rewrite(graph_def: Any, contents: Contents) -> bool:
    """Rewrite a frozen graph in place.

    Args:
        graph_def: Nodes keep their names.
        contents: Of look-ups of whole numbers.

    Returns:
        Whether anything was rewritten.
    """
    nodes = {node.name: node for node in graph_def.node}
    changed = False
    for node in list(graph_def.node):
        body: Callable[..., Any] | None = None
        taken: list[Any] = []  # an attribute that is asked for is made, so only where it is there
        if node.op == "Bucketize":
            taken = [_type(node, "T")]
            body = _buckets(list(node.attr["boundaries"].list.f))
        elif node.op == "DenseBincount":
            taken = [_type(node, "Tidx")]
            body = _counts(node, nodes)
        elif node.op == "OneHot":
            taken = [_type(node, "TI")]
            body = _one_hot(node, nodes)
        elif node.op == "RaggedBincount":
            changed |= _sized(graph_def, node, _size(nodes, node.input[2]))
        elif node.name in contents:
            keys, values = contents[node.name]
            taken = [_type(node, "Tin")]
            default = _constant(nodes, node.input[2])
            node.input[:] = [node.input[1]]
            body = None if default is None else find(keys, values, default)
        elif node.op == "LookupTableFindV2":
            _shaped(graph_def, node)
            changed = True
        if body is not None:
            _splice(graph_def, node, body, taken)
            changed = True
    return changed


def is_whole(keys: Array, values: Array) -> bool:
    """Whether a table is of whole numbers that float32 holds, and gives numbers."""
    whole = np.issubdtype(keys.dtype, np.integer) and bool((np.abs(keys) <= EXACT).all())
    return whole and np.issubdtype(values.dtype, np.number)


def find(keys: Array, values: Array, default: Any) -> Callable[[Any], Any]:
    """A table of whole numbers as arithmetic."""

    def body(x: Any) -> Any:
        if not len(keys):
            return tf.zeros_like(x, values.dtype) + tf.constant(default, values.dtype)
        x = tf.cast(x, tf.int32)
        low, high = int(keys.min()), int(keys.max())
        if high - low < max(_DENSE * len(keys), _AT_LEAST):
            row = np.full(high - low + 3, default, values.dtype)
            row[keys - low + 1] = values
            at = tf.clip_by_value(x - (low - 1), 0, len(row) - 1)
            return tf.cast(tf.gather(small(row), at), values.dtype)
        same = tf.equal(tf.expand_dims(x, -1), tf.constant(keys.astype(np.int32)))
        # One key is the same at most: what it adds to the default is the whole sum.
        more = tf.cast(same, tf.float32) * tf.constant((values - default).astype(np.float32))
        found = tf.reduce_sum(more, axis=-1) + float(default)
        if np.issubdtype(values.dtype, np.floating):
            return tf.cast(found, values.dtype)
        return tf.cast(tf.round(found), values.dtype)

    return body


def small(values: Array) -> Any:
    """A constant, of int32 where that holds it."""
    whole = np.issubdtype(values.dtype, np.integer) or values.dtype == bool
    if whole and np.abs(values.astype(np.int64)).max(initial=0) < 2**31:
        values = values.astype(np.int32)
    return tf.constant(values)


def _buckets(boundaries: list[float]) -> Callable[[Any], Any]:
    """How many boundaries lie at or below a number; all of them for NaN, as in TensorFlow."""

    def body(x: Any) -> Any:
        x = tf.expand_dims(tf.cast(x, tf.float32), -1)
        above = tf.cast(tf.less(x, tf.constant(boundaries, tf.float32)), tf.int32)
        return len(boundaries) - tf.reduce_sum(above, axis=-1)

    return body


def _counts(node: Any, nodes: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """How often each number stands in a row, or whether it does."""
    size, weights = _size(nodes, node.input[1]), _constant(nodes, node.input[2])
    if size is None or weights is None or weights.size:
        return None
    dtype = tf.as_dtype(node.attr["T"].type)
    binary = node.attr["binary_output"].b
    node.input[:] = [node.input[0]]

    def body(x: Any) -> Any:
        same = tf.equal(tf.expand_dims(tf.cast(x, tf.int32), -1), tf.range(size))
        some = tf.cast(same, tf.float32)
        # A row's numbers stand before the last axis; without a row all numbers are one.
        found = (tf.reduce_max if binary else tf.reduce_sum)(some, axis=-2)
        return tf.cast(found, dtype)

    return body


def _one_hot(node: Any, nodes: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """A one at the place of a number, if it has one: ONNX counts -1 from the end."""
    depth, on, off = (_constant(nodes, ref) for ref in node.input[1:4])
    if depth is None or on is None or off is None or node.attr["axis"].i != -1:
        return None
    dtype = tf.as_dtype(node.attr["T"].type)
    if not (dtype.is_floating or dtype.is_integer):
        return None
    node.input[:] = [node.input[0]]

    def body(x: Any) -> Any:
        same = tf.equal(tf.expand_dims(tf.cast(x, tf.int32), -1), tf.range(int(depth)))
        if on == 1 and off == 0:
            return tf.cast(same, dtype)
        return tf.cast(same, dtype) * tf.constant(on - off) + tf.constant(off)

    return body


def _size(nodes: Mapping[str, Any], ref: str) -> int | None:
    """The number of places of tf.math.bincount, whose least and largest number Keras sets alike."""
    value = _constant(nodes, ref)
    if value is not None:
        return int(value)
    node = _source(nodes, ref)
    if node.op != "Minimum":
        return None
    for most, rest in (node.input[:2], node.input[1::-1]):
        inner, limit = _source(nodes, rest), _constant(nodes, most)
        if inner.op != "Maximum" or limit is None:
            continue
        if any((least := _constant(nodes, one)) is not None and least == limit
               for one in inner.input[:2]):  # fmt: skip
            return int(limit)
    return None


def _source(nodes: Mapping[str, Any], ref: str) -> Any:
    node = nodes[ref.lstrip("^").partition(":")[0]]
    while node.op in ("Identity", "Cast") and node.input:
        node = nodes[node.input[0].partition(":")[0]]
    return node


def _constant(nodes: Mapping[str, Any], ref: str) -> Any:
    node = _source(nodes, ref)
    return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None


def _type(node: Any, key: str) -> Any:
    return node.attr[key].type


def _sized(graph_def: Any, node: Any, size: int | None) -> bool:
    """Say how many places ragged rows are counted in."""
    if size is None:
        return False
    dtype, name = node.attr["T"].type, node.name
    counted, shape = graph_def.node.add(), graph_def.node.add()
    counted.CopyFrom(node)
    counted.name = f"{name}/counted"
    counted.attr.pop("_output_shapes", None)
    shape.name, shape.op = f"{name}/shape", "Const"
    shape.attr["dtype"].type = tf.int32.as_datatype_enum
    shape.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([-1, size]))
    _reshape(node, counted.name, shape.name, dtype)
    return True


def _reshape(node: Any, tensor: str, shape: str, dtype: int) -> None:
    """Turn a node into a Reshape."""
    name = node.name
    node.Clear()
    node.name, node.op = name, "Reshape"
    node.input.extend([tensor, shape])
    node.attr["T"].type = dtype
    node.attr["Tshape"].type = tf.int32.as_datatype_enum


def _shaped(graph_def: Any, node: Any) -> None:
    """Say that a look-up's answers have the shape of its questions; a table alone forgets it."""
    name, keys, dtype = node.name, node.input[1], node.attr["Tout"].type
    found, shape = graph_def.node.add(), graph_def.node.add()
    found.CopyFrom(node)
    found.name = f"{name}/found"
    found.attr.pop("_output_shapes", None)
    shape.name, shape.op = f"{name}/shape", "Shape"
    shape.input.append(keys)
    shape.attr["T"].type = node.attr["Tin"].type
    shape.attr["out_type"].type = tf.int32.as_datatype_enum
    _reshape(node, found.name, shape.name, dtype)


def _splice(graph_def: Any, node: Any, body: Callable[..., Any], taken: list[Any]) -> None:
    """Put the operators of a function of a node's inputs in its place."""
    import tensorflow as tensorflow

    with tensorflow.Graph().as_default() as graph:
        given = [
            tensorflow.compat.v1.placeholder(dtype, name=f"given{n}")
            for n, dtype in enumerate(taken)
        ]
        result = tensorflow.identity(body(*given), name="result")
    replaced = {f"given{n}": ref for n, ref in enumerate(node.input) if not ref.startswith("^")}
    for one in graph.as_graph_def().node:
        if one.name in replaced:
            continue
        new = graph_def.node.add()
        new.CopyFrom(one)
        new.name = f"{node.name}/{one.name}"
        new.input[:] = [replaced.get(ref, f"{node.name}/{ref}") for ref in one.input]
    name = node.name
    node.Clear()
    node.name, node.op = name, "Identity"
    node.input.append(f"{name}/result")
    node.attr["T"].type = result.dtype.as_datatype_enum
