"""``models/index.json`` of a site, read again: what each version that is there consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.artifact.inner_paths import path_fault
from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.site_writer import SCHEMA

INDEX = "models/index.json"


@dataclass(frozen=True)
class SiteIndex:
    """What a site consists of.

    Attributes:
        entries: Of every version that is kept, as the page reads them.
        offline: Whether a service worker keeps the site.
        page: What the site says of itself.
    """

    entries: tuple[Mapping[str, Any], ...]
    offline: bool
    page: PageInfo

    def entry(self, key: str, version: str) -> Mapping[str, Any] | None:
        """The entry of one version; None where the site does not have it."""
        named = (one for one in self.entries if (one["key"], one["version"]) == (key, version))
        return next(named, None)


def read_index(site: Path) -> SiteIndex:
    """models/index.json, with every path in it checked to stay inside.

    Raises:
        ArtifactError: It is missing, or not as edge-deploy writes it.
    """
    path = site / INDEX
    document = bounds.read_json(path, ArtifactError)
    try:
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"it is not of {SCHEMA!r}")
        entries = document["models"]
        for at, entry in enumerate(entries):
            _check_entry(f"models[{at}]", entry)
        told = {name: document["page"].get(name) for name in PageInfo.__dataclass_fields__}
        if strange := [name for name, one in told.items() if not isinstance(one, str | None)]:
            raise ValueError(f"page.{strange[0]} is no text")
        return SiteIndex(tuple(entries), bool(document["offline"]), PageInfo(**told))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path}: not as edge-deploy writes it: {error}. If it was edited, put back what was "
            "there; else build the site anew."
        ) from error


def place(entry: Mapping[str, Any], path: str) -> str:
    """Where a file of a version lies, from the site's root: another version may have it already."""
    return f"models/{entry.get('shared', {}).get(path) or entry['folder'] + '/' + path}"


def _check_entry(where: str, entry: Any) -> None:
    for name in ("key", "name", "version", "folder", "file", "target"):
        if not isinstance(entry[name], str) or not entry[name]:
            raise ValueError(f"{where}.{name} is no text")
    for path in _paths(entry):
        if not isinstance(path, str) or (fault := path_fault(path)):
            raise ValueError(f"{where}: {path!r} is no path inside of a site: {fault}")


def _paths(entry: Mapping[str, Any]) -> Iterator[Any]:
    """Every path that an entry names."""
    yield entry["folder"]
    yield entry["file"]
    for path, shared in entry.get("shared", {}).items():
        yield path
        yield shared
    for file in entry["files"]:
        yield file["file"]
        for part in file["parts"]:
            yield part["path"]


def targets(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """The formats of the files of some versions."""
    return {file["target"] for entry in entries for file in entry["files"]}
