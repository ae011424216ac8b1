"""What speaks against a file before it is asked: other bytes, or another model's labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import preprocessing_of
from edge_deploy.artifact.metadata import LATER, file_metadata
from edge_deploy.artifact.samples import packaged
from edge_deploy.core.bounds import read_text
from edge_deploy.core.errors import ArtifactError
from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.preprocessing.image import preprocess_image
from edge_deploy.data.reference import Reference
from edge_deploy.formats.base import Format

_MOVED = 0.02  # of the picture's scale
_SHOWN = 300  # characters of what a file carries, in an error


def wrong_files(found: Artifact, entry: FileEntry, changed: Mapping[str, str]) -> tuple[str, ...]:
    """Changed files that speak against an entry: its own, and those that belong to no entry."""
    own = {file.path for file in entry.files}
    others = {f.path for e in found.manifest.artifacts for f in e.files} - own
    return tuple(f"{path} {what}" for path, what in changed.items() if path not in others)


def label_failures(found: Artifact, file_format: Format, path: Path) -> tuple[str, ...]:
    """Whether the labels and the rest that a file carries are the manifest's."""
    expected = file_metadata(found.manifest)
    carried = file_format.metadata(path)
    failures = []
    if carried is None:
        failures.append("carries none of the metadata that edge-deploy embeds")
    else:
        failures = [
            f"{key} in the file: {_short(carried.get(key))}, in the manifest: {_short(value)}"
            for key, value in expected.items()
            if carried.get(key, value if key in LATER else None) != value
        ]
    listed = found.folder / "labels.txt"
    if listed.is_file():
        try:
            lines = read_text(listed, ArtifactError).splitlines()
        except ArtifactError:
            lines = []
        if lines not in [list(o.classes or ()) for o in found.manifest.outputs]:
            failures.append("labels.txt does not hold the manifest's classes")
    return tuple(failures)


def preparation_failures(found: Artifact, reference: Reference) -> tuple[str, ...]:
    """Whether packaged pictures still become the numbers that the original was asked with.

    An app prepares pictures by the manifest: another scale there is as wrong as one in the file.
    """
    preprocessing, spec = preprocessing_of(found.manifest), found.spec.inputs[0]
    pictures = sorted((found.folder / "samples").glob("[0-9][0-9]_*"))
    if preprocessing is None or not pictures or len(found.spec.inputs) > 1 or not reference.count:
        return ()
    shape = tuple(axis or 1 for axis in spec.shape[1:])
    places = packaged(found.manifest.reference, reference.count)
    if len(places) != len(pictures):
        told = len(places)
        return (f"samples/ holds {len(pictures)} pictures, and the manifest tells of {told}",)
    last = len(pictures) - 1
    for n in sorted({0, last // 2, last}):
        wanted = reference.inputs[spec.name][places[n]].astype(np.float64)
        now = preprocess_image(preprocessing, decode_image(pictures[n]), shape)
        # Decoders differ by a grey level or two; a wrong constant moves all of the picture.
        most = _MOVED * np.abs(wanted).max(initial=1e-6)
        if now.shape != wanted.shape or float(np.median(np.abs(now - wanted))) > most:
            return (
                f"preprocessing in the manifest: samples/{pictures[n].name} becomes other numbers "
                "than those that the original was asked with",
            )
    return ()


def _short(value: Any) -> str:
    """Its beginning: what a file carries may be long."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
