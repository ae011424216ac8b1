"""Projects of texts and pictures: a folder goes in, its own script's answers come out."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tests.projects.journeys import Journeys, Rows

pytestmark = pytest.mark.slow

NAMES = ("sentiment", "sentiment_json", "spam", "chatbot", "topics", "fruit")


class TestTexts(Rows):
    pass


def test_pictures_without_classes_are_the_reference(journeys: Journeys, run: Run) -> None:
    journey = journeys.of("fruit", run)
    assert journey.recipe["reference"] == "test images"
    assert "are they such as the model is asked about?" in " ".join(journey.init.out.split())
