"""An example's folder: written whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_deploy.core.atomic_io import writing
from edge_deploy.core.dependencies import missing_dependency
from edge_deploy.core.errors import UsageError
from edge_deploy.core.filesystem import rename, write_text
from edge_deploy.core.messages import option
from edge_deploy.examples.base import Example, Metric, Request

_INDEX = "example.json"
_SCHEMA = "edge-deploy/example/1"


def check_ours(folder: Path) -> None:
    """Make sure that nothing is lost when the folder is replaced.

    Raises:
        UsageError: Something is there that an earlier build did not write, or that was changed
            since.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder}: is there and is no folder. Choose another one with -o.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    written = _written(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        if name == _INDEX and written:
            continue
        if path.is_symlink() or written.get(name) != _digest(path):
            state = "was changed since" if name in written else "was not written by edge-deploy"
            raise UsageError(
                f"{folder}: {name} {state} and would be lost. Move it away, or choose another "
                "folder with -o."
            )


def _written(folder: Path) -> dict[str, str]:
    """The files that a build listed, with their hashes; empty where none did."""
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        if index["schema"] == _SCHEMA:
            return {str(name): str(digest) for name, digest in index["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # not an index of ours, so nothing in the folder is
    return {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def published(folder: Path) -> Iterator[Path]:
    """A folder to write to, which takes the name of ``folder`` when the body ends well.

    Raises:
        EdgeDeployError: The folder cannot be written, or the disk is full.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    with writing(folder), _removed(work):
        stage = work / "new"
        stage.mkdir()
        yield stage
        check_ours(folder)  # training took a while: somebody may have put a file there
        if folder.exists():
            rename(folder, work / "old")
        try:
            rename(stage, folder)
        except OSError:
            if (work / "old").exists():
                rename(work / "old", folder)
            raise


@contextlib.contextmanager
def _removed(work: Path) -> Iterator[None]:
    """Remove a folder whatever happens in the body."""
    try:
        yield
    finally:
        shutil.rmtree(work, ignore_errors=True)


def train(example: Example, stage: Path, request: Request) -> Metric:
    """Build an example, with a word on what to install where a library is missing.

    Raises:
        MissingDependencyError: A library of the ``[convert]`` extra is not installed.
    """
    try:
        return example.build(stage, request)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edge_deploy"):
            raise
        raise missing_dependency(error.name, f"to train {example.name}", "convert") from error


def write_index(stage: Path, example: Example, request: Request, metric: Metric) -> None:
    """Write example.json: what this is, how good it is, and the files with their hashes."""
    files = {
        path.relative_to(stage).as_posix(): _digest(path)
        for path in sorted(stage.rglob("*"))
        if path.is_file()
    }
    own = f" {option('data', 'FOLDER')} trains it on your own pictures."
    index: dict[str, Any] = {
        "schema": _SCHEMA,
        "name": example.name,
        "title": example.title,
        "summary": example.summary,
        "toy": example.toy + (own if example.takes_data else ""),
        "seed": request.seed,
        "trained_on": _trained_on(example, request),
        "held_out": {metric.name: metric.value},
        "notes": list(metric.notes),
        "files": files,
    }
    write_json(stage / _INDEX, index)


def _trained_on(example: Example, request: Request) -> str:
    if request.data is not None:
        return f"pictures from a folder called {request.data.resolve().name}"
    return request.dataset if example.datasets else "data generated by edge-deploy"


def write_json(path: Path, value: Any) -> None:
    """Write JSON as a person reads it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_text(path, f"{text}\n")


def number(name: str, low: float, high: float, step: float, default: float, **more: str) -> Any:
    """A column of numbers, as features.json has it."""
    return {"name": name, "kind": "number", "min": low, "max": high, "step": step,
            "default": default, **more}  # fmt: skip


def category(name: str, categories: Sequence[str], encode: str) -> Any:
    """A column of categories, as features.json has it."""
    return {"name": name, "kind": "category", "categories": list(categories), "encode": encode}


def write_labels(folder: Path, labels: Sequence[str]) -> None:
    """Write labels.txt, one label a line in the order of the classes."""
    write_text(folder / "labels.txt", "".join(f"{label}\n" for label in labels))


def write_reference(
    folder: Path, columns: Mapping[str, Sequence[Any]], labels: Sequence[Any]
) -> None:
    """Write reference.csv: a column a feature as a person gives it, and the label."""
    with (folder / "reference.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "label"])
        writer.writerows(zip(*columns.values(), labels, strict=True))
