"""Trees, and the ensembles that add up what trees say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.categorical_splits import (
    HALF,
    Sets,
    encoded,
    picked,
    unscaled,
)
from edge_deploy.frontends.sklearn.converters.registry import (
    DECISION,
    IDENTITY,
    Affine,
    Predict,
    Transform,
    apply,
    fills,
    predictor,
    real,
    without_fill,
)
from edge_deploy.frontends.sklearn.converters.several_answers import several_classes
from edge_deploy.frontends.sklearn.converters.tree_traversal import Tree, foldable, total


def tree_of(fitted: Any, values: Array, columns: Array | None = None) -> Tree:
    """sklearn.tree._tree.Tree as plain arrays.

    Args:
        fitted: A ``tree_``.
        values: (nodes, outputs): what its leaves say.
        columns: The columns that it was fitted on, where those are some of the input's.
    """
    column = np.asarray(fitted.feature)
    if columns is not None:
        column = np.where(column < 0, 0, np.asarray(columns)[column])
    return Tree(
        column,
        np.asarray(fitted.threshold, np.float64),
        np.asarray(fitted.children_left),
        np.asarray(fitted.children_right),
        np.asarray(fitted.missing_go_to_left, bool),
        values,
    )


def added(
    trees: Sequence[Tree], width: int, before: Affine, single: bool = True, places: int = 1
) -> Transform:
    """(samples, outputs): the sum of what the trees say, scaling before them folded in.

    Args:
        trees: The trees.
        width: How many columns they were fitted on.
        before: Scaling before them.
        single: Whether the original rounds the scaled input to float32.
        places: Where trees of one output take turns to add to several: to how many.
    """
    folded = foldable(before)
    summed = total(trees, width, before if folded else IDENTITY, single, places)
    if folded:
        return summed
    scaled = apply(before)
    return lambda x: summed(scaled(x))


def with_sets(
    model: Any,
    trees: Sequence[Tree],
    sets: Sets,
    before: Affine,
    single: bool,
    places: int,
) -> Transform:
    """The same as added, of trees that ask for sets of categories too.

    Args:
        model: The model they are of, for its name.
        trees: The trees.
        sets: What they ask for.
        before: Scaling before them.
        single: Whether the original rounds the scaled input to float32.
        places: Where trees of one output take turns to add to several: to how many.
    """
    width, more = sets.width, len(sets.asked)
    filled = fills(before) if more else None
    before = without_fill(before) if more else before
    place = np.arange(width) if sets.place is None else sets.place
    unscaled(model, before, [int(place[column]) for column in sets.columns])
    trees, expand = sets.wider(trees)
    wide = picked(before, np.append(np.arange(width), np.full(more, -1)), width)
    summed = added(trees, width + more, wide, single, places)
    if expand is None or filled is None:
        return summed
    return lambda x: summed(expand(filled(x)))


def shares(model: Any, fitted: Any) -> Array:
    """DecisionTreeClassifier.predict_proba: before scikit-learn 1.3 nodes held weights.

    Those of several targets stand one behind the other.
    """
    if isinstance(model.classes_, list):
        each = [
            _of_one(np.asarray(fitted.value)[:, n, : len(one)])
            for n, one in enumerate(model.classes_)
        ]
        return np.concatenate(each, axis=1)
    return _of_one(np.asarray(fitted.value)[:, 0, :])


def _of_one(weights: Array) -> Array:
    sums = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights if np.allclose(sums, 1.0) else weights / np.where(sums, sums, 1.0))


def chosen(scores: Any) -> Any:
    """The first of the largest columns."""
    return tf.argmax(scores, axis=1, output_type=tf.int32)


def mean_shares(summed: Transform, count: int) -> Predict:
    """A classifier by the sum of its members' shares."""

    def predict(x: Any) -> dict[str, Any]:
        sums = summed(x)
        return {"class": chosen(sums), "probabilities": sums / float(count)}

    return predict


def _members(model: Any) -> list[Any]:
    return [model] if hasattr(model, "tree_") else list(model.estimators_)


@predictor(
    "DecisionTreeClassifier", "ExtraTreeClassifier", "ExtraTreesClassifier",
    "RandomForestClassifier", folds_fills=True,
)  # fmt: skip
def classifier(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.ForestClassifier.predict_proba: the mean of the trees' shares."""
    members = _members(model)
    trees = [tree_of(one.tree_, shares(model, one.tree_)) for one in members]
    if isinstance(model.classes_, list):
        summed = added(trees, int(members[0].tree_.n_features), before)
        widths = [len(one) for one in model.classes_]
        return several_classes(lambda x: summed(x) / float(len(trees)), widths)
    return mean_shares(added(trees, int(members[0].tree_.n_features), before), len(trees))


@predictor(
    "DecisionTreeRegressor", "ExtraTreeRegressor", "ExtraTreesRegressor",
    "RandomForestRegressor", folds_fills=True,
)  # fmt: skip
def regressor(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.ForestRegressor.predict: the mean of the trees' values."""
    members = _members(model)
    trees = [tree_of(one.tree_, np.asarray(one.tree_.value)[:, :, 0]) for one in members]
    summed = added(trees, int(members[0].tree_.n_features), before)
    return lambda x: {"value": summed(x) / float(len(trees))}


@predictor("GradientBoostingClassifier", "GradientBoostingRegressor", folds_fills=True)
def boosting(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.GradientBoosting*._raw_predict: init_ and learning_rate times the trees."""
    grown = np.asarray(model.estimators_)
    places = grown.shape[1]
    trees = [
        tree_of(one.tree_, np.asarray(one.tree_.value)[:, :, 0] * model.learning_rate)
        for one in grown.ravel()
    ]
    summed = added(trees, int(grown[0, 0].tree_.n_features), before, places=places)
    start = _start(model, before, places)
    if not hasattr(model, "classes_"):
        return lambda x: {"value": summed(x) + start(x)}
    exponential = model.loss == "exponential"
    return lambda x: voted(summed(x) + start(x), 2.0 if exponential else 1.0, ties=True)


def _start(model: Any, before: Affine, places: int) -> Transform:
    """sklearn.ensemble._gb._init_raw_predictions: where boosting starts, before its first tree."""
    from edge_deploy.frontends.sklearn.converters.registry import lower

    first = model.init_
    if isinstance(first, str):  # "zero"
        return lambda x: np.zeros((1, places), real())
    if type(first).__name__ == "DummyRegressor":
        constant = np.reshape(first.constant_, (1, -1)).astype(real())
        return lambda x: constant
    if not hasattr(model, "classes_"):
        value = lower(first, before)
        return lambda x: value(x)["value"]
    if type(first).__name__ != "DummyClassifier" or first.strategy != "prior":
        raise ConversionError(
            f"{type(model).__name__} starts from the probabilities of {type(first).__name__} "
            "(init), which cannot be converted yet. Fit it with init=None."
        )
    eps = np.finfo(np.float64).eps
    prior = np.clip(np.ravel(first.class_prior_), eps, 1 - eps)
    logs = np.log(prior)
    raw = logs - logs.mean()
    if places == 1:
        raw = logs[1:] - np.log1p(-prior[1:])
        raw = raw / 2 if model.loss == "exponential" else raw
    start = raw.astype(real())[np.newaxis]
    return lambda x: start


def voted(raw: Any, factor: float = 1.0, ties: bool = False) -> dict[str, Any]:
    """Raw predictions of boosting as class and probabilities.

    Args:
        raw: One column for two classes, else one a class.
        factor: Of the raw prediction in the logistic function of two classes.
        ties: Whether a raw prediction of 0 is the second of two classes.
    """
    if raw.shape[1] > 1:
        return {"class": chosen(raw), "probabilities": tf.nn.softmax(raw), DECISION: raw}
    second = raw[:, 0] >= 0.0 if ties else raw[:, 0] > 0.0
    shares = tf.concat([tf.sigmoid(-factor * raw), tf.sigmoid(factor * raw)], axis=1)
    return {"class": tf.cast(second, tf.int32), "probabilities": shares, DECISION: raw}


@predictor("HistGradientBoostingClassifier", "HistGradientBoostingRegressor", folds_fills=True)
def histogram(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.BaseHistGradientBoosting._raw_predict, and the inverse of its link.

    Its nodes compare in float64, and missing values go where each node says.
    """
    stages = model._predictors
    places = len(stages[0]) if stages else 1
    width = int(model.n_features_in_)
    front, before, _ = encoded(model, width, before)
    sets, known = Sets(width), _known_categories(model)
    trees = [_histogram_tree(one, sets, known) for stage in stages for one in stage]
    summed = with_sets(model, trees, sets, before, single=False, places=places)
    start = np.reshape(model._baseline_prediction, (1, -1)).astype(real())

    def raw(x: Any) -> Any:
        return summed(x if front is None else front(x)) + start

    if hasattr(model, "classes_"):
        return lambda x: voted(raw(x))
    if model.loss in ("poisson", "gamma"):
        return lambda x: {"value": tf.exp(raw(x))}
    return lambda x: {"value": raw(x)}


def _known_categories(model: Any) -> dict[int, Array]:
    """The codes that each column of categories had when it was fitted."""
    mapper = getattr(model, "_bin_mapper", None)
    flags = getattr(mapper, "is_categorical_", None)
    if mapper is None or flags is None:
        return {}
    values = mapper.bin_thresholds_
    return {int(n): np.asarray(values[n]).astype(np.int64) for n in np.flatnonzero(flags)}


def _histogram_tree(fitted: Any, sets: Sets, known: dict[int, Array]) -> Tree:
    """sklearn.ensemble._hist_gradient_boosting.TreePredictor.

    A category that is in the node's bitset goes left, another known one right, and one that is
    not known where missing values go (_predictor.pyx).
    """
    nodes = fitted.nodes
    names = nodes.dtype.names or ()
    leaf = nodes["is_leaf"].astype(bool)
    column = nodes["feature_idx"].astype(np.int64)
    threshold = nodes["num_threshold" if "num_threshold" in names else "threshold"].copy()
    missing = nodes["missing_go_to_left"].astype(bool)
    asks = nodes["is_categorical"].astype(bool) if "is_categorical" in names else leaf
    for n in np.flatnonzero(asks & ~leaf):
        bits = np.asarray(fitted.raw_left_cat_bitsets[nodes["bitset_idx"][n]], "<u4").view(np.uint8)
        left = np.unpackbits(bits, bitorder="little").astype(bool)
        unknown = np.ones(len(left), bool)
        unknown[known[int(column[n])]] = False
        left |= unknown & missing[n]
        column[n] = sets.column(column[n], left, missing[n], missing[n])
        threshold[n], missing[n] = HALF, True
    return Tree(
        column,
        threshold,
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        nodes["right"],
        missing,
        nodes["value"][:, np.newaxis],
    )
