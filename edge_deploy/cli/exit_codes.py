"""The exit codes of the commands, decided from what the API returned or raised."""

from __future__ import annotations

from edge_deploy.core.errors import EdgeDeployError, UsageError

DONE = 0
OUTSIDE_TOLERANCE = 1
USAGE = 2
NOT_DONE = 3


def of_result(complete: bool = True, passed: bool = True) -> int:
    """The code of a command that ended: what was not done counts more than what did not pass."""
    if not complete:
        return NOT_DONE
    return DONE if passed else OUTSIDE_TOLERANCE


def of_error(error: EdgeDeployError) -> int:
    """The code of a command that was stopped."""
    return USAGE if isinstance(error, UsageError) else NOT_DONE
