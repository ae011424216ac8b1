"""An output judged column by column, each on its own scale.

One output may hold boxes of 0 to 640 and scores of 0 to 1: what is nothing beside the boxes is all
of the scores. Columns are those of the last axis. web_demo/src/check.js has the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.messages import Shown, option
from edge_deploy.core.spec import Array, TensorSpec
from edge_deploy.verification import metrics
from edge_deploy.verification.tolerances import RTOL, Budget, Tolerance

APART = 10.0
"""Columns whose scales follow one another by less than this are of one unit."""

SHARE = 0.1
"""Of its unit's scale a column has at least this: one that hardly varies is not all noise."""

FEW = 16
"""So many columns may be of several units; more are features, of which some hardly ever show."""

ROUNDING = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class ColumnScales:
    """What the columns of an output are judged by.

    Attributes:
        own: The largest |original| of each column.
        unit: The largest of the columns of the same unit, at least.
        whole: Of the output.
        one_unit: Whether all columns are of one unit, as probabilities are.
    """

    own: Array
    unit: Array
    whole: float
    one_unit: bool

    def limits(self, tolerance: Tolerance) -> Array:
        """The largest error of a float32 file, by column.

        A column of a small unit that larger numbers cancel in has their rounding: a tenth of
        what the output may be off by, if that is not more than 2 % of the column.
        """
        if not tolerance.rtol:
            return np.full(len(self.own), tolerance.atol)
        rounded = np.full(len(self.own), RTOL * SHARE * self.whole)
        if not self.one_unit:
            small = np.minimum(rounded, 200 * RTOL * self.unit)
            rounded = np.maximum(small, ROUNDING * self.whole)
        return np.asarray(tolerance.atol + np.maximum(tolerance.rtol * self.unit, rounded))

    def sizes(self) -> Array:
        """The size of each column, of which one that hardly varies has a share of its unit's."""
        return self.unit if self.one_unit else np.maximum(self.own, SHARE * self.unit)


def column_scales(kind: str, original: Array) -> ColumnScales | None:
    """The scales of an output's columns; None where it has no columns.

    Args:
        kind: Of the output.
        original: Its values, columns on the last axis.
    """
    if original.ndim < 2 or original.shape[-1] < 2 or kind == "class":
        return None
    flat = original.reshape(-1, original.shape[-1]).astype(np.float64)
    own = np.abs(np.where(np.isfinite(flat), flat, 0.0)).max(axis=0, initial=0.0)
    whole = metrics.scale(original)
    if kind == "probabilities":
        return ColumnScales(own, np.full(len(own), whole), whole, True)
    least = whole * (1e-6 if len(own) <= FEW else 1e-3)
    order = np.argsort(own, kind="stable")
    sorted_own = own[order]
    starts = np.flatnonzero(sorted_own[1:] > APART * sorted_own[:-1]) + 1
    ends = np.append(starts, len(own)) - 1
    largest = np.repeat(sorted_own[ends], np.diff(np.append(-1, ends)))
    unit = np.empty_like(own)
    unit[order] = np.maximum(largest, least / SHARE)
    return ColumnScales(own, unit, whole, False)


@dataclass(frozen=True)
class ColumnFinding:
    """What is wrong in columns.

    Attributes:
        failures: In words.
        worst: The column that is off the most, as a share of what it may be.
        needed_rtol: The smallest ``rtol`` with which errors would pass.
    """

    failures: tuple[str, ...]
    worst: int
    needed_rtol: float


def judge_columns(
    spec: TensorSpec,
    expected: Array,
    got: Array,
    error: Array,
    allowed: tuple[Tolerance, Budget | None],
    step: float,
) -> ColumnFinding | None:
    """One output's columns; None where it has none.

    Args:
        spec: The output.
        expected: The original's answers, samples on the first axis.
        got: The file's.
        error: How far each may count as off.
        allowed: What passes, and what a compressed file may cost.
        step: The distance of neighbouring answers, of an output that is an integer inside.
    """
    scales = column_scales(spec.kind, expected)
    if scales is None:
        return None
    tolerance, budget = allowed
    count = expected.shape[-1]
    flat = error.reshape(-1, count)
    largest = flat.max(axis=0, initial=0.0)
    sizes = scales.sizes()
    if budget is None:
        limits, varies = (scales.limits(tolerance),) * 2
    else:
        limits = tolerance.atol + tolerance.rtol * scales.unit
        limits = np.full(count, np.inf) if np.isinf(budget.error) else limits
        varies = np.maximum(SHARE * sizes, 4 * step)
    needed = largest / scales.unit
    failures = []
    if (bad := largest > limits).any():
        worst = int((largest / np.maximum(limits, 1e-30)).argmax())
        which = int(flat[:, worst].argmax()) * len(expected) // len(flat)
        failures.append(
            f"{_named(spec, worst, count)} is off by {largest[worst]:.3g} (sample {which}), its "
            f"values reach {scales.own[worst]:.3g}, allowed {limits[worst]:.3g}"
            f"{_others(bad)}; would pass with {option('rtol', Shown(_up(needed[bad].max())))}"
        )
    elif budget is not None:
        failures += _loud(spec, expected, flat, scales, budget)
    if len(expected) > 1 and not failures:
        still = (_spread(expected) > varies) & (_spread(got) == 0.0)
        if still.any():
            first = _named(spec, int(still.argmax()), count)
            failures.append(
                f"{first} has the same answer to every sample, where the original's vary"
                f"{_others(still)}"
            )
    share = largest / np.maximum(limits, 1e-30) if np.isfinite(limits).all() else largest / sizes
    return ColumnFinding(tuple(failures), int(share.argmax()), float(needed.max()))


def page_columns(kind: str, original: Array) -> dict[str, Any] | None:
    """What the page's check needs to know of an output's columns; None where it has none."""
    scales = column_scales(kind, original)
    if scales is None:
        return None
    return {
        "own": _short(scales.own),
        "unit": _short(scales.unit),
        "power": _short(_power(original, scales)),
        "one_unit": scales.one_unit,
    }


def _short(values: Array) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]


def _power(original: Array, scales: ColumnScales) -> Array:
    """The mean square of each column, at least that of the least that it is judged by."""
    values = original.reshape(-1, original.shape[-1]).astype(np.float64)
    power = np.square(np.where(np.isfinite(values), values, 0.0)).mean(axis=0)
    return np.asarray(np.maximum(power, (SHARE * scales.unit) ** 2))


def _loud(
    spec: TensorSpec, expected: Array, error: Array, scales: ColumnScales, budget: Budget
) -> list[str]:
    """A column with more noise than signal; half the decibels of the whole are asked of each."""
    count = expected.shape[-1]
    power = _power(expected, scales)
    noise = np.square(error).mean(axis=0)
    with np.errstate(divide="ignore"):
        ratio = 10.0 * np.log10(power / np.maximum(noise, 1e-300))
    bad = (ratio < budget.snr / 2) & (error.max(axis=0) > RTOL * scales.sizes())
    if not bad.any():
        return []
    worst = int(np.where(bad, ratio, np.inf).argmin())
    return [
        f"{_named(spec, worst, count)} has a signal-to-noise ratio of {ratio[worst]:.1f} dB, "
        f"allowed {budget.snr / 2:.1f}{_others(bad)}; {option('rtol')} sets a budget of your own"
    ]


def _spread(values: Array) -> Array:
    """How far samples are from one another, by column."""
    wide = values.reshape(len(values), -1, values.shape[-1]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        ranges = wide.max(axis=0) - wide.min(axis=0)
    return np.asarray(np.nan_to_num(ranges, posinf=np.inf).max(axis=0, initial=0.0))


def column_name(spec: TensorSpec, index: int, count: int) -> str:
    """The class that a column stands for, or its number from 0."""
    classes = spec.classes or ()
    return classes[index] if len(classes) == count else str(index)


def _named(spec: TensorSpec, index: int, count: int) -> str:
    name = column_name(spec, index, count)
    return f"column {index} ({name})" if name != str(index) else f"column {index} of 0..{count - 1}"


def _others(bad: Array) -> str:
    more = int(bad.sum()) - 1
    return f", and {more} more column{'s' * (more > 1)}" if more else ""


def _up(value: float) -> str:
    """Two digits, rounded up, so that what is advised passes."""
    return f"{value * 1.005 + 1e-12:.2g}" if float(f"{value:.2g}") < value else f"{value:.2g}"
