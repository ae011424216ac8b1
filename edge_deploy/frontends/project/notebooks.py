"""The code cells of a notebook as Python; outputs and texts are left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edge_deploy.core.bounds import parse_json

# Cells of other languages, and of what a shell does.
_FOREIGN = re.compile(
    r"%%(bash|sh|script|html|javascript|js|latex|markdown|svg|writefile|file|perl|ruby|R|sql|cmd"
    r"|bigquery|cython|system|!)\b"
)
_MAGIC = re.compile(r"(\s*)(%|!|\?)|(\s*)[\w.]+\?{1,2}\s*$|(\s*)\w+\s*=\s*[!%]")


@dataclass(frozen=True)
class Cell:
    """Lines of Python: a whole script, or a code cell.

    Attributes:
        number: From 1 in a notebook; None for a script.
        lines: As they are in the file.
    """

    number: int | None
    lines: list[str]


def lines_of(text: str) -> list[str]:
    """The lines of a source, as Python counts them."""
    return re.split(r"\r\n|\r|\n", text)


def code_cells(data: bytes, largest: int) -> list[Cell]:
    """The code cells of a notebook, in their order.

    Args:
        data: The file.
        largest: The most characters of code that are taken.

    Raises:
        ValueError: It is no notebook, or has more code; in words.
    """
    try:
        document = parse_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("no notebook: it is not UTF-8") from None
    except ValueError as failed:
        raise ValueError(f"no notebook: it is not JSON ({failed})") from None
    cells, size = [], 0
    for number, source in enumerate(_sources(document), start=1):
        size += len(source)
        if size > largest:
            raise ValueError(f"more than {largest >> 10} KB of code")
        cells.append(Cell(number, lines_of(source)))
    return cells


def _sources(document: Any) -> list[str]:
    if not isinstance(document, dict):
        raise ValueError("no notebook: its JSON is no object")
    cells = document.get("cells")
    if cells is None and isinstance(document.get("worksheets"), list):  # notebooks before 2015
        sheets = [one for one in document["worksheets"] if isinstance(one, dict)]
        cells = [cell for sheet in sheets for cell in _listed(sheet.get("cells"))]
    if not isinstance(cells, list):
        raise ValueError("no notebook: it has no cells")
    found = []
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        found.append(source.replace("\0", " ") if isinstance(source, str) else "")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def without_magics(lines: list[str]) -> list[str]:
    """A cell's lines, those that are no Python as ``pass``."""
    first = next((line for line in lines if line.strip()), "")
    if _FOREIGN.match(first.strip()):
        return ["pass"] * len(lines)
    kept = []
    for line in lines:
        magic = _MAGIC.match(line)
        if magic:
            kept.append((magic.group(1) or magic.group(3) or magic.group(4) or "") + "pass")
        else:
            kept.append(line)
    # A magic's own lines that go on behind a backslash.
    for number in range(1, len(kept)):
        before = lines[number - 1]
        if kept[number - 1].strip() == "pass" and before.rstrip().endswith("\\"):
            kept[number] = kept[number - 1]
    return kept
