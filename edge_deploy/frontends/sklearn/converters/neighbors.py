"""Models that ask which of their rows are near."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.naive_bayes import shifted
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Predict,
    Transform,
    chain,
    predictor,
    real,
)
from edge_deploy.frontends.sklearn.converters.several_answers import several_classes
from edge_deploy.frontends.sklearn.converters.svm import distances

_NEAREST = 1e-30  # stands for a squared distance of 0, whose neighbour alone then counts


def metric_of(model: Any, rows: Array, before: Affine) -> tuple[Transform, bool]:
    """Distances in the model's metric, and whether they are squared: the Euclidean ones are."""
    import tensorflow as tf

    metric = getattr(model, "effective_metric_", None) or model.metric
    power = (getattr(model, "effective_metric_params_", None) or {}).get("p", model.p)
    if metric == "euclidean" or (metric == "minkowski" and power == 2):
        return distances(rows, before), True
    if metric in ("manhattan", "cityblock", "l1") or (metric == "minkowski" and power == 1):
        middle = rows.mean(axis=0)
        near, away = shifted(before, middle), (rows - middle).astype(real())
        return lambda x: tf.reduce_sum(tf.abs(near(x)[:, tf.newaxis, :] - away), axis=2), False
    raise ConversionError(
        f"{type(model).__name__} with the metric {metric} cannot be converted. Those that can: "
        "euclidean, manhattan, minkowski with p 1 or 2."
    )


def _nearest(model: Any, before: Affine, said: Array) -> Transform:
    """The weighted mean of what the nearest rows say: (samples, outputs)."""
    import tensorflow as tf

    rows = np.asarray(model._fit_X, np.float64)
    (apart, squared), table = metric_of(model, rows, before), tf.constant(said, real())
    if model.weights not in ("uniform", "distance"):
        raise ConversionError(
            f"{type(model).__name__} with weights of a function of your own cannot be converted. "
            "Those that can: uniform, distance."
        )

    def mean(x: Any) -> Any:
        near, index = tf.math.top_k(-apart(x), k=int(model.n_neighbors))
        answers = tf.gather(table, index)
        if model.weights == "uniform":
            return tf.reduce_mean(answers, axis=1)
        d = tf.maximum(-near, _NEAREST)
        weight = (1.0 / tf.sqrt(d) if squared else 1.0 / d)[:, :, tf.newaxis]
        return tf.reduce_sum(answers * weight, axis=1) / tf.reduce_sum(weight, axis=1)

    return mean


@predictor("KNeighborsClassifier")
def classifier(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.KNeighborsClassifier.predict_proba: the shares of the k nearest."""
    import tensorflow as tf

    if isinstance(model.classes_, list):
        widths = [len(one) for one in model.classes_]
        places = np.asarray(model._y).reshape(-1, len(widths)).T
        each = [np.eye(width)[own] for width, own in zip(widths, places, strict=True)]
        return several_classes(_nearest(model, before, np.concatenate(each, axis=1)), widths)
    said = np.eye(len(model.classes_))[np.ravel(model._y)]
    mean = _nearest(model, before, said)

    def predict(x: Any) -> dict[str, Any]:
        shares = mean(x)
        found = tf.argmax(shares, axis=1, output_type=tf.int32)
        return {"class": found, "probabilities": shares}

    return predict


@predictor("KNeighborsRegressor")
def regressor(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.KNeighborsRegressor.predict: the mean of the k nearest."""
    y = np.asarray(model._y, np.float64)
    mean = _nearest(model, before, y.reshape(len(y), -1))
    return lambda x: {"value": mean(x)}


@predictor("RadiusNeighborsRegressor")
def within_radius(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.RadiusNeighborsRegressor.predict: the mean of all within the radius."""
    import tensorflow as tf

    if model.weights != "uniform":
        raise ConversionError(
            "RadiusNeighborsRegressor can be converted with weights='uniform' only."
        )
    y = np.asarray(model._y, np.float64)
    apart, squared = metric_of(model, np.asarray(model._fit_X, np.float64), before)
    table = y.reshape(len(y), -1)
    limit = float(model.radius) ** 2 if squared else float(model.radius)

    def predict(x: Any) -> dict[str, Any]:
        inside = tf.cast(apart(x) <= limit, real())
        count = tf.reduce_sum(inside, axis=1, keepdims=True)
        return {"value": tf.matmul(inside, table.astype(real())) / count}

    return predict


@predictor("RadiusNeighborsClassifier")
def votes_within_radius(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.RadiusNeighborsClassifier.predict_proba: the shares of all within.

    A row that has none near is of the class ``outlier_label``.
    """
    import tensorflow as tf

    name, label = "RadiusNeighborsClassifier", model.outlier_label
    if model.weights != "uniform" or isinstance(model.classes_, list):
        raise ConversionError(
            f"{name} can be converted with weights='uniform' and one target only."
        )
    known = list(model.classes_)
    alone = None if label is None else np.ravel(model.outlier_label_)[0]
    if alone is None or alone not in known:
        raise ConversionError(
            f"{name} with outlier_label={label!r} cannot be converted: it has no answer among its "
            "classes for a row without neighbours. Fit it with outlier_label='most_frequent', or "
            "take KNeighborsClassifier, which always has an answer."
        )
    apart, squared = metric_of(model, np.asarray(model._fit_X, np.float64), before)
    limit = float(model.radius) ** 2 if squared else float(model.radius)
    said = np.eye(len(known))
    table = tf.constant(said[np.ravel(model._y)], real())
    otherwise = tf.constant(said[[known.index(alone)]], real())

    def predict(x: Any) -> dict[str, Any]:
        inside = tf.cast(apart(x) <= limit, real())
        count = tf.reduce_sum(inside, axis=1, keepdims=True)
        shares = tf.matmul(inside, table) / tf.maximum(count, real()(1))
        shares = shares + tf.cast(count < 0.5, real()) * otherwise
        found = tf.argmax(shares, axis=1, output_type=tf.int32)
        return {"class": found, "probabilities": shares}

    return predict


@predictor("NearestCentroid")
def centroid(model: Any, before: Affine) -> Predict:
    """sklearn.neighbors.NearestCentroid.predict, and its discriminant scores of 1.6 and later."""
    import tensorflow as tf

    if model.metric != "euclidean":
        raise ConversionError(
            f"NearestCentroid with the metric {model.metric} cannot be converted; euclidean can."
        )
    centroids = np.asarray(model.centroids_, np.float64)
    plain = distances(centroids, before)
    prior = np.asarray(getattr(model, "class_prior_", np.full(len(centroids), 1 / len(centroids))))
    uniform = bool(np.isclose(prior, 1 / len(centroids)).all())
    spread = np.asarray(getattr(model, "within_class_std_dev_", np.ones(centroids.shape[1])))
    spread = np.where(spread == 0, 1.0, spread)
    scaled = distances(centroids / spread, chain(before, Affine(gain=1.0 / spread)))
    start = (2 * np.log(prior)).astype(real())

    def predict(x: Any) -> dict[str, Any]:
        scores = start - scaled(x)
        best = -plain(x) if uniform else scores
        found = tf.argmax(best, axis=1, output_type=tf.int32)
        return {"class": found, "probabilities": tf.nn.softmax(scores)}

    return predict


@predictor("LabelPropagation", "LabelSpreading")
def spread(model: Any, before: Affine) -> Predict:
    """sklearn.semi_supervised.BaseLabelPropagation.predict_proba: labels weighed by an rbf.

    The nearest row weighs 1, and the others so much less; without that, the weights of rows
    that are far from all would be 0 in float32.
    """
    import tensorflow as tf

    if model.kernel != "rbf":
        raise ConversionError(
            f"{type(model).__name__} with the kernel {model.kernel} cannot be converted; rbf can."
        )
    apart = distances(np.asarray(model.X_, np.float64), before)
    labels = tf.constant(np.asarray(model.label_distributions_), real())
    gamma = real()(model.gamma)

    def predict(x: Any) -> dict[str, Any]:
        d = apart(x)
        weights = tf.exp(-gamma * (d - tf.reduce_min(d, axis=1, keepdims=True)))
        shares = tf.matmul(weights, labels)
        shares = shares / tf.reduce_sum(shares, axis=1, keepdims=True)
        found = tf.argmax(shares, axis=1, output_type=tf.int32)
        return {"class": found, "probabilities": shares}

    return predict
