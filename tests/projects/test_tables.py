"""Projects of tables and a series: a folder goes in, its own script's answers come out."""

from __future__ import annotations

import pytest

from tests.projects.journeys import Rows

pytestmark = pytest.mark.slow

NAMES = ("churn", "housing", "price", "crop", "stroke", "structured")


class TestTables(Rows):
    pass
