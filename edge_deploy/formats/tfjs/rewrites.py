"""Rewrites of a graph into operators that every backend of TF.js has, one function each.

Some come before TensorFlow's optimizer, which would fuse what they take apart; some mend what the
optimizer and TF.js' own converter fused for TensorFlow's kernels and not for TF.js'. A rewrite
changes no answer: it is checked on webgl, wasm and cpu in tests/formats/test_architectures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array

# Operators that Grappler or TF.js' converter fused, and what they are without their ends.
_FUSED = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedMatMul": "MatMul",
}
# What of a fused operator's attributes the plain one has.
_PLAIN = (
    "strides", "padding", "explicit_paddings", "data_format", "dilations",
    "transpose_a", "transpose_b",
)  # fmt: skip
# tfjs-backend-wasm 4.22: FusableActivation has linear, relu, relu6, prelu, leakyrelu, sigmoid, elu.
_FUSABLE = frozenset({"Relu", "Relu6", "Prelu", "LeakyRelu", "Sigmoid", "Elu"})
_WITH_ARGUMENT = frozenset({"BiasAdd", "Add", "Prelu"})


class Graph:
    """A GraphDef with its nodes by name.

    Attributes:
        graph_def: What is rewritten.
        nodes: Its nodes by name.
    """

    def __init__(self, graph_def: Any) -> None:
        self.graph_def = graph_def
        self.nodes = {node.name: node for node in graph_def.node}

    def source(self, tensor: str) -> Any:
        """The node that makes a tensor, past those that only pass it on."""
        node = self.nodes[tensor.partition(":")[0]]
        while node.op == "Identity":
            node = self.nodes[node.input[0].partition(":")[0]]
        return node

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """A tensor's shape with -1 for free axes; None where even their number is not known."""
        name, _, index = tensor.partition(":")
        attributes = self.nodes[name].attr
        if "_output_shapes" not in attributes:
            return None
        shape = attributes["_output_shapes"].list.shape[int(index or 0)]
        return None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)

    def constant(self, tensor: str) -> Array | None:
        """A constant's values; None for what is none."""
        node = self.source(tensor)
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None

    def add(self, name: str, op: str, inputs: Sequence[str], like: Any, *keep: str) -> Any:
        """A new node of another's dtype, and of those of its attributes that are named."""
        node = self.graph_def.node.add(name=name, op=op, input=inputs)
        for key in ("T", *keep):
            if key in like.attr:
                node.attr[key].CopyFrom(like.attr[key])
        self.nodes[name] = node
        return node

    def add_constant(self, name: str, value: Any) -> str:
        """A new constant; gives its name."""
        values = np.asarray(value)
        node = self.graph_def.node.add(name=name, op="Const")
        node.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
        self.nodes[name] = node
        return name

    def replace(self, node: Any, op: str, inputs: Sequence[str], *keep: str) -> None:
        """Let a node be another operator of the same dtype under the same name."""
        kept = {key: node.attr[key].SerializeToString() for key in ("T", *keep) if key in node.attr}
        node.op = op
        node.input[:] = list(inputs)
        node.attr.clear()
        for key, value in kept.items():
            node.attr[key].ParseFromString(value)


def before_optimizer(graph_def: Any) -> None:
    """Rewrite a frozen graph, whose nodes have ``_output_shapes``, in place."""
    graph = Graph(graph_def)
    for rewrite in (split_groups,):
        rewrite(graph)


def after_optimizer(graph_def: Any) -> None:
    """Rewrite what the optimizer and the converter gave, in place."""
    graph = Graph(graph_def)
    before = _taken(graph_def)
    for rewrite in (flatten_biases, unfuse, unfuse_batch_norm):
        rewrite(graph)
    # A constant that nothing takes any more would be written as a weight.
    idle = before - _taken(graph_def)
    for position in reversed(range(len(graph_def.node))):
        node = graph_def.node[position]
        if node.op == "Const" and node.name in idle:
            del graph_def.node[position]


def _taken(graph_def: Any) -> set[str]:
    return {name.partition(":")[0] for node in graph_def.node for name in node.input}


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
            graph.replace(node, "DepthwiseConv2dNative", [node.input[0], own.name], *_PLAIN)
            continue
        inputs = _split(graph, f"{node.name}_inputs", node.input[0], axis, groups, node)
        kernels = _split(
            graph, f"{node.name}_kernels", node.input[1], len(kernel) - 1, groups, node
        )
        parts = [
            graph.add(f"{node.name}_group_{n}", node.op, pair, node, *_PLAIN).name
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


def flatten_biases(graph: Graph) -> None:
    """Let a constant bias of a fused operator have one axis, the channels.

    TF.js' converter takes every sum behind a convolution or a product for a bias: a constant of
    shape ``(1, 1, 1, C)`` (batch normalization in Keras 3), or one number (the 3 in ``x + 3`` of
    a hard sigmoid). The wasm backend has biases of one axis only.
    """
    for node in list(graph.graph_def.node):
        if _steps(node)[:1] != ["BiasAdd"]:
            continue
        bias, channels = graph.constant(node.input[2]), _channels(graph, node)
        axes = 2 if node.op == "_FusedMatMul" else 4
        if bias is None or channels is None or bias.ndim > axes or bias.shape == (channels,):
            continue
        if bias.size == 1 or bias.size == bias.shape[-1] == channels:
            flat = np.ascontiguousarray(np.broadcast_to(bias.reshape(-1), (channels,)))
            node.input[2] = graph.add_constant(f"{node.name}_bias", flat)


def unfuse(graph: Graph) -> None:
    """Take apart what was fused and TF.js cannot run, or not on every backend.

    The other branch of a residual sum, or ``h @ U`` in ``x @ W + h @ U``, is no bias of one axis;
    and Grappler fuses activations that the wasm backend has only alone, or TF.js not at all.
    """
    for node in list(graph.graph_def.node):
        steps = _steps(node)
        if not steps:
            continue
        fused = 0
        if steps[0] == "NoOp" or (steps[0] == "BiasAdd" and _is_bias(graph, node)):
            fused = 2 if steps[1:] and steps[1] in _FUSABLE else 1
        if fused < len(steps):
            _take_apart(graph, node, steps, fused if steps[:fused] != ["NoOp"] else 0)


def unfuse_batch_norm(graph: Graph) -> None:
    """Write a batch normalization and the ReLU behind it as two, which Grappler fuses for GPUs.

    It is what stands in front of a convolution, where nothing folds it into the weights.
    """
    for node in list(graph.graph_def.node):
        if node.op != "_FusedBatchNormEx":
            continue
        keep = ("U", "epsilon", "data_format", "is_training", "exponential_avg_factor")
        name = f"{node.name}_normalized"
        last = graph.add(name, "FusedBatchNormV3", node.input[:5], node, *keep).name
        if len(node.input) > 5:
            last = graph.add(f"{node.name}_sum", "AddV2", [last, node.input[5]], node).name
        mode = node.attr["activation_mode"].s.decode()
        graph.replace(node, "Identity" if mode == "Identity" else mode, [last])


def _steps(node: Any) -> list[str]:
    """What a fused operator does after its product, in order."""
    return [name.decode() for name in node.attr["fused_ops"].list.s] if node.op in _FUSED else []


def _channels(graph: Graph, node: Any) -> int | None:
    """How many channels a fused operator gives, if its kernel is constant."""
    kernel = graph.constant(node.input[1])
    if kernel is None:
        return None
    if node.op == "_FusedMatMul":
        return int(kernel.shape[0 if node.attr["transpose_b"].b else 1])
    own = kernel.shape[2] if node.op == "FusedDepthwiseConv2dNative" else 1
    return int(kernel.shape[3] * own)


def _is_bias(graph: Graph, node: Any) -> bool:
    bias = graph.constant(node.input[2])
    return bias is not None and bias.shape == (_channels(graph, node),)


def _take_apart(graph: Graph, node: Any, steps: Sequence[str], fused: int) -> None:
    """Leave the first steps fused and write the others as nodes, of which the last has its name."""
    arguments = list(node.input[2:])
    leak = node.attr["leakyrelu_alpha"].f if "leakyrelu_alpha" in node.attr else 0.0
    inner = graph.graph_def.node.add()
    inner.CopyFrom(node)
    inner.name = f"{node.name}_product"
    graph.nodes[inner.name] = inner
    if fused:
        taken = sum(step in _WITH_ARGUMENT for step in steps[:fused])
        inner.attr["fused_ops"].list.s[:] = [step.encode() for step in steps[:fused]]
        inner.attr["num_args"].i = taken
        inner.input[2:] = [arguments.pop(0) for _ in range(taken)]
    else:
        graph.replace(inner, _FUSED[node.op], node.input[:2], *_PLAIN)
    last = inner.name
    rest = [step for step in steps[fused:] if step != "NoOp"]
    for n, step in enumerate(rest, 1):
        at = (
            node if n == len(rest) else graph.add(f"{node.name}_step_{n}", "Identity", [last], node)
        )
        if step in ("BiasAdd", "Add"):
            graph.replace(at, "AddV2", [last, arguments.pop(0)])
        elif step == "Prelu":
            graph.replace(at, "Prelu", [last, arguments.pop(0)])
        elif step == "LeakyRelu":
            graph.replace(at, "LeakyRelu", [last])
            at.attr["alpha"].f = leak
        elif step in _WRITTEN_OUT:
            _WRITTEN_OUT[step](graph, at, last)
        else:
            graph.replace(at, step, [last])
        last = at.name


def _hard_swish(graph: Graph, node: Any, x: str) -> None:
    """``x * (relu6(x + 3) / 6)``."""
    gate = _chain(graph, node, x, ("AddV2", 3.0), ("Relu6", None), ("Mul", 1 / 6))
    graph.replace(node, "Mul", [x, gate])


def _gelu(graph: Graph, node: Any, x: str) -> None:
    """``x * (0.5 * (1 + erf(x / sqrt(2))))``."""
    steps = (("Mul", 0.5**0.5), ("Erf", None), ("AddV2", 1.0), ("Mul", 0.5))
    graph.replace(node, "Mul", [x, _chain(graph, node, x, *steps)])


def _gelu_by_tanh(graph: Graph, node: Any, x: str) -> None:
    """``x * (0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))))``."""
    square = graph.add(f"{node.name}_square", "Mul", [x, x], node)
    factor = _chain(graph, node, square.name, ("Mul", 0.044715), ("AddV2", 1.0))
    cubic = graph.add(f"{node.name}_cubic", "Mul", [x, factor], node)
    steps = (("Mul", (2 / np.pi) ** 0.5), ("Tanh", None), ("AddV2", 1.0), ("Mul", 0.5))
    graph.replace(node, "Mul", [x, _chain(graph, node, cubic.name, *steps)])


def _chain(graph: Graph, node: Any, x: str, *steps: tuple[str, float | None]) -> str:
    """Operators one behind the other, each with a number or alone; gives the last one's name."""
    for op, number in steps:
        name = f"{node.name}_{len(graph.nodes)}"
        own = [] if number is None else [graph.add_constant(f"{name}_number", np.float32(number))]
        x = graph.add(name, op, [x, *own], node).name
    return x


_WRITTEN_OUT: dict[str, Callable[[Graph, Any, str], None]] = {
    "_FusedHardSwish": _hard_swish,
    "GeluExact": _gelu,
    "GeluApproximate": _gelu_by_tanh,
}
