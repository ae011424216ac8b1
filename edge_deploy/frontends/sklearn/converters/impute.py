"""Imputers that ask the other columns what a missing value may have been."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Staged,
    Transform,
    apply,
    lower,
    lower_steps,
    real,
    transformer,
)

_NONE = 1e30  # stands for the distance to a row with which there is no column in common
_NEAREST = 1e-30  # stands for a squared distance of 0, whose neighbour alone then counts


def _missing(model: Any) -> Transform:
    """True where a value is missing."""
    mark = model.missing_values
    if mark is None or mark != mark:
        return lambda x: tf.math.is_nan(x)
    return lambda x: tf.equal(x, real()(mark))


def _with_indicator(model: Any, gone: Any, filled: Any) -> Any:
    """add_indicator: a column of 0 and 1 for each that had gaps in the fit."""
    if not getattr(model, "add_indicator", False):
        return filled
    marked = np.asarray(model.indicator_.features_, np.int32)
    return tf.concat([filled, tf.gather(tf.cast(gone, real()), marked, axis=1)], axis=1)


@transformer("KNNImputer")
def by_neighbours(model: Any) -> Transform:
    """sklearn.impute.KNNImputer.transform: the mean of the nearest rows that have the value.

    Distances are over the columns that both rows have, scaled up to all of them
    (sklearn.metrics.pairwise.nan_euclidean_distances); where there is no such column with any
    row, the value is the column's mean.
    """
    name = type(model).__name__
    if model.metric != "nan_euclidean" or model.weights not in ("uniform", "distance"):
        raise ConversionError(
            f"{name} with a metric or weights of a function of your own cannot be converted. Those "
            "that can: metric='nan_euclidean', weights='uniform' or 'distance'."
        )
    rows = np.asarray(model._fit_X, np.float64)
    lost = np.asarray(model._mask_fit_X, bool)
    known = ~lost
    valid = np.flatnonzero(known.any(axis=0))
    columns, missing = rows.shape[1], _missing(model)
    kept = np.where(known, rows, 0.0)
    middle = kept.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, rows - middle, 0.0)
    centre, has = middle.astype(real()), known.T.astype(real())
    turned, squares = away.T.astype(real()), (away**2).T.astype(real())
    each, shift = away[np.newaxis].astype(real()), known[np.newaxis].astype(real())
    donors = [np.flatnonzero(known[:, n]) for n in range(columns)]

    def distances(z: Any, here: Any) -> Any:
        if rows.size <= 1 << 14:  # one by one: more exact
            apart = z[:, tf.newaxis, :] * shift - each * here[:, tf.newaxis, :]
            return tf.reduce_sum(apart * apart, axis=2)
        whole = tf.matmul(z * z, has) - 2.0 * tf.matmul(z, turned) + tf.matmul(here, squares)
        return tf.maximum(whole, 0.0)

    def guess(apart: Any, n: int) -> Any:
        """(samples, 1): column n, from the distances to all rows."""
        near = -tf.gather(apart, donors[n].astype(np.int32), axis=1)
        top, index = tf.math.top_k(near, k=min(int(model.n_neighbors), len(donors[n])))
        values = tf.gather(tf.constant(away[donors[n], n], real()), index)
        counts = tf.cast(top > -_NONE / 2, real())
        if model.weights == "distance":
            counts = counts / tf.sqrt(tf.maximum(-top, _NEAREST))
        total = tf.reduce_sum(counts, axis=1, keepdims=True)
        some = tf.where(total > 0.0, total, tf.ones_like(total))
        # Where none is near, this is 0: the mean, from which all is counted.
        return tf.reduce_sum(values * counts, axis=1, keepdims=True) / some + centre[n]

    def transform(x: Any) -> Any:
        gone = missing(x)
        here = 1.0 - tf.cast(gone, real())
        z = tf.where(gone, tf.zeros_like(x), x - centre)
        shared = tf.matmul(here, has)
        scale = real()(columns) / tf.maximum(shared, 1.0)
        none = tf.fill(tf.shape(shared), real()(_NONE))
        apart = tf.where(shared > 0.0, distances(z, here) * scale, none)
        guesses = tf.concat([guess(apart, n) for n in valid], axis=1)
        if len(valid) == columns:
            filled = tf.where(gone, guesses, x)
        else:
            at = valid.astype(np.int32)
            filled = tf.where(tf.gather(gone, at, axis=1), guesses, tf.gather(x, at, axis=1))
            if getattr(model, "keep_empty_features", False):
                back = np.zeros((len(valid), columns), real())
                back[np.arange(len(valid)), valid] = 1.0
                filled = tf.matmul(filled, back)
        return _with_indicator(model, gone, filled)

    return transform


@transformer("IterativeImputer")
def by_rounds(model: Any) -> Transform:
    """sklearn.impute.IterativeImputer.transform: column after column by a regressor, in rounds."""
    if model.sample_posterior:
        raise ConversionError(
            "IterativeImputer with sample_posterior=True cannot be converted: it draws random "
            "numbers, and gives another answer each time. Fit it with sample_posterior=False."
        )
    first, missing = lower_steps([model.initial_imputer_]), _missing(model)
    fill = apply(first.after)
    empty = np.asarray(getattr(model, "_is_empty_feature", np.zeros(model.n_features_in_)), bool)
    keeps = getattr(model, "keep_empty_features", False)
    kept = np.flatnonzero(~empty | keeps).astype(np.int32)
    low, high = (
        np.broadcast_to(np.asarray(getattr(model, f"_{end}_value"), np.float64), len(kept))
        for end in ("min", "max")
    )
    least, most = (np.nan_to_num(end.astype(real())) for end in (low, high))
    rounds = []
    for feature, others, regressor in model.imputation_sequence_ if model.n_iter_ else ():
        unit = (np.arange(len(kept)) == feature).astype(real())
        rounds.append((int(feature), np.asarray(others, np.int32), lower(regressor), unit))

    def transform(x: Any) -> Any:
        gone = missing(x)
        filled = fill(first.transform(x))
        holes = tf.cast(tf.gather(gone, kept, axis=1), real())
        for feature, others, regressor, unit in rounds:
            said = regressor(tf.gather(filled, others, axis=1))["value"]
            said = tf.clip_by_value(said, least[feature], most[feature])
            # Only where it is missing, and only in this column.
            filled = filled + (said - filled) * (holes * unit)
        return _with_indicator(model, gone, filled)

    return transform


@transformer("SimpleImputer")
def imputer(model: Any) -> Affine | Staged | Transform:
    """sklearn.impute.SimpleImputer.transform: statistics_ where a value is missing.

    Over a frame, statistics_ and missing_values are codes by the column (dataframe/trace.py).
    Where NaN alone is missing, the filling is left for what follows to fold in.
    """
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
    features = np.asarray(model.features_, np.int32)
    if model.missing_values is None or model.missing_values != model.missing_values:
        return lambda x: tf.cast(tf.gather(tf.math.is_nan(x), features, axis=1), real())
    mark = real()(model.missing_values)
    return lambda x: tf.cast(tf.gather(tf.equal(x, mark), features, axis=1), real())
