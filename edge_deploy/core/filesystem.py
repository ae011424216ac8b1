"""What Windows does otherwise than Linux and macOS: renames, locks, links, line ends, processes."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_MOUNT_POINT = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which other systems do not name
_TEMPORARY = "edge-deploy-"
_FRESH = 3600.0  # seconds
_WAITED = 3.0  # seconds for a virus scanner or an indexer to let go of a file


def rename(source: Path, target: Path) -> None:
    """Give a file or a folder another name; a file that has the name is replaced.

    Windows refuses it while anybody has the file, or one in the folder, open. A virus scanner has
    what is new for a moment, which is waited for.

    Raises:
        OSError: It cannot be done.
    """
    until = time.monotonic() + _WAITED
    while True:
        try:
            source.replace(target)
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with the text's own line ends: the same bytes on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the body. What a library still has open in it, Windows leaves there.

    What a killed run left is cleared away by a later one: it may be gigabytes of a zip.
    """
    _sweep_temporary()
    prefix = f"{_TEMPORARY}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _sweep_temporary() -> None:
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*-*"):
            pid = folder.name.removeprefix(_TEMPORARY).split("-")[0]
            # A container that shares the folder has other processes: what is new may be its own.
            old = folder.lstat().st_mtime < time.time() - _FRESH
            if pid.isdigit() and old and not is_link(folder) and not is_alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def is_link(path: os.PathLike[str]) -> bool:
    """Whether a path leads elsewhere: as a symbolic link, or as a junction of Windows."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _MOUNT_POINT


def is_own(folder: Path) -> bool:
    """Whether nobody else can have written to a folder; Windows has it so for those of a user."""
    if sys.platform == "win32":
        return True
    try:
        about = folder.stat()
    except OSError:
        return False
    return about.st_uid == os.geteuid() and not about.st_mode & 0o022


def sync(path: Path) -> None:
    """Have a file, or a folder with all in it, on the disk, and not only on its way there.

    Else a rename may survive a loss of power that the content does not.
    """
    for inner in (*(path.rglob("*") if path.is_dir() else ()), path):
        sync_names(inner)


def sync_names(path: Path) -> None:
    """The same for the names in a folder alone, or for one file.

    Windows opens no folder, and wants a file open for writing.
    """
    windows = sys.platform == "win32"
    if windows and path.is_dir():
        return
    try:
        opened = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    except PermissionError:
        if windows:  # a file that is read only
            return
        raise
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


class LockHeldError(Exception):
    """Another process holds the lock."""


def open_lock(folder: Path) -> int:
    """What is locked for a folder: itself, or on Windows a file of temporary ones, by its path.

    Raises:
        OSError: It cannot be opened, as where a cage does not show it.
    """
    if sys.platform != "win32":
        return os.open(folder, os.O_RDONLY)
    real = os.path.normcase(folder.resolve())
    name = hashlib.sha256(real.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return os.open(Path(tempfile.gettempdir()) / f"edge-deploy-{name}.lock", os.O_RDWR | os.O_CREAT)


def lock(opened: int) -> None:
    """Lock what ``open_lock`` opened, until it is closed or the process ends.

    Raises:
        LockHeldError: Another process holds it.
        OSError: Its file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise LockHeldError from error
        return
    import fcntl

    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockHeldError from error


def is_alive(process: int) -> bool:
    """Whether a process of this number runs, and has not ended with a parent yet to ask how."""
    if sys.platform == "win32":
        # os.kill would end it there.
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(0x00100000, False, process)  # SYNCHRONIZE
        if not handle:
            return bool(ctypes.get_last_error() == 5)  # ACCESS_DENIED: another user's
        try:
            waited = kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0)
            return bool(waited == 258)  # WAIT_TIMEOUT
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def identity(path: Path) -> tuple[int, int] | None:
    """Which file or folder is there, if one is: another that takes its place is another."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
