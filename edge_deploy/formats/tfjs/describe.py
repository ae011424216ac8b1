"""What a TF.js graph model says of itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_json
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import TensorSpec
from edge_deploy.formats.base import METADATA_KEY, FileInfo

# TF.js has no 64-bit integers: its files have 32-bit ones.
DTYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_INT64": "int32", "DT_BOOL": "bool"}
# What a document raises whose values are not of the types that are expected.
NOT_AS_WRITTEN = (KeyError, TypeError, ValueError, AttributeError)


def describe(path: Path) -> FileInfo:
    """What a ``model.json`` says of itself.

    Raises:
        ArtifactError: It is not a TF.js graph model.
    """
    document = read_document(path)
    try:
        topology = document["modelTopology"]
        functions = topology.get("library", {}).get("function", [])
        inner = [node for function in functions for node in function.get("nodeDef", [])]
        ops = {str(node["op"]) for node in (*_nodes(path, document), *inner)}
        signature = document.get("signature") or {}
        inputs = _specs(signature.get("inputs", {}))
        outputs = _specs(signature.get("outputs", {}))
        metadata = (document.get("userDefinedMetadata") or {}).get(METADATA_KEY)
        if not isinstance(metadata, dict | None):
            raise TypeError(f"its metadata is a {type(metadata).__name__}")
    except (*NOT_AS_WRITTEN, OverflowError) as error:
        raise _not_a_graph(path, error) from error
    return FileInfo(
        target="tfjs",
        inputs=inputs,
        outputs=outputs,
        ops=tuple(sorted(ops)),
        min_runtime=None,
        metadata=metadata,
    )


def read_document(path: Path) -> dict[str, Any]:
    """The whole of a ``model.json``.

    Raises:
        ArtifactError: It is no JSON, or not of a graph model.
    """
    document = read_json(path, ArtifactError)
    if not isinstance(document, dict) or not isinstance(document.get("modelTopology"), dict):
        raise _not_a_graph(path, ValueError("it has no modelTopology"))
    if document.get("format") == "layers-model":
        raise ArtifactError(
            f"{path}: a TF.js layers-model; edge-deploy runs graph models. Convert the Keras "
            "file with `edge-deploy convert`, which writes one."
        )
    try:
        _check_shards(path, document)
    except NOT_AS_WRITTEN as error:
        raise _not_a_graph(path, error) from error
    return document


def _check_shards(path: Path, document: Mapping[str, Any]) -> None:
    """Weights lie in files beside a ``model.json``, and nowhere else."""
    for group in document.get("weightsManifest") or ():
        for name in group["paths"]:
            shard = path.with_name("x") if re.search(r"[/\\:\0]", name) else path.parent / name
            inside = Path(os.path.realpath(shard)).parent == path.parent.resolve()
            if name in ("", ".", "..") or shard.name != name or not inside:
                raise ArtifactError(
                    f"{path}: says that its weights are in {name[:200]!r}, which is no file beside "
                    "it. Convert the model again."
                )


def nodes(path: Path) -> list[Mapping[str, Any]]:
    """The nodes of the graph, each with a name and an operator.

    Raises:
        ArtifactError: As for ``read_document``, or a node is not as TF.js writes it.
    """
    return _nodes(path, read_document(path))


def _nodes(path: Path, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = document["modelTopology"].get("node")
    if not isinstance(found, list):
        raise _not_a_graph(path, ValueError("its nodes are no list"))
    for node in found:
        try:
            told = [node["name"], node["op"], *node.get("input", ())]
            if node["op"] == "Const":
                told.append(node["attr"]["dtype"]["type"])
        except NOT_AS_WRITTEN as error:
            raise _not_a_graph(path, error) from error
        if not all(isinstance(text, str) for text in told):
            raise _not_a_graph(path, ValueError("a name in it is no text"))
    return found


def _not_a_graph(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path}: not a TF.js graph model ({first_line(error)}).")


def _specs(entries: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    specs = []
    for name, entry in entries.items():
        sizes = (int(d.get("size", -1)) for d in entry.get("tensorShape", {}).get("dim", []))
        shape = tuple(None if size < 0 else size for size in sizes)
        specs.append(TensorSpec(name, shape, DTYPES.get(entry.get("dtype"), "float32")))
    return tuple(specs)
