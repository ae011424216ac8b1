"""One TensorFlow process, one set of converted models a session; commands run as a user does."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# A lock of HDF5's stays as long as any process has the file: one that is just started, too.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
# Test processes share the processors: threads that wait for each other would spin in vain.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What is converted in a test is converted; test_cache.py has caches of its own.
os.environ["EDGE_DEPLOY_CACHE"] = ""

from edge_deploy import ConvertOptions, cli, convert
from edge_deploy.core.errors import MissingDependencyError
from edge_deploy.examples import ExampleFiles, build_example
from edge_deploy.web.browser import Browser, open_browser
from tests.support.once import once
from tests.support.projects import Project, built
from tests.support.resolutions import asked

# As the command line sets it, and with more reason: the tests' own objects stay, too.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: with a short one at the end no process waits for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    """The first weights of a Keras model, which it draws from here, are the same in every run."""
    random.seed(fixturedef.argname)


def pytest_runtest_call(item: pytest.Item) -> None:
    """And those of models that a test makes itself."""
    random.seed(item.nodeid)


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser, one a process: commands that are run here share it."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _kept_browser(request: pytest.FixtureRequest) -> Browser | None:
    """Each command would start its own, where none is open; `make check` needs none."""
    if any(item.get_closest_marker("slow") for item in request.session.items):
        with contextlib.suppress(MissingDependencyError):
            opened: Browser = request.getfixturevalue("browser")
            return opened
    return None


@pytest.fixture(scope="module", autouse=True)
def _pages_are_closed(_kept_browser: Browser | None) -> Iterator[None]:
    """A test file leaves no page to the next."""
    yield
    if _kept_browser:
        for context in _kept_browser._plain.contexts:
            context.close()


UNCOUNTED = (
    "tests/page/",
    "tests/projects/",
    "tests/fuzz/",
    "tests/formats/test_architectures.py",
    "tests/formats/test_every_layer.py",
    "tests/formats/tfjs/test_second_opinion.py",
    "tests/frontends/sklearn/test_second_opinion.py",
    "tests/verification/test_faults.py",
)
"""Many rows through lines that other tests reach: tracing slows Python down to half its speed."""


@pytest.fixture(scope="module", autouse=True)
def _lines_are_counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """By `make coverage`, in each file that is not of the folders above."""
    plugin = request.config.pluginmanager.getplugin("_cov")
    counting = plugin and plugin.cov_controller
    if not counting or not request.node.nodeid.startswith(UNCOUNTED):
        yield
        return
    counting.pause()
    yield
    counting.resume()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes; what is in it is made once and for reading."""
    root = tmp_path_factory.getbasetemp()
    # Under xdist each process has a folder of its own within the one of the session.
    return root.parent if "PYTEST_XDIST_WORKER" in os.environ else root


@pytest.fixture(scope="session")
def registry(shared: Path) -> Path:
    """Where the registry's answers come."""
    return shared / "registry"


@pytest.fixture(scope="session", autouse=True)
def _registry_is_asked(request: pytest.FixtureRequest) -> Iterator[None]:
    """From the start, where a test will wait for its answers."""
    if any("registry" in item.fixturenames for item in request.session.items):
        with asked(request.getfixturevalue("registry")):
            yield
    else:
        yield


@pytest.fixture(scope="session")
def project(shared: Path) -> Callable[..., Project]:
    """A folder of tests/support/projects/ by its name."""
    return lambda name, **options: built(name, shared / "projects", **options)


@pytest.fixture(scope="session")
def example(shared: Path) -> Callable[[str], ExampleFiles]:
    """An example by its name, trained when it is first asked for."""

    def get(name: str) -> ExampleFiles:
        return once(shared / "examples" / name, lambda folder: build_example(name, folder))

    return get


@pytest.fixture(scope="session")
def example_artifact(shared: Path, example: Callable[[str], ExampleFiles]) -> Callable[[str], Path]:
    """The same converted to all targets."""

    def make(folder: Path) -> Path:
        done = convert(example(folder.name).model, ConvertOptions(output=folder))
        assert done.artifact
        return done.artifact.folder

    return lambda name: once(shared / "artifacts" / name, make)
