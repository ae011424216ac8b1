"""Steps side by side: ColumnTransformer and FeatureUnion."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.errors import ConversionError
from edge_deploy.lowering.registry import (
    IDENTITY,
    Affine,
    Staged,
    Transform,
    apply,
    lower_steps,
    real,
    steps,
    transformer,
)
from edge_deploy.spec import Array


@transformer("ColumnTransformer", "FeatureUnion")
def side_by_side(model: Any) -> Staged:
    """sklearn.compose.ColumnTransformer.transform: each branch on its columns, then all in a row.

    Where its columns lie says ``branches_``, which sources/frames.py adds. Scaling at the end of
    a branch is left for what follows to fold in.
    """
    import tensorflow as tf

    if not hasattr(model, "branches_"):
        raise ConversionError(f"{type(model).__name__} cannot be converted in this place.")
    weights = model.transformer_weights or {}
    parts, scalings = [], []
    for label, step, places in model.branches_:
        staged = lower_steps([] if isinstance(step, str) else steps(step))
        if staged.after.turn is not None:  # a matrix of this branch alone
            staged = Staged(_then(staged.transform, apply(staged.after)), IDENTITY)
        columns = np.asarray(places, np.int32)
        width = int(staged.transform(tf.zeros([1, len(columns)], real())).shape[1])
        parts.append((columns, staged.transform))
        scalings.append(_spread(staged.after, width, float(weights.get(label) or 1.0)))
    after = Affine(*(np.concatenate(part) for part in zip(*scalings, strict=True)))

    def transform(x: Any) -> Any:
        return tf.concat([branch(tf.gather(x, at, axis=1)) for at, branch in parts], axis=1)

    plain = not after.centre.any() and not after.offset.any() and (after.gain == 1.0).all()  # type: ignore[union-attr]
    return Staged(transform, IDENTITY if plain else after)


def _then(first: Transform, second: Transform) -> Transform:
    return lambda x: second(first(x))


def _spread(affine: Affine, width: int, weight: float) -> list[Array]:
    """An Affine and a weight after it, column by column."""
    whole = (affine.centre, np.multiply(affine.gain, weight), np.multiply(affine.offset, weight))
    return [np.broadcast_to(np.asarray(part, np.float64), width) for part in whole]


@transformer("TfidfTransformer")
def tfidf(model: Any) -> Transform:
    """sklearn.feature_extraction.text.TfidfTransformer.transform: counts by idf, then a norm."""
    import tensorflow as tf

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
