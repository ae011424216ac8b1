"""Operators that one of the targets lacks, written in those that all of them have.

Each rewrite is a small TensorFlow function of the operator's inputs. It is traced with their
shapes, and its nodes take the operator's place in a frozen graph, so every target gets the same
graph. What only TF.js or ONNX lacks, and the others have faster, is rewritten in its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array


class Unwritten(Exception):
    """An operator stays what it is: its inputs are not of the kind that a rewrite is for."""


Constant = Callable[[int], Array]
"""The value of an input by its place; raises Unwritten where it depends on the model's inputs."""
Rewrite = Callable[[Any, Sequence[Any], Constant], Any]
"""From a node, its input tensors and the values of constant ones to the output tensor."""


def rewrite_operators(graph_def: Any) -> bool:
    """Rewrite a frozen graph, whose nodes have ``_output_shapes``, in place.

    Args:
        graph_def: The GraphDef.

    Returns:
        Whether anything was rewritten.
    """
    nodes = {node.name: node for node in graph_def.node}
    changed = False
    for function in graph_def.library.function:
        for node in [node for node in function.node_def if node.op in _BY_ELEMENT]:
            _splice_inside(function, node)
            changed = True
    if changed:
        _rename_functions(graph_def)
    for node in [node for node in graph_def.node if node.op in _REWRITES]:
        try:
            changed |= _splice(graph_def, nodes, node)
        except Unwritten:
            continue
    if changed:
        _drop_spectra(graph_def)
    return changed


def _splice(graph_def: Any, nodes: Mapping[str, Any], node: Any) -> bool:
    """Put what a rewrite traces in the place of a node; the node's name stays that of its output.

    Raises:
        Unwritten: The rewrite is not for this node.
    """
    write = _REWRITES[node.op]
    if node.op in _PARTS:  # of a spectrum, whose own inputs are what is asked
        spectrum = _source(nodes, node.input[0])
        if spectrum.op not in _SPECTRA:
            raise Unwritten
        asked = spectrum
    else:
        asked = node
    given = [name for name in asked.input if not name.startswith("^")]

    def constant(place: int) -> Array:
        maker = _source(nodes, given[place])
        if maker.op != "Const":
            return _of_shapes(graph_def, nodes, given[place])
        return np.asarray(tf.make_ndarray(maker.attr["value"].tensor))

    with tf.Graph().as_default() as graph:
        tensors = [_placeholder(nodes, name) for name in given]
        tf.identity(write(node, tensors, constant), name="result")
        traced = graph.as_graph_def(add_shapes=True)
    places = {tensor.op.name: name for tensor, name in zip(tensors, given, strict=True)}
    _insert(graph_def.node, node, traced, places, lambda name: name)
    return True


def _splice_inside(function: Any, node: Any) -> None:
    """The same within the body of a loop or a branch, where tensors have other names."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(node.attr["T"].type)
        tf.identity(_REWRITES[node.op](node, [x], _nothing), name="result")
        traced = graph.as_graph_def()
    tensor = _within_function(traced)
    before = _within_function(SimpleNamespace(node=[node]))(node.name)
    _insert(function.node_def, node, traced, {x.op.name: node.input[0]}, tensor)
    after = f"{node.name}:output:0"  # of the Identity in its place
    for other in function.node_def:
        other.input[:] = [after if name == before else name for name in other.input]
    for key, name in function.ret.items():
        if name == before:
            function.ret[key] = after


def _rename_functions(graph_def: Any) -> None:
    """Name rewritten functions anew: TensorFlow knows the old ones by their names."""
    functions = graph_def.library.function
    names = {one.signature.name: f"{one.signature.name}_rewritten" for one in functions}
    for one in functions:
        one.signature.name = names[one.signature.name]
    inner = (node for one in functions for node in one.node_def)
    for nodes in (graph_def.node, inner):
        for node in nodes:
            for value in node.attr.values():
                for called in _called(value):
                    called.name = names.get(called.name, called.name)


def _called(value: Any) -> list[Any]:
    """The functions that an attribute names."""
    kind = value.WhichOneof("value")
    return [value.func] if kind == "func" else list(value.list.func) if kind == "list" else []


def _within_function(traced: Any) -> Callable[[str], str]:
    """How a node's only output is called in a function: ``node:argument:0``."""
    from tensorflow.python.framework import op_def_registry

    outputs = {node.name: op_def_registry.get(node.op).output_arg[0].name for node in traced.node}
    return lambda name: f"{name}:{outputs[name]}:0"


def _nothing(place: int) -> Array:
    raise Unwritten


def _insert(
    into: Any, node: Any, traced: Any, places: Mapping[str, str], tensor: Callable[[str], str]
) -> None:
    """Put traced nodes beside a node, and the last of them in its place.

    Args:
        into: The nodes of the graph or function.
        node: What is replaced.
        traced: A GraphDef with a node ``result``.
        places: Its placeholders, and what stands for them.
        tensor: From the name of a node to that of its output.
    """

    def renamed(name: str) -> str:
        if name.startswith("^"):
            return f"^{node.name}/{name[1:]}"
        base, colon, index = name.partition(":")
        if base in places:
            return places[base]
        own = tensor(base)
        return f"{node.name}/{own}{colon}{index}"

    waits = [name for name in node.input if name.startswith("^")]
    for inner in traced.node:
        if inner.name in places:
            continue
        target = node if inner.name == "result" else into.add()
        name = node.name if target is node else f"{node.name}/{inner.name}"
        target.CopyFrom(inner)
        target.name = name
        target.input[:] = [renamed(one) for one in inner.input]
        if target is node:
            target.input.extend(waits)


def _of_shapes(graph_def: Any, nodes: Mapping[str, Any], name: str) -> Array:
    """The value of a tensor that depends on nothing but sizes which are fixed.

    Raises:
        Unwritten: It depends on the model's inputs.
    """
    waiting, seen, inputs = [name], set(), set()
    while waiting:
        node = nodes[waiting.pop().lstrip("^").partition(":")[0]]
        if node.op == "Placeholder":
            raise Unwritten
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op == "Shape":
            inputs.add(node.input[0])
        else:
            waiting += node.input
    part = tf.compat.v1.graph_util.extract_sub_graph(graph_def, [name.partition(":")[0]])
    part.library.Clear()
    found = []
    for free in (1, 2):
        zeros = {}
        for tensor in inputs:
            whole = tf.TensorShape(_shape_of(nodes, tensor)).as_list()
            sizes = [free if size is None else size for size in whole]
            zeros[tensor] = np.zeros(sizes, _dtype_of(nodes, tensor).as_numpy_dtype)
        found.append(_evaluate(part, name, zeros))
    if not np.array_equal(found[0], found[1]):
        raise Unwritten
    return found[0]


def _evaluate(graph_def: Any, name: str, values: Mapping[str, Array]) -> Array:
    """A tensor of a graph, some others being given."""
    with tf.Graph().as_default() as graph:
        constants = {tensor: tf.constant(value) for tensor, value in values.items()}
        (wanted,) = tf.graph_util.import_graph_def(
            graph_def, constants, return_elements=[name if ":" in name else f"{name}:0"]
        )
        with tf.compat.v1.Session(graph=graph) as session:
            return np.asarray(session.run(wanted))


def _placeholder(nodes: Mapping[str, Any], name: str) -> Any:
    return tf.compat.v1.placeholder(_dtype_of(nodes, name), _shape_of(nodes, name))


def _shape_of(nodes: Mapping[str, Any], name: str) -> Any:
    base, _, index = name.partition(":")
    attributes = nodes[base].attr
    if nodes[base].op == "Const":
        return tf.TensorShape(attributes["value"].tensor.tensor_shape)
    return tf.TensorShape(attributes["_output_shapes"].list.shape[int(index or 0)])


def _dtype_of(nodes: Mapping[str, Any], name: str) -> Any:
    base, _, index = name.partition(":")
    return _dtype(nodes[base], int(index or 0))


def _dtype(node: Any, index: int) -> Any:
    """The dtype of an operator's output, as its definition has it."""
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    if definition is None:
        raise Unwritten
    kinds: list[Any] = []
    for argument in definition.output_arg:
        if argument.number_attr:
            count = node.attr[argument.number_attr].i
            kinds += [argument.type or node.attr[argument.type_attr].type] * count
        elif argument.type_list_attr:
            kinds += list(node.attr[argument.type_list_attr].list.type)
        else:
            kinds.append(argument.type or node.attr[argument.type_attr].type)
    return tf.as_dtype(kinds[index])


def _source(nodes: Mapping[str, Any], name: str) -> Any:
    node = nodes[name.partition(":")[0]]
    while node.op == "Identity":
        node = nodes[node.input[0].partition(":")[0]]
    return node


def _drop_spectra(graph_def: Any) -> None:
    """Drop Fourier transforms, all of whose parts were written otherwise."""
    taken = {name.lstrip("^").partition(":")[0] for node in graph_def.node for name in node.input}
    for place in reversed(range(len(graph_def.node))):
        node = graph_def.node[place]
        if node.op in _SPECTRA and node.name not in taken:
            del graph_def.node[place]


def _log1p(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """Near 0 by the series of atanh: ``log(1 + x) = 2 * atanh(x / (2 + x))``.

    ``log(1 + x)`` itself loses there what 1 + x cannot hold.
    """
    (x,) = inputs
    z = x / (x + 2)
    square = z * z
    series = 2 * z * (1 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square / 9))))
    return tf.where(tf.abs(x) < 0.25, series, tf.math.log(x + 1))


def _expm1(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """Near 0 by its series of eight terms."""
    (x,) = inputs
    series = 1 + x / 8
    for n in range(7, 1, -1):
        series = 1 + x / n * series
    return tf.where(tf.abs(x) < 0.5, x * series, tf.exp(x) - 1)


def _softsign(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    (x,) = inputs
    return x / (tf.abs(x) + 1)


def _bucketize(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """How many boundaries are not above a number; as in TensorFlow none is above NaN."""
    (x,) = inputs
    boundaries = np.array(node.attr["boundaries"].list.f, np.float32)
    column = tf.reshape(tf.cast(x, tf.float32), (-1, 1))
    above = tf.reduce_sum(tf.cast(column < boundaries, tf.int32), axis=1)
    return tf.reshape(boundaries.size - above, _sizes(x))


def _spectrum(part: str) -> Rewrite:
    """A part of a real Fourier transform, as products with the matrices of cosines and sines."""

    def write(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
        x, length = inputs[0], int(constant(1)[0])
        width = x.shape[-1]
        if width is None or x.dtype != tf.float32:
            raise Unwritten
        if width > length:
            x = x[..., :length]
        used = min(width, length)
        angles = np.outer(np.arange(used), np.arange(length // 2 + 1)) * (2 * np.pi / length)
        rows = tf.reshape(x, (-1, used))
        parts = {
            "Real": lambda: tf.matmul(rows, np.cos(angles).astype(np.float32)),
            "Imag": lambda: tf.matmul(rows, -np.sin(angles).astype(np.float32)),
        }
        if part == "ComplexAbs":
            result = tf.sqrt(parts["Real"]() ** 2 + parts["Imag"]() ** 2)
        else:
            result = parts[part]()
        return tf.reshape(result, _sizes(x, length // 2 + 1))

    return write


def _pool(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A pool of volumes as one of pictures, and one along the depth.

    TFLite has none of volumes, and TF.js' wasm backend takes the wrong largest ones. The mean of
    means is the mean, at the edges too: what an axis counts there knows nothing of the others.
    """
    (x,) = inputs
    depth, rows, columns, channels = x.shape[1:]
    if None in (depth, rows, columns, channels) or node.attr["data_format"].s != b"NDHWC":
        raise Unwritten
    pool = tf.nn.max_pool2d if node.op == "MaxPool3D" else tf.nn.avg_pool2d
    size, steps = node.attr["ksize"].list.i[1:4], node.attr["strides"].list.i[1:4]
    padding = node.attr["padding"].s.decode()
    x = tf.reshape(x, (-1, rows, columns, channels))
    x = pool(x, size[1:], steps[1:], padding)
    _, rows, columns, _ = x.shape
    x = tf.reshape(x, (-1, depth, rows * columns, channels))
    x = pool(x, (size[0], 1), (steps[0], 1), padding)
    return tf.reshape(x, (-1, x.shape[1], rows, columns, channels))


def _slice(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A slice along the first of more than five axes, which is as many as TFLite can slice."""
    x = inputs[0]
    if not x.shape.rank or x.shape.rank < 6 or x.shape[0] is None:
        raise Unwritten
    begin, end, step = (constant(place) for place in (1, 2, 3))
    others = 2 ** len(begin) - 2  # bits of the axes behind the first
    masks = [node.attr[key].i for key in _MASKS]
    one = step[0] == 1 and end[0] in (begin[0] + 1, 0)
    if masks != [others, others, 0, 0, 1] or not one:
        raise Unwritten
    # By the sizes that it has when it runs: tf2onnx stacks all steps where TensorFlow keeps one.
    rows = tf.reshape(x, tf.concat([tf.shape(x)[:2], [-1]], 0))[int(begin[0])]
    return tf.reshape(rows, _sizes(x)[1:])


def _gather(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A gather within each sample as one of all: TF.js' wasm backend takes the wrong rows."""
    # Asking for an attribute that is absent would add an empty one, which TFLite does not read.
    batch = node.attr["batch_dims"].i if "batch_dims" in node.attr else 0
    x, index = inputs[:2]
    if not batch or x.shape.rank is None or index.shape.rank is None:
        raise Unwritten
    batch, axis = batch % index.shape.rank, int(constant(2)) % x.shape.rank
    each, size, rest = index.shape[batch:], x.shape[axis], x.shape[axis + 1 :]
    if axis != batch or size is None or None in each or None in rest:
        raise Unwritten
    rows = tf.reshape(x, (-1, *rest))
    flat = tf.cast(tf.reshape(index, (-1, each.num_elements())), tf.int32)
    first = tf.range(tf.shape(flat)[0]) * size
    taken = tf.gather(rows, flat + first[:, tf.newaxis])
    front = x.shape.as_list()[:batch]
    if front.count(None) > 1:
        raise Unwritten
    return tf.reshape(taken, [-1 if axis is None else axis for axis in front] + [*each, *rest])


def _cumulate(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A running sum along one of more than four axes, for which TF.js' webgl backend has none."""
    x = inputs[0]
    if x.shape.rank is None or x.shape.rank < 5:
        raise Unwritten
    axis = int(constant(1)) % x.shape.rank
    if x.shape[axis] is None:
        raise Unwritten
    order = [n for n in range(x.shape.rank) if n != axis] + [axis]
    turned = tf.transpose(x, order)
    how = {key: node.attr[key].b for key in ("exclusive", "reverse")}
    summed = tf.cumsum(tf.reshape(turned, (-1, x.shape[axis])), 1, **how)
    return tf.transpose(tf.reshape(summed, _sizes(turned)), np.argsort(order))


def _transposed(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A dilated transposed convolution as a plain one, with zeros within its kernel."""
    dilations = list(node.attr["dilations"].list.i)
    if node.attr["data_format"].s != b"NHWC" or not any(d > 1 for d in dilations):
        raise Unwritten
    kernel = constant(1)
    (rows, columns), (down, across) = kernel.shape[:2], dilations[1:3]
    wide = np.zeros(
        ((rows - 1) * down + 1, (columns - 1) * across + 1, *kernel.shape[2:]), kernel.dtype
    )
    wide[::down, ::across] = kernel
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=inputs[0],
        filter=wide,
        out_backprop=inputs[2],
        strides=list(node.attr["strides"].list.i),
        padding=node.attr["padding"].s.decode(),
        explicit_paddings=list(node.attr["explicit_paddings"].list.i),
    )


def _resize(node: Any, inputs: Sequence[Any], constant: Constant) -> Any:
    """A resize of fixed sizes, as a product with a matrix for each axis.

    Each target has its own few kinds of resize. The matrices are what TensorFlow's own operator
    makes of the unit matrix: it is linear, and one axis knows nothing of the other.
    """
    x = inputs[0]
    rows, columns, channels = x.shape[1:]
    if None in (rows, columns, channels):
        raise Unwritten
    others = [constant(place) for place in range(1, len(inputs))]
    # `tall` has the rows as its only free axis, `wide` the columns.
    tall = _run(node, np.eye(rows, dtype=np.float32).reshape(1, rows, 1, rows), others, 0)
    wide = _run(node, np.eye(columns, dtype=np.float32).reshape(1, 1, columns, columns), others, 1)
    down, across = tall.reshape(-1, rows), wide.reshape(-1, columns)
    height, width = len(down), len(across)
    x = tf.reshape(tf.transpose(tf.cast(x, tf.float32), (0, 2, 3, 1)), (-1, rows))
    x = tf.reshape(tf.matmul(x, down.T), (-1, columns, channels, height))
    x = tf.reshape(tf.transpose(x, (0, 3, 2, 1)), (-1, columns))
    x = tf.reshape(tf.matmul(x, across.T), (-1, height, channels, width))
    return tf.transpose(x, (0, 1, 3, 2))


def _run(node: Any, unit: Array, others: Sequence[Array], axis: int) -> Array:
    """What a resize makes of a unit matrix along one axis, the other one of length 1."""
    definition = type(node)()
    definition.CopyFrom(node)
    definition.attr.pop("_output_shapes", None)
    only = np.array([axis == 0, axis == 1])
    values = [np.where(only, others[0], 1).astype(others[0].dtype)]
    if len(others) > 1:  # ScaleAndTranslate: sizes, scales, shifts
        values.append(np.where(only, others[1], 1).astype(others[1].dtype))
        values.append(np.where(only, others[2], 0).astype(others[2].dtype))
    given = {f"given_{n}:0": value for n, value in enumerate((unit, *values))}
    graph_def = tf.compat.v1.GraphDef()
    for name, value in given.items():
        place = graph_def.node.add(name=name[:-2], op="Placeholder")
        place.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    definition.name = "resized"
    definition.input[:] = list(given)
    definition.attr["T"].type = tf.float32.as_datatype_enum
    graph_def.node.append(definition)
    return _evaluate(graph_def, "resized", given)


def _sizes(x: Any, *last: int) -> Any:
    """The sizes of a tensor, the last ones replaced; numbers where at most one of them is free."""
    kept = x.shape.as_list()[: x.shape.rank - len(last)]
    if kept.count(None) < 2:
        return [-1 if size is None else size for size in kept] + list(last)
    return tf.concat([tf.shape(x)[: len(kept)], np.array(last, np.int32)], 0)


_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
_SPECTRA = frozenset({"RFFT"})
_PARTS = frozenset({"Real", "Imag", "ComplexAbs"})
_BY_ELEMENT: Mapping[str, Rewrite] = {"Log1p": _log1p, "Expm1": _expm1, "Softsign": _softsign}
"""Of one number at a time: these are rewritten in the bodies of loops, too."""
_REWRITES: Mapping[str, Rewrite] = {
    **_BY_ELEMENT,
    "Bucketize": _bucketize,
    "AvgPool3D": _pool,
    "MaxPool3D": _pool,
    "Conv2DBackpropInput": _transposed,
    "StridedSlice": _slice,
    "GatherV2": _gather,
    "Cumsum": _cumulate,
    **{part: _spectrum(part) for part in ("Real", "Imag", "ComplexAbs")},
    **dict.fromkeys(("ResizeBicubic", "ResizeArea", "ScaleAndTranslate"), _resize),
}
