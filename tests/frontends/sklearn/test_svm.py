"""Probabilities of support vector classifiers are libsvm's, and their classes its votes."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.svm import SVC, NuSVC

from edge_deploy.frontends.sklearn.converters.svm_probability import coupled
from edge_deploy.web.browser import Browser
from tests.support.three_targets import close, read, same_in_three_targets

pytestmark = pytest.mark.slow
COUNTS = (2, 3, 5)
MODELS = {
    "SVC": lambda: SVC(probability=True, random_state=0),
    "SVC linear": lambda: SVC(kernel="linear", C=10, probability=True, random_state=0),
    "SVC ties": lambda: SVC(break_ties=True, probability=True, random_state=0),
    "NuSVC": lambda: NuSVC(nu=0.2, probability=True, random_state=0),
}
WORST = {
    "SVC": 2e-6,
    "SVC linear": 1e-6,
    "SVC ties": 2e-6,
    "NuSVC": 6e-6,
}  # its weights are large and of both signs


def fitted(row: str, count: int) -> Any:
    x, y = make_classification(
        50 * count, 6, n_informative=5, n_redundant=0, n_classes=count, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in 1.9, and in people's files
        return MODELS[row]().fit(x, y)


def around(model: Any, rows: int) -> np.ndarray:
    """Rows between two of different classes, halved to the boundary but for a thousandth."""
    rng = np.random.default_rng(0)
    ends = rng.normal(0, 2, (2, 4 * rows, 6))
    said = [model.predict(end) for end in ends]
    low, high = (end[said[0] != said[1]][:rows] for end in ends)
    first = model.predict(low)
    for _ in range(12):
        middle = (low + high) / 2
        same = (model.predict(middle) == first)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.concatenate([low, high]).astype(np.float32)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("row", MODELS)
def test_probabilities_are_libsvms(row: str, count: int) -> None:
    import tensorflow as tf

    original = fitted(row, count)
    model = read(original)
    assert [spec.name for spec in model.spec.outputs] == ["class", "probabilities"]
    x = np.random.default_rng(1).normal(0, 2, (20_000, 6)).astype(np.float32)
    got = {k: v.numpy() for k, v in model.function({"features": tf.constant(x)}).items()}
    exact = x.astype(np.float64)
    apart = np.abs(got["probabilities"] - original.predict_proba(exact)).max(axis=1)
    # A row that stops within rounding of libsvm's limit may take a sweep more or less.
    assert np.quantile(apart, 0.999) < WORST[row]
    assert (apart > 1e-5).sum() <= 2
    assert (got["class"] != original.predict(exact)).sum() <= 2


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("row", ["SVC", "SVC linear"])
def test_three_targets_give_the_same_around_the_boundaries(
    row: str, count: int, browser: Browser
) -> None:
    original = fitted(row, count)
    x = around(original, 100)
    shares = original.predict_proba(x.astype(np.float64))
    votes = original.predict(x.astype(np.float64))
    assert (shares.argmax(axis=1) != votes).any()  # and so the two are told apart below
    same_in_three_targets(read(original), x, browser, 5e-6, 5e-5)


@pytest.mark.parametrize("scale", [0.1, 1, 5, 20, 100])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_coupling_does_all_sweeps_of_libsvm(count: int, scale: float) -> None:
    """libsvm's own loop of svm.cpp's multiclass_probability, a row at a time, until it stops."""
    pairs = list(combinations(range(count), 2))
    z = np.random.default_rng(0).normal(0, scale, (300, len(pairs)))
    got = np.asarray(coupled(np.ones(len(pairs)), np.zeros(len(pairs)), count)(z.astype("f4")))
    want = np.array([_looped(row, pairs, count) for row in z.astype("f4").astype(float)])
    apart = np.abs(got - want).max(axis=1)
    assert (apart > 1e-6).sum() <= 1


def _looped(z: np.ndarray, pairs: list[tuple[int, int]], count: int) -> np.ndarray:
    r = np.zeros((count, count))
    for (i, j), one in zip(pairs, z, strict=True):
        r[i, j] = np.clip(1 / (1 + np.exp(one)), 1e-7, 1 - 1e-7)
        r[j, i] = 1 - r[i, j]
    q = -r.T * r
    np.fill_diagonal(q, (r**2).sum(axis=0))
    p = np.full(count, 1 / count)
    for _ in range(max(100, count)):
        gradient = q @ p
        value = p @ gradient
        if np.abs(gradient - value).max() < 0.005 / count:
            break
        for t in range(count):
            d = (value - gradient[t]) / q[t, t]
            p[t] += d
            value = (value + d * (d * q[t, t] + 2 * gradient[t])) / (1 + d) ** 2
            gradient = (gradient + d * q[t]) / (1 + d)
            p /= 1 + d
    return p


def test_holders_of_a_classifier_use_its_probabilities() -> None:
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression

    x, y = make_classification(120, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
    members = [("a", LogisticRegression()), ("b", MODELS["SVC"]())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = VotingClassifier(members, voting="soft").fit(x, y)
    model = read(original)
    rows = x.astype(np.float32)
    got = {k: v.numpy() for k, v in model.function({"features": rows}).items()}
    close(model, got, model.predict({"features": rows}), 1e-5)
