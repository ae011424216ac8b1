"""What libraries write to the terminal is held back at the edge of the API, and nowhere else."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def set_environment() -> None:
    """Ask TensorFlow to be quiet and to stay on the CPU; call before it is imported.

    And to compute by oneDNN, as it does unasked where the processor has VNNI: without it there are
    no convolutions with the channels first. HDF5 is to do without locks, since network drives have
    none, and a notebook may hold one.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")


class _Aside:
    """Where the process's stdout and stderr go while calls of the API run."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls = 0
        self.terminal: list[tuple[int, int]] = []  # a descriptor, and a copy of what it was
        self.sink = -1

    def begin(self) -> None:
        with self.lock:
            self.calls += 1
            if self.calls == 1:
                _flush()
                with tempfile.TemporaryFile() as file:
                    self.sink = os.dup(file.fileno())
                self.terminal = [(fd, os.dup(fd)) for fd in (1, 2)]
                self.hide()

    def end(self) -> None:
        with self.lock:
            self.calls -= 1
            if self.calls == 0:
                self.show()
                for copy in (self.sink, *(copy for _, copy in self.terminal)):
                    os.close(copy)
                self.terminal = []

    def hide(self) -> None:
        _flush()
        for fd, _ in self.terminal:
            os.dup2(self.sink, fd)

    def show(self) -> None:
        _flush()
        for fd, copy in self.terminal:
            os.dup2(copy, fd)


_aside = _Aside()


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


@contextlib.contextmanager
def quiet(verbose: bool = False) -> Iterator[None]:
    """Hold back what C++ and Python libraries write to stdout and stderr.

    The noise is written to the file descriptors, past Python's streams (absl, TF-DF), so these
    are what is turned aside. When the body raises, what was held back stays silent: the error
    that is raised says what happened. With ``verbose`` nothing is held back.
    """
    if verbose:
        yield
        return
    _aside.begin()
    try:
        yield
    finally:
        _aside.end()


def quietly(function: Callable[P, T]) -> Callable[P, T]:
    """A public function that runs ``quiet``."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with quiet():
            return function(*args, **kwargs)

    return called


@contextlib.contextmanager
def aloud() -> Iterator[None]:
    """Let what the body writes through to the terminal, within ``quiet``."""
    with _aside.lock:
        _aside.show()
        try:
            yield
        finally:
            _aside.hide()
