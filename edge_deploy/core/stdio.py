"""TensorFlow's start-up noise, kept off the user's terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def set_environment() -> None:
    """Ask TensorFlow to be quiet and to stay on the CPU; call before it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    # tensorflow_decision_forests, which tensorflowjs imports, greets, and needs IPython to do so
    # where stdout is not a terminal or a file (a notebook, a test).
    os.environ.setdefault("TFDF_DISABLE_WELCOME_MESSAGE", "1")


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
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as sink:
        saved = [(fd, os.dup(fd)) for fd in (1, 2)]
        try:
            for fd, _ in saved:
                os.dup2(sink.fileno(), fd)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for fd, copy in saved:
                os.dup2(copy, fd)
                os.close(copy)
