"""The original's own rounding: differences that no converter makes.

A float32 answer is one of many that are equally right. Two libraries add the same numbers up in
another order, and how much that changes an answer depends on the model: a normalization of
40,000 ± 1 or a sum of large weights of both signs loses three digits in any of them, and of two
neighbours at the same distance either is the nearest. Backward error analysis says how to see it:
what rounding does inside is what it would do to have moved the inputs by a few roundings (N. J.
Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, sections 1.5 and 3.1). So the
original is asked again, with every input moved by one float32 step, once in float64, and once with
its long sums taken one number after another, as the other runtimes do and TensorFlow does not.

The rule: an answer counts as right where it lies between the least and the largest that the
original itself gave to that sample, or outside by no more than ``FACTOR`` times what the original
varies by in the middle of all samples (and ``MOST`` of the column's scale at most). All that is
further off is the file's. A class counts where the original itself gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import Array, Arrays, LoadedModel, ModelSpec
from edge_deploy.data.reference import Reference

TRIALS = 16
FACTOR = 4.0
MOST = 0.01


def measure(model: LoadedModel, reference: Reference) -> Arrays:
    """Between what values the original's own answers to each sample lie.

    Args:
        model: The original.
        reference: The samples, and its answers.

    Returns:
        By output (samples, 2, ...): the least and the largest. Nothing where only texts go in.
    """
    found = [reference.outputs]
    rng = np.random.default_rng(0)
    if any(array.dtype == np.float32 for array in reference.inputs.values()):
        for _ in range(TRIALS):
            moved = {name: _moved(array, rng) for name, array in reference.inputs.items()}
            found.append(model.predict(moved))
    found += _in_other_arithmetic(model, reference)
    if len(found) == 1:
        return {}
    return {
        name: np.stack(
            [np.min([one[name] for one in found], 0), np.max([one[name] for one in found], 0)], 1
        )
        for name in reference.outputs
    }


def _moved(values: Array, rng: np.random.Generator) -> Array:
    """Every number up or down by one float32 step of its column's size; indices stay."""
    if values.dtype != np.float32 or not values.size:
        return values
    across = tuple(range(values.ndim - 1)) if values.ndim == 2 else None
    size = np.abs(values).max(axis=across, initial=0.0, where=np.isfinite(values))
    step = np.spacing(size.astype(np.float32))
    sign = rng.choice(np.array([-1, 1], np.float32), values.shape)
    return np.asarray(values + sign * step, np.float32)


def _in_other_arithmetic(model: LoadedModel, reference: Reference) -> list[Arrays]:
    """The answers of a TensorFlow model in float64, where operators can, and with sums in order."""
    if model.kind == "sklearn":
        return []  # asked in float64 already
    from edge_deploy.core import arithmetic

    found = []
    for predict in (arithmetic.predict_in_float64, arithmetic.predict_in_sequence):
        try:
            answers = predict(model.function, model.spec, reference.inputs)
        except (EdgeDeployError, ValueError, TypeError, KeyError):
            continue
        if answers is not None:
            wanted = reference.outputs.items()
            found.append({name: answers[name].astype(array.dtype) for name, array in wanted})
    return found


def excused(kind: str, error: Array, got: Array, unsure: Array | None) -> Array:
    """What is left of errors once the original's own rounding is taken off.

    Args:
        kind: Of the output.
        error: How far the file is off.
        got: Its answers.
        unsure: What ``measure`` gave of this output; None where nothing was measured.
    """
    if unsure is None or unsure.shape[2:] != got.shape[1:] or len(unsure) != len(got):
        return error
    low, high = unsure[:, 0].astype(np.float64), unsure[:, 1].astype(np.float64)
    if kind == "class":
        return np.asarray(np.where((got == low) | (got == high), 0.0, error))
    usual = allowance(unsure)
    outside = np.maximum(np.maximum(low - got, got - high) - usual, 0.0)
    return np.asarray(np.where(np.isfinite(outside), np.minimum(outside, error), error))


def allowance(unsure: Array) -> Any:
    """How far outside an answer may be: by column, where there are columns, else for all."""
    low, high = unsure[:, 0].astype(np.float64), unsure[:, 1].astype(np.float64)
    columns = unsure.shape[-1] if unsure.ndim > 2 else 1
    with np.errstate(invalid="ignore"):
        width = np.nan_to_num((high - low) / 2).reshape(-1, columns)
    scale = np.abs(np.where(np.isfinite(high), high, 0.0)).reshape(-1, columns).max(axis=0)
    usual = np.minimum(FACTOR * np.median(width, axis=0), MOST * scale)
    return usual if unsure.ndim > 2 else usual[0]


def sure_samples(reference: Reference, spec: ModelSpec) -> list[int]:
    """The samples to which the original names one class, whatever the rounding; all if none."""
    sure = np.ones(reference.count, bool)
    for output in spec.outputs:
        if output.kind == "class" and output.name in reference.unsure:
            ends = reference.unsure[output.name].reshape(reference.count, 2, -1)
            sure &= (ends[:, 0] == ends[:, 1]).all(axis=1)
    return [int(n) for n in np.flatnonzero(sure)] or list(range(reference.count))


def evidence(unsure: Mapping[str, Array], name: str) -> float | None:
    """The most that the original's own answer to a sample varies by; None if not measured."""
    if name not in unsure:
        return None
    with np.errstate(invalid="ignore"):
        width = np.nan_to_num(unsure[name][:, 1].astype(np.float64) - unsure[name][:, 0])
    return float(width.max(initial=0.0))
