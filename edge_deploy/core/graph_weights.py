"""Large constants of a graph apart from it: who looks at the graph alone copies no weights."""

from __future__ import annotations

from typing import Any

_LARGE = 1 << 16  # bytes of a constant that is a weight; shapes and axes are smaller


def is_weight(node: Any) -> bool:
    """Whether a node is a constant of many values."""
    return bool(node.op == "Const" and node.attr["value"].tensor.ByteSize() >= _LARGE)


def without_weights(graph_def: Any) -> Any:
    """A copy in which large constants have a shape and no values: for what looks at shapes only."""
    copy = type(graph_def)()
    copy.versions.CopyFrom(graph_def.versions)
    copy.library.CopyFrom(graph_def.library)
    for node in graph_def.node:
        if not is_weight(node):
            copy.node.add().CopyFrom(node)
            continue
        empty = copy.node.add(name=node.name, op=node.op, device=node.device, input=node.input)
        for key in node.attr:
            if key != "value":
                empty.attr[key].CopyFrom(node.attr[key])
        tensor = node.attr["value"].tensor
        empty.attr["value"].tensor.dtype = tensor.dtype
        empty.attr["value"].tensor.tensor_shape.CopyFrom(tensor.tensor_shape)
    return copy


def put_weights_back(graph_def: Any, whole: Any) -> None:
    """Give the constants of a graph the values that they have in another one, by their names.

    Args:
        graph_def: What was made of ``without_weights(whole)``, which kept the constants' names.
        whole: The graph with the values.
    """
    weights = {node.name: node for node in whole.node if is_weight(node)}
    for node in graph_def.node:
        if node.op == "Const" and node.name in weights:
            node.attr["value"].CopyFrom(weights[node.name].attr["value"])
