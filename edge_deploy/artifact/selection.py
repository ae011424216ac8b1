"""Which file of an artifact is meant where a command needs one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.artifact.artifact import Artifact

Entry = Mapping[str, Any]


def default_entry(found: Artifact, entries: Sequence[Entry]) -> Entry:
    """The entry to take: what ``tune`` recommends, else float32, else what is not pruned.

    Args:
        found: The artifact.
        entries: Those of its manifest that would do, at least one.
    """
    best = recommended(found)

    def rank(entry: Entry) -> tuple[bool, bool, bool]:
        return (
            entry["files"][0]["path"] not in best,
            entry["precision"] != "float32",
            entry["pruned"] is not None,
        )

    return min(entries, key=rank)


def recommended(found: Artifact) -> set[str]:
    """The files that a search recommends, one a target; none where no search made the artifact."""
    chosen = (found.tuning() or {}).get("recommended")
    if not isinstance(chosen, dict):
        return set()
    return {str(one["path"]) for one in chosen.values() if isinstance(one, dict) and "path" in one}
