"""Files and folders that appear whole or not at all, whatever stops the program meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core import handover, signals
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.filesystem import (
    LockHeldError,
    identity,
    is_alive,
    lock,
    open_lock,
    rename,
    sync,
    sync_names,
    write_text,
)
from edge_deploy.core.messages import option

_PARTIAL = ".partial-"


@contextlib.contextmanager
def staged(output: Path, final: Path) -> Iterator[Path]:
    """A folder to build another in, published by one rename when the body ends well.

    Whatever happens in the body, an error, a full disk, Ctrl-C, leaves the output as it was; so
    does a loss of power.

    Args:
        output: Where it is built; ``final`` is inside.
        final: What it becomes; a folder that is there is replaced.

    Raises:
        EdgeDeployError: The output cannot be written, or another run wrote it meanwhile.
    """
    try:
        with scratch(output) as stage:
            _restore(final)
            before = identity(final)
            _set_mode(stage, 0o755)
            yield stage
            sync(stage)
            final.parent.mkdir(exist_ok=True)
            with locked(final.parent), signals.deferred():
                if identity(final) != before:
                    raise EdgeDeployError(
                        f"{final} was written by another run meanwhile; it is left as that made "
                        f"it. Run this again with {option('overwrite', True)} to replace it, or "
                        f"give another {option('version')}."
                    )
                _put_in_place(stage, final)
    finally:
        with contextlib.suppress(OSError):
            final.parent.rmdir()  # only when empty


def _put_in_place(stage: Path, final: Path) -> None:
    if not final.exists():
        rename(stage, final)
    elif not exchange(stage, final):
        old = _set_aside(final)
        rename(final, old)
        try:
            rename(stage, final)
        except OSError:
            rename(old, final)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync_names(final.parent)


def _set_aside(final: Path) -> Path:
    return final.with_name(f".{final.name}.replaced")


def _restore(final: Path) -> None:
    """Put back what was set aside by a run that was killed before its own was in place."""
    old = _set_aside(final)
    if old.is_dir():
        with locked(final.parent):
            if not final.exists():
                rename(old, final)
            shutil.rmtree(old, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders take each other's name in one step, where the system can.

    Returns:
        Whether it was done; where not, nothing was.
    """
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    try:
        if sys.platform == "linux":
            at = -100  # AT_FDCWD, and RENAME_EXCHANGE below
            return bool(ctypes.CDLL(None).renameat2(at, names[0], at, names[1], 2) == 0)
        if sys.platform == "darwin":
            return bool(ctypes.CDLL(None).renamex_np(*names, 2) == 0)  # RENAME_SWAP
    except (OSError, AttributeError):  # a C library without it
        pass
    return False


@contextlib.contextmanager
def locked(folder: Path, seconds: float = 10) -> Iterator[None]:
    """Keep other runs from changing what is in a folder; a moment is waited for theirs to end.

    A run that is killed holds no lock. Where the file system has none, nothing is locked.

    Raises:
        EdgeDeployError: Another run holds it.
    """
    try:
        opened = open_lock(folder)
    except OSError:  # a cage that does not show it
        yield
        return
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                lock(opened)
            except LockHeldError:
                if time.monotonic() > until:
                    raise EdgeDeployError(
                        f"{folder}: in use by another run of edge-deploy. Try again when it has "
                        "ended."
                    ) from None
                time.sleep(0.05)
            except OSError:  # a network's file system
                break
            else:
                break
        yield
    finally:
        os.close(opened)


@contextlib.contextmanager
def scratch(beside: Path, given_as: str = "output") -> Iterator[Path]:
    """A folder for files that are moved from there by rename; it is gone afterwards.

    One that a killed run left is cleared away by the next.

    Args:
        beside: Where it is.
        given_as: The option that names what is written.

    Raises:
        EdgeDeployError: It cannot be written.
    """
    folder = None
    try:
        with writing(beside, given_as):
            # Not between the folder and its name, which would then stay.
            with signals.deferred():
                beside.mkdir(parents=True, exist_ok=True)
                folder = leased(handover.stage_in(beside) or beside)
            yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def writing(
    where: Path, given_as: str | None = "output", left: str = "nothing was left behind"
) -> Iterator[None]:
    """Say in words when a disk is full or a folder cannot be written, and which option helps."""
    other = f" or name another folder with {option(given_as)}" if given_as else ""
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise  # a network's, not a disk's
    except OSError as error:
        lost = "Make its folder, or run this again if another run has removed it"
        lost += "," if other else ""
        mend = lost if isinstance(error, FileNotFoundError) else "Free some space"
        raise EdgeDeployError(
            f"{error.filename or where}: cannot be written ({error.strerror or error}). {mend}"
            f"{other}; {left}."
        ) from error


def leased(beside: Path) -> Path:
    """A new folder, which is this process's for as long as it lives; others are cleared away."""
    sweep(beside)
    return Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{os.getpid()}-", dir=beside))


def _set_mode(folder: Path, mode: int) -> None:
    if sys.platform == "win32":
        return
    # Not by its name: a caged process may change the mode of what it can open alone.
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fchmod(opened, mode)
    finally:
        os.close(opened)


def sweep(output: Path, ended: int | None = None) -> None:
    """Remove what a killed run left: folders of processes that are no more.

    Args:
        output: Where they are.
        ended: A process whose half-written texts are removed, too.
    """
    for folder in output.glob(f"{_PARTIAL}*"):
        pid = folder.name.removeprefix(_PARTIAL).split("-")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    if ended is not None:
        for part in output.rglob(f".*.{ended}"):
            part.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a half."""
    beside = _part(path)
    try:
        write_text(beside, text)
        sync(beside)
        put(beside, path)
        sync_names(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def put(source: Path, final: Path) -> None:
    """Let a file, or a new folder, take its place; of a caged process its parent does it.

    Raises:
        OSError: It cannot be done.
    """
    if not handover.put(source, final):
        rename(source, final)


def _part(path: Path) -> Path:
    """Where a file is written before it takes its place; those of killed runs are cleared away."""
    if (stage := handover.stage_of(path)) is not None:
        return stage / path.name
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        pid = left.name.rpartition(".")[2]
        if pid.isdigit() and not is_alive(int(pid)):
            left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}")


def replace_all(
    moves: Mapping[Path, Path],
    texts: Mapping[Path, str],
    gone: Collection[Path] = (),
    folder: Path | None = None,
) -> None:
    """Put files and texts in their places: the texts last and in order, or nothing at all.

    The texts are written before anything is moved, so that a full disk changes nothing; Ctrl-C
    waits until all is in place. Of a folder all is changed in one step, where the system can, so
    that it is the old one or the new one whenever the program is killed.

    Args:
        moves: Where files are -> where they go.
        texts: What text files hold from now on.
        gone: Files that are removed.
        folder: All of these places are in it, and nothing else is to be seen with half of them.
    """
    if folder is not None and _replaced_whole(folder.resolve(), moves, texts, gone):
        return
    parts = {path: _part(path) for path in texts}
    try:
        for path, part in parts.items():
            write_text(part, texts[path])
            sync(part)
        for place in moves.values():
            place.parent.mkdir(parents=True, exist_ok=True)
        with signals.deferred():
            for file, place in moves.items():
                sync(file)
                rename(file, place)
            for path, part in parts.items():
                rename(part, path)
            for path in gone:
                path.unlink(missing_ok=True)
        for parent in {path.parent for path in (*moves.values(), *texts)}:
            sync_names(parent)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _replaced_whole(
    folder: Path, moves: Mapping[Path, Path], texts: Mapping[Path, str], gone: Collection[Path]
) -> bool:
    """Change a folder in one step: a copy of links to what stays takes its place.

    Not where we, or the shell that started us, stand in it: that one would be gone.
    """
    if sys.platform == "win32" or Path.cwd().is_relative_to(folder):
        return False
    stage = handover.stage_of(folder)
    try:
        sweep(folder.parent)
        copy = Path(
            tempfile.mkdtemp(prefix=f"{_PARTIAL}{os.getpid()}-", dir=stage or folder.parent)
        )
    except OSError:
        return False  # what is around it is not ours to write
    try:
        wanted = {place.resolve(): file for file, place in moves.items()}
        left = {path.resolve() for path in (*gone, *texts)} | wanted.keys()
        for path in sorted(folder.rglob("*")):
            place = copy / path.relative_to(folder)
            if stat.S_ISDIR(mode := path.lstat().st_mode):
                place.mkdir()
            elif not stat.S_ISREG(mode):
                return False
            elif path not in left:
                _link(path, place)
        for path, file in wanted.items():
            place = copy / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(file, place)
        for path, text in texts.items():
            write_text(copy / path.resolve().relative_to(folder), text)
        _set_mode(copy, stat.S_IMODE(folder.stat().st_mode))
        sync(copy)
        with signals.deferred():
            if not (handover.put(copy, folder) if stage else exchange(copy, folder)):
                return False
        sync_names(folder.parent)
        return True
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except OSError:  # a file system, or a cage, without links
        shutil.copyfile(file, place)


def to_text(document: Mapping[str, Any]) -> str:
    """JSON as people and diffs read it."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def sha256(path: Path) -> str:
    """The hex digest of a file; of a folder, over its files' names and digests."""
    if path.is_dir():
        files = {p.relative_to(path): p for p in path.rglob("*") if p.is_file()}
        ordered = sorted(files, key=lambda name: name.parts)  # Windows would leave case aside
        lines = (f"{name.as_posix()} {sha256(files[name])}" for name in ordered)
        return digest("\n".join(lines).encode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """The hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
