"""The projects are what they say: their own scripts answer, the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.projects import NAMES, Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", NAMES)
def test_project_answers_to_what_it_is_asked(project: Callable[[str], Project], name: str) -> None:
    made = project(name)
    assert made.name == name
    if made.labels is not None:  # no class takes nearly all of the inputs
        counts = [made.labels.count(label) for label in made.classes]
        assert sum(counts) == len(made.inputs)
        assert max(counts) < 0.8 * len(made.inputs)
    assert (np.ptp(made.numbers, axis=0) > 0.05 * np.abs(made.numbers).max()).all()
    for one in made.evidence:
        assert (made.folder / one.file).is_file()
        assert Path(one.file).name in one.text
    if made.data:
        assert (made.folder / made.data).is_file()
