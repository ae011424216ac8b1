"""Artifacts and the page's shell, as a static site.

``models/site.json`` records every file that was written, by hash: a later run replaces or
drops its own files, and touches nothing of anybody else's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from edge_deploy.api.keywords import DemoKeywords
from edge_deploy.api.options import DemoOptions
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.document import to_document
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import columns_of
from edge_deploy.artifact.samples import places
from edge_deploy.artifact.selection import page_entry
from edge_deploy.artifact.statistics import answer_ranges, column_ranges, picture_ranges
from edge_deploy.core import atomic_io
from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.options import as_path, as_paths, given, takes
from edge_deploy.core.spec import Array, Arrays, TensorSpec
from edge_deploy.data import model_card
from edge_deploy.data.preprocessing.encoding import raw_rows
from edge_deploy.data.reference import join, sample
from edge_deploy.verification import metrics, noise, page_limits, quality
from edge_deploy.verification.columns import page_columns
from edge_deploy.web import (
    assets,
    hosting,
    page_head,
    precompress,
    runtimes,
    service_worker,
    tfjs_bundle,
)
from edge_deploy.web import embed as embedding
from edge_deploy.web.notebook import frame
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.site_writer import RECORD, SCHEMA, Files, as_json, file_digest, publish

INDEX = "models/index.json"
OF_THE_HEAD = ("accent", "url")  # which the page itself has no use for
# What the page checks itself with: enough to see a fault, and light to download. Of two samples
# the answers must differ; one would not show an output that never changes.
_FEWEST, _SAMPLES, _SAMPLE_BYTES = 2, 8, 1_500_000
# What says of a model's files what they are: the page asks for them by the revision of all.
_DESCRIBE = ("manifest.json", "reference.json", "reference.bin", "quality.json", "card.html")


@dataclass(frozen=True)
class DemoSite:
    """A site on disk.

    Attributes:
        folder: Its root, which holds index.html.
        models: What the page calls them: the name, or name@version where a name is there twice.
        files: Every file that was written, by path from the root.
        gone: Models that the site showed before and that were not named this time.
        sizes: Bytes of its parts: page, models, each runtime by name, and what lies compressed
            beside them.
    """

    folder: Path
    models: tuple[str, ...]
    files: tuple[str, ...]
    gone: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """The page itself, where a notebook can show it."""
        return frame(self.folder)


@takes(DemoOptions)
def build_demo(
    paths: Path | str | Sequence[Path | str],
    output: Path | str = "web_demo",
    options: DemoOptions | None = None,
    **keywords: Unpack[DemoKeywords],
) -> DemoSite:
    """Build a static site that runs models in the browser.

    Args:
        paths: An artifact's folder, or several.
        output: The site. When it is the checkout's own web_demo/, only its models/ is filled;
            otherwise a whole copy of the page is written.
        options: What it brings, and for which host.
        **keywords: Fields of ``DemoOptions`` by name, which win over ``options``.

    Raises:
        UsageError: An artifact has no file, a file is in the way, or the host is unknown.
        ArtifactError: A file is not the one that was converted.
        MissingDependencyError: The page's vendor/ is not built.
    """
    output = as_path(output, "output")
    options = given(DemoOptions, options, keywords, "build_demo")
    host, embed = options.host, options.embed
    hosting.check(host)
    info = options.page or PageInfo()
    page_head.check(info)
    source = assets.shell_folder()
    models = opened(paths)
    keys = keys_of(models)
    targets = runtimes.targets_of(models, options.runtimes, options.compare)
    whole = not (output.is_dir() and output.samefile(source))
    if not whole and (host or embed or info.given):
        changed = {"host": host, "embed": embed, **asdict(info)}
        name = next(name for name, value in changed.items() if value)
        raise UsageError(
            f"{output} is the checkout's own page, which {option(name, changed[name])} would "
            f"change: name another folder with {option('output')}."
        )
    with artifact.as_opened(models):
        entries, files = listed(keys, models, targets)
        ops = set().union(*(operators(model) for model in models)) if "tfjs" in targets else set()
        linked = tfjs_bundle.link(source, ops) if ops else None
        names = {part: tfjs_bundle.file_name(part, code) for part, code in (linked or {}).items()}
        files |= {f"models/{names[part]}": code for part, code in (linked or {}).items()}
        # The index comes last, so that the page never lists what is not there yet.
        files[INDEX] = as_json(
            {
                "schema": SCHEMA,
                "offline": options.work_offline,
                "page": {
                    key: value for key, value in asdict(info).items() if key not in OF_THE_HEAD
                },
                "kernels": {part: f"models/{name}" for part, name in names.items()},
                "models": entries,
            }
        )
        planned: Files = {}
        if whole:
            planned |= assets.files(source, targets)
            planned |= embedding.files(source, models, entries) if embed else {}
            planned |= _presented(planned, info, [e["title"] or e["key"] for e in entries])
        if options.work_offline:
            files[service_worker.LIST] = service_worker.site_list({**planned, **files}, entries)
        elif whole:
            planned.pop(service_worker.WORKER, None)
        planned |= files
        planned = precompress.with_compressed(planned, source)
        planned |= hosting.files(host, models) if host else {}
        planned[INDEX] = planned.pop(INDEX)
        gone = tuple(key for key in _shown(output) if key not in keys)
        with atomic_io.writing(output):
            publish(output, planned)
    return DemoSite(output, tuple(keys), (*planned, RECORD), gone, runtimes.sizes(planned))


def opened(paths: Path | str | Sequence[Path | str]) -> list[Artifact]:
    """The artifacts of some folders, each once."""
    found = {}
    for path in as_paths(paths, "paths"):
        one = artifact.open_artifact(path)
        found[one.folder.resolve()] = one
    return list(found.values())


def listed(
    keys: Sequence[str], models: Sequence[Artifact], targets: Collection[str]
) -> tuple[list[dict[str, Any]], Files]:
    """The entries of the page's index, and the files of the models.

    Args:
        keys: What the page calls the models.
        models: The models.
        targets: The formats whose files the page brings.
    """
    entries: list[dict[str, Any]] = []
    files: Files = {}
    for key, model in zip(keys, models, strict=True):
        entry, own = _model(key, model, targets)
        files |= {f"models/{entry['folder']}/{name}": file for name, file in own.items()}
        entries.append(entry)
    return entries, files


def _presented(planned: Files, info: PageInfo, models: Sequence[str]) -> Files:
    """The files of the page that say what it is."""
    page, style = (_content(planned[name]).decode() for name in ("index.html", "style.css"))
    return {
        "index.html": page_head.with_head(page, info, models).encode(),
        "style.css": page_head.with_accent(style, info.accent).encode(),
        page_head.PREVIEW: page_head.preview(info, models),
    }


def _content(file: Path | bytes) -> bytes:
    return file.read_bytes() if isinstance(file, Path) else file


def _shown(site: Path) -> list[str]:
    """The models of a site as it is; none where there is no site yet."""
    try:
        return [str(e["key"]) for e in json.loads((site / INDEX).read_text())["models"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def operators(model: Artifact) -> set[str]:
    ops: set[str] = set()
    for entry in model.manifest.artifacts:
        if entry.target == "tfjs":
            ops |= tfjs_bundle.operators(model.main_file(entry))
    return ops


def keys_of(models: Sequence[Artifact]) -> list[str]:
    """What the page calls each model.

    Raises:
        UsageError: Two have the same name and version.
    """
    names = Counter(model.name for model in models)
    keys = [
        model.name if names[model.name] == 1 else f"{model.name}@{model.manifest.version}"
        for model in models
    ]
    if twice := [key for key, count in Counter(keys).items() if count > 1]:
        raise UsageError(
            f"{twice[0]} is there twice, from different folders. Leave one out, or convert it "
            f"with another {option('name')} or {option('version')}."
        )
    return keys


def _model(key: str, model: Artifact, targets: Collection[str]) -> tuple[dict[str, Any], Files]:
    """The page's entry of a model, and its files."""
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
        "folder": _slug(key),
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
    shown = quality.cells(model.spec, first, places(first.count)) if model.samples() else []
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


def _slug(key: str) -> str:
    """A folder name that every system and URL takes as it is."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-.")
    if plain == key:
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
