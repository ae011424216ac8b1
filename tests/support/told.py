"""What the library tells of its progress while something runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "edge_deploy.notes":
            self.lines.append(record.getMessage())


@contextmanager
def told() -> Iterator[list[str]]:
    """The lines so far, also for fixtures of a session, which ``caplog`` is not for."""
    logger, handler = logging.getLogger("edge_deploy"), _Lines([])
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
