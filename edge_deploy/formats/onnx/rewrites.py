"""Where tf2onnx's translation is not enough: handlers of single operators, and the whole graph."""

from __future__ import annotations

from typing import Any

import numpy as np

# Operators whose results are not below zero.
_NOT_NEGATIVE = frozenset({"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Abs", "Exp", "Softplus"})


def convolve_volumes(ctx: Any, node: Any, name: str, args: Any) -> None:
    """A Conv3D in groups: tf2onnx counts them for two axes only, and writes one group for three."""
    from tf2onnx.onnx_opset.nn import ConvOp

    data, kernel = (ctx.get_shape(tensor) for tensor in node.input[:2])
    channels = data[1 if node.get_attr_str("data_format") == "NCDHW" else -1]
    ConvOp.version_11(ctx, node)
    node.set_attr("group", channels // kernel[-2])


def keep_padding_apart(graph: Any) -> None:
    """Keep ONNX Runtime from taking a Pad into the MaxPool behind it, in place.

    It does so whatever the Pad fills in, and MaxPool's own padding never wins: zeros around
    negative numbers (ResNet50V2) would be lost. A maximum with the lowest number stands between.
    """
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for place, node in reversed(list(enumerate(graph.node))):
        pad = makers.get(node.input[0]) if node.op_type == "MaxPool" else None
        if pad is None or pad.op_type != "Pad":
            continue
        before = makers.get(pad.input[0])
        if before is not None and before.op_type in _NOT_NEGATIVE:
            continue
        value = constants.get(pad.input[2]) if len(pad.input) > 2 else None
        dtype = numpy_helper.to_array(value).dtype if value else np.dtype(np.float32)
        lowest = f"{node.name}_lowest"
        graph.initializer.append(numpy_helper.from_array(np.array(np.finfo(dtype).min), lowest))
        apart = helper.make_node(
            "Max", [pad.output[0], lowest], [f"{node.name}_padded"], name=f"{node.name}_apart"
        )
        node.input[0] = apart.output[0]
        graph.node.insert(place, apart)
