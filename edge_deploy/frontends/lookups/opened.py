"""A frozen graph that can be asked for any of its tensors, and what its tables hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array, Arrays, Function, TensorSpec
from edge_deploy.frontends.lookups import equivalents, regions

_CONTROL_FLOW = ("While", "StatelessWhile", "If", "StatelessIf")


@dataclass(frozen=True, eq=False)
class Opened:
    """A frozen graph that can be asked for any of its tensors.

    Attributes:
        frozen: The graph as it was.
        wrapped: The same with whole numbers looked up by arithmetic.
        graph_def: Of that.
        numbers: The tables of whole numbers, by the names of the look-ups.
    """

    frozen: FrozenGraph
    wrapped: Any
    graph_def: Any
    numbers: equivalents.Contents

    @property
    def inputs(self) -> dict[str, Any]:
        """The placeholders by the model's names."""
        named = self.frozen.inputs
        return {name: self.wrapped.graph.as_graph_element(t) for name, t in named.items()}

    @property
    def outputs(self) -> list[Any]:
        """The ends in their order."""
        return [self.wrapped.graph.as_graph_element(t) for t in self.frozen.outputs.values()]

    def runner(self, tensors: Sequence[Any]) -> Callable[[Arrays], list[Array]]:
        """What computes tensors from the inputs that they need."""
        return runner_of(self.wrapped, self.inputs, tensors)

    @property
    def region(self) -> regions.Region:
        """What is at the edge."""
        return regions.region(self.wrapped.graph, self.inputs.values(), self.outputs)


def runner_of(
    wrapped: Any, inputs: Mapping[str, Any], tensors: Sequence[Any]
) -> Callable[[Arrays], list[Array]]:
    needed = {op.name for op in regions.above(tensors)}
    names = [name for name, tensor in inputs.items() if tensor.op.name in needed]
    pruned = wrapped.prune([inputs[name] for name in names], list(tensors))

    def run(arrays: Arrays) -> list[Array]:
        given = [tf.constant(arrays[name], inputs[name].dtype) for name in names]
        return [one.numpy() for one in pruned(*given)]

    def one_by_one(arrays: Arrays) -> list[Array]:
        count = len(next(iter(arrays.values())))
        rows = [run({k: v[n : n + 1] for k, v in arrays.items()}) for n in range(count)]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    single = any(inputs[name].shape.rank and inputs[name].shape[0] == 1 for name in names)
    return one_by_one if single else run


def opened(frozen: FrozenGraph) -> Opened:
    """Open a frozen graph; its tables are asked what they hold."""
    wrapped = imported(frozen.graph_def, frozen.tables)
    numbers: dict[str, tuple[Array, Array]] = {}
    for op in wrapped.graph.get_operations():
        if op.type == "LookupTableFindV2" and op.inputs[1].dtype.is_integer:
            keys, values = contents(wrapped, op)
            if equivalents.is_whole(keys, values):
                numbers[op.name] = (keys, values)
    graph_def = type(frozen.graph_def)()
    graph_def.CopyFrom(frozen.graph_def)
    if equivalents.rewrite(graph_def, numbers):
        wrapped = imported(graph_def, frozen.tables)
    return Opened(frozen, wrapped, graph_def, numbers)


def imported(graph_def: Any, tables: Mapping[str, Any]) -> Any:
    def build() -> None:
        graph = tf.compat.v1.get_default_graph()
        held = {f"{name}:0": graph.capture(handle) for name, handle in tables.items()}
        tf.graph_util.import_graph_def(graph_def, input_map=held, name="")

    return tf.compat.v1.wrap_function(build, [])


def contents(wrapped: Any, find: Any) -> tuple[Array, Array]:
    """The keys and values of the table that a look-up asks, in the order of the values."""
    with wrapped.graph.as_default():
        exported = tf.raw_ops.LookupTableExportV2(
            table_handle=find.inputs[0], Tkeys=find.inputs[1].dtype, Tvalues=find.outputs[0].dtype
        )
    keys, values = runner_of(wrapped, {}, list(exported))({})
    order = np.argsort(values, kind="stable")
    return keys[order], values[order]


def uncontrolled(graph_def: Any) -> Any:
    """A copy without orders among operators, by which checks of the edge would stay."""
    result = type(graph_def)()
    result.CopyFrom(graph_def)
    for node in result.node:
        node.input[:] = [ref for ref in node.input if not ref.startswith("^")]
        if node.op in _CONTROL_FLOW:  # which freezing forbade, and TF.js must have
            node.attr["_lower_using_switch_merge"].b = True
    return result


def frozen_once(
    function: Function, inputs: tuple[TensorSpec, ...], means: bool = False
) -> FrozenGraph:
    """The graph that everybody else asks for, too: it is kept by how ``freeze`` is called."""
    return freeze(function, inputs, means=True) if means else freeze(function, inputs)


def rewritten(
    function: Function, inputs: tuple[TensorSpec, ...], means: bool = False
) -> Function | None:
    """A model of numbers without the operators that TF.js or ONNX lack, such as Discretization's.

    Args:
        function: The model.
        inputs: What it takes.
        means: Replace random numbers by their means.

    Returns:
        None where there are none in it.
    """
    ops = {node.op for node in frozen_once(function, inputs, means).graph_def.node}
    if not ops & {"Bucketize", "DenseBincount"}:
        return None

    @cache
    def plainer(batch: int | None) -> tuple[list[str], Any]:
        whole = opened(freeze(function, inputs, batch=batch, means=means))
        wrapped = imported(uncontrolled(whole.graph_def), {})
        graph = wrapped.graph
        ends = [
            [graph.as_graph_element(tensor) for tensor in named.values()]
            for named in (whole.frozen.inputs, whole.frozen.outputs)
        ]
        return list(whole.frozen.outputs), wrapped.prune(*ends)

    def numbers(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [tf.convert_to_tensor(tensors[spec.name]) for spec in inputs]
        one = not tf.executing_eagerly() and all(len(x.shape) and x.shape[0] == 1 for x in given)
        with tf.init_scope():  # frozen apart from the graph that it is called in
            names, concrete = plainer(1 if one else None)
        return dict(zip(names, concrete(*given), strict=True))

    return numbers
