"""Several samples in one call: what takes them, and what answers them wrongly."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import ArtifactError, ConversionError, UsageError
from edge_deploy.core.spec import Arrays, ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference
from edge_deploy.verification.compare import judge
from edge_deploy.verification.report import batches_text
from edge_deploy.verification.tolerances import DEFAULT
from edge_deploy.verification.verdicts import Verdict
from tests.support.models import save

FREE = ModelSpec((TensorSpec("x", (None, 2), "float32"),), (TensorSpec("y", (None, 2), "float32"),))
X = np.arange(10, dtype=np.float32).reshape(5, 2)


class Doubling:
    """What doubles its input, and does something else with several."""

    def __init__(self, several: Callable[[Any], Any]) -> None:
        self.several = several

    def predict(self, inputs: Arrays) -> Arrays:
        x = inputs["x"]
        return {"y": 2 * x if len(x) == 1 else self.several(x)}


def refuse(x: Any) -> Any:
    raise ArtifactError(f"takes one sample at a time, and got {len(x)}")


WRONG = "in a batch of 3: y: "
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], str]] = {
    "takes them": (lambda x: 2 * x, (1, 3), ""),
    "takes one": (refuse, (1,), ""),
    "gives the first answer again": (lambda x: np.repeat(2 * x[:1], 3, 0), (1,), "off by 8"),
    "gives an answer too few": (lambda x: 2 * x[:2], (1,), r"shape [2, 2], which is not an answer"),
    "gives other columns": (lambda x: x[:, :1], (1,), r"shape [1, 1] where the original gives"),
}


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("case", CASES)
def test_batch_is_judged_as_its_samples_are(case: str, precision: str) -> None:
    several, sizes, words = CASES[case]
    asked = Reference({"x": X}, {"y": 2 * X}, "user")
    blank = Verdict("onnx", precision, "a.onnx", "ort")
    found = judge(blank, Doubling(several), FREE, asked, DEFAULT)
    assert (found.batches, found.samples) == (sizes, 5)
    assert found.status == ("fail" if words else "pass")
    assert all(problem.startswith(WRONG) for problem in found.problems)
    assert re.search(re.escape(words), " ".join(found.problems))


def test_one_sample_makes_a_batch_too() -> None:
    asked = Reference({"x": X[:1]}, {"y": 2 * X[:1]}, "user")
    blank = Verdict("onnx", "float32", "a.onnx", "ort")
    assert judge(blank, Doubling(lambda x: 2 * x), FREE, asked, DEFAULT).batches == (1, 3)
    assert judge(blank, Doubling(lambda x: 3 * x), FREE, asked, DEFAULT).status == "fail"


def test_what_is_wrong_of_single_samples_is_told_once() -> None:
    asked = Reference({"x": X}, {"y": 5 * X}, "user")
    blank = Verdict("onnx", "float32", "a.onnx", "ort")
    found = judge(blank, Doubling(lambda x: 2 * x), FREE, asked, DEFAULT)
    assert len(found.problems) == 1
    assert WRONG not in found.problems[0]


def test_a_model_with_a_fixed_batch_is_not_asked_for_another() -> None:
    fixed = ModelSpec((TensorSpec("x", (1, 2), "float32"),), (TensorSpec("y", (1, 2), "float32"),))
    asked = Reference({"x": X}, {"y": 2 * X}, "user")
    found = judge(Verdict("onnx", "float32", "", "ort"), Doubling(refuse), fixed, asked, DEFAULT)
    assert (found.batches, found.status) == ((1,), "pass")
    assert batches_text(found) == "answers one sample at a time"


def test_free_batch_is_for_tflite_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="free_batch=True is for TFLite files, and none is asked"):
        edge_deploy.convert(tmp_path / "model.keras", to=["onnx"], free_batch=True)


@pytest.mark.slow
def test_files_with_a_free_batch_take_several(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    h = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(x)))
    path = save(keras.Model(x, layers.Dense(3, name="y")(h)), tmp_path / "cnn.keras")
    done = edge_deploy.convert(path, quantize=["float32", "tflite=dynamic"], free_batch=True)
    assert done.artifact is not None
    free = {one.path for one in done.manifest.artifacts if one.inputs[0].shape[0] is None}
    assert free == {one.path for one in done.manifest.artifacts}
    runtimes = ("litert", "litert-web", "ort", "tfjs")
    checked = edge_deploy.verify(done.artifact.folder, runtimes=runtimes, report=tmp_path)
    assert checked.passed, [verdict.problems for verdict in checked.verdicts]
    takes_one = {one.runtime for one in checked.verdicts if one.batches == (1,)}
    takes_more = {one.runtime for one in checked.verdicts if one.batches == (1, 3)}
    assert (takes_one, takes_more) == ({"litert-web"}, {"litert", "ort", "tfjs"})
    told = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "answers several samples in one call: asked with 1 and 3" in told
    assert "answers one sample at a time" in told


@pytest.mark.slow
def test_a_loop_with_a_free_batch_is_refused(tmp_path: Path) -> None:
    import keras

    x = keras.Input((5, 3), name="x")
    path = save(keras.Model(x, keras.layers.LSTM(4)(x)), tmp_path / "lstm.keras")
    with pytest.raises(ConversionError, match=r"with a free batch.*leave out"):
        edge_deploy.convert(path, to=["tflite"], free_batch=True)
