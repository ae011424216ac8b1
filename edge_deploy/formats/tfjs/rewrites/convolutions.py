"""Convolutions that TF.js does not have, out of those that it has."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import PLAIN, Graph


def split_groups(graph: Graph) -> None:
    """Write grouped convolutions, which TF.js has not, out of those that it has.

    With one input channel a group it is a depthwise convolution; with more, one convolution a
    group, of its part of the channels. The optimizer folds what is done to constant kernels.
    """
    for node in list(graph.graph_def.node):
        if node.op not in ("Conv2D", "Conv3D"):
            continue
        given, kernel = graph.shape(node.input[0]), graph.shape(node.input[1])
        if given is None or kernel is None or -1 in kernel:
            continue
        axis = 1 if node.attr["data_format"].s.startswith(b"NC") else len(given) - 1
        depth, made = kernel[-2:]
        groups = given[axis] // depth  # a free axis counts as -1
        if groups < 2:
            continue
        _, rows, columns, *_ = node.attr["strides"].list.i
        if node.op == "Conv2D" and depth == 1 and axis == 3 and rows == columns:
            to = np.array([*kernel[:2], groups, made // groups], np.int32)
            shape = graph.add_constant(f"{node.name}_shape", to)
            own = graph.add(f"{node.name}_kernel", "Reshape", [node.input[1], shape], node)
            graph.replace(node, "DepthwiseConv2dNative", [node.input[0], own.name], *PLAIN)
            continue
        inputs = _split(graph, f"{node.name}_inputs", node.input[0], axis, groups, node)
        kernels = _split(
            graph, f"{node.name}_kernels", node.input[1], len(kernel) - 1, groups, node
        )
        parts = [
            graph.add(f"{node.name}_group_{n}", node.op, pair, node, *PLAIN).name
            for n, pair in enumerate(zip(inputs, kernels, strict=True))
        ]
        where = graph.add_constant(f"{node.name}_axis", np.int32(axis))
        graph.replace(node, "ConcatV2", [*parts, where])
        node.attr["N"].i = groups
        node.attr["Tidx"].type = graph.nodes[where].attr["dtype"].type


def _split(graph: Graph, name: str, tensor: str, axis: int, many: int, like: Any) -> list[str]:
    """The tensors of one that is cut along an axis."""
    where = graph.add_constant(f"{name}_axis", np.int32(axis))
    graph.add(name, "Split", [where, tensor], like).attr["num_split"].i = many
    return [f"{name}:{n}" if n else name for n in range(many)]


def spread_volumes(graph: Graph) -> None:
    """Write a transposed convolution of volumes as a convolution of what it spreads out.

    Between the values of each side come as many zeros as its stride skips, and around them what
    the window reaches over; the kernel is turned round.
    """
    for node in graph.of("Conv3DBackpropInputV2"):
        given, made = graph.shape(node.input[2]), graph.shape(node.name)
        kernel = graph.constant(node.input[1])
        if given is None or made is None or kernel is None or -1 in (*given[1:], *made[1:]):
            continue
        if node.attr["data_format"].s.startswith(b"NC") or set(node.attr["dilations"].list.i) > {1}:
            continue
        tensor, sizes = node.input[2], list(given)
        for axis in (1, 2, 3):
            step, reach = node.attr["strides"].list.i[axis], kernel.shape[axis - 1]
            ahead = 0
            if node.attr["padding"].s == b"SAME":
                ahead = max((given[axis] - 1) * step + reach - made[axis], 0) // 2
            # Each value is followed by its zeros, the last one too.
            around = (reach - 1 - ahead, made[axis] - given[axis] * step + ahead)
            tensor = _spread(
                graph, f"{node.name}/axis_{axis}", (tensor, sizes, axis), step, around, node
            )
        turned = np.ascontiguousarray(kernel[::-1, ::-1, ::-1].swapaxes(3, 4))
        volume = graph.add_reshape(f"{node.name}/spread", tensor, [-1, *sizes[1:]], node)
        graph.replace(
            node,
            "Conv3D",
            [volume, graph.add_constant(f"{node.name}/turned", turned)],
            "data_format",
        )
        node.attr["strides"].list.i[:] = [1] * 5
        node.attr["padding"].s = b"VALID"


def _spread(
    graph: Graph,
    name: str,
    along: tuple[str, list[int], int],
    step: int,
    around: tuple[int, int],
    like: Any,
) -> str:
    """A tensor with zeros between the values of one axis and around them, as three axes.

    Args:
        graph: The graph.
        name: What the new nodes begin with.
        along: The tensor, its sizes (the new size is put there), and the axis.
        step: One more than the zeros behind each value.
        around: How many come before and behind all; fewer than none are cut off.
        like: A node of the same dtype.
    """
    tensor, sizes, axis = along
    width = int(np.prod(sizes[axis + 1 :]))
    if step > 1:
        tensor = graph.add_reshape(f"{name}/values", tensor, [-1, 1, width], like)
        tensor = _padded(graph, f"{name}/between", tensor, (0, step - 1), like)
    size = sizes[axis] * step
    tensor = graph.add_reshape(f"{name}/line", tensor, [-1, size, width], like)
    if around[1] < 0:
        size += around[1]
        first = graph.add_constant(f"{name}/first", np.zeros(3, np.int32))
        many = graph.add_constant(f"{name}/many", np.array([-1, size, -1], np.int32))
        tensor = graph.add(f"{name}/cut", "Slice", [tensor, first, many], like).name
        graph.nodes[tensor].attr["Index"].type = graph.dtype(np.int32)
    more = (around[0], max(around[1], 0))
    if any(more):
        tensor = _padded(graph, f"{name}/around", tensor, more, like)
    sizes[axis] = size + sum(more)
    return tensor


def _padded(graph: Graph, name: str, tensor: str, pair: tuple[int, int], like: Any) -> str:
    """A tensor of three axes with zeros before and behind those of the second."""
    pairs = graph.add_constant(f"{name}/pairs", np.array([[0, 0], pair, [0, 0]], np.int32))
    return str(graph.add(name, "Pad", [tensor, pairs], like).name)
