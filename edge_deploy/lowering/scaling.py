"""Scalers: column by column, ``(x - centre) / scale`` in one form or another."""

from __future__ import annotations

from typing import Any

import numpy as np


def _affine(centre: Any, scale: Any) -> Any:
    """(x - centre) / scale: subtracted first, so that a large offset costs no digits."""
    import tensorflow as tf

    shift = None if centre is None else tf.constant(np.asarray(centre), tf.float32)
    width = None if scale is None else tf.constant(np.asarray(scale), tf.float32)

    def transform(x: Any) -> Any:
        x = x if shift is None else x - shift
        return x if width is None else x / width

    return transform


def _standard(scaler: Any) -> Any:
    """sklearn.preprocessing.StandardScaler: z = (x - mean_) / scale_."""
    return _affine(
        scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None
    )


def _robust(scaler: Any) -> Any:
    """sklearn.preprocessing.RobustScaler: (x - center_) / scale_."""
    return _affine(
        scaler.center_ if scaler.with_centering else None,
        scaler.scale_ if scaler.with_scaling else None,
    )


def _max_abs(scaler: Any) -> Any:
    """sklearn.preprocessing.MaxAbsScaler: x / scale_."""
    return _affine(None, scaler.scale_)


def _min_max(scaler: Any) -> Any:
    """sklearn.preprocessing.MinMaxScaler: x * scale_ + min_, clipped to the range if asked.

    Written as (x - data_min_) * scale_ + low, which keeps digits where the columns are large.
    """
    import tensorflow as tf

    low, high = scaler.feature_range
    start = tf.constant(scaler.data_min_, tf.float32)
    scale = tf.constant(scaler.scale_, tf.float32)

    def transform(x: Any) -> Any:
        y = (x - start) * scale + float(low)
        return tf.clip_by_value(y, low, high) if getattr(scaler, "clip", False) else y

    return transform


TRANSFORMERS = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
}
