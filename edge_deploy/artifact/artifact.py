"""The artifact folder and its manifest: write it whole, read it, check its hashes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from edge_deploy.artifact.document import read, to_document
from edge_deploy.artifact.file_entry import FileEntry, FilePart
from edge_deploy.artifact.inner_paths import check_folder, check_manifest, name_fault
from edge_deploy.artifact.manifest import SCHEMA, FileHash, Manifest, model_spec
from edge_deploy.artifact.transfer_size import brotli_size, gzip_size
from edge_deploy.core import bounds
from edge_deploy.core.atomic_io import digest, locked, replace_all, replace_text, sha256, to_text
from edge_deploy.core.errors import ArtifactError, EdgeDeployError, UsageError
from edge_deploy.core.messages import Shown, in_shell, option
from edge_deploy.core.spec import Arrays, ModelSpec
from edge_deploy.data import model_card
from edge_deploy.data.model_card import ModelCard
from edge_deploy.data.npz import read_npz
from edge_deploy.data.preprocessing.decode import SUFFIXES
from edge_deploy.data.reference import Reference
from edge_deploy.formats.registry import is_converted

MANIFEST = "manifest.json"
REFERENCE = "reference.npz"
EVALUATION = "evaluation.npz"
TUNING = "tuning.json"
SAMPLE_ROWS = "samples/samples.json"


@dataclass(frozen=True)
class Artifact:
    """A converted model on disk.

    Attributes:
        folder: ``artifacts/<name>/<version>``.
        manifest: What manifest.json says.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The model's name."""
        return self.manifest.name

    @property
    def spec(self) -> ModelSpec:
        """The original's inputs and outputs."""
        return model_spec(self.manifest)

    def main_file(self, entry: FileEntry) -> Path:
        """The file of an entry of ``artifacts`` that a runtime opens."""
        return self.folder / entry.path

    def reference(self) -> Reference:
        """The packaged samples and the original's answers to them.

        Raises:
            ArtifactError: reference.npz is missing or unreadable.
        """
        return self._samples(REFERENCE)

    def evaluation(self) -> Reference | None:
        """More of the same, for costs; None where there were no more samples.

        Raises:
            ArtifactError: evaluation.npz is unreadable.
        """
        return self._samples(EVALUATION) if (self.folder / EVALUATION).is_file() else None

    def _samples(self, name: str) -> Reference:
        path = self.folder / name
        arrays = read_npz(path, ArtifactError)
        try:
            data = Reference(
                inputs={s.name: arrays[f"in:{s.name}"] for s in self.spec.inputs},
                outputs={s.name: arrays[f"out:{s.name}"] for s in self.spec.outputs},
                origin=self.manifest.reference.origin,
                labels=arrays.get("labels"),
                pruned={
                    s.name: arrays[f"pruned:{s.name}"]
                    for s in self.spec.outputs
                    if f"pruned:{s.name}" in arrays
                },
                unsure={
                    s.name: arrays[f"unsure:{s.name}"]
                    for s in self.spec.outputs
                    if f"unsure:{s.name}" in arrays
                },
                given=self.manifest.reference.given or None,
                rows=tuple(rows_of(bounds.parse_json(str(arrays.get("rows", "[]"))))),
            )
            _check_samples(data, self.spec)
        except (ValueError, KeyError) as error:
            raise ArtifactError(
                f"{path}: cannot be read ({error}). Convert the model again with "
                f"{option('overwrite', True)}."
            ) from error
        return data

    def tuning(self) -> Mapping[str, Any] | None:
        """The search that made the files, where one did; unreadable it is as good as none."""
        try:
            found = bounds.read_json(self.folder / TUNING, ArtifactError)
        except ArtifactError:
            return None
        return found if isinstance(found, dict) else None

    def card(self) -> ModelCard | None:
        """What its author says that it is for; None where nobody said.

        Raises:
            ArtifactError: MODEL_CARD.md is unreadable.
        """
        path = self.folder / model_card.FILE
        if not any(file.path == model_card.FILE for file in self.manifest.files):
            return None
        return model_card.parse_card(model_card.read_card(path, ArtifactError))

    def samples(self) -> list[str]:
        """Packaged pictures, and rows as JSON, by their paths in the folder."""
        return [
            file.path
            for file in self.manifest.files
            if file.path.startswith("samples/")
            and Path(file.path).suffix.lower() in (*SUFFIXES, ".json")
        ]

    def sample_rows(self) -> list[Mapping[str, Any]]:
        """Packaged rows of a table; empty where there are none.

        Raises:
            ArtifactError: They are not as they were written.
        """
        path = self.folder / SAMPLE_ROWS
        if SAMPLE_ROWS not in self.samples() or not path.exists():
            return []
        try:
            return rows_of(bounds.read_json(path, ArtifactError))
        except ValueError as error:
            raise ArtifactError(
                f"{path}: not as edge-deploy writes it: {error}. Convert the model again with "
                f"{option('overwrite', True)}."
            ) from error

    def changed_files(self) -> dict[str, str]:
        """Files that are not the ones that were written, and what is wrong with each."""
        changed = {}
        for file in self.manifest.files:
            path = self.folder / file.path
            if not path.is_file():
                changed[file.path] = "is missing"
            elif path.stat().st_size != file.bytes or sha256(path) != file.sha256:
                changed[file.path] = "is not the file that was converted (sha256 differs)"
        return changed


def find_folder(path: Path) -> Path:
    """The folder of the artifact that a path means, of which nothing is read.

    Raises:
        UsageError: Nothing is there, or several versions are.
    """
    folder = path.parent if path.name == MANIFEST else path
    if not (folder / MANIFEST).is_file():
        if folder.is_file():
            raise UsageError(
                f"{path} is a file and not an artifact. If it is a model, convert it first: "
                f"edge-deploy convert {in_shell(path)}"
            )
        if not folder.is_dir():
            raise UsageError(
                f"{path}: no such artifact. `edge-deploy convert MODEL` makes one in "
                "artifacts/<name>/<version>/."
            )
        versions = sorted(p.parent for p in folder.glob(f"*/{MANIFEST}"))
        if len(versions) != 1:
            versions = versions or sorted(p.parent for p in folder.glob(f"*/*/{MANIFEST}"))
            found = ", ".join(str(p) for p in versions) or "none"
            mend = "Name one of them." if versions else "`edge-deploy convert MODEL` makes one."
            raise UsageError(
                f"{path}: not an artifact: it has no {MANIFEST}. Folders in it that have one: "
                f"{found}. {mend}"
            )
        return versions[0]
    return folder


def open_artifact(path: Path) -> Artifact:
    """Open an artifact: its folder, its manifest.json, or ``artifacts/<name>`` with one version.

    What it names is checked here, and by nobody else: paths stay inside, and lead to files.

    Raises:
        UsageError: Nothing is there, or several versions are.
        ArtifactError: The manifest cannot be read, or names what is not the artifact's own.
    """
    folder = find_folder(path)
    check_folder(folder)
    text = bounds.read_text(folder / MANIFEST, ArtifactError)
    try:
        document = bounds.parse_json(text)
        if not isinstance(document, dict) or "schema" not in document:
            raise ValueError("it has no schema")
    except ValueError as error:
        raise ArtifactError(
            f"{folder / MANIFEST}: not a manifest ({error}). Convert the model again with "
            f"{option('overwrite', True)}."
        ) from error
    schema = document["schema"]
    if schema != SCHEMA:
        raise ArtifactError(
            f"{folder / MANIFEST}: is of {schema!r}; this edge-deploy reads {SCHEMA!r}. Convert "
            "the model again, or install the edge-deploy that wrote it."
        )
    try:
        manifest = read(Manifest, document)
        check_manifest(manifest)
        return Artifact(folder, manifest)
    except ValueError as error:
        raise ArtifactError(
            f"{folder / MANIFEST}: not as edge-deploy writes it: {error}. If it was edited, put "
            f"back what was there; else convert the model again with {option('overwrite', True)}."
        ) from error


def rows_of(document: Any) -> list[Mapping[str, Any]]:
    """Rows as JSON, by the names of their columns.

    Raises:
        ValueError: They are something else.
    """
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise ValueError("it holds no list of rows")
    return document


def _check_samples(data: Reference, spec: ModelSpec) -> None:
    """Refuse arrays that a model's inputs and outputs cannot be.

    Raises:
        ValueError: They are of another kind, or of different lengths.
    """
    named = [(s, data.inputs[s.name]) for s in spec.inputs]
    named += [(s, data.outputs[s.name]) for s in spec.outputs]
    for one, values in named:
        if values.dtype.kind not in "fiub" or not values.ndim:
            raise ValueError(f"{one.name!r} is of {values.dtype} and shape {list(values.shape)}")
    lengths = {len(values) for _, values in named} | ({len(data.rows)} if data.rows else set())
    if len(lengths) != 1 or not min(lengths):
        raise ValueError(f"its arrays have {sorted(lengths)} samples")
    if data.labels is not None and data.labels.shape[:1] != (min(lengths),):
        raise ValueError("its labels are not one a sample")


def check_name(asked: str, name: str) -> str:
    """A name that is one folder on every system, and stays inside the output.

    Raises:
        UsageError: It is empty, climbs out, or holds what a file name cannot.
    """
    if fault := name_fault(name):
        raise UsageError(
            f"{option(asked, Shown(repr(name)))} cannot name a folder on every system: {fault}.",
            option=asked,
            got=name,
        )
    return name


def check_free(output: Path, name: str, version: str, overwrite: bool) -> Path:
    """The folder that a version will have, if it may be written.

    Raises:
        UsageError: The names cannot be folders, the version exists and ``overwrite`` is not
            set, or what is there is no artifact.
    """
    final = output / check_name("name", name) / check_name("version", version)
    if final.exists() and not overwrite:
        raise UsageError(
            f"{final} exists. Give {option('overwrite', True)} to replace it, or another "
            f"{option('version')}.",
            option="overwrite",
            got=False,
        )
    if final.exists() and not (final / MANIFEST).is_file():
        raise UsageError(f"{final} is not an artifact of edge-deploy: it is left alone.")
    return final


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json with the list of all other files, by rename."""
    files = tuple(
        FileHash(path=p.relative_to(folder).as_posix(), bytes=p.stat().st_size, sha256=sha256(p))
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != MANIFEST
    )
    replace_text(folder / MANIFEST, _text(structs.replace(manifest, files=files)))


def _text(manifest: Manifest) -> str:
    """manifest.json of a manifest."""
    return to_text(to_document(manifest))


@contextlib.contextmanager
def as_opened(artifacts: Iterable[Artifact]) -> Iterator[None]:
    """Say that another run changed an artifact, where reading it failed.

    Raises:
        ArtifactError: It was changed while the body read it.
    """
    try:
        yield
    except (OSError, EdgeDeployError) as error:
        for one in artifacts:
            if not _is_as_opened(one):
                raise _changed(one) from error
        raise


def _is_as_opened(artifact: Artifact) -> bool:
    try:
        return open_artifact(artifact.folder).manifest == artifact.manifest
    except EdgeDeployError:
        return False


def _changed(artifact: Artifact) -> ArtifactError:
    return ArtifactError(
        f"{artifact.folder} was changed by another run meanwhile; it is left as that made it. Run "
        "this again."
    )


def update(
    artifact: Artifact,
    manifest: Manifest,
    reports: Mapping[str, str],
    added: Iterable[FilePart] = (),
    stage: Path | None = None,
) -> Manifest:
    """Replace the manifest and the reports of an artifact, and touch nothing else.

    The hashes of other files stay as they are listed: a changed file must not become right
    because somebody looked at it. All is written beside what it replaces before anything is
    replaced, so that a full disk changes nothing.

    Args:
        artifact: The artifact.
        manifest: The new manifest.
        reports: Text by file name.
        added: Files that are put in place.
        stage: The folder that those lie in, under the same paths.

    Returns:
        The manifest as it is written.

    Raises:
        ArtifactError: Another run changed the artifact since it was opened.
    """
    # Files of no entry any more belong to the version that was replaced.
    listed = {file.path for entry in manifest.artifacts for file in entry.files}
    gone = {file.path for entry in artifact.manifest.artifacts for file in entry.files}
    new = [
        FileHash(path=name, bytes=len(text.encode()), sha256=digest(text.encode()))
        for name, text in reports.items()
    ]
    new += [FileHash(path=file.path, bytes=file.bytes, sha256=file.sha256) for file in added]
    named = {file.path for file in new} | (gone - listed)
    kept = [file for file in manifest.files if file.path not in named]
    files = sorted([*kept, *new], key=lambda file: file.path)
    written = structs.replace(manifest, files=tuple(files))
    texts = {**reports, MANIFEST: _text(written)}
    moves = {stage / f.path: artifact.folder / f.path for f in added} if stage else {}
    with locked(artifact.folder.parent):
        if not _is_as_opened(artifact):
            raise _changed(artifact)
        replace_all(
            moves,
            {artifact.folder / name: text for name, text in texts.items()},
            [artifact.folder / path for path in gone - listed],
            artifact.folder,
        )
    return written


def save_reference(path: Path, data: Reference, rows: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write samples and answers under ``in:<name>``, ``out:<name>`` and ``labels``.

    The answers of the pruned model, where there is one, are ``pruned:<name>``, and between what
    values the original's own answers lie, where it was measured, ``unsure:<name>``; ``rows``, where
    samples are checked from what people type on, are the samples as JSON.
    """
    arrays: Arrays = {f"in:{name}": array for name, array in data.inputs.items()}
    arrays |= {f"out:{name}": array for name, array in data.outputs.items()}
    arrays |= {f"pruned:{name}": array for name, array in data.pruned.items()}
    arrays |= {f"unsure:{name}": array for name, array in data.unsure.items()}
    if data.labels is not None:
        arrays["labels"] = data.labels
    if rows:
        arrays["rows"] = np.array(json.dumps(rows))
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def describe_files(folder: Path, paths: Iterable[Path]) -> tuple[FilePart, ...]:
    """What an entry's files weigh on disk and on the wire; the one that a runtime opens first."""
    entries = []
    for path in sorted(paths, key=lambda p: (not is_converted(p), p.name)):
        data = path.read_bytes()
        entries.append(
            FilePart(
                path=path.relative_to(folder).as_posix(),
                bytes=len(data),
                gzip_bytes=gzip_size(data),
                brotli_bytes=brotli_size(data),
                sha256=digest(data),
            )
        )
    return tuple(entries)
