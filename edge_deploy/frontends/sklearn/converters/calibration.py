"""Probabilities that were fitted to what another classifier says."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.linear_model import isotonic, winner
from edge_deploy.frontends.sklearn.converters.meta_estimators import mean_of, response
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Predict,
    Transform,
    predictor,
    real,
)


@predictor("CalibratedClassifierCV")
def calibrated(model: Any, before: Affine) -> Predict:
    """sklearn.calibration._CalibratedClassifier.predict_proba, and the mean of those there are."""
    members = [_member(one, before) for one in model.calibrated_classifiers_]

    def predict(x: Any) -> dict[str, Any]:
        shares = mean_of([member(x) for member in members], None)
        return {"class": winner(shares), "probabilities": shares}

    return predict


def _member(model: Any, before: Affine) -> Transform:
    respond = response(model.estimator, before)
    if model.method == "temperature":
        return _by_temperature(model, respond)
    if model.method not in ("isotonic", "sigmoid"):
        raise ConversionError(
            f"CalibratedClassifierCV with method={model.method!r} cannot be converted. Those that "
            "can: 'sigmoid', 'isotonic', 'temperature'."
        )
    calibrate = (_by_sigmoid if model.method == "sigmoid" else _by_steps)(model.calibrators)

    def shares(x: Any) -> Any:
        p = calibrate(respond(x))
        if p.shape[1] == 1:
            return tf.concat([1.0 - p, p], axis=1)
        total = tf.reduce_sum(p, axis=1, keepdims=True)
        some = total > 0.0  # else all have the same share
        p = tf.where(some, p, tf.ones_like(p))
        return p / tf.where(some, total, tf.ones_like(total) * real()(p.shape[1]))

    return shares


def _by_sigmoid(calibrators: Any) -> Transform:
    """sklearn.calibration._SigmoidCalibration.predict: 1 / (1 + exp(a_ * x + b_))."""
    slopes = np.array([[-one.a_ for one in calibrators]], real())
    starts = np.array([[-one.b_ for one in calibrators]], real())
    return lambda d: tf.sigmoid(d * slopes + starts)


def _by_steps(calibrators: Any) -> Transform:
    """sklearn.isotonic.IsotonicRegression.predict, one a column."""
    lines = [isotonic(one, IDENTITY) for one in calibrators]
    return lambda d: tf.concat(
        [line(d[:, n : n + 1])["value"] for n, line in enumerate(lines)], axis=1
    )


def _by_temperature(model: Any, respond: Transform) -> Transform:
    """sklearn.calibration._TemperatureScaling.predict: the softmax of beta_ * logits.

    The logits are decisions (of two classes: of both signs), or the logarithms of probabilities.
    """
    beta = real()(np.ravel(model.calibrators[0].beta_)[0])
    decided = hasattr(model.estimator, "decision_function")

    def shares(x: Any) -> Any:
        d = respond(x)
        if d.shape[1] == 1:
            d = tf.concat([-d if decided else 1.0 - d, d], axis=1)
        logits = d if decided else tf.math.log(d + real()(1e-12))
        return tf.nn.softmax(logits * beta)

    return shares
