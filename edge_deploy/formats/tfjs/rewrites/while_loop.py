"""A ``While`` node and the two functions that it calls, as graphs that can be rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.formats.tfjs.rewrites.graph import Graph, node_of

LOOPS = ("While", "StatelessWhile")
_MOST_STEPS = 100_000
# What counts steps and compares the count.
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Identity": lambda x: x,
    "AddV2": np.add,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Minimum": np.minimum,
    "Maximum": np.maximum,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "LogicalAnd": np.logical_and,
    "LogicalOr": np.logical_or,
}


class Loop:
    """One ``While`` node.

    Attributes:
        graph: The graph that the node is in.
        node: The node.
        body: What computes a step; its inputs are placeholders.
        condition: What says whether there is a next step.
        args: The names of the body's inputs.
        asked: The names of the condition's inputs, in the same order.
        entries: The outer graph's tensors that they are at first.
        returns: The body's tensors that they are in the next step.
        goes_on: The condition's answer.
    """

    def __init__(self, graph: Graph, node: Any) -> None:
        self.graph, self.node = graph, node
        self.body, self.args, self.returns = _function(graph, node.attr["body"].func.name)
        self.condition, self.asked, (self.goes_on,) = _function(graph, node.attr["cond"].func.name)
        self.entries = [*node.input]

    def steps(self) -> int | None:
        """How many steps the loop takes; None where the length of an input decides."""
        known = self.known_at_first()
        for count in range(_MOST_STEPS):
            asked = {
                own: known[arg]
                for own, arg in zip(self.asked, self.args, strict=True)
                if arg in known
            }
            goes_on = number(self.condition, self.goes_on, asked)
            if goes_on is None or not goes_on:
                return None if goes_on is None else count
            known = self.known_next(known)
        return None

    def known_at_first(self) -> dict[str, Any]:
        """The numbers, by the body's names, that the loop starts with."""
        values = zip(self.args, map(self.graph.constant, self.entries), strict=True)
        return {arg: value for arg, value in values if value is not None and value.ndim == 0}

    def known_next(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The same for the next step."""
        pairs = zip(self.args, self.returns, strict=True)
        values = ((arg, number(self.body, back, known)) for arg, back in pairs if arg in known)
        return {arg: value for arg, value in values if value is not None}

    def entry_of(self, tensor: str) -> str | None:
        """The outer graph's tensor that one of the body is in every step; None where it changes."""
        source = self.body.source(tensor)
        if source.name not in self.args:
            return None
        place = self.args.index(source.name)
        kept = self.body.source(self.returns[place]).name == source.name
        return self.entries[place] if kept else None

    def constant(self, tensor: str) -> Array | None:
        """The value of a body's tensor that is constant there, or in front of the loop."""
        entry = self.entry_of(tensor)
        return self.body.constant(tensor) if entry is None else self.graph.constant(entry)

    def outside(self, tensor: str) -> str:
        """The outer graph's name for a body's tensor that is constant."""
        entry = self.entry_of(tensor)
        if entry is not None:
            return entry
        source = self.body.source(tensor)
        name = f"{self.node.name}/{source.name}"
        return name if name in self.graph.nodes else str(copy(self.graph, source, name, []).name)

    def add_arg(self, name: str, dtype: int, entry: str) -> None:
        """Give the loop one more tensor, which no step changes."""
        placeholder = self.body.graph_def.node.add(name=name, op="Placeholder")
        placeholder.attr["dtype"].type = dtype
        self.body.nodes[name] = placeholder
        self.args.append(name)
        self.asked.append(name)
        self.entries.append(entry)
        self.returns.append(name)
        self.node.attr["T"].list.type.append(dtype)

    def takers(self) -> list[tuple[Any, int, int]]:
        """What takes the loop's results: the node, which of its inputs, which result."""
        return [
            (node, place, int(name.partition(":")[2] or 0))
            for node in self.graph.graph_def.node
            for place, name in enumerate(node.input)
            if node_of(name) == self.node.name
        ]

    def used(self) -> list[int]:
        """Which inputs something of the loop or behind it needs."""
        needed = {node.name for node in sources(self.condition, [self.goes_on])}
        wanted = {index for _, _, index in self.takers()}
        wanted |= {n for n, arg in enumerate(self.asked) if arg in needed}
        while True:
            names = {node.name for node in sources(self.body, [self.returns[n] for n in wanted])}
            more = wanted | {n for n, arg in enumerate(self.args) if arg in names}
            if more == wanted:
                return sorted(wanted)
            wanted = more

    def write(self) -> None:
        """Put the functions back, without the inputs that nothing needs, and those as inputs."""
        stays = self.used()
        places = {old: new for new, old in enumerate(stays)}
        for taker, place, index in self.takers():
            result = f"{self.node.name}:{places[index]}"
            if taker.op not in ("TensorListStack", "Identity"):
                # A node of its own, by whose name a page can give the result.
                name = f"{self.node.name}/result_{index}"
                if name not in self.graph.nodes:
                    own = self.graph.graph_def.node.add(name=name, op="Identity", input=[result])
                    own.attr["T"].type = self.node.attr["T"].list.type[index]
                    self.graph.nodes[name] = own
                result = name
            taker.input[place] = result
        types = [self.node.attr["T"].list.type[n] for n in stays]
        self.node.op = "StatelessWhile"
        self.node.input[:] = [self.entries[n] for n in stays]
        self.node.attr["T"].list.type[:] = types
        for key in {*self.node.attr} - {"T", "body", "cond"}:
            del self.node.attr[key]
        for function, own, names, returns, dtypes in (
            ("body", self.body, self.args, [self.returns[n] for n in stays], types),
            ("cond", self.condition, self.asked, [self.goes_on], [tf.bool.as_datatype_enum]),
        ):
            definition = _definition(self.graph, self.node.attr[function].func.name)
            name = definition.signature.name
            definition.Clear()
            definition.signature.name = name
            for n, dtype in zip(stays, types, strict=True):
                definition.signature.input_arg.add(name=names[n], type=dtype)
            _write_results(definition, own, returns, dtypes)


def _write_results(
    definition: Any, body: Graph, returns: Sequence[str], types: Sequence[int]
) -> None:
    """A function's nodes and outputs; TF.js wants each output to be a node of its own's first."""
    ends = []
    for n, tensor in enumerate(returns):
        end = past_identities(body, tensor)
        if ":" in end:
            name = f"output_{n}_of_many"
            body.nodes[name] = body.graph_def.node.add(name=name, op="Identity", input=[end])
            body.nodes[name].attr["T"].type = types[n]
            end = name
        ends.append(end)
        definition.signature.output_arg.add(name=f"output_{n}", type=types[n])
        definition.ret[f"output_{n}"] = end
    for node in sources(body, ends):
        if node.op != "Placeholder" and (node.op != "Identity" or node.name in ends):
            made = definition.node_def.add()
            made.CopyFrom(node)
            made.input[:] = [past_identities(body, tensor) for tensor in node.input]


def _definition(graph: Graph, name: str) -> Any:
    return next(one for one in graph.graph_def.library.function if one.signature.name == name)


def _function(graph: Graph, name: str) -> tuple[Graph, list[str], list[str]]:
    """A function of the library as a graph, with the names of its inputs and outputs in it."""
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

    definition = _definition(graph, name)
    graph_def, flat = function_def_to_graph_def(definition)
    for node in graph_def.node:
        # Edges of order come from operators without side effects.
        node.input[:] = [
            tensor.removesuffix(":0") for tensor in node.input if not tensor.startswith("^")
        ]
    body = Graph(graph_def)
    sort(body)
    args = [arg.name for arg in definition.signature.input_arg]
    outputs = [definition.ret[arg.name] for arg in definition.signature.output_arg]
    return body, args, [flat[name].removesuffix(":0") for name in outputs]


def number(graph: Graph, tensor: str, known: Mapping[str, Any]) -> Any:
    """The value of a tensor that comes from numbers only; None of others.

    Args:
        graph: A function's graph.
        tensor: One of it.
        known: The numbers that its inputs are, by their names.
    """
    name = node_of(tensor)
    if name in known:
        return known[name]
    node = graph.nodes[name]
    if node.op == "Const":
        value = graph.constant(name)
        return value if value is not None and value.ndim == 0 else None
    if node.op not in _ARITHMETIC:
        return None
    values = [number(graph, given, known) for given in node.input]
    return None if any(value is None for value in values) else _ARITHMETIC[node.op](*values)


def past_identities(graph: Graph, tensor: str) -> str:
    """The tensor that one is, past the nodes that only pass it on."""
    while graph.nodes[node_of(tensor)].op == "Identity":
        tensor = graph.nodes[node_of(tensor)].input[0]
    return tensor


def sources(graph: Graph, ends: Iterable[str]) -> list[Any]:
    """The nodes that some tensors come from, each behind those that it takes."""
    found: dict[str, Any] = {}
    waiting = [(node_of(end), False) for end in ends]
    while waiting:
        name, done = waiting.pop()
        if done:
            found[name] = graph.nodes[name]
        elif name not in found:
            waiting.append((name, True))
            waiting += [(node_of(tensor), False) for tensor in graph.nodes[name].input]
    return list(found.values())


def sort(graph: Graph, ends: Iterable[str] | None = None) -> None:
    """Bring every node, or every one that some ends need, behind those that it takes."""
    order = sources(graph, [*graph.nodes] if ends is None else ends)
    copies = [node.SerializeToString() for node in order]
    del graph.graph_def.node[:]
    for data in copies:
        graph.graph_def.node.add().ParseFromString(data)
    graph.nodes = {node.name: node for node in graph.graph_def.node}


def copy(graph: Graph, node: Any, name: str, inputs: Iterable[str]) -> Any:
    """A node as it is in another graph, under another name and with other inputs."""
    made = graph.graph_def.node.add()
    made.CopyFrom(node)
    made.name = name
    made.input[:] = list(inputs)
    if node.op != "Const":
        made.attr.pop("_output_shapes", None)
    graph.nodes[name] = made
    return made
