"""Random numbers in a frozen graph: told apart from state, refused, or replaced by their means.

A seed's counter (Keras 3's SeedGenerator, tf.random.Generator) is a variable that every call
changes, and yet no state of the model: nothing but random numbers comes of it. Where a layer
draws none when it answers (``recurrent_dropout``), no output depends on it at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

ASSIGNS = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})
"""What changes a variable."""

_COUNTERS = ("seed_generator_state", "StateVar")
_ADVANCES = frozenset({"RngReadAndSkip", "RngSkip", "StatefulUniformFullInt"})
# By what raw operators draw, and the mean of what they give; for all others there is none here.
_MEANS = {
    **dict.fromkeys(("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2"), 0.5),
    **dict.fromkeys(
        ("RandomStandardNormal", "StatelessRandomNormal", "StatelessRandomNormalV2"), 0.0
    ),
    **dict.fromkeys(
        ("TruncatedNormal", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2"), 0.0
    ),
}
_DRAWS = frozenset(
    {
        *_MEANS, "RandomUniformInt", "StatelessRandomUniformInt", "StatelessRandomUniformIntV2",
        "StatelessRandomUniformFullInt", "StatelessRandomUniformFullIntV2", "Multinomial",
        "StatelessMultinomial", "RandomGamma", "StatelessRandomGammaV2", "StatelessRandomGammaV3",
        "RandomPoisson", "RandomPoissonV2", "StatelessRandomPoisson", "RandomShuffle",
        "StatelessShuffle", "ParameterizedTruncatedNormal", "StatelessRandomBinomial",
        "StatelessParameterizedTruncatedNormal", "StatefulRandomBinomial", "RngReadAndSkip",
        "StatefulUniformFullInt", "StatefulStandardNormalV2", "StatefulUniform",
        "StatefulTruncatedNormal",
    }
)  # fmt: skip
_CALLS = ("StatefulPartitionedCall", "PartitionedCall", "model")


def only_counters(concrete: Any) -> bool:
    """Whether all variables that a traced function changes are counters of seeds."""
    graph_def = concrete.graph.as_graph_def()
    inner = (node for function in graph_def.library.function for node in function.node_def)
    written = {
        node.attr["dtype"].type
        for nodes in (graph_def.node, inner)
        for node in nodes
        if node.op in ASSIGNS
    }
    others = {
        variable.dtype.as_datatype_enum
        for variable in concrete.graph.variables
        if not any(name in variable.name for name in _COUNTERS)
    }
    return not written & others


@contextlib.contextmanager
def counters_left_alone() -> Iterator[None]:
    """Have TensorFlow freeze a graph without what advances its seeds, which it cannot freeze."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    inline = convert_to_constants._run_inline_graph_optimization

    def inlined(*arguments: Any) -> Any:
        graph_def = inline(*arguments)
        for function in graph_def.library.function:
            _rename_counters(function)
        inner = [node for function in graph_def.library.function for node in function.node_def]
        for node in (*graph_def.node, *inner):
            if node.op in ASSIGNS:
                waits = [name for name in node.input if name.startswith("^")]
                name = node.name
                node.Clear()
                node.name, node.op = name, "NoOp"
                node.input.extend(waits)
            elif node.op == "RngReadAndSkip":
                name = node.name
                node.Clear()
                node.name, node.op = name, "Const"
                node.attr["dtype"].type = tf.int64.as_datatype_enum
                value = tf.make_tensor_proto(np.zeros(3, np.int64))
                node.attr["value"].tensor.CopyFrom(value)
        return graph_def

    convert_to_constants._run_inline_graph_optimization = inlined
    try:
        yield
    finally:
        convert_to_constants._run_inline_graph_optimization = inline


def _rename_counters(function: Any) -> None:
    """Take what a counter gives by the name that a constant's value has in a function."""
    counters = {node.name for node in function.node_def if node.op == "RngReadAndSkip"}
    for node in function.node_def if counters else ():
        for n, tensor in enumerate(node.input):
            name, _, rest = tensor.partition(":")
            if name in counters and rest == "value:0":
                node.input[n] = f"{name}:output:0"


def draws(graph_def: Any, ends: Mapping[str, str], seeded: bool) -> list[Any]:
    """The nodes that draw random numbers on which an output depends.

    Args:
        graph_def: A frozen graph.
        ends: Its outputs.
        seeded: Whether a seed that moves on was frozen in it. Else operators that are given their
            seed, such as tf.random.stateless_normal, draw the same in every call.
    """
    nodes = {node.name: node for node in graph_def.node}
    open_ends, seen = [_node(tensor) for tensor in ends.values()], set()
    found = []
    while open_ends:
        name = open_ends.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        node = nodes[name]
        if node.op in _DRAWS and (seeded or not node.op.startswith("Stateless")):
            found.append(node)
        open_ends.extend(_node(one) for one in node.input if not one.startswith("^"))
    return found


def layer_of(node: Any) -> str:
    """The layer that a node is of, as far as its name tells."""
    parts = [part for part in node.name.split("/") if part not in _CALLS]
    return "/".join(parts[:2] if len(parts) > 2 else parts[:1])


def has_mean(node: Any) -> bool:
    """Whether ``use_means`` can replace what a node draws."""
    return node.op in _MEANS


def use_means(graph_def: Any, drawn: list[Any]) -> None:
    """Replace random numbers by their means: noise by what it varies about, dropout by nothing.

    Dropout compares a uniform number with its rate and keeps, and scales up, what lies above; the
    mean of that is the value itself.
    """
    consumers: dict[str, list[Any]] = {}
    for node in graph_def.node:
        for name in node.input:
            consumers.setdefault(_node(name), []).append(node)
    nodes = {node.name: node for node in graph_def.node}
    for node in drawn:
        if _MEANS[node.op] == 0.5:
            for mask in _masks(node, consumers):
                rate = _constant(nodes, mask.input[1])
                if rate is not None:
                    _keep_all(graph_def, node, mask, consumers, 1.0 - rate)
    for node in drawn:
        _fill(graph_def, node, node.input[0], _MEANS[node.op], node.attr["dtype"].type)


def _masks(node: Any, consumers: Mapping[str, list[Any]]) -> list[Any]:
    """The comparisons with a rate that a uniform number goes into, scaled to 0 to 1 or as it is."""
    found = []
    for user in consumers.get(node.name, ()):
        if user.op == "GreaterEqual" and _node(user.input[0]) == node.name:
            found.append(user)
        elif user.op in ("Mul", "AddV2", "Add", "Identity", "Cast"):
            found.extend(_masks(user, consumers))
    return found


def _keep_all(
    graph_def: Any, drawn: Any, mask: Any, consumers: Mapping[str, list[Any]], share: float
) -> None:
    """What a mask lets through becomes its mean: ``share`` of it."""
    for user in consumers.get(mask.name, ()):
        if user.op in ("SelectV2", "Select"):
            dtype = user.attr["T"].type
            kept = user.input[1]
            del user.input[:]
            user.op = "Mul"
            user.input.extend([kept, _scalar(graph_def, f"{user.name}/share", share, dtype)])
        elif user.op == "Cast":
            _fill(graph_def, user, drawn.input[0], share, user.attr["DstT"].type)


def _fill(graph_def: Any, node: Any, shape: str, value: float, dtype: int) -> None:
    """Turn a node into a tensor of one value."""
    import tensorflow as tf

    index = _shape_type(graph_def, shape)
    name, scalar = node.name, _scalar(graph_def, f"{node.name}/mean", value, dtype)
    node.Clear()
    node.name, node.op = name, "Fill"
    node.input.extend([shape, scalar])
    node.attr["T"].type = dtype
    node.attr["index_type"].type = index or tf.int32.as_datatype_enum


def _shape_type(graph_def: Any, name: str) -> int:
    """The type of the numbers that a shape is given in."""
    node = next(node for node in graph_def.node if node.name == _node(name))
    for key in ("out_type", "dtype", "T"):
        if key in node.attr:
            return int(node.attr[key].type)
    return 0


def _scalar(graph_def: Any, name: str, value: float, dtype: int) -> str:
    import numpy as np
    import tensorflow as tf

    node = graph_def.node.add()
    node.name, node.op = name, "Const"
    node.attr["dtype"].type = dtype
    number = np.asarray(value, tf.as_dtype(dtype).as_numpy_dtype)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(number))
    return name


def _constant(nodes: Mapping[str, Any], name: str) -> float | None:
    import tensorflow as tf

    node = nodes[_node(name)]
    while node.op in ("Identity", "Cast") and node.input:
        node = nodes[_node(node.input[0])]
    if node.op != "Const":
        return None
    value = tf.make_ndarray(node.attr["value"].tensor)
    return float(value) if value.size == 1 else None


def _node(tensor: str) -> str:
    return tensor.lstrip("^").split(":")[0]
