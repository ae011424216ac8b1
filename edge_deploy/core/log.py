"""Progress and notes, as records of the logger ``edge_deploy``.

A step of the work is told on level INFO by the module that does it. What a user should know of
the result is told by ``NOTES``; most of it is in the result too.
"""

from __future__ import annotations

import logging
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
