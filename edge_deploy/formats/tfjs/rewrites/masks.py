"""Parts of matrices, of which TF.js keeps the wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph


def keep_bands_by_places(graph: Graph) -> None:
    """Write MatrixBandPart as a comparison of each place's row and column.

    It is what a causal mask is made by. TF.js' own gives others, and stops wasm.
    """
    for node in graph.of("MatrixBandPart"):
        below, above = (graph.constant(tensor) for tensor in node.input[1:3])
        if below is None or above is None:
            continue
        rows, columns = (_places(graph, node, axis) for axis in (-2, -1))
        masks = []
        for first, second, most in ((rows, columns, int(below)), (columns, rows, int(above))):
            if most >= 0:  # else all of them
                apart = graph.add(f"{node.name}/apart", "Sub", [first, second], node)
                limit = graph.add_constant(f"{node.name}/limit", np.int32(most))
                near = graph.add(f"{node.name}/near", "LessEqual", [apart.name, limit], node)
                apart.attr["T"].type = near.attr["T"].type = graph.dtype(np.int32)
                masks.append(near.name)
        mask = masks[0] if masks else ""
        if len(masks) > 1:
            both = graph.add(f"{node.name}/both", "LogicalAnd", masks, node)
            del both.attr["T"]
            mask = both.name
        if not mask:
            graph.replace(node, "Identity", node.input[:1])
            continue
        kind = graph.numpy_dtype(node)
        if kind is np.bool_:
            graph.replace(node, "LogicalAnd", [mask, node.input[0]])
            del node.attr["T"]
        else:
            zero = graph.add_constant(f"{node.name}/zero", np.zeros((), kind))
            graph.replace(node, "SelectV2", [mask, node.input[0], zero])


def _places(graph: Graph, node: Any, axis: int) -> str:
    """The numbers of a matrix' rows, as a column, or of its columns, as a row."""
    name, int32 = f"{node.name}/places_{-axis}", graph.dtype(np.int32)
    shape = graph.shape(node.input[0])
    if shape is not None and shape[axis] >= 0:
        numbers = np.arange(shape[axis], dtype=np.int32)
        whole = numbers[:, np.newaxis] if axis == -2 else numbers[np.newaxis]
        return graph.add_constant(name, whole)
    sizes = graph.add(f"{name}/sizes", "Shape", node.input[:1], node)
    ends = [graph.add_constant(f"{name}/{key}", np.array([n], np.int32))
            for key, n in (("from", axis), ("to", axis + 1), ("by", 1))]  # fmt: skip
    size = graph.add(f"{name}/size", "StridedSlice", [sizes.name, *ends], node)
    size.attr["T"].type = size.attr["Index"].type = int32
    size.attr["shrink_axis_mask"].i = 1
    size.attr["end_mask"].i = int(axis == -1)
    numbers_of = [
        graph.add_constant(f"{name}/{key}", np.int32(n)) for key, n in (("zero", 0), ("one", 1))
    ]
    line = graph.add(f"{name}/line", "Range", [numbers_of[0], size.name, numbers_of[1]], size)
    del line.attr["T"]
    line.attr["Tidx"].type = int32
    across = graph.add_constant(f"{name}/axis", np.int32(1 if axis == -2 else 0))
    return str(graph.add(name, "ExpandDims", [line.name, across], size).name)
