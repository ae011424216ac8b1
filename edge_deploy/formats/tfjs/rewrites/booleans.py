"""Operators on truth values, which tfjs-backend-wasm takes for numbers of four bytes.

It then reads and writes past their end: answers are wrong, or memory is accessed out of bounds.
"""

from __future__ import annotations

from edge_deploy.core.lazy import tf
from edge_deploy.formats.tfjs.rewrites.graph import Graph


def reverse_numbers(graph: Graph) -> None:
    """Reverse truth values as int32: the mask of a Keras layer that goes backwards is some."""
    boolean, whole = tf.bool.as_datatype_enum, tf.int32.as_datatype_enum
    for node in graph.of("ReverseV2"):
        if node.attr["T"].type != boolean:
            continue
        names = f"{node.name}/numbers", f"{node.name}/reversed"
        for name, op, inputs, given, made in (
            (names[0], "Cast", node.input[:1], boolean, whole),
            (names[1], "ReverseV2", [names[0], node.input[1]], whole, None),
        ):
            new = graph.add(name, op, inputs, node, "Tidx")
            if made is None:
                new.attr["T"].type = given
            else:
                new.attr.clear()
                new.attr["SrcT"].type, new.attr["DstT"].type = given, made
        graph.replace(node, "Cast", [names[1]])
        node.attr.pop("T", None)
        node.attr["SrcT"].type, node.attr["DstT"].type = whole, boolean
