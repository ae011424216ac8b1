"""What compression can be asked for, and what it cannot mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.optimize import pruning
from edge_deploy.optimize.builder import check_io, check_runtime
from edge_deploy.optimize.mixed_precision import check_keep
from edge_deploy.optimize.precisions import PrecisionRequest, parse
from edge_deploy.optimize.search import executors


def asked(*texts: str, targets: tuple[str, ...] = ("tflite", "onnx")) -> PrecisionRequest:
    return parse("quantize", texts, targets)


def test_precisions_are_those_that_a_target_has() -> None:
    wish = asked("int8", "tflite=float16", "float32")
    assert wish.by_target == {"tflite": ("float32", "float16", "int8"), "onnx": ("float32", "int8")}
    (note,) = asked("int16x8").notes
    assert note == "int16x8 is left out of onnx: no such precision there"


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "target": (lambda: asked("tfjs=int8"), "no target of this run is called 'tfjs'"),
    "precision": (lambda: asked("int9"), "no target here has this precision. Did you mean int"),
    "nothing": (asked, "quantize=...: no precision is named"),
    "io": (lambda: check_io("int9", asked("int8")), "no kind of inputs and outputs is called"),
    "io of floats": (lambda: check_io("uint8", asked("float16")), "is for TFLite's int8"),
    "io of onnx": (lambda: check_io("uint8", asked("onnx=int8")), "is for TFLite's int8"),
    "runtime": (
        lambda: check_runtime("newest", asked("int8")),
        "name a version of TensorFlow Lite, such as 2.11",
    ),
    "runtime of onnx": (
        lambda: check_runtime("2.11", asked("int8", targets=("onnx",))),
        "min_runtime=... is for TFLite files, and none is asked for",
    ),
    "layers of floats": (lambda: check_keep(["a"], asked("float32")), "only float32 is asked for"),
    "auto and layers": (
        lambda: check_keep(["auto", "a"], asked("int8")),
        "keep_float='auto' finds the layers itself: give it alone, or only names",
    ),
    "data to prune on": (
        lambda: pruning.check_options(None, Path("x.npz"), 10),
        "to train a pruned model on: give prune=0.8 too",
    ),
    "epochs": (lambda: pruning.check_options(0.5, None, 0), "prune_epochs=0"),
    "share": (lambda: pruning.check_options(1.0, None, 10), "prune=1: the share of the weights"),
    "kind": (
        lambda: pruning.check_kind("sklearn"),
        r"only Keras files \(.keras, .h5\) can be pruned, and this is a scikit-learn model",
    ),
    "executor": (lambda: executors.check("lokey"), "Did you mean loky?"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_meant_is_told(row: str) -> None:
    call, words = REFUSED[row]
    with pytest.raises(UsageError, match=words):
        call()
