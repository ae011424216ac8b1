"""Checks that a graph makes of its own values, which a converted file has no use for."""

from __future__ import annotations

from edge_deploy.formats.tfjs.rewrites.graph import Graph


def drop_checks(graph: Graph) -> None:
    """Drop Assert and its like, which TF.js does not have and which answer nothing."""
    graph.remove([node.name for node in graph.of("Assert", "PrintV2")])
    for node in graph.of("CheckNumerics", "CheckNumericsV2", "Print"):
        graph.replace(node, "Identity", node.input[:1])
