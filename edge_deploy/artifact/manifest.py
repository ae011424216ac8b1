"""What manifest.json says of a model, before its files are made and in each of them."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.artifact.artifact import SCHEMA
from edge_deploy.core.atomic_io import sha256
from edge_deploy.core.spec import LoadedModel
from edge_deploy.data.reference import Reference
from edge_deploy.data.sidecars import Sidecars

_TOOLS = (
    "edge-deploy",
    "tensorflow",
    "keras",
    "tf-keras",
    "tensorflowjs",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "scikit-learn",
    "numpy",
)

LATER = ("features", "inputs", "outputs")
"""Keys of embedded that files of before do not carry."""


def file_metadata(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What every file carries of the manifest; of a vocabulary, only which one it is."""
    return {
        "name": manifest["name"],
        "version": manifest["version"],
        "source_sha256": manifest["source"]["sha256"],
        "classes": {o["name"]: o["classes"] for o in manifest["outputs"] if o["classes"]},
        "preprocessing": manifest["preprocessing"],
        "features": [_brief(f) for f in manifest["features"]] if manifest["features"] else None,
        "inputs": {i["name"]: {"kind": i["kind"]} for i in manifest["inputs"]},
        "outputs": {o["name"]: {k: o[k] for k in ("kind", "unit")} for o in manifest["outputs"]},
    }


def _brief(feature: Mapping[str, Any]) -> dict[str, Any]:
    """A column without its vocabulary, which may be larger than the model itself."""
    text = feature.get("text")
    return {**feature, "text": _brief_text(text)} if text else dict(feature)


def _brief_text(text: Mapping[str, Any]) -> dict[str, Any]:
    brief = dict(text)
    if words := text["vocabulary"]:
        digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
        brief["vocabulary"] = {"size": len(words), "sha256": digest}
    if "also" in text:
        brief["also"] = [_brief_text(one) for one in text["also"]]
    return brief


def new_manifest(
    path: Path,
    named: tuple[str, str, str],
    model: LoadedModel,
    side: Sidecars,
    reference: Reference,
) -> dict[str, Any]:
    """The manifest of a conversion that has no files yet.

    Args:
        path: The trained model.
        named: Name, version and the command that was given.
        model: The same, loaded, with the kinds and labels that the side files tell.
        side: What lay beside it.
        reference: The packaged samples.
    """
    from edge_deploy.data.preprocessing.features import features_to_json

    name, version, command = named
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "schema": SCHEMA,
        "name": name,
        "version": version,
        "created": now.isoformat().replace("+00:00", "Z"),
        "command": command,
        "source": {
            "file": path.name,
            "sha256": sha256(path),
            "kind": model.kind,
            "framework": model.framework,
            "parameters": model.parameters,
        },
        "inputs": [spec.to_json() for spec in model.spec.inputs],
        "outputs": [spec.output_to_json() for spec in model.spec.outputs],
        "preprocessing": dict(side.preprocessing) if side.preprocessing else None,
        "folded_preprocessing": dict(side.folded) if side.folded else None,
        "features": features_to_json(side.features) if side.features else None,
        "reference": {
            "samples": reference.count,
            "origin": reference.origin,
            "answers": model.answers,
            **({"given": reference.given} if reference.given else {}),
        },
        "artifacts": [],
        "files": [],
        "tools": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for tool in _TOOLS:
        try:
            found[tool] = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
