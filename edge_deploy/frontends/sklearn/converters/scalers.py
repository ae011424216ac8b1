"""Scalers: column by column, ``(x - centre) / scale`` in one form or another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Staged,
    Transform,
    exactly,
    of_columns,
    real,
    transformer,
)


def _or(values: Any, otherwise: float) -> Array:
    """Fitted values, or what stands for the step that the scaler was told to leave out."""
    return np.asarray(otherwise if values is None else values, np.float64)


def _divided(centre: Array, scale: Array) -> Affine:
    """(x - centre) / scale."""

    def exactly(x: Array, columns: Array) -> Array:
        return np.asarray((x - of_columns(centre, columns)) / of_columns(scale, columns))

    return Affine(centre, 1.0 / scale, exactly=exactly)


@transformer("StandardScaler")
def standard(scaler: Any) -> Affine:
    """sklearn.preprocessing.StandardScaler.transform: (x - mean_) / scale_."""
    mean = scaler.mean_ if scaler.with_mean else None
    scale = scaler.scale_ if scaler.with_std else None
    return _divided(_or(mean, 0.0), _or(scale, 1.0))


@transformer("RobustScaler")
def robust(scaler: Any) -> Affine:
    """sklearn.preprocessing.RobustScaler.transform: (x - center_) / scale_."""
    centre = scaler.center_ if scaler.with_centering else None
    scale = scaler.scale_ if scaler.with_scaling else None
    return _divided(_or(centre, 0.0), _or(scale, 1.0))


def _clipped(scaler: Any, affine: Affine, low: float, high: float) -> Affine | Staged:
    """The scaling alone, or cut to its range where the scaler was told to.

    It is the input that is cut, a float32 beyond the range, so that trees can still fold what
    comes after; to them the ends are exact.
    """
    if not getattr(scaler, "clip", False):  # absent in old pickles
        return affine
    scaled = exactly(affine)
    ends = [(end - affine.offset) / affine.gain + affine.centre for end in (low, high)]
    least, most = (
        np.nextafter(np.float32(end), np.float32(away)).astype(real())
        for end, away in zip(ends, (-np.inf, np.inf), strict=True)
    )
    cut = replace(affine, exactly=lambda x, columns: np.clip(scaled(x, columns), low, high))
    return Staged(lambda x: tf.clip_by_value(x, least, most), cut)


@transformer("MaxAbsScaler")
def max_abs(scaler: Any) -> Affine | Staged:
    """sklearn.preprocessing.MaxAbsScaler.transform: x / scale_, clipped to ±1 if asked."""
    return _clipped(scaler, _divided(np.zeros(()), _or(scaler.scale_, 1.0)), -1.0, 1.0)


@transformer("MinMaxScaler")
def min_max(scaler: Any) -> Affine | Staged:
    """sklearn.preprocessing.MinMaxScaler.transform: x * scale_ + min_, clipped if asked.

    Written as (x - data_min_) * scale_ + low, which is the same and needs no large offset.
    """
    low, high = map(float, scaler.feature_range)
    gain, offset = _or(scaler.scale_, 1.0), _or(scaler.min_, 0.0)

    def exactly(x: Array, columns: Array) -> Array:
        return np.asarray(x * of_columns(gain, columns) + of_columns(offset, columns))

    affine = Affine(_or(scaler.data_min_, 0.0), gain, low, exactly=exactly)
    return _clipped(scaler, affine, low, high)


@transformer("Normalizer")
def normalizer(scaler: Any) -> Transform:
    """sklearn.preprocessing.normalize: rows divided by their norm; rows of zeros are kept."""
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
