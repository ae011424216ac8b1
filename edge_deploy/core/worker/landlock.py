"""Landlock: which files a process may open, and whom it may signal (Linux 5.19 and newer).

The three system calls have the same numbers on every architecture, and no wrapper in the C library.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from enum import IntFlag
from pathlib import Path

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1  # a flag of _CREATE
_PATH_BENEATH = 1
OLDEST = 2
"""The ABI that can rename from folder to folder, without which nothing could be published."""


class Access(IntFlag):
    """What may be done with the files beneath a path; the kernel's own bits."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.READ_FILE | Access.READ_DIR
# No links: the parent opens what is written here, and would follow them out.
WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.REFER
    | Access.TRUNCATE
)
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE
_NEWER = ((3, Access.TRUNCATE), (5, Access.IOCTL_DEV))
_SCOPES = 0b11  # abstract sockets and signals
_SIGNALS, _TCP = 6, 4  # the ABIs that brought them


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi() -> int:
    """The version that the kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    asked = (None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(int(_libc().syscall(_CREATE, *asked)), 0)


def scopes_signals() -> bool:
    """Whether signals to others can be refused."""
    return abi() >= _SIGNALS


def restrict(rules: Iterable[tuple[Path, Access]], network: bool) -> None:
    """From now on this process and what it starts may open these paths alone, for good.

    Args:
        rules: Files, and folders with all that is beneath; one that is not there is left out.
        network: Whether TCP stays open.

    Raises:
        OSError: The kernel refuses.
    """
    version = abi()
    handled = Access(sum(Access))
    for least, right in _NEWER:
        if version < least:
            handled &= ~right
    attributes = _Ruleset(handled, 0 if network or version < _TCP else 0b11, _SCOPES)
    size = 24 if version >= _SIGNALS else 16 if version >= _TCP else 8
    ruleset = _call(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path, access in _merged(rules).items():
            _allow(ruleset, path, access & handled)
        _call(_RESTRICT, ruleset, ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _merged(rules: Iterable[tuple[Path, Access]]) -> Mapping[Path, Access]:
    found: dict[Path, Access] = {}
    for path, access in rules:
        found[path] = found.get(path, Access(0)) | access
    return found


def _allow(ruleset: int, path: Path, access: Access) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _OF_FILES
        if access:
            rule = _Beneath(access, fd)
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(fd)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc().syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
