"""A convolution or product and what follows it as one operator that every backend has.

TensorFlow's own optimizer would fuse for TensorFlow's kernels: biases of any shape, activations
that TF.js has on one backend or on none. What is fused here runs on webgl, wasm and cpu, and
nothing else is fused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array
from edge_deploy.formats.tfjs.rewrites.graph import PLAIN, Graph, node_of

_FUSED = {
    "Conv2D": "_FusedConv2D",
    "DepthwiseConv2dNative": "FusedDepthwiseConv2dNative",
    "MatMul": "_FusedMatMul",
}
_SUMS = ("BiasAdd", "Add", "AddV2")
_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
# tfjs-backend-wasm 4.22: FusableActivation has linear, relu, relu6, prelu, leakyrelu, sigmoid, elu.
_ACTIVATIONS = ("Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu", "Prelu")


@dataclass(frozen=True, eq=False)
class _Affine:
    """What follows a product, channel by channel: ``product * scale + offset``.

    Attributes:
        scale: float64, one a channel; None for ones.
        offset: float64, one a channel; None for zeros.
        end: The node whose value it is.
    """

    scale: Array | None
    offset: Array | None
    end: Any


def fuse_products(graph: Graph) -> None:
    """Fuse convolutions and products with constant kernels with what follows each.

    Scales and offsets of channels (batch normalization, however it is written) go into the kernel
    and a bias of one axis; an activation that every backend can fuse goes along.
    """
    takers = graph.consumers()
    for node in graph.of(*_FUSED):
        kernel = graph.source(node.input[1])
        if kernel.op != "Const" or node.attr["data_format"].s not in (b"", b"NHWC"):
            continue
        axes = _channel_axes(node)
        shape = graph.shape(kernel.name) or ()
        channels = int(np.prod([shape[axis] for axis in axes]))
        own = len(takers[kernel.name]) == 1 and node_of(node.input[1]) == kernel.name
        affine = _affine(graph, takers, node, channels, may_scale=own)
        activation = _activation(graph, takers, affine.end, channels)
        if affine.end is node and activation is None:
            continue
        if affine.scale is not None:
            values = graph.constant(kernel.name)
            assert values is not None
            factors = affine.scale.reshape([n if a in axes else 1 for a, n in enumerate(shape)])
            graph.set_constant(kernel, (values * factors).astype(values.dtype))
        _write(graph, node, affine, activation)


def _channel_axes(node: Any) -> tuple[int, ...]:
    """The axes of a kernel that number the channels of the result."""
    if node.op == "MatMul":
        return (0,) if node.attr["transpose_b"].b else (1,)
    return (2, 3) if node.op == "DepthwiseConv2dNative" else (3,)


def _affine(
    graph: Graph, takers: dict[str, list[Any]], node: Any, channels: int, *, may_scale: bool
) -> _Affine:
    """The longest chain of scales and offsets behind a product that nothing else looks into."""
    scale: Array | None = None
    offset: Array | None = None
    end, axes = node, 2 if node.op == "MatMul" else 4
    while (step := _only_taker(takers, end)) is not None:
        found = _step(graph, step, end.name, channels, axes)
        if found is None or not all(np.isfinite(part).all() for part in found if part is not None):
            break
        by, plus = found
        if by is not None:
            if not may_scale:
                break
            scale = by if scale is None else scale * by
            offset = None if offset is None else offset * by
        if plus is not None:
            offset = plus if offset is None else offset + plus
        end = step
    return _Affine(scale, offset, end)


def _only_taker(takers: dict[str, list[Any]], node: Any) -> Any:
    """The one node that takes a node's value; None where there are several, or it is an end."""
    taking = takers[node.name]
    return taking[0] if len(taking) == 1 and taking[0] is not node else None


def _step(
    graph: Graph, step: Any, taken: str, channels: int, axes: int
) -> tuple[Array | None, Array | None] | None:
    """A node as the scale and offset of channels that it is; None where it is none."""
    if step.op == "Identity" and step.name not in graph.ends:
        return None, None
    if step.op in _NORMS and step.input[0] == taken and not step.attr["is_training"].b:
        parts = [_per_channel(graph, name, channels, 1) for name in step.input[1:5]]
        if any(part is None for part in parts) or step.attr["data_format"].s not in (b"", b"NHWC"):
            return None
        gamma, beta, mean, variance = (part for part in parts if part is not None)
        by = gamma / np.sqrt(variance + step.attr["epsilon"].f)
        return by, beta - mean * by
    if step.op not in (*_SUMS, "Sub", "Mul", "RealDiv") or len(step.input) != 2:
        return None
    first = step.input[0] == taken
    value = _per_channel(graph, step.input[1 if first else 0], channels, axes)
    if value is None or (not first and step.op in ("Sub", "RealDiv")):
        return None
    if step.op == "RealDiv" and not value.all():
        return None  # folded, 1 / 0 would make NaN of a kernel's zeros
    if step.op in _SUMS:
        return None, value
    if step.op == "Sub":
        return None, -value
    return (value if step.op == "Mul" else 1 / value), None


def _per_channel(graph: Graph, tensor: str, channels: int, axes: int) -> Array | None:
    """A constant's value for each channel; None where it differs within one, or is none."""
    node = graph.source(tensor)
    if node.op != "Const":
        return None
    shape = graph.shape(node.name) or ()
    size = int(np.prod(shape))
    if len(shape) > axes or not (size == 1 or size == shape[-1] == channels):
        return None
    values = graph.constant(tensor)
    assert values is not None
    return np.broadcast_to(values.reshape(-1).astype(np.float64), (channels,))


def _activation(graph: Graph, takers: dict[str, list[Any]], end: Any, channels: int) -> Any:
    """The activation behind a node, if every backend can fuse it."""
    step = _only_taker(takers, end)
    if step is None or step.op not in _ACTIVATIONS or step.input[0] != end.name:
        return None
    if step.op == "Prelu":
        alpha = graph.constant(step.input[1])
        if alpha is None or alpha.shape[-1:] != (channels,) or alpha.size != channels:
            return None
    return step


def _write(graph: Graph, node: Any, affine: _Affine, activation: Any) -> None:
    """Put the fused operator in the place of the last node that goes into it."""
    last = affine.end if activation is None else activation
    inputs, steps = list(node.input[:2]), []
    prelu = activation is not None and activation.op == "Prelu"
    offset = affine.offset
    if offset is None and prelu and node.op == "MatMul":
        # TF.js takes the first argument of a fused product for its bias, whatever is fused.
        alpha = graph.constant(activation.input[1])
        assert alpha is not None  # one number a channel, or _activation had not taken it
        offset = np.zeros(alpha.size)
    if offset is not None:
        inputs.append(graph.add_constant(f"{last.name}/bias", offset.astype(np.float32)))
        steps.append("BiasAdd")
    elif activation is not None:
        steps.append("NoOp")
    if activation is not None:
        steps.append(activation.op)
        inputs += activation.input[1:]
    leak = activation.attr["alpha"].f if activation is not None else 0.0
    leaky = activation is not None and activation.op == "LeakyRelu"
    if not steps:  # a scale alone
        graph.replace(last, node.op, inputs, *PLAIN, like=node)
        return
    graph.replace(last, _FUSED[node.op], inputs, *PLAIN, like=node)
    last.attr["fused_ops"].list.s[:] = [step.encode() for step in steps]
    last.attr["num_args"].i = len(inputs) - 2
    if leaky:
        last.attr["leakyrelu_alpha"].f = leak
