"""A CSV file as rows of a model's features: a header with their names, and perhaps ``label``."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from edge_deploy.core.bounds import open_file
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import did_you_mean
from edge_deploy.core.options import Data, InMemory
from edge_deploy.core.spec import Array, Feature

Row = dict[str, str]
_LONGEST_LINE = 1 << 24


@dataclass(frozen=True, eq=False)
class Table:
    """What a CSV holds.

    Attributes:
        values: float32 (rows, sum of the features' widths).
        labels: The column ``label``, numbers where all of it are; None where there is none.
        rows: The features' own values; of other columns nothing goes on from here, as an artifact
            is published.
        given: How many rows the file has.
    """

    values: Array
    labels: Array | None
    rows: tuple[Row, ...]
    given: int


def chosen(count: int, limit: int | None, seed: int) -> Sequence[int]:
    """The places of at most ``limit`` samples from all over ``count``, in their order."""
    if limit is None or count <= limit:
        return range(count)
    places = np.random.default_rng(seed).choice(count, limit, replace=False)
    return sorted(int(place) for place in places)


def read_csv(
    path: Path, features: Sequence[Feature] | None, limit: int | None = None, seed: int = 0
) -> Table:
    """Read rows, and encode them as the model's input.

    Args:
        path: The file.
        features: The columns of the model; None takes each column as a number.
        limit: How many rows are wanted; None for all.
        seed: By which they are chosen, where there are more.

    Raises:
        UsageError: It cannot be read, has no rows, lacks a column, or a value does not fit.
    """
    with _opened(path) as reader:
        given = sum(1 for _ in reader)
    places = chosen(given, limit, seed)
    wanted = set(places)
    with _opened(path) as reader:
        rows = [row for place, row in enumerate(reader) if place in wanted]
    return _table(path, rows, features, places, given)


def read_frame(
    source: InMemory, features: Sequence[Feature] | None, limit: int | None = None, seed: int = 0
) -> Table:
    """The same of a data frame, whose values are taken as a CSV of it would have them.

    Args:
        source: Holds the frame.
        features: As for ``read_csv``.
        limit: How many rows are wanted; None for all.
        seed: By which they are chosen, where there are more.

    Raises:
        UsageError: It has no rows, lacks a column, or a value does not fit.
    """
    names = [str(name) for name in source.frame.columns]
    given = len(source.frame)
    places = chosen(given, limit, seed)
    taken = source.frame.iloc[list(places)].itertuples(index=False, name=None)
    rows = [dict(zip(names, map(_as_text, row), strict=True)) for row in taken]
    return _table(source, rows, features, places, given)


def _as_text(value: Any) -> str:
    try:
        missing = value is None or bool(value != value)  # NaN is unlike itself
    except TypeError:  # pandas' NA, which is neither
        missing = True
    return "" if missing else str(value)


def _table(
    origin: Data,
    rows: list[Row],
    features: Sequence[Feature] | None,
    places: Sequence[int],
    given: int,
) -> Table:
    from edge_deploy.data.preprocessing.encoding import encode_rows

    columns = _columns(origin, rows)
    if features is None:
        features = [Feature(name) for name in columns]
    _check(origin, columns, features)
    try:
        values = encode_rows(features, rows, places)
    except UsageError as error:
        raise UsageError(f"{origin}: {error}") from error
    labels = _labels([row["label"] for row in rows]) if rows[0].get("label") else None
    names = [feature.name for feature in features]
    kept = tuple({name: row[name] for name in names if name in row} for row in rows)
    return Table(values, labels, kept, given)


def check_csv(path: Path, features: Sequence[Feature]) -> None:
    """Look only whether a CSV has rows and the features' columns: quick, before a model is loaded.

    Raises:
        UsageError: It has not.
    """
    with _opened(path) as reader:
        first = list(itertools.islice(reader, 1))
    _check(path, _columns(path, first), features)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[Row]]:
    try:
        with (
            open_file(path) as data,
            io.TextIOWrapper(data, newline="", encoding="utf-8-sig") as file,
        ):
            yield csv.DictReader(_lines(path, file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as CSV ({error}).") from error


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UsageError(f"{path}: has a line of more than {_LONGEST_LINE:,} characters.")
        yield line


def _columns(path: Data, rows: Sequence[Row]) -> list[str]:
    if not rows:
        raise UsageError(f"{path}: there are no rows under the header.")
    return [column for column in rows[0] if column and column != "label"]


def _check(path: Data, columns: Sequence[str], features: Sequence[Feature]) -> None:
    """Every feature has its column; a frame has others too, which the model does not look at."""
    wanted = [feature.name for feature in features]
    lacking = [f.name for f in features if f.name not in columns and f.missing != "value"]
    if not lacking:
        return
    others = [column for column in columns if column not in wanted]
    near = did_you_mean(lacking[0], others, "Is it the one called {}?")
    more = f", nor {', '.join(map(repr, lacking[1:]))}" if lacking[1:] else ""
    raise UsageError(
        f"{path}: has no column {lacking[0]!r}{more}.{near} It needs {', '.join(wanted)}; a column "
        "with the true answers is called label."
    )


def _labels(values: Sequence[str]) -> Array:
    try:
        return np.asarray([float(value) for value in values])
    except ValueError:
        return np.asarray(values)
