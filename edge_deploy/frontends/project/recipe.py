"""``edge-deploy.toml``: how the files of a folder become one artifact, read and checked.

A recipe is a stranger's file like any other: it names files of its own folder alone, and cannot
allow what only the person who calls may allow (see CALLERS).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edge_deploy.core.atomic_io import digest
from edge_deploy.core.bounds import read_text
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import call, did_you_mean, option, unknown
from edge_deploy.frontends.project.recipe_keys import FILE, KINDS, TABLES, TOP, VERSION, Key, Keys
from edge_deploy.frontends.project.steps import Step

_MOST = 1 << 20
"""Bytes of a recipe: thousands of columns fit."""
_MOST_STEPS = 200

CALLERS = (
    "browser", "cache", "command", "custom_objects", "dry_run", "max_size", "overwrite",
    "trust_pickle", "verbose",
)  # fmt: skip
"""Options that a recipe cannot give: they run code, lift a limit, or replace what is there."""


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read.

    Attributes:
        path: The file.
        steps: The files of the model, in the order in which data flows.
        undecided: Questions that are still open.
        document: The whole, as TOML gives it; every key and type is checked.
        sha256: Of the file.
    """

    path: Path
    steps: tuple[Step, ...]
    undecided: tuple[str, ...]
    document: Mapping[str, Any]
    sha256: str

    @property
    def folder(self) -> Path:
        """What its paths start from."""
        return self.path.parent

    @property
    def files(self) -> tuple[Path, ...]:
        """The recipe itself and the files of its steps."""
        return (self.path, *(step.path for step in self.steps))

    def check_decided(self) -> None:
        """Refuse a recipe with an open question.

        Raises:
            UsageError: It has one.
        """
        if self.undecided:
            questions = "\n".join(f"  - {question}" for question in self.undecided)
            raise UsageError(
                f"{self.path}: not decided yet:\n{questions}\nChoose in the file (the lines under "
                "'choose one'), and take the question out of `undecided`."
            )


def find(folder: Path) -> Path | None:
    """The recipe of a folder, where it has one."""
    path = folder / FILE
    return path if path.is_file() else None


def read(path: Path, convert: Keys) -> Recipe:
    """Read a recipe and check every key of it.

    Args:
        path: The file.
        convert: The keys of ``[convert]``.

    Raises:
        UsageError: It is no TOML, of a newer form, or a key or a value is not as it must be; a
            file that it names is not there or lies elsewhere.
    """
    return parse(path, read_text(path, largest=_MOST), convert)


def parse(path: Path, text: str, convert: Keys) -> Recipe:
    """The same of a text that stands in no file yet.

    Raises:
        UsageError: As for ``read``.
    """
    document = _parsed(path, text)
    reader = _Reader(path, text)
    reader.check_version(document)
    tables = {**{name: table.keys for name, table in TABLES.items()}, "convert": convert}
    for name, value in document.items():
        if name not in tables:
            reader.check(TOP, "", name, value, [*TOP, *tables])
            continue
        many = name in TABLES and TABLES[name].many
        items = value if many else [value]
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            wanted = f"[[{name}]], once an entry" if many else f"[{name}]"
            raise reader.error("", name, f"is no table; write {wanted}.")
        for number, item in enumerate(items):
            for key, inner in item.items():
                if name == "convert" and key in CALLERS:
                    raise reader.error(
                        name,
                        key,
                        "only who calls can say this, not a file that may be a stranger's. Give "
                        f"{option(key)} to the call.",
                    )
                reader.check(tables[name], name, key, inner, list(tables[name]), number)
            for key, rule in tables[name].items():
                if rule.required and key not in item:
                    raise reader.error(name, "", f"{key} is missing: {rule.example}", number)
    steps = document.get("steps", [])
    if not steps and not document.get("undecided"):
        raise UsageError(
            f"{path}: has no [[steps]], so there is no model. Write one a file, or have it "
            f"written: {call('init', path.parent, overwrite=True)}."
        )
    if len(steps) > _MOST_STEPS:
        raise UsageError(f"{path}: has {len(steps)} steps; at most {_MOST_STEPS} are read.")
    return Recipe(
        path,
        tuple(_step(path.parent, one) for one in steps),
        tuple(document.get("undecided", ())),
        document,
        digest(text.encode()),
    )


def _step(folder: Path, table: Mapping[str, Any]) -> Step:
    columns = table.get("columns")
    listed = [columns] if isinstance(columns, str) else columns
    return Step(
        folder / table["file"],
        columns=None if listed is None else tuple(listed),
        key=table.get("key"),
    )


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path}: is no TOML: {error}. See docs/reference/recipe.md, or have it written: "
            f"{call('init', path.parent, overwrite=True)}."
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deep; a number of 5,000 digits
        raise UsageError(f"{path}: cannot be read as TOML ({error}).") from error


class _Reader:
    """Checks keys, and says of a fault in which line it is."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def check_version(self, document: Mapping[str, Any]) -> None:
        """Refuse a recipe without a form, or of a newer one."""
        version = document.get("recipe")
        if version is None:
            raise UsageError(f"{self._path}: does not say its form. Begin it with recipe = 1.")
        if not KINDS["integer"].check(version) or version < 1:
            raise self.error("", "recipe", f"is {_shown(version)}, not {VERSION}.")
        if version > VERSION:
            raise self.error(
                "",
                "recipe",
                f"is of form {version}, and this edge-deploy reads {VERSION}. Update edge-deploy, "
                f"or have it written anew: {call('init', self._path.parent, overwrite=True)}.",
            )

    def check(
        self, keys: Keys, table: str, name: str, value: Any, known: list[str], number: int = 0
    ) -> None:
        """Refuse a key that is not known, and a value that the key does not take."""
        rule = keys.get(name)
        if rule is None:
            raise self.error(table, name, unknown(name, known, "key"), number)
        kind = KINDS[rule.kind]
        if not kind.check(value):
            words = f"is {_shown(value)}, not {kind.words}, such as {rule.example}."
            raise self.error(table, name, words, number)
        if rule.choices and (wrong := [one for one in _chosen(value) if one not in rule.choices]):
            words = unknown(wrong[0], rule.choices, "value")
            raise self.error(table, name, words, number)
        if rule.lower is not None and value < rule.lower:
            words = f"is {_shown(value)}, and must be at least {rule.lower:g}."
            raise self.error(table, name, words, number)
        if rule.kind == "path" or (rule.kind == "labels" and isinstance(value, str)):
            self._check_path(rule, table, name, value, number)

    def _check_path(self, rule: Key, table: str, name: str, text: str, number: int) -> None:
        folder = self._path.parent
        parts = PurePosixPath(text.replace("\\", "/"))
        plain = text.strip() and text.isprintable()
        elsewhere = parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:|~", text)
        mend = "Copy it into the folder, and name it from there on."
        if not plain or elsewhere:
            words = f"{text!r} is no path within the folder of the recipe. {mend}"
            raise self.error(table, name, words, number)
        try:
            real, within = (folder / text).resolve(), folder.resolve()
        except (OSError, RuntimeError) as error:
            raise self.error(table, name, f"{text!r} leads nowhere ({error}).", number) from error
        if not real.is_relative_to(within):
            words = f"{text!r} is a link that leads out of the folder of the recipe. {mend}"
            raise self.error(table, name, words, number)
        if table == "convert" and name == "output":
            return
        try:
            there = real.exists()
        except OSError:  # a name too long
            there = False
        if not there:
            near = did_you_mean(parts.name, _names(real.parent))
            words = f"{text!r}: no such file or folder.{near}"
            raise self.error(table, name, words, number)

    def error(self, table: str, name: str, words: str, number: int = 0) -> UsageError:
        """``edge-deploy.toml, line 12: [pad] maxlen: is "x", not a whole number.``"""
        line = self._line(table, name, number)
        where = f"{self._path}, line {line}" if line else f"{self._path}"
        head = f"[{table}] " if table else ""
        told = f"{head}{name}".strip()
        return UsageError(f"{where}: {told}: {words}")

    def _line(self, table: str, name: str, number: int) -> int | None:
        """Where a key stands, as far as lines alone tell."""
        here, count, start = "", -1, None
        key = rf"\s*(\[\[?\s*)?[\"']?{re.escape(name)}[\"']?\s*(=|\.|\])" if name else None
        for place, line in enumerate(self._lines, start=1):
            if head := re.match(r"\s*\[\[?\s*[\"']?([^\]\"'.\s]+)", line):
                here = head[1]
                count += here == table
                if here == table and count == number:
                    start = place
            inside = here == table and (not table or count == number)
            if key and (inside or (not table and here == name)) and re.match(key, line):
                return place
        return start


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for _, path in zip(range(1000), folder.iterdir(), strict=False)]
    except OSError:
        return []


def _chosen(value: Any) -> list[Any]:
    return value if isinstance(value, list) else str(value).replace(" ", "").split(",")


def _shown(value: Any) -> str:
    shown = "true" if value is True else "false" if value is False else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
