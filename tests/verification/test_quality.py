"""How good the original is: figures against SciPy's and those counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference
from edge_deploy.verification.quality import MOST_POINTS, cells, quality, wilson_interval


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (10, 10), (95, 100), (1, 3), (900, 1000)])
def test_interval_of_a_share_is_scipys(hits: int, total: int) -> None:
    from scipy.stats import binomtest

    wanted = binomtest(hits, total).proportion_ci(method="wilson")
    assert wilson_interval(hits, total) == pytest.approx((wanted.low, wanted.high), abs=1e-7)


def asked(kind: str, values: Array, labels: Array | None, origin: str = "user") -> tuple:
    spec = ModelSpec(
        inputs=(TensorSpec("x", (None, 1), "float32"),),
        outputs=(TensorSpec("y", (None, values.shape[1]), "float32", kind),),
    )
    x = np.zeros((len(values), 1), np.float32)
    return spec, Reference({"x": x}, {"y": values}, origin, labels)


SHARES = np.array([[0.95, 0.05], [0.65, 0.35], [0.35, 0.65], [0.08, 0.92]], np.float32)


def test_classifier() -> None:
    spec, data = asked("probabilities", SHARES, np.array([0, 1, 1, 1]))
    found = quality(spec, data)
    assert (found["output"], found["samples"]) == ("y", 4)
    assert found["accuracy"] == pytest.approx({"value": 0.75, "low": 0.300642, "high": 0.954413})
    assert found["classes"] == [[1, 1, 2], [3, 2, 2]]
    sure, unsure = found["calibration"]["bins"][::-1]
    assert sure == {"confidence": pytest.approx(0.935), "accuracy": 1.0, "samples": 2}
    assert unsure == {"confidence": pytest.approx(0.65), "accuracy": 0.5, "samples": 2}
    assert found["calibration"]["error"] == pytest.approx((2 * 0.065 + 2 * 0.15) / 4, abs=1e-6)
    assert cells(spec, data, range(0, 4, 2)) == [[0, 0], [1, 1]]


def test_one_sigmoid_is_as_sure_of_no_as_of_yes() -> None:
    spec, data = asked("probability", SHARES[:, 1:], np.array([0, 1, 1, 1]))
    two, same = asked("probabilities", SHARES, np.array([0, 1, 1, 1]))
    assert quality(spec, data) == quality(two, same)


def test_scores_have_no_calibration() -> None:
    spec, data = asked("tensor", np.log(SHARES), np.array([0, 0, 1, 1]))
    found = quality(spec, data)
    assert (found["accuracy"]["value"], found["calibration"]) == (1.0, None)


def test_regression() -> None:
    true = np.linspace(0, 100, 1001)
    off = np.where(np.arange(1001) % 10 == 0, 10.0, -1.0)
    spec, data = asked("value", (true + off)[:, None].astype(np.float32), true)
    found = quality(spec, data)
    assert len(found["points"]) == MOST_POINTS
    assert found["points"][0] == [0.0, 10.0] and found["points"][-1] == [100.0, 110.0]
    assert found["errors"] == pytest.approx([1.0, 10.0, 10.0], abs=1e-4)
    edges, counts = found["residuals"]["edges"], found["residuals"]["counts"]
    assert (edges[0], edges[-1], sum(counts)) == (pytest.approx(-10), pytest.approx(10), 1001)
    assert cells(spec, data, range(3)) == []


def test_answers_that_are_no_numbers_are_left_out() -> None:
    values = np.array([[1.0], [np.nan], [np.inf], [4.0]], np.float32)
    spec, data = asked("value", values, np.array([1.0, 2.0, 3.0, 5.0]))
    found = quality(spec, data)
    assert found["points"] == [[1.0, 1.0], [5.0, 4.0]]
    assert found["errors"][-1] == 1.0


NOTHING = {
    "no labels": asked("probabilities", SHARES, None),
    "made-up samples": asked("probabilities", SHARES, np.array([0, 1, 1, 1]), "synthetic"),
    "labels of other classes": asked("probabilities", SHARES, np.array([0, 1, 1, 7])),
    "values that do not vary": asked("value", SHARES[:, :1], np.ones(4)),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_to_tell(case: str) -> None:
    assert quality(*NOTHING[case]) is None
