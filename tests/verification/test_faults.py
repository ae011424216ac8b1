"""The verifier attacked with faults whose hashes fit: a fixed part of `make faults`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import edge_deploy
from edge_deploy.artifact.artifact import Artifact
from tests.support.attack import MODELS, Outcome, attack, table

pytestmark = pytest.mark.slow
FILES = {  # and how many faults in each
    "dense": ("tflite=float32,tflite=float16,tflite=dynamic,tflite=int8,onnx=float32", 20),
    "conv": ("tflite=float32,tflite=int8,onnx=float32", 30),
    "recurrent": ("tflite=float32,onnx=float32", 40),
    "tree": ("tflite=float32,onnx=float32", 40),
    "text": ("tflite=float32,tflite=dynamic,onnx=float32", 30),
}


def convert(name: str) -> Artifact:
    model = MODELS[name](np.random.default_rng(0))
    path = Path(f"{name}.joblib" if name in ("tree", "text") else f"{name}.keras")
    joblib.dump(model, path) if path.suffix == ".joblib" else model.save(path)
    done = edge_deploy.convert(path, to=["tflite", "onnx"], quantize=FILES[name][0].split(","))
    assert done.passed, [verdict.problems for verdict in done.verdicts]  # no alarm
    assert done.artifact is not None
    return done.artifact


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("faults"))
        for name in MODELS:
            artifact = convert(name)
            for entry in artifact.manifest.artifacts:
                found += attack(artifact, entry, 0, FILES[name][1])
    return found


def test_no_fault_in_a_float32_file_is_missed(outcomes: list[Outcome]) -> None:
    plain = [one for one in outcomes if one.precision == "float32"]
    assert len(plain) >= 190
    assert [one for one in plain if one.result not in ("caught", "harmless")] == []
    assert sum(one.result == "caught" for one in plain) >= 0.8 * len(plain), table(outcomes)


def test_what_is_not_caught_in_a_compressed_file_costs_no_more_than_its_precision_may(
    outcomes: list[Outcome],
) -> None:
    limits = {"float16": 0.02, "dynamic": 0.15, "int8": 0.25}
    spared = [one for one in outcomes if one.result == "in budget"]
    # Twice: a file may be off by the budget on one side when healthy, and on the other after.
    assert all(one.moved <= 2 * limits[one.precision] for one in spared), spared
    assert Counter(one.result for one in outcomes)["caught"] >= 200
    assert len(outcomes) >= 290, table(outcomes)


def test_outcomes_are_told_by_target_and_precision() -> None:
    one: Any = Outcome("onnx", "float32", "scaled", "w", "caught", 1.0)
    assert table([one])[1:] == [
        "onnx float32                  1          0          0          0",
        "all 1                         1          0          0          0",
    ]
