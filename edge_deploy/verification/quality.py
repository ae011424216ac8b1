"""How good the original is by the true labels, in the figures that the page draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference, class_count
from edge_deploy.verification.metrics import answered, labelled

BINS = 10
"""Into how many parts confidences from 0 to 1, and residuals, are counted."""
MOST_POINTS = 400
"""So many pairs of a true and a predicted value are drawn."""
_NORMAL_95 = 1.959964  # the 97.5th percentile of the standard normal distribution


def quality(spec: ModelSpec, data: Reference) -> dict[str, Any] | None:
    """What labelled samples say of the original.

    Args:
        spec: The model's outputs.
        data: Samples with the original's answers and their labels: class indices, or values.

    Returns:
        None where no output can be judged. Of a classifier ``output``, ``samples``, ``accuracy``
        (``value`` with its 95 % interval ``low`` to ``high``), ``classes`` (true samples, hits
        and answers of each) and ``calibration`` (None where it tells no probabilities). Of a
        regression ``output``, ``samples``, ``points`` (true, predicted), ``residuals`` (``edges``
        and ``counts``) and ``errors`` (absolute errors that 50 %, 90 % and all samples stay below).
    """
    output = labelled(spec, data.labels)
    several = data.labels is not None and data.labels.ndim > 1  # numbers, of which none is drawn
    if output is None or data.labels is None or several or data.origin == "synthetic":
        return None
    values, labels = data.outputs[output.name], data.labels
    told = {"output": output.name, "samples": len(labels)}
    if class_count(output) == 0:
        return {**told, **_regression(values, labels)}
    return {**told, **_classification(output, values, labels.astype(np.int64))}


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """Between what shares the true one lies with 95 % confidence.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927: unlike
    the normal approximation it holds for few samples, and for shares near 0 and 1.
    """
    share, square = hits / total, _NORMAL_95**2 / total
    middle = share + square / 2
    half = _NORMAL_95 * float(np.sqrt(share * (1 - share) / total + square / (4 * total)))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return max(0.0, low), min(1.0, high)


def _classification(output: TensorSpec, values: Array, true: Array) -> dict[str, Any]:
    found = answered(output, values)
    hits = found == true
    low, high = wilson_interval(int(hits.sum()), len(true))
    size = max(class_count(output) or 0, int(max(true.max(), found.max())) + 1)
    counted = (np.bincount(of[of >= 0], minlength=size) for of in (true, true[hits], found))
    return {
        "accuracy": {"value": float(hits.mean()), "low": low, "high": high},
        "classes": [list(map(int, counts)) for counts in zip(*counted, strict=True)],
        "calibration": _calibration(_confidence(output, values), hits),
    }


def _confidence(output: TensorSpec, values: Array) -> Array | None:
    """The probability that each answer was given with."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    if output.kind == "probabilities":
        return np.asarray(flat.max(axis=1))
    return np.maximum(flat[:, 0], 1 - flat[:, 0]) if output.kind == "probability" else None


def _calibration(confidence: Array | None, hits: Array) -> dict[str, Any] | None:
    """How often the model is right where it says that it is so sure.

    The expected calibration error over bins of equal width: C. Guo et al., On calibration of
    modern neural networks, 2017.
    """
    if confidence is None or not np.isfinite(confidence).all():
        return None
    places = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        of = {"confidence": confidence[inside].mean(), "accuracy": hits[inside].mean()}
        bins.append({**{k: _short(v) for k, v in of.items()}, "samples": int(inside.sum())})
    off = [abs(one["confidence"] - one["accuracy"]) * one["samples"] for one in bins]
    return {"bins": bins, "error": _short(sum(off) / len(hits))}


def _regression(values: Array, true: Array) -> dict[str, Any]:
    predicted = values.reshape(len(values), -1)[:, 0].astype(np.float64)
    true = true.astype(np.float64)
    sound = np.isfinite(predicted)
    residuals = (predicted - true)[sound]
    chosen = np.flatnonzero(sound)
    if len(chosen) > MOST_POINTS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_POINTS).astype(np.int64)]
    most = float(np.abs(residuals).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(residuals, bins=2 * BINS, range=(-most, most))
    below = np.quantile(np.abs(residuals), [0.5, 0.9, 1.0]) if len(residuals) else ()
    return {
        "points": [[_short(true[n]), _short(predicted[n])] for n in chosen],
        "residuals": {"edges": list(map(_short, edges)), "counts": list(map(int, counts))},
        "errors": list(map(_short, below)),
    }


def cells(spec: ModelSpec, data: Reference, places: Sequence[int]) -> list[list[int]]:
    """The true and the answered class of some samples; empty where there are none of either."""
    output = labelled(spec, data.labels)
    if output is None or data.labels is None or data.labels.ndim > 1 or class_count(output) == 0:
        return []
    found = answered(output, data.outputs[output.name])
    return [[int(data.labels[n]), int(found[n])] for n in places]


def _short(value: Any) -> float:
    """Six digits, which are more than a picture shows."""
    return float(f"{float(value):.6g}")
