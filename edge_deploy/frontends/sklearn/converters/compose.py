"""Steps side by side: ColumnTransformer and FeatureUnion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Staged,
    Transform,
    apply,
    exactly,
    lower_steps,
    real,
    steps,
    transformer,
    without_fill,
)


@transformer("ColumnTransformer", "FeatureUnion")
def side_by_side(model: Any) -> Staged:
    """sklearn.compose.ColumnTransformer.transform: each branch on its columns, then all in a row.

    Where its columns lie says ``branches_``, which dataframe/trace.py adds. Scaling at the end of
    a branch is left for what follows to fold in.
    """
    if not hasattr(model, "branches_"):
        raise ConversionError(f"{type(model).__name__} cannot be converted in this place.")
    weights = model.transformer_weights or {}
    parts, after = [], []
    for label, step, places in model.branches_:
        staged = lower_steps([] if isinstance(step, str) else steps(step))
        if staged.after.turn is not None:  # a matrix of this branch alone
            staged = Staged(_then(staged.transform, apply(staged.after)), IDENTITY)
        columns = np.asarray(places, np.int32)
        width = int(staged.transform(tf.zeros([1, len(columns)], real())).shape[1])
        parts.append((_taken(columns), staged.transform))
        after.append((staged.after, width, float(weights.get(label) or 1.0)))

    def transform(x: Any) -> Any:
        return tf.concat([branch(own(x)) for own, branch in parts], axis=1)

    return Staged(transform, _joined(after))


def _taken(columns: Array) -> Transform:
    """Some columns; those that lie side by side take no table of places."""
    if not len(columns) or (np.diff(columns) != 1).any():
        return lambda x: tf.gather(x, columns, axis=1)
    first, end = int(columns[0]), int(columns[-1]) + 1
    return lambda x: x if (first, end) == (0, x.shape[1]) else x[:, first:end]


def _then(first: Transform, second: Transform) -> Transform:
    return lambda x: second(first(x))


def _joined(parts: list[tuple[Affine, int, float]]) -> Affine:
    """Affines side by side as one; given the width of each, and a weight after it."""

    def all_of(values: Iterable[Any]) -> Array:
        pairs = zip(values, parts, strict=True)
        return np.concatenate(
            [np.broadcast_to(np.asarray(v, np.float64), width) for v, (_, width, _) in pairs]
        )

    branch = np.repeat(np.arange(len(parts)), [width for _, width, _ in parts])
    place = np.concatenate([np.arange(width) for _, width, _ in parts])
    scaled = [(exactly(one), weight) for one, _, weight in parts]

    def of(x: Array, columns: Array) -> Array:
        found = np.empty(len(x))
        for n, (scale, weight) in enumerate(scaled):
            own = branch[columns] == n
            found[own] = scale(x[own], place[columns[own]]) * weight
        return found

    after = Affine(
        all_of(one.centre for one, _, _ in parts),
        all_of(one.gain * weight for one, _, weight in parts),
        all_of(one.offset * weight for one, _, weight in parts),
        exactly=of,
    )
    fill = all_of(np.nan if one.fill is None else one.fill for one, _, _ in parts)
    return without_fill(after) if np.isnan(fill).all() else replace(after, fill=fill)


@transformer("TfidfTransformer")
def tfidf(model: Any) -> Transform:
    """sklearn.feature_extraction.text.TfidfTransformer.transform: counts by idf, then a norm."""
    idf = np.asarray(model.idf_, np.float64).astype(real()) if model.use_idf else None

    def transform(x: Any) -> Any:
        if model.sublinear_tf:
            x = tf.where(x > 0.0, tf.math.log(tf.maximum(x, 1.0)) + 1.0, x)
        if idf is not None:
            x = x * idf
        if model.norm is None:
            return x
        squares = tf.sqrt(tf.reduce_sum(x * x, axis=1, keepdims=True))
        size = squares if model.norm == "l2" else tf.reduce_sum(tf.abs(x), axis=1, keepdims=True)
        return x / tf.where(size > 0.0, size, tf.ones_like(size))

    return transform
