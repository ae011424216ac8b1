"""Exit codes: which there are, and that only the command line knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import edge_deploy
from edge_deploy.cli import exit_codes

PACKAGE = Path(edge_deploy.__file__).parent


@pytest.mark.parametrize(
    ("complete", "passed", "code"),
    [
        (True, True, 0),
        (True, False, 1),
        (False, True, 3),
        (False, False, 3),  # 3 beats 1
    ],
)
def test_of_result_puts_what_was_not_done_first(complete: bool, passed: bool, code: int) -> None:
    assert exit_codes.of_result(complete, passed) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (edge_deploy.UsageError, 2),
        (edge_deploy.EdgeDeployError, 3),
        (edge_deploy.SourceError, 3),
        (edge_deploy.UntrustedError, 3),
        (edge_deploy.ConversionError, 3),
        (edge_deploy.MissingDependencyError, 3),
        (edge_deploy.ArtifactError, 3),
    ],
)
def test_of_error_is_2_for_a_wrong_request_alone(
    error: type[edge_deploy.EdgeDeployError], code: int
) -> None:
    assert exit_codes.of_error(error("words")) == code


def test_the_library_knows_no_exit_codes() -> None:
    library = [p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE / "cli"]
    assert [str(p) for p in library if "exit_code" in p.read_text(encoding="utf-8")] == []
