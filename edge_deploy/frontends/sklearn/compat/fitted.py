"""What the fitted numbers of a scikit-learn model tell besides its answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.spec import Array

# The fitted numbers that answers are made of, and not those that only tell how fitting went.
_LEARNED = (
    *("cluster_centers_", "X_", "label_distributions_", "X_thresholds_", "y_thresholds_"),
    *("coef_", "intercept_", "mean_", "scale_", "center_", "data_min_", "components_"),
    *("dual_coef_", "support_vectors_", "X_fit_", "_fit_X", "_y", "centroids_"),
    *("theta_", "class_prior_", "feature_log_prob_", "class_log_prior_"),
    *("means_", "rotations_", "scalings_", "coefs_", "intercepts_", "statistics_", "X_train_"),
)
_A_NODE = 3  # its column, threshold or value, and left child


def attribute(estimator: Any, name: str) -> Any:
    """A fitted attribute, or None; properties of other versions may raise."""
    try:
        return getattr(estimator, name, None)
    except Exception:
        # A property of today's class that reads what an old pickle lacks raises anything.
        return None


def classes(step: Any) -> Any:
    """What an estimator tells apart: its classes, its clusters, or outliers (-1) and the rest."""
    if (found := attribute(step, "classes_")) is not None:
        return found
    if (labels := attribute(step, "subcluster_labels_")) is not None:
        return np.unique(labels)
    for name in ("cluster_centers_", "means_"):
        if (centres := attribute(step, name)) is not None:
            return np.arange(len(centres))
    return np.array([-1, 1]) if attribute(step, "offset_") is not None else None


def numbers(step: Any) -> int:
    """How many numbers the answers of a step are made of."""
    for name in ("transformers_", "transformer_list", "steps"):
        if (branches := attribute(step, name)) is not None:
            return sum(numbers(one[1]) for one in branches)
    inner = attribute(step, "estimator_") or step
    found = (attribute(inner, name) for name in _LEARNED)
    nodes = sum(len(columns) for columns, _ in _splits(step))
    return _A_NODE * nodes + sum(_size(values) for values in found if values is not None)


def _size(values: Any) -> int:
    return sum(map(_size, values)) if isinstance(values, list) else int(np.size(values))


def _splits(step: Any) -> list[tuple[Array, Array]]:
    """The column (negative at leaves) and the threshold of each node, tree by tree."""
    if (found := attribute(step, "splits_")) is not None:  # of a booster (boosters/estimators.py)
        return list(found)
    if (stages := attribute(step, "_predictors")) is not None:
        nodes = [tree.nodes for stage in stages for tree in stage]
        return [(np.where(n["is_leaf"], -1, n["feature_idx"]), n["num_threshold"]) for n in nodes]
    members = attribute(step, "estimators_")
    members = [step] if members is None else np.ravel(np.asarray(members, dtype=object))
    trees = [tree for one in members if (tree := attribute(one, "tree_")) is not None]
    return [(np.asarray(tree.feature), np.asarray(tree.threshold)) for tree in trees]


def missing_in_training(model: Any) -> frozenset[int]:
    """The columns of which a tree, or a forest or a bag of them, has seen missing values.

    A split of a column without them sends what is missing to its larger side; one that says
    otherwise, or that parts what is missing from the rest, was found with them. Trees of before
    1.3, which knew none, say nothing at all.
    """
    members = attribute(model, "estimators_")
    if members is None:
        members = [model]
    trees = members if isinstance(members, list) else list(np.ravel(members))
    drawn = attribute(model, "estimators_features_") or [None] * len(trees)
    found: set[int] = set()
    for one, columns in zip(trees, drawn, strict=False):
        if (tree := attribute(one, "tree_")) is None:
            return frozenset()
        left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
        inner, count = left >= 0, np.asarray(tree.n_node_samples)
        to_left = np.asarray(tree.missing_go_to_left, bool)
        seen = inner & ~np.isfinite(tree.threshold)
        if to_left.any():
            seen |= inner & (to_left != (count[left] > count[right]))
        own = np.unique(np.asarray(tree.feature)[seen])
        found |= {int(n) for n in (own if columns is None else np.asarray(columns)[own])}
    return frozenset(found)


def typical(first: Any, width: int) -> tuple[Array, Array] | None:
    """The mean and standard deviation of the columns, where the first step tells.

    A scaler holds them; the thresholds of trees lie where the columns' values do.
    """
    name = type(first).__name__
    if name == "MinMaxScaler":
        low, high = attribute(first, "data_min_"), attribute(first, "data_max_")
        mean, scale = (None, None) if high is None else ((low + high) / 2, (high - low) / 4)
    elif name in ("StandardScaler", "RobustScaler"):
        centre = "mean_" if name == "StandardScaler" else "center_"
        mean, scale = attribute(first, centre), attribute(first, "scale_")
    elif splits := _splits(first):
        return _of_thresholds(splits, width)
    elif (rows := attribute(first, "X_train_")) is not None:
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
    else:
        return None
    if mean is None or scale is None or not len(mean) == len(scale) == width:
        return None
    return np.asarray(mean, np.float64), np.asarray(scale, np.float64)


def _of_thresholds(splits: list[tuple[Array, Array]], width: int) -> tuple[Array, Array]:
    mean, scale = np.zeros(width), np.ones(width)
    columns = np.concatenate([columns for columns, _ in splits])
    thresholds = np.concatenate([thresholds for _, thresholds in splits])
    for column in np.unique(columns[(columns >= 0) & (columns < width)]):
        found = thresholds[(columns == column) & np.isfinite(thresholds)]
        if len(found):
            mean[column], scale[column] = found.mean(), found.std() or 1.0
    return mean, scale
