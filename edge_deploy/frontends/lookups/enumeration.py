"""What the edge of a graph makes of every word, found by asking it for each of them.

A table knows so many words and no more; so the numbers that leave the edge, whatever operators
make them, are one row of numbers a word.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays
from edge_deploy.frontends.lookups.columns import Column, feed

_AT_ONCE = 2048
_MOST_PAIRS = 200_000
_CHECKED = 256
_MOST_NUMBERS = 1 << 26
"""That tables may have together: 256 MB."""


class Entangled(Exception):
    """Cells that depend on so many values together that no table can hold them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)


@dataclass(frozen=True, eq=False)
class Cells:
    """Some numbers of a frontier tensor's row, and the columns that they depend on.

    Attributes:
        columns: Indices of columns; of several, the last one's words go on fastest.
        at: Which numbers of the flattened row.
        rows: (product of the columns' values, numbers).
    """

    columns: tuple[int, ...]
    at: Array
    rows: Array


Ask = Callable[[Arrays], list[Array]]
"""The frontier's tensors for the model's inputs."""


def ask(run: Ask, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[Array]:
    """The frontier for rows of values, flattened to (rows, numbers) each."""
    parts = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        values = [[row[n] for row in some] for n in range(len(columns))]
        parts.append([one.reshape(len(some), -1) for one in run(feed(columns, values))])
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def takes(run: Ask, columns: Sequence[Column], at: int, value: Any) -> bool:
    """Whether the model has an answer where a column has a value."""
    row = first(columns)
    row[at] = value
    try:
        ask(run, columns, [row])
    except Exception:
        # An operator of TensorFlow may raise any of its errors where it knows no word.
        return False
    return True


def first(columns: Sequence[Column]) -> list[Any]:
    """A row of the first words of all columns."""
    plain = [("" if column.texts else 0) for column in columns]
    return [c.values[0] if c.words else none for c, none in zip(columns, plain, strict=True)]


def enumerate_cells(run: Ask, columns: Sequence[Column]) -> list[list[Cells]]:
    """What the frontier is for all words: of each tensor the cells by what they depend on.

    Raises:
        Entangled: Too many values decide together.
        ValueError: A sample of mixed rows comes out otherwise.
    """
    known = [n for n, column in enumerate(columns) if column.edge]
    base = first(columns)
    depends: list[list[set[int]]] = []
    start = ask(run, columns, [base])
    depends = [[set() for _ in range(one.shape[1])] for one in start]
    rng = np.random.default_rng(0)
    bases = [base, *(_mixed(columns, known, base, rng) for _ in range(2))]
    for n in known:
        for one in bases:
            rows = [[*one[:n], value, *one[n + 1 :]] for value in columns[n].values]
            for cells, answer in zip(depends, ask(run, columns, rows), strict=True):
                for cell in np.flatnonzero((answer != answer[:1]).any(axis=0)):
                    cells[int(cell)].add(n)
    found = [
        [
            _table(run, columns, base, key, np.array(at), tensor)
            for key, at in _grouped(cells).items()
        ]
        for tensor, cells in enumerate(depends)
    ]
    _check(run, columns, known, found)
    return found


def _mixed(
    columns: Sequence[Column], known: Sequence[int], base: Sequence[Any], rng: np.random.Generator
) -> list[Any]:
    row = list(base)
    for n in known:
        values = columns[n].values
        row[n] = values[int(rng.integers(len(values)))]
    return row


def _grouped(cells: Sequence[set[int]]) -> dict[tuple[int, ...], list[int]]:
    found: dict[tuple[int, ...], list[int]] = {}
    for at, columns in enumerate(cells):
        found.setdefault(tuple(sorted(columns)), []).append(at)
    return found


def _table(
    run: Ask,
    columns: Sequence[Column],
    base: Sequence[Any],
    key: tuple[int, ...],
    at: Array,
    tensor: int,
) -> Cells:
    sizes = [len(columns[n].values) for n in key]
    if math.prod(sizes) * len(at) > _MOST_NUMBERS or (
        len(key) > 1 and math.prod(sizes) > _MOST_PAIRS
    ):
        raise Entangled([columns[n] for n in key])
    rows = []
    for values in itertools.product(*(columns[n].values for n in key)):
        row = list(base)
        for n, value in zip(key, values, strict=True):
            row[n] = value
        rows.append(row)
    return Cells(key, at, ask(run, columns, rows)[tensor][:, at])


def _check(
    run: Ask, columns: Sequence[Column], known: Sequence[int], found: Sequence[Sequence[Cells]]
) -> None:
    rng = np.random.default_rng(1)
    places = [
        {n: int(rng.integers(len(columns[n].values))) for n in known} for _ in range(_CHECKED)
    ]
    base = first(columns)
    rows = [
        [columns[n].values[place[n]] if n in place else base[n] for n in range(len(columns))]
        for place in places
    ]
    for answer, cells in zip(ask(run, columns, rows), found, strict=True):
        for one in cells:
            index = [_index(columns, one.columns, place) for place in places]
            if not np.allclose(answer[:, one.at], one.rows[index], rtol=1e-6, atol=1e-9):
                raise ValueError("words that it looks up change each other's rows")


def _index(columns: Sequence[Column], key: Sequence[int], place: dict[int, int]) -> int:
    index = 0
    for n in key:
        index = index * len(columns[n].values) + place[n]
    return index
