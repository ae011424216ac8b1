"""``edge-deploy.toml`` as text: each key with what it means, and the line that says so."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_deploy.core.escapes import json_text, visible
from edge_deploy.frontends.project.recipe_keys import TABLES, TOP, VERSION, Keys

SCHEMA = Path(__file__).with_name("recipe.schema.json")
_WIDTH = 100
_INDENT = "  "
_HEAD = (
    "How `edge-deploy convert` makes one artifact of the files of this folder. Written by "
    "`edge-deploy init`, which ran nothing of it: behind a # stands the line that says so. "
    "docs/reference/recipe.md has every key. Paths start from here, and stay within this folder."
)
_OPTIONS = (
    "Options of `convert`; flags on the command line go over them. Those behind a # are left as "
    "they are."
)


@dataclass(frozen=True)
class Entry:
    """A key with its value.

    Attributes:
        value: As TOML holds it.
        why: The evidence, in a line; "" where the key needs none.
    """

    value: Any
    why: str = ""


Section = Mapping[str, Entry]
"""The keys of one table."""


@dataclass(frozen=True)
class Fork:
    """A place where several readings fit, of which a person chooses one.

    Attributes:
        question: As it stands in ``undecided``.
        readings: Each is the tables that would stand there, and why.
    """

    question: str
    readings: tuple[tuple[str, tuple[Section, ...]], ...]


@dataclass(frozen=True)
class Draft:
    """What a recipe will say.

    Attributes:
        top: Keys before the first table.
        steps: The steps in order; a Fork where it is not decided which.
        tables: Of ``pad``, ``preprocessing``, ``series`` and ``target``.
        features: One a column.
        convert: Options that are given; all others are listed as comments.
        forks: Of a key before the first table or of a table but ``steps``, by its name.
        remarks: What a person should know, as comments at the head.
        missing: Steps that a script takes and no file gives, in words: without them the model would
            convert, and be asked wrongly.
    """

    top: Section = field(default_factory=dict)
    steps: tuple[Section | Fork, ...] = ()
    tables: Mapping[str, Section] = field(default_factory=dict)
    features: tuple[Section, ...] = ()
    convert: Section = field(default_factory=dict)
    forks: Mapping[str, Fork] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """What is not decided."""
        forks = [one for one in self.steps if isinstance(one, Fork)]
        asked = (fork.question for fork in (*forks, *self.forks.values()))
        return (*asked, *self.missing)


def to_text(draft: Draft, convert: Keys, folder: Path) -> str:
    """The recipe as it is written.

    Args:
        draft: What it says.
        convert: The keys of ``[convert]``, each with an example of its default.
        folder: Where it will stand.
    """
    return (
        "\n".join([*_head(draft, folder), *_body(draft), *_convert(draft.convert, convert)]) + "\n"
    )


def _head(draft: Draft, folder: Path) -> Iterator[str]:
    if (schema := _schema(folder)) is not None:
        yield f"#:schema {schema}"
    yield from _comment(_HEAD)
    for remark in draft.remarks:
        yield from _comment(f"- {remark}")
    yield ""
    yield f"recipe = {VERSION} # the form of this file"
    yield ""
    if draft.questions:
        yield from _comment(TOP["undecided"].told.replace("`", ""))
    yield from _line("undecided", Entry(list(draft.questions)))
    for name in TOP:
        if name in ("recipe", "undecided"):
            continue
        if name in draft.forks:
            yield ""
            yield from _fork(name, draft.forks[name], top=True)
        elif name in draft.top:
            yield ""
            yield from _comment(TOP[name].told)
            yield from _line(name, draft.top[name])


def _body(draft: Draft) -> Iterator[str]:
    yield ""
    yield from _comment(TABLES["steps"].told)
    for step in draft.steps:
        if isinstance(step, Fork):
            yield from _fork("steps", step)
        else:
            yield from _table("steps", step)
        yield ""
    for name in ("pad", "preprocessing", "series", "target"):
        if name in draft.forks:
            yield from _comment(TABLES[name].told)
            yield from _fork(name, draft.forks[name])
            yield ""
        elif name in draft.tables:
            yield from _comment(TABLES[name].told)
            yield from _table(name, draft.tables[name])
            yield ""
    if draft.features or "features" in draft.forks:
        yield from _comment(TABLES["features"].told)
        if "features" in draft.forks:
            yield from _fork("features", draft.forks["features"])
            yield ""
        for feature in draft.features:
            yield from _table("features", feature)
            yield ""


def _convert(given: Section, keys: Keys) -> Iterator[str]:
    yield from _comment(_OPTIONS)
    yield "[convert]"
    for name, entry in given.items():
        yield from _line(name, entry)
    for name, key in keys.items():
        if name not in given:
            yield from _comment(f"{key.told}")
            yield f"# {key.example}"


def _table(name: str, section: Section) -> Iterator[str]:
    yield f"[[{name}]]" if TABLES[name].many else f"[{name}]"
    for key, entry in section.items():
        yield from _line(key, entry)


def _fork(name: str, fork: Fork, *, top: bool = False) -> Iterator[str]:
    """Every reading, commented out."""
    yield from _comment(fork.question)
    yield "# choose one: take its # away, the other lines out, and the question out of `undecided`"
    for number, (why, sections) in enumerate(fork.readings, start=1):
        yield from _comment(f"{number}. {why}")
        for section in sections:
            if top:
                lines = [line for key, entry in section.items() for line in _line(key, entry)]
            else:
                lines = list(_table(name, section))
            yield from (f"# {line}" for line in lines)


def _line(name: str, entry: Entry) -> Iterator[str]:
    text = f"{_key(name)} = {value_text(entry.value)}"
    if len(text) > _WIDTH and isinstance(entry.value, list):
        if entry.why:
            yield from _comment(entry.why)
        yield f"{_key(name)} = ["
        yield from _wrapped([value_text(one) for one in entry.value])
        yield "]"
    else:
        yield f"{text} # {visible(entry.why)}" if entry.why else text


def _wrapped(items: Sequence[str]) -> Iterator[str]:
    line = _INDENT
    for item in items:
        if len(line) + len(item) > _WIDTH and line.strip():
            yield line.rstrip()
            line = _INDENT
        line += f"{item}, "
    yield line.rstrip()


def _comment(text: str) -> Iterator[str]:
    """Words as comments of a bounded width, in which nothing ends the line."""
    line = "#"
    for word in visible(text).split():
        if len(line) + len(word) > _WIDTH and line != "#":
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else json_text(name)


def value_text(value: Any) -> str:
    """A value of TOML.

    Raises:
        ValueError: There is no such value in TOML, or it is not finite.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number of a recipe")
        return repr(value)
    if isinstance(value, str):
        return json_text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {value_text(v)}" for k, v in value.items()) + "}"
    raise ValueError(f"{type(value).__name__} is no value of a recipe")


def _schema(folder: Path) -> str | None:
    """Where an editor finds the schema: in the folder's own environment, else nowhere.

    A path of this machine would be wrong on every other.
    """
    try:
        here, within = SCHEMA.resolve(), folder.resolve()
    except OSError:
        return None
    return f"./{here.relative_to(within).as_posix()}" if here.is_relative_to(within) else None
