"""The projects are what they say: their own scripts answer, the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.projects import NAMES, Project, built

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


@pytest.mark.parametrize(
    ("name", "option", "script", "word"),
    [
        ("chatbot", "lemmatized", "chatbot.py", "WordNetLemmatizer()"),
        ("topics", "saved_model", "app.py", 'tf.saved_model.load("news_classifier")'),
    ],
)
def test_variant_answers_as_the_usual_one(
    project: Callable[..., Project], name: str, option: str, script: str, word: str
) -> None:
    usual, other = project(name), project(name, **{option: True})
    assert word not in (usual.folder / script).read_text()
    assert word in (other.folder / script).read_text()
    assert other.labels == usual.labels
    np.testing.assert_allclose(other.numbers, usual.numbers, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["churn", "crop"])
def test_project_is_built_alike_each_time(
    project: Callable[[str], Project], tmp_path: Path, name: str
) -> None:
    (tmp_path / "again").mkdir()
    again = built(name, tmp_path / "again")
    assert again.inputs == project(name).inputs
    np.testing.assert_allclose(again.numbers, project(name).numbers, rtol=0, atol=1e-6)
