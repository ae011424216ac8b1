"""Columns that float32, all a phone's runtime takes, cannot hold: seconds since 1970, long ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_deploy.artifact.performance import WarningEntry
from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.spec import Array, Arrays, Feature, LoadedModel
from edge_deploy.data.reference import Reference
from edge_deploy.verification import metrics
from edge_deploy.verification.tolerances import RTOL

_MOST_COLUMNS = 20


@dataclass(frozen=True)
class LostColumn:
    """A column whose rounding to float32 changes answers.

    Attributes:
        name: Of the column.
        rows: How many rows get another answer because of it alone.
        largest: Its largest absolute value.
        step: The distance of neighbouring float32 numbers there.
        least: Its least value, which could be subtracted.
    """

    name: str
    rows: int
    largest: float
    step: float
    least: float


def lost_columns(
    model: LoadedModel, data: Reference, features: Sequence[Feature] | None
) -> tuple[int, tuple[LostColumn, ...]]:
    """The rows that get another answer by rounding alone, and the columns at fault, worst first.

    The original is asked with the values that the user gave, in float64, and with what the file
    gets. Only what computes in float64 can tell: scikit-learn.

    Args:
        model: The original.
        data: Samples as a person gave them, and its answers to them rounded.
        features: The columns; None takes each of a row's as a number.
    """
    if model.kind != "sklearn" or not data.rows or data.origin != "user":
        return 0, ()
    (name,) = (spec.name for spec in model.spec.inputs)
    rounded = shortest_decimals(data.inputs[name])
    exact, places = _exact(rounded, data, features)
    lossy = [(at, label) for at, label in places if (exact[:, at] != rounded[:, at]).any()]
    if not lossy:
        return 0, ()
    answers = model.ask({name: exact}, data.rows)
    rows = int(_changed(model, answers, data.outputs).sum())
    found = []
    for at, label in lossy[:_MOST_COLUMNS] if rows else ():
        one = exact.copy()
        one[:, at] = rounded[:, at]
        alone = int(_changed(model, answers, model.ask({name: one}, data.rows)).sum())
        if alone:
            largest = float(np.abs(exact[:, at]).max())
            step = float(np.spacing(np.float32(largest)))
            found.append(LostColumn(label, alone, largest, step, float(exact[:, at].min())))
    return rows, tuple(sorted(found, key=lambda column: -column.rows))


def warnings(
    model: LoadedModel, data: Reference, features: Sequence[Feature] | None
) -> tuple[WarningEntry, ...]:
    """One, where float32 cannot hold the user's own numbers (see ``lost_columns``)."""
    rows, columns = lost_columns(model, data, features)
    if not rows:
        return ()
    return (WarningEntry(kind="float32", text=_text(rows, data.count, columns)),)


def _text(rows: int, count: int, columns: Sequence[LostColumn]) -> str:
    """What to tell the user, with the mend."""
    if not columns:
        return (
            f"{rows} of {count} rows get another answer from the original only because float32 "
            "cannot hold all digits of their columns"
        )
    worst = columns[0]
    others = f" (and {', '.join(c.name for c in columns[1:4])})" if len(columns) > 1 else ""
    return (
        f"{rows} of {count} rows get another answer from the original itself once column "
        f"{worst.name!r}{others} is rounded to float32, which is what every phone and browser "
        f"computes in: at {worst.largest:.3g} it has steps of {worst.step:.3g}. Subtract a "
        f"constant from the column (its least value is {worst.least:.12g}) while it is still "
        "float64, fit the model again on that, and subtract the same in the app"
    )


def _exact(
    rounded: Array, data: Reference, features: Sequence[Feature] | None
) -> tuple[Array, list[tuple[int, str]]]:
    """The user's own numbers in the model's columns, and where columns of one number are."""
    if features is None:
        names = [key for key in data.rows[0] if key and key != "label"]
        features = tuple(Feature(name) for name in names)
    exact, at, places = rounded.copy(), 0, []
    for feature in features:
        if feature.kind == "number" and feature.width == 1 and feature.encode == "none":
            for n, row in enumerate(data.rows):
                try:
                    value = float(row[feature.name])
                except (KeyError, TypeError, ValueError):
                    continue  # a gap, which is what it was encoded as
                # A default in the place of a gap is no rounding.
                if np.float32(value) == np.float32(rounded[n, at]):
                    exact[n, at] = value
            places.append((at, feature.name))
        at += feature.width
    return (exact, places) if at == rounded.shape[1] else (rounded, [])


def _changed(model: LoadedModel, before: Arrays, after: Arrays) -> Array:
    """The rows whose answers differ by more than a converted file may."""
    changed = np.zeros(len(next(iter(before.values()))), bool)
    for spec in model.spec.outputs:
        was = before[spec.name]
        limit = 0.0 if spec.kind == "class" else RTOL * metrics.scale(was)
        error = metrics.abs_error(was, after[spec.name])
        changed |= error.reshape(len(error), -1).max(axis=1, initial=0.0) > limit
    return changed
