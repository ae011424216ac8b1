"""Pictures resized by filters that TF.js does not have, as products with constant matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.formats.tfjs.rewrites.graph import Graph

_OPS = ("ResizeBicubic", "ScaleAndTranslate")


def resize_by_products(graph: Graph) -> None:
    """Write a bicubic, Lanczos or antialiased resize as one product a side.

    Such a filter weighs rows and columns apart, and the weights depend on sizes alone: what
    TensorFlow makes of the columns of a unit matrix are the weights.
    """
    for node in graph.of(*_OPS):
        given, made = graph.shape(node.input[0]), graph.shape(node.name)
        options = [graph.constant(tensor) for tensor in node.input[1:]]
        if given is None or made is None or -1 in (*given[1:], *made[1:3]):
            continue
        if any(option is None for option in options):
            continue
        _, rows, columns, channels = given
        down = _weights(node, options, 0, rows, made[1])
        across = _weights(node, options, 1, columns, made[2])
        tall = _product(graph, f"{node.name}/rows", node.input[0], down, columns * channels)
        wide = _product(graph, f"{node.name}/columns", tall, across, channels)
        shape = graph.add_constant(
            f"{node.name}/picture", np.array([-1, made[1], made[2], channels], np.int32)
        )
        graph.replace(node, "Reshape", [wide, shape])
        node.attr["T"].type = graph.dtype(np.float32)


def _weights(node: Any, options: list[Any], side: int, size: int, wanted: int) -> Array:
    """The matrix that resizes one side: wanted rows, as many columns as the side has."""
    eye = np.eye(size, dtype=np.float32).reshape(
        (1, size, 1, size) if side == 0 else (1, 1, size, size)
    )
    new = [wanted, 1] if side == 0 else [1, wanted]
    if node.op == "ResizeBicubic":
        made = tf.raw_ops.ResizeBicubic(
            images=eye, size=new, align_corners=node.attr["align_corners"].b,
            half_pixel_centers=node.attr["half_pixel_centers"].b,
        )  # fmt: skip
    else:
        _, scale, move = (np.array(option, np.float32) for option in options)
        scale[1 - side], move[1 - side] = 1, 0
        made = tf.raw_ops.ScaleAndTranslate(
            images=eye, size=new, scale=scale, translation=move,
            kernel_type=node.attr["kernel_type"].s, antialias=node.attr["antialias"].b,
        )  # fmt: skip
    return np.asarray(made).reshape(wanted, size)


def _product(graph: Graph, name: str, tensor: str, weights: Array, width: int) -> str:
    """Matrices of a width, one behind the other, each multiplied from the left by the weights."""
    matrix = graph.add_constant(f"{name}/weights", weights[np.newaxis])
    like = graph.nodes[matrix]
    stacked = graph.add_reshape(f"{name}/stacked", tensor, [-1, weights.shape[1], width], like)
    node = graph.add(name, "BatchMatMulV2", [matrix, stacked], like)
    for one in (node, graph.nodes[stacked]):
        one.attr["T"].type = graph.dtype(np.float32)
    return str(node.name)
