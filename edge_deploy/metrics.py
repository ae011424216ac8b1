"""How far one array is from another: pure functions, in float64."""

from __future__ import annotations

import numpy as np

from edge_deploy.spec import Array


def scale(original: Array) -> float:
    """The size of an output: the largest absolute value, at least 1e-6.

    Outputs are of any size (prices, logits, probabilities), so errors are judged relative to
    this and not to single values, which may be zero.
    """
    finite = np.abs(original[np.isfinite(original)].astype(np.float64))
    return max(float(finite.max(initial=0.0)), 1e-6)


def abs_error(original: Array, converted: Array) -> Array:
    """Element-wise absolute difference; where both are the same infinity or NaN it is 0."""
    a, b = original.astype(np.float64), converted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error: Array = np.abs(a - b)
    error[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return error


def top1_agreement(original: Array, converted: Array) -> float:
    """The share of samples whose largest column is the same one; shape (samples, classes)."""
    return float(np.mean(original.argmax(axis=-1) == converted.argmax(axis=-1)))


def snr_db(original: Array, converted: Array) -> float:
    """Signal-to-noise ratio in decibels: 10·log10(Σ original² / Σ difference²)."""
    signal = float(np.sum(original.astype(np.float64) ** 2))
    noise = float(np.sum(abs_error(original, converted) ** 2))
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")


def spread(values: Array) -> float:
    """How far samples are from one another: the widest range of any element over the samples."""
    if len(values) < 2:
        return 0.0
    with np.errstate(invalid="ignore"):
        ranges = values.astype(np.float64).max(axis=0) - values.astype(np.float64).min(axis=0)
    return float(np.nan_to_num(ranges, posinf=np.inf).max(initial=0.0))
