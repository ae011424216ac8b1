"""What commands print: tables, problems, JSON, and a status line."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import typer

# Of C0, C1 and Unicode's: all but line breaks and tabs.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MOST = 12  # values of a list that are printed


def take_every_character() -> None:
    """Write what a terminal's encoding lacks, and bytes of names that are no text, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_stdout() -> None:
    """Have Python say nothing more of a stdout that takes nothing more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def echo(text: object, err: bool = False, nl: bool = True) -> None:
    """Print a line. What of it came from a file cannot steer the terminal."""
    typer.echo(plain(str(text)), err=err, nl=nl)


def plain(text: str) -> str:
    """A text with its control characters, and those that turn the direction, as escapes."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def json_document(document: Mapping[str, Any]) -> None:
    """Print JSON; where stdout is not UTF-8, in ASCII, which every reader of JSON takes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    ascii_only = codecs.lookup(encoding).name != "utf-8"
    text = json.dumps(document, ensure_ascii=ascii_only, indent=2)
    typer.echo(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def notes(notes: Sequence[str]) -> None:
    for note in notes:
        echo(f"note: {note}")


def warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        echo(f"warning: {warning}", err=True)


def lines(lines: Sequence[str]) -> None:
    for line in lines:
        echo(line)


def described(document: Mapping[str, Any]) -> list[str]:
    """What `inspect` found, a line each; what is not there is left out."""
    from edge_deploy.artifact.document import part
    from edge_deploy.artifact.file_entry import Requirements
    from edge_deploy.verification.report import needed

    def needs(found: Mapping[str, Any]) -> list[str]:
        return needed(part(Requirements, found["needs"])) if found.get("needs") else []

    lines = []
    for key, value in document.items():
        if key in ("inputs", "outputs"):
            lines += [_tensor(key[:-1], spec) for spec in value]
        elif key == "artifacts":
            for entry in value:
                total = sum(file["bytes"] for file in entry["files"])
                lines.append(f"file: {entry['files'][0]['path']} {total:,} bytes")
                lines += _integers(entry)
                lines += [f"  {line}" for line in needs(entry)]
        elif key == "needs":
            lines += needs(document)
        elif key in ("files", "min_runtime") or (key == "ops" and document.get("needs")):
            continue
        else:
            lines += _nested(key, value)
    return lines


def _tensor(what: str, spec: Mapping[str, Any]) -> str:
    shape = " x ".join("any" if axis is None else str(axis) for axis in spec["shape"])
    classes = f": {_listed(spec['classes'])}" if spec.get("classes") else ""
    return f"{what}: {spec['name']} [{shape}] {spec['dtype']} {spec['kind']}{classes}"


def _integers(entry: Mapping[str, Any]) -> list[str]:
    """How the integers of a file's ends stand for numbers."""
    return [
        f"  {what[:-1]} {spec['name']}: {spec['dtype']}, "
        f"number = (integer - {found['zero_point']}) * {found['scale']:.9g}"
        for what in ("inputs", "outputs")
        for spec in entry.get(what) or ()
        if "int" in spec["dtype"] and (found := spec.get("quantization"))
    ]


def _listed(values: Sequence[Any]) -> str:
    """All of a few, the first of many: a vocabulary has thousands of words."""
    more = f" and {len(values) - _MOST:,} more" if len(values) > _MOST + 1 else ""
    return ", ".join(map(str, values[:_MOST] if more else values)) + more


def _nested(key: str, value: Any) -> list[str]:
    if value in (None, [], (), {}):
        return []
    if isinstance(value, Mapping):
        inner = [line for k, v in value.items() for line in _nested(str(k), v)]
        return [f"{key}:", *(f"  {line}" for line in inner)] if inner else []
    if not isinstance(value, list | tuple):
        return [f"{key}: {value}"]
    if not any(isinstance(item, Mapping) for item in value):
        return [f"{key}: {_listed(value)}"]
    rows = [", ".join(line for k, v in item.items() for line in _nested(k, v)) for item in value]
    return [f"{key}:", *(f"  {row}" for row in rows)]


def problems(verdicts: Sequence[Any]) -> None:
    for verdict in verdicts:
        where = (
            f"{verdict.path} ({verdict.runtime}{' ' + verdict.backend if verdict.backend else ''})"
        )
        for problem in verdict.problems:
            echo(f"FAIL {where}: {problem}", err=True)
        for line in verdict.advice:
            echo(f"     {line}", err=True)
        if verdict.reason and verdict.status == "not run":
            echo(f"not run {where}: {verdict.reason}", err=True)


def made(done: Any, what: str, as_json: bool, quiet: bool) -> None:
    """What ``convert`` or ``quantize`` did: their files with verdicts, and what could not be."""
    from edge_deploy.verification import report

    warn(getattr(done, "warnings", ()))
    if as_json:
        document = report.to_document(done.manifest, done.verdicts)
        folder = str(done.artifact.folder) if done.artifact else None
        more = {"artifact": folder, "notes": list(done.notes), "failed": dict(done.failed)}
        json_document({**document, **more})
        return
    if not quiet:
        notes(done.notes)
        table(report.HEADER, report.rows(done.manifest, done.verdicts))
        lines(report.performance(done.manifest))
    problems(done.verdicts)
    for name, reason in done.failed.items():
        echo(f"{name} could not be {what}: {reason}", err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], whole: int = 2) -> None:
    """Print rows in columns; the first ``whole`` columns are never broken."""
    if not rows:
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    kept = [n for n in range(len(header)) if any(row[n] for row in rows)]  # none that is empty
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for n in kept:
        # Of verdicts the first two name the file and say whether it is right.
        table.add_column(header[n], overflow="fold", no_wrap=n < whole)
    for row in rows:
        style = "red" if any("FAIL" in cell for cell in row[:2]) else None
        # Names of files, columns and classes are no markup.
        table.add_row(*(escape(plain(row[n])) for n in kept), style=style)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)  # a log has no width: lose no columns
    console.print(table)


class _Handler(logging.Handler):
    """Writes each message by a function, but for the notes of a result."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "edge_deploy.notes" and record.levelno == logging.INFO:
            return  # the command prints them with its result
        self._write(record.getMessage())


@contextmanager
def _handling(name: str, level: int, write: Callable[[str], None]) -> Iterator[None]:
    """Write what a logger of the library tells; no other handler gets it."""
    logger = logging.getLogger(name)
    handler, before = _Handler(write), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextmanager
def progress(silent: bool, about: str = "") -> Iterator[Callable[[str], None]]:
    """A status line on stderr, on a terminal only, of what the library tells.

    Args:
        silent: Show none.
        about: Before each line.

    Yields:
        Shows a line of the command's own.
    """
    if silent or not sys.stderr.isatty():
        yield lambda _: None
        return

    def show(line: str) -> None:
        os.write(2, _status(f"{about}{line} …"))

    try:
        with _handling("edge_deploy", logging.INFO, show):
            yield show
    finally:
        os.write(2, _status(""))


def _status(line: str) -> bytes:
    """A line in place of the one before."""
    line = plain(line)
    if sys.platform == "win32":  # whose console may know neither the escape nor UTF-8
        return f"\r{line[:78]:78}\r".encode("ascii", "replace")
    return f"\r\x1b[K{line}".encode()


def unheard() -> AbstractContextManager[None]:
    """What the library warns of is in its result, and printed with that."""
    return _handling("edge_deploy.notes", logging.WARNING, lambda _: None)


def warnings() -> AbstractContextManager[None]:
    """What the library warns of, a line each on stderr."""
    return _handling(
        "edge_deploy.notes", logging.WARNING, lambda line: echo(f"note: {line}", err=True)
    )
