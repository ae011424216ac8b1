"""Scalers: column by column, ``(x - centre) / scale`` in one form or another."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.lowering.registry import Affine, Transform, apply, transformer
from edge_deploy.spec import Array


def _or(values: Any, otherwise: float) -> Array:
    """Fitted values, or what stands for the step that the scaler was told to leave out."""
    return np.asarray(otherwise if values is None else values, np.float64)


@transformer("StandardScaler")
def standard(scaler: Any) -> Affine:
    """sklearn.preprocessing.StandardScaler.transform: (x - mean_) / scale_."""
    mean = scaler.mean_ if scaler.with_mean else None
    scale = scaler.scale_ if scaler.with_std else None
    return Affine(_or(mean, 0.0), 1.0 / _or(scale, 1.0))


@transformer("RobustScaler")
def robust(scaler: Any) -> Affine:
    """sklearn.preprocessing.RobustScaler.transform: (x - center_) / scale_."""
    centre = scaler.center_ if scaler.with_centering else None
    scale = scaler.scale_ if scaler.with_scaling else None
    return Affine(_or(centre, 0.0), 1.0 / _or(scale, 1.0))


def _clipped(scaler: Any, affine: Affine, low: float, high: float) -> Affine | Transform:
    """The scaling alone, or cut to its range where the scaler was told to."""
    import tensorflow as tf

    if not getattr(scaler, "clip", False):  # absent in old pickles
        return affine
    scaled = apply(affine)
    return lambda x: tf.clip_by_value(scaled(x), low, high)


@transformer("MaxAbsScaler")
def max_abs(scaler: Any) -> Affine | Transform:
    """sklearn.preprocessing.MaxAbsScaler.transform: x / scale_, clipped to ±1 if asked."""
    return _clipped(scaler, Affine(gain=1.0 / _or(scaler.scale_, 1.0)), -1.0, 1.0)


@transformer("MinMaxScaler")
def min_max(scaler: Any) -> Affine | Transform:
    """sklearn.preprocessing.MinMaxScaler.transform: x * scale_ + min_, clipped if asked.

    Written as (x - data_min_) * scale_ + low, which is the same and needs no large offset.
    """
    low, high = map(float, scaler.feature_range)
    affine = Affine(_or(scaler.data_min_, 0.0), _or(scaler.scale_, 1.0), low)
    return _clipped(scaler, affine, low, high)


@transformer("Normalizer")
def normalizer(scaler: Any) -> Transform:
    """sklearn.preprocessing.normalize: rows divided by their norm; rows of zeros are kept."""
    import tensorflow as tf

    smallest = 10 * float(np.finfo(np.float64).eps)  # _handle_zeros_in_scale: below it, 1

    def norm(x: Any) -> Any:
        if scaler.norm == "l2":
            return tf.sqrt(tf.reduce_sum(x * x, axis=1, keepdims=True))
        total = tf.reduce_sum if scaler.norm == "l1" else tf.reduce_max
        return total(tf.abs(x), axis=1, keepdims=True)

    def transform(x: Any) -> Any:
        size = norm(x)
        return x / tf.where(size > smallest, size, tf.ones_like(size))

    return transform
