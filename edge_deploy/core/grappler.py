"""Grappler, TensorFlow's own optimizer of graphs, which is not given the weights.

It copies a graph some ten times: of a network of a gigabyte that is more memory than most machines
have, and most of the time that converting takes. What it does with most weights is nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from edge_deploy.core.graph_weights import is_weight

# Operators with a filter, as their second input, and which input they filter.
_CONVOLUTIONS = {
    "Conv2D": 0,
    "Conv2DBackpropInput": 2,
    "Conv3D": 0,
    "Conv3DBackpropInputV2": 2,
    "DepthwiseConv2dNative": 0,
}
# Operators that a weight is multiplied or looked up in, and as which input.
_PRODUCTS = {**dict.fromkeys((*_CONVOLUTIONS, "MatMul", "BatchMatMulV2"), 1), "GatherV2": 0}
# What Grappler would work into the weights of a product, before it or after it.
_FACTORS = frozenset({"Mul", "Div", "RealDiv"})
_PASS_THROUGH = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose"})
_APART = "/apart"


def optimize(graph_def: Any, ends: Collection[str], passes: Sequence[str], **settings: Any) -> Any:
    """The graph after passes of Grappler.

    Args:
        graph_def: The graph; it is not changed.
        ends: Nodes or tensors that it must keep.
        passes: Grappler's names of them, in their order.
        **settings: Fields of its RewriterConfig.
    """
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
    from tensorflow.python.grappler import tf_optimizer

    apart = _weights_apart(graph_def, ends)
    given = meta_graph_pb2.MetaGraphDef()
    _write_apart(given.graph_def, graph_def, apart)
    given.collection_def["train_op"].node_list.value.extend(ends)
    written = given.SerializeToString()
    del given  # what is left of the weights would be there once more
    rewriter = rewriter_config_pb2.RewriterConfig(optimizers=passes, **settings)
    options = config_pb2.GraphOptions(rewrite_options=rewriter)
    config = config_pb2.ConfigProto(graph_options=options)
    optimized = tf_optimizer.OptimizeGraph(
        config, SimpleNamespace(SerializeToString=lambda: written)
    )
    _write_back(optimized, graph_def)
    return optimized


def _weights_apart(graph_def: Any, ends: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The weights that no pass can do anything with, and the names of what is no more than they.

    Those are the identities that pass one on, the first of which stays, since where Grappler
    folds constants that is what is left; or the constant itself, where there is none.
    """
    nodes = {node.name: node for node in graph_def.node}
    taking = _consumers(graph_def)
    fed = _fed(graph_def, taking)
    kept = {_node(name) for name in ends}
    apart: dict[str, tuple[str, ...]] = {}
    for node in graph_def.node:
        if not is_weight(node) or node.input or f"{node.name}{_APART}" in nodes:
            continue
        uses = taking[node.name]
        same = tuple(one.name for one, _ in uses if one.op == "Identity") or (node.name,)
        products = [use for use in uses if use[0].op != "Identity"]
        products += [use for name in same if name != node.name for use in taking[name]]
        if (
            products
            and kept.isdisjoint((node.name, *same))
            and all(
                one.name in fed and _PRODUCTS.get(one.op) == place and _is_alone(one, nodes, taking)
                for one, place in products
            )
        ):
            apart[node.name] = same
    return apart


def _is_alone(product: Any, nodes: Mapping[str, Any], taking: Mapping[str, Any]) -> bool:
    """Whether nothing is multiplied before or after that could be worked into the weights."""
    if product.op in _CONVOLUTIONS:
        before = nodes[_node(product.input[_CONVOLUTIONS[product.op]])]
        while before.op in _PASS_THROUGH and before.input:
            before = nodes[_node(before.input[0])]
        if before.op in _FACTORS:
            return False
    waiting = [product.name]
    while waiting:
        for one, _ in taking[waiting.pop()]:
            if one.op in _FACTORS:
                return False
            if one.op in _PASS_THROUGH:
                waiting.append(one.name)
    return True


def _consumers(graph_def: Any) -> dict[str, list[tuple[Any, int]]]:
    """The nodes that take something of each node, and as which input."""
    taking: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for node in graph_def.node:
        for place, name in enumerate(node.input):
            if not name.startswith("^"):
                taking[_node(name)].append((node, place))
    return taking


def _fed(graph_def: Any, taking: Mapping[str, Any]) -> set[str]:
    """The nodes that depend on an input: all others may be folded."""
    waiting = [node.name for node in graph_def.node if node.op.startswith("Placeholder")]
    fed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in fed:
            fed.add(name)
            waiting.extend(one.name for one, _ in taking[name])
    return fed


def _write_apart(light: Any, whole: Any, apart: Mapping[str, tuple[str, ...]]) -> None:
    """Copy a graph, in which variables stand for weights: of those Grappler knows nothing."""
    light.versions.CopyFrom(whole.versions)
    light.library.CopyFrom(whole.library)
    instead = {name: same[0] for weight, same in apart.items() for name in (weight, *same)}
    for node in whole.node:
        if node.name in apart:
            kind, shape = node.attr["dtype"], node.attr["value"].tensor.tensor_shape
            variable = light.node.add(name=f"{node.name}{_APART}", op="VarHandleOp")
            variable.attr["dtype"].CopyFrom(kind)
            variable.attr["shape"].shape.CopyFrom(shape)
            read = light.node.add(
                name=instead[node.name], op="ReadVariableOp", input=[variable.name]
            )
            read.attr["dtype"].CopyFrom(kind)
        elif node.name not in instead:
            copy = light.node.add()
            copy.CopyFrom(node)
            copy.input[:] = [_moved(name, instead) for name in node.input]


def _write_back(light: Any, whole: Any) -> None:
    """Put the weights in the places of the variables."""
    weights = {f"{node.name}{_APART}": node for node in whole.node if is_weight(node)}
    for place in reversed(range(len(light.node))):
        node = light.node[place]
        if node.op == "VarHandleOp" and node.name in weights:
            del light.node[place]
        elif node.op == "ReadVariableOp" and node.input[0] in weights:
            name, weight = node.name, weights[node.input[0]]
            node.Clear()
            node.name, node.op = name, "Const"
            for key in ("dtype", "value"):
                node.attr[key].CopyFrom(weight.attr[key])


def _moved(tensor: str, instead: Mapping[str, str]) -> str:
    name = _node(tensor)
    if name not in instead:
        return tensor
    return f"^{instead[name]}" if tensor.startswith("^") else instead[name]


def _node(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
