"""Which runtimes a site brings, and what each part of a site weighs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.selection import page_entry
from edge_deploy.core.errors import UsageError, unknown_option
from edge_deploy.core.messages import option
from edge_deploy.formats.registry import RUNTIMES, runtimes_of
from edge_deploy.web.site_writer import Files

# Where the files of each lie, in a site.
_PLACES = {
    "tfjs": ("vendor/tfjs", "models/tfjs-"),
    "litert-web": ("vendor/litert",),
    "ort-web": ("vendor/ort",),
}
_COMPRESSED = (".br", ".gz")


def targets_of(
    models: Sequence[Artifact], runtimes: Collection[str] | None, compare: bool
) -> set[str]:
    """The formats whose files, and whose runtimes, a site brings.

    Args:
        models: What the site shows.
        runtimes: Names of runtimes of the page; None for what the models need to run.
        compare: Every runtime that an artifact has a file for.

    Raises:
        UsageError: A name is none, or a model has no file for any of them.
    """
    known = [runtime.name for runtime in RUNTIMES.values() if runtime.in_browser]
    if compare and runtimes is not None:
        raise UsageError(
            f"{option('compare', True)} brings every runtime, and {option('runtimes')} names "
            "some: leave one out.",
            option="runtimes",
            got=runtimes,
        )
    if compare:
        return {entry.target for model in models for entry in model.manifest.artifacts}
    if runtimes is None:
        return set().union(*(_needed(model) for model in models))
    if wrong := [name for name in runtimes if name not in known]:
        raise unknown_option("runtimes", wrong[0], known, "runtime of the page")
    targets = {RUNTIMES[name].format for name in runtimes}
    for model in models:
        there = {entry.target for entry in model.manifest.artifacts}
        if not there & targets:
            able = ", ".join(r.name for t in sorted(there) for r in runtimes_of(t) if r.in_browser)
            raise UsageError(
                f"{model.folder} has no file for {' or '.join(runtimes)}; what it has runs in "
                f"{able}. Name that too, or convert the model again with {option('to')}.",
                option="runtimes",
                got=runtimes,
            )
    return targets


def _needed(model: Artifact) -> set[str]:
    """The format that the page answers with; where it was found wrong, what may stand in too."""
    entry = page_entry(model)
    ran = {row.status for row in entry.verification or ()} - {"not run"}
    if "fail" not in ran:
        return {entry.target}
    return {one.target for one in model.manifest.artifacts}


def sizes(files: Files) -> Mapping[str, int]:
    """Bytes of a site's parts: page, models, each runtime by name, and what is compressed beside.

    Args:
        files: All of the site's.
    """
    # What esbuild shares between modules is nearly all TF.js'.
    shared = ("vendor/chunk-",) if "vendor/tfjs.js" in files else ()
    places = {**_PLACES, "tfjs": _PLACES["tfjs"] + shared}
    found = {"page": 0, "models": 0, **dict.fromkeys(_PLACES, 0), "compressed": 0}
    for name, file in files.items():
        size = file.stat().st_size if isinstance(file, Path) else len(file)
        runtime = next((key for key, at in places.items() if name.startswith(at)), None)
        part = runtime or ("models" if name.startswith("models/") else "page")
        found["compressed" if name.endswith(_COMPRESSED) else part] += size
    return {part: size for part, size in found.items() if size or part not in _PLACES}
