"""Functions that a frozen graph calls, written out where they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.core.graph_weights import put_weights_back, without_weights
from edge_deploy.core.grappler import optimize

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_FRAMES = frozenset({"Enter", "Switch"})
# What keeps TensorFlow's inliner from a function.
_KEPT_APART = ("_XlaMustCompile", "_noinline", "api_implements")


def inline_calls(graph_def: Any, ends: Sequence[str]) -> Any:
    """A graph without calls of functions, which no browser runtime has and tf2onnx translates.

    Keras wraps a grouped convolution in a function for XLA to compile (Keras 2 leaves a
    ``PartitionedCall``, Keras 3 a ``StatefulPartitionedCall``), and TensorFlow leaves alone what
    XLA must compile. Loops and branches stay, with the functions that they are made of.

    Args:
        graph_def: A frozen GraphDef.
        ends: Tensors or nodes whose names must stay: the inputs and outputs.

    Returns:
        The same object where nothing is called; else a new one, with the shapes that the calls
        hid in ``_output_shapes``.
    """
    inner = (node for function in graph_def.library.function for node in function.node_def)
    if not any(node.op in _CALLS for nodes in (graph_def.node, inner) for node in nodes):
        return graph_def
    import tensorflow as tf
    from tensorflow.core.protobuf import rewriter_config_pb2

    light = without_weights(graph_def)
    functions = light.library.function
    called = [node for node in light.node if node.op in _CALLS]
    for holder in (*functions, *(node for f in functions for node in f.node_def), *called):
        for key in _KEPT_APART:
            holder.attr.pop(key, None)
    aggressive = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    settings = {"min_graph_nodes": -1, "function_optimization": aggressive}  # small graphs too
    written = optimize(light, ends, ["function"], **settings)
    _inline_frames(written)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(written, name="")
    inlined = graph.as_graph_def(add_shapes=True)
    put_weights_back(inlined, graph_def)
    return inlined


def _inline_frames(graph_def: Any) -> None:
    """Write out what Grappler leaves: functions with TensorFlow 1's loops and branches.

    Those are nodes of their own (Enter, Switch, Merge), which a graph may hold as a function does.
    """
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

    functions = {function.signature.name: function for function in graph_def.library.function}
    while called := [node for node in graph_def.node if _has_frames(node, functions)]:
        for call in called:
            function = functions[call.attr["f"].func.name]
            body, tensors = function_def_to_graph_def(function)
            arguments = [arg.name for arg in function.signature.input_arg]
            given = dict(zip(arguments, call.input, strict=False))
            order = [name for name in call.input if name.startswith("^")]
            place = {
                f"{call.name}:{n}": _moved(tensors[function.ret[arg.name]], call.name, given)
                for n, arg in enumerate(function.signature.output_arg)
            }
            for node in body.node:
                if node.name in given:
                    continue
                node.input[:] = [_moved(name, call.name, given) for name in node.input]
                if not node.input:
                    node.input.extend(order)
                node.name = f"{call.name}/{node.name}"
                graph_def.node.append(node)
            ends = sorted({name.rpartition(":")[0] for name in place.values()})
            name = call.name
            graph_def.node.remove(call)
            for node in graph_def.node:
                node.input[:] = [
                    new
                    for old in node.input
                    for new in (
                        [f"^{end}" for end in ends]
                        if old == f"^{name}"
                        else [place.get(old if ":" in old else f"{old}:0", old)]
                    )
                ]


def _has_frames(node: Any, functions: Mapping[str, Any]) -> bool:
    """Whether a node calls a function that holds a loop or a branch as nodes."""
    if node.op not in _CALLS:
        return False
    return any(inner.op in _FRAMES for inner in functions[node.attr["f"].func.name].node_def)


def _moved(tensor: str, call: str, given: Mapping[str, str]) -> str:
    """The name of a function's tensor where the function is written out."""
    mark = "^" if tensor.startswith("^") else ""
    node, colon, number = tensor.lstrip("^").partition(":")
    if node in given:
        return mark + (given[node].partition(":")[0] if mark else given[node])
    return f"{mark}{call}/{node}{colon}{number}"
