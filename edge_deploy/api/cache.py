"""What was converted before: whole artifacts, by a hash of all that they were made from.

An artifact is kept where all its files passed, and it is copied out again when the same is asked:
the model, what lies beside it, the options, and every installed version. Its verdicts come along,
since they are of files whose hashes are looked at once more after copying. A caged process never
sees the cache; its parent takes from it and adds to it.

Where nothing but ``--labels`` is another, the files that were kept are given the new names, if all
else is what a conversion would write (api/_labels.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from edge_deploy.api._labels import depends_on_labels, relabel
from edge_deploy.api.options import ConvertOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact, open_artifact, write_manifest
from edge_deploy.core import atomic_io
from edge_deploy.core.dependencies import PACKAGE
from edge_deploy.core.errors import ArtifactError, EdgeDeployError, MissingDependencyError
from edge_deploy.core.filesystem import is_link, is_own, rename, write_text
from edge_deploy.core.options import Inline
from edge_deploy.core.worker import process
from edge_deploy.data.sidecars import given_labels
from edge_deploy.formats.registry import FORMATS, need_browser
from edge_deploy.frontends.project.recipe import Recipe
from edge_deploy.frontends.project.steps import Step, parse_step
from edge_deploy.verification.history import verdicts_of
from edge_deploy.web.browser_discovery import find_browser

ENVIRONMENT = "EDGE_DEPLOY_CACHE"
"""Names another folder; where it is empty there is no cache."""

LIMIT = 4_000_000_000
"""Bytes that the cache may take; what was used least recently goes first."""

_MOST_READ = 2_000_000_000  # bytes of a model and what lies beside it: hashing more costs seconds
_MOST_FILES = 5000
# Options that change nothing in the files, and where the version goes.
_ELSEWHERE = {"browser", "cache", "command", "dry_run", "output", "overwrite", "verbose"}
_VARIABLES = ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS")
_SEAL = "manifest.sha256"
_FAMILY = "family.sha256"  # of what differs in nothing but the names of its labels
_KEPT = "artifact"


class _UntoldError(Exception):
    """A conversion depends on what no hash tells, such as an object in memory."""


def folder() -> Path | None:
    """Where the cache is; None where there is to be none."""
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        return Path(named).absolute() if named else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "edge-deploy"


@dataclass(frozen=True)
class Key:
    """What a conversion depends on.

    Attributes:
        whole: A hash of all of it.
        family: A hash of all but the names of the labels that were given; how many there are
            counts. None where none were given, or by a recipe.
    """

    whole: str
    family: str | None = None


def key_of(model: Any, options: ConvertOptions, recipe: Recipe | None) -> Key | None:
    """What a conversion depends on; None where it is not to be kept.

    Args:
        model: What ``convert`` was given, or what its recipe names.
        options: As they count, those of the recipe among them.
        recipe: The recipe, where there is one.
    """
    if options.dry_run or not options.cache or folder() is None or process.channel():
        return None
    try:
        steps = [_step(one) for one in (model if isinstance(model, list | tuple) else [model])]
        said = {
            one.name: _plain(getattr(options, one.name))
            for one in fields(options)
            if one.name not in _ELSEWHERE and one.name != "labels"
        }
        labels = given_labels(options.labels) if options.labels is not None else None
        document = {
            "steps": [[step.path.name, step.columns, step.key] for step in steps],
            "options": said,
            "recipe": recipe and recipe.sha256,
            "files": _hashes([step.path for step in steps], options),
            "labels": labels,
            "program": _program(),
            "browser": _browser(options),
            "variables": {name: os.environ.get(name) for name in _VARIABLES},
        }
    except (_UntoldError, OSError, EdgeDeployError):
        return None
    whole = _digest(document)
    if labels is None or recipe is not None:
        return Key(whole)
    return Key(whole, _digest({**document, "labels": len(labels)}))


def _digest(document: Mapping[str, Any]) -> str:
    return atomic_io.digest(json.dumps(document, sort_keys=True).encode())


def restore(key: Key, options: ConvertOptions) -> Artifact | None:
    """Publish what was made before; None where there is nothing, or it is not as it was kept.

    Raises:
        UsageError: The version exists, and is not to be replaced.
        EdgeDeployError: The output cannot be written.
    """
    place = folder()
    kept = None if place is None or not is_own(place) else _kept(place, key)
    if kept is None:
        return None
    try:
        if is_link(kept) or not is_own(kept):
            raise ArtifactError(f"{kept}: others may have written it.")
        seal = (kept / _SEAL).read_text("ascii")
        if not (kept / _KEPT / artifacts.MANIFEST).is_file():
            raise ArtifactError(f"{kept}: not as it was kept.")
        found = open_artifact(kept / _KEPT / artifacts.MANIFEST)
        name, renamed = found.manifest.name, kept.name != key.whole
        if renamed and depends_on_labels(found):
            return None
        final = artifacts.check_free(options.output, name, options.version, options.overwrite)
        with atomic_io.staged(options.output, final) as stage:
            _copy(kept / _KEPT, stage)
            copy = _checked(stage, seal)
            if renamed and options.labels is not None:
                relabel(copy, given_labels(options.labels))
            manifest = open_artifact(stage / artifacts.MANIFEST).manifest
            created = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
            write_manifest(
                stage, structs.replace(manifest, created=created, command=options.command)
            )
    except (ArtifactError, FileNotFoundError, UnicodeDecodeError):
        with contextlib.suppress(OSError):
            shutil.rmtree(kept)
        return None
    with contextlib.suppress(OSError):
        os.utime(kept)  # used just now
    return open_artifact(final)


def _kept(place: Path, key: Key) -> Path | None:
    """What was kept of a conversion, or of one with other labels."""
    if (place / key.whole).is_dir():
        return place / key.whole
    if key.family is None:
        return None
    for told in sorted(place.glob(f"*/{_FAMILY}")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if told.read_text("ascii") == key.family:
                return told.parent
    return None


def version_of(model: Any, options: ConvertOptions) -> Path | None:
    """Where a conversion is published; None where the model's own name is not known before."""
    name = options.name
    if name is None and isinstance(model, str | os.PathLike):
        path = Path(model)
        name = path.resolve().name if path.is_dir() else path.stem
    return options.output / name / options.version if name else None


def keep(key: Key, made: Path, began: float = 0.0) -> str | None:
    """Keep an artifact that was just made; a note where the cache cannot be written.

    Args:
        key: Of what it was made from.
        made: Its folder. It is kept where all its files are what its manifest says, and passed.
        began: When the work began; what is older is not its artifact.
    """
    place = folder()
    assert place is not None
    try:
        if (made / artifacts.MANIFEST).stat().st_mtime < began:
            return None
        found = open_artifact(made / artifacts.MANIFEST)
        verdicts = verdicts_of(found)
        if found.changed_files() or not verdicts or any(v.status != "pass" for v in verdicts):
            return None
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_own(place):
            return (
                f"not kept for the next time: others may write to the cache {place}, and what is "
                f"taken from it is not made anew. chmod go-w it, or name your own by {ENVIRONMENT}"
            )
        with atomic_io.scratch(place) as part:
            entry = part / key.whole
            entry.mkdir(mode=0o700)
            (entry / _KEPT).mkdir()
            _copy(made, entry / _KEPT)
            seal = atomic_io.sha256(entry / _KEPT / artifacts.MANIFEST)
            _checked(entry / _KEPT, seal)
            write_text(entry / _SEAL, seal)
            if key.family is not None:
                write_text(entry / _FAMILY, key.family)
            try:
                rename(entry, place / key.whole)
            except OSError:
                if not (place / key.whole).is_dir():  # else another run was quicker
                    raise
            _evict(place, part)
    except (ArtifactError, FileNotFoundError):
        return None
    except (OSError, EdgeDeployError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).partition(". ")[0]
        return (
            f"not kept for the next time: the cache {place} cannot be written ({reason}); "
            f"{ENVIRONMENT} names another folder, or none where it is empty"
        )
    return None


def _step(model: Any) -> Step:
    if isinstance(model, Step):
        return model
    if isinstance(model, str | os.PathLike):
        return parse_step(model)
    raise _UntoldError


def _browser(options: ConvertOptions) -> list[str | int] | None:
    """What the TF.js files were run in, by its place, size and time; None where there is none."""
    if not need_browser(options.to or FORMATS):
        return None
    try:
        program = find_browser(options.browser)
    except MissingDependencyError:
        return None
    found = program.stat()
    return [str(program), found.st_size, found.st_mtime_ns]


def _named(options: ConvertOptions) -> Iterator[tuple[str, Path]]:
    """Files that options name, with the option."""
    for one in fields(options):
        value = getattr(options, one.name)
        if isinstance(value, Path) and one.name not in _ELSEWHERE:
            yield one.name, value
    if options.custom_objects is not None:  # it may import what lies beside it
        for path in sorted(options.custom_objects.absolute().parent.glob("*.py")):
            yield "beside custom_objects", path


def _plain(value: Any) -> Any:
    """A value of an option as JSON, a path by its name."""
    if isinstance(value, Path):
        return {"file": value.name}
    if isinstance(value, Inline):
        return {"inline": value.document}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise _UntoldError


def _labels_file(options: ConvertOptions) -> Path | None:
    """The text file that labels are read from and nothing else is."""
    if not isinstance(options.labels, str) or not options.labels.endswith(".txt"):
        return None
    return Path(options.labels).absolute()


def _hashes(models: Iterable[Path], options: ConvertOptions) -> dict[str, list[tuple[str, str]]]:
    """Names and hashes of all files that may be read, in order, by what they are read for."""
    read: dict[str, dict[Path, str]] = {"models": {}, "beside": {}}
    for model in models:
        read["models"].update(_below(model))
        for path in sorted(model.absolute().parent.iterdir()):
            if path.name == "reference" or (path.is_file() and not path.name.startswith(".")):
                read["beside"].update(_below(path))
    for name, path in _named(options):
        read.setdefault(name, {}).update(_below(path))
    read["keras"] = dict(_below(Path.home() / ".keras" / "keras.json"))
    apart = _labels_file(options)
    every = {path for paths in read.values() for path in paths} - {apart}
    if len(every) > _MOST_FILES or sum(path.stat().st_size for path in every) > _MOST_READ:
        raise _UntoldError
    hashes = {path: atomic_io.sha256(path) for path in every}
    return {
        what: [(name, hashes[path]) for path, name in paths.items() if path != apart]
        for what, paths in read.items()
    }


def _below(path: Path) -> Iterator[tuple[Path, str]]:
    """A file, or all files of a folder, with names that do not say where it is."""
    if path.is_file():
        yield path.absolute(), path.name
    elif path.is_dir():
        for number, part in enumerate(sorted(path.rglob("*"))):
            if number > _MOST_FILES:
                raise _UntoldError
            if part.is_file():
                yield part.absolute(), f"{path.name}/{part.relative_to(path).as_posix()}"


def _program() -> list[str]:
    """Python, this package's own files, and every installed package with its version."""
    own = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".json", ".html"):
            own.update(path.read_bytes())
    installed = {
        entry.name
        for place in dict.fromkeys(sys.path)
        if place and Path(place).is_dir()
        for entry in os.scandir(place)
        if entry.name.endswith(".dist-info")
    }
    return [sys.version, platform.platform(), own.hexdigest(), *sorted(installed)]


def _copy(source: Path, target: Path) -> None:
    """Copy files and folders, and nothing that leads elsewhere."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if is_link(path):
            raise ArtifactError(f"{path}: a link.")
        if path.is_dir():
            place.mkdir()
            continue
        try:
            opened = path.open("rb")
        except OSError as error:  # taken away meanwhile
            raise ArtifactError(f"{path}: cannot be read ({error.strerror}).") from error
        with opened, place.open("wb") as copy:
            shutil.copyfileobj(opened, copy)


def _checked(copy: Path, seal: str) -> Artifact:
    """An artifact that is as it was kept.

    Raises:
        ArtifactError: It is not.
    """
    manifest = copy / artifacts.MANIFEST
    if not manifest.is_file() or atomic_io.sha256(manifest) != seal.strip():
        raise ArtifactError(f"{manifest}: not as it was kept.")
    found = open_artifact(manifest)
    listed = {file.path for file in found.manifest.files} | {artifacts.MANIFEST}
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    if listed != there or found.changed_files():
        raise ArtifactError(f"{copy}: not as it was kept.")
    return found


def _evict(place: Path, part: Path) -> None:
    """Take away what was used least recently, until the rest is within the limit."""
    entries = [entry for entry in place.iterdir() if len(entry.name) == 64 and entry.is_dir()]
    used = {entry: entry.stat().st_mtime_ns for entry in entries}
    sizes = {
        entry: sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
        for entry in entries
    }
    total = sum(sizes.values())
    for entry in sorted(entries, key=used.__getitem__):
        if total <= LIMIT:
            return
        # At once for everybody else; the scratch folder is cleared afterwards.
        with contextlib.suppress(OSError):
            rename(entry, part / f"old-{entry.name}")
        total -= sizes[entry]
