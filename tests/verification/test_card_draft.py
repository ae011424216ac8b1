"""A draft of a model card: the numbers are there, and it reads back as a card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_deploy.data.model_card import parse_card
from edge_deploy.verification.card_draft import draft
from edge_deploy.verification.verdicts import Verdict
from tests.support.manifests import file_document, manifest

PASS = Verdict("tflite", "float32", "tflite/m_float32.tflite", "litert", samples=4)
FAIL = replace(PASS, failures=("off by 3",))
ROWS = [((), "not compared"), ((PASS,), "pass"), ((FAIL, PASS), "fail"), ((PASS, FAIL), "fail")]


@pytest.mark.parametrize(("verdicts", "told"), ROWS)
def test_files_and_their_verdicts(verdicts: tuple[Verdict, ...], told: str) -> None:
    text = draft(manifest(artifacts=[file_document()]), verdicts)
    assert f"| tflite float32 | 0 KB | {told} |" in text


def test_draft_is_a_card_of_the_model() -> None:
    score = {"output": "y", "samples": 8, "values": {"accuracy": 0.875}, "confusion": None}
    reference = {"samples": 8, "origin": "user", "performance": score}
    told = manifest(name="cats|dogs", reference=reference)
    card = parse_card(draft(told, ()))
    assert card.title == "cats|dogs"
    assert card.description == "What does it do, and for whom?"
    assert "accuracy 0.875, of 8 samples with labels" in card.html
    assert card.html.count("<td>") == 3
