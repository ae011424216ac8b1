"""Rows and journeys of the projects that a file names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("tests.projects.journeys")

from tests.projects.journeys import ALL, Journeys  # noqa: E402 -- its asserts are rewritten
from tests.support.projects import Project  # noqa: E402


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A row a project, for each test that asks for ``name``."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", metafunc.module.NAMES)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Of `make journeys`: how near each page came to the project's own script."""
    if not ALL:
        return
    terminalreporter.write_line(f"{'project':15}{'':6}{'inputs':>7}{'labels':>7}{'error':>10}")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                for _, line in report.user_properties:
                    terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def journeys(
    request: pytest.FixtureRequest,
    project: Callable[..., Project],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Journeys]:
    """The file's projects, each converted when the first test asks for it."""
    with ExitStack() as stack:
        root = tmp_path_factory.mktemp("journeys")
        yield Journeys(request.module.NAMES, root, project, stack)
