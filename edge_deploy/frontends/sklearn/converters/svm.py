"""Models that compare a row with rows of their training by a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.linear_model import dense, product, winner
from edge_deploy.frontends.sklearn.converters.naive_bayes import shifted
from edge_deploy.frontends.sklearn.converters.registry import (
    DECISION,
    IDENTITY,
    Affine,
    Predict,
    Transform,
    apply,
    chain,
    predictor,
    real,
)
from edge_deploy.frontends.sklearn.converters.svm_probability import coupled

# Distances to at most so many numbers are made by subtraction, half a megabyte a sample.
_SUBTRACTED = 1 << 17
# A polynomial kernel is multiplied out where that makes at most so many numbers.
_COEFFICIENTS = 1 << 16


def distances(rows: Array, before: Affine = IDENTITY) -> Transform:
    """Squared Euclidean distances of the input to some rows: (samples, rows).

    Multiplied out around the rows' mean, as scikit-learn does, so that nothing of the size
    samples x rows x columns is made; few rows are subtracted one by one, which is more exact.
    """
    import tensorflow as tf

    rows = np.asarray(rows, np.float64)
    middle = rows.mean(axis=0)
    near = shifted(before, middle)
    away = (rows - middle).astype(real())
    if away.size <= _SUBTRACTED:
        constant = tf.constant(away[np.newaxis])

        def subtracted(x: Any) -> Any:
            apart = near(x)[:, tf.newaxis, :] - constant
            return tf.reduce_sum(apart * apart, axis=2)

        return subtracted
    weights = tf.constant(away.T)
    sizes = tf.constant((away.astype(np.float64) ** 2).sum(axis=1), real())

    def squared(x: Any) -> Any:
        z = near(x)
        size = tf.reduce_sum(z * z, axis=1, keepdims=True)
        return tf.maximum(size - 2.0 * tf.matmul(z, weights) + sizes, 0.0)

    return squared


@dataclass(frozen=True)
class Kernel:
    """A kernel and its parameters, as scikit-learn's estimators hold them."""

    name: Any
    gamma: float
    coef0: float
    degree: float


def kernel(of: Kernel, rows: Array, before: Affine) -> Transform:
    """sklearn.metrics.pairwise kernels of the input and some rows: (samples, rows)."""
    import tensorflow as tf

    name, gamma, coef0, degree = of.name, of.gamma, of.coef0, of.degree
    if name == "rbf":
        apart = distances(rows, before)
        return lambda x: tf.exp(-gamma * apart(x))
    if name not in ("poly", "polynomial", "sigmoid"):
        shown = name if isinstance(name, str) else getattr(name, "__name__", type(name).__name__)
        raise ConversionError(
            f"The kernel {shown} cannot be converted. Those that can: cosine, linear, poly, "
            "rbf, sigmoid."
        )
    scaled, weights = apply(before), tf.constant(np.asarray(rows, real()).T)

    def dot(x: Any) -> Any:
        return tf.matmul(scaled(x), weights)

    if name == "sigmoid":
        return lambda x: tf.tanh(gamma * dot(x) + coef0)
    if degree != int(degree):
        return lambda x: tf.pow(gamma * dot(x) + coef0, degree)

    def power(x: Any) -> Any:
        base = gamma * dot(x) + coef0
        result = base
        for _ in range(int(degree) - 1):
            result = result * base
        return result if degree else tf.ones_like(base)

    return power


def _size(x: Any) -> Any:
    """The length of each row, or 1 for a row of zeros."""
    import tensorflow as tf

    size = tf.sqrt(tf.reduce_sum(x * x, axis=1, keepdims=True))
    return tf.where(size > 0.0, size, tf.ones_like(size))


def _of_length_1(rows: Array) -> Array:
    size = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(size == 0.0, 1.0, size))


def expansion(of: Kernel, rows: Array, weights: Array, bias: Array, before: Affine) -> Transform:
    """``kernel(x, rows) @ weights + bias``."""
    if of.name == "linear":  # weights of both signs nearly cancel: add up in float64
        middle = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
        return product(weights.T @ rows, bias, chain(before, Affine(middle, offset=middle)))
    if of.name == "cosine":
        start = np.asarray(bias, real())
        scaled, turn = apply(before), product(weights.T @ _of_length_1(rows), bias * 0.0, IDENTITY)
        return lambda x: turn(scaled(x)) / _size(scaled(x)) + start
    width = rows.shape[1] ** max(int(of.degree), 1) * weights.shape[1]
    if of.name in ("poly", "polynomial") and of.degree in (1, 2, 3) and width <= _COEFFICIENTS:
        return polynomial(of, rows, weights, bias, before)
    return weighted(kernel(of, rows, before), weights, bias)


def polynomial(of: Kernel, rows: Array, weights: Array, bias: Array, before: Affine) -> Transform:
    """``(gamma x @ rows.T + coef0) ** degree @ weights + bias``, multiplied out in float64.

    The powers of unscaled columns are so large that the weighted sum of them keeps no digit of
    float32; as a polynomial of the distance z from the rows' mean it has small coefficients:
    ``t0 + z (t1 + z (t2 + z t3))``.
    """
    import tensorflow as tf

    degree, (count, columns) = int(of.degree), rows.shape
    middle = rows.mean(axis=0)
    near = shifted(before, middle)
    at_middle = of.gamma * rows @ middle + of.coef0
    terms, power = [], np.ones((count, 1))
    for k in range(degree + 1):
        share = comb(degree, k) * of.gamma**k * at_middle ** (degree - k)
        terms.append(power.T @ (weights * share[:, np.newaxis]))
        power = (power[:, :, np.newaxis] * rows[:, np.newaxis, :]).reshape(count, -1)
    terms[0] = terms[0] + bias
    numbers = [tf.constant(term.reshape(1, -1), real()) for term in terms]
    outer = tf.constant(terms[-1].reshape(columns, -1), real())

    def value(x: Any) -> Any:
        z = near(x)
        found = tf.matmul(z, outer)
        for k in range(degree - 1, 0, -1):
            inner = tf.reshape(found + numbers[k], [-1, columns, int(found.shape[1]) // columns])
            found = tf.reduce_sum(z[:, :, tf.newaxis] * inner, axis=1)
        return found + numbers[0]

    return value


def support(model: Any, weights: Array, before: Affine) -> Transform:
    """The decisions of an SVM: its kernel with the support vectors, ``@ weights + intercept_``."""
    gamma = float(getattr(model, "_gamma", 0.0))
    of = Kernel(model.kernel, gamma, float(model.coef0), float(model.degree))
    rows = dense(model.support_vectors_)
    return expansion(of, rows, weights, np.ravel(model.intercept_), before)


def weighted(similar: Transform, weights: Array, bias: Array) -> Transform:
    """``similar(x) @ weights + bias``."""
    import tensorflow as tf

    matrix, start = tf.constant(weights, real()), tf.constant(bias, real())
    return lambda x: tf.matmul(similar(x), matrix) + start


@predictor("SVR", "NuSVR")
def support_regressor(model: Any, before: Affine) -> Predict:
    """sklearn.svm._base.BaseLibSVM._dense_predict for regression."""
    value = support(model, dense(model.dual_coef_).T, before)
    return lambda x: {"value": value(x)}


@predictor("SVC", "NuSVC")
def support_classifier(model: Any, before: Affine) -> Predict:
    """sklearn.svm._base.BaseSVC: each pair of classes decides, and the most votes win.

    The probabilities of probability=True are of sigmoids that were fitted apart: the likeliest
    class need not be the one with the most votes, in scikit-learn as here.
    """
    dual, count = dense(model.dual_coef_), len(model.classes_)
    shares = _shares(model, count)
    if count == 2:
        single = support(model, dual.T, before)

        def alone(x: Any) -> dict[str, Any]:
            import tensorflow as tf

            d = single(x)
            # scikit-learn turns libsvm's sign for two classes, and of 0 libsvm makes the second.
            return _scored(tf.cast(d[:, 0] >= 0.0, tf.int32), d, shares and shares(-d))

        return alone
    ends = np.cumsum([0, *np.asarray(model._n_support if hasattr(model, "_n_support")
                                     else model.n_support_)])  # fmt: skip
    pairs = list(combinations(range(count), 2))
    weights = np.zeros((dual.shape[1], len(pairs)))
    for n, (one, other) in enumerate(pairs):
        weights[ends[one] : ends[one + 1], n] = dual[other - 1, ends[one] : ends[one + 1]]
        weights[ends[other] : ends[other + 1], n] = dual[one, ends[other] : ends[other + 1]]
    decisions = support(model, weights, before)
    by_pair = model.decision_function_shape == "ovo"

    def predict(x: Any) -> dict[str, Any]:
        d = decisions(x)
        votes, scores = counted(-d, count, ties_to_first=False)
        found = winner(scores if getattr(model, "break_ties", False) else votes)
        return _scored(found, d if by_pair else scores, shares and shares(d))

    return predict


def _shares(model: Any, count: int) -> Transform | None:
    """What makes probabilities of libsvm's decisions, if it was fitted."""
    slopes, starts = (np.ravel(getattr(model, name, ())) for name in ("_probA", "_probB"))
    return coupled(slopes, starts, count) if len(slopes) else None


def _scored(found: Any, scores: Any, shares: Any) -> dict[str, Any]:
    if shares is None:
        return {"class": found, "scores": scores}
    return {"class": found, "probabilities": shares, DECISION: scores}


def counted(confidence: Any, count: int, ties_to_first: bool = True) -> tuple[Any, Any]:
    """sklearn.utils.multiclass._ovr_decision_function: votes, and scores that break their ties.

    Args:
        confidence: (samples, pairs), positive for the second class of the pair.
        count: How many classes.
        ties_to_first: Whether a confidence of 0 votes for the first of the pair.
    """
    import tensorflow as tf

    pairs = list(combinations(range(count), 2))
    sign = np.zeros((len(pairs), count), real())
    for n, (one, other) in enumerate(pairs):
        sign[n, one], sign[n, other] = -1.0, 1.0
    second = tf.cast(confidence > 0.0 if ties_to_first else confidence >= 0.0, real())
    votes = tf.matmul(second, np.maximum(sign, 0)) + tf.matmul(1.0 - second, np.maximum(-sign, 0))
    total = tf.matmul(confidence, sign)
    return votes, votes + total / (3.0 * (tf.abs(total) + 1.0))


@predictor("KernelRidge")
def kernel_ridge(model: Any, before: Affine) -> Predict:
    """sklearn.kernel_ridge.KernelRidge.predict: kernel(x, X_fit_) @ dual_coef_."""
    rows = dense(model.X_fit_)
    gamma = 1.0 / rows.shape[1] if model.gamma is None else float(model.gamma)
    of = Kernel(model.kernel, gamma, float(model.coef0), float(model.degree))
    dual = np.asarray(model.dual_coef_, np.float64).reshape(len(rows), -1)
    value = expansion(of, rows, dual, np.zeros(dual.shape[1]), before)
    return lambda x: {"value": value(x)}
