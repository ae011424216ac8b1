"""Files and folders that appear whole or not at all, whatever stops the program meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core import signals
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import option

_PARTIAL = ".partial-"


@contextlib.contextmanager
def staged(output: Path, final: Path) -> Iterator[Path]:
    """A folder to build another in, published by one rename when the body ends well.

    Whatever happens in the body, an error, a full disk, Ctrl-C, leaves the output as it was.

    Args:
        output: Where it is built; ``final`` is inside.
        final: What it becomes; a folder that is there is replaced.

    Raises:
        EdgeDeployError: The output cannot be written.
    """
    try:
        with scratch(output) as stage:
            stage.chmod(0o755)
            yield stage
            with signals.deferred():
                final.parent.mkdir(exist_ok=True)
                _put_in_place(stage, final)
    finally:
        with contextlib.suppress(OSError):
            final.parent.rmdir()  # only when empty


def _put_in_place(stage: Path, final: Path) -> None:
    if not final.exists():
        stage.rename(final)
        return
    old = stage.with_name(stage.name + "-old")
    final.rename(old)
    try:
        stage.rename(final)
    except OSError:
        old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A folder for files that are moved from there by rename; it is gone afterwards.

    One that a killed run left is cleared away by the next.

    Raises:
        EdgeDeployError: It cannot be written.
    """
    folder = None
    try:
        with writing(beside):
            # Not between the folder and its name, which would then stay.
            with signals.deferred():
                beside.mkdir(parents=True, exist_ok=True)
                _sweep(beside)
                folder = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{os.getpid()}-", dir=beside))
            yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def writing(
    where: Path, given_as: str = "output", left: str = "nothing was left behind"
) -> Iterator[None]:
    """Say in words when a disk is full or a folder cannot be written, and which option helps."""
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise  # a network's, not a disk's
    except OSError as error:
        raise EdgeDeployError(
            f"{error.filename or where}: cannot be written ({error.strerror or error}). Free some "
            f"space or name another folder with {option(given_as)}; {left}."
        ) from error


def _sweep(output: Path) -> None:
    """Remove what a killed run left: folders of processes that are no more."""
    for folder in output.glob(f"{_PARTIAL}*"):
        pid = folder.name.removeprefix(_PARTIAL).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # os.kill would end it there; a leftover does no harm
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replace_all(moves: Mapping[Path, Path], texts: Mapping[Path, str]) -> None:
    """Put files and texts in their places: the texts last and in order, or nothing at all.

    The texts are written before anything is moved, so that a full disk changes nothing; Ctrl-C
    waits until all is in place.

    Args:
        moves: Where files are -> where they go.
        texts: What text files hold from now on.
    """
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in texts}
    try:
        for path, part in parts.items():
            part.write_text(texts[path], encoding="utf-8")
        for place in moves.values():
            place.parent.mkdir(parents=True, exist_ok=True)
        with signals.deferred():
            for file, place in moves.items():
                file.replace(place)
            for path, part in parts.items():
                part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def to_text(document: Mapping[str, Any]) -> str:
    """JSON as people and diffs read it."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def sha256(path: Path) -> str:
    """The hex digest of a file; of a folder, over its files' names and digests."""
    if path.is_dir():
        parts = sorted(p for p in path.rglob("*") if p.is_file())
        return digest("\n".join(f"{p.relative_to(path)} {sha256(p)}" for p in parts).encode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """The hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
