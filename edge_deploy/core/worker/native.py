"""The door to native libraries: in a program that has a cage, files go to them in the cage alone.

A command that forgets to shut itself in is refused at the first file, and not left as it is until
a file crashes it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_held = False


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Within the body nothing is opened before this process is shut in."""
    global _held
    _held = True
    try:
        yield
    finally:
        _held = False


def let() -> None:
    """This process is shut in, or its system has no cage."""
    global _held
    _held = False


def opens(path: os.PathLike[str] | str) -> None:
    """A native library, or one that unpickles, is about to read a file.

    Raises:
        RuntimeError: The program promised a cage and is not in it: a bug of the command.
    """
    if _held:
        raise RuntimeError(f"{os.fspath(path)} was to be opened outside of the cage")
