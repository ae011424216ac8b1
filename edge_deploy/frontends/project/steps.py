"""Steps: the files that data flow through, in order, and how one is written as a text.

``PATH[::KEY][@COL,COL|@*]``: ``scaler.pkl``, ``onehot.pkl@Geography``, ``bundle.pkl::scaler``,
``scaler.pkl@*``. A text that is the path of something is that path, whatever signs are in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import UsageError

EVERY = ("*",)
"""The columns of a step that takes all that is there."""


@dataclass(frozen=True)
class Step:
    """One file of a chain.

    Attributes:
        path: The file or folder.
        columns: The columns that it takes (before the model) or is picked at (after it); EVERY
            for all of them; None where nobody said.
        key: Which part of a bundle it is: a key of a dict, an attribute, a place in a list.
    """

    path: Path
    columns: tuple[str, ...] | None = None
    key: str | None = None

    def __str__(self) -> str:
        """The text that parse_step reads."""
        key = "" if self.key is None else f"::{self.key}"
        columns = "" if self.columns is None else f"@{','.join(self.columns)}"
        return f"{self.path}{key}{columns}"

    @property
    def name(self) -> str:
        """What it is called in messages: the file's name, and the part of it."""
        return self.path.name + ("" if self.key is None else f"::{self.key}")


def parse_step(text: str | os.PathLike[str]) -> Step:
    """A step from its text.

    A sign may be a part of a name: the longest beginning that is there on disk is the path.

    Raises:
        UsageError: The columns or the key are empty.
    """
    written = os.fspath(text)
    if os.path.lexists(written):
        return Step(Path(written))
    readings = [_split(written, at) for at in _places(written)]
    there = [step for step in readings if os.path.lexists(step.path)]
    step = max(there or readings[:1], key=lambda one: len(str(one.path)))
    if step.columns is not None and not all(step.columns):
        raise UsageError(
            f"{written}: a column behind the @ is empty. Say {step.path}@NAME,NAME, or @* for all."
        )
    if step.key == "":
        raise UsageError(f"{written}: say a part of a bundle as PATH::KEY.")
    return step


def parse_steps(texts: Sequence[str | os.PathLike[str]]) -> tuple[Step, ...]:
    """Steps from their texts, in order."""
    return tuple(map(parse_step, texts))


def is_written_step(value: Any) -> bool:
    """Whether a text says more than a path: it is none that is there, and has a sign of a step."""
    if not isinstance(value, str | os.PathLike):
        return False
    written = os.fspath(value)
    return not os.path.lexists(written) and ("@" in written or "::" in written)


def _places(written: str) -> list[int]:
    """Where the columns may begin: at each @, from the last one on, or not at all."""
    found = [at for at, sign in enumerate(written) if sign == "@" and at]
    return [*reversed(found), len(written)] if found else [len(written)]


def _split(written: str, at: int) -> Step:
    front, columns = written[:at], written[at + 1 :]
    path, sign, key = front.rpartition("::")
    whole = not sign or not path or os.path.lexists(front)
    names = tuple(name.strip() for name in columns.split(",")) if at < len(written) else None
    return Step(Path(front if whole else path), names, None if whole else key)
