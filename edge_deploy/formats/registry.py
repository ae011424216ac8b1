"""The formats that edge-deploy converts to, and what runs them: a line below for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_deploy.core.errors import UsageError, unknown_option
from edge_deploy.formats import onnx, tfjs, tflite
from edge_deploy.formats.base import Format, Runtime

FORMATS: dict[str, Format] = {}
"""By the name that ``--to`` and the manifest have for it."""

RUNTIMES: dict[str, Runtime] = {}
"""By the name that ``--runtime`` and the manifest have for it."""


def register(file_format: Format, runtimes: Sequence[Runtime]) -> None:
    """Add a format and what runs it; the first of its runtimes is asked where none is named."""
    FORMATS[file_format.name] = file_format
    RUNTIMES.update((runtime.name, runtime) for runtime in runtimes)


register(tflite.FORMAT, tflite.RUNTIMES)
register(tfjs.FORMAT, tfjs.RUNTIMES)
register(onnx.FORMAT, onnx.RUNTIMES)


def runtimes_of(name: str) -> list[Runtime]:
    """All that can run a format's files: first its own runtime, then the page's."""
    return [runtime for runtime in RUNTIMES.values() if runtime.format == name]


def default_runtime(name: str) -> Runtime:
    """What a format's files are asked in where none is named: every conversion, for one."""
    return runtimes_of(name)[0]


def need_browser(names: Iterable[str]) -> bool:
    """Whether the default runtime of one of these formats is a browser's."""
    return any(default_runtime(name).in_browser for name in names)


def default_runtimes() -> tuple[str, ...]:
    """The name of each format's default runtime."""
    return tuple(default_runtime(name).name for name in FORMATS)


def check_names(only: Iterable[str], runtimes: Iterable[str], backends: Iterable[str]) -> None:
    """Look at what ``only``, ``runtimes`` and ``backends`` were given.

    Raises:
        UsageError: One is the name of none.
    """
    first = default_runtimes()
    every = [*first, *(name for name in RUNTIMES if name not in first)]
    known_backends = list(dict.fromkeys(b for name in every for b in RUNTIMES[name].backends))
    for option, what, names, known in (
        ("only", "target", only, list(FORMATS)),
        ("runtimes", "runtime", runtimes, every),
        ("backends", "backend", backends, known_backends),
    ):
        if wrong := [name for name in names if name not in known]:
            raise unknown_option(option, wrong[0], known, what)


def is_converted(path: Path) -> bool:
    """Whether a file is called as one of some format is."""
    return any(path.name.endswith(one.suffixes) for one in FORMATS.values())


def format_of(path: Path) -> Format:
    """The format of a file, by its name.

    Raises:
        UsageError: No format has files of that name.
    """
    for file_format in FORMATS.values():
        if path.name.endswith(file_format.suffixes):
            return file_format
    known = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)
    raise UsageError(f"{path}: not a converted file; these end in {known}.")
