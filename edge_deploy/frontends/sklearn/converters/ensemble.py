"""Ensembles of trees that are weighed, drawn, or that vote; and what answers without looking."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.categorical_splits import picked
from edge_deploy.frontends.sklearn.converters.linear_model import (
    by_decision,
    decision,
    of_two,
    winner,
)
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Predict,
    Transform,
    apply,
    chain,
    lower,
    predictor,
    real,
    transformer,
)
from edge_deploy.frontends.sklearn.converters.tree import added, mean_shares, shares, tree_of
from edge_deploy.frontends.sklearn.converters.tree_traversal import foldable, leaves


def _trees_only(model: Any) -> list[Any]:
    members = list(model.estimators_)
    for one in members:
        if not hasattr(one, "tree_"):
            raise ConversionError(
                f"{type(model).__name__} of {type(one).__name__} cannot be converted yet; of "
                "decision trees it can."
            )
    return members


def _in_classes(model: Any, fitted: Any) -> Any:
    """Leaves' shares in the order of all classes: a tree may have seen only some of them."""
    own = shares(fitted, fitted.tree_)
    known = [int(label) for label in fitted.classes_] if own.shape[1] < len(model.classes_) else []
    if not known:
        return own
    spread = np.zeros((len(own), len(model.classes_)))
    spread[:, known] = own
    return spread


@predictor("BaggingClassifier", folds_fills=True)
def bagging(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.BaggingClassifier.predict_proba: the mean of the members' shares."""
    if not all(hasattr(one, "tree_") for one in model.estimators_):
        return _bagging_of_any(model, before)
    trees = [
        tree_of(one.tree_, _in_classes(model, one), columns)
        for one, columns in zip(_trees_only(model), model.estimators_features_, strict=True)
    ]
    return mean_shares(added(trees, int(model.n_features_in_), before), len(trees))


def _drawn(model: Any, before: Affine) -> list[Predict]:
    """The members, each on the columns that were drawn for it."""
    width = int(model.n_features_in_)

    def member(one: Any, columns: Any) -> Predict:
        if np.array_equal(columns, np.arange(width)):
            return lower(one, before)
        inner, at = lower(one, picked(before, np.asarray(columns), width)), columns.astype(np.int32)
        return lambda x: inner(tf.gather(x, at, axis=1))

    return list(map(member, model.estimators_, model.estimators_features_))


def _bagging_of_any(model: Any, before: Affine) -> Predict:
    """_parallel_predict_proba: shares where a member has them, else its votes."""
    members, count = _drawn(model, before), len(model.classes_)
    labels = np.arange(count, dtype=np.float32)

    def said(one: Any, answer: Any) -> Any:
        own = np.asarray(one.classes_, np.int64)
        if not hasattr(one, "predict_proba"):
            # Not one_hot: in batches, TF.js' wasm gets it wrong.
            vote = tf.gather(own.astype(np.float32), answer["class"])
            return tf.cast(tf.equal(vote[:, tf.newaxis], labels), real())
        if "probabilities" not in answer:
            raise ConversionError(
                f"{type(model).__name__} of {type(one).__name__} cannot be converted: it asks for "
                "probabilities, and those of its members have no conversion."
            )
        shares = answer["probabilities"]
        return shares if len(own) == count else tf.matmul(shares, np.eye(count)[own].astype(real()))

    def summed(x: Any) -> Any:
        return sum(said(one, m(x)) for one, m in zip(model.estimators_, members, strict=True))

    return mean_shares(summed, len(members))


@predictor("BaggingRegressor", folds_fills=True)
def bagging_regressor(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.BaggingRegressor.predict: the mean of the members' values."""
    if not all(hasattr(one, "tree_") for one in model.estimators_):
        members = _drawn(model, before)
        return lambda x: {"value": sum(one(x)["value"] for one in members) / float(len(members))}
    trees = [
        tree_of(one.tree_, np.asarray(one.tree_.value)[:, :, 0], columns)
        for one, columns in zip(_trees_only(model), model.estimators_features_, strict=True)
    ]
    summed = added(trees, int(model.n_features_in_), before)
    return lambda x: {"value": summed(x) / float(len(trees))}


@predictor("AdaBoostClassifier", folds_fills=True)
def adaboost(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.AdaBoostClassifier.decision_function: trees vote with weights (SAMME).

    Those of before 1.6 may add the logarithms of the trees' shares instead (SAMME.R).
    """
    count = len(model.classes_)
    by_shares = getattr(model, "algorithm", "SAMME") == "SAMME.R"  # the default up to 1.5
    weights = np.asarray(model.estimator_weights_, np.float64)
    trees = []
    for one, weight in zip(_trees_only(model), weights / weights.sum(), strict=False):
        if by_shares:
            logs = np.log(np.clip(shares(one, one.tree_), np.finfo(np.float64).eps, None))
            said = (count - 1) * (logs - logs.mean(axis=1, keepdims=True)) / weights.sum()
            trees.append(tree_of(one.tree_, said[:, 1:] * 2 if count == 2 else said))
            continue
        place = np.searchsorted(model.classes_, one.classes_)
        voted = place[shares(one, one.tree_).argmax(axis=1)]
        votes = np.where(np.eye(count)[voted] > 0, weight, -weight / (count - 1))
        trees.append(tree_of(one.tree_, votes[:, 1:] * 2 if count == 2 else votes))
    summed = added(trees, int(model.estimators_[0].tree_.n_features), before)
    if count == 2:
        return by_decision(summed, of_two)
    return by_decision(summed, lambda d: tf.nn.softmax(d / float(count - 1)))


@transformer("RandomTreesEmbedding")
def embedding(model: Any) -> Transform:
    """sklearn.ensemble.RandomTreesEmbedding.transform: a column a leaf, 1 where a row falls."""
    known = [np.asarray(one, np.int64) for one in model.one_hot_encoder_.categories_]
    starts = np.cumsum([0, *map(len, known)])
    trees = []
    for one, own, start in zip(_trees_only(model), known, starts, strict=False):
        place = np.full((one.tree_.node_count, 1), -1.0)
        place[own, 0] = start + np.arange(len(own))
        trees.append(tree_of(one.tree_, place))
    answer = leaves(trees, int(model.n_features_in_))
    tree = np.repeat(np.arange(len(known)), list(map(len, known))).astype(np.int32)
    column = np.arange(len(tree)).astype(real())
    return lambda x: tf.cast(tf.equal(tf.gather(answer(x)[:, :, 0], tree, axis=1), column), real())


@predictor("AdaBoostRegressor", folds_fills=True)
def adaboost_regressor(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.AdaBoostRegressor._get_median_predict: the weighted median of the trees.

    It is the smallest value such that the trees that say no more than it weigh half of all.
    """
    members = _trees_only(model)
    trees = [tree_of(one.tree_, np.asarray(one.tree_.value)[:, :, 0]) for one in members]
    folded = foldable(before)
    answer = leaves(trees, int(members[0].tree_.n_features), before if folded else IDENTITY)
    scaled = apply(IDENTITY if folded else before)
    weights = np.asarray(model.estimator_weights_[: len(members)], np.float64)
    share = (weights / weights.sum()).astype(real())
    largest = real()(np.finfo(np.float32).max)

    def predict(x: Any) -> dict[str, Any]:
        said = answer(scaled(x))[:, :, 0]
        below = tf.cast(said[:, tf.newaxis, :] <= said[:, :, tf.newaxis], real())
        enough = tf.reduce_sum(below * share, axis=2) >= 0.5
        value = tf.reduce_min(tf.where(enough, said, tf.fill(tf.shape(said), largest)), axis=1)
        return {"value": value[:, tf.newaxis]}

    return predict


@predictor("DummyClassifier")
def dummy_classifier(model: Any, before: Affine) -> Predict:
    """sklearn.dummy.DummyClassifier.predict_proba, of the strategies without chance."""
    if model.strategy not in ("prior", "most_frequent"):
        raise ConversionError(
            f"DummyClassifier with strategy={model.strategy!r} cannot be converted; 'prior' and "
            "'most_frequent' can."
        )
    prior = np.ravel(model.class_prior_)
    share = prior if model.strategy == "prior" else np.eye(len(prior))[prior.argmax()]

    def predict(x: Any) -> dict[str, Any]:
        p = tf.zeros_like(x[:, :1]) + share.astype(real())
        return {"class": winner(p), "probabilities": p}

    return predict


@predictor("DummyRegressor")
def dummy_regressor(model: Any, before: Affine) -> Predict:
    """sklearn.dummy.DummyRegressor.predict: its constant_."""
    constant = np.reshape(model.constant_, (1, -1)).astype(real())
    return lambda x: {"value": tf.zeros_like(x[:, :1]) + constant}


@predictor("CCA", "PLSCanonical", "PLSRegression")
def least_squares(model: Any, before: Affine) -> Predict:
    """sklearn.cross_decomposition._PLS.predict: (x - _x_mean) @ coef_.T + intercept_."""
    value = decision(model, chain(before, Affine(np.asarray(model._x_mean, np.float64))))
    return lambda x: {"value": value(x)}
