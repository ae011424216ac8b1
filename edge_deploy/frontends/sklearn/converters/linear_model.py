"""Linear models: a matrix product and what each makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
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
from edge_deploy.frontends.sklearn.converters.several_answers import several_marks


def decision(model: Any, before: Affine) -> Transform:
    """sklearn.linear_model._base.LinearModel._decision_function: x @ coef_.T + intercept_."""
    coef = np.atleast_2d(dense(model.coef_))
    bias = np.broadcast_to(np.ravel(model.intercept_), len(coef)).astype(np.float64)
    return product(coef, bias, before)


def product(coef: Array, bias: Array, before: Affine) -> Transform:
    """``x @ coef.T + bias`` for (outputs, columns) coefficients.

    Scaling before it is folded in: ((x - c) * g + o) @ W + b = (x - c) @ (g * W) + (o @ W + b).
    """
    if before.turn is not None:
        folded = coef * before.gain
        centre = np.broadcast_to(before.centre, coef.shape[1])
        bias = bias + coef @ np.broadcast_to(before.offset, coef.shape[1]) - folded @ centre
        return product(folded @ before.turn.T, bias, Affine())
    columns = coef.shape[1]
    gain = np.broadcast_to(before.gain, columns)
    offset = np.broadcast_to(before.offset, columns)
    centre = np.broadcast_to(before.centre, columns).astype(np.float64)
    near = centre.astype(real())
    folded = coef * gain
    # What rounding the centre to float32 lost goes into the bias.
    bias = bias + coef @ offset + folded @ (near.astype(np.float64) - centre)
    weights = tf.constant(folded.T, real())
    constant = tf.constant(bias, real())
    if not near.any():
        return lambda x: tf.matmul(x, weights) + constant
    return lambda x: tf.matmul(x - near, weights) + constant


def dense(values: Any) -> Array:
    """Numbers that may be sparse as an array; those are checked, since files may be forged."""
    if hasattr(values, "toarray"):
        values.check_format(full_check=True)
        values = values.toarray()
    return np.asarray(values, np.float64)


@predictor(
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars",
    "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression",
    "LinearSVR", "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso",
    "MultiTaskLassoCV", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor", "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor",
    "TheilSenRegressor",
)  # fmt: skip
def regressor(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model._base.LinearModel.predict: the decision is the value."""
    value = decision(model, before)
    return lambda x: {"value": value(x)}


@predictor("PoissonRegressor", "GammaRegressor")
def log_link(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model._glm.glm._GeneralizedLinearRegressor.predict with the log link: exp."""
    value = decision(model, before)
    return lambda x: {"value": tf.exp(value(x))}


@predictor("TweedieRegressor")
def tweedie(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model.TweedieRegressor: its ``auto`` link is identity for power <= 0."""
    identity = model.link == "identity" or (model.link == "auto" and model.power <= 0)
    return (regressor if identity else log_link)(model, before)


def logistic_form(model: Any) -> str:
    """How a LogisticRegression makes probabilities of its decision: one word.

    Up to scikit-learn 1.7 ``multi_class`` said it, and what a file of that time says still
    holds: its coefficients were fitted for it. Today's predict_proba knows ``sigmoid`` for two
    classes and ``softmax`` for more.

    Returns:
        ``sigmoid``, ``softmax``, ``two-sided`` (two classes fitted as multinomial: the softmax
        of both signs of the decision) or ``one-vs-rest``.
    """
    kind = getattr(model, "multi_class", "auto")
    if len(model.classes_) == 2:
        return "two-sided" if kind == "multinomial" else "sigmoid"
    separate = kind in ("ovr", "warn") or getattr(model, "solver", "") == "liblinear"
    return "one-vs-rest" if separate else "softmax"


@predictor("LogisticRegression", "LogisticRegressionCV")
def logistic(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model.LogisticRegression.predict_proba, and that of before 1.8."""

    def two_sided(d: Any) -> Any:
        return tf.concat([tf.sigmoid(-2.0 * d), tf.sigmoid(2.0 * d)], axis=1)

    forms = {"sigmoid": of_two, "two-sided": two_sided, "softmax": tf.nn.softmax,
             "one-vs-rest": _one_vs_rest}  # fmt: skip
    return by_decision(decision(model, before), forms[logistic_form(model)])


@predictor("SGDClassifier")
def sgd(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model.SGDClassifier.predict_proba, for log_loss and modified_huber only.

    modified_huber: (clip(decision, -1, 1) + 1) / 2 a class, divided by their sum where there
    are more than two; where all are 0, every class has the same share.
    """
    if model.loss not in ("log", "log_loss", "modified_huber"):
        return scored(model, before)
    huber = model.loss == "modified_huber"
    if len(model.classes_) == 2:
        shares = (lambda d: of_two(d, _huber_share)) if huber else of_two
    else:
        shares = _huber_shares if huber else _one_vs_rest
    return by_decision(decision(model, before), shares)


def by_decision(decide: Transform, shares: Transform) -> Predict:
    """A classifier whose probabilities are a function of its decision."""

    def predict(x: Any) -> dict[str, Any]:
        d = decide(x)
        p = shares(d)
        return {"class": winner(d), "probabilities": p, DECISION: d}

    return predict


def of_two(d: Any, share: Transform | None = None) -> Any:
    """The shares of two classes by the decision between them; without a function, logistic."""
    share = share or tf.sigmoid
    return tf.concat([share(-d), share(d)], axis=1)


def _huber_share(d: Any) -> Any:
    return (tf.clip_by_value(d, -1.0, 1.0) + 1.0) / 2.0


def _huber_shares(d: Any) -> Any:
    shares = _huber_share(d)
    some = tf.reduce_max(shares, axis=1, keepdims=True) > 0.0
    shares = tf.where(some, shares, tf.ones_like(shares))
    return shares / tf.reduce_sum(shares, axis=1, keepdims=True)


def _one_vs_rest(d: Any) -> Any:
    """LinearClassifierMixin._predict_proba_lr: logistic functions divided by their sum.

    As the softmax of their logarithms, since unscaled columns give decisions of -200, whose
    logistic function is 0 in float32. Below -709.78, where e^-d is past float64, SciPy's is 0 too,
    and where that is so of every class, scikit-learn gives all the same share.
    """
    logs = tf.minimum(d, 0.0) - tf.math.log(1.0 + tf.exp(-tf.abs(d)))
    some = tf.reduce_max(d, axis=1, keepdims=True) > -np.log(np.finfo(np.float64).max)
    return tf.nn.softmax(tf.where(some, logs, tf.zeros_like(logs)))


@predictor(
    "LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier",
    "RidgeClassifierCV",
)  # fmt: skip
def scored(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model._base.LinearClassifierMixin: the class, and decision_function."""
    kind = getattr(getattr(model, "_label_binarizer", None), "y_type_", "")
    scores = decision(model, before)
    if kind.startswith("multilabel"):
        return several_marks(scores, 0.0, None)

    def predict(x: Any) -> dict[str, Any]:
        d = scores(x)
        return {"class": winner(d), "scores": d}

    return predict


def winner(scores: Any) -> Any:
    """LinearClassifierMixin.predict: the sign of a single column, else the largest column."""
    if scores.shape[1] == 1:
        return tf.cast(scores[:, 0] > 0.0, tf.int32)
    return tf.argmax(scores, axis=1, output_type=tf.int32)


@predictor("IsotonicRegression")
def isotonic(model: Any, before: Affine) -> Predict:
    """sklearn.isotonic.IsotonicRegression.predict: straight lines between X_thresholds_."""
    if model.out_of_bounds not in ("nan", "clip"):
        raise ConversionError(
            "IsotonicRegression with out_of_bounds='raise' cannot be converted: a file raises no "
            "errors. Fit it with 'clip'."
        )
    ends = np.asarray(model.X_thresholds_, np.float64)
    values = np.asarray(model.y_thresholds_, np.float64)
    widths = np.diff(ends)
    slopes = (np.diff(values) / np.where(widths > 0, widths, 1.0)).astype(real())
    if before is not IDENTITY:  # columns far from zero are counted from the first end
        before, ends = chain(before, Affine(ends[:1])), ends - ends[0]
    near, limits = apply(before), widths.astype(real())
    starts = ends[:-1].astype(real())
    # What rounding the ends to float32 lost: some are so close that it would tell.
    rest = (ends[:-1] - starts).astype(real())

    def predict(x: Any) -> dict[str, Any]:
        z = near(x[:, :1])
        parts = tf.clip_by_value((z - starts) - rest, real()(0), limits) * slopes
        value = tf.reduce_sum(parts, axis=1, keepdims=True) + real()(values[0])
        if model.out_of_bounds == "nan":
            inside = tf.logical_and(z >= real()(ends[0]), z <= real()(ends[-1]))
            value = value + tf.zeros_like(value) / tf.cast(inside, real())  # 0 / 0 outside
        return {"value": value}

    return predict
