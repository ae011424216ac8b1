"""What lies in a project's folder: fitted files by their first bytes, tables, pictures by class.

Nothing is followed out of the folder, hidden folders and environments are left out, and how much
is looked at has an end.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_deploy.core.bounds import open_file
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.data.csv_reader import encoding_of
from edge_deploy.data.preprocessing.decode import is_picture
from edge_deploy.data.preprocessing.encoding import parse_number

MOST_ENTRIES = 20_000
MOST_FITTED = 60
_MOST_TABLES = 40
_DEEPEST = 6
_MOST_ROWS = 5_000
_MOST_BYTES = 32 << 20  # of a table
_LONGEST_LINE = 1 << 20
_MOST_VALUES = 50
_MOST_COLUMNS = 2_000
_LEFT_OUT = {
    "venv", "env", "node_modules", "__pycache__", "site-packages", "dist-packages", "__MACOSX",
    "logs", "mlruns", "wandb", "catboost_info",
}  # fmt: skip
_FITTED = (
    ".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".joblib", ".sav", ".save", ".skops", ".cbm",
    ".p", ".model", ".dump", ".bin", "",
)  # fmt: skip
_NAMES = ("label", "class", "categor", "names", "token", "word", "vocab", "column", "feature")
_OWN = ("features.json", "preprocessing.json", "manifest.json", "package.json")
_HEADS = (
    b"\x89HDF\r\n\x1a\n", b"\x80", b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ",
    b"\x04\x22\x4d\x18", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"CBM1",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """What stands in a column of a table.

    Attributes:
        name: Of the header.
        numbers: Whether every value is a number.
        whole: Whether every value is a whole number.
        values: The different values, sorted; none where there are more than 50.
        low: The least number.
        high: The largest number.
        gaps: How many rows have nothing there.
        distinct: How many different values were seen, at most 51.
        blanks: How many blanks a value has, on average.
    """

    name: str
    numbers: bool
    whole: bool
    values: tuple[str, ...]
    low: float | None
    high: float | None
    gaps: int
    distinct: int
    blanks: float = 0.0

    @property
    def is_prose(self) -> bool:
        """Whether it holds texts of several words that are all different."""
        return not self.numbers and self.distinct > 20 and self.blanks >= 1.5


@dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        path: From the folder on.
        columns: In their order.
        rows: How many were looked at.
    """

    path: str
    columns: tuple[Column, ...]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        """The header."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True)
class Pictures:
    """A folder with one folder of pictures a class.

    Attributes:
        path: From the folder on.
        classes: The names of the inner folders, sorted, and how many pictures each has.
    """

    path: str
    classes: Mapping[str, int]


@dataclass(frozen=True)
class Inventory:
    """What was found, each path from the folder on, sorted.

    Attributes:
        fitted: Files and folders that may hold a model or a part of one.
        tables: CSV files.
        pictures: Folders of pictures by class.
        arrays: .npz and .npy files.
        notes: What was not looked at.
        unnamed: Files as above that no recipe can name.
        unsorted: Other folders of pictures, and how many each has.
    """

    fitted: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Pictures, ...] = ()
    arrays: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    unsorted: Mapping[str, int] = field(default_factory=dict)


def take_stock(folder: Path) -> Inventory:
    """Look at a folder; nothing in it is run, imported or unpickled.

    Raises:
        OSError: The folder itself cannot be read.
    """
    fitted: list[str] = []
    tables: list[str] = []
    arrays: list[str] = []
    pictures: dict[str, int] = {}
    notes: list[str] = []
    unnamed: list[str] = []
    seen = 0
    for inner, names, folders in _walk(folder, notes, unnamed):
        seen += len(names) + len(folders)
        if any(name in ("saved_model.pb", "saved_model.pbtxt") for name in names):
            fitted.append(inner or ".")
        shots = 0
        for name in names:
            path = f"{inner}/{name}" if inner else name
            suffix = Path(name).suffix.lower()
            if suffix == ".csv":
                tables.append(path)
            elif suffix in (".npz", ".npy"):
                arrays.append(path)
            elif is_picture(Path(name)):
                shots += 1
            elif name not in _OWN and _may_be_fitted(folder / path, suffix):
                fitted.append(path)
        if shots:
            pictures[inner] = shots
        if seen > MOST_ENTRIES:
            notes.append(f"only the first {MOST_ENTRIES:,} files and folders were looked at")
            break
    for listed, most, what in (
        (fitted, MOST_FITTED, "fitted files"),
        (tables, _MOST_TABLES, "CSV"),
    ):
        if len(listed) > most:
            notes.append(f"only the first {most} of {len(listed)} {what} were opened")
    read = []
    for path in sorted(tables)[:_MOST_TABLES]:
        read += [table] if (table := read_table(folder, path)) else []
    by_class = tuple(_by_class(pictures))
    sorted_ones = {f"{one.path}/{name}" for one in by_class for name in one.classes}
    return Inventory(
        tuple(sorted(fitted, key=_depth)[:MOST_FITTED]),
        tuple(read),
        by_class,
        tuple(sorted(arrays)),
        tuple(dict.fromkeys(notes)),
        tuple(sorted(path for path in unnamed if _is_of_use(folder / path))),
        {path: count for path, count in pictures.items() if path and path not in sorted_ones},
    )


def _is_of_use(path: Path) -> bool:
    """Whether a file may be a part of a model, or its data."""
    suffix = path.suffix.strip().lower()
    return suffix in (".csv", ".npz", ".npy") or (path.is_file() and _may_be_fitted(path, suffix))


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _walk(
    root: Path, notes: list[str], unnamed: list[str]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Folders from the top down: each with its plain files and folders, sorted."""
    waiting = [""]
    while waiting:
        inner = waiting.pop(0)
        files, folders = [], []
        try:
            with os.scandir(root / inner) as entries:
                for entry, _ in zip(entries, range(MOST_ENTRIES), strict=False):
                    if entry.name.startswith("."):
                        continue
                    if not _is_name(entry.name):
                        notes.append(f"{entry.name!r}: no recipe can hold the name: rename it")
                        unnamed.append(f"{inner}/{entry.name}" if inner else entry.name)
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif _is_inside(entry, root):
                        files.append(entry.name)
        except OSError as error:
            if not inner:
                raise
            notes.append(f"{inner}: cannot be read ({error.strerror})")
            continue
        if "pyvenv.cfg" in files or ("manifest.json" in files and "reference.npz" in files):
            continue  # an environment; a version of an artifact
        yield inner, sorted(files), sorted(folders)
        for name in sorted(folders):
            path = f"{inner}/{name}" if inner else name
            if name in _LEFT_OUT or name.endswith((".egg-info", ".dist-info")):
                continue
            if path.count("/") >= _DEEPEST:
                notes.append(f"{path}: too deep, not looked at")
                continue
            waiting.append(path)


def _is_name(name: str) -> bool:
    """Whether a name can stand in a text file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.isprintable()


def _is_inside(entry: os.DirEntry[str], root: Path) -> bool:
    """Whether an entry is a plain file, or a link to one of the folder."""
    try:
        if not entry.is_symlink():
            return entry.is_file()
        real = Path(entry.path).resolve(strict=True)
        return real.is_file() and real.is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a ring of links, among others
        return False


def _may_be_fitted(path: Path, suffix: str) -> bool:
    if suffix in (".json", ".txt"):
        stem = path.stem.lower()
        return any(word in stem for word in _NAMES) and not stem.startswith("requirements")
    if suffix not in _FITTED:
        return False
    try:
        with open_file(path) as file:
            head = file.read(16)
    except EdgeDeployError:
        return False
    return head.startswith(_HEADS) or (bool(head) and suffix in (".pkl", ".pickle", ".joblib"))


def _by_class(pictures: Mapping[str, int]) -> Iterator[Pictures]:
    """Folders of which two or more inner folders hold pictures."""
    parents: dict[str, dict[str, int]] = {}
    for inner, count in pictures.items():
        parent, _, name = inner.rpartition("/")
        if name:
            parents.setdefault(parent, {})[name] = count
    for parent, classes in sorted(parents.items()):
        if len(classes) > 1 and parent:
            yield Pictures(parent, dict(sorted(classes.items())))


def read_table(folder: Path, path: str) -> Table | None:
    """The header of a CSV and what stands in its first rows; None of what is none."""
    try:
        with (
            open_file(folder / path) as data,
            io.TextIOWrapper(data, newline="", encoding=encoding_of(data)) as text,
        ):
            reader = csv.reader(_lines(text))
            names = next(reader, [])
            if not names or len(names) > _MOST_COLUMNS or not all(map(str.isprintable, names)):
                return None
            if len(set(names)) < len(names) or all(
                parse_number(name) is not None for name in names
            ):
                return None
            told = [_Seen(name) for name in names]
            rows = 0
            for row in reader:
                if len(row) == len(names):
                    rows += 1
                    for seen, value in zip(told, row, strict=True):
                        seen.add(value)
                if rows >= _MOST_ROWS:
                    break
    except (EdgeDeployError, OSError, UnicodeDecodeError, csv.Error):
        return None  # a table is evidence among other; whoever needs this one is told by convert
    return Table(path, tuple(seen.column() for seen in told), rows) if rows else None


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    left = _MOST_BYTES
    while line := file.readline(_LONGEST_LINE):
        left -= len(line)
        if left < 0 or len(line) >= _LONGEST_LINE:
            return
        yield line


class _Seen:
    """The values of a column, counted."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: set[str] = set()
        self._numbers = self._whole = True
        self._low: float | None = None
        self._high: float | None = None
        self._gaps = self._count = self._blanks = 0

    def add(self, value: str) -> None:
        """One more."""
        if value == "":
            self._gaps += 1
            return
        self._count += 1
        self._blanks += value.count(" ")
        if len(self._values) <= _MOST_VALUES:
            self._values.add(value if len(value) < 200 else value[:200])
        if not self._numbers:
            return
        number = parse_number(value)
        if number is None or not math.isfinite(number):
            self._numbers = self._whole = False
            return
        self._whole = self._whole and number == int(number)
        self._low = number if self._low is None else min(self._low, number)
        self._high = number if self._high is None else max(self._high, number)

    def column(self) -> Column:
        """What was seen."""
        numbers = self._numbers and self._count > 0
        few = len(self._values) <= _MOST_VALUES
        return Column(
            self._name,
            numbers,
            numbers and self._whole,
            tuple(_sorted(self._values, numbers)) if few else (),
            self._low if numbers else None,
            self._high if numbers else None,
            self._gaps,
            len(self._values),
            self._blanks / max(1, self._count),
        )


def _sorted(values: set[str], numbers: bool) -> Sequence[str]:
    return sorted(values, key=float) if numbers else sorted(values)
