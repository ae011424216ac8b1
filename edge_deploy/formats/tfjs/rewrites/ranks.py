"""Operators of five axes and more, which TF.js' webgl backend has for four only."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph

_MOST = 4


def select_in_few_axes(graph: Graph) -> None:
    """Join the axes of a select of five and more, those that are broadcast alike.

    A division without NaN is one, too: TF.js compares and selects.
    """
    for node in graph.of("SelectV2", "Select", "DivNoNan"):
        made = graph.shape(node.name)
        given = [graph.shape(tensor) for tensor in node.input]
        if made is None or len(made) <= _MOST or any(shape is None for shape in given):
            continue
        padded = [(*(1,) * (len(made) - len(shape or ())), *(shape or ())) for shape in given]
        if node.op == "Select" and any(shape != made for shape in padded):
            continue
        joined = _joined(padded, made)
        if joined is None or len(joined[0]) > _MOST:
            continue
        inputs = []
        for n, (tensor, shape, sizes) in enumerate(zip(node.input, given, joined, strict=True)):
            if shape:
                tensor = graph.add_reshape(f"{node.name}/few_{n}", tensor, sizes, node)
                if n == 0 and node.op != "DivNoNan":
                    graph.nodes[tensor].attr["T"].type = graph.dtype(np.bool_)
            inputs.append(tensor)
        inner = graph.add(
            f"{node.name}/few", node.op if node.op == "DivNoNan" else "SelectV2", inputs, node
        )
        many = graph.add_constant(f"{node.name}/many", np.array(made, np.int32))
        graph.replace(node, "Reshape", [inner.name, many])


def _joined(shapes: list[tuple[int, ...]], made: tuple[int, ...]) -> list[list[int]] | None:
    """Shapes of as many axes as another with neighbouring axes as one where that is the same."""
    if sum(size < 0 for size in made) > 1:
        return None
    sizes: list[list[int]] = [[] for _ in shapes]
    before: tuple[bool, ...] | None = None
    for axis, size in enumerate(made):
        spread = tuple(shape[axis] == 1 != size for shape in shapes)
        for own, shape in zip(sizes, shapes, strict=True):
            if spread == before:
                own[-1] = -1 if -1 in (own[-1], shape[axis]) else own[-1] * shape[axis]
            else:
                own.append(shape[axis])
        before = spread
    return sizes


def pad_one_axis_at_a_time(graph: Graph) -> None:
    """Write a padding of five axes and more as one of three for each axis that is padded."""
    for node in graph.of("Pad", "PadV2", "MirrorPad"):
        shape, paddings = graph.shape(node.input[0]), graph.constant(node.input[1])
        if shape is None or paddings is None or len(shape) <= _MOST or -1 in shape[1:]:
            continue
        padded = [axis for axis, pair in enumerate(paddings) if pair.any()]
        if not padded or 0 in padded:
            continue
        graph.replace(
            node,
            "Reshape",
            [*_padded(graph, node, list(shape), paddings, padded)],
        )


def _padded(
    graph: Graph, node: Any, sizes: list[int], paddings: Any, padded: list[int]
) -> tuple[str, str]:
    """The tensor with its axes padded, and the shape it is to get."""
    tensor = node.input[0]
    for axis in padded:
        name = f"{node.name}/axis_{axis}"
        three = [-1, sizes[axis], int(np.prod(sizes[axis + 1 :]))]
        tensor = graph.add_reshape(f"{name}/three", tensor, three, node)
        pairs = np.zeros((3, 2), np.int32)
        pairs[1] = paddings[axis]
        inputs = [tensor, graph.add_constant(f"{name}/pairs", pairs), *node.input[2:]]
        tensor = graph.add(name, node.op, inputs, node, "mode").name
        sizes[axis] += int(paddings[axis].sum())
    return tensor, graph.add_constant(f"{node.name}/many", np.array(sizes, np.int32))
