"""Linear models: a matrix product and what each makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np


def _decision(model: Any) -> Any:
    """x @ coef_.T + intercept_, as (samples, outputs)."""
    import tensorflow as tf

    coef = np.atleast_2d(np.asarray(model.coef_, np.float64))
    weights = tf.constant(coef.T, tf.float32)
    bias = tf.constant(np.broadcast_to(np.ravel(model.intercept_), len(coef)), tf.float32)
    return lambda x: tf.matmul(x, weights) + bias


def _regressor(model: Any) -> Any:
    """Every linear regressor: its decision is its value."""
    decision = _decision(model)
    return lambda x: {"value": decision(x)}


def _logistic(model: Any) -> Any:
    """sklearn.linear_model.LogisticRegression.predict_proba.

    Two classes: the logistic function of the decision (``multi_class="multinomial"`` of before
    1.7: the softmax of both signs). More: the softmax, or one-vs-rest logistic functions
    divided by their sum where the model was fitted so (``multi_class="ovr"``, liblinear).
    """
    import tensorflow as tf

    decision = _decision(model)
    two = len(model.classes_) == 2
    kind = getattr(model, "multi_class", "auto")
    ovr = kind in ("ovr", "warn") or (
        kind in ("auto", "deprecated") and getattr(model, "solver", "") == "liblinear"
    )

    def predict(x: Any) -> dict[str, Any]:
        d = decision(x)
        if two and kind == "multinomial":
            shares = tf.nn.softmax(tf.concat([-d, d], axis=1))
        elif two:
            shares = tf.concat([tf.sigmoid(-d), tf.sigmoid(d)], axis=1)
        else:
            shares = _normalized(tf.sigmoid(d)) if ovr else tf.nn.softmax(d)
        return {"class": _winner(d), "probabilities": shares}

    return predict


def _sgd(model: Any) -> Any:
    """sklearn.linear_model.SGDClassifier: probabilities for log_loss and modified_huber only."""
    import tensorflow as tf

    decision = _decision(model)
    two = len(model.classes_) == 2
    if model.loss not in ("log", "log_loss", "modified_huber"):
        return _scores(model)

    def share(d: Any) -> Any:
        if model.loss == "modified_huber":
            return (tf.clip_by_value(d, -1.0, 1.0) + 1.0) / 2.0
        return tf.sigmoid(d)

    def predict(x: Any) -> dict[str, Any]:
        d = decision(x)
        if two:
            shares = tf.concat([share(-d), share(d)], axis=1)
        else:
            # modified_huber may give every class 0; scikit-learn then gives all the same share.
            shares = share(d)
            total = tf.reduce_sum(shares, axis=1, keepdims=True)
            shares = _normalized(tf.where(total > 0.0, shares, tf.ones_like(shares)))
        return {"class": _winner(d), "probabilities": shares}

    return predict


def _scores(model: Any) -> Any:
    """Classifiers without probabilities: the class, and decision_function as ``scores``."""
    decision = _decision(model)

    def predict(x: Any) -> dict[str, Any]:
        d = decision(x)
        return {"class": _winner(d), "scores": d}

    return predict


def _normalized(shares: Any) -> Any:
    import tensorflow as tf

    return shares / tf.reduce_sum(shares, axis=1, keepdims=True)


def _winner(decision: Any) -> Any:
    """The class index: the sign of a single column, else the largest column."""
    import tensorflow as tf

    if decision.shape[1] == 1:
        return tf.cast(decision[:, 0] > 0.0, tf.int32)
    return tf.argmax(decision, axis=1, output_type=tf.int32)


PREDICTORS = {
    **dict.fromkeys(
        (
            "ARDRegression",
            "BayesianRidge",
            "ElasticNet",
            "ElasticNetCV",
            "HuberRegressor",
            "Lars",
            "LarsCV",
            "Lasso",
            "LassoCV",
            "LassoLars",
            "LassoLarsCV",
            "LassoLarsIC",
            "LinearRegression",
            "LinearSVR",
            "MultiTaskElasticNet",
            "MultiTaskLasso",
            "OrthogonalMatchingPursuit",
            "PassiveAggressiveRegressor",
            "QuantileRegressor",
            "Ridge",
            "RidgeCV",
            "SGDRegressor",
            "TheilSenRegressor",
        ),
        _regressor,
    ),
    "LogisticRegression": _logistic,
    "LogisticRegressionCV": _logistic,
    "SGDClassifier": _sgd,
    **dict.fromkeys(
        (
            "LinearSVC",
            "PassiveAggressiveClassifier",
            "Perceptron",
            "RidgeClassifier",
            "RidgeClassifierCV",
        ),
        _scores,
    ),
}
