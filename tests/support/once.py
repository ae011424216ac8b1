"""What several test files need is made once, however many processes ask."""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def once(folder: Path, make: Callable[[Path], Made]) -> Made:
    """What ``make`` returned when it was called for the folder, the first time by any process.

    Args:
        folder: Where it is made, and is for reading from then on: copy what is to be changed.
        make: Makes the folder and what is in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    known = folder.with_name(f"{folder.name}.pickle")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_bytes(pickle.dumps(make(folder)))
    made: Made = pickle.loads(known.read_bytes())
    return made
