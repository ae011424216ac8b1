"""TF.js graph models: a frozen graph through TensorFlow's optimizer and our rewrites."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.graph import FrozenGraph, freeze
from edge_deploy.core.grappler import optimize
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, ModelSpec
from edge_deploy.formats.base import METADATA_KEY, Converted
from edge_deploy.formats.tfjs.describe import read_document
from edge_deploy.formats.tfjs.operators import operators
from edge_deploy.formats.tfjs.rewrites import AFTER_OPTIMIZER, BEFORE_OPTIMIZER, Graph
from edge_deploy.formats.tfjs.writer import signature_of, write_json, write_model

# Without its "remap", which fuses for TensorFlow's own kernels; twice, since one makes work for
# the other.
_PASSES = ("pruning", "constfold", "arithmetic", "dependency") * 2
# What writes a loop as nodes that take their turns, which edges of order hold together.
_FRAMES = frozenset({"Enter", "Switch"})


def export(model: LoadedModel, path: Path, metadata: Mapping[str, Any]) -> Converted:
    """Write a graph model: ``model.json`` at ``path`` and 4 MB weight shards beside it.

    Short loops of recurrent layers are written out: TF.js runs those at once, and a loop step by
    step. Attention layers are traced without einsum, which its wasm backend does not have.

    Args:
        model: The model.
        path: Where ``model.json`` goes; its folder must exist and be empty.
        metadata: Becomes ``userDefinedMetadata``.

    Raises:
        ConversionError: TF.js has no kernel for an operator; all of them are named.
    """
    frozen = _freeze(model)
    ends = [name.partition(":")[0] for name in (*frozen.inputs.values(), *frozen.outputs.values())]
    graph_def = _optimized(frozen.graph_def, ends)
    graph = Graph(graph_def, ends)
    for rewrite in AFTER_OPTIMIZER:
        rewrite(graph)
        graph.prune()
    notes = _check_operators(graph_def)
    _merge_constants(graph_def)
    write_model(graph_def, path, _signature(model.spec, frozen), {METADATA_KEY: dict(metadata)})
    return Converted(path, tuple(sorted(path.parent.iterdir())), notes)


def embed(path: Path, metadata: Mapping[str, Any]) -> None:
    """Write other metadata into a ``model.json`` that edge-deploy wrote."""
    document = read_document(path)
    document["userDefinedMetadata"] = {METADATA_KEY: dict(metadata)}
    write_json(path, document)


def _freeze(model: LoadedModel) -> FrozenGraph:
    frozen = freeze(model.function, model.spec.inputs)
    if model.plain is not None and any(node.op == "Einsum" for node in frozen.graph_def.node):
        return freeze(model.plain, model.spec.inputs)
    return frozen


def _optimized(frozen: Any, ends: Collection[str]) -> Any:
    """A copy of a frozen graph, which the other targets start from too, rewritten and optimized."""
    graph_def = type(frozen)()
    graph_def.CopyFrom(frozen)
    in_frames = any(node.op in _FRAMES for node in frozen.node)
    if not in_frames:
        _drop_control_inputs(graph_def)
    graph = Graph(graph_def, ends)
    for rewrite in BEFORE_OPTIMIZER:
        rewrite(graph)
    shapes = {
        node.name: node.attr["_output_shapes"].SerializeToString()
        for node in graph.graph_def.node
        if "_output_shapes" in node.attr
    }
    try:
        optimized = optimize(graph_def, ends, _PASSES, min_graph_nodes=-1)  # small graphs too
    except Exception as error:  # Grappler raises anything
        raise _refusal(first_line(error)) from error
    _drop_control_inputs(optimized)
    for node in optimized.node:  # a node keeps its value as long as it keeps its name
        if node.name in shapes:
            node.attr["_output_shapes"].ParseFromString(shapes[node.name])
    return optimized


def _check_operators(graph_def: Any) -> tuple[str, ...]:
    """What a user should know of the backends; an error where no backend has an operator."""
    known = operators()
    inner = [node for one in graph_def.library.function for node in one.node_def]
    ops = sorted({node.op for node in (*graph_def.node, *inner)})
    if unknown := [op for op in ops if op not in known]:
        raise _refusal(f"it has no kernel for {', '.join(unknown)}")
    if lacking := [op for op in ops if "wasm" in known[op].lacking]:
        return (
            "TF.js runs this model on webgl and not on wasm, which has no kernel for "
            f"{', '.join(lacking)}",
        )
    return ()


def _refusal(reason: str) -> ConversionError:
    return ConversionError(
        f"TF.js cannot hold this model: {reason}. Leave it out with "
        f"{option('to', ['tflite', 'onnx'])}."
    )


def _signature(spec: ModelSpec, frozen: FrozenGraph) -> dict[str, Any]:
    """The model's own names for the graph's tensors, as TF.js reads them."""
    return {
        key: signature_of(
            (tensor.name, tensors[tensor.name], tensor.dtype, tensor.shape) for tensor in specs
        )
        for key, specs, tensors in (
            ("inputs", spec.inputs, frozen.inputs),
            ("outputs", spec.outputs, frozen.outputs),
        )
    }


def _drop_control_inputs(graph_def: Any) -> None:
    """Drop the edges that only order operators, of which none here has a side effect.

    TF.js takes them for data, and then cannot compute a loop whose first step they come from.
    """
    for node in graph_def.node:
        if any(name.startswith("^") for name in node.input):
            node.input[:] = [name for name in node.input if not name.startswith("^")]


def _merge_constants(graph_def: Any) -> None:
    """Let equal constants be one: unrolling leaves each step a copy of the weights."""
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    for position in reversed(range(len(graph_def.node))):
        node = graph_def.node[position]
        if node.op == "Const":
            value = node.attr["value"].tensor.SerializeToString(deterministic=True)
            own = first.setdefault(hashlib.sha256(value).digest(), node.name)
            if own != node.name:
                same[node.name] = own
                del graph_def.node[position]
    for node in graph_def.node:
        if any(name in same for name in node.input):
            node.input[:] = [same.get(name, name) for name in node.input]
