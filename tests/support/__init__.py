"""What the tests share."""

from __future__ import annotations

import os

PATIENCE = 600
"""Seconds after which a process or a page hangs: it must not fail because the machine is slow."""


def unmeasured() -> dict[str, str]:
    """The environment of a child in which what measures the tests' reach could not write."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
