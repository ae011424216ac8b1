"""Artifacts and the page's shell, as a static site.

``models/site.json`` records every file that was written, by hash: a later run replaces or
drops its own files, and touches nothing of anybody else's.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy import artifact as artifacts
from edge_deploy import shell
from edge_deploy.artifact import Artifact
from edge_deploy.errors import ArtifactError, UsageError
from edge_deploy.reference import sample
from edge_deploy.spec import Array, TensorSpec

SCHEMA = "edge-deploy/site/1"
INDEX = "models/index.json"
RECORD = "models/site.json"
_STAGE = ".edge-deploy-partial"
# What the page checks itself with: enough to see a fault, and light to download.
_SAMPLES, _SAMPLE_BYTES = 8, 3_000_000
_SHOWN = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")

Files = dict[str, Path | bytes]
"""What a site is to hold: path in the site -> a file to copy, or its content."""


@dataclass(frozen=True)
class DemoSite:
    """A site on disk.

    Attributes:
        folder: Its root, which holds index.html.
        models: What the page calls them: the name, or name@version where a name is there twice.
        files: Every file that was written, by path from the root.
    """

    folder: Path
    models: tuple[str, ...]
    files: tuple[str, ...]


def build_demo(paths: Sequence[Path | str], output: Path | str = "web_demo") -> DemoSite:
    """Build a static site that runs models in the browser.

    Args:
        paths: Artifacts: their folders.
        output: The site. When it is the checkout's own web_demo/, only its models/ is filled;
            otherwise a whole copy of the page is written.

    Raises:
        UsageError: An artifact has no TF.js file, or a file is in the way.
        ArtifactError: A file is not the one that was converted.
        MissingDependency: The page's vendor/ is not built.
    """
    output = Path(output)
    source = shell.shell_folder()
    found = {}
    for path in paths:
        opened = artifacts.find(Path(path))
        found[opened.folder.resolve()] = opened
    models = list(found.values())
    keys = _keys(models)
    planned: Files = {}
    if not (output.is_dir() and output.samefile(source)):
        planned |= _shell(source)
    entries = []
    for key, model in zip(keys, models, strict=True):
        entry, files = _model(key, model)
        planned |= {f"models/{entry['folder']}/{name}": file for name, file in files.items()}
        entries.append(entry)
    # Last, so that the page never lists what is not there yet.
    planned[INDEX] = _json({"schema": SCHEMA, "models": entries})
    with artifacts.writing(output):
        _publish(output, planned)
    return DemoSite(output, tuple(keys), (*planned, RECORD))


def _keys(models: Sequence[Artifact]) -> list[str]:
    names = Counter(model.name for model in models)
    keys = [
        model.name if names[model.name] == 1 else f"{model.name}@{model.manifest['version']}"
        for model in models
    ]
    if twice := [key for key, count in Counter(keys).items() if count > 1]:
        raise UsageError(
            f"{twice[0]} is there twice, from different folders. Leave one out, or convert it "
            "with another --name or --artifact-version."
        )
    return keys


def _shell(source: Path) -> Files:
    files: Files = {name: source / name for name in shell.FILES}
    for folder in shell.FOLDERS:
        for file in sorted((source / folder).rglob("*")):
            if file.is_file():
                files[file.relative_to(source).as_posix()] = file
    return files


def _model(key: str, model: Artifact) -> tuple[dict[str, Any], Files]:
    """The page's entry of a model, and its files."""
    manifest = model.manifest
    candidates = [entry for entry in manifest["artifacts"] if entry["target"] == "tfjs"]
    if not candidates:
        raise UsageError(
            f"{model.folder} has no TF.js file, which is what the page runs. Convert the model "
            "again with --to tfjs among its targets."
        )
    # Lossless first: only that can be held to the original.
    chosen = min(candidates, key=lambda e: (bool(e["pruned"]), e["precision"] != "float32"))
    samples = [
        file["path"]
        for file in manifest["files"]
        if file["path"].startswith("samples/")
        and Path(file["path"]).suffix.lower() in (*_SHOWN, ".json")
    ]
    shipped = [file["path"] for entry in manifest["artifacts"] for file in entry["files"]]
    _check_hashes(model, {*shipped, *samples, artifacts.REFERENCE})
    files: Files = {path: model.folder / path for path in (*shipped, *samples)}
    # How it was converted names folders of the author's machine, which visitors need not know.
    files["manifest.json"] = _json({**manifest, "command": None})
    reference, data = _reference(model)
    files["reference.json"], files["reference.bin"] = _json(reference), data
    entry = {
        "key": key,
        "name": model.name,
        "version": manifest["version"],
        "folder": _slug(key),
        "file": model.main_file(chosen).relative_to(model.folder).as_posix(),
        "target": "tfjs",
        "precision": chosen["precision"],
        "strict": chosen["precision"] == "float32" and not chosen["pruned"],
        "bytes": sum(file["bytes"] for file in chosen["files"]),
        "pictures": [path for path in samples if not path.endswith(".json")],
        "rows": next((path for path in samples if path.endswith(".json")), None),
        "files": [_file(model, entry) for entry in manifest["artifacts"]],
    }
    return entry, files


def _file(model: Artifact, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A converted file for the page's comparison."""
    parts = [{key: file[key] for key in ("path", "bytes", "sha256")} for file in entry["files"]]
    return {
        "target": entry["target"],
        "precision": entry["precision"],
        "pruned": entry["pruned"],
        "file": model.main_file(entry).relative_to(model.folder).as_posix(),
        "bytes": sum(file["bytes"] for file in entry["files"]),
        "brotli_bytes": sum(file["brotli_bytes"] for file in entry["files"]),
        "strict": entry["precision"] == "float32" and not entry["pruned"],
        "parts": parts,
    }


def _check_hashes(model: Artifact, used: set[str]) -> None:
    for path, what in model.changed_files().items():
        if path in used:
            raise ArtifactError(
                f"{model.folder / path} {what}. Convert the model again with --overwrite."
            )


def _slug(key: str) -> str:
    """A folder name that every system and URL takes as it is."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-.")
    if plain == key:
        return plain
    return f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:8]}".lstrip("-")


def _reference(model: Artifact) -> tuple[dict[str, Any], bytes]:
    """Samples and the original's answers: where each lies in one run of bytes."""
    data = model.reference()
    size = sum(array.nbytes for array in data.inputs.values()) // max(data.count, 1)
    count = min(data.count, _SAMPLES, max(1, _SAMPLE_BYTES // max(size, 1)))
    chunks: list[bytes] = []
    at = 0

    def place(spec: TensorSpec, values: Array) -> dict[str, Any]:
        nonlocal at
        kind = {"b": "<u1", "i": "<i4", "u": "<i4"}.get(values.dtype.kind, "<f4")
        chunks.append(np.ascontiguousarray(values, dtype=kind).tobytes())
        at += len(chunks[-1])
        start = at - len(chunks[-1])
        return {"shape": list(values.shape), "start": start, "end": at}

    samples = [
        {
            side: {spec.name: place(spec, sample(arrays[spec.name], spec, n)) for spec in specs}
            for side, arrays, specs in (
                ("inputs", data.inputs, model.spec.inputs),
                ("outputs", data.outputs, model.spec.outputs),
            )
        }
        for n in range(count)
    ]
    return {"origin": data.origin, "samples": samples}, b"".join(chunks)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _publish(output: Path, planned: Files) -> None:
    """Write what is planned, file by file and each by one rename, and drop what is stale."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; name a folder for the site with --output.")
    record = _read_record(output)
    hashes = {path: _digest(file) for path, file in planned.items()}
    for path in planned:
        _check_own(output, path, hashes[path], record)
    if not record and output.is_dir() and _holds_other_things(output):
        raise UsageError(
            f"{output} is not empty and is not a site of edge-deploy. Name a new or an empty "
            "folder with --output."
        )
    output.mkdir(parents=True, exist_ok=True)
    stage = output / _STAGE
    shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
    try:
        # Until the end both the old and the new files count as ours, whenever we are killed.
        both = {p: sorted({*record.get(p, ()), *_one(hashes, p)}) for p in {*record, *hashes}}
        _put(output, stage, RECORD, _json({"schema": SCHEMA, "files": both}))
        for path, file in planned.items():
            if not _is(output / path, hashes[path]):
                _put(output, stage, path, file)
        for path in record.keys() - planned.keys():
            _drop(output, path, record[path])
        final = {path: [digest] for path, digest in sorted(hashes.items())}
        _put(output, stage, RECORD, _json({"schema": SCHEMA, "files": final}))
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _holds_other_things(output: Path) -> bool:
    """Whether a folder without our record has files; the page's own source may be filled."""
    if (output / "harness.html").is_file():
        return False
    return any(entry.name != _STAGE for entry in output.iterdir())


def _one(hashes: Mapping[str, str], path: str) -> Iterator[str]:
    if path in hashes:
        yield hashes[path]


def _read_record(output: Path) -> dict[str, list[str]]:
    try:
        record = json.loads((output / RECORD).read_text(encoding="utf-8"))
        return {str(path): [str(h) for h in known] for path, known in record["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{output / RECORD} cannot be read ({error}), so that it is not known which files are "
            "edge-deploy's. Move the folder away, or name another with --output."
        ) from error


def _check_own(output: Path, path: str, digest: str, record: Mapping[str, list[str]]) -> None:
    """Nothing of somebody else's, and nothing that was changed by hand, is overwritten."""
    file = output / path
    if not file.exists() and not file.is_symlink():
        return
    if file.is_symlink() or not file.is_file():
        what = "is not a plain file"
    elif (now := artifacts.sha256(file)) == digest or now in record.get(path, ()):
        return
    else:
        what = "was changed since" if path in record else "was not written by `edge-deploy demo`"
    raise UsageError(
        f"{file} {what}; it is left alone. Move it away, or name another folder with --output."
    )


def _digest(file: Path | bytes) -> str:
    return artifacts.sha256(file) if isinstance(file, Path) else hashlib.sha256(file).hexdigest()


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and artifacts.sha256(file) == digest


def _put(output: Path, stage: Path, path: str, file: Path | bytes) -> None:
    stage.mkdir(exist_ok=True)
    part, final = stage / "part", output / path
    if isinstance(file, Path):
        shutil.copyfile(file, part)
    else:
        part.write_bytes(file)
    final.parent.mkdir(parents=True, exist_ok=True)
    part.replace(final)


def _drop(output: Path, path: str, known: Sequence[str]) -> None:
    """Remove a file of an earlier run, and the folders that it leaves empty."""
    file = output / path
    inside = file.resolve().is_relative_to(output.resolve())
    if not inside or not file.is_file() or artifacts.sha256(file) not in known:
        return
    file.unlink()
    for folder in file.relative_to(output).parents:
        if folder == Path() or any((output / folder).iterdir()):
            return
        (output / folder).rmdir()
