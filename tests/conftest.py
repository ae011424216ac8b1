"""One TensorFlow process, one set of converted models a session; commands run as a user does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from edge_deploy import cli
from edge_deploy.web.browser import Browser, open_browser
from tests.support.projects import Project, built


@dataclass(frozen=True)
class Result:
    """What a command gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``edge-deploy`` with arguments, in this process: TensorFlow is imported once."""

    def call(*arguments: str | Path) -> Result:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["edge-deploy", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.in_process()
        captured = capfd.readouterr()
        code = stopped.value.code
        assert isinstance(code, int)
        assert "Traceback" not in captured.err + captured.out
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test writes where another, or the checkout, would see it."""
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture(autouse=True)
def _with_the_same_numbers() -> None:
    """Data and estimators without a seed of their own draw the same in every run."""
    np.random.seed(0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, for the tests of a module."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """A folder of tests/support/projects/ by its name, built once for all processes: read only."""
    root = tmp_path_factory.getbasetemp()
    # Under xdist each process has a folder of its own within the one of the session.
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    return lambda name, **options: built(name, root / "projects", **options)
