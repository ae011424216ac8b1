"""What an artifact's report said before, of files that nobody asked about now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.bounds import read_json
from edge_deploy.core.errors import ArtifactError
from edge_deploy.verification.verdicts import Verdict, from_json


def with_earlier(
    found: Artifact,
    manifest: Manifest,
    verdicts: Sequence[Verdict],
    changed: Mapping[str, str],
) -> list[Verdict]:
    """New verdicts, and the earlier ones on the manifest's other files, in the manifest's order.

    An earlier verdict counts for as long as its file is the one that it was about: not where one of
    the entry's files has changed, or was made anew.

    Args:
        found: The artifact as it was.
        manifest: As it will be.
        verdicts: The new ones.
        changed: Files that are not the ones that were written (``Artifact.changed_files``).
    """
    before = {entry.path: entry.files for entry in found.manifest.artifacts}
    places = {entry.path: n for n, entry in enumerate(manifest.artifacts)}
    same = {
        entry.path
        for entry in manifest.artifacts
        if entry.files == before.get(entry.path)
        and not any(file.path in changed for file in entry.files)
    }
    kept = same - {verdict.path for verdict in verdicts}
    old = [] if "report.json" in changed else verdicts_of(found)
    both = [*(verdict for verdict in old if verdict.path in kept), *verdicts]
    return sorted(both, key=lambda verdict: places[verdict.path])


def verdicts_of(found: Artifact) -> list[Verdict]:
    """The verdicts of report.json; a report that cannot be read is as good as none."""
    try:
        document = read_json(found.folder / "report.json", ArtifactError)
        return [from_json(verdict) for verdict in document["verdicts"]]
    except (ArtifactError, ValueError, KeyError, TypeError, AttributeError):
        return []
