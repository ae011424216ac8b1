"""Checks that a graph makes of its own values, which a converted file has no use for."""

from __future__ import annotations

from typing import Any

from edge_deploy.formats.tfjs.rewrites.graph import Graph

_SAY = ("Assert", "PrintV2")
_PASS_ON = ("CheckNumerics", "CheckNumericsV2", "Print")


def drop_checks(graph: Graph) -> None:
    """Drop Assert and its like, which TF.js does not have and which answer nothing."""
    graph.remove([node.name for node in graph.of(*_SAY)])
    for function in graph.graph_def.library.function:  # the branches of a condition
        _drop_in(function)
    for node in graph.of(*_PASS_ON):
        graph.replace(node, "Identity", node.input[:1])


def _drop_in(function: Any) -> None:
    gone = {node.name for node in function.node_def if node.op in _SAY}
    for place in reversed(range(len(function.node_def))):
        node = function.node_def[place]
        if node.name in gone:
            del function.node_def[place]
            continue
        node.input[:] = [name for name in node.input if name.removeprefix("^") not in gone]
        if node.op in _PASS_ON:
            kept = node.attr["T"].SerializeToString()
            node.op = "Identity"
            node.input[:] = node.input[:1]
            node.attr.clear()
            node.attr["T"].ParseFromString(kept)
    for name in [name for name, node in function.control_ret.items() if node in gone]:
        del function.control_ret[name]
