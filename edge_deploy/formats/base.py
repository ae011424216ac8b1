"""What every target module gives: convert a model to files, and tell what a file holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.core.spec import LoadedModel, Runner, TensorSpec

METADATA_KEY = "edge_deploy"
"""Under this name every file carries its name, version, classes, preprocessing and source."""


@dataclass(frozen=True)
class Converted:
    """The files of one conversion.

    Attributes:
        path: The file that a runtime opens.
        files: All of them, ``path`` among them.
        notes: What a user should know, one line each.
    """

    path: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileInfo:
    """What a converted file says of itself.

    Attributes:
        target: A key of TARGETS.
        inputs: Its inputs, by the names a runtime gives them.
        outputs: Its outputs.
        ops: The operators in it, sorted; None where only the converter's library can tell.
        min_runtime: The oldest runtime that has all of its operators, where that is known.
        metadata: What edge-deploy embedded, None in somebody else's file.
        needs: What it asks of an app: operator versions, memory, work; None where not known.
    """

    target: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ops: tuple[str, ...] | None
    min_runtime: str | None
    metadata: Mapping[str, Any] | None
    needs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Format:
    """One format: a file of this package, and a value of this class.

    Attributes:
        name: As in ``--to`` and in the manifest.
        runtime: What runs it here, as in ``--runtime``.
        path: Where its file goes in an artifact, from the model's name and the precision.
        convert: Writes the model to that path.
        describe: Reads what a file says of itself, without TensorFlow.
        metadata: Reads what edge-deploy embedded in it; None in somebody else's file.
        open_runner: Opens a file in the runtime; None where that takes a browser.
        suffixes: How a bare file of the format is named.
    """

    name: str
    runtime: str
    path: Callable[[str, str], str]
    convert: Callable[[LoadedModel, Path, Mapping[str, Any]], Converted]
    describe: Callable[[Path], FileInfo]
    metadata: Callable[[Path], Mapping[str, Any] | None]
    open_runner: Callable[[Path], AbstractContextManager[Runner]] | None
    suffixes: tuple[str, ...]


FLOAT = "float32"
