"""A Python that is, as far as the package can see, one of Windows; here for its tests on Linux.

What the package imports is what Windows has: no fcntl, no resource, no signals but three, an os
without fork and uids, msvcrt's locks. And what is open is neither renamed nor removed, whoever
asks, which is the rule of Windows that programs written on Linux break. Paths stay those of Linux.

Usage: python -m tests.support.windows COMMANDS.json (lists of arguments, run one after another)
"""

from __future__ import annotations

import builtins
import ctypes
import fcntl
import importlib
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ABSENT = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog")
SIGNALS = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}
WITHOUT = (
    *("fork", "setsid", "setpgid", "getpgid", "killpg", "waitid", "WNOHANG", "chown", "fchmod"),
    *("geteuid", "getuid", "getegid", "getgid", "sysconf", "sched_getaffinity", "getloadavg"),
    *("mkfifo", "O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"),
)


def view(module: ModuleType, **other: Any) -> ModuleType:
    """A module with some names replaced; those that are None are not there."""

    class View(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name in other:
                if other[name] is None:
                    raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
                return other[name]
            return getattr(module, name)

    return View(module.__name__)


def _open(path: Any, flags: int, *rest: int) -> int:
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, flags, *rest)


def _fsync(number: int) -> None:
    if not fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_RDWR | os.O_WRONLY):
        raise OSError(9, "Bad file descriptor")
    os.fsync(number)


def _kill(process: int, number: int) -> None:
    os.kill(process, signal.SIGKILL)  # TerminateProcess, whatever the signal


def _locking(number: int, mode: int, size: int) -> None:
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB, size)
    except OSError as error:
        raise PermissionError(13, "Permission denied") from error


class _Kernel:
    """kernel32, of which three functions are called."""

    class OpenProcess:
        restype: Any = None

        def __new__(cls, access: int, inherit: bool, process: int) -> Any:
            assert cls.restype is ctypes.c_void_p  # else the handle is cut to 32 bits
            return process if Path(f"/proc/{process}").exists() else None

    @staticmethod
    def WaitForSingleObject(handle: Any, milliseconds: int) -> int:
        return 258

    @staticmethod
    def CloseHandle(handle: Any) -> int:
        return 1


def _cdll(name: str | None, *rest: Any, **more: Any) -> Any:
    if name is None:
        raise TypeError("LoadLibrary() argument 1 must be str, not None")
    return ctypes.CDLL(name, *rest, **more)


def _modules() -> Mapping[str, ModuleType]:
    gone: dict[str, Any] = dict.fromkeys(WITHOUT)
    msvcrt = ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_NBLCK = _locking, 2  # type: ignore[attr-defined]
    names = [name for name in dir(signal) if name.startswith("SIG") and name not in SIGNALS]
    gone_signals: dict[str, Any] = dict.fromkeys([*names, "pthread_sigmask", "setitimer"])
    return {
        "sys": view(sys, platform="win32"),
        "os": view(os, name="nt", open=_open, fsync=_fsync, kill=_kill, **gone),
        "signal": view(signal, SIGBREAK=signal.SIGUSR1, **gone_signals),
        "ctypes": view(
            ctypes, CDLL=_cdll, WinDLL=lambda *_, **__: _Kernel(), get_last_error=lambda: 87
        ),
        "msvcrt": msvcrt,
    }


def _importing(real: Callable[..., Any]) -> Callable[..., Any]:
    seen = _modules()

    def imported(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        who = (globals or {}).get("__name__", "")
        if level == 0 and who.partition(".")[0] == "edge_deploy":
            if name in ABSENT:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in seen:
                return seen[name]
        return real(name, globals, locals, fromlist, level)

    return imported


def _in_use() -> set[str]:
    """What this process has open or mapped."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(entry.readlink()))
        except OSError:
            continue
    for line in Path("/proc/self/maps").read_text().splitlines():
        found.add(line.partition("/")[1] + line.partition("/")[2])
    return found


def _held(function: Callable[..., Any], paths: int) -> Callable[..., Any]:
    """Refuse what Windows refuses while a file is open, or one in a folder."""

    def called(*arguments: Any, **keywords: Any) -> Any:
        if keywords.get("dir_fd") is None and keywords.get("src_dir_fd") is None:
            for path in map(os.fspath, arguments[:paths]):
                real = os.path.normpath(Path.cwd() / os.fsdecode(path))
                for name in _in_use():
                    if name == real or (
                        name.startswith(f"{real}/") and not stat.S_ISDIR(os.lstat(name).st_mode)
                    ):
                        raise PermissionError(13, f"in use: {name}", real)
        return function(*arguments, **keywords)

    return called


def become() -> None:
    """From now on the package sees Windows; it must not be imported yet."""
    assert not any(name.partition(".")[0] == "edge_deploy" for name in sys.modules)
    builtins.__import__ = _importing(builtins.__import__)
    for name, paths in (("rename", 2), ("replace", 2), ("unlink", 1), ("remove", 1), ("rmdir", 1)):
        setattr(os, name, _held(getattr(os, name), paths))
    # By names, and not by open folders, which Windows has not: so that the rule above is asked.
    import shutil

    shutil._use_fd_functions = False  # type: ignore[attr-defined]


def main() -> None:
    """Run commands; the first that fails ends it with its code."""
    become()
    cli = importlib.import_module("edge_deploy.cli")
    for arguments in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        sys.argv = ["edge-deploy", *arguments]
        try:
            cli.main()
        except SystemExit as ended:
            if ended.code:
                raise


if __name__ == "__main__":
    main()
