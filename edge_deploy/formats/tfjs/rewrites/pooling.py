"""Pooling that a backend of TF.js computes wrongly, out of pooling that all have right."""

from __future__ import annotations

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph


def pool_volumes_by_pictures(graph: Graph) -> None:
    """Take the largest value of a volume's window by rows and columns, then by depth.

    The wasm backend's MaxPool3D starts from the least positive number: a window of numbers below
    zero gives that.
    """
    for node in graph.of("MaxPool3D"):
        given, made = graph.shape(node.input[0]), graph.shape(node.name)
        if given is None or made is None or -1 in (*given[1:], *made[1:]):
            continue
        if node.attr["data_format"].s.startswith(b"NC"):
            continue
        _, depth, rows, columns, channels = given
        size, step = list(node.attr["ksize"].list.i), list(node.attr["strides"].list.i)
        pictures = graph.add_reshape(
            f"{node.name}/pictures", node.input[0], [-1, rows, columns, channels], node
        )
        flat = graph.add(f"{node.name}/flat", "MaxPool", [pictures], node, "padding")
        flat.attr["ksize"].list.i[:] = [1, *size[2:4], 1]
        flat.attr["strides"].list.i[:] = [1, *step[2:4], 1]
        area = made[2] * made[3]
        columns_of = graph.add_reshape(
            f"{node.name}/columns", flat.name, [-1, depth, area, channels], node
        )
        deep = graph.add(f"{node.name}/deep", "MaxPool", [columns_of], node, "padding")
        deep.attr["ksize"].list.i[:] = [1, size[1], 1, 1]
        deep.attr["strides"].list.i[:] = [1, step[1], 1, 1]
        shape = graph.add_constant(f"{node.name}/volume", np.array((-1, *made[1:]), np.int32))
        graph.replace(node, "Reshape", [deep.name, shape])
