"""A loaded model as one frozen TensorFlow graph: what all three converters start from.

Freezing first, with no variable left in the graph, is what keeps a recurrent model free of
state: the TFLite converter turns an LSTM over saved variables into an operator that remembers
the previous call, and an LSTM over constants into one that does not. It also spares the
converters a SavedModel on disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from edge_deploy.core import randomness
from edge_deploy.core.branches import take_known_branches
from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.graph_weights import without_weights
from edge_deploy.core.half_precision import widen_halves
from edge_deploy.core.inlining import inline_calls
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.operator_rewrites import rewrite_operators
from edge_deploy.core.spec import Function, TensorSpec

# Operators that only move or relabel what another one computed.
_PASS_THROUGH = frozenset({"Identity", "Reshape", "Squeeze", "Cast", "NoOp", "StopGradient"})
_MOST = (1 << 31) - (1 << 24)  # bytes of weights: a protobuf has 2 GB, and the rest needs some
_CONTROL_FLOW = frozenset({"While", "StatelessWhile", "If", "StatelessIf"})
# What reaches out of the graph when it runs, on disk or into Python: no model needs it to answer.
_REACHES_OUT = frozenset(
    {"WriteFile", "SaveV2", "Save", "PyFunc", "PyFuncStateless", "EagerPyFunc", "WriteSummary"}
)


@dataclass(frozen=True, eq=False)
class FrozenGraph:
    """A graph of constants with its named ends.

    Attributes:
        graph_def: The graph; its output nodes carry the model's names if they can.
        inputs: The model's input names and the graph's tensor names (``x`` -> ``x:0``).
        outputs: The model's output names and the graph's tensor names.
        types: Shape and dtype of each input and output, by the graph's tensor names.
        random: Whether it drew random numbers, of which means are left.
        tables: Look-up tables by the names of their nodes, which stand for them in the graph.
    """

    graph_def: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    types: Mapping[str, Any]
    random: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TracedFunction:
    """A function of named tensors as TensorFlow traced it, its variables still variables.

    Attributes:
        concrete: The ConcreteFunction, from a list of tensors to a list of tensors.
        outputs: What the latter are called.
    """

    concrete: Any
    outputs: tuple[str, ...]


# By function and then by what else was asked. Nothing here outlives the function, which a model
# has: the graph of a model is as large as the model.
_traced: WeakKeyDictionary[Function, dict[Any, TracedFunction]] = WeakKeyDictionary()
_frozen: WeakKeyDictionary[Function, dict[Any, FrozenGraph]] = WeakKeyDictionary()


def trace(
    function: Function, inputs: tuple[TensorSpec, ...], batch: int | None = None
) -> TracedFunction:
    """Trace a function of named tensors; it is done once.

    Args:
        function: Named TensorFlow tensors in, named tensors out.
        inputs: The inputs, in order; a free first axis becomes ``batch``.
        batch: The batch size, None for a free one.

    Raises:
        SourceError: TensorFlow cannot trace the model.
    """
    known = _traced.setdefault(function, {})
    if (inputs, batch) in known:
        return known[inputs, batch]
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
    known[inputs, batch] = TracedFunction(concrete, tuple(names))
    return known[inputs, batch]


def freeze(
    function: Function,
    inputs: tuple[TensorSpec, ...],
    batch: int | None = None,
    lower_control_flow: bool = False,
    marks: frozenset[str] = frozenset(),
    means: bool = False,
) -> FrozenGraph:
    """Trace a function of named tensors and fold its variables into constants.

    It is done once for a free batch, which several ask for.

    Args:
        function: Named TensorFlow tensors in, named tensors out.
        inputs: The inputs, in order; a free first axis becomes ``batch``.
        batch: The batch size, None for a free one.
        lower_control_flow: Write loops as Switch/Merge nodes, which TF.js reads, in place of
            While functions, which the other converters read.
        marks: Operators that stand for others of the target's own, and will be replaced; Erfc,
            where the target has it.
        means: Replace random numbers by their means in ``graph_def``.

    Raises:
        ConversionError: The graph keeps state between calls or draws random numbers, so it cannot
            be frozen.
        SourceError: TensorFlow cannot trace the model.
    """
    known = _frozen.setdefault(function, {})
    asked = (inputs, batch, lower_control_flow, marks, means)
    found = known.get(asked)
    if found is None:
        traced = trace(function, inputs, batch)
        found = _freeze(traced, inputs, lower_control_flow, marks, means)
        if batch is None:
            known[asked] = found
    return found


def _freeze(
    traced: TracedFunction,
    inputs: tuple[TensorSpec, ...],
    lower_control_flow: bool,
    marks: frozenset[str],
    means: bool,
) -> FrozenGraph:
    concrete = traced.concrete
    _check_size(concrete)
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
    given = concrete.inputs[: len(inputs)]
    ends = [tensor.name for tensor in (*given, *concrete.outputs)]
    graph_def = inline_calls(_with_constants(concrete, lower_control_flow), ends)
    while take_known_branches(graph_def):
        graph_def = inline_calls(graph_def, ends)
    _drop_unreached(graph_def, ends)
    graph = _write_shapes(graph_def)
    results = [graph.as_graph_element(tensor.name) for tensor in concrete.outputs]
    widen_halves(graph_def)
    if "Erfc" not in marks:
        _write_erfc_as_erf(graph_def)
    _pass_on(graph_def)
    rewrite_operators(graph_def)
    taken = {node.name for node in graph_def.node}
    outputs = {}
    nodes = {node.name: node for node in graph_def.node}
    for n, (name, tensor) in enumerate(zip(traced.outputs, concrete.outputs, strict=True)):
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
    named = {spec.name: tensor.name for spec, tensor in zip(inputs, given, strict=True)}
    return FrozenGraph(
        graph_def=graph_def,
        inputs=named,
        outputs=outputs,
        types={
            name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
            for name, tensor in zip(
                (*named.values(), *outputs.values()), (*given, *results), strict=True
            )
        },
        random=bool(drawn),
        tables={
            inner.op.name: handle
            for handle, inner in concrete.graph.captures
            if inner.dtype.name == "resource" and inner.op.name in placeholders
        },
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


def _check_size(concrete: Any) -> None:
    size = sum(one.dtype.size * (one.shape.num_elements() or 0) for one in concrete.graph.variables)
    if size > _MOST:
        raise ConversionError(
            f"The model has {size / 1e9:.2f} GB of weights. TensorFlow writes graphs of at most "
            f"{_MOST / 1e9:.2f} GB, from which all targets are made. Make it smaller, or save its "
            "halves as two models and convert each."
        )


def _with_constants(concrete: Any, lower_control_flow: bool) -> Any:
    """The GraphDef of a traced function, its calls written out and its variables constants.

    TensorFlow's own ``convert_variables_to_constants_v2`` does the same and then makes functions
    of the graph, which hold each constant four times over.
    """
    from tensorflow.python.framework import convert_to_constants as constants

    with randomness.counters_left_alone():
        data = constants._FunctionConverterDataInEager(
            func=concrete, lower_control_flow=lower_control_flow, aggressive_inlining=True
        )
    graph_def, _ = constants._replace_variables_by_constants(converter_data=data)
    return graph_def


def _drop_unreached(graph_def: Any, ends: Sequence[str]) -> None:
    """Drop the nodes that no input or output needs."""
    nodes = {node.name: node for node in graph_def.node}
    waiting = [_node(name) for name in ends]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(map(_node, nodes[name].input))
    for place in reversed(range(len(graph_def.node))):
        if graph_def.node[place].name not in reached:
            del graph_def.node[place]
        else:
            graph_def.node[place].attr.pop("_class", None)  # "on the device of", which may be gone


def _write_shapes(graph_def: Any) -> Any:
    """Write what is known of shapes into the nodes, as ``_output_shapes``; the graph it is of."""
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(without_weights(graph_def), name="")
    for node in graph_def.node:
        if outputs := graph.get_operation_by_name(node.name).outputs:
            shapes = node.attr["_output_shapes"].list.shape
            del shapes[:]
            shapes.extend(tensor.shape.as_proto() for tensor in outputs)
    return graph


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
    for name, tensor in frozen.outputs.items():
        value = frozen.types[tensor]
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

    given = frozen.inputs[name]
    shape = frozen.types[given].shape
    width = shape[-1] if shape.rank else None
    nodes = {node.name: node for node in frozen.graph_def.node}
    at = _node(given)
    scale, offset, found = np.ones(()), np.zeros(()), False
    while (step := _only_consumer(frozen.graph_def, at)) is not None:
        first = _node(step.input[0]) == at
        if step.op == "FusedBatchNormV3" and first:
            weights = [_constant(nodes, one) for one in step.input[1:]]
            if any(one is None for one in weights):
                break
            _, _, mean, variance = weights
            spread = np.sqrt(variance + step.attr["epsilon"].f)
            # What the layer takes for ordinary, whatever its own gamma and beta make of it.
            return InputArithmetic(scale / spread, (offset - mean) / spread)
        if step.op in ("Mul", "AddV2", "Add", "Sub", "RealDiv", "BiasAdd"):
            value = _constant(nodes, step.input[1 if first else 0])
            if value is None or (not first and step.op in ("Sub", "RealDiv")):
                break
            value = np.squeeze(np.asarray(value, np.float64))
            if value.ndim > 1 or (value.ndim == 1 and len(value) != width):
                break
            found = True
            if step.op in ("Mul", "RealDiv"):
                by = value if step.op == "Mul" else 1 / np.where(value == 0, 1, value)
                scale, offset = scale * by, offset * by
            else:
                offset = offset - value if step.op == "Sub" else offset + value
        elif step.op not in _PASS_THROUGH:
            break
        at = step.name
    return InputArithmetic(scale, offset) if found else None


def _only_consumer(graph_def: Any, name: str) -> Any:
    """The one node that takes another's values; None where there are several or none."""
    taking = [
        node
        for node in graph_def.node
        if node.op not in ("Shape", "NoOp")
        and any(_node(one) == name for one in node.input if not one.startswith("^"))
    ]
    return taking[0] if len(taking) == 1 else None


def _constant(nodes: Mapping[str, Any], tensor: str) -> Any:
    """The value of a tensor that depends on no input and is no weight matrix; None of others."""
    waiting = [_node(tensor)]
    needed: dict[str, Any] = {}
    while waiting:
        node = nodes[waiting.pop()]
        if node.op in ("Placeholder", *_CONTROL_FLOW) or len(needed) > 20:
            return None
        needed[node.name] = node
        waiting += [one for one in map(_node, node.input) if one not in needed]
    graph_def = tf.compat.v1.GraphDef(node=needed.values())
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(tensor if ":" in tensor else f"{tensor}:0")


def _node(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
