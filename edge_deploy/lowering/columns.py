"""Transformers that make other columns: products, choices, fillings."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.lowering.bayes import over
from edge_deploy.lowering.registry import IDENTITY, Affine, Staged, Transform, real, transformer
from edge_deploy.spec import Array


@transformer("PolynomialFeatures")
def polynomial(model: Any) -> Transform:
    """sklearn.preprocessing.PolynomialFeatures.transform: products of columns, by powers_."""
    import tensorflow as tf

    powers = np.asarray(model.powers_)
    # Each output as the columns it is a product of, filled up with a column of ones.
    degree, ones = int(powers.sum(axis=1).max(initial=1)), powers.shape[1]
    factors = np.full((len(powers), degree), ones, np.int32)
    for n, row in enumerate(powers):
        of = np.repeat(np.arange(ones), row)
        factors[n, : len(of)] = of

    def transform(x: Any) -> Any:
        padded = tf.pad(x, [[0, 0], [0, 1]], constant_values=1.0)
        result = tf.gather(padded, factors[:, 0], axis=1)
        for place in range(1, degree):
            result = result * tf.gather(padded, factors[:, place], axis=1)
        return result

    return transform


@transformer("Binarizer")
def binarizer(model: Any) -> Transform:
    """sklearn.preprocessing.Binarizer.transform: 1 above the threshold, else 0."""
    return over(np.full(int(model.n_features_in_), float(model.threshold)), IDENTITY)


@transformer(
    "GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel",
    "SelectFwe", "SelectKBest", "SelectPercentile", "SequentialFeatureSelector",
    "VarianceThreshold",
)  # fmt: skip
def selector(model: Any) -> Transform:
    """sklearn.feature_selection.SelectorMixin.transform: some of the columns."""
    import tensorflow as tf

    kept = np.asarray(model.get_support(indices=True), np.int32)
    return lambda x: tf.gather(x, kept, axis=1)


@transformer("SimpleImputer")
def imputer(model: Any) -> Affine | Staged | Transform:
    """sklearn.impute.SimpleImputer.transform: statistics_ where a value is missing.

    Over a frame, statistics_ and missing_values are codes by the column (sources/frames.py).
    Where NaN alone is missing, the filling is left for what follows to fold in.
    """
    import tensorflow as tf

    fill = np.asarray(model.statistics_, np.float64)
    kept = np.flatnonzero(~np.isnan(fill)).astype(np.int32)
    values = np.nan_to_num(fill).astype(real())
    marks = np.array([np.nan if model.missing_values is None else model.missing_values])
    marks = np.broadcast_to(marks.astype(np.float64).ravel(), fill.shape)
    by_nan = np.isnan(marks)
    codes = np.where(by_nan, np.finfo(np.float32).min, marks).astype(real())
    marked = np.asarray(model.indicator_.features_ if model.add_indicator else [], np.int32)
    if by_nan.all():
        after = _filling(np.append(fill[kept], np.full(len(marked), np.nan)))
        if len(kept) == len(fill) and not len(marked):
            return after

        def chosen(x: Any) -> Any:
            some = tf.gather(x, kept, axis=1)
            if not len(marked):
                return some
            gone = tf.cast(tf.math.is_nan(tf.gather(x, marked, axis=1)), real())
            return tf.concat([some, gone], axis=1)

        return Staged(chosen, after)

    def missing(x: Any) -> Any:
        same = tf.equal(x, codes)
        if not by_nan.any():
            return same
        # No tf.where of truth values: TF.js' wasm backend reads past their end.
        lost = tf.cast(tf.math.is_nan(x), real()) * by_nan.astype(real())
        return tf.cast(same, real()) + lost > 0.5

    def transform(x: Any) -> Any:
        gone = missing(x)
        filled = tf.where(gone, tf.ones_like(x) * values, x)
        if len(kept) < len(fill):
            filled = tf.gather(filled, kept, axis=1)
        if not len(marked):
            return filled
        return tf.concat([filled, tf.gather(tf.cast(gone, real()), marked, axis=1)], axis=1)

    return transform


def _filling(fill: Array) -> Affine:
    """Values for missing ones; NaN where nothing is filled in."""

    def exactly(x: Array, columns: Array) -> Array:
        return np.where(np.isnan(x), fill[columns], x)

    return Affine(exactly=exactly, fill=fill)


@transformer("MissingIndicator")
def indicator(model: Any) -> Transform:
    """sklearn.impute.MissingIndicator.transform: 1 where a value is missing."""
    import tensorflow as tf

    features = np.asarray(model.features_, np.int32)
    if model.missing_values is None or model.missing_values != model.missing_values:
        return lambda x: tf.cast(tf.gather(tf.math.is_nan(x), features, axis=1), real())
    mark = real()(model.missing_values)
    return lambda x: tf.cast(tf.gather(tf.equal(x, mark), features, axis=1), real())
