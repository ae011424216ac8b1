"""A GraphDef as rewrites see it: nodes by name, values of constants, shapes, and who takes what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array

# What a convolution or a product says of itself, fused or not.
PLAIN = (
    "strides", "padding", "explicit_paddings", "data_format", "dilations",
    "transpose_a", "transpose_b",
)  # fmt: skip


class Graph:
    """A GraphDef with its nodes by name.

    Attributes:
        graph_def: What is rewritten.
        nodes: Its nodes by name.
        ends: Names of the nodes that are the model's inputs and outputs, which must stay.
    """

    def __init__(self, graph_def: Any, ends: Collection[str] = ()) -> None:
        self.graph_def = graph_def
        self.nodes = {node.name: node for node in graph_def.node}
        self.ends = frozenset(ends)

    def of(self, *ops: str) -> list[Any]:
        """The nodes of some operators, in a list of its own: a rewrite may add nodes."""
        return [node for node in self.graph_def.node if node.op in ops]

    @staticmethod
    def dtype(kind: Any) -> int:
        """TensorFlow's number of a numpy dtype, as attributes have it."""
        return int(tf.as_dtype(kind).as_datatype_enum)

    @staticmethod
    def numpy_dtype(node: Any) -> Any:
        """The numpy dtype that a node computes in."""
        return tf.as_dtype(node.attr["T"].type).as_numpy_dtype

    def source(self, tensor: str) -> Any:
        """The node that makes a tensor, past those that only pass it on."""
        node = self.nodes[node_of(tensor)]
        while node.op == "Identity":
            node = self.nodes[node_of(node.input[0])]
        return node

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """A tensor's shape with -1 for free axes; None where even their number is not known."""
        name, _, index = tensor.partition(":")
        node, attributes = self.nodes[name], self.nodes[name].attr
        if node.op == "Const":
            return tuple(dim.size for dim in attributes["value"].tensor.tensor_shape.dim)
        if "_output_shapes" not in attributes:
            return None
        shape = attributes["_output_shapes"].list.shape[int(index or 0)]
        return None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)

    def set_shape(self, node: Any, sizes: Sequence[int]) -> None:
        """Say the shape of a new node's one output, for the rewrites that come after."""
        shape = node.attr["_output_shapes"].list
        shape.Clear()
        axes = shape.shape.add()
        for size in sizes:
            axes.dim.add(size=size)

    def constant(self, tensor: str) -> Array | None:
        """A constant's values; None for what is none."""
        node = self.source(tensor)
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None

    def consumers(self) -> dict[str, list[Any]]:
        """The nodes that take something of each node; an end is taken by what it is."""
        found: dict[str, list[Any]] = {name: [] for name in self.nodes}
        for node in self.graph_def.node:
            for name in {node_of(tensor) for tensor in node.input}:
                found[name].append(node)
        for name in self.ends & found.keys():
            found[name].append(self.nodes[name])
        return found

    def add(self, name: str, op: str, inputs: Sequence[str], like: Any, *keep: str) -> Any:
        """A new node of another's dtype, and of those of its attributes that are named.

        The name is the one that is asked for, or a longer one where the graph has that.
        """
        node = self.graph_def.node.add(name=self._free(name), op=op, input=inputs)
        for key in ("T", *keep):
            if key in like.attr:
                node.attr[key].CopyFrom(like.attr[key])
        self.nodes[node.name] = node
        return node

    def add_constant(self, name: str, value: Any) -> str:
        """A new constant; gives its name."""
        node = self.graph_def.node.add(name=self._free(name), op="Const")
        self.nodes[node.name] = node
        self.set_constant(node, np.asarray(value))
        return str(node.name)

    def add_reshape(self, name: str, tensor: str, sizes: Sequence[int], like: Any) -> str:
        """A tensor of another node's dtype with other axes, of which one may be free; its name."""
        shape = self.add_constant(f"{name}/shape", np.array(sizes, np.int32))
        return str(self.add(name, "Reshape", [tensor, shape], like).name)

    def _free(self, name: str) -> str:
        while name in self.nodes:
            name += "_"
        return name

    def set_constant(self, node: Any, values: Array) -> None:
        """Give a constant other values."""
        tensor = node.attr["value"].tensor
        tensor.Clear()
        tensor.dtype = tf.as_dtype(values.dtype).as_datatype_enum
        for size in values.shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.tensor_content = values.tobytes()
        node.attr["dtype"].type = tensor.dtype
        node.attr.pop("_output_shapes", None)

    def replace(
        self, node: Any, op: str, inputs: Sequence[str], *keep: str, like: Any = None
    ) -> None:
        """Let a node be another operator under the same name.

        It keeps its dtype and shape, and gets the named attributes of itself, or of another node.
        """
        source = node if like is None else like
        kept = {
            key: source.attr[key].SerializeToString()
            for key in ("T", "_output_shapes", *keep)
            if key in source.attr
        }
        if like is not None and "_output_shapes" in node.attr:
            kept["_output_shapes"] = node.attr["_output_shapes"].SerializeToString()
        node.op = op
        node.input[:] = list(inputs)
        node.attr.clear()
        for key, value in kept.items():
            node.attr[key].ParseFromString(value)

    def remove(self, names: Iterable[str]) -> None:
        """Remove nodes, and the edges that only order others behind them."""
        gone = set(names)
        for position in reversed(range(len(self.graph_def.node))):
            if self.graph_def.node[position].name in gone:
                del self.graph_def.node[position]
        for name in gone:
            del self.nodes[name]
        for node in self.graph_def.node:
            if any(tensor.startswith("^") and tensor[1:] in gone for tensor in node.input):
                node.input[:] = [tensor for tensor in node.input if tensor.lstrip("^") not in gone]

    def prune(self) -> None:
        """Remove what no output needs: a constant that nothing takes would be written."""
        waiting, needed = list(self.ends), set(self.ends)
        while waiting:
            for tensor in self.nodes[waiting.pop()].input:
                if (name := node_of(tensor)) not in needed:
                    needed.add(name)
                    waiting.append(name)
        self.remove(self.nodes.keys() - needed)


def node_of(tensor: str) -> str:
    """The name of the node that makes a tensor, or that an edge of order comes from."""
    return tensor.lstrip("^").partition(":")[0]
