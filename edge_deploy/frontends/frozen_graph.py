"""TensorFlow 1's frozen graphs: one ``.pb`` file, a GraphDef with its weights as constants.

Such a file does not say what goes in and what comes out. Placeholders go in, and what nobody in
the graph reads comes out. With a signature that says so it is a SavedModel without variables, and
is looked through and read as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.errors import EdgeDeployError, SourceError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.frontends import saved_model

_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
# What is read by nobody and says nothing of the model.
_NO_ANSWER = (
    "Const",
    "NoOp",
    "Assert",
    "Print",
    "PrintV2",
    "Placeholder",
    "PlaceholderWithDefault",
)


def load(path: Path, options: LoadOptions) -> LoadedModel:
    """Read a frozen graph.

    Raises:
        UntrustedError: It does more than compute.
        SourceError: It is damaged, has variables in place of weights, or no inputs or answers.
    """
    graph = _parse(path)
    with temporary_folder() as temporary:
        folder = temporary / path.name
        folder.mkdir()
        meta = _meta_graph(path, graph)
        (folder / "saved_model.pb").write_bytes(meta.SerializeToString())
        try:
            model = saved_model.load(folder, options)
        except EdgeDeployError as error:
            error.args = (str(error).replace(str(folder), str(path)),)
            raise
    inputs, outputs = (
        ", ".join(s.name for s in side) for side in (model.spec.inputs, model.spec.outputs)
    )
    note = f"a frozen graph does not say its ends; taken were {inputs} -> {outputs}"
    return replace(model, notes=(*model.notes, note), parameters=_parameters(graph))


def _parse(path: Path) -> Any:
    from google.protobuf import message
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef()
    try:
        graph.ParseFromString(read_bytes(path, SourceError))
    except (message.DecodeError, ValueError, RecursionError) as error:
        raise SourceError(
            f"{path}: not a frozen graph of TensorFlow, or cut short ({first_line(error)}). Save "
            "or download it again."
        ) from error
    if not graph.node or not all(node.op and node.name for node in graph.node):
        raise SourceError(f"{path}: not a frozen graph of TensorFlow: it has no operators.")
    if held := [node.name for node in graph.node if node.op in _VARIABLES]:
        raise SourceError(
            f"{path}: the graph has variables and not their values ({held[0]}). Freeze it with its "
            "checkpoint (tf.compat.v1.graph_util.convert_variables_to_constants), or give a "
            "SavedModel."
        )
    return graph


def _meta_graph(path: Path, graph: Any) -> Any:
    """The graph as a SavedModel of one signature."""
    from tensorflow.core.protobuf import saved_model_pb2

    inputs = [node for node in graph.node if node.op == "Placeholder"]
    read = {source.lstrip("^").partition(":")[0] for node in graph.node for source in node.input}
    outputs = [n for n in graph.node if n.name not in read and n.op not in _NO_ANSWER]
    # A loop leaves its counter unread, and a branch which way it went.
    ops = {node.name: node.op for node in graph.node}
    inner = [n for n in outputs if n.op == "Exit" or _source(n, ops) == "Switch"]
    outputs = [n for n in outputs if n not in inner] or outputs
    if not inputs or not outputs:
        what = "takes nothing: it has no placeholder" if not inputs else "gives no answer"
        raise SourceError(f"{path}: the frozen graph {what}. Give the SavedModel it was made from.")
    types = _types(path, graph, [node.name for node in (*inputs, *outputs)])
    document = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = document.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    meta.graph_def.CopyFrom(graph)
    signature = meta.signature_def["serving_default"]
    signature.method_name = "tensorflow/serving/predict"
    for nodes, ends in ((inputs, signature.inputs), (outputs, signature.outputs)):
        for node in nodes:
            tensor = types[node.name]
            end = ends[node.name.rpartition("/")[2] if _alone(node, nodes) else node.name]
            end.name = tensor.name
            end.dtype = tensor.dtype.as_datatype_enum
            end.tensor_shape.CopyFrom(tensor.shape.as_proto())
    return document


def _source(node: Any, ops: Mapping[str, str]) -> str | None:
    """The operator that a node takes its first input from."""
    return ops.get(node.input[0].lstrip("^").partition(":")[0]) if node.input else None


def _alone(node: Any, nodes: list[Any]) -> bool:
    """Whether the last part of a node's name is nobody else's."""
    last = node.name.rpartition("/")[2]
    return [other.name.rpartition("/")[2] for other in nodes].count(last) == 1


def _types(path: Path, graph: Any, names: list[str]) -> dict[str, Any]:
    """The first tensor of each node, by TensorFlow's own shape inference."""
    import tensorflow as tf

    try:
        with tf.Graph().as_default() as imported:
            tf.graph_util.import_graph_def(graph, name="")
        return {name: imported.get_operation_by_name(name).outputs[0] for name in names}
    except (ValueError, KeyError, IndexError, tf.errors.OpError) as error:
        raise SourceError(
            f"{path}: TensorFlow cannot read this graph: {first_line(error)}. Give the SavedModel "
            f"it was made from; {option('input_shapes')} cannot help here."
        ) from error


def _parameters(graph: Any) -> int:
    """How many numbers its constants hold, sizes and axes of a few left out."""
    import math

    sizes = [
        math.prod(dim.size for dim in node.attr["value"].tensor.tensor_shape.dim)
        for node in graph.node
        if node.op == "Const" and len(node.attr["value"].tensor.tensor_shape.dim)
        and node.attr["value"].tensor.dtype == 1
    ]  # fmt: skip
    return int(sum(sizes))
