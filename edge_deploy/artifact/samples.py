"""Samples as the user gave them, for the page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_deploy.artifact.manifest import ReferenceEntry
from edge_deploy.core.filesystem import write_text
from edge_deploy.core.options import Data
from edge_deploy.core.spec import Feature
from edge_deploy.data.preprocessing.encoding import as_typed
from edge_deploy.data.reference import Reference

SAMPLES = 12  # pictures or rows for the page


def note(reference: Reference, path: Data) -> tuple[str, ...]:
    """That some of the user's own samples will be there for all to see."""
    if reference.rows:
        what = "rows"
    elif reference.pictures:
        what = "pictures"
    else:
        return ()
    return (f"up to {SAMPLES} {what} of {path.name} are packaged, and a page shows them",)


def spread(count: int) -> tuple[int, ...]:
    """Up to twelve places of so many, evenly apart."""
    return tuple(range(0, count, max(1, count // SAMPLES))[:SAMPLES])


def places(reference: Reference) -> tuple[int, ...]:
    """Which samples of the reference are packaged for the page.

    Where labels are classes, as many of each as there are; of more than twelve classes, those of
    classes evenly apart. Else samples evenly apart.
    """
    labels = reference.labels
    if labels is None or labels.ndim > 1 or labels.dtype.kind not in "iuUS":
        return spread(reference.count)
    of: dict[Any, list[int]] = {}
    for place, label in enumerate(labels.tolist()):
        of.setdefault(label, []).append(place)
    classes = [of[label] for label in sorted(of)]
    classes = [classes[n] for n in spread(len(classes))]
    taken: list[int] = []
    for turn in range(SAMPLES):
        taken += [members[turn] for members in classes if turn < len(members)]
    return tuple(sorted(taken[:SAMPLES]))


def packaged(entry: ReferenceEntry, count: int) -> tuple[int, ...]:
    """The places, among so many kept samples, of those that lie in samples/.

    Artifacts of earlier versions do not say them.
    """
    return tuple(place for place in entry.shown or spread(count) if 0 <= place < count)


def save(stage: Path, reference: Reference, features: Sequence[Feature] = ()) -> None:
    """Up to twelve samples as the user gave them, for the page.

    Of a table's rows only what the model is asked with: a page is public, and a table may hold
    names. Without features the rows have nothing else.
    """
    folder = stage / "samples"
    shown = places(reference)
    if reference.pictures:
        folder.mkdir()
        for n, picture in enumerate(reference.pictures[place] for place in shown):
            name = re.sub(r"[^\w.-]", "_", f"{n:02d}_{picture.parent.name}{picture.suffix.lower()}")
            shutil.copyfile(picture, folder / name)
    elif reference.rows:
        folder.mkdir()
        rows: list[dict[str, Any]] = [dict(reference.rows[place]) for place in shown]
        if features:
            rows = [
                {f.name: as_typed(f, row[f.name]) for f in features if f.name in row}
                for row in rows
            ]
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        write_text(folder / "samples.json", text)
