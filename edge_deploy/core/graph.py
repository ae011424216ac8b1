"""A loaded model as one frozen TensorFlow graph: what all three converters start from.

Freezing first, with no variable left in the graph, is what keeps a recurrent model free of
state: the TFLite converter turns an LSTM over saved variables into an operator that remembers
the previous call, and an LSTM over constants into one that does not. It also spares the
converters a SavedModel on disk.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_deploy.core import randomness
from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.inlining import inline_calls
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.operator_rewrites import rewrite_operators
from edge_deploy.core.spec import Function, TensorSpec

# Operators that only move or relabel what another one computed.
_PASS_THROUGH = frozenset({"Identity", "Reshape", "Squeeze", "Cast", "NoOp", "StopGradient"})
_CONTROL_FLOW = frozenset({"While", "StatelessWhile", "If", "StatelessIf"})
# What reaches out of the graph when it runs, on disk or into Python: no model needs it to answer.
_REACHES_OUT = frozenset(
    {"WriteFile", "SaveV2", "Save", "PyFunc", "PyFuncStateless", "EagerPyFunc", "WriteSummary"}
)


@dataclass(frozen=True, eq=False)
class FrozenGraph:
    """A graph of constants with its named ends.

    Attributes:
        function: The ConcreteFunction of the graph, its operators as TensorFlow traced them.
        graph_def: The same as a GraphDef; its output nodes carry the model's names if they can.
        inputs: The model's input names and the graph's tensor names (``x`` -> ``x:0``).
        outputs: The model's output names and the graph's tensor names.
        random: Whether it drew random numbers, of which means are left.
        tables: Look-up tables by the names of their nodes, which stand for them in the graph.
        rewritten: Whether ``graph_def`` has other operators than ``function`` has.
    """

    function: Any
    graph_def: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    random: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)
    rewritten: bool = False


@functools.lru_cache(maxsize=8)
def freeze(
    function: Function,
    inputs: tuple[TensorSpec, ...],
    batch: int | None = None,
    lower_control_flow: bool = False,
    marks: frozenset[str] = frozenset(),
    means: bool = False,
) -> FrozenGraph:
    """Trace a function of named tensors and fold its variables into constants.

    Args:
        function: Named TensorFlow tensors in, named tensors out.
        inputs: The inputs, in order; a free first axis becomes ``batch``.
        batch: The batch size, None for a free one.
        lower_control_flow: Write loops as Switch/Merge nodes, which TF.js reads, in place of
            While functions, which the other converters read.
        marks: Operators that stand for others of the target's own, and will be replaced.
        means: Replace random numbers by their means in ``graph_def``.

    Raises:
        ConversionError: The graph keeps state between calls or draws random numbers, so it cannot
            be frozen.
        SourceError: TensorFlow cannot trace the model.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    names: list[str] = []

    def wrapped(*tensors: Any) -> list[Any]:
        outputs = function(dict(zip((i.name for i in inputs), tensors, strict=True)))
        names[:] = outputs
        return [tf.identity(tensor) for tensor in outputs.values()]

    signature = [
        tf.TensorSpec(with_batch(spec.shape, batch), spec.dtype, name=node_name(spec.name, n))
        for n, spec in enumerate(inputs)
    ]
    traced = tf.function(wrapped, autograph=False, input_signature=signature)
    try:
        concrete = traced.get_concrete_function()
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise SourceError(
            f"TensorFlow cannot trace the model: {first_line(error)}. If an axis is free in the "
            f"file, say its size with {option('input_shapes', {'name': (1, 128, 128, 3)})}."
        ) from error
    ops = _op_types(concrete.graph.as_graph_def())
    if reaches := sorted((ops & _REACHES_OUT) - marks):
        raise ConversionError(
            f"The model writes files or calls Python when it answers ({', '.join(reaches)}); it "
            "was not run, and no converted file can do that. Take that part out of the model."
        )
    writes = sorted(ops & randomness.ASSIGNS)
    if writes and not randomness.only_counters(concrete):
        raise ConversionError(
            f"The model changes its own variables when it answers ({', '.join(writes)}), as a "
            "layer with stateful=True does; converted files keep no state from one call to the "
            "next. Rebuild it with stateful=False, load the weights, and save it again."
        )
    with randomness.counters_left_alone():
        frozen = convert_variables_to_constants_v2(
            concrete, lower_control_flow=lower_control_flow, aggressive_inlining=True
        )
    ends = [tensor.name for tensor in (*_placeholders(frozen), *frozen.outputs)]
    graph_def = inline_calls(frozen.graph.as_graph_def(add_shapes=True), ends)
    _write_erfc_as_erf(graph_def)
    _pass_on(graph_def)
    rewritten = rewrite_operators(graph_def)
    taken = {node.name for node in graph_def.node}
    outputs = {}
    nodes = {node.name: node for node in graph_def.node}
    for n, (name, tensor) in enumerate(zip(names, frozen.outputs, strict=True)):
        old = tensor.name.split(":")[0]
        new = node_name(name, n)
        if new not in taken:
            nodes[old].name = new
            taken.add(new)
        else:
            new = old
        outputs[name] = f"{new}:0"
    drawn = randomness.draws(graph_def, outputs, bool(writes) or "RngReadAndSkip" in ops)
    _check_random(drawn, means)
    randomness.use_means(graph_def, drawn)
    placeholders = {node.name for node in graph_def.node if node.op == "Placeholder"}
    return FrozenGraph(
        function=frozen,
        graph_def=graph_def,
        inputs={spec.name: t.name for spec, t in zip(inputs, _placeholders(frozen), strict=True)},
        outputs=outputs,
        random=bool(drawn),
        tables={
            inner.op.name: handle
            for handle, inner in concrete.graph.captures
            if inner.dtype.name == "resource" and inner.op.name in placeholders
        },
        rewritten=rewritten,
    )


def as_function(frozen: FrozenGraph) -> Any:
    """The ConcreteFunction of ``graph_def``; its inputs and outputs are in the graph's order."""
    import tensorflow as tf

    for node in frozen.graph_def.node:
        if node.op in _CONTROL_FLOW:  # which freezing forbade, and TF.js must have
            node.attr["_lower_using_switch_merge"].b = True
    imported = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(frozen.graph_def, name=""), []
    )
    graph = imported.graph
    return imported.prune(
        [graph.as_graph_element(tensor) for tensor in frozen.inputs.values()],
        [graph.as_graph_element(tensor) for tensor in frozen.outputs.values()],
    )


def _check_random(drawn: Sequence[Any], means: bool) -> None:
    if not drawn or (means and all(map(randomness.has_mean, drawn))):
        return
    layers = ", ".join(sorted({randomness.layer_of(node) for node in drawn}))
    if means:
        kinds = ", ".join(sorted({n.op for n in drawn if not randomness.has_mean(n)}))
        raise ConversionError(
            f"The model is random, and {option('deterministic', True)} cannot help: {layers} draws "
            f"with {kinds}, which has no mean to put in its place (uniform and normal numbers "
            "have). Take that layer out, and save the model again."
        )
    raise ConversionError(
        f"The model is random: {layers} draws new numbers in every call, so no two answers are the "
        "same and nothing can be compared. Take the sampling (or the training=True of a dropout) "
        f"out and save it again; or give {option('deterministic', True)}, which puts the mean in "
        "the place of every random number: noise is left out, and dropout keeps all values."
    )


def without_randomness(function: Function, inputs: tuple[TensorSpec, ...]) -> Function:
    """The same function with the mean in the place of every random number.

    Raises:
        ConversionError: It draws what has no mean here, or keeps state.
    """
    frozen = freeze(function, inputs, means=True)
    if not frozen.random:
        return function
    concrete, names = as_function(frozen), list(frozen.inputs)

    def means(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [tf.convert_to_tensor(tensors[name]) for name in names]
        return dict(zip(frozen.outputs, concrete(*given), strict=True))

    return means


def _pass_on(graph_def: Any) -> None:
    """Write as identities what passes its input on.

    Those are values that are fed only while training (``placeholder_with_default``), and
    ``ensure_shape``, on which TF.js stops.
    """
    for node in graph_def.node:
        if node.op == "PlaceholderWithDefault":
            node.attr["T"].CopyFrom(node.attr["dtype"])
        elif node.op != "EnsureShape":
            continue
        node.op = "Identity"
        for key in ("dtype", "shape"):
            node.attr.pop(key, None)


def _write_erfc_as_erf(graph_def: Any) -> None:
    """Write erfc(x) as 1 - erf(x), which TF.js and ONNX have; Keras' gelu uses erfc.

    Where erfc is tiny the difference loses digits; a gelu multiplies it by x and adds nothing
    smaller, so the loss stays below float32's own error of the activation.
    """
    import numpy as np

    for node in list(graph_def.node):
        if node.op != "Erfc":
            continue
        inner, one = graph_def.node.add(), graph_def.node.add()
        inner.CopyFrom(node)
        inner.name, inner.op = f"{node.name}/erf", "Erf"
        one.name, one.op = f"{node.name}/one", "Const"
        dtype = tf.as_dtype(node.attr["T"].type)
        one.attr["dtype"].type = node.attr["T"].type
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.ones((), dtype.as_numpy_dtype)))
        node.op = "Sub"
        node.input[:] = [one.name, inner.name]


def _op_types(graph_def: Any) -> set[str]:
    """The operators of a graph and of the functions it calls."""
    inner = (node.op for function in graph_def.library.function for node in function.node_def)
    return {node.op for node in graph_def.node}.union(inner)


def _placeholders(frozen: Any) -> list[Any]:
    """The inputs of a frozen function; TensorFlow keeps unused ones too."""
    return [tensor for tensor in frozen.inputs if tensor.dtype.name != "resource"]


def with_batch(shape: tuple[int | None, ...], batch: int | None) -> tuple[int | None, ...]:
    """A shape with its free first axis set."""
    return (batch, *shape[1:]) if shape and shape[0] is None else shape


def node_name(name: str, index: int) -> str:
    """A name that TensorFlow allows for a node, close to the model's own."""
    cleaned = re.sub(r"[^A-Za-z0-9_.\-]", "_", name, flags=re.ASCII).lstrip("_.-")
    return cleaned or f"tensor_{index}"


def has_control_flow(frozen: FrozenGraph) -> bool:
    """Whether a graph holds a loop or a branch."""
    return any(node.op in _CONTROL_FLOW for node in frozen.graph_def.node)


def describe_outputs(frozen: FrozenGraph) -> tuple[TensorSpec, ...]:
    """Name, shape, dtype and meaning of each output, read from the operator that makes it.

    A softmax gives ``probabilities``, a sigmoid of one column ``probability``, any other float
    of one column ``value``; everything else is a ``tensor``.
    """
    nodes = {node.name: node for node in frozen.graph_def.node}
    specs = []
    for (name, tensor), value in zip(frozen.outputs.items(), frozen.function.outputs, strict=True):
        shape = tuple(value.shape.as_list()) if value.shape.rank is not None else (None,)
        maker = _source(nodes, tensor).op
        one = len(shape) == 2 and shape[1] == 1
        kind = "tensor"
        if maker == "Softmax" and len(shape) == 2:
            kind = "probabilities"
        elif maker == "Sigmoid" and one:
            kind = "probability"
        elif one and value.dtype.is_floating:
            kind = "value"
        specs.append(TensorSpec(name, shape, value.dtype.name, kind))
    return tuple(specs)


def output_makers(frozen: FrozenGraph) -> dict[str, str]:
    """The operator that makes each output, such as Softmax."""
    nodes = {node.name: node for node in frozen.graph_def.node}
    return {name: _source(nodes, tensor).op for name, tensor in frozen.outputs.items()}


def index_limits(frozen: FrozenGraph) -> dict[str, int]:
    """For each input that indexes a table (an embedding), the number of the table's rows."""
    nodes = {node.name: node for node in frozen.graph_def.node}
    limits: dict[str, int] = {}
    for node in frozen.graph_def.node:
        if node.op not in ("GatherV2", "Gather", "ResourceGather"):
            continue
        table, index = (_source(nodes, name) for name in node.input[:2])
        if index.op in ("SelectV2", "Select"):  # Keras 3 counts negative ones from the end
            index = _source(nodes, index.input[2])
        if table.op == "Const" and index.op == "Placeholder":
            rows = table.attr["value"].tensor.tensor_shape.dim[0].size
            for name, tensor in frozen.inputs.items():
                if tensor.split(":")[0] == index.name:
                    limits[name] = min(rows, limits.get(name, rows))
    return limits


def _source(nodes: Mapping[str, Any], name: str) -> Any:
    node = nodes[name.lstrip("^").split(":")[0]]
    while node.op in _PASS_THROUGH and node.input:
        node = nodes[node.input[0].lstrip("^").split(":")[0]]
    return node


@dataclass(frozen=True, eq=False)
class InputArithmetic:
    """What a graph does first to an input: ``x * scale + offset``, by element or last axis.

    Attributes:
        scale: A number, or one a column or channel.
        offset: The same.
    """

    scale: Any
    offset: Any


def input_arithmetic(frozen: FrozenGraph, name: str) -> InputArithmetic | None:
    """The scaling that a graph begins with, such as Keras' Rescaling, Normalization and BatchNorm.

    Args:
        frozen: The graph.
        name: The model's name of an input.

    Returns:
        What it comes to; None where the graph begins with something else.
    """
    import numpy as np

    graph = frozen.function.graph
    tensor = graph.get_tensor_by_name(frozen.inputs[name])
    width = tensor.shape[-1] if tensor.shape.rank else None
    scale, offset, found = np.ones(()), np.zeros(()), False
    while (step := _only_consumer(tensor)) is not None:
        if step.type == "FusedBatchNormV3" and step.inputs[0] is tensor:
            weights = [_constant(frozen, one) for one in step.inputs[1:]]
            if any(one is None for one in weights):
                break
            _, _, mean, variance = weights
            spread = np.sqrt(variance + step.get_attr("epsilon"))
            # What the layer takes for ordinary, whatever its own gamma and beta make of it.
            return InputArithmetic(scale / spread, (offset - mean) / spread)
        if step.type in ("Mul", "AddV2", "Add", "Sub", "RealDiv", "BiasAdd"):
            first = step.inputs[0] is tensor
            value = _constant(frozen, step.inputs[1 if first else 0])
            if value is None or (not first and step.type in ("Sub", "RealDiv")):
                break
            value = np.squeeze(np.asarray(value, np.float64))
            if value.ndim > 1 or (value.ndim == 1 and len(value) != width):
                break
            found = True
            if step.type in ("Mul", "RealDiv"):
                by = value if step.type == "Mul" else 1 / np.where(value == 0, 1, value)
                scale, offset = scale * by, offset * by
            else:
                offset = offset - value if step.type == "Sub" else offset + value
        elif step.type not in _PASS_THROUGH:
            break
        tensor = step.outputs[0]
    return InputArithmetic(scale, offset) if found else None


def _only_consumer(tensor: Any) -> Any:
    """The one operator that takes a tensor's values; None where there are several or none."""
    taking = [op for op in tensor.consumers() if op.type not in ("Shape", "NoOp")]
    return taking[0] if len(taking) == 1 and taking[0].outputs else None


def _constant(frozen: FrozenGraph, tensor: Any) -> Any:
    """The value of a tensor that depends on no input and is no weight matrix; None of others."""
    waiting = [tensor.op]
    seen: set[str] = set()
    while waiting:
        op = waiting.pop()
        if op.type == "Placeholder" or len(seen) > 20:
            return None
        seen.add(op.name)
        waiting += [one.op for one in op.inputs if one.op.name not in seen]
    return frozen.function.prune([], tensor)().numpy()
