"""The scripts, notebooks and pages of a folder, within bounds, parsed; never run."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import os
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edge_deploy.core.bounds import open_file, read_bytes
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.filesystem import is_link
from edge_deploy.frontends.project.findings import Evidence, Problem
from edge_deploy.frontends.project.notebooks import Cell, code_cells, lines_of, without_magics

MOST_FILES = 300
_MOST_ENTRIES = 50_000
_MOST_DEPTH = 12
_MOST_SCRIPT = 512 * 2**10
_MOST_NOTEBOOK = 24 * 2**20
_MOST_BYTES = 96 * 2**20
# A tree takes up to 300 times the memory of its text.
_MOST_CODE = 4 * 2**20
_LONGEST_TEXT = 200
_LONGEST_HEADER = 2**18

_SKIPPED = {
    *("venv", "env", "node_modules", "site-packages", "dist-packages", "__pycache__"),
    *("__MACOSX", "build", "dist", "virtualenv", "migrations"),
}
_TEMPLATES = {".html", ".htm", ".jinja", ".jinja2", ".j2"}
# Python's parser takes memory with the square of such a chain: `import a.b.b.b...`
_LONG_CHAIN = re.compile(r"(?:\.[\s\\]*\w+[\s\\]*){300}")
_ENCODINGS = re.compile(
    r"(utf_8|utf_8_sig|utf-8|utf-8-sig|ascii|latin.?1|iso8859.\d+|cp\d+|koi8.[rut]|big5\w*|gb\w+"
    r"|euc_\w+|shift_jis\w*|mac.\w+|johab|tis.620)"
)


@dataclass
class Script:
    """One parsed file.

    Attributes:
        file: Relative to the folder, with ``/``.
        trees: A module a cell; a script has one.
    """

    file: str
    trees: list[tuple[ast.Module, Cell]]

    def evidence(self, line: int, cell: Cell) -> Evidence:
        """Where a line of a cell stands, with its text."""
        text = cell.lines[line - 1].strip() if 0 < line <= len(cell.lines) else ""
        return Evidence(self.file, line, text[:_LONGEST_TEXT], cell.number)


@dataclass
class Folder:
    """What is in a folder, as far as it is read.

    Attributes:
        root: The folder.
        files: All files, relative, with ``/``.
        folders: All folders, relative; "" is the root.
        scripts: Parsed Python, in the order of their names.
        pages: HTML templates: file and text.
        problems: What could not be read.
        code: How many characters of Python were taken.
    """

    root: Path
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    scripts: list[Script] = field(default_factory=list)
    pages: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    code: int = 0
    _names: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def find(self, written: str, script: str) -> str | None:
        """The file or folder that a script's path means; None where there is none.

        Args:
            written: As the script has it; a drive, a mount or a folder of another machine is left
                away, where only the name fits one file here.
            script: The script, relative to the folder.
        """
        path = written.replace("\\", "/").strip()
        home = PurePosixPath(script).parent
        for start in (home, PurePosixPath()):
            tried = _normal(str(start / path)) if not path.startswith("/") else None
            if tried is not None and (tried in self.files or tried in self.folders) and tried:
                return tried
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for count in range(min(len(parts), 20), 0, -1):
            tail = "/".join(parts[-count:])
            fits = [one for one in self._named(parts[-1]) if f"/{one}".endswith("/" + tail)]
            files = [one for one in fits if one in self.files]
            if len(files or fits) == 1:
                return (files or fits)[0]
            if fits:
                return None
        return None

    def class_folders(self, path: str) -> tuple[str, ...]:
        """The folders in a folder, by name, as Keras takes classes from them."""
        start = path + "/" if path else ""
        inner = [one[len(start) :] for one in self.folders if one and one.startswith(start)]
        return tuple(sorted(one for one in inner if one and "/" not in one))[:10_000]

    def _named(self, name: str) -> list[str]:
        """The files and folders of a name, wherever they are."""
        if not self._names:
            for path in sorted(self.files) + sorted(self.folders - {""}):
                self._names.setdefault(path.rpartition("/")[2], []).append(path)
        return self._names.get(name, [])

    def header(self, path: str) -> tuple[str, ...]:
        """The names in a CSV file's first line; none where it has none that are texts."""
        if path not in self.files:
            return ()
        try:
            with open_file(self.root / path) as file:
                line = file.readline(_LONGEST_HEADER).decode("utf-8-sig")
            row = next(csv.reader([line.rstrip("\r\n")]), [])
        except (EdgeDeployError, OSError, ValueError, csv.Error):
            return ()
        names = tuple(one.strip() for one in row)
        numeric = any(re.fullmatch(r"[-+.\deE]+", one) for one in names)
        plain = len(set(names)) == len(names) <= 10_000 and not numeric
        return names if plain and len(names) > 1 else ()


def _normal(path: str) -> str | None:
    """Without ``.`` and ``..``; None where it leaves the folder."""
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def read_folder(root: Path) -> Folder:
    """List a folder and parse what is Python, a notebook or a page in it.

    Raises:
        UsageError: It is no folder, or cannot be listed.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: is no folder. Give the folder of a project.")
    folder = Folder(root)
    left = _MOST_BYTES
    read = 0
    for file in _listed(folder):
        suffix = PurePosixPath(file).suffix.lower()
        if suffix not in {".py", ".ipynb"} | _TEMPLATES:
            continue
        if read >= MOST_FILES or left <= 0:
            message = f"more than {MOST_FILES} files or {_MOST_BYTES >> 20} MB; no more are read"
            folder.problems.append(Problem(Evidence(file, 1, ""), message))
            break
        read += 1
        left -= _read(folder, file, suffix)
    return folder


def _listed(folder: Folder) -> list[str]:
    real = folder.root.resolve()
    found: list[str] = []
    waiting = [("", 0)]
    seen = 0
    folder.folders.add("")
    while waiting:
        inner, depth = waiting.pop()
        for entry in _entries(folder, inner):
            seen += 1
            if seen > _MOST_ENTRIES:
                message = f"more than {_MOST_ENTRIES:,} files and folders; no more are looked at"
                folder.problems.append(Problem(Evidence(inner or ".", 1, ""), message))
                return sorted(found, key=_nearest)
            name = f"{inner}/{entry.name}" if inner else entry.name
            if _skipped(entry.name) or not _inside(entry, real):
                continue
            if entry.is_dir():
                folder.folders.add(name)
                if depth < _MOST_DEPTH and not is_link(entry):
                    waiting.append((name, depth + 1))
            elif entry.is_file():
                folder.files.add(name)
                found.append(name)
    return sorted(found, key=_nearest)


def _nearest(file: str) -> tuple[int, str]:
    return file.count("/"), file


def _entries(folder: Folder, inner: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder.root / inner) as entries:
            yield from sorted(entries, key=lambda one: one.name)
    except OSError as failed:
        if not inner:
            raise UsageError(f"{folder.root}: cannot be listed ({failed.strerror}).") from failed
        message = f"cannot be listed ({failed.strerror})"
        folder.problems.append(Problem(Evidence(inner, 1, ""), message))


def _skipped(name: str) -> bool:
    if name.startswith(".") or name in _SKIPPED or name.endswith(".egg-info"):
        return True
    return any("\ud800" <= letter <= "\udfff" for letter in name)  # no text can name it


def _inside(entry: os.DirEntry[str], real: Path) -> bool:
    if not entry.is_symlink():
        return True
    try:
        return Path(entry.path).resolve(strict=True).is_relative_to(real)
    except (OSError, RuntimeError):  # a ring of links, among others
        return False


def _read(folder: Folder, file: str, suffix: str) -> int:
    """Parse one file; the bytes that it took."""
    largest = _MOST_NOTEBOOK if suffix == ".ipynb" else _MOST_SCRIPT
    path = folder.root / file
    try:
        data = read_bytes(path, UsageError, largest)
    except EdgeDeployError as failed:
        message = str(failed).removeprefix(f"{path}: ").rstrip(".")
        folder.problems.append(Problem(Evidence(file, 1, ""), message))
        return 0
    if suffix in _TEMPLATES:
        folder.pages.append((file, data.decode("utf-8-sig", errors="replace")))
        return len(data)
    try:
        if suffix == ".ipynb":
            cells = code_cells(data, _MOST_SCRIPT)
        else:
            cells = [Cell(None, lines_of(_decoded(data)))]
    except _Unreadable as failed:
        folder.problems.append(Problem(Evidence(file, failed.line, ""), failed.message))
        return len(data)
    except ValueError as failed:
        folder.problems.append(Problem(Evidence(file, 1, ""), str(failed)))
        return len(data)
    script = Script(file, [])
    folder.code += sum(len(line) + 1 for cell in cells for line in cell.lines)
    if folder.code > _MOST_CODE:
        message = f"more than {_MOST_CODE >> 20} MB of Python in the folder; no more is read"
        folder.problems.append(Problem(Evidence(file, 1, ""), message))
        return len(data)
    for cell in cells:
        try:
            script.trees.append((_cell(cell), cell))
        except _Unreadable as failed:
            evidence = script.evidence(failed.line, cell)
            folder.problems.append(Problem(evidence, failed.message))
    folder.scripts.append(script)
    return len(data)


class _Unreadable(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def _decoded(data: bytes) -> str:
    """A source's text: by its byte order mark or coding cookie, else UTF-8, as Python takes it."""
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise _Unreadable(line, "a null byte, which no Python source has")
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        known = codecs.lookup(name).name
    except (SyntaxError, LookupError, ValueError) as failed:
        raise _Unreadable(1, f"an unknown encoding ({failed})") from None
    if not _ENCODINGS.fullmatch(known.lower()):
        raise _Unreadable(1, f"the encoding {name}, which is not read; save it as UTF-8")
    try:
        return data.decode(name)
    except UnicodeDecodeError as failed:
        line = data.count(b"\n", 0, failed.start) + 1
        message = f"not {name}, as Python would read it; save it as UTF-8"
        raise _Unreadable(line, message) from None


def _cell(cell: Cell) -> ast.Module:
    """A script, or a notebook's cell: without what is no Python, where it has such lines."""
    try:
        return _parsed("\n".join(cell.lines) + "\n")
    except _Unreadable:
        if cell.number is None:
            raise
    return _parsed("\n".join(without_magics(cell.lines)) + "\n")


def _parsed(text: str) -> ast.Module:
    long = _LONG_CHAIN.search(text)
    if long:
        line = text.count("\n", 0, long.start()) + 1
        raise _Unreadable(line, "a chain of more than 300 names")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that a string of it has
            return ast.parse(text)
    except SyntaxError as failed:
        message = f"a syntax error: {str(failed.msg)[:120]}"
        raise _Unreadable(max(failed.lineno or 1, 1), message) from None
    except (RecursionError, MemoryError):
        raise _Unreadable(1, "nested too deep to be read") from None
    except ValueError as failed:
        raise _Unreadable(1, f"no Python source ({str(failed)[:120]})") from None
