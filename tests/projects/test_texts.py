"""Projects of texts and pictures: a folder goes in, its own script's answers come out."""

from __future__ import annotations

import pytest

from tests.projects.journeys import Rows

pytestmark = pytest.mark.slow

NAMES = ("sentiment", "sentiment_json", "spam", "chatbot", "topics", "fruit")


class TestTexts(Rows):
    pass
