"""Which file of an artifact is meant: one rule for each command that takes one file.

============  ==========================  ======================================================
rule          who asks                    of several files
============  ==========================  ======================================================
runnable      ``run``                     what ``tune`` recommends, else float32, else not pruned
tflite        ``snippet``, ``bundle``     the same, among ``.tflite`` files
float         ``quantize``                not pruned, else the first: the others are made from it
page          ``demo``                    TF.js, else ONNX, else TFLite; not pruned, then float32:
                                          only what loses nothing can be held to the original
============  ==========================  ======================================================
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core.errors import UsageError, unknown_option
from edge_deploy.core.messages import call, option
from edge_deploy.formats.base import FLOAT
from edge_deploy.formats.registry import FORMATS, default_runtime

_PAGE = ("tfjs", "onnx", "tflite")


def default_entry(found: Artifact, entries: Sequence[FileEntry]) -> FileEntry:
    """The entry to take: what ``tune`` recommends, else float32, else what is not pruned.

    Args:
        found: The artifact.
        entries: Those of its manifest that would do, at least one.
    """
    best = recommended(found)

    def rank(entry: FileEntry) -> tuple[bool, bool, bool]:
        return entry.path not in best, entry.precision != FLOAT, entry.pruned is not None

    return min(entries, key=rank)


def recommended(found: Artifact) -> set[str]:
    """The files that a search recommends, one a target; none where no search made the artifact."""
    chosen = (found.tuning() or {}).get("recommended")
    if not isinstance(chosen, dict):
        return set()
    return {str(one["path"]) for one in chosen.values() if isinstance(one, dict) and "path" in one}


def runnable_entry(found: Artifact, target: str | None, precision: str | None) -> FileEntry:
    """The file that ``run`` asks: of a format that runs without a browser.

    Args:
        found: The artifact.
        target: tflite or onnx; None for the first of the two that is there.
        precision: None for the default.

    Raises:
        UsageError: There is none.
    """
    if target is not None and target not in FORMATS:
        raise unknown_option("only", target, FORMATS, "target")
    runnable = [
        entry
        for entry in found.manifest.artifacts
        if not default_runtime(entry.target).in_browser and target in (None, entry.target)
    ]
    if not runnable:
        here = " or ".join(name for name in FORMATS if not default_runtime(name).in_browser)
        raise UsageError(
            f"{found.folder}: no {target or here} file to run here. TF.js files run "
            "in the page: edge-deploy demo."
        )
    there = list(dict.fromkeys(entry.precision for entry in runnable))
    if precision is not None and precision not in there:
        raise unknown_option("precision", precision, there, "file here")
    return default_entry(found, [e for e in runnable if precision in (None, e.precision)])


def tflite_entry(found: Artifact, precision: str | None) -> FileEntry:
    """The ``.tflite`` file that a snippet runs.

    Args:
        found: The artifact.
        precision: None for the default.

    Raises:
        UsageError: There is none.
    """
    there = [entry for entry in found.manifest.artifacts if entry.target == "tflite"]
    if not there and found.manifest.source.converter:
        raise UsageError(
            f"{found.folder} has no .tflite file, which snippets run: "
            f"{found.manifest.source.converter} converts this model to ONNX alone. "
            f"{call('run', found.folder)} answers with it, the page of demo does, and an app can "
            "with ONNX Runtime."
        )
    if not there:
        raise UsageError(
            f"{found.folder} has no .tflite file, which snippets run. Convert the model again "
            f"with {option('to', 'tflite')}."
        )
    wanted = [entry for entry in there if precision in (None, entry.precision)]
    if not wanted:
        known = ", ".join(dict.fromkeys(entry.precision for entry in there))
        raise UsageError(
            f"{found.folder} has no .tflite file of {precision}; there are: {known}. "
            f"{call('quantize', found.folder, to=f'tflite={precision}')} makes one where it can."
        )
    return default_entry(found, wanted)


def float_entry(found: Artifact, target: str) -> FileEntry:
    """The float32 file that other precisions are made from: the plain one, else a pruned one.

    Raises:
        UsageError: There is none.
    """
    entries = [e for e in found.manifest.artifacts if (e.target, e.precision) == (target, FLOAT)]
    if not entries:
        raise UsageError(
            f"{found.folder} has no float32 file of {target}, from which the others are made. "
            f"Convert the model again with {option('quantize', [FLOAT, ...])}"
        )
    return min(entries, key=lambda entry: entry.pruned is not None)


def page_entry(found: Artifact, targets: Collection[str] = _PAGE) -> FileEntry:
    """The file that the page answers with: the one of the smallest runtime.

    Args:
        found: The artifact.
        targets: Formats that the page brings a runtime for; the artifact has a file of one.

    Raises:
        UsageError: There is none.
    """
    if not found.manifest.artifacts:
        raise UsageError(f"{found.folder} has no converted file, so there is nothing to show.")

    def rank(entry: FileEntry) -> tuple[int, bool, bool]:
        return _PAGE.index(entry.target), bool(entry.pruned), entry.precision != FLOAT

    return min((e for e in found.manifest.artifacts if e.target in targets), key=rank)
