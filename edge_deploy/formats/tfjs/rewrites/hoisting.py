"""What a step of a loop makes of its input alone, computed for all steps before the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.formats.tfjs.rewrites.graph import Graph
from edge_deploy.formats.tfjs.rewrites.while_loop import Loop, copy, sort

_ELEMENTWISE = frozenset(
    {"Sigmoid", "Tanh", "Relu", "Relu6", "Elu", "Selu", "Softplus", "Exp", "Neg", "Cast"}
)
_SUMS = frozenset({"AddV2", "Add", "BiasAdd"})
_WITH_CONSTANT = _SUMS | {"Mul", "Sub", "Minimum", "Maximum"}
_INT32 = 3  # DT_INT32


@dataclass(frozen=True)
class _Part:
    """A body's tensor that is one step's part of a tensor over all steps.

    Attributes:
        whole: The outer graph's tensor, whose first axis is the steps.
        index: The body's tensor that says which part.
        dtype: Of both.
        made: Whether it takes work to make it: a part of the loop's own input takes none.
    """

    whole: str
    index: str
    dtype: int
    made: bool


def hoist(loop: Loop) -> None:
    """Compute in front of a loop what needs nothing of the step before."""
    _bring_biases_to_inputs(loop)
    body, parts = loop.body, dict[str, _Part]()
    for node in list(body.graph_def.node):
        if node.op == "TensorListGetItem":
            if (whole := _list(loop, node.input[0])) is not None:
                dtype = node.attr["element_dtype"].type
                parts[node.name] = _Part(whole, node.input[1], dtype, made=False)
            continue
        given = [parts.get(body.source(tensor).name) for tensor in node.input]
        places = [n for n, part in enumerate(given) if part is not None]
        if len(places) == 1 and (part := given[places[0]]) is not None:
            made = _over_all_steps(loop, node, places[0], part.whole)
            if made is not None:
                dtype = node.attr["DstT" if node.op == "Cast" else "T"].type
                parts[node.name] = _Part(made, part.index, dtype, made=True)
    items: dict[tuple[str, str], str] = {}
    for node in list(body.graph_def.node):
        if node.name in parts:
            continue
        if node.op == "SelectV2" and (mask := _wide_mask(loop, node, parts)) is not None:
            node.input[0] = _item(loop, mask, items)
        for n, tensor in enumerate(node.input):
            part = parts.get(body.source(tensor).name)
            if part is not None and part.made:
                node.input[n] = _item(loop, part, items)
    for n, tensor in enumerate(loop.returns):
        part = parts.get(body.source(tensor).name)
        if part is not None and part.made:
            loop.returns[n] = _item(loop, part, items)
    sort(body, [*loop.args, *loop.returns])


def _list(loop: Loop, tensor: str) -> str | None:
    """The outer graph's tensor that a list is made of, if the loop only reads it."""
    entry = loop.entry_of(tensor)
    source = None if entry is None else loop.graph.source(entry)
    made = source is not None and source.op == "TensorListFromTensor"
    return str(source.input[0]) if made and source is not None else None


def _bring_biases_to_inputs(loop: Loop) -> None:
    """Write ``(x @ W + h @ U) + b`` as ``(x @ W + b) + h @ U``."""
    body = loop.body
    takers = [body.source(tensor).name for node in body.graph_def.node for tensor in node.input]
    for node in body.of(*_SUMS):
        bias = loop.constant(node.input[1])
        inner = body.source(node.input[0])
        once = inner.op in _SUMS and takers.count(inner.name) == 1
        if bias is None or bias.ndim > 1 or not once:
            continue
        own = [n for n, tensor in enumerate(inner.input) if _is_of_input(loop, tensor)]
        if len(own) == 1:
            name = f"{node.name}/of_input"
            body.add(name, "AddV2", [inner.input[own[0]], node.input[1]], node)
            body.replace(node, "AddV2", [name, inner.input[1 - own[0]]])
    sort(body)


def _is_of_input(loop: Loop, tensor: str) -> bool:
    """Whether a tensor is a step's input times a constant."""
    source = loop.body.source(tensor)
    if source.op not in ("MatMul", "Conv2D") or loop.constant(source.input[1]) is None:
        return False
    item = loop.body.source(source.input[0])
    return item.op == "TensorListGetItem" and _list(loop, item.input[0]) is not None


def _over_all_steps(loop: Loop, node: Any, place: int, whole: str) -> str | None:
    """What a node makes of a tensor over all steps; None where that is another operator."""
    graph, name = loop.graph, f"{loop.node.name}/{node.name}"
    others = [loop.constant(tensor) for n, tensor in enumerate(node.input) if n != place]
    if node.op in _ELEMENTWISE:
        return str(copy(graph, node, name, [whole]).name)
    if len(others) != 1 or others[0] is None:
        return None
    constant = others[0]
    if node.op in _WITH_CONSTANT and constant.ndim <= 1:
        if node.op == "BiasAdd" and b"NCHW" in node.attr["data_format"].s:
            return None
        inputs = [whole, whole]
        inputs[1 - place] = loop.outside(node.input[1 - place])
        op = "AddV2" if node.op in _SUMS else node.op
        source = graph.source(whole)
        product = graph.source(source.input[0]) if source.op == "Reshape" else source
        if op == "AddV2" and product is not source and product.op == "MatMul" and constant.ndim:
            # On the product's own rows, with which the backends fuse it.
            inputs[place] = product.name
            rows = graph.add(f"{name}/rows", op, inputs, node).name
            return _reshape(graph, name, rows, source.input[1], node)
        return str(graph.add(name, op, inputs, node).name)
    if place != 0 or node.op not in ("MatMul", "Conv2D"):
        return None
    if node.op == "MatMul" and not node.attr["transpose_a"].b:
        depth = constant.shape[1 if node.attr["transpose_b"].b else 0]
        shape = graph.add_constant(f"{name}/rows/shape", np.array([-1, depth], np.int32))
        rows = _reshape(graph, f"{name}/rows", whole, shape, node)
    elif node.op == "Conv2D" and node.attr["data_format"].s in (b"", b"NHWC"):
        rest = _sizes(graph, f"{name}/rows/sizes", whole, slice(2, None), node)
        shape = _joined(graph, f"{name}/rows/shape", [_free(graph, f"{name}/rows/free"), rest])
        rows = _reshape(graph, f"{name}/rows", whole, shape, node)
    else:
        return None
    product = copy(graph, node, f"{name}/product", [rows, loop.outside(node.input[1])]).name
    steps = _sizes(graph, f"{name}/steps", whole, slice(0, 1), node)
    if node.op == "MatMul":
        width = constant.shape[0 if node.attr["transpose_b"].b else 1]
        rest = graph.add_constant(f"{name}/sizes", np.array([width], np.int32))
    else:
        rest = _sizes(graph, f"{name}/sizes", product, slice(1, None), node)
    shape = _joined(graph, f"{name}/shape", [steps, _free(graph, f"{name}/free"), rest])
    return _reshape(graph, name, product, shape, node)


def _reshape(graph: Graph, name: str, tensor: str, shape: str, like: Any) -> str:
    node = graph.add(name, "Reshape", [tensor, shape], like)
    node.attr["Tshape"].type = _INT32
    return name


def _free(graph: Graph, name: str) -> str:
    return graph.add_constant(name, np.array([-1], np.int32))


def _sizes(graph: Graph, name: str, tensor: str, part: slice, like: Any) -> str:
    """A part of a tensor's shape, which is known when it runs."""
    shape = graph.add(f"{name}/of", "Shape", [tensor], like)
    shape.attr["out_type"].type = _INT32
    limits = {"begin": part.start, "end": part.stop or 0, "strides": 1}
    inputs = [
        graph.add_constant(f"{name}/{key}", np.array([value], np.int32))
        for key, value in limits.items()
    ]
    node = graph.graph_def.node.add(name=name, op="StridedSlice", input=[shape.name, *inputs])
    for key in ("T", "Index"):
        node.attr[key].type = _INT32
    for key in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"):
        node.attr[key].i = int(key == "end_mask" and part.stop is None)
    graph.nodes[name] = node
    return name


def _joined(graph: Graph, name: str, tensors: Sequence[str]) -> str:
    axis = graph.add_constant(f"{name}/axis", np.int32(0))
    node = graph.graph_def.node.add(name=name, op="ConcatV2", input=[*tensors, axis])
    node.attr["N"].i = len(tensors)
    for key in ("T", "Tidx"):
        node.attr[key].type = _INT32
    graph.nodes[name] = node
    return name


def _wide_mask(loop: Loop, node: Any, parts: dict[str, _Part]) -> _Part | None:
    """A mask of shape ``(batch, 1)``, of the width of the state that it chooses between."""
    mask, state = (loop.body.source(node.input[n]) for n in (0, 2))
    if mask.op != "TensorListGetItem" or mask.name not in parts or state.name not in loop.args:
        return None
    element: Array | None = loop.body.constant(mask.input[2])
    shape = loop.node.attr["output_shapes"].list.shape[loop.args.index(state.name)]
    sizes = [dim.size for dim in shape.dim]
    if element is None or element.shape != (len(sizes),) or len(sizes) < 2 or -1 in sizes[1:]:
        return None
    if any(size != 1 for size in element[1:]):
        return None
    part = parts[mask.name]
    name = f"{part.whole.replace(':', '_')}/wide_{'_'.join(map(str, sizes[1:]))}"
    if name not in loop.graph.nodes:
        times = loop.graph.add_constant(f"{name}/multiples", np.array([1, 1, *sizes[1:]], np.int32))
        tile = loop.graph.graph_def.node.add(name=name, op="Tile", input=[part.whole, times])
        tile.attr["T"].type = part.dtype
        tile.attr["Tmultiples"].type = _INT32
        loop.graph.nodes[name] = tile
    return _Part(name, part.index, part.dtype, made=True)


def _item(loop: Loop, part: _Part, items: dict[tuple[str, str], str]) -> str:
    """The body's node that takes a step's part of a tensor over all steps."""
    if (part.whole, part.index) not in items:
        arg = f"list_{len(loop.args)}"
        entry = f"{loop.node.name}/{arg}"
        shape = loop.graph.add_constant(f"{entry}/element_shape", np.int32(-1))
        loop.graph.nodes[entry] = loop.graph.graph_def.node.add(
            name=entry, op="TensorListFromTensor", input=[part.whole, shape]
        )
        loop.graph.nodes[entry].attr["shape_type"].type = _INT32
        loop.add_arg(arg, tf.variant.as_datatype_enum, entry)
        own = loop.body.add_constant(f"{arg}/element_shape", np.int32(-1))
        name = f"{arg}/item"
        loop.body.nodes[name] = loop.body.graph_def.node.add(
            name=name, op="TensorListGetItem", input=[arg, part.index, own]
        )
        for node in (loop.graph.nodes[entry], loop.body.nodes[name]):
            node.attr["element_dtype"].type = part.dtype
        items[part.whole, part.index] = name
    return items[part.whole, part.index]
