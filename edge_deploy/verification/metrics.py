"""How far one array is from another: pure functions, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, ModelSpec


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


def winners(kind: str, values: Array) -> Array:
    """The class of each sample: the largest column, or the class itself."""
    found: Array = values.argmax(axis=-1) if kind == "probabilities" else values
    return found.reshape(len(values), -1)[:, 0]


@dataclass(frozen=True)
class Task:
    """How good answers are by the true labels, before and after compression.

    Attributes:
        output: The output that was asked.
        name: ``accuracy`` or ``R²``.
        before: The original's.
        after: The compressed file's.
        more: For values the mean absolute and the root mean squared error, before and after.
    """

    output: str
    name: str
    before: float
    after: float
    more: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """The report's form."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Task:
        """What ``to_json`` wrote."""
        more = {name: (before, after) for name, (before, after) in entry["more"].items()}
        return cls(**{**entry, "more": more})


def task(
    spec: ModelSpec,
    before: Mapping[str, Array],
    after: Mapping[str, Sequence[Array]],
    labels: Array | None,
) -> Task | None:
    """The task metric of the first output that the labels can belong to.

    Args:
        spec: The model's outputs.
        before: The original's answers.
        after: The compressed file's, one array a sample.
        labels: A class index or a value a sample.
    """
    if labels is None or labels.dtype.kind not in "iufb" or labels.ndim != 1:
        return None
    for output in spec.outputs:
        was, given = before[output.name], after.get(output.name, [])
        if len(given) != len(labels) or any(g.size * len(labels) != was.size for g in given):
            continue
        now = np.concatenate([g.reshape(1, -1) for g in given])
        was = was.reshape(len(was), -1)
        if output.kind in ("probabilities", "class") and (
            output.kind == "class" or was.shape[1] > 1
        ):
            scores = [float(np.mean(winners(output.kind, v) == labels)) for v in (was, now)]
            return Task(output.name, "accuracy", scores[0], scores[1], {})
        if output.kind == "probability" and was.shape[1] == 1 and set(labels) <= {0, 1}:
            scores = [float(np.mean((v[:, 0] >= 0.5) == labels)) for v in (was, now)]
            return Task(output.name, "accuracy", scores[0], scores[1], {})
        if output.kind == "value" and was.shape[1] == 1 and np.ptp(labels) > 0:
            off = [v[:, 0].astype(np.float64) - labels for v in (was, now)]
            total = float(np.sum((labels - labels.mean()) ** 2))
            r2 = [1 - float(np.sum(o**2)) / total for o in off]
            mae = float(np.abs(off[0]).mean()), float(np.abs(off[1]).mean())
            rmse = float(np.sqrt((off[0] ** 2).mean())), float(np.sqrt((off[1] ** 2).mean()))
            return Task(output.name, "R²", r2[0], r2[1], {"MAE": mae, "RMSE": rmse})
    return None
