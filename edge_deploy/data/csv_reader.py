"""A CSV file as rows of a model's features: a header with their names, and perhaps ``label``."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from edge_deploy.core.bounds import open_file
from edge_deploy.core.errors import UsageError
from edge_deploy.core.log import NOTES
from edge_deploy.core.messages import did_you_mean, option, unknown
from edge_deploy.core.options import Data, InMemory
from edge_deploy.core.spec import Array, Feature

Row = dict[str, str]
OTHER_ENCODING = "cp1252"
_HEAD = 1 << 16
_LONGEST_LINE = 1 << 24


@dataclass(frozen=True, eq=False)
class Table:
    """What a CSV holds.

    Attributes:
        values: float32 (rows, sum of the features' widths).
        labels: The column of the true answers, numbers where all of it are; None where there is
            none.
        rows: The features' own values; of other columns nothing goes on from here, as an artifact
            is published.
        given: How many rows the file has.
        others: What stands in the columns that are neither.
        gaps: What is missing in the column of the true answers, in words.
    """

    values: Array
    labels: Array | None
    rows: tuple[Row, ...]
    given: int
    others: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gaps: str = ""


@dataclass(frozen=True)
class Reading:
    """Which samples of all are read, and what their labels are called.

    Attributes:
        limit: How many are wanted; None for all.
        seed: By which they are chosen, where there are more: files are often sorted by class.
        label_column: The column (of an .npz, the key) of the true answers; None for the usual one.
        unlabelled: Whether there need not be any.
    """

    limit: int | None = None
    seed: int = 0
    label_column: str | None = None
    unlabelled: bool = False


WHOLE = Reading()


def chosen(count: int, limit: int | None, seed: int) -> Sequence[int]:
    """The places of at most ``limit`` samples from all over ``count``, in their order."""
    if limit is None or count <= limit:
        return range(count)
    places = np.random.default_rng(seed).choice(count, limit, replace=False)
    return sorted(int(place) for place in places)


def read_csv(path: Path, features: Sequence[Feature] | None, reading: Reading = WHOLE) -> Table:
    """Read rows, and encode them as the model's input.

    Args:
        path: The file.
        features: The columns of the model; None takes each column as a number.
        reading: Which rows, and their labels.

    Raises:
        UsageError: It cannot be read, has no rows, lacks a column, or a value does not fit.
    """
    with _opened(path) as reader:
        given = sum(1 for _ in reader)
    places = chosen(given, reading.limit, reading.seed)
    wanted = set(places)
    with _opened(path) as reader:
        rows = [row for place, row in enumerate(reader) if place in wanted]
    return _table(path, rows, features, (places, given), reading)


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV as they are there, with all columns.

    Raises:
        UsageError: It cannot be read.
    """
    with _opened(path) as reader:
        return [{name: value or "" for name, value in row.items() if name} for row in reader]


def read_frame(
    source: InMemory, features: Sequence[Feature] | None, reading: Reading = WHOLE
) -> Table:
    """The same of a data frame, whose values are taken as a CSV of it would have them.

    Args:
        source: Holds the frame.
        features: As for ``read_csv``.
        reading: Which rows, and their labels.

    Raises:
        UsageError: It has no rows, lacks a column, or a value does not fit.
    """
    names = [str(name) for name in source.frame.columns]
    given = len(source.frame)
    places = chosen(given, reading.limit, reading.seed)
    taken = source.frame.iloc[list(places)].itertuples(index=False, name=None)
    rows = [dict(zip(names, map(as_text, row), strict=True)) for row in taken]
    return _table(source, rows, features, (places, given), reading)


def as_text(value: Any) -> str:
    """A value of a data frame as its CSV has it: nothing for what is missing."""
    try:
        missing = value is None or bool(value != value)  # NaN is unlike itself
    except TypeError:  # pandas' NA, which is neither
        missing = True
    return "" if missing else str(value)


def _table(
    origin: Data,
    rows: list[Row],
    features: Sequence[Feature] | None,
    taken: tuple[Sequence[int], int],
    reading: Reading,
) -> Table:
    from edge_deploy.data.preprocessing.encoding import encode_rows, own_categories

    columns, told = _columns(origin, rows, reading)
    places, given = taken
    plain = features is None
    if features is None:
        features = [Feature(name) for name in columns]
    elif made_up(columns, features):
        old = dict(zip(columns, (feature.name for feature in features), strict=True))
        rows = [{old.get(name, name): value for name, value in row.items()} for row in rows]
        columns = list(old.values())
    _check(origin, columns, features)
    try:
        values = encode_rows(features, rows, places)
    except UsageError as error:
        mend = f" If that column holds the true answers, say {option('label_column')}."
        raise UsageError(f"{origin}: {error}{mend if plain else ''}") from error
    labels, gaps = _labels(rows, told, places)
    names = [feature.name for feature in features]
    rows = own_categories(features, rows)
    kept = tuple({name: row[name] for name in names if name in row} for row in rows)
    others = {
        name: frozenset(str(row[name]) for row in rows) for name in columns if name not in names
    }
    return Table(values, labels, kept, given, others, gaps)


def _labels(
    rows: Sequence[Row], names: Sequence[str], places: Sequence[int]
) -> tuple[Array | None, str]:
    """The true answers, a column each where there are several, and why there are none."""
    found: list[list[str]] = []
    for label in names:
        if label not in rows[0]:
            return None, ""
        answers = [row[label] or "" for row in rows]
        filled = sum(map(bool, answers))
        if filled < len(answers):
            return None, (
                f"{len(rows) - filled} of {len(rows)} rows have nothing in the column {label!r} "
                f"(first in row {places[answers.index('')] + 1})"
            )
        found.append(answers)
    if len(found) == 1:
        return labels_of(found[0]), ""
    columns = [labels_of(answers) for answers in found]
    if {column.dtype.kind for column in columns} != {"f"}:
        columns = [np.asarray(answers) for answers in found]  # as they are written: 1 is not 1.0
    return np.stack(columns, axis=1), ""


def made_up(columns: Sequence[str], features: Sequence[Feature]) -> bool:
    """Whether a model that was fitted without names takes the columns by their places.

    Its features are called x0, x1, …, which no column of the file is.
    """
    names = [feature.name for feature in features]
    if names != [f"x{n}" for n in range(len(columns))]:
        return False
    return not set(names) & set(columns)


def check_csv(path: Path, features: Sequence[Feature], reading: Reading = WHOLE) -> None:
    """Look only whether a CSV has rows and the features' columns: quick, before a model is loaded.

    Raises:
        UsageError: It has not.
    """
    with _opened(path) as reader:
        first = list(itertools.islice(reader, 1))
    columns = _columns(path, first, reading)[0]
    if not made_up(columns, features):
        _check(path, columns, features)


def column_names(data: Data | None) -> tuple[str, ...]:
    """The names in the header of a CSV or of a data frame; none of other data."""
    if isinstance(data, InMemory):
        return () if data.frame is None else tuple(str(name) for name in data.frame.columns)
    if data is None or data.suffix != ".csv" or not data.is_file():
        return ()
    with _opened(data) as reader:
        first = next(reader, None)
    return tuple(name for name in first or () if name)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[Row]]:
    with open_lines(path) as lines:
        yield csv.DictReader(lines)


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a CSV, for a reader of the module csv, whose errors are told in words.

    What is not UTF-8 is read as Windows-1252, as spreadsheets in the west save it; a note says so.

    Raises:
        UsageError: It is no text, has a line without an end, or is no CSV.
    """
    try:
        with (
            open_file(path) as data,
            io.TextIOWrapper(data, newline="", encoding=encoding_of(data)) as file,
        ):
            if file.encoding == OTHER_ENCODING:
                NOTES.warning("%s is not UTF-8: it was read as Windows-1252", path.name)
            yield _lines(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as CSV ({error}).") from error


def encoding_of(data: BinaryIO) -> str:
    """The encoding of a file at its beginning: UTF-8, UTF-16 with a mark, or else OTHER_ENCODING.

    What has zero bytes is no text in that one: decoding it as UTF-8 will tell.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    head = data.read(_HEAD)
    data.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        return "utf-8-sig"
    try:
        while block := data.read(1 << 20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        return OTHER_ENCODING
    finally:
        data.seek(0)


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UsageError(f"{path}: has a line of more than {_LONGEST_LINE:,} characters.")
        yield line


def _columns(path: Data, rows: Sequence[Row], reading: Reading) -> tuple[list[str], list[str]]:
    """The columns that may be features, and those of the true answers."""
    if not rows:
        raise UsageError(f"{path}: there are no rows under the header.")
    labels = label_names(reading.label_column or "label", list(rows[0]))
    lacking = [name for name in labels if name not in rows[0]]
    if reading.label_column and not reading.unlabelled and lacking:
        raise missing_label(path, lacking[0], [column for column in rows[0] if column])
    return [column for column in rows[0] if column and column not in labels], labels


def label_names(told: str, header: Sequence[str]) -> list[str]:
    """The columns of the true answers: ``a,b`` are two, where none is called so."""
    return [told] if told in header else [name.strip() for name in told.split(",")]


def missing_label(path: Data, label_column: str, known: Sequence[str]) -> UsageError:
    """What is said where nothing is called as the true answers should be."""
    return UsageError(
        f"{option('label_column', label_column)}: {path}: {unknown(label_column, known, 'column')}",
        option="label_column",
        got=label_column,
    )


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
        f"with the true answers is called label, or named by {option('label_column')}."
    )


def labels_of(values: Sequence[str]) -> Array:
    """Labels as numbers where all are, else as words."""
    try:
        return np.asarray([float(value) for value in values])
    except ValueError:
        return np.asarray(values)
