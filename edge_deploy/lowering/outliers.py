"""Models that group rows, or tell which ones are unusual (class 0, scikit-learn's -1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.lowering.kernels import distances, support
from edge_deploy.lowering.linear import dense
from edge_deploy.lowering.registry import Affine, Predict, predictor, real
from edge_deploy.lowering.trees import added, tree_of
from edge_deploy.spec import Array


@predictor("KMeans", "MiniBatchKMeans")
def means(model: Any, before: Affine) -> Predict:
    """sklearn.cluster.KMeans.predict: the nearest of cluster_centers_."""
    import tensorflow as tf

    apart = distances(np.asarray(model.cluster_centers_), before)
    return lambda x: {"class": tf.argmax(-apart(x), axis=1, output_type=tf.int32)}


@predictor("OneClassSVM")
def one_class(model: Any, before: Affine) -> Predict:
    """sklearn.svm.OneClassSVM.predict: the sign of decision_function, which are the scores."""
    import tensorflow as tf

    value = support(model, dense(model.dual_coef_).T, before)

    def predict(x: Any) -> dict[str, Any]:
        d = value(x)
        return {"class": tf.cast(d[:, 0] > 0.0, tf.int32), "scores": d}

    return predict


@predictor("IsolationForest")
def isolation(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.IsolationForest.decision_function: how deep rows go in random trees.

    ``-2 ** -(depth / (trees * usual depth)) - offset_`` (Liu, Ting and Zhou, Isolation Forest,
    2008); the depth at a leaf with several rows counts what it would take to part them.
    """
    import tensorflow as tf

    trees = []
    for one, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        fitted = one.tree_
        depth = _depths(fitted) + _usual_depth(np.asarray(fitted.n_node_samples))
        trees.append(tree_of(fitted, depth[:, np.newaxis], np.asarray(columns)))
    summed = added(trees, int(model.n_features_in_), before)
    samples = np.array([getattr(model, "_max_samples", getattr(model, "max_samples_", 0))])
    whole = len(trees) * float(_usual_depth(samples)[0])
    factor, offset = real()(-np.log(2.0) / whole if whole else 0.0), real()(model.offset_)

    def predict(x: Any) -> dict[str, Any]:
        d = -tf.exp(summed(x) * factor) - offset
        return {"class": tf.cast(d[:, 0] >= 0.0, tf.int32), "scores": d}

    return predict


def _depths(fitted: Any) -> Array:
    """How many steps it takes from the root to each node."""
    left, right = np.asarray(fitted.children_left), np.asarray(fitted.children_right)
    depth = np.zeros(len(left))
    for node in np.flatnonzero(left >= 0):  # parents come before their children
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth


def _usual_depth(samples: Array) -> Array:
    """sklearn.ensemble._iforest._average_path_length: of an unsuccessful search in a tree."""
    n = np.maximum(np.asarray(samples, np.float64), 2.0)
    usual = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.asarray(np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, usual)))
