"""Normalization by what a batch itself holds, which TF.js takes for one by means that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph

_FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def write_moments(graph: Graph) -> None:
    """Write batch normalization in training mode as its means and variances.

    Keras 2 writes LayerNormalization so. TF.js takes the operator's empty means and variances for
    those to use: webgl stops, and wasm answers with something else.
    """
    consumers = graph.consumers()
    for node in graph.of(*_FUSED):
        if not node.attr["is_training"].b or _statistics_are_taken(node, consumers):
            continue
        shape = graph.shape(node.input[0])
        if shape is None:
            continue
        first = node.attr["data_format"].s.startswith(b"NC")
        channel = 1 if first else len(shape) - 1
        others = [axis for axis in range(len(shape)) if axis != channel]
        name, epsilon = node.name, node.attr["epsilon"].f or 1e-4
        axes = graph.add_constant(f"{name}/axes", np.array(others, np.int32))
        mean = _mean(graph, f"{name}/mean", node.input[0], axes, node)
        apart = graph.add(f"{name}/apart", "Sub", [node.input[0], mean], node).name
        squares = graph.add(f"{name}/squares", "Mul", [apart, apart], node).name
        variance = _mean(graph, f"{name}/variance", squares, axes, node)
        least = graph.add_constant(f"{name}/epsilon", np.float32(epsilon))
        above = graph.add(f"{name}/above", "AddV2", [variance, least], node).name
        by = graph.add(f"{name}/by", "Rsqrt", [above], node).name
        made = ["Mul", apart, by]
        sizes = [-1 if axis == channel else 1 for axis in range(len(shape))]
        for op, tensor, nothing in (("Mul", node.input[1], 1), ("AddV2", node.input[2], 0)):
            if not _is_all(graph, tensor, nothing):
                spread = graph.add_reshape(f"{name}/{op}/spread", tensor, sizes, node)
                before = graph.add(f"{name}/{op}/before", made[0], made[1:], node).name
                made = [op, before, spread]
        graph.replace(node, made[0], made[1:])


def _statistics_are_taken(node: Any, consumers: dict[str, list[Any]]) -> bool:
    """Whether something takes the means and variances, and not what is normalized by them."""
    return any(
        tensor.startswith(f"{node.name}:") and not tensor.endswith(":0")
        for taking in consumers[node.name]
        for tensor in taking.input
    )


def _mean(graph: Graph, name: str, tensor: str, axes: str, like: Any) -> str:
    node = graph.add(name, "Mean", [tensor, axes], like)
    node.attr["keep_dims"].b = True
    node.attr["Tidx"].type = graph.dtype(np.int32)
    return str(node.name)


def _is_all(graph: Graph, tensor: str, number: int) -> bool:
    """Whether a tensor is one number everywhere, whatever its size."""
    node = graph.source(tensor)
    value = graph.constant(node.input[1] if node.op == "Fill" else tensor)
    return value is not None and bool((value == number).all())
