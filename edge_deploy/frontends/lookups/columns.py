"""The columns that a model with look-ups is asked about, as a person and as the model know them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays, Feature, TensorSpec, Tokens
from edge_deploy.data.preprocessing.encoding import as_text
from edge_deploy.data.preprocessing.tokens import LARGEST_ID

OTHER = "other"
STRANGE = tuple(f"\u2063no such word {n}" for n in range(4))
"""Words that no vocabulary has."""


@dataclass(frozen=True, eq=False)
class Column:
    """One value of an input.

    Attributes:
        source: The model's own input.
        place: Which value of its row.
        name: What a person calls it.
        words: What its tables know, texts or whole numbers, in the order of their indices; None
            of a number that goes into the graph as it is.
        strange: A value that no table knows, where the model takes any; else None.
        empty: Whether the model takes the empty text.
        computed: Whether it is also taken as a number.
        edge: Whether the graph gets its place among the words, and not the number itself.
        tokens: How a text becomes ids or counts, where it is cut into words.
    """

    source: TensorSpec
    place: int
    name: str
    words: tuple[Any, ...] | None = None
    strange: Any = None
    empty: bool = False
    computed: bool = False
    edge: bool = False
    tokens: Tokens | None = None

    @property
    def width(self) -> int:
        """How many numbers it fills."""
        return 1 if self.tokens is None else self.tokens.width

    @property
    def texts(self) -> bool:
        """Whether the original takes a text here."""
        return self.source.dtype == "string"

    @property
    def coded(self) -> bool:
        """Whether the app sends a word's place: of texts, and of numbers too large for float32."""
        large = any(isinstance(word, int) and abs(word) > LARGEST_ID for word in self.words or ())
        return self.words is not None and (self.texts or (large and not self.computed))

    @property
    def values(self) -> list[Any]:
        """What the original is given, in the order of the table's rows."""
        rows = list(self.words or ())
        rows += [self.strange] if self.strange is not None else []
        return [*rows, ""] if self.empty else rows

    @property
    def feature(self) -> Feature:
        """The column as a person is asked for it."""
        if self.tokens is not None:
            return Feature(self.name, "text", tokens=self.tokens)
        if self.words is None or (self.computed and not self.coded):
            truth = self.source.dtype == "bool"
            whole = truth or "int" in self.source.dtype
            return Feature(
                self.name,
                min=0.0 if truth else None,
                max=1.0 if truth else None,
                step=1.0 if whole else None,
            )
        names = tuple(map(as_text, self.words))
        if not self.coded:
            unknown = "error" if self.strange is None else "ignore"
            return Feature(self.name, "category", categories=names, unknown=unknown)
        if self.strange is not None:
            names += (free_name(names),)
        return Feature(
            self.name,
            "category",
            categories=names,
            encode="ordinal",
            missing="nan" if self.empty else "error",
            unknown="error" if self.strange is None else "infrequent",
        )

    def original(self, numbers: Array, given: Sequence[Any] | None) -> list[Any]:
        """What the original is asked, from the column's numbers at the edge.

        Args:
            numbers: (rows, width), as the graph gets them.
            given: The same values as a person gave them; a word that no table has is taken as
                it is.
        """
        if self.tokens is not None:
            return [as_text(value) for value in given or [""] * len(numbers)]
        numbers = numbers[:, 0]
        if not self.coded:
            return list(numbers)
        values, last = self.values, len(self.words or ())
        asked = []
        for row, number in enumerate(numbers):
            at = min(max(int(number), 0), len(values) - 1)
            strange = self.texts and self.strange is not None and at == last
            asked.append(as_text(given[row]) if strange and given is not None else values[at])
        return asked


def starts(columns: Sequence[Column]) -> list[int]:
    """Where each column's numbers begin; behind the last, how many there are."""
    return list(itertools.accumulate((column.width for column in columns), initial=0))


def free_name(names: Sequence[str]) -> str:
    """A name for all other words, which is none of them."""
    name = OTHER
    while name in names:
        name = f"({name})"
    return name


def count(spec: TensorSpec) -> int:
    """How many values a row of an input has."""
    return math.prod(axis or 1 for axis in spec.shape[1:])


def of_inputs(inputs: Sequence[TensorSpec]) -> list[Column]:
    """A column for each value of each input, numbers as yet."""
    columns = []
    for spec in inputs:
        several = count(spec) > 1
        for place in range(count(spec)):
            columns.append(Column(spec, place, f"{spec.name}_{place}" if several else spec.name))
    return columns


def feed(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> Arrays:
    """The original's inputs.

    Args:
        columns: In the order of the inputs.
        values: Of each column, its values in all rows.
    """
    rows = len(values[0])
    found: dict[str, list[Sequence[Any]]] = {}
    specs = {column.source.name: column.source for column in columns}
    for column, own in zip(columns, values, strict=True):
        found.setdefault(column.source.name, []).append(own)
    arrays: Arrays = {}
    for name, parts in found.items():
        spec = specs[name]
        shape = (rows, *(axis or 1 for axis in spec.shape[1:]))
        if spec.dtype == "string":
            table = np.empty((rows, len(parts)), dtype=object)
            for at, part in enumerate(parts):
                table[:, at] = part
        else:
            table = np.stack([np.asarray(part) for part in parts], axis=1).astype(spec.dtype)
        arrays[name] = table.reshape(shape)
    return arrays


def given_values(
    column: Column, rows: Sequence[Mapping[str, Any]], count: int
) -> Sequence[Any] | None:
    """What a person gave for a column, where there are rows."""
    if len(rows) != count:
        return None
    return [row.get(column.name, "") for row in rows]
