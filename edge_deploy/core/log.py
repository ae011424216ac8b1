"""Progress and notes, as records of the logger ``edge_deploy``.

A step of the work is told on level INFO by the module that does it. What a user should know is
told by ``NOTES``: on level INFO where the result has it too, else as a warning; a warning of a
result on level WARNING.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from edge_deploy.core.stdio import aloud


class _Aloud(logging.LoggerAdapter[logging.Logger]):
    """Tells what happens even while the libraries' own output is held back."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            with aloud():
                super().log(level, msg, *args, **{"stacklevel": 2, **kwargs})


def logger(name: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger of a module; its name begins with ``edge_deploy``."""
    return _Aloud(logging.getLogger(name), {})


NOTES = logger("edge_deploy.notes")


def tell(notes: Iterable[str], warnings: Iterable[str] = ()) -> None:
    """Tell the notes and the warnings of a result."""
    for note in notes:
        NOTES.info("%s", note)
    for warning in warnings:
        NOTES.warning("%s", warning)
