"""Rows and journeys of the projects that a file names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("tests.projects.journeys")

from tests.projects.journeys import Journeys  # noqa: E402 -- its asserts are rewritten
from tests.support.projects import Project  # noqa: E402


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A row a project, for each test that asks for ``name``."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", metafunc.module.NAMES)


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
