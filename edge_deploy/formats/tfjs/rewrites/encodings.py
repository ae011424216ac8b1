"""Places as vectors that are one there."""

from __future__ import annotations

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph, node_of


def write_one_hot(graph: Graph) -> None:
    """Write a one-hot vector as its places being equal to the index.

    TF.js' wasm backend writes whole numbers whatever the dtype is, so that a float32 one is 1e-45,
    and the rows of a batch into one another.
    """
    for node in graph.of("OneHot"):
        shape = graph.shape(node.input[0])
        depth, on, off = (graph.constant(tensor) for tensor in node.input[1:])
        if shape is None or depth is None or on is None or off is None:
            continue
        whole, bool_type, dtype = (graph.dtype("int32"), graph.dtype("bool"), node.attr["T"].type)
        if dtype == bool_type and (off or not on):
            continue
        axis = node.attr["axis"].i if "axis" in node.attr else -1
        axis = len(shape) if axis < 0 else axis
        sizes = [int(depth), *(1 for _ in shape[axis:])]
        places = graph.add_constant(
            f"{node.name}/places", np.arange(depth, dtype=np.int32).reshape(sizes)
        )
        index = _cast(graph, f"{node.name}/index", node.input[0], (node.attr["TI"].type, whole))
        at = graph.add_constant(f"{node.name}/axis", np.int32(axis))
        wide = graph.add(f"{node.name}/wide", "ExpandDims", [index, at], node)
        wide.attr["T"].type = wide.attr["Tdim"].type = whole
        equal = graph.add(f"{node.name}/equal", "Equal", [wide.name, places], wide)
        equal.attr["incompatible_shape_error"].b = True
        number = _cast(graph, f"{node.name}/number", equal.name, (bool_type, dtype))
        if dtype != bool_type and (off or on != 1):
            scale = graph.add_constant(f"{node.name}/scale", on - off)
            scaled = graph.add(f"{node.name}/scaled", "Mul", [number, scale], node)
            least = graph.add_constant(f"{node.name}/least", off)
            number = graph.add(f"{node.name}/sum", "AddV2", [scaled.name, least], node).name
        graph.replace(node, "Identity", [number])


def _cast(graph: Graph, name: str, tensor: str, kinds: tuple[int, int]) -> str:
    """A tensor in another dtype, from one and to one of TensorFlow's numbers; its name."""
    if kinds[0] == kinds[1]:
        return tensor
    node = graph.add(name, "Cast", [tensor], graph.nodes[node_of(tensor)])
    node.attr.pop("T", None)
    node.attr["SrcT"].type, node.attr["DstT"].type = kinds
    return str(node.name)
