"""Ctrl-C and a polite kill: they stop us even where a library swallows the exception."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from importlib.machinery import ExtensionFileLoader
from threading import Timer
from types import FrameType

_stopped = _waits = False
# SIGBREAK is Windows': Ctrl-Break, and a window that is closed.
_ASKED = (signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGBREAK", None)]))


def listen() -> None:
    """From now on SIGINT and SIGTERM raise KeyboardInterrupt, and are remembered."""
    global _stopped
    _stopped = False
    for number in _ASKED:
        signal.signal(number, _stop)


def _send(number: int) -> None:
    """Send a signal to ourselves once more."""
    if sys.platform == "win32":
        signal.raise_signal(number)  # os.kill would end us there
    else:
        os.kill(os.getpid(), number)  # which wakes the first thread


def _stop(number: int, frame: FrameType | None) -> None:
    global _stopped
    _stopped = True
    if _waits:
        return
    if _loads_an_extension(frame):
        Timer(0.05, _send, (number,)).start()
        return
    # Raised in a destructor or a callback it would be printed there, and nothing else happens.
    sys.unraisablehook = lambda _: None
    raise KeyboardInterrupt


def _loads_an_extension(frame: FrameType | None) -> bool:
    """Whether a compiled module is at its start, where some (onnx) crash when Python raises."""
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a few renames be done before we stop: one without the other would be half a change.

    Whoever was to be stopped before that is stopped here, with none of them done.
    """
    global _waits
    check()
    _waits = True
    try:
        yield
    finally:
        _waits = False
    check()


def happened() -> bool:
    """Whether we were told to stop; what goes wrong after that is only the stopping."""
    return _stopped


def check() -> None:
    """Raise again what was swallowed; called before anything is published.

    Playwright's event loop keeps an exception that is raised in it to itself.
    """
    if _stopped:
        raise KeyboardInterrupt
