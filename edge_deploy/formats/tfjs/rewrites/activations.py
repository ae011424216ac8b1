"""Activations that TF.js has as one operator, or that are written out of those that it has."""

from __future__ import annotations

from edge_deploy.formats.tfjs.rewrites.graph import Graph, node_of


def gather_prelu(graph: Graph) -> None:
    """Write ``relu(x) + -alpha * relu(-x)``, which Keras makes of a PReLU, as one Prelu.

    The wasm backend lays alpha along the last axes: one that is shared along others stays as it is.
    """
    for node in graph.of("Add", "AddV2"):
        parts = [graph.nodes[node_of(tensor)] for tensor in node.input]
        for above, below in (parts, reversed(parts)):
            if above.op != "Relu" or below.op != "Mul":
                continue
            x = above.input[0]
            for alpha, negated in (below.input, reversed(below.input)):
                values = graph.constant(alpha)
                relu = graph.nodes[node_of(negated)]
                if values is None or relu.op != "Relu":
                    continue
                neg = graph.nodes[node_of(relu.input[0])]
                shape = graph.shape(x)
                if neg.op != "Neg" or neg.input[0] != x or shape is None:
                    continue
                own = values.shape
                while own[:1] == (1,):
                    own = own[1:]
                if own == shape[len(shape) - len(own) :]:
                    name = graph.add_constant(f"{node.name}/alpha", -values.reshape(own))
                    graph.replace(node, "Prelu", [x, name])
