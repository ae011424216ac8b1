"""What a site is to hold, from its models: planned whole, and written by ``web.site_writer``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.web import assets, page_head, precompress, service_worker, tfjs_bundle
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.releases import RELEASES, Releases, to_json
from edge_deploy.web.site_index import INDEX
from edge_deploy.web.site_writer import SCHEMA, Files, as_json


@dataclass(frozen=True)
class SitePlan:
    """What a site shows.

    Attributes:
        entries: Of models/index.json: every version that is kept.
        files: The versions' own files, by path from the site's root.
        releases: Which of the versions answers whom.
        ops: The operators of all its TF.js files.
        targets: The formats whose runtimes it brings.
        offline: Let a service worker keep the site for visits without a network.
        page: What the site says of itself.
    """

    entries: tuple[Mapping[str, Any], ...]
    files: Files
    releases: Releases
    ops: frozenset[str]
    targets: frozenset[str]
    offline: bool
    page: PageInfo


def planned_files(plan: SitePlan, source: Path, site: Path | None = None) -> Files:
    """All files of a site: the page, the models, what the page reads of them.

    Args:
        plan: What it shows.
        source: The page's shell.
        site: The site as it is, whose files that stay need not be compressed again.

    Returns:
        The files in the order in which they are to be written: releases.json last, so that no
        version is live before all of it is there, and the index before it.
    """
    files = dict(plan.files)
    linked = tfjs_bundle.link(source, plan.ops) if plan.ops else None
    names = {part: tfjs_bundle.file_name(part, code) for part, code in (linked or {}).items()}
    files |= {f"models/{names[part]}": code for part, code in (linked or {}).items()}
    files[INDEX] = as_json(
        {
            "schema": SCHEMA,
            "offline": plan.offline,
            "page": asdict(plan.page),
            "kernels": {part: f"models/{name}" for part, name in names.items()},
            "models": _ordered(plan),
        }
    )
    planned: Files = {}
    if site is None or not site.is_dir() or not site.samefile(source):
        planned |= assets.files(source, plan.targets)
        planned |= _presented(planned, plan)
        if not plan.offline:
            planned.pop(service_worker.WORKER, None)
    planned |= files
    if plan.offline:
        stable = [entry for entry in plan.entries if _is_stable(plan, entry)]
        others = [entry for entry in plan.entries if not _is_stable(plan, entry)]
        # What releases.json says is asked anew each time; the list holds it for the first.
        all_files = {**planned, RELEASES: b""}
        planned[service_worker.LIST] = service_worker.site_list(all_files, stable, others)
    planned = precompress.with_compressed(planned, *([source, site] if site else [source]))
    planned[INDEX] = planned.pop(INDEX)
    planned[RELEASES] = to_json(plan.releases)
    return planned


def operators(model: Artifact, targets: Collection[str]) -> frozenset[str]:
    """The operators of an artifact's TF.js files, where a site brings those."""
    if "tfjs" not in targets:
        return frozenset()
    files = [model.main_file(entry) for entry in model.manifest.artifacts if entry.target == "tfjs"]
    return frozenset().union(*map(tfjs_bundle.operators, files))


def _is_stable(plan: SitePlan, entry: Mapping[str, Any]) -> bool:
    found = plan.releases.model(entry["key"])
    return found is not None and found.stable == entry["version"]


def _ordered(plan: SitePlan) -> list[Mapping[str, Any]]:
    """The entries, of each model the stable one first: a page without releases.json takes that."""
    places = {key: n for n, key in reversed([*enumerate(one["key"] for one in plan.entries)])}
    return sorted(plan.entries, key=lambda one: (places[one["key"]], not _is_stable(plan, one)))


def _presented(planned: Files, plan: SitePlan) -> Files:
    """The files of the page that say what it is."""
    page, style = (_content(planned[name]).decode() for name in ("index.html", "style.css"))
    stable = [entry for entry in plan.entries if _is_stable(plan, entry)]
    models = [entry["title"] or entry["key"] for entry in stable]
    return {
        "index.html": page_head.with_head(page, plan.page, models).encode(),
        "style.css": page_head.with_accent(style, plan.page.accent).encode(),
        page_head.PREVIEW: page_head.preview(plan.page, models),
    }


def _content(file: Path | bytes) -> bytes:
    return file.read_bytes() if isinstance(file, Path) else file
