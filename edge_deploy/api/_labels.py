"""Other names for the classes of a converted artifact, without converting the model again.

The names stand in the manifest, in what each file carries of it, and in the reports. Nothing that
was computed depends on them, unless true answers were given by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from edge_deploy.artifact.artifact import Artifact, describe_files, write_manifest
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.artifact.metadata import file_metadata
from edge_deploy.core.filesystem import write_text
from edge_deploy.formats.registry import FORMATS
from edge_deploy.verification import card_draft, report
from edge_deploy.verification.history import verdicts_of
from edge_deploy.verification.verdicts import OutputVerdict, Verdict

_LABELS = "labels.txt"


def depends_on_labels(found: Artifact) -> bool:
    """Whether more of an artifact than names would be otherwise with other labels.

    Where samples have true answers, which class a name is decides how good the model is; and a
    warning may be of the labels.
    """
    told = found.manifest.reference
    evaluation = found.evaluation()
    return bool(
        told.warnings
        or told.performance
        or found.reference().labels is not None
        or (evaluation is not None and evaluation.labels is not None)
        or found.tuning() is not None
        or any(FORMATS[entry.target].embed is None for entry in found.manifest.artifacts)
    )


def relabel(copy: Artifact, labels: Sequence[str]) -> None:
    """Write other labels into a copy of an artifact, as a conversion with them would have.

    Args:
        copy: Where ``depends_on_labels`` is false; its files are changed.
        labels: As many as it has.
    """
    folder, before = copy.folder, copy.manifest
    old = tuple((folder / _LABELS).read_text("utf-8").splitlines())
    new = tuple(labels)
    verdicts = [_renamed(verdict, before, old, new) for verdict in verdicts_of(copy)]
    outputs = tuple(
        structs.replace(output, classes=new) if tuple(output.classes or ()) == old else output
        for output in before.outputs
    )
    manifest = structs.replace(before, outputs=outputs)
    classes = file_metadata(manifest)["classes"]
    entries = tuple(_embedded(folder, entry, classes) for entry in before.artifacts)
    manifest = structs.replace(manifest, artifacts=entries)
    write_text(folder / _LABELS, "\n".join(new) + "\n")
    if (folder / card_draft.FILE).is_file():
        write_text(folder / card_draft.FILE, card_draft.draft(manifest, verdicts))
    for file, text in report.documents(manifest, verdicts).items():
        write_text(folder / file, text)
    write_manifest(folder, manifest)


def _embedded(folder: Path, entry: FileEntry, classes: dict[str, list[str]]) -> FileEntry:
    """An entry whose file carries other classes; what else it carries is its own."""
    made = FORMATS[entry.target]
    path = folder / entry.path
    assert made.embed is not None
    made.embed(path, {**(made.metadata(path) or {}), "classes": classes})
    (changed,) = describe_files(folder, [path])
    files = tuple(changed if file.path == changed.path else file for file in entry.files)
    return structs.replace(entry, files=files)


def _renamed(
    verdict: Verdict, manifest: Manifest, old: Sequence[str], new: Sequence[str]
) -> Verdict:
    """A verdict whose columns go by other names."""
    classes = {output.name: tuple(output.classes or ()) for output in manifest.outputs}

    def renamed(output: OutputVerdict) -> OutputVerdict:
        own = output.column
        if own is None or own not in old or classes.get(output.name) != tuple(old):
            return output
        return replace(output, column=new[list(old).index(own)])

    return replace(verdict, outputs=tuple(map(renamed, verdict.outputs)))
