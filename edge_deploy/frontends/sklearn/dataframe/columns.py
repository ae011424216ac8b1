"""What a fitted model tells of the data frame that it was fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.spec import Array, Feature, Text
from edge_deploy.data.preprocessing.encoding import as_text

_UNKNOWN = "\0 no category"


@dataclass(eq=False)
class Column:
    """What the model tells of one column of the frame, as it is gone through."""

    name: str
    used: bool = False
    words: dict[Any, None] = field(default_factory=dict)
    values: dict[Any, None] = field(default_factory=dict)  # categories that are numbers
    rare: set[Any] = field(default_factory=set)  # categories that count as infrequent
    computed: bool = False  # something takes it as a number
    gaps: bool = True  # whatever takes it bears that it is missing
    unknown: set[str] = field(default_factory=set)
    gap: Any = float("nan")  # what the frame holds where a value is missing
    texts: list[Text] = field(default_factory=list)  # the ways in which it is counted
    typical: tuple[float, float] = (0.0, 1.0)
    places: list[int] = field(default_factory=list)  # in the tensor

    @property
    def text(self) -> Text | None:
        """How it is counted, if it is a text."""
        return replace(self.texts[0], also=tuple(self.texts[1:])) if self.texts else None

    def counts(self, text: Text) -> slice:
        """Where the counts of one way are among all of the column's."""
        at = self.texts.index(text)
        start = sum(one.width for one in self.texts[:at])
        return slice(start, start + text.width)

    @property
    def categories(self) -> list[Any]:
        """Its categories in the order of their codes, the infrequent ones last."""
        return sorted(self.words or self.values, key=lambda one: one in self.rare)

    def code(self, value: Any) -> float:
        """The number that a raw value is at the edge; a missing one is the one after the last."""
        if not self.words:
            return float("nan") if is_gap(value) else float(value)
        names = self.categories
        return float(len(names) if is_gap(value) else names.index(value))

    def raw(self, numbers: Array) -> Array:
        """Values as the original knows them, from their places in the tensor: (rows, places)."""
        if self.texts:
            counts = np.empty(len(numbers), dtype=object)
            counts[:] = list(numbers)
            return counts
        flat = numbers[:, 0]
        if self.words:
            # Behind the categories: what is missing, and (-1) what is none of them.
            known = np.array([*self.categories, self.gap, _UNKNOWN], dtype=object)
            return np.asarray(known[flat.astype(np.int64)])
        exact = {np.float32(value): value for value in self.values}  # 0.1 is not 0.1 in float32
        plainly = zip(flat, shortest_decimals(flat), strict=True)
        return np.array([exact.get(one, decimal) for one, decimal in plainly], np.float64)

    def told(self, given: Sequence[Any], decoded: Array) -> Array:
        """Words as a person gave them, as the original knows them; of others what their code says.

        Args:
            given: What stands in the rows.
            decoded: The same, from the tensor.
        """
        known = {as_text(one): one for one in self.categories}
        pairs = zip(given, decoded, strict=True)
        found = [value if is_gap(one) else known.get(as_text(one), value) for one, value in pairs]
        words = np.empty(len(found), dtype=object)
        words[:] = found
        return words

    @property
    def feature(self) -> Feature:
        """The column as a person is asked for it."""
        if self.texts:
            return Feature(self.name, "text", text=self.text)
        missing = "nan" if self.gaps else "error"
        if not self.words and (self.computed or not self.values):
            return Feature(self.name, missing=missing)
        names = tuple(as_text(one) for one in self.categories)
        unknown = self.unknown or {"error"}
        one = next(iter(unknown)) if len(unknown) == 1 else "ignore"
        return Feature(
            self.name,
            "category",
            categories=names,
            encode="ordinal" if self.words else "none",
            missing=missing,
            unknown="error" if "error" in unknown else one,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """A model over the columns of a frame.

    Attributes:
        model: A copy that takes the tensor: numbers, and codes in place of words.
        columns: All columns that it was fitted on, in their order.
    """

    model: Any
    columns: tuple[Column, ...]

    @property
    def used(self) -> list[Column]:
        """The columns that count, in the order of the tensor."""
        return [column for column in self.columns if column.used]

    @property
    def width(self) -> int:
        """How many numbers the tensor has."""
        return sum(len(column.places) for column in self.columns)

    @property
    def special(self) -> bool:
        """Whether the tensor is anything but all of the columns, as plain numbers."""
        return any(c.words or c.values or c.texts or not c.used for c in self.columns)

    @property
    def typical(self) -> tuple[Array, Array]:
        """Mean and deviation of each place in the tensor, as far as scalers tell."""
        pairs = [column.typical for column in self.used for _ in column.places]
        return np.array([mean for mean, _ in pairs]), np.array([spread for _, spread in pairs])


def as_given(frame: Frame, x: Array, named: bool, rows: Sequence[Mapping[str, Any]] = ()) -> Any:
    """A tensor as the original takes it: the frame with its words, for comparing.

    Args:
        frame: What the model tells of its columns.
        x: float32 (rows, width of the tensor).
        named: Whether it was fitted on a data frame, and not on an array.
        rows: The same samples as a person gave them; texts and categories are taken from them,
            so that a wrong code shows.

    Returns:
        A data frame, an array of objects, or, of a model of texts alone, a list; counts stand
        for texts where there are no rows (see vectorizers.count_in).
    """
    values = {
        column.name: column.raw(x[:, column.places]) if column.used else np.full(len(x), np.nan)
        for column in frame.columns
    }
    for column in frame.columns:
        if column.texts and rows:
            values[column.name] = np.array([as_text(row[column.name]) for row in rows], object)
        elif column.words and column.used and rows:
            given = [row.get(column.name) for row in rows]
            values[column.name] = column.told(given, values[column.name])
    if len(frame.columns) == 1 and frame.columns[0].texts and not named:
        return list(values[frame.columns[0].name])
    if not named:
        return np.stack([np.asarray(one, dtype=object) for one in values.values()], axis=1)
    import pandas

    return pandas.DataFrame(values)


def has_words(features: Sequence[Feature] | None) -> bool:
    """Whether the original is asked with rows: for texts, and for categories in words."""
    return any(one.text is not None or one.encode == "ordinal" for one in features or ())


def is_gap(value: Any) -> bool:
    """None, NaN and pandas' NA are all a missing value."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
