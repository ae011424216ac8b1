"""What the command line shows of what the library tells."""

from __future__ import annotations

import logging
import os
import sys

import pytest

from edge_deploy.cli import console
from edge_deploy.core import log
from edge_deploy.core.stdio import quiet


class _Terminal:
    """sys.stderr of a terminal; what is written to descriptor 2 is captured as before."""

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        pass


def _work() -> None:
    with quiet():
        os.write(2, b"noise")
        log.logger("edge_deploy.api.convert").info("reading %s", "model.h5")
        log.tell(["found beside the model: labels.txt"])


def test_progress_is_a_status_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with console.progress(False, "digits: ") as show:
        show("training")
        _work()
    assert capfd.readouterr().err == (
        "\r\x1b[Kdigits: training …\r\x1b[Kdigits: reading model.h5 …\r\x1b[K"
    )


def test_progress_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with console.progress(False) as show:
        show("training")
        _work()
    assert capfd.readouterr() == ("", "")


def test_warnings_are_notes_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with console.warnings(), quiet():
        log.NOTES.warning("age was left out: it counts as missing")
    assert capfd.readouterr() == ("", "note: age was left out: it counts as missing\n")
    logger = logging.getLogger("edge_deploy.notes")
    assert (logger.handlers, logger.propagate, logger.level) == ([], True, logging.NOTSET)
