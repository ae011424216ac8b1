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


def resize(ctx: Any, node: Any, name: str, args: Any) -> None:
    """A resize to sizes that no factor says.

    tf2onnx writes factors, and ONNX rounds what they give down: 6 times 5/6 can be 4. It
    writes the sizes themselves where they are not constant, which an Identity makes of them.
    """
    from tf2onnx.onnx_opset.nn import Resize

    shape = ctx.get_shape(node.input[0])
    if shape is not None and node.inputs[1].is_const() and -1 not in shape[1:3]:
        before = np.array(shape[1:3], np.float64)
        after = np.asarray(node.inputs[1].get_tensor_value(), np.float64)
        factors = (after / before).astype(np.float32)
        if not np.array_equal(np.floor(before * factors.astype(np.float64)), after):
            hidden = ctx.make_node("Identity", [node.input[1]])
            ctx.replace_input(node, node.input[1], hidden.output[0], 1)
    Resize.version_11(ctx, node)


def pad_outputs(graph: Any) -> None:
    """Say what a transposed convolution adds behind its result, which is no padding below zero."""
    from onnx import helper

    for node in graph.node:
        pads = next((one for one in node.attribute if one.name == "pads"), None)
        if node.op_type != "ConvTranspose" or pads is None or min(pads.ints) >= 0:
            continue
        axes = len(pads.ints) // 2
        total = [pads.ints[n] + pads.ints[n + axes] for n in range(axes)]
        added = [max(0, -one) for one in total]
        for n in range(axes):
            if total[n] < 0:
                pads.ints[n] = pads.ints[n + axes] = 0
        node.attribute.append(helper.make_attribute("output_padding", added))


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
