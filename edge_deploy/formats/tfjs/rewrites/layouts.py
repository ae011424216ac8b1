"""Pictures with their channels first, which TF.js runs on no backend as it should."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph

# Which input of an operator is the picture.
_PICTURE = {
    "Conv2D": 0, "DepthwiseConv2dNative": 0, "Conv3D": 0, "Conv2DBackpropInput": 2,
    "Conv3DBackpropInputV2": 2, "MaxPool": 0, "AvgPool": 0, "MaxPool3D": 0, "AvgPool3D": 0,
    "BiasAdd": 0, "FusedBatchNorm": 0, "FusedBatchNormV2": 0, "FusedBatchNormV3": 0,
}  # fmt: skip
_SIZES_FIRST = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
_BY_AXIS = ("strides", "dilations", "ksize")
_UNARY = frozenset(
    {"Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Identity", "Neg"}
)
_BINARY = frozenset({"Mul", "Add", "AddV2", "Sub", "RealDiv"})


def put_channels_last(graph: Graph) -> None:
    """Write operators of ``channels_first`` with the channels last, between two transpositions.

    TF.js takes the channels for the last axis whatever BiasAdd and batch normalization say, and
    its wasm backend has no such convolution. What follows element by element goes in between the
    transpositions too, so that those of one layer and the next fall away.
    """
    back: dict[str, str] = {}  # a transposition back, and what it transposes
    for node in list(graph.graph_def.node):
        if node.op in _PICTURE and node.attr["data_format"].s.startswith(b"NC"):
            _wrap(graph, node, back)
        elif node.op in _UNARY and node.name not in graph.ends and node.input[0] in back:
            inner = graph.add(
                f"{node.name}/last", node.op, [back[node.input[0]]], node, *_attributes(node)
            )
            _transpose_back(graph, node, inner, back)
        elif node.op in _BINARY:
            _move_constant(graph, node, back)


def _attributes(node: Any) -> list[str]:
    return [key for key in node.attr if key != "_output_shapes"]


def _wrap(graph: Graph, node: Any, back: dict[str, str]) -> None:
    place = _PICTURE[node.op]
    shape = graph.shape(node.input[place])
    if shape is None:
        return
    axes = len(shape)
    last, inputs = _last(axes), list(node.input)
    inputs[place] = _transposed(graph, node, inputs[place], axes, back)
    if node.op in _SIZES_FIRST:
        order = graph.add_constant(f"{node.name}/order", last)
        axis = graph.add_constant(f"{node.name}/axis", np.int32(0))
        sizes = graph.add(f"{node.name}/sizes", "GatherV2", [inputs[0], order, axis], node)
        for key, kind in (("Tparams", np.int32), ("Tindices", np.int32), ("Taxis", np.int32)):
            sizes.attr[key].type = graph.dtype(kind)
        del sizes.attr["T"]
        inputs[0] = sizes.name
    inner = graph.add(f"{node.name}/last", node.op, inputs, node, *_attributes(node))
    inner.attr["data_format"].s = b"NHWC" if inner.op == "BiasAdd" or axes == 4 else b"NDHWC"
    for key in _BY_AXIS:
        if sizes_of := list(inner.attr[key].list.i) if key in inner.attr else []:
            inner.attr[key].list.i[:] = [sizes_of[axis] for axis in last]
    if paddings := list(inner.attr["explicit_paddings"].list.i):
        pairs = [paddings[2 * axis : 2 * axis + 2] for axis in last]
        inner.attr["explicit_paddings"].list.i[:] = [size for pair in pairs for size in pair]
    _transpose_back(graph, node, inner, back)


def _last(axes: int) -> Any:
    """The order of axes that puts the second one last."""
    return np.array([0, *range(2, axes), 1], np.int32)


def _transposed(graph: Graph, node: Any, tensor: str, axes: int, back: dict[str, str]) -> str:
    """A tensor with the channels last."""
    if tensor in back:
        return back[tensor]
    order = graph.add_constant(f"{node.name}/to_last/order", _last(axes))
    made = graph.add(f"{node.name}/to_last", "Transpose", [tensor, order], node)
    shape = graph.shape(tensor)
    assert shape is not None
    graph.set_shape(made, [shape[axis] for axis in _last(axes)])
    return str(made.name)


def _transpose_back(graph: Graph, node: Any, inner: Any, back: dict[str, str]) -> None:
    """Let a node be another that has the channels last, transposed."""
    shape = graph.shape(node.name)
    assert shape is not None
    axes = len(shape)
    graph.set_shape(inner, [shape[axis] for axis in _last(axes)])
    order = np.array([0, axes - 1, *range(1, axes - 1)], np.int32)
    name = graph.add_constant(f"{node.name}/to_first/order", order)
    graph.replace(node, "Transpose", [inner.name, name])
    back[node.name] = inner.name


def _move_constant(graph: Graph, node: Any, back: dict[str, str]) -> None:
    """Write a sum or product of a picture and one number a channel with the channels last."""
    if len(node.input) != 2 or node.name in graph.ends:
        return
    for place, other in ((0, 1), (1, 0)):
        tensor, value = node.input[place], node.input[other]
        if tensor not in back:
            continue
        shape, sizes = graph.shape(tensor), graph.shape(value)
        if shape is None or sizes is None or graph.shape(node.name) != shape:
            return
        inputs = [back[tensor]] * 2
        if value in back:
            inputs[other] = back[value]
        elif sizes == ():
            inputs[other] = value
        elif len(sizes) == len(shape) and sizes[0] == 1 and set(sizes[2:]) == {1}:
            inputs[other] = _transposed(graph, node, value, len(shape), back)
        else:
            return
        inner = graph.add(f"{node.name}/last", node.op, inputs, node)
        _transpose_back(graph, node, inner, back)
        return
