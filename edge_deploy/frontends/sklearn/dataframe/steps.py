"""Steps that take words: imputers, encoders and vectorizers, with codes and counts in their place.

Each gives a copy of a fitted step that takes numbers alone. What the codes are is known when the
whole model has been gone through: what is left to do then is put into ``later``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat.fitted import attribute
from edge_deploy.frontends.sklearn.dataframe.columns import Column, is_gap, plain
from edge_deploy.frontends.sklearn.dataframe.vectorizers import count_in, text_of


@dataclass(frozen=True)
class At:
    """A column of the frame on its way: as it was given, or filled, or scaled."""

    column: Column
    raw: bool = True
    filled: bool = False


Parts = Sequence[At | None]  # None is a column that has become another one
Later = list[Callable[[], None]]


def fill(model: Any, parts: Parts, later: Later) -> tuple[Any, Parts]:
    """SimpleImputer: the words it fills in and looks for become codes."""
    changed, fills = copy.copy(model), list(model.statistics_)
    gap = is_gap(model.missing_values)
    by_word = isinstance(model.missing_values, str)
    for part, value in zip(parts, fills, strict=False):
        if part is None:
            continue
        column = part.column
        if isinstance(value, (str, bool, np.bool_)):
            column.words.setdefault(value)
        elif not is_gap(value) and column.typical == (0.0, 1.0):
            column.typical = float(value), max(abs(float(value)) / 2, 1.0)
        if by_word and model.missing_values is not None:
            column.words.setdefault(model.missing_values)
        if not gap:
            column.gaps &= part.filled

    def finish() -> None:
        known = [part.column if part else None for part in [*parts, *fills][: len(fills)]]
        pairs = list(zip(known, fills, strict=True))
        changed.statistics_ = np.array(
            [v if c is None or is_gap(v) or not c.words else c.code(v) for c, v in pairs],
            np.float64,
        )
        changed.missing_values = np.array(
            [c.code(model.missing_values) if c and c.words else
             (np.nan if gap or by_word else model.missing_values) for c, _ in pairs],
            np.float64,
        )  # fmt: skip

    later.append(finish)
    kept = [n for n, v in enumerate(fills) if not (isinstance(v, float) and np.isnan(v))]
    after = [parts[n] if n < len(parts) else None for n in kept]
    left: list[At | None] = [p and At(p.column, p.raw, p.filled or gap) for p in after]
    return changed, left


def encode(model: Any, parts: Parts, later: Later) -> Any:
    """Encoders: their categories become codes."""
    changed = copy.copy(model)
    policy = str(getattr(model, "handle_unknown", "ignore"))
    rare = attribute(model, "_infrequent_indices") or [None] * len(model.categories_)
    for n, categories in enumerate(model.categories_):
        part = parts[n] if n < len(parts) else None
        if part is None:
            continue
        column = part.column
        known = [plain(value) for value in categories if not is_gap(value)]
        if len(gaps := [value for value in categories if is_gap(value)]) == 1:
            column.gap = gaps[0]
        met = column.words if _are_words(known) else column.values
        if part.raw or _are_words(known):
            ordered = {**dict.fromkeys(known), **met}  # an imputer's fill may have come first
            met.clear()
            met.update(ordered)
        if not part.raw:
            column.computed = True
        if policy in ("infrequent_if_exist", "warn") and rare[n] is not None:
            column.rare |= {plain(categories[i]) for i in rare[n]} & {*known}
            column.unknown.add("infrequent")
        else:
            column.unknown.add("error" if policy == "error" else "ignore")
        told = len(known) < len(categories) or policy != "error"
        column.gaps &= told or part.filled

    def finish() -> None:
        changed.categories_ = [
            _codes(categories, parts[n] if n < len(parts) else None)
            for n, categories in enumerate(model.categories_)
        ]

    later.append(finish)
    return changed


def by_table(model: Any, parts: Parts, later: Later) -> tuple[Any, Parts]:
    """An encoder of category_encoders: its categories become codes, other columns pass through."""
    changed, tables = copy.copy(model), model.codes()
    after: list[At | None] = []
    for n, codes in enumerate(tables):
        part = parts[n] if n < len(parts) else None
        after += [part] if codes is None else [None] * codes.width
        if part is None or codes is None:
            continue
        column, known = part.column, [plain(value) for value in codes.categories]
        met = column.words if _are_words(known) else column.values
        ordered = {**dict.fromkeys(known), **met}
        met.clear()
        met.update(ordered)
        column.computed |= not part.raw
        column.unknown.add("error" if codes.unknown is None else "ignore")
        column.gaps &= codes.missing is not None or part.filled

    def finish() -> None:
        changed.coded_ = []
        for n, codes in enumerate(tables):
            part = parts[n] if n < len(parts) else None
            if codes is None:
                changed.coded_.append(None)
                continue
            known = [*map(plain, codes.categories), float("nan")]
            lost = codes.missing if codes.missing is not None else np.full(codes.width, np.nan)
            other = codes.unknown if codes.unknown is not None else np.full(codes.width, np.nan)
            places = np.array([one if part is None else part.column.code(one) for one in known])
            changed.coded_.append((places, np.vstack([codes.table, lost]), other))

    later.append(finish)
    return changed, after


def count(model: Any, parts: Parts, later: Later) -> Any:
    """A vectorizer: its column is text, and the copy is what it does with counts."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if len(parts) != 1 or parts[0] is None or not parts[0].raw:
        raise ConversionError(f"{type(model).__name__} must take one column of texts.")
    column, text = parts[0].column, text_of(model)
    if column.words or column.computed or (column.used and not column.texts):
        raise ConversionError(
            f"The column {column.name!r} is counted by {type(model).__name__} and taken by "
            "another step otherwise, which cannot be converted. Give each its own column."
        )
    column.used = True
    if text not in column.texts:
        column.texts.append(text)
    rest = count_in(model, lambda: column.counts(text))
    changed = Pipeline([("rest", rest)])

    def finish() -> None:
        if len(column.texts) > 1:
            own = column.counts(text)
            chosen = ColumnTransformer([])
            chosen.branches_ = [("own", "passthrough", list(range(own.start, own.stop)))]
            changed.steps.insert(0, ("own", chosen))

    later.append(finish)
    return changed


def _are_words(values: Sequence[Any]) -> bool:
    """Whether categories have to be given codes: numbers that float32 tells apart are their own."""
    if any(isinstance(one, (str, bool)) for one in values):
        return True
    return len({np.float32(one) for one in values}) < len(values)


def _codes(categories: Any, part: At | None) -> Array:
    if part is None:
        return np.asarray(categories, np.float64)
    return np.array([part.column.code(plain(value)) for value in categories], np.float64)
