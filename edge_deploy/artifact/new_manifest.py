"""The manifest of a conversion before its files are made, and of a file that has no other."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_deploy.artifact.document import (
    part,
)
from edge_deploy.artifact.file_entry import (
    FileEntry,
    FilePart,
)
from edge_deploy.artifact.manifest import (
    SCHEMA,
    Manifest,
    ReferenceEntry,
    Source,
    input_entry,
    output_entry,
)
from edge_deploy.artifact.preparation import FeatureEntry, PreprocessingEntry, SeriesEntry
from edge_deploy.artifact.samples import places
from edge_deploy.core.atomic_io import sha256
from edge_deploy.core.spec import Feature, LoadedModel, ModelSpec, ModelStep
from edge_deploy.data.preprocessing.features import features_to_json
from edge_deploy.data.preprocessing.series import series_to_json
from edge_deploy.data.reference import Reference
from edge_deploy.data.sidecars import Sidecars
from edge_deploy.formats.base import FLOAT

_TOOLS = (
    "edge-deploy",
    "tensorflow",
    "keras",
    "tf-keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "scikit-learn",
    "skl2onnx",
    "numpy",
)


def new_manifest(
    path: Path,
    named: tuple[str, str, str],
    model: LoadedModel,
    side: Sidecars,
    reference: Reference,
) -> Manifest:
    """The manifest of a conversion that has no files yet.

    Args:
        path: The trained model.
        named: Name, version and the command that was given.
        model: The same, loaded, with the kinds and labels that the side files tell.
        side: What lay beside it.
        reference: The packaged samples.
    """
    name, version, command = named
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return Manifest(
        schema=SCHEMA,
        name=name,
        version=version,
        created=now.isoformat().replace("+00:00", "Z"),
        command=command,
        source=source_entry(path, model),
        inputs=tuple(map(input_entry, model.spec.inputs)),
        outputs=tuple(map(output_entry, model.spec.outputs)),
        preprocessing=part(PreprocessingEntry, side.preprocessing) if side.preprocessing else None,
        folded_preprocessing=part(PreprocessingEntry, side.folded) if side.folded else None,
        features=_feature_entries(side.features) if side.features else None,
        series=part(SeriesEntry, series_to_json(side.series)) if side.series else None,
        reference=_reference_entry(reference, answers=model.answers),
        artifacts=(),
        files=(),
        tools=_versions(),
    )


def bare_manifest(
    path: Path, target: str, source: Source, spec: ModelSpec, reference: Reference
) -> Manifest:
    """The manifest that a report is made of where a file belongs to no artifact.

    Args:
        path: The file; what it weighs compressed is left at 0.
        target: Its format.
        source: The original.
        spec: Its inputs and outputs.
        reference: The samples that both were asked.
    """
    size = path.stat().st_size
    file = FilePart(path=path.name, bytes=size, gzip_bytes=0, brotli_bytes=0, sha256=sha256(path))
    entry = FileEntry(
        target=target,
        precision=FLOAT,
        pruned=None,
        files=(file,),
        inputs=(),
        outputs=(),
        ops=None,
        min_runtime=None,
        verification=None,
    )
    return Manifest(
        schema=SCHEMA,
        name=path.name,
        version="",
        created="",
        command="",
        source=source,
        inputs=tuple(map(input_entry, spec.inputs)),
        outputs=tuple(map(output_entry, spec.outputs)),
        preprocessing=None,
        features=None,
        series=None,
        reference=_reference_entry(reference),
        artifacts=(entry,),
        files=(),
        tools={},
    )


def source_entry(path: Path, model: LoadedModel) -> Source:
    """The manifest's form of a trained model."""
    document = {
        "file": path.name,
        "sha256": sha256(path),
        "kind": model.kind,
        "framework": model.framework,
        "parameters": model.parameters,
    }
    if model.steps:
        document["steps"] = [_step_entry(step) for step in model.steps]
    if model.onnx is not None:
        document["converter"] = model.onnx.converter
    return part(Source, document)


def _step_entry(step: ModelStep) -> dict[str, Any]:
    return {
        "file": step.name,
        "kind": step.kind,
        "columns": list(step.columns) or None,
        "sha256": sha256(step.path),
        "does": step.does,
    }


def _reference_entry(reference: Reference, **answers: str) -> ReferenceEntry:
    given = {"given": reference.given} if reference.given else {}
    there = reference.rows or reference.pictures
    shown = {"shown": list(places(reference))} if there else {}
    told = {"samples": reference.count, "origin": reference.origin, **answers, **given, **shown}
    return part(ReferenceEntry, told)


def _feature_entries(features: Sequence[Feature]) -> tuple[FeatureEntry, ...]:
    return tuple(part(FeatureEntry, one) for one in features_to_json(features))


def _versions() -> dict[str, str]:
    found = {}
    for tool in _TOOLS:
        try:
            found[tool] = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
