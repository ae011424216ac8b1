"""skl2onnx as the second opinion: two converters, written apart, say what scikit-learn says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import TensorSpec
from edge_deploy.frontends.sklearn import onnx_only
from edge_deploy.frontends.sklearn.converters import steps
from edge_deploy.frontends.sklearn.loader import from_object
from tests.support.sklearn_models import COMPOUND, FAMILIES, TRANSFORMED, TREES, UNUSUAL

pytestmark = pytest.mark.slow
EVERY: dict[str, Callable[[], Any]] = {**TREES, **FAMILIES, **TRANSFORMED, **COMPOUND, **UNUSUAL}
# Over trees that have seen missing values skl2onnx does not come to an end.
ROWS = {row: make for row, make in EVERY.items() if not row.endswith("with gaps")}
ALLOWED = 1e-5  # of the scale of an output
CANNOT = (
    "IsolationForest", "KNeighborsRegressor, 3", "KernelRidge", "NearestCentroid", "NuSVC",
    "NuSVR", "OneClassSVM",
    "PolynomialFeatures 1", "SVC", "SVR", "Sequential", "SimpleImputer", "adaboost, 2",
    "bagging of votes", "boosting from", "calibrated by isotonic, trees",
    "calibrated by sigmoid, trees", "calibrated by temperature", "calibrated forest",
    "gaps filled", "isotonic line", "one against", "scaled adaboost", "scaler, SVC",
    "soft votes", "stack with", "target of", "threshold of", "votes",
)  # fmt: skip
WRONG = (
    "LinearDiscriminantAnalysis, 2", "bagging of neighbours", "boosting of counts",
    "boosting of gamma", "calibrated by isotonic, line", "calibrated by isotonic, one SVC, 4",
    "calibrated stack", "neighbors by distance",
    # Scores of two classes are two columns there, and those of pairs are other ones.
    "NuSVC, 2", "SVC by pairs", "SVC, 2", "SVC linear, 2", "SVC poly, 2", "SVC sigmoid, 2",
)  # fmt: skip


def off(spec: TensorSpec, got: np.ndarray, want: np.ndarray) -> float:
    if spec.kind == "class" or got.shape != want.shape:
        return float(not np.array_equal(got, want))
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-6))


@pytest.mark.parametrize("row", ROWS)
def test_ours_and_skl2onnx_say_what_scikit_learn_says(row: str) -> None:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence on few rows is not the point
        original = ROWS[row]()
    model = from_object(Path("model.pkl"), original)
    (width,) = model.spec.inputs[0].shape[1:]
    x = np.abs(np.random.default_rng(5).normal(0, 1, (40, width or 0))).astype(np.float32)
    want = model.predict({"features": x})
    ours = model.function({"features": tf.constant(x)})
    assert {s.name: off(s, ours[s.name].numpy(), want[s.name]) for s in model.spec.outputs} == {
        s.name: pytest.approx(0.0, abs=ALLOWED) for s in model.spec.outputs
    }
    try:
        graph = onnx_only.convert(steps(original), width or 0, ConversionError("."))
        theirs = onnx_only.run(graph, x)
    except Exception as error:  # whatever skl2onnx and onnxruntime raise
        assert row.startswith(CANNOT), error
        return
    far = max(off(s, theirs[s.name], want[s.name]) for s in graph.outputs if s.name in want)
    assert (far > ALLOWED) == row.startswith(WRONG), far
