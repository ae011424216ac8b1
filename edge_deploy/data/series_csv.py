"""A CSV file as a series: its windows, with what came next as the true answers; its last one."""

from __future__ import annotations

import csv
import datetime
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import did_you_mean, option
from edge_deploy.core.options import Data, InMemory
from edge_deploy.core.spec import Array, Series, TensorSpec, as_dtype
from edge_deploy.data.csv_reader import (
    Reading,
    as_text,
    chosen,
    labels_of,
    missing_label,
    open_lines,
)
from edge_deploy.data.preprocessing.encoding import NOTHING, parse_number
from edge_deploy.data.preprocessing.series import is_unnamed, renamed, shape_of
from edge_deploy.data.reference import Reference

_T = TypeVar("_T")
_FREE_STEPS = 16  # how long windows are where the model takes any number of steps
_MOST_NUMBERS = 1 << 26  # that windows may hold together: 256 MB of float32
_LARGEST = float(np.finfo(np.float32).max)
_SEPARATORS = ",;\t"
_GROUPED = re.compile(r"[+-]?\d{1,3}([ ,.'\u00a0\u202f]\d{3})*([.,]\d+)?")
_DATES = ("date", "datetime", "time", "timestamp", "tanggal", "waktu", "tgl")
_FORMS = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%b %d, %Y")


@dataclass(frozen=True, eq=False)
class Track:
    """A series as it was recorded, oldest first.

    Attributes:
        origin: Where it is from, for messages.
        values: float64 (rows, channels).
        labels: What the column of the true answers says of each row; None where there is none.
    """

    origin: str
    values: Array
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Window:
    """The last window of a series.

    Attributes:
        values: With a batch axis of 1, in the form of the input.
        first: The row of the file that it begins with, counted from 1 under the header.
        last: The row that it ends with.
    """

    values: Array
    first: int
    last: int


def read_windows(path: Data, spec: TensorSpec, series: Series, reading: Reading) -> Reference:
    """The windows of a series, as samples.

    Each is followed by its true answer where the model forecasts a channel: the next value of
    it, or the next ``horizon`` values. Else the label of a window is that of its last row.

    Args:
        path: A CSV whose header has the channels, or a data frame with such columns.
        spec: The input.
        series: Of what it is a window.
        reading: Which windows; a label column that is a channel is what is forecast.

    Raises:
        UsageError: It cannot be read, lacks a channel or rows, has a gap or what is no number, or
            runs back in time.
    """
    named = reading.label_column or "label"
    if series.target is None and named in series.channels:
        series = replace(series, target=named)
    label = None if series.target is not None else named
    track = _read(path, series, label)
    if (
        label is not None
        and reading.label_column
        and track.labels is None
        and not reading.unlabelled
    ):
        raise missing_label(path, label, _header(path))
    values, ahead = track.values, series.horizon if series.target is not None else 0
    steps = series.steps or max(1, min(_FREE_STEPS, len(values) - ahead))
    count = len(values) - steps - ahead + 1
    if count < 1:
        raise _too_few(track, series, steps, ahead)
    most = max(1, _MOST_NUMBERS // (steps * len(series.channels)))
    limit = most if reading.limit is None else min(reading.limit, most)
    places = np.asarray(chosen(count, limit, reading.seed), np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(values, steps, axis=0)[places]
    shape = shape_of(series, spec, steps)
    inputs = {spec.name: windows.transpose(0, 2, 1).reshape(len(places), *shape)}
    labels = None
    if series.target is not None:
        channel = values[:, series.channels.index(series.target)]
        coming = np.lib.stride_tricks.sliding_window_view(channel[steps:], ahead)[places]
        labels = coming[:, 0] if ahead == 1 else coming
    elif track.labels is not None:
        said = [track.labels[place + steps - 1] for place in places]
        labels = labels_of(said) if all(said) else None
    return Reference(inputs, labels=labels, given=count)


def with_names(path: Data, series: Series, label_column: str | None) -> Series:
    """A series whose channels nobody named, with the names of a table's columns of numbers.

    Args:
        path: A CSV or a data frame.
        series: Of what the input is a window.
        label_column: What is no channel; None for the usual name.

    Raises:
        UsageError: The table has more or fewer of them.
    """
    if not is_unnamed(series.channels):
        return series
    label = label_column or "label"
    with _opened(path) as (header, rows):
        first = next(rows, [])
        places = _places(str(path), header, first, series, label)
    named = tuple(header[place] for place in places) if header else series.channels
    return renamed(series, named)


def last_window(path: Data, spec: TensorSpec, series: Series) -> Window:
    """The last rows of a series, as many as the model looks back.

    Args:
        path: A CSV or a data frame, as for ``read_windows``.
        spec: The input.
        series: Of what it is a window.

    Raises:
        UsageError: As ``read_windows``.
    """
    return _last(_read(path, series, None), spec, series)


def window_of(origin: str, rows: Array, spec: TensorSpec, series: Series) -> Window:
    """The last of plain numbers: (rows, channels), or (rows,) of a single channel.

    Args:
        origin: Where they are from, for messages.
        rows: The numbers.
        spec: The input.
        series: Of what it is a window.

    Raises:
        UsageError: They have another form, or are too few.
    """
    width = len(series.channels)
    if (
        rows.ndim > 2
        or (rows.ndim == 1 and width > 1)
        or (rows.ndim == 2 and rows.shape[1] != width)
    ):
        shape = list(rows.shape)
        raise UsageError(
            f"{origin}: has the shape {shape}, and the model takes rows of {width} "
            f"({', '.join(series.channels[:5])})."
        )
    return _last(Track(origin, rows.reshape(-1, width)), spec, series)


def _last(track: Track, spec: TensorSpec, series: Series) -> Window:
    count = len(track.values)
    steps = series.steps or count
    if count < steps or not count:
        raise _too_few(track, series, steps, 0)
    values = track.values[count - steps :].reshape(1, *shape_of(series, spec, steps))
    if not np.isfinite(values).all():
        raise UsageError(f"{track.origin}: has NaN or infinity in its last {steps} rows.")
    return Window(as_dtype(values, spec.dtype), count - steps + 1, count)


def _too_few(track: Track, series: Series, steps: int, ahead: int) -> UsageError:
    after = ""
    if ahead:
        what = "value" if ahead == 1 else f"{ahead} values"
        after = f", and the {what} after them as the true answer"
    rows = len(track.values)
    return UsageError(
        f"{track.origin}: has {rows} row{'' if rows == 1 else 's'} under its header, and the model "
        f"needs {steps} ({', '.join(series.channels[:5])}){after}. Give a longer series."
    )


def _read(path: Data, series: Series, label: str | None) -> Track:
    with _opened(path) as (header, rows):
        return _track(str(path), header, rows, series, label)


def _header(path: Data) -> list[str]:
    with _opened(path) as (header, _):
        return header


@contextmanager
def _opened(path: Data) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """The header of a table, and its rows."""
    if isinstance(path, InMemory):
        table = path.frame.itertuples(index=False, name=None)
        yield [str(name) for name in path.frame.columns], ([*map(as_text, row)] for row in table)
    else:
        with _rows(path) as found:
            yield found


@contextmanager
def _rows(path: Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """The header of a CSV, and its rows but for blank lines."""
    with open_lines(path) as lines:
        first = next(lines, "")
        counts = {mark: first.count(mark) for mark in _SEPARATORS}
        mark = max(counts, key=lambda one: counts[one])
        reader = csv.reader(_again(first, lines), delimiter=mark)
        rows = (row for row in reader if any(cell.strip() for cell in row))
        header = [name.strip() for name in next(rows, [])]
        if header and all(parse_number(name) is not None for name in header):
            # Bare numbers, as they are copied from a sheet.
            yield [], _again(header, rows)
        else:
            yield header, rows


def _again(first: _T, rest: Iterable[_T]) -> Iterator[_T]:
    yield first
    yield from rest


def _track(
    origin: str, header: list[str], rows: Iterator[list[str]], series: Series, label: str | None
) -> Track:
    first = next(rows, None)
    if first is None:
        raise UsageError(f"{origin}: there are no rows under the header.")
    places = _places(origin, header, first, series, label)
    told = header.index(label) if label in header else None
    when = next((n for n, name in enumerate(header) if name.casefold() in _DATES), None)
    numbers, labels, last = array("d"), [], first
    for number, row in enumerate(_again(first, rows), start=1):
        for place in places:
            name = header[place] if header else str(place + 1)
            numbers.append(_number(origin, number, name, _cell(row, place)))
        if told is not None:
            labels.append(_cell(row, told).strip())
        last = row
    if when is not None and when not in places:
        _check_order(origin, header[when], _cell(first, when), _cell(last, when))
    values = np.frombuffer(numbers, np.float64).reshape(-1, len(places))
    return Track(origin, values, None if told is None else tuple(labels))


def _cell(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""


def _places(
    origin: str, header: Sequence[str], first: Sequence[str], series: Series, label: str | None
) -> list[int]:
    """In which columns the channels stand."""
    wanted = series.channels
    if not header:
        if len(first) == len(wanted):
            return list(range(len(wanted)))
        raise UsageError(
            f"{origin}: has no header and {len(first)} columns. Its first line must name "
            f"{', '.join(wanted)}."
        )
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise UsageError(f"{origin}: two columns are called {twice[0]!r}. Keep one of them.")
    lacking = [name for name in wanted if name not in header]
    if not lacking:
        return [header.index(name) for name in wanted]
    if is_unnamed(wanted):
        numeric = [
            n
            for n, name in enumerate(header)
            if name and name != label and parse_number(_cell(first, n)) is not None
        ]
        if len(numeric) == len(wanted):
            return numeric
        example = ", ".join(f'"{header[n]}"' for n in numeric[: len(wanted)]) or '"Close"'
        raise UsageError(
            f"{origin}: has {len(numeric)} columns of numbers "
            f"({', '.join(header[n] for n in numeric[:8]) or 'none'}), and the model takes "
            f"{len(wanted)} channel{'' if len(wanted) == 1 else 's'}. Convert it with "
            f"{option('features')}, a file that names them: "
            f'{{"series": {{"channels": [{example}]}}}}.'
        )
    near = did_you_mean(
        lacking[0], [name for name in header if name not in wanted], "Is it the one called {}?"
    )
    more = f", nor {', '.join(map(repr, lacking[1:]))}" if lacking[1:] else ""
    raise UsageError(
        f"{origin}: has no column {lacking[0]!r}{more}.{near} It needs {', '.join(wanted)}; "
        "other columns may be there, and are not looked at."
    )


def _number(origin: str, row: int, column: str, cell: str) -> float:
    value = parse_number(cell)
    if value is not None and abs(value) <= _LARGEST:
        return value
    where, text = f"{origin}: row {row}, column {column!r}", cell.strip()
    if text in NOTHING:
        raise UsageError(
            f"{where}: there is no value. A series has no gaps: fill it, or leave the row out."
        )
    if _GROUPED.fullmatch(text):
        raise UsageError(
            f"{where}: {text!r} is not a number here. Write it with a decimal point and no "
            "separators of thousands, such as 1234.5."
        )
    raise UsageError(f"{where}: {text[:60]!r} is not a number.")


def _check_order(origin: str, column: str, first: str, last: str) -> None:
    """Refuse a file that begins with the newest row: every answer from it would be wrong."""
    pairs = [(_date(first, form), _date(last, form)) for form in ("", *_FORMS)]
    read = [(a, b) for a, b in pairs if a is not None and b is not None]
    if read and all(a > b for a, b in read):
        raise UsageError(
            f"{origin}: runs back in time ({column} goes from {first.strip()} to {last.strip()}), "
            f"and the model takes the oldest row first. Sort it by {column}."
        )


def _date(text: str, form: str) -> datetime.datetime | None:
    text = text.strip() if " " in form else text.partition(" ")[0]
    try:
        if form:
            return datetime.datetime.strptime(text, form)
        return datetime.datetime.fromisoformat(text[:10])
    except ValueError:
        return None
