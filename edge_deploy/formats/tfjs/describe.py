"""What a TF.js graph model says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import TensorSpec
from edge_deploy.formats.base import METADATA_KEY, FileInfo
from edge_deploy.formats.tfjs.export import DTYPES


def describe(path: Path) -> FileInfo:
    """What a ``model.json`` says of itself.

    Raises:
        ArtifactError: It is not a TF.js graph model.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("format") == "layers-model":
            raise ArtifactError(
                f"{path}: a TF.js layers-model; edge-deploy runs graph models. Convert the Keras "
                "file with `edge-deploy convert`, which writes one."
            )
        nodes = document["modelTopology"]["node"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtifactError(f"{path}: not a TF.js graph model ({first_line(error)}).") from error
    functions = document["modelTopology"].get("library", {}).get("function", [])
    inner = [node for function in functions for node in function.get("nodeDef", [])]
    signature = document.get("signature") or {}
    metadata = (document.get("userDefinedMetadata") or {}).get(METADATA_KEY)
    return FileInfo(
        target="tfjs",
        inputs=_specs(signature.get("inputs", {})),
        outputs=_specs(signature.get("outputs", {})),
        ops=tuple(sorted({node["op"] for node in (*nodes, *inner)})),
        min_runtime=None,
        metadata=metadata,
    )


def _specs(entries: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    specs = []
    for name, entry in entries.items():
        sizes = (int(d.get("size", -1)) for d in entry.get("tensorShape", {}).get("dim", []))
        shape = tuple(None if size < 0 else size for size in sizes)
        specs.append(TensorSpec(name, shape, DTYPES.get(entry.get("dtype"), "float32")))
    return tuple(specs)
