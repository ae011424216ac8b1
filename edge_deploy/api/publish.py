"""Versions of models on a site: put there, made stable, taken back, listed.

Whatever is published lies in the site, whole, before ``models/releases.json`` is renamed into
place; that rename alone makes it live. What a killed run left behind is of no version, and the
next run drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Unpack

from msgspec import UNSET, structs

from edge_deploy.api._page_entry import content_of, with_files
from edge_deploy.api._release_event import git_user, now, release_event
from edge_deploy.api._site import SitePlan, operators, planned_files
from edge_deploy.api._site_version import compare_with_site
from edge_deploy.api.diff import DiffResult
from edge_deploy.api.keywords import PublishKeywords
from edge_deploy.api.options import PublishOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core import atomic_io
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import ArtifactError, UsageError, unknown_option, wrong_option
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.messages import call, option
from edge_deploy.core.options import as_path, as_paths, given, takes
from edge_deploy.web import assets, embed, hosting, page_head, runtimes, site_writer, tfjs_bundle
from edge_deploy.web import releases as rules
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.releases import (
    CHANNELS,
    RELEASES,
    SCHEMA,
    Channel,
    ModelReleases,
    ReleaseEvent,
    Releases,
    read_releases,
)
from edge_deploy.web.site_index import SiteIndex, place, read_index, targets
from edge_deploy.web.site_writer import RECORD, Files, file_digest

_WAITED = 60.0  # seconds for another run that changes the site
_LEFT = "what visitors get is what it was"


@dataclass(frozen=True)
class Published:
    """A version that was put on a site, or on another channel of it.

    Attributes:
        name: The model's.
        version: Of the model.
        channel: Whom it answers.
        share: Of the visitors, where it is a canary.
    """

    name: str
    version: str
    channel: str
    share: float | None = None


@dataclass(frozen=True)
class PublishResult:
    """What ``publish`` did.

    Attributes:
        site: The site.
        published: One an artifact.
        pruned: Versions that are no longer kept, by model.
        written: Files that were written, with their bytes.
        shared: Bytes of the new versions that were there already.
        diffs: What differs from the version that was stable, of those that take its place.
    """

    site: Path
    published: tuple[Published, ...]
    pruned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)
    shared: int = 0
    diffs: tuple[DiffResult, ...] = ()


@takes(PublishOptions)
@bounded
def publish(
    paths: Path | str | Sequence[Path | str],
    to: Path | str,
    options: PublishOptions | None = None,
    **keywords: Unpack[PublishKeywords],
) -> PublishResult:
    """Put versions of models on a site, beside those that are there.

    Until all of it is written visitors get what they got before; one rename then makes the
    versions live. What takes the place of a stable version is compared with it first, as ``diff``
    does.

    Args:
        paths: An artifact's folder, or several of different models.
        to: The site; a new one is built as ``build_demo`` does.
        options: For whom, and what is kept.
        **keywords: Fields of ``PublishOptions`` by name, which win over ``options``.

    Raises:
        UsageError: The version is there with other files, the folder is no site, or a file of it
            was changed by hand; or what a model takes and gives is not what it was, or is worse by
            more than ``max_drop``, and ``force`` is not set.
        ArtifactError: A file is not the one that was converted, or the site cannot be read.
    """
    options = given(PublishOptions, options, keywords, "publish")
    channel = _channel(options)
    page_head.check(PageInfo(report_to=options.report_to or None))
    site = as_path(to, "to")
    models = _opened(as_paths(paths, "paths"))
    by = options.by if options.by is not None else git_user()
    events: dict[str, Any] = {"channel": channel, "by": by or None}
    if channel == "canary":
        events["share"] = options.share if options.share is not None else 0.1
    with artifacts.as_opened(models):
        if not site.exists() or (site.is_dir() and not any(site.iterdir())):
            return _on_new_site(site, models, events, options)
        diffs = _compared(site, models, options) if channel == "stable" else ()
        with _changing(site, "to"):
            return replace(_on_site(site, models, events, options), diffs=diffs)


def promote(site: Path | str, name: str, *, by: str | None = None) -> Published:
    """Make a model's canary, or else its shadow, the stable version.

    Args:
        site: The site.
        name: The model's, as the page calls it.
        by: Who does it; without it git's ``user.name``.

    Raises:
        UsageError: There is no such model, or nothing to promote.
        ArtifactError: The site is not as it was written.
    """
    return _turned(as_path(site, "site"), name, "promote", None, by)


def rollback(
    site: Path | str, name: str, version: str | None = None, *, by: str | None = None
) -> Published:
    """Make a former version the stable one again.

    Args:
        site: The site.
        name: The model's, as the page calls it.
        version: One that is kept; without it the one that was stable before.
        by: Who does it; without it git's ``user.name``.

    Raises:
        UsageError: There is no such model or version, or it is stable already.
        ArtifactError: The site is not as it was written.
    """
    return _turned(as_path(site, "site"), name, "rollback", version, by)


def releases(site: Path | str) -> Releases:
    """Which versions of its models a site shows to whom, and how they came there.

    Raises:
        UsageError: The folder is no site.
        ArtifactError: Its releases.json cannot be read.
    """
    return read_releases(as_path(site, "site"))


def _channel(options: PublishOptions) -> Channel:
    channel = next((one for one in CHANNELS if one == options.channel), None)
    if channel is None:
        raise unknown_option("channel", options.channel, CHANNELS, "channel")
    if options.share is not None and channel != "canary":
        raise wrong_option(
            "share",
            options.share,
            f"it goes with {option('channel', 'canary')}: of the others there is no share.",
        )
    if options.share is not None and not 0 < options.share <= 1:
        raise wrong_option("share", options.share, "a share of the visitors is 10% or 0.1.")
    if options.keep < 1:
        raise wrong_option("keep", options.keep, "at least one version is kept.")
    return channel


def _opened(paths: Sequence[Path]) -> list[Artifact]:
    found = {one.folder.resolve(): one for one in map(artifacts.open_artifact, paths)}
    models = list(found.values())
    names = [model.name for model in models]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(
            f"{twice}: several versions of it were given. Publish one after another: which of "
            "them is to answer?"
        )
    return models


def _compared(
    site: Path, models: Sequence[Artifact], options: PublishOptions
) -> tuple[DiffResult, ...]:
    """What differs from the stable versions, where that may be.

    Raises:
        UsageError: A difference needs ``force``.
    """
    if not site.is_dir():
        return ()
    found = []
    before = read_releases(site)
    index = read_index(site)
    for model in models:
        stable = before.model(model.name)
        entry = index.entry(model.name, stable.stable) if stable else None
        if entry is None or entry["version"] == model.manifest.version:
            continue
        _own_files(site, site_writer.read_record(site), [entry])
        with temporary_folder() as folder:
            one = compare_with_site(site, entry, folder, model, options)
        if not options.force:
            _refuse(model.name, one)
        found.append(one)
    return tuple(found)


def _refuse(name: str, found: DiffResult) -> None:
    mend = f"{option('force', True)} publishes it all the same; as a canary or a shadow it may go."
    if found.breaking:
        told = "; ".join(f"{c.what}: {c.old} -> {c.new}" for c in found.breaking)
        raise UsageError(
            f"{name} {found.new.version} takes or gives something else than {found.old.version}, "
            f"which is stable: {told}. {mend}"
        )
    if not found.passed and found.answers is not None and found.max_drop is not None:
        raise UsageError(
            f"{name} {found.new.version} is worse than {found.old.version}, which is stable: it "
            f"loses {found.answers.drop:.4f} of accuracy (or R²) over {found.answers.samples:,} "
            f"samples, and {found.max_drop:g} is allowed ({option('max_drop')}). {mend}"
        )


@contextmanager
def _changing(site: Path, given_as: str | None = None) -> Iterator[None]:
    """Other runs wait, and a full disk is said in words."""
    if not site.is_dir():
        raise UsageError(f"{site} is a file; name a folder for the site.")
    with atomic_io.locked(site, _WAITED), atomic_io.writing(site, given_as, _LEFT):
        yield


def _on_new_site(
    site: Path, models: Sequence[Artifact], events: Mapping[str, Any], options: PublishOptions
) -> PublishResult:
    """Build a site of the versions."""
    state = _State.empty()
    state.report_to(options.report_to)
    for model in models:
        state.add(model, events)
    planned = planned_files(state.plan(), assets.shell_folder())
    with atomic_io.writing(site, "to"):
        site_writer.publish(site, planned, "to")
    return state.result(site, planned)


def _on_site(
    site: Path, models: Sequence[Artifact], events: Mapping[str, Any], options: PublishOptions
) -> PublishResult:
    """Add the versions to a site, which is locked."""
    source = assets.shell_folder()
    state = _State.of(site)
    state.report_to(options.report_to)
    for model in models:
        state.add(model, events)
    state.prune([model.name for model in models], options.keep)
    record = {**site_writer.read_record(site), RELEASES: [atomic_io.sha256(site / RELEASES)]}
    carried: Files = {path: site / path for path in hosting.PATHS if path in record}
    planned = {**carried, **planned_files(state.plan(), source, site)}
    written = site_writer.update(site, planned, record)
    if state.stale:
        # Only now that no visitor is sent to them any more.
        state.drop_stale()
        planned = {**carried, **planned_files(state.plan(), source, site)}
        site_writer.update(site, planned, site_writer.read_record(site))
    return state.result(site, {path: planned.get(path, b"") for path in written})


def _turned(
    site: Path,
    name: str,
    action: Literal["promote", "rollback"],
    version: str | None,
    by: str | None,
) -> Published:
    """Make another version stable, by one rename."""
    read_releases(site)  # of what is no site, before anything is locked in it
    with _changing(site):
        before = read_releases(site)
        model = rules.found_model(before, name, site)
        wanted = (
            rules.promoted(model)
            if action == "promote"
            else rules.rolled_back(model, version, site)
        )
        entry = read_index(site).entry(name, wanted)
        former = rules.last_event(model, wanted)
        if entry is None or former is None:
            raise ArtifactError(
                f"{site}: version {wanted} of {name} is listed and not there. Publish it again."
            )
        _own_files(site, site_writer.read_record(site), [entry])
        event = structs.replace(
            former, action=action, channel="stable", time=now(), by=by or git_user(), share=UNSET
        )
        after = rules.with_model(before, rules.with_event(model, event))
        site_writer.replace(site, RELEASES, rules.to_json(after))
    return Published(name, wanted, "stable")


def _own_files(
    site: Path, record: Mapping[str, Sequence[str]], entries: Sequence[Mapping[str, Any]]
) -> Files:
    """The files of some versions as they lie in the site, held to what was written.

    Raises:
        UsageError: One is missing, or is another.
    """
    starts = tuple(f"models/{entry['folder']}/" for entry in entries)
    needed = {place(entry, path) for entry in entries for path in entry.get("shared", ())}
    listed = {path for path in record if path.startswith(starts)}
    plain = {path for path in listed if path[-3:] not in (".br", ".gz") or path[:-3] not in listed}
    for path in sorted(listed | needed):
        file = site / path
        if not file.is_file() or file.is_symlink():
            what = "is missing"
        elif atomic_io.sha256(file) not in record.get(path, ()):
            what = "was changed since it was published"
        else:
            continue
        raise UsageError(
            f"{file} {what}. Put back what was there, or build the site anew in another folder."
        )
    return {path: site / path for path in sorted(plain | needed)}


class _State:
    """What a site holds, while versions are added to it."""

    def __init__(self, index: SiteIndex, releases: Releases) -> None:
        self.entries = list(index.entries)
        self.offline, self.page = index.offline, index.page
        self.releases = releases
        self.files: Files = {}
        self.embedded: Files = {}  # which stay whatever is pruned
        self.ops: dict[str, frozenset[str]] = {}
        self.published: list[Published] = []
        self.pruned: dict[str, tuple[str, ...]] = {}
        self.shared = 0
        self._places: dict[str, str] = {}  # by hash

    @classmethod
    def empty(cls) -> _State:
        return cls(SiteIndex((), True, PageInfo()), Releases(schema=SCHEMA, models=()))

    @classmethod
    def of(cls, site: Path) -> _State:
        """A site as it is."""
        releases = read_releases(site)
        state = cls(read_index(site), releases)
        record = site_writer.read_record(site)
        # What a run that was killed left is of no version.
        state.entries = [entry for entry in state.entries if not state._is_stale(entry)]
        state.files = _own_files(site, record, state.entries)
        for path, file in state.files.items():
            state._places[file_digest(file)] = path
        for entry in state.entries:
            files = [file["file"] for file in entry["files"] if file["target"] == "tfjs"]
            ops = (tfjs_bundle.operators(site / place(entry, path)) for path in files)
            state.ops[entry["folder"]] = frozenset().union(*ops)
        state.embedded = {path: site / path for path in embed.kept(site, record)}
        state.files |= state.embedded
        return state

    @property
    def stale(self) -> bool:
        """Whether there are versions that are no longer kept."""
        return any(map(self._is_stale, self.entries))

    def _is_stale(self, entry: Mapping[str, Any]) -> bool:
        model = self.releases.model(entry["key"])
        return model is None or entry["version"] not in model.versions

    def add(self, model: Artifact, given: Mapping[str, Any]) -> None:
        """Put a version among those of its model, on a channel."""
        name, version, channel = model.name, model.manifest.version, given["channel"]
        before = self.releases.model(name)
        shown = self._targets_of(model)
        entry, own = with_files(name, model, shown)
        event = structs.replace(
            release_event(model, content_of(own), "publish"),
            **given,
        )
        if before is None and channel != "stable":
            raise UsageError(
                f"{name} is new on this site, where no version of it answers yet: its first one is "
                f"{option('channel', 'stable')}."
            )
        if before is not None:
            _check_version(before, event)
        there = before is not None and version in before.versions
        if not there:
            self._take(entry, own)
            self.ops[entry["folder"]] = operators(model, shown)
        after = rules.with_event(before, event) if before else rules.first_release(name, event)
        self.releases = rules.with_model(self.releases, after)
        self.published.append(Published(name, version, channel, given.get("share")))

    def _targets_of(self, model: Artifact) -> set[str]:
        """The formats of a version that are shown: the site's, else what it needs to run."""
        has = targets(self.entries) & {entry.target for entry in model.manifest.artifacts}
        return has or runtimes.targets_of([model], None, compare=False)

    def _take(self, entry: dict[str, Any], own: Files) -> None:
        """Add a version's files; of those that the site has already, where they lie."""
        shared = {}
        for path, file in own.items():
            digest, full = file_digest(file), f"models/{entry['folder']}/{path}"
            if (known := self._places.get(digest)) is not None:
                shared[path] = known.removeprefix("models/")
                self.shared += file.stat().st_size if isinstance(file, Path) else len(file)
            elif full in self.files:
                raise UsageError(_other_files(entry["key"], entry["version"]))
            else:
                self.files[full] = file
                self._places[digest] = full
        self.entries.append({**entry, "shared": shared} if shared else entry)

    def report_to(self, url: str | None) -> None:
        """Have the page tell an address of visits; nobody, where that is empty."""
        if url is not None:
            self.page = replace(self.page, report_to=url or None)

    def prune(self, names: Sequence[str], keep: int) -> None:
        """Keep so many versions of some models."""
        for name in names:
            model = self.releases.model(name)
            assert model is not None
            kept = rules.pruned(model, keep)
            if gone := [one for one in model.versions if one not in kept.versions]:
                self.pruned[name] = tuple(gone)
            self.releases = rules.with_model(self.releases, kept)

    def drop_stale(self) -> None:
        """Leave out the versions that are not kept, and the files that are theirs alone."""
        kept = [entry for entry in self.entries if not self._is_stale(entry)]
        needed = {place(entry, path) for entry in kept for path in entry.get("shared", ())}
        starts = tuple(
            f"models/{entry['folder']}/" for entry in self.entries if self._is_stale(entry)
        )
        self.files = {
            path: file
            for path, file in self.files.items()
            if path in needed or path in self.embedded or not path.startswith(starts)
        }
        self.entries = kept
        self.ops = {entry["folder"]: self.ops[entry["folder"]] for entry in kept}

    def plan(self) -> SitePlan:
        """The site that it is to become."""
        return SitePlan(
            entries=tuple(self.entries),
            files=self.files,
            releases=self.releases,
            ops=frozenset().union(*self.ops.values()),
            targets=frozenset(targets(self.entries)),
            offline=self.offline,
            page=self.page,
        )

    def result(self, site: Path, written: Files) -> PublishResult:
        """What was done."""
        sizes = {
            path: file.stat().st_size if isinstance(file, Path) else len(file)
            for path, file in written.items()
            if path != RECORD
        }
        return PublishResult(site, tuple(self.published), self.pruned, sizes, self.shared)


def _check_version(model: ModelReleases, event: ReleaseEvent) -> None:
    """Refuse other files under a name that was given, and a live version on a lower channel.

    Raises:
        UsageError: One of these.
    """
    former = rules.last_event(model, event.version)
    if former is not None and former.content != event.content:
        raise UsageError(_other_files(model.name, event.version))
    if event.version == model.stable and event.channel != "stable":
        raise UsageError(
            f"{model.name} {event.version} is the stable version; a {event.channel} is another "
            "one beside it."
        )


def _other_files(name: str, version: str) -> str:
    return (
        f"{name} {version} was published with other files, and what was published is never "
        f"changed. Convert the model with another {option('version')}; "
        f"{call('promote', ..., name)} makes a version that is there stable."
    )
