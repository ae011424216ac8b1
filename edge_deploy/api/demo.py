"""Artifacts and the page's shell, as a static site.

``models/site.json`` records every file that was written, by hash: a later run replaces or
drops its own files, and touches nothing of anybody else's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack

from edge_deploy.api._page_entry import content_of, with_files
from edge_deploy.api._release_event import release_event
from edge_deploy.api._site import SitePlan, operators, planned_files
from edge_deploy.api.keywords import DemoKeywords
from edge_deploy.api.options import DemoOptions
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core import atomic_io, bounds
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.messages import call, option
from edge_deploy.core.options import as_path, as_paths, given, takes
from edge_deploy.web import assets, hosting, page_head, runtimes
from edge_deploy.web import embed as embedding
from edge_deploy.web.notebook import frame
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.releases import (
    RELEASES,
    ModelReleases,
    ReleaseEvent,
    Releases,
    first_release,
    read_releases,
)
from edge_deploy.web.releases import SCHEMA as RELEASES_SCHEMA
from edge_deploy.web.site_index import INDEX
from edge_deploy.web.site_writer import RECORD, Files, publish


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
    before = _releases(output)
    with artifact.as_opened(models):
        entries, files, events = listed(keys, models, targets)
        released = [
            _as_before(before, first_release(key, event))
            for key, event in zip(keys, events, strict=True)
        ]
        files |= embedding.files(source, models, entries) if embed else {}
        plan = SitePlan(
            entries=tuple(entries),
            files=files,
            releases=Releases(schema=RELEASES_SCHEMA, models=tuple(released)),
            ops=frozenset().union(*(operators(model, targets) for model in models)),
            targets=frozenset(targets),
            offline=options.work_offline,
            page=info,
        )
        planned = planned_files(plan, source, output)
        planned = {**(hosting.files(host, models) if host else {}), **planned}
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
) -> tuple[list[dict[str, Any]], Files, list[ReleaseEvent]]:
    """The entries of the page's index, the files of the models, and that they were built now.

    Args:
        keys: What the page calls the models.
        models: The models.
        targets: The formats whose files the page brings.
    """
    entries: list[dict[str, Any]] = []
    files: Files = {}
    events = []
    for key, model in zip(keys, models, strict=True):
        entry, own = with_files(key, model, targets)
        files |= {f"models/{entry['folder']}/{name}": file for name, file in own.items()}
        entries.append(entry)
        events.append(release_event(model, content_of(own), "demo"))
    return entries, files, events


def _releases(site: Path) -> Releases | None:
    """What a site says of its versions; None where it says nothing that can be read.

    Raises:
        UsageError: Versions were published to it, of which a site built anew would know nothing.
    """
    if not (site / RELEASES).is_file():
        return None
    try:
        found = read_releases(site)
    except EdgeDeployError:
        return None
    for model in found.models:
        if len(model.versions) > 1 or any(event.action != "demo" for event in model.history):
            raise UsageError(
                f"{site} holds what was published: {len(model.versions)} versions of {model.name}, "
                f"which a site built anew would drop. {call('publish', ..., to=site)} adds a "
                f"version; or name another folder with {option('output')}."
            )
    return found


def _as_before(before: Releases | None, made: ModelReleases) -> ModelReleases:
    """The release as the site has it already, where nothing of it has changed since."""
    old = before.model(made.name) if before else None

    def what(event: ReleaseEvent) -> tuple[str, str]:
        return event.version, event.content

    same = old is not None and [*map(what, old.history)] == [*map(what, made.history)]
    return old if old is not None and same else made


def _shown(site: Path) -> list[str]:
    """The models of a site as it is; none where there is no site yet."""
    try:
        return [str(e["key"]) for e in bounds.read_json(site / INDEX)["models"]]
    except (EdgeDeployError, KeyError, TypeError):
        return []


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
