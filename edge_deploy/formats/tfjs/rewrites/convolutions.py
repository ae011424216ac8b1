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
