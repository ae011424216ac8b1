"""Models that group rows: the class is the number of the group."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.linear_model import product, winner
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Predict,
    Transform,
    chain,
    predictor,
    real,
    transformer,
)
from edge_deploy.frontends.sklearn.converters.svm import distances


def _nearest(centres: Array, before: Affine) -> Transform:
    """Which of some rows is nearest."""
    apart = distances(centres, before)
    return lambda x: tf.argmax(-apart(x), axis=1, output_type=tf.int32)


@predictor("AffinityPropagation", "KMeans", "MeanShift", "MiniBatchKMeans")
def centres(model: Any, before: Affine) -> Predict:
    """sklearn.cluster.KMeans.predict: the nearest of cluster_centers_."""
    if not len(model.cluster_centers_):
        raise ConversionError(
            f"{type(model).__name__} found no groups (it did not converge), so there is nothing to "
            "convert. Fit it with a larger max_iter or another damping."
        )
    nearest = _nearest(np.asarray(model.cluster_centers_, np.float64), before)
    return lambda x: {"class": nearest(x)}


@predictor("Birch")
def birch(model: Any, before: Affine) -> Predict:
    """sklearn.cluster.Birch.predict: the group of the nearest of subcluster_centers_."""
    nearest = _nearest(np.asarray(model.subcluster_centers_, np.float64), before)
    group = np.unique(model.subcluster_labels_, return_inverse=True)[1].astype(np.int32)
    return lambda x: {"class": tf.gather(tf.constant(group), nearest(x))}


@predictor("BisectingKMeans")
def bisected(model: Any, before: Affine) -> Predict:
    """sklearn.cluster.BisectingKMeans.predict: at each fork the nearer of two, down to a group.

    Which of two is nearer is a plane between them. A group is where all forks above it lead.
    """
    mean = np.asarray(getattr(model, "_X_mean", 0.0), np.float64)
    planes: list[Array] = []
    starts: list[float] = []
    paths: dict[int, list[tuple[int, bool]]] = {}  # of each group: forks, and whether right

    def descend(node: Any, path: list[tuple[int, bool]]) -> None:
        if node.left is None:
            paths[int(node.label)] = path
            return
        left, right = (np.asarray(one.center, np.float64) + mean for one in (node.left, node.right))
        fork = len(planes)
        planes.append(right - left)
        starts.append(float((left @ left - right @ right) / 2))
        descend(node.left, [*path, (fork, False)])
        descend(node.right, [*path, (fork, True)])

    descend(model._bisecting_tree, [])
    if not planes:
        return lambda x: {"class": tf.cast(x[:, 0] * 0.0, tf.int32)}
    side = _planes(np.array(planes), np.array(starts), before)
    table, start = np.zeros((len(planes), len(paths)), real()), np.zeros(len(paths), real())
    for group, path in paths.items():
        for fork, right in path:  # 0 where the fork leads here, else -1
            table[fork, group] = 1.0 if right else -1.0
            start[group] -= float(right)

    def predict(x: Any) -> dict[str, Any]:
        right = tf.cast(side(x) > 0.0, real())
        return {"class": winner(tf.matmul(right, table) + start)}

    return predict


def _planes(normals: Array, starts: Array, before: Affine) -> Transform:
    """``x @ normals.T + starts``, counted from a point on the middle of them."""
    middle = np.linalg.lstsq(normals, -starts, rcond=None)[0]
    return product(normals, starts + normals @ middle, chain(before, Affine(middle)))


@transformer("Birch", "BisectingKMeans", "KMeans", "MiniBatchKMeans")
def away(model: Any) -> Transform:
    """sklearn.cluster.KMeans.transform, as a step before others: distances to all centres."""
    name = "subcluster_centers_" if type(model).__name__ == "Birch" else "cluster_centers_"
    apart = distances(np.asarray(getattr(model, name), np.float64))
    return lambda x: tf.sqrt(apart(x))


@predictor("BayesianGaussianMixture", "GaussianMixture")
def mixture(model: Any, before: Affine) -> Predict:
    """sklearn.mixture._base.BaseMixture.predict_proba: Gaussian densities times their weights."""
    means = np.asarray(model.means_, np.float64)
    count, columns = means.shape
    roots = np.asarray(model.precisions_cholesky_, np.float64)
    if model.covariance_type == "tied":
        roots = np.broadcast_to(roots, (count, columns, columns))
    elif model.covariance_type == "spherical":
        roots = np.broadcast_to(roots[:, np.newaxis], (count, columns))
    if roots.ndim == 2:  # one number a column
        roots = roots[:, :, np.newaxis] * np.eye(columns)
    middle = means.mean(axis=0)
    folded = np.concatenate([root.T for root in roots])
    shift = np.concatenate(
        [(middle - mean) @ root for mean, root in zip(means, roots, strict=True)]
    )
    place = product(folded, shift, chain(before, Affine(middle)))
    logs = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1) + _log_weights(model, columns)
    start = (logs - logs.max()).astype(real())

    def predict(x: Any) -> dict[str, Any]:
        z = tf.reshape(place(x), [-1, count, columns])
        scores = start - real()(0.5) * tf.reduce_sum(z * z, axis=2)
        return {"class": winner(scores), "probabilities": tf.nn.softmax(scores)}

    return predict


def _log_weights(model: Any, columns: int) -> Array:
    """What a mixture adds to the densities' logarithms, but for what all groups have in common.

    BayesianGaussianMixture: its _estimate_log_weights, and the expectations over precisions of
    its _estimate_log_prob (Bishop, Pattern recognition and machine learning, 10.64 to 10.66).
    """
    from scipy.special import digamma

    if type(model).__name__ == "GaussianMixture":
        return np.asarray(np.log(model.weights_), np.float64)
    given = model.weight_concentration_
    if model.weight_concentration_prior_type == "dirichlet_process":
        first, second = (np.asarray(one, np.float64) for one in given)
        rest = np.cumsum(digamma(second) - digamma(first + second))
        logs = digamma(first) - digamma(first + second) + np.concatenate([[0.0], rest[:-1]])
    else:
        logs = digamma(np.asarray(given, np.float64))
    freedom = np.asarray(model.degrees_of_freedom_, np.float64)
    spread = digamma(0.5 * (freedom - np.arange(columns)[:, np.newaxis])).sum(axis=0)
    spread = spread - columns * (np.log(freedom) + 1.0 / np.asarray(model.mean_precision_))
    return np.asarray(logs + 0.5 * spread, np.float64)
