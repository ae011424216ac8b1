"""What comes out of a cage is the value that went in, or no value at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_deploy.api.diff import DiffResult, VersionFile
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.worker import apart
from edge_deploy.verification.version_diff import AnswerDiff, ChangedSample, ContractChange, Figure

FILE = VersionFile("m", "1", "tflite/m_float32.tflite", 4, 3, median_ms=np.float64(0.5))
FOUND = DiffResult(
    FILE,
    FILE,
    (ContractChange("labels of y", "a", "b", True),),
    AnswerDiff(
        output="y",
        samples=2,
        agreement=float(np.float32(0.5)),
        figure=Figure("accuracy", 1.0, 0.5, -1.0, 0.0, "McNemar", p=None),
        drop=0.5,
        changed=(ChangedSample(1, "a", "b", None),),
    ),
    max_drop=0.01,
    rows={1: {"age": "40"}},
    pictures={1: Path("pictures/a.png")},
)


def test_the_answer_of_a_cage_is_that_of_this_process() -> None:
    with apart.done_by(lambda do, files: do()):
        assert apart.work(DiffResult, lambda: FOUND, ()) == FOUND


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"old": 1}', "[" * 100_000])
def test_an_answer_that_is_none_is_an_error(text: str) -> None:
    with apart.done_by(lambda do, files: text), pytest.raises(EdgeDeployError, match="out of the"):
        apart.work(DiffResult, lambda: FOUND, ())
