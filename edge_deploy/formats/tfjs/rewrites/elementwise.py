"""Operators on each number alone that TF.js does not have."""

from __future__ import annotations

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph


def count_boundaries(graph: Graph) -> None:
    """Write Bucketize as the number of boundaries that a value reaches."""
    for node in graph.of("Bucketize"):
        limits = np.array(node.attr["boundaries"].list.f, graph.numpy_dtype(node))
        last = graph.add_constant(f"{node.name}/last", np.int32(-1))
        values = graph.add(f"{node.name}/values", "ExpandDims", [node.input[0], last], node)
        boundaries = graph.add_constant(f"{node.name}/boundaries", limits)
        reached = graph.add(f"{node.name}/reached", "GreaterEqual", [values.name, boundaries], node)
        counted = graph.add(f"{node.name}/counted", "Cast", [reached.name], node)
        del counted.attr["T"]
        counted.attr["SrcT"].type = graph.dtype(np.bool_)
        counted.attr["DstT"].type = graph.dtype(np.int32)
        graph.replace(node, "Sum", [counted.name, last])
        node.attr["T"].type = graph.dtype(np.int32)
