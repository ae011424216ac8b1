"""A model as the page of a site has it: its entry in models/index.json, and its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.document import to_document
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import columns_of
from edge_deploy.artifact.samples import packaged
from edge_deploy.artifact.selection import page_entry
from edge_deploy.artifact.statistics import answer_ranges, column_ranges, picture_ranges
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, TensorSpec
from edge_deploy.data import model_card
from edge_deploy.data.preprocessing.encoding import raw_rows
from edge_deploy.data.reference import join, sample
from edge_deploy.verification import metrics, noise, page_limits, quality
from edge_deploy.verification.columns import page_columns
from edge_deploy.web.site_writer import Files, as_json, file_digest

# What the page checks itself with: enough to see a fault, and light to download. Of two samples
# the answers must differ; one would not show an output that never changes.
_FEWEST, _SAMPLES, _SAMPLE_BYTES = 2, 8, 1_500_000
# What says of a model's files what they are: the page asks for them by the revision of all.
_DESCRIBE = ("manifest.json", "reference.json", "reference.bin", "quality.json", "card.html")
# Files of the site itself, which a model's folder beside them must not be called.
_TAKEN = re.compile(r"(index|site|releases)\.json|offline\.js|tfjs-.*\.js")


def with_files(key: str, model: Artifact, targets: Collection[str]) -> tuple[dict[str, Any], Files]:
    """The page's entry of a model, and its files by their paths in the model's folder.

    Args:
        key: What the page calls the model.
        model: The artifact.
        targets: The formats whose files the page brings.

    Raises:
        UsageError: It has no file to show.
        ArtifactError: A file is not the one that was converted.
    """
    manifest = model.manifest
    chosen = page_entry(model, targets)
    samples = model.samples()
    there = [entry for entry in manifest.artifacts if entry.target in targets]
    shipped = [file.path for entry in there for file in entry.files]
    read = {artifact.REFERENCE, artifact.EVALUATION, model_card.FILE}
    _check_hashes(model, {*shipped, *samples, *read})
    files: Files = {path: model.folder / path for path in (*shipped, *samples)}
    # How it was converted names folders of the author's machine, which visitors need not know.
    files["manifest.json"] = as_json({**to_document(manifest), "command": None})
    reference, data = _reference(model)
    files["reference.json"], files["reference.bin"] = as_json(reference), data
    if judged := _quality(model):
        files["quality.json"] = as_json(judged)
    if card := model.card():
        files["card.html"] = card.html.encode()
    described = [files[name] for name in _DESCRIBE if name in files]
    entry = {
        "key": key,
        "name": model.name,
        "version": manifest.version,
        "folder": f"{_slug(model.name)}/{_slug(manifest.version)}",
        "revision": hashlib.sha256("".join(map(file_digest, described)).encode()).hexdigest()[:16],
        "file": model.main_file(chosen).relative_to(model.folder).as_posix(),
        "target": chosen.target,
        "precision": chosen.precision,
        # What opening a file needs to know, so that it need not wait for the manifest.
        "spec": {
            side: [{"name": spec.name, "dtype": spec.dtype} for spec in specs]
            for side, specs in (("inputs", manifest.inputs), ("outputs", manifest.outputs))
        },
        "strict": chosen.precision == "float32" and not chosen.pruned,
        "bytes": chosen.bytes,
        "pictures": [path for path in samples if not path.endswith(".json")],
        "rows": next((path for path in samples if path.endswith(".json")), None),
        "quality": "quality.json" if judged else None,
        "title": card.title if card else None,
        "description": card.description if card else None,
        "card": "card.html" if card and card.html else None,
        "files": [_file(model, entry) for entry in there],
    }
    return entry, files


def _quality(model: Artifact) -> dict[str, Any] | None:
    """How good the original is over all labelled samples of the artifact, for the page to draw.

    ``shown`` has the true and the answered class of each sample that the page offers.
    """
    first = model.reference()
    found = quality.quality(model.spec, join(first, model.evaluation()))
    if found is None:
        return None
    places = packaged(model.manifest.reference, first.count)
    shown = quality.cells(model.spec, first, places) if model.samples() else []
    return {**found, "shown": shown}


def _file(model: Artifact, entry: FileEntry) -> dict[str, Any]:
    """A converted file for the page's comparison."""
    parts = [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in entry.files]
    return {
        "target": entry.target,
        "precision": entry.precision,
        "pruned": to_document(entry.pruned) if entry.pruned else None,
        "file": model.main_file(entry).relative_to(model.folder).as_posix(),
        "bytes": entry.bytes,
        "brotli_bytes": entry.brotli_bytes,
        "strict": entry.precision == "float32" and not entry.pruned,
        "limits": page_limits.limits(entry, model.spec.outputs),
        "refused": page_limits.refused(entry),
        "parts": parts,
    }


def _check_hashes(model: Artifact, used: set[str]) -> None:
    for path, what in model.changed_files().items():
        if path in used:
            raise ArtifactError(
                f"{model.folder / path} {what}. Convert the model again with "
                f"{option('overwrite', True)}."
            )


def content_of(files: Files) -> str:
    """SHA-256 over the files of a version, by their paths and hashes."""
    lines = (f"{path} {file_digest(file)}\n" for path, file in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _slug(key: str) -> str:
    """A folder name that every system and URL takes as it is."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-.")
    if plain == key and not _TAKEN.fullmatch(plain):
        return plain
    return f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:8]}".lstrip("-")


def _reference(model: Artifact) -> tuple[dict[str, Any], bytes]:
    """Samples and the original's answers, where each lies in the bytes; what is known of all."""
    data = model.reference()
    rows = raw_rows(columns_of(model.manifest) or (), data.rows)
    size = sum(array.nbytes for array in data.inputs.values()) // max(data.count, 1)
    fit = _SAMPLES if rows else max(_FEWEST, _SAMPLE_BYTES // max(size, 1))
    sure = noise.sure_samples(data, model.spec)
    count = min(len(sure), _SAMPLES, fit)
    chunks: list[bytes] = []
    at = 0

    def place(spec: TensorSpec, values: Array) -> dict[str, Any]:
        nonlocal at
        kind = {"b": "<u1", "i": "<i4", "u": "<i4"}.get(values.dtype.kind, "<f4")
        chunks.append(np.ascontiguousarray(values, dtype=kind).tobytes())
        at += len(chunks[-1])
        start = at - len(chunks[-1])
        return {"shape": list(values.shape), "start": start, "end": at}

    def tensors(arrays: Arrays, specs: Sequence[TensorSpec], n: int) -> dict[str, Any]:
        return {spec.name: place(spec, sample(arrays[spec.name], spec, n)) for spec in specs}

    # A page that encodes words starts its check from the words, not from numbers of ours.
    samples = [
        {
            **(
                {"row": rows[n]} if rows else {"inputs": tensors(data.inputs, model.spec.inputs, n)}
            ),
            "outputs": tensors(data.outputs, model.spec.outputs, n),
        }
        # From all over the reference, whose samples may be sorted by class.
        for n in (sure[k * len(sure) // count] for k in range(count))
    ]
    whole = {}
    for spec in model.spec.outputs:
        values = data.outputs[spec.name].astype(np.float64)
        power = float(np.square(values[np.isfinite(values)]).sum() / max(values.size, 1))
        whole[spec.name] = {
            "scale": metrics.scale(values),
            "power": power,
            "columns": page_columns(spec.kind, values),
            "rounding": noise.evidence(data.unsure, spec.name) or 0.0,
        }
    told = {
        "samples": samples,
        "whole": whole,
        "columns": column_ranges(model, data),
        "answers": answer_ranges(model, data),
        "pixels": picture_ranges(model, data),
    }
    return {"origin": data.origin, **told}, b"".join(chunks)
