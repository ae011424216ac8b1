"""Sizes and axes that the graph works out when it runs, though they are known before."""

from __future__ import annotations

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph


def fold_known_sizes(graph: Graph) -> None:
    """Write one size of a shape as the number that it is.

    Of a shape with a free axis TensorFlow's optimizer folds none of the others. With the sizes all
    that is made of them folds: reshapes, positions, and the mask of a causal attention.
    """
    for node in graph.of("StridedSlice"):
        shape_of = graph.source(node.input[0])
        if shape_of.op != "Shape":
            continue
        sizes = graph.shape(shape_of.input[0])
        begin, end, stride = (graph.constant(tensor) for tensor in node.input[1:4])
        if sizes is None or begin is None or end is None or stride is None or begin.size != 1:
            continue
        if node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i:
            continue
        first = None if node.attr["begin_mask"].i else int(begin[0])
        last = None if node.attr["end_mask"].i else int(end[0])
        if node.attr["shrink_axis_mask"].i:
            assert first is not None
            taken = [sizes[first]]
        else:
            taken = list(sizes[first : last : int(stride[0])])
        if -1 in taken or not taken:
            continue
        value = np.array(taken, graph.numpy_dtype(node))
        known = graph.add_constant(
            f"{node.name}/known", value[0] if node.attr["shrink_axis_mask"].i else value
        )
        graph.replace(node, "Identity", [known])


def fold_known_reshapes(graph: Graph) -> None:
    """Reshape to sizes that are known, of which one may be free."""
    for node in graph.of("Reshape"):
        made = graph.shape(node.name)
        if made is None or made.count(-1) > 1 or 0 in made:
            continue
        if graph.source(node.input[1]).op != "Const":
            node.input[1] = graph.add_constant(f"{node.name}/known", np.array(made, np.int32))
            node.attr["Tshape"].type = graph.dtype(np.int32)


def count_axes_from_the_first(graph: Graph) -> None:
    """Count the axis of a running sum or product from the first one.

    TF.js takes one that is counted from the last for an axis that it must bring there, and mixes
    the axes up.
    """
    for node in graph.of("Cumsum", "Cumprod"):
        shape, axis = graph.shape(node.input[0]), graph.constant(node.input[1])
        if shape is not None and axis is not None and int(axis) < 0:
            counted = np.int32(int(axis) + len(shape))
            node.input[1] = graph.add_constant(f"{node.name}/axis", counted)
            node.attr["Tidx"].type = graph.dtype(np.int32)
