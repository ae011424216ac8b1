"""A version that a site holds, as an artifact that can be asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_deploy.api.diff import DiffResult, compare, contract_of
from edge_deploy.api.options import DiffOptions, PublishOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import MANIFEST, Artifact
from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.core.filesystem import write_text
from edge_deploy.core.worker import apart
from edge_deploy.web.site_index import place


def compare_with_site(
    site: Path, entry: Mapping[str, Any], folder: Path, new: Artifact, options: PublishOptions
) -> DiffResult:
    """What a new version changes of one that a site holds.

    Args:
        site: The site.
        entry: Of the version, in its index.
        folder: An empty one, where the version's files are put together.
        new: The artifact.
        options: With what samples, and what it may lose.
    """
    old = _opened(site, entry, folder)
    asked = DiffOptions(
        reference=options.reference,
        label_column=options.label_column,
        max_drop=options.max_drop,
        max_size=options.max_size,
    )
    try:
        return apart.work(DiffResult, lambda: compare(old, new, asked), (folder, new.folder))
    except UsageError as error:
        if options.reference is not None:
            raise
        # Files of a page alone do not run here; what they take and give is known all the same.
        return replace(contract_of(old, new), reason=str(error), max_drop=options.max_drop)


def _opened(site: Path, entry: Mapping[str, Any], folder: Path) -> Artifact:
    shown = {part["path"] for file in entry["files"] for part in file["parts"]}
    document = bounds.read_json(site / place(entry, MANIFEST), ArtifactError)
    try:
        # A site does not say how its models were converted, and brings the files that it shows.
        document = {**document, "command": ""}
        document["artifacts"] = [
            one for one in document["artifacts"] if {part["path"] for part in one["files"]} <= shown
        ]
    except (TypeError, KeyError) as error:
        raise ArtifactError(
            f"{site / place(entry, MANIFEST)}: not as edge-deploy writes it ({error}). Publish the "
            "version again."
        ) from error
    write_text(folder / MANIFEST, json.dumps(document))
    for path in shown:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(site / place(entry, path), folder / path)
    return artifacts.open_artifact(folder)
