"""``models/releases.json`` of a site: which version of each model answers whom, and how it came.

Renaming this one file into place is what makes a version live, promotes it or rolls it back. All
else of a version lies in the site before, under paths whose content never changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType, structs

from edge_deploy.artifact.document import Name, Part, Sha256, Share, Time, read, to_document
from edge_deploy.artifact.inner_paths import name_fault
from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.core.messages import call, option, unknown

SCHEMA: Literal["edge-deploy/releases/1"] = "edge-deploy/releases/1"
RELEASES = "models/releases.json"
MOST_EVENTS = 100
"""Of a model's history the newest are kept: each visit fetches the file."""

Channel = Literal["stable", "canary", "shadow"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


class Canary(Part, frozen=True, kw_only=True):
    """A version that a share of the visitors gets.

    Attributes:
        version: Its name.
        share: Of the visitors, from 0 to 1: those whose own random number is below it.
    """

    version: Name
    share: Share


class ReleaseEvent(Part, frozen=True, kw_only=True):
    """Something that was done with a version.

    Attributes:
        action: What: `demo` built the site with it, `publish` put it there, `promote` made the
            canary or the shadow stable, `rollback` put a former version back.
        version: Of the model.
        channel: Whom the version answers since then: `stable` everybody else, `canary` a share
            of the visitors, `shadow` nobody: it is asked in silence.
        share: Of the visitors, where it is a canary.
        time: When, in UTC.
        by: Who did it; null where nobody said.
        source: SHA-256 of the trained model that was converted.
        content: SHA-256 over all files of the version, by which another of the same name is known.
    """

    action: Literal["demo", "publish", "promote", "rollback"]
    version: Name
    channel: Channel
    share: Share | UnsetType = UNSET
    time: Time
    by: str | None
    source: Sha256
    content: Sha256


class ModelReleases(Part, frozen=True, kw_only=True):
    """The versions of a model that a site holds.

    Attributes:
        name: What the page calls the model: `key` in models/index.json.
        stable: The version that answers.
        canary: The version that a share of the visitors gets; null where there is none.
        shadow: The version that is asked in silence; null where there is none.
        versions: All that are kept, the oldest first; each has its entry in models/index.json.
        history: What was done, the oldest first.
    """

    name: Name
    stable: Name
    canary: Canary | None
    shadow: Name | None
    versions: Annotated[tuple[Name, ...], Meta(min_length=1)]
    history: tuple[ReleaseEvent, ...]

    @property
    def live(self) -> tuple[str, ...]:
        """The versions that visitors run now."""
        canary = self.canary.version if self.canary else None
        return tuple(v for v in dict.fromkeys((self.stable, canary, self.shadow)) if v)


class Releases(Part, frozen=True, kw_only=True):
    """Which versions of its models a site shows to whom.

    Attributes:
        schema: Of which form this document is.
        models: One a model of the page.
    """

    schema: Literal["edge-deploy/releases/1"]
    models: tuple[ModelReleases, ...]

    def model(self, name: str) -> ModelReleases | None:
        """The versions of one model; None where the site has no such model."""
        return next((one for one in self.models if one.name == name), None)


def read_releases(site: Path) -> Releases:
    """``models/releases.json`` of a site.

    Raises:
        UsageError: The folder is no site, or one that was built before sites had releases.
        ArtifactError: The file is not as edge-deploy writes it, or a newer one wrote it.
    """
    path = site / RELEASES
    if not path.is_file():
        known = (site / "models/index.json").is_file()
        what = "was built before sites had releases" if known else "is not a site of edge-deploy"
        raise UsageError(
            f"{site} {what}: it has no {RELEASES}. {call('demo', ..., output=site)} writes one."
        )
    text = bounds.read_text(path, ArtifactError)
    try:
        return parse_releases(bounds.parse_json(text))
    except ValueError as error:
        raise ArtifactError(
            f"{path}: not as edge-deploy writes it: {error}. If it was edited, put back what was "
            "there; a newer edge-deploy may have written it, then install that one."
        ) from error


def parse_releases(document: Any) -> Releases:
    """The typed value of a document, every name in it checked.

    Raises:
        ValueError: The first thing that is wrong with it.
    """
    if isinstance(document, dict) and document.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"it is of {document['schema']!r}; this edge-deploy reads {SCHEMA!r}")
    found = read(Releases, document)
    names = [one.name for one in found.models]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"models: {twice!r} is there twice")
    for at, one in enumerate(found.models):
        for name in (one.name, *one.versions):
            if fault := name_fault(name):
                raise ValueError(f"models[{at}]: {name!r} cannot name a folder: {fault}")
        if gone := [version for version in one.live if version not in one.versions]:
            raise ValueError(f"models[{at}]: version {gone[0]!r} is live and not among `versions`")
        if one.canary and not 0 <= one.canary.share <= 1:
            raise ValueError(f"models[{at}].canary.share: is {one.canary.share}, not from 0 to 1")
    return found


def to_json(releases: Releases) -> bytes:
    """The file's content."""
    return msgspec.json.format(msgspec.json.encode(to_document(releases)), indent=1)


def with_model(releases: Releases, changed: ModelReleases) -> Releases:
    """The same with one model's versions put in place of what was there, or added."""
    others = [one for one in releases.models if one.name != changed.name]
    place = next(
        (n for n, one in enumerate(releases.models) if one.name == changed.name), len(others)
    )
    return structs.replace(releases, models=(*others[:place], changed, *others[place:]))


def first_release(name: str, event: ReleaseEvent) -> ModelReleases:
    """A model whose only version everybody gets."""
    return ModelReleases(
        name=name,
        stable=event.version,
        canary=None,
        shadow=None,
        versions=(event.version,),
        history=(event,),
    )


def with_event(model: ModelReleases, event: ReleaseEvent) -> ModelReleases:
    """A model after something was done: its version is on the event's channel, and on no other."""
    version, channel = event.version, event.channel
    canary = model.canary if model.canary and model.canary.version != version else None
    shadow = model.shadow if model.shadow != version else None
    if channel == "canary":
        canary = Canary(version=version, share=event.share or 0.0)
    if channel == "shadow":
        shadow = version
    versions = model.versions if version in model.versions else (*model.versions, version)
    return structs.replace(
        model,
        stable=version if channel == "stable" else model.stable,
        canary=canary,
        shadow=shadow,
        versions=versions,
        history=(*model.history, event)[-MOST_EVENTS:],
    )


def pruned(model: ModelReleases, keep: int) -> ModelReleases:
    """A model without its oldest versions: ``keep`` stay, and those that are live whatever happens.

    The version before the stable one stays, too, as long as more than one is kept: it is what a
    rollback puts back.
    """
    former = former_stable(model)
    needed = {*model.live, *([former] if former and keep > 1 else ())}
    spare = [version for version in model.versions if version not in needed]
    many = min(max(keep - len(needed), 0), len(spare))
    kept = needed | set(spare[len(spare) - many :])
    return structs.replace(model, versions=tuple(v for v in model.versions if v in kept))


def former_stable(model: ModelReleases) -> str | None:
    """The version that was stable before the one that is, and is still there."""
    seen = [event.version for event in model.history if event.channel == "stable"]
    return next((v for v in reversed(seen) if v != model.stable and v in model.versions), None)


def found_model(releases: Releases, name: str, site: Path) -> ModelReleases:
    """One model of a site.

    Raises:
        UsageError: The site has none of that name.
    """
    found = releases.model(name)
    if found is None:
        names = [one.name for one in releases.models]
        raise UsageError(f"{site}: {unknown(name, names, 'model')}", option="name", got=name)
    return found


def last_event(model: ModelReleases, version: str) -> ReleaseEvent | None:
    """The newest event of a version that the history still has."""
    return next((e for e in reversed(model.history) if e.version == version), None)


def promoted(model: ModelReleases) -> str:
    """The version that a promotion makes stable: the canary, else the shadow.

    Raises:
        UsageError: There is neither.
    """
    version = model.canary.version if model.canary else model.shadow
    if version is None:
        raise UsageError(
            f"{model.name} has no canary and no shadow to promote; version {model.stable} is "
            f"stable. {option('channel', 'canary')} of publish makes one."
        )
    return version


def rolled_back(model: ModelReleases, version: str | None, site: Path) -> str:
    """The version that a rollback makes stable.

    Args:
        model: The versions of the model.
        version: The one that is wanted; None for the one that was stable before.
        site: For what is said.

    Raises:
        UsageError: It is stable already, or is no longer there.
    """
    wanted = version if version is not None else former_stable(model)
    if wanted is None:
        raise UsageError(
            f"{model.name} has no former stable version in {site}; kept: "
            f"{', '.join(model.versions)}. Name one of them, or publish one."
        )
    if wanted not in model.versions:
        raise UsageError(
            f"{site}: {unknown(wanted, model.versions, f'version of {model.name}')}",
            option="version",
            got=wanted,
        )
    if wanted == model.stable:
        raise UsageError(f"{model.name} {wanted} is stable already; there is nothing to do.")
    return wanted
