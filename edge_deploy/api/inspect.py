"""``inspect``: what a model, a converted file or an artifact is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Unpack

from edge_deploy.artifact import artifact
from edge_deploy.artifact.document import to_document
from edge_deploy.artifact.manifest import input_entry, output_entry
from edge_deploy.core.bounds import bounded, check_file
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.options import given, takes
from edge_deploy.core.spec import LoadKeywords, LoadOptions
from edge_deploy.core.stdio import quietly
from edge_deploy.formats.registry import format_of, is_converted


@takes(LoadOptions)
@bounded
@quietly
def inspect(
    path: Any, options: LoadOptions | None = None, **keywords: Unpack[LoadKeywords]
) -> dict[str, Any]:
    """Describe an artifact, a converted file or a trained model.

    Only a trained model needs TensorFlow.

    Args:
        path: One of these, or a live model.
        options: How to read a trained model.
        **keywords: Fields of ``LoadOptions`` by name, which win over ``options``.

    Returns:
        A document with ``type`` (artifact, file or model) and what is known of it.

    Raises:
        EdgeDeployError: It is none of these, or cannot be read.
    """
    options = given(LoadOptions, options, keywords, "inspect")
    if not isinstance(path, str | os.PathLike):
        return _trained(path, options)
    path = Path(os.fspath(path))
    if is_artifact(path):
        return {"type": "artifact", **to_document(artifact.open_artifact(path).manifest)}
    if path.is_file() and is_converted(path):
        file_format = format_of(path)
        info = file_format.describe(path)
        return {
            "type": "file",
            "target": info.target,
            "bytes": sum(check_file(p, ArtifactError).st_size for p in file_format.files(path)),
            "inputs": [to_document(input_entry(spec)) for spec in info.inputs],
            "outputs": [to_document(input_entry(spec)) for spec in info.outputs],
            "ops": list(info.ops) if info.ops is not None else None,
            "min_runtime": info.min_runtime,
            "needs": dict(info.needs) if info.needs else None,
            "metadata": info.metadata,
        }
    return _trained(path, options)


def is_artifact(path: Path) -> bool:
    """Whether a path is an artifact, whose manifest says what it is and no file is opened."""
    return path.name == artifact.MANIFEST or (path.is_dir() and _holds_manifest(path))


def _trained(path: Any, options: LoadOptions) -> dict[str, Any]:
    from edge_deploy.frontends.load import load_model

    model = load_model(path, options)
    return {
        "type": "model",
        "kind": model.kind,
        "framework": model.framework,
        "parameters": model.parameters,
        "inputs": [to_document(input_entry(spec)) for spec in model.spec.inputs],
        "outputs": [to_document(output_entry(spec)) for spec in model.spec.outputs],
        "notes": list(model.notes),
    }


def _holds_manifest(folder: Path) -> bool:
    return (folder / artifact.MANIFEST).is_file() or any(folder.glob(f"*/{artifact.MANIFEST}"))
