"""Classifiers that compare how likely a row is in each class: log likelihoods and a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.linear_model import (
    by_decision,
    decision,
    of_two,
    product,
    winner,
)
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Predict,
    Transform,
    apply,
    chain,
    predictor,
    real,
)
from edge_deploy.frontends.sklearn.converters.tree_traversal import foldable, limits


def shifted(before: Affine, centre: Array) -> Transform:
    """The scaled input less something near it, so that what is left is small and exact."""
    return apply(chain(before, Affine(np.asarray(centre, np.float64))))


def _most_likely(scores: Any) -> dict[str, Any]:
    return {"class": winner(scores), "probabilities": tf.nn.softmax(scores)}


@predictor("GaussianNB")
def gaussian(model: Any, before: Affine) -> Predict:
    """sklearn.naive_bayes.GaussianNB._joint_log_likelihood."""
    theta = np.asarray(model.theta_, np.float64)
    # Before scikit-learn 1.0 the variances were called sigma_.
    variance = np.asarray(model.var_ if hasattr(model, "var_") else model.sigma_, np.float64)
    middle = theta.mean(axis=0)
    near = shifted(before, middle)
    width = (1 / np.sqrt(2 * variance)).astype(real())
    away = (theta - middle).astype(real())
    logs = np.log(model.class_prior_) - 0.5 * np.log(2 * np.pi * variance).sum(axis=1)
    start = logs.astype(real())

    def predict(x: Any) -> dict[str, Any]:
        z = (near(x)[:, tf.newaxis, :] - away) * width
        return _most_likely(start - tf.reduce_sum(z * z, axis=2))

    return predict


def _likeliest(weights: Array, start: Array, before: Affine) -> Predict:
    """Classes by ``x @ weights.T + start``; what all classes have in common is left out."""
    likelihood = product(weights - weights.mean(axis=0), start - start.mean(), before)
    return lambda x: _most_likely(likelihood(x))


@predictor("MultinomialNB")
def multinomial(model: Any, before: Affine) -> Predict:
    """sklearn.naive_bayes.MultinomialNB._joint_log_likelihood: counts times log shares."""
    return _likeliest(
        np.asarray(model.feature_log_prob_), np.asarray(model.class_log_prior_), before
    )


@predictor("ComplementNB")
def complement(model: Any, before: Affine) -> Predict:
    """sklearn.naive_bayes.ComplementNB._joint_log_likelihood: as above, without the priors."""
    weights = np.asarray(model.feature_log_prob_)
    return _likeliest(weights, np.zeros(len(weights)), before)


@predictor("BernoulliNB")
def bernoulli(model: Any, before: Affine) -> Predict:
    """sklearn.naive_bayes.BernoulliNB._joint_log_likelihood of columns made 0 or 1."""
    yes = np.asarray(model.feature_log_prob_, np.float64)
    no = np.log1p(-np.exp(yes))
    start = np.asarray(model.class_log_prior_) + no.sum(axis=1)
    if model.binarize is None:
        return _likeliest(yes - no, start, before)
    above = over(np.full(yes.shape[1], float(model.binarize)), before)
    likely = _likeliest(yes - no, start, IDENTITY)
    return lambda x: likely(above(x))


@predictor("CategoricalNB")
def categorical(model: Any, before: Affine) -> Predict:
    """sklearn.naive_bayes.CategoricalNB._joint_log_likelihood: the log share of each category."""
    tables = [np.asarray(logs, np.float64).T for logs in model.feature_log_prob_]
    start = np.asarray(model.class_log_prior_)
    sizes, scaled = [len(table) for table in tables], apply(before)
    likely = _likeliest(np.concatenate(tables).T, start, IDENTITY)
    column = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    code = np.concatenate([np.arange(size) for size in sizes]).astype(real())

    def predict(x: Any) -> Any:
        # Not one_hot: TF.js' wasm gives other rows' categories.
        said = tf.gather(tf.floor(scaled(x)), column, axis=1)
        return likely(tf.cast(tf.equal(said, code), real()))

    return predict


def over(threshold: Array, before: Affine) -> Transform:
    """1 where a column is above its threshold, with scaling before it folded in."""
    columns, folded = len(threshold), foldable(before)
    last = limits(
        np.asarray(threshold, np.float64),
        np.arange(columns),
        columns,
        before if folded else IDENTITY,
        single=False,
    ).astype(real())
    scaled = apply(IDENTITY if folded else before)
    return lambda x: tf.cast(scaled(x) > last, real())


@predictor("LinearDiscriminantAnalysis")
def linear_discriminant(model: Any, before: Affine) -> Predict:
    """sklearn.discriminant_analysis.LinearDiscriminantAnalysis.predict_proba."""
    shares = tf.nn.softmax if len(model.classes_) > 2 else of_two
    return by_decision(decision(model, before), shares)


@predictor("QuadraticDiscriminantAnalysis")
def quadratic_discriminant(model: Any, before: Affine) -> Predict:
    """sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis._decision_function."""
    means = np.asarray(model.means_, np.float64)
    middle = means.mean(axis=0)
    near = shifted(before, middle)
    if not all(np.all(np.asarray(spread) > 0) for spread in model.scalings_):
        raise ConversionError(
            "QuadraticDiscriminantAnalysis was fitted on columns that depend on each other in one "
            "class (a variance of 0). Fit it with reg_param, or with fewer columns."
        )
    turned = [
        np.asarray(r) * np.asarray(s) ** -0.5
        for r, s in zip(model.rotations_, model.scalings_, strict=True)
    ]
    logs = [np.sum(np.log(spread)) for spread in model.scalings_]
    start = np.log(model.priors_) - 0.5 * np.asarray(logs)

    def predict(x: Any) -> dict[str, Any]:
        z = near(x)
        scores = []
        for mean, turn, first in zip(means, turned, start, strict=True):
            part = tf.matmul(z - (mean - middle).astype(real()), turn.astype(real()))
            scores.append(real()(first) - 0.5 * tf.reduce_sum(part * part, axis=1))
        return _most_likely(tf.stack(scores, axis=1))

    return predict
