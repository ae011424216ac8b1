"""Models that tell which rows are unusual: class 0, scikit-learn's -1; the others are class 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.linear_model import dense, product
from edge_deploy.frontends.sklearn.converters.neighbors import metric_of
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Predict,
    chain,
    predictor,
    real,
)
from edge_deploy.frontends.sklearn.converters.svm import support
from edge_deploy.frontends.sklearn.converters.tree import added, tree_of


@predictor("OneClassSVM")
def one_class(model: Any, before: Affine) -> Predict:
    """sklearn.svm.OneClassSVM.predict: the sign of decision_function, which are the scores."""
    value = support(model, dense(model.dual_coef_).T, before)

    def predict(x: Any) -> dict[str, Any]:
        d = value(x)
        return {"class": tf.cast(d[:, 0] > 0.0, tf.int32), "scores": d}

    return predict


@predictor("SGDOneClassSVM")
def linear_one_class(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model.SGDOneClassSVM.predict: x @ coef_ - offset_ from 0 on."""
    coef = np.reshape(np.asarray(model.coef_, np.float64), (1, -1))
    value = product(coef, -np.ravel(model.offset_), before)
    return lambda x: _from_0(value(x))


@predictor("EllipticEnvelope")
def ellipse(model: Any, before: Affine) -> Predict:
    """sklearn.covariance.EllipticEnvelope: the squared Mahalanobis distance within -offset_.

    With a root of the precision matrix it is a sum of squares, which float32 adds up exactly
    enough where it would not the products of x P x.
    """
    precision = model.precision_
    if precision is None:  # store_precision=False
        precision = np.linalg.pinv(np.asarray(model.covariance_, np.float64), hermitian=True)
    precision = np.asarray(precision, np.float64)
    sizes, turned = np.linalg.eigh((precision + precision.T) / 2)
    root = turned * np.sqrt(np.maximum(sizes, 0.0))
    centred = chain(before, Affine(np.asarray(model.location_, np.float64)))
    place, offset = product(root.T, np.zeros(len(root)), centred), real()(model.offset_)

    def predict(x: Any) -> dict[str, Any]:
        z = place(x)
        return _from_0(-tf.reduce_sum(z * z, axis=1, keepdims=True) - offset)

    return predict


@predictor("LocalOutlierFactor")
def local_outlier(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.LocalOutlierFactor.decision_function, of novelty=True.

    How dense it is around the nearest rows, compared with around the row itself (Breunig,
    Kriegel, Ng and Sander, LOF: identifying density-based local outliers, 2000).
    """
    if not model.novelty:
        raise ConversionError(
            "LocalOutlierFactor was fitted with novelty=False, and so tells outliers among the "
            "rows it was fitted on only. To ask it about new rows, fit it with novelty=True."
        )
    rows = np.asarray(model._fit_X, np.float64)
    apart, squared = metric_of(model, rows, before)
    count = int(model.n_neighbors_)
    reach = np.asarray(model._distances_fit_X_, np.float64)[:, count - 1].astype(real())
    density, offset = np.asarray(model._lrd).astype(real()), real()(model.offset_)

    def predict(x: Any) -> dict[str, Any]:
        near, index = tf.math.top_k(-apart(x), k=count)
        distance = tf.sqrt(tf.maximum(-near, 0.0)) if squared else -near
        reached = tf.maximum(distance, tf.gather(tf.constant(reach), index))
        sparse = tf.reduce_mean(reached, axis=1, keepdims=True) + real()(1e-10)
        around = tf.reduce_mean(tf.gather(tf.constant(density), index), axis=1, keepdims=True)
        return _from_0(-around * sparse - offset)

    return predict


def _from_0(d: Any) -> dict[str, Any]:
    return {"class": tf.cast(d[:, 0] >= 0.0, tf.int32), "scores": d}


@predictor("IsolationForest")
def isolation(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.IsolationForest.decision_function: how deep rows go in random trees.

    ``-2 ** -(depth / (trees * usual depth)) - offset_`` (Liu, Ting and Zhou, Isolation Forest,
    2008); the depth at a leaf with several rows counts what it would take to part them.
    """
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
        return _from_0(-tf.exp(summed(x) * factor) - offset)

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
