"""The formats edge-deploy converts to. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from edge_deploy.errors import UsageError
from edge_deploy.targets import onnx, tfjs, tflite
from edge_deploy.targets.base import Converted, FileInfo, Target
from edge_deploy.words import unknown

TARGETS: dict[str, Target] = {
    "tflite": tflite.TARGET,
    "tfjs": tfjs.TARGET,
    "onnx": onnx.TARGET,
}

IN_PAGE: dict[str, Target] = {
    "tflite": replace(tflite.TARGET, runtime="litert-web", open_runner=None),
    "onnx": replace(onnx.TARGET, runtime="ort-web", open_runner=None),
}
"""The same files in the page's own runtimes, on wasm."""


def runtimes_of(target: str) -> list[Target]:
    """All that can run a format's files: first its own runtime, then the page's."""
    return [TARGETS[target], *([IN_PAGE[target]] if target in IN_PAGE else [])]


BACKENDS = ("webgl", "wasm", "webgpu", "cpu")
"""TensorFlow.js' backends in a browser."""


def check_names(only: Iterable[str], runtimes: Iterable[str], backends: Iterable[str]) -> None:
    """Look at what ``--only``, ``--runtime`` and ``--backend`` were given.

    Raises:
        UsageError: One is the name of none.
    """
    every = [target.runtime for target in (*TARGETS.values(), *IN_PAGE.values())]
    for flag, what, names, known in (
        ("--only", "target", only, list(TARGETS)),
        ("--runtime", "runtime", runtimes, every),
        ("--backend", "backend", backends, list(BACKENDS)),
    ):
        if wrong := [name for name in names if name not in known]:
            raise UsageError(f"{flag}: {unknown(wrong[0], known, what)}")


def target_of(path: Path) -> Target:
    """The target whose file this is, by its name.

    Raises:
        UsageError: No target writes files of that name.
    """
    for target in TARGETS.values():
        if path.name.endswith(target.suffixes):
            return target
    known = ", ".join(suffix for target in TARGETS.values() for suffix in target.suffixes)
    raise UsageError(f"{path}: not a converted file; these end in {known}.")


__all__ = [
    "BACKENDS",
    "IN_PAGE",
    "TARGETS",
    "Converted",
    "FileInfo",
    "Target",
    "check_names",
    "runtimes_of",
    "target_of",
]
