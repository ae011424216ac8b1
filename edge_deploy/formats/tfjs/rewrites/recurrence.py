"""Loops of recurrent layers in the form that TF.js runs best.

TensorFlow leaves a recurrent layer as a ``While`` node with two functions: one that says whether to
go on, and one that computes a step. TF.js runs such a loop asynchronously, node by node. So what a
step makes of its input alone (``x @ W + b``) is computed for all steps at once, in front of the
loop, and a short loop is written out into its steps. A long one stays a loop of few nodes, which
the page runs in one piece (web_demo/src/runtimes/loops.js).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.formats.tfjs.rewrites.graph import Graph
from edge_deploy.formats.tfjs.rewrites.hoisting import hoist
from edge_deploy.formats.tfjs.rewrites.while_loop import LOOPS, Loop, copy, number, sources

# Up to this many steps a loop is written out, which on wasm takes ten times what the page's own
# loop takes and on WebGL less than its readback only below 20 steps.
STEPS_WRITTEN_OUT = 16
# The same for a loop with an operator that TF.js may have to run: of these the page runs all.
STEPS_WRITTEN_OUT_FOR_TFJS = 64
_OF_THE_PAGE = frozenset(
    {"Placeholder", "Const", "Identity", "MatMul", "AddV2", "BiasAdd", "Mul", "Sub", "Sigmoid"}
    | {"Tanh", "Relu", "Split", "SelectV2", "Less", "LogicalAnd"}
    | {"Squeeze", "StridedSlice", "TensorListGetItem", "TensorListSetItem"}
)


def write_loops(graph: Graph) -> None:
    """Compute what can be in front of each loop, and write out the short ones."""
    for node in graph.of(*LOOPS):
        loop = Loop(graph, node)
        hoist(loop)
        steps = loop.steps()
        most = STEPS_WRITTEN_OUT if _is_of_the_page(loop) else STEPS_WRITTEN_OUT_FOR_TFJS
        if steps is not None and steps <= most and _can_be_written_out(loop):
            _write_out(loop, steps)
        else:
            loop.write()
    _drop_functions(graph)


def _drop_functions(graph: Graph) -> None:
    """Drop the functions that nothing calls any more."""
    functions = graph.graph_def.library.function
    nodes = {one.signature.name: one.node_def for one in functions}
    called: set[str] = set()
    waiting = [graph.graph_def.node]
    while waiting:
        values = [value for node in waiting.pop() for value in node.attr.values()]
        names = {value.func.name for value in values if value.HasField("func")} - called
        called |= names
        waiting += [nodes[name] for name in names & nodes.keys()]
    for position in reversed(range(len(functions))):
        if functions[position].signature.name not in called:
            del functions[position]


def _is_of_the_page(loop: Loop) -> bool:
    """Whether the page is sure to run a loop (web_demo/src/runtimes/loops.js)."""
    step = sources(loop.body, [loop.returns[n] for n in loop.used()])
    return all(_is_one_of_the_page(loop.body, node) for node in step) and all(
        _is_one_of_the_page(loop.condition, node)
        for node in sources(loop.condition, [loop.goes_on])
    )


def _is_one_of_the_page(graph: Graph, node: Any) -> bool:
    if node.op == "StridedSlice":
        unnamed = node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i
        limits = (graph.source(tensor).op for tensor in node.input[1:])
        return not unnamed and all(op == "Const" for op in limits)
    return node.op in _OF_THE_PAGE and not node.attr["transpose_a"].b


def _can_be_written_out(loop: Loop) -> bool:
    """Whether the loop's lists are read and written at known places, and stacked behind it."""
    known = loop.known_at_first()
    for node in loop.body.graph_def.node:
        placed = node.op in ("TensorListGetItem", "TensorListSetItem")
        if node.op in LOOPS or (placed and number(loop.body, node.input[1], known) is None):
            return False
    lists = {
        n
        for n, entry in enumerate(loop.entries)
        if loop.graph.source(entry).op.startswith("TensorList")
    }
    return all(taker.op == "TensorListStack" for taker, _, n in loop.takers() if n in lists)


def _write_out(loop: Loop, steps: int) -> None:
    """Put the nodes of every step in the place of the loop."""
    graph = loop.graph
    order = [
        node
        for node in sources(loop.body, loop.returns)
        if node.op not in ("Placeholder", "Const", "NoOp")
    ]
    values = [_entry(loop, entry, steps) for entry in loop.entries]
    known = loop.known_at_first()
    for step in range(steps):
        held: dict[str, Any] = dict(zip(loop.args, values, strict=True))
        for node in order:
            held[node.name] = _write_step(loop, node, step, held, known)
        values = [_value(loop, name, held) for name in loop.returns]
        known = loop.known_next(known)
    for taker, place, index in loop.takers():
        value = values[index]
        if isinstance(value, dict):
            dtype = taker.attr["element_dtype"].type
            graph.replace(taker, "Pack", [value[key] for key in sorted(value)])
            taker.attr["T"].type = dtype
            taker.attr["N"].i = len(value)
            taker.attr["axis"].i = 0
        else:
            taker.input[place] = _tensor(loop, value)
    graph.remove([loop.node.name])


def _entry(loop: Loop, entry: str, steps: int) -> Any:
    """What a loop starts with: a tensor's name, or the names of a list's by their places."""
    source = loop.graph.source(entry)
    if source.op == "TensorListReserve":
        return {}
    if source.op != "TensorListFromTensor":
        return entry
    whole = str(source.input[0])
    name = f"{whole.replace(':', '_')}/unstacked"
    if name not in loop.graph.nodes:
        node = loop.graph.graph_def.node.add(name=name, op="Unpack", input=[whole])
        node.attr["T"].type = source.attr["element_dtype"].type
        node.attr["num"].i = steps
        node.attr["axis"].i = 0
        loop.graph.nodes[name] = node
    return {n: f"{name}:{n}" if n else name for n in range(steps)}


def _value(loop: Loop, tensor: str, held: Mapping[str, Any]) -> Any:
    """What a body's tensor is in a step: a name, a list's names, or a number of those counted."""
    name, _, index = tensor.partition(":")
    if loop.body.nodes[name].op == "Const":
        return loop.outside(tensor)
    return f"{held[name]}:{index}" if index else held[name]


def _tensor(loop: Loop, value: Any) -> str:
    """A tensor's name, also where only its number is known."""
    if isinstance(value, str):
        return value
    name = f"{loop.node.name}/{np.asarray(value).dtype}_{value}"
    return name if name in loop.graph.nodes else loop.graph.add_constant(name, value)


def _write_step(
    loop: Loop, node: Any, step: int, held: Mapping[str, Any], known: Mapping[str, Any]
) -> Any:
    """A body's node in one step; gives what its first output is."""
    counted = number(loop.body, node.name, known)
    if counted is not None:
        return counted
    inputs = [_value(loop, tensor, held) for tensor in node.input]
    if node.op == "Identity":
        return inputs[0]
    if node.op == "TensorListGetItem":
        return inputs[0][int(number(loop.body, node.input[1], known))]
    if node.op == "TensorListSetItem":
        return {**inputs[0], int(number(loop.body, node.input[1], known)): inputs[2]}
    name = f"{loop.node.name}/{step}/{node.name}"
    return copy(loop.graph, node, name, [_tensor(loop, value) for value in inputs]).name
