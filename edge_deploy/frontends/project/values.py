"""What is known of a value in a script, without running it, and what was done to it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Protocol

from edge_deploy.frontends.project.findings import (
    Classes,
    Columns,
    Constant,
    Encoding,
    Evidence,
    FormField,
    Load,
    Padding,
    PictureStep,
    Save,
    Source,
    Strength,
    TextStep,
    Threshold,
    Window,
)

MOST_ITEMS = 4096
LONGEST = 20_000
LARGEST = 2**53
_MOST_HISTORY = 200
_CALCULATED = {
    *("add", "subtract", "multiply", "divide", "power", "sqrt", "square", "exp", "expm1", "log"),
    *("log1p", "log10", "log2", "clip", "floor", "ceil", "rint", "lookup"),
}
_WORDS = {"text", "texts_to_sequences", "texts_to_matrix", "pad_sequences"}


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Value:
    """A value of a script, as far as its syntax tells.

    Attributes:
        constant: A number, a text, None or a path; UNKNOWN where it is none.
        dotted: The full name of what is imported ("numpy.array"), or a library's object.
        items: Of a list, a tuple or an array.
        entries: Of a dict or a table: by key.
        columns: Names of a table's columns, in order.
        table: Whether it is a data frame.
        column: The column whose values it has.
        source: The fitted thing it is, as an index into ``Notes.sources``.
        history: What was done, as indices into ``Notes.steps``, in order of time.
        fields: The form fields it comes from, as indices into ``Notes.fields``.
        answer: Whether a model has given it.
        index: Whether it is an answer's class as a number.
        opened: The path of an open file, or of the text that was read from it.
        callee: A function, a class or a bound method of the script.
        attributes: Of an object of a class of the script; shared, as objects are.
        either: Several values, of which one is chosen when the script runs.
        where: Where a list or dict was written.
        name: The variable that holds it.
        form: Whether it is all of a form's values in their order.
    """

    constant: Any = UNKNOWN
    dotted: str = ""
    items: tuple[Value, ...] | None = None
    entries: tuple[tuple[Any, Value], ...] | None = None
    columns: tuple[str, ...] | None = None
    table: bool = False
    column: str = ""
    source: int | None = None
    history: tuple[int, ...] = ()
    fields: tuple[int, ...] = ()
    answer: bool = False
    index: bool = False
    opened: str = ""
    callee: Any = None
    attributes: dict[str, Value] | None = None
    either: tuple[Value, ...] = ()
    where: Evidence | None = None
    name: str = ""
    form: bool = False

    @property
    def known(self) -> bool:
        """Whether it is a constant."""
        return self.constant is not UNKNOWN

    def entry(self, key: Any) -> Value | None:
        """What a dict or table has under a key."""
        for known, value in self.entries or ():
            if type(known) is type(key) and known == key:
                return value
        return None

    @property
    def weight(self) -> int:
        """How much is known of it: what is kept where two branches differ."""
        if self.known:
            return 0 if self.constant is None else 2
        parts = (self.source, self.callee, self.attributes, self.items, self.entries, self.columns)
        flow = len(self.history) + len(self.fields)
        return 3 * flow + sum(4 for part in parts if part is not None) + (3 if self.dotted else 0)


NOTHING = Value()


def plain(value: Value, depth: int = 0) -> Any:
    """A value as Python's own tuples, dicts, numbers and texts; UNKNOWN where a part is not known.

    A dict's keys and values are constants.
    """
    if value.known:
        return value.constant
    if depth > 8 or value.table:
        return UNKNOWN
    if value.items is not None:
        parts = tuple(plain(item, depth + 1) for item in value.items)
        return UNKNOWN if any(part is UNKNOWN for part in parts) else parts
    if value.entries is not None:
        pairs = {key: plain(one, depth + 1) for key, one in value.entries}
        return UNKNOWN if any(one is UNKNOWN for one in pairs.values()) else pairs
    return UNKNOWN


def constant(value: Value) -> Constant:
    """A value for an argument of a finding; None where it is not known, or no constant."""
    found = plain(value)
    if isinstance(found, PurePosixPath):
        return str(found)
    if isinstance(found, (bool, int, float, str)):
        return found
    if isinstance(found, tuple):
        return tuple(constant(item) for item in value.items or ())[:100]
    return None


def number(value: Value) -> float | None:
    """A number that is known; None else."""
    found = value.constant
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return float(found) if abs(found) < 1e300 else None
    return None


def whole(value: Value) -> int | None:
    """A whole number that is known."""
    found = number(value)
    return int(found) if found is not None and found == found and found == int(found) else None


def text(value: Value) -> str:
    """A text or path that is known, or ""."""
    found = value.constant
    if isinstance(found, PurePosixPath):
        return str(found)
    return found if isinstance(found, str) else ""


def names(value: Value) -> tuple[str, ...] | None:
    """A list of texts that is known."""
    if value.items is None or not value.items:
        return None
    found = tuple(item.constant for item in value.items)
    return found if all(isinstance(one, str) for one in found) else None


def blend(values: Iterable[Value]) -> Value:
    """What comes of several values: all that was done to them, and no content."""
    given = [one for one in values]
    history = sorted({step for one in given for step in flow(one)})[-_MOST_HISTORY:]
    fields = dict.fromkeys(field for one in given for field in inner_fields(one))
    return Value(
        history=tuple(history),
        fields=tuple(fields)[:_MOST_HISTORY],
        answer=any(one.answer or inner_answer(one) for one in given),
    )


def _inner(value: Value) -> list[Value]:
    """The value and what it holds, not deeper than three and not more than some."""
    found, level = [value], [value]
    for _ in range(3):
        level = [
            inner
            for one in level
            for inner in (*(one.items or ()), *(v for _, v in one.entries or ()), *one.either)
        ][:_MOST_HISTORY]
        found.extend(level)
    return found


def flow(value: Value) -> tuple[int, ...]:
    """What was done to a value and to what it holds, in order of time."""
    if value.items is None and value.entries is None and not value.either:
        return value.history
    return tuple(sorted({step for one in _inner(value) for step in one.history}))[-_MOST_HISTORY:]


def inner_fields(value: Value) -> tuple[int, ...]:
    """The form fields that a value and what it holds come from."""
    if value.items is None and value.entries is None and not value.either:
        return value.fields
    return tuple(dict.fromkeys(field for one in _inner(value) for field in one.fields))


def inner_answer(value: Value) -> bool:
    """Whether a value holds what a model has given."""
    return any(one.answer for one in _inner(value))


def flat(value: Value) -> list[Value]:
    """The items of a list of lists, in order."""
    found: list[Value] = []
    waiting = [value]
    while waiting and len(found) < MOST_ITEMS:
        one = waiting.pop()
        if one.items is not None:
            waiting.extend(reversed(one.items))
        else:
            found.append(one)
    return found


def richer(first: Value, second: Value) -> Value:
    """Of two branches' values, the one of which more is known; the first where both are alike."""
    return second if second.weight > first.weight else first


def as_list(values: Iterable[Value], where: Evidence | None = None) -> Value:
    """A list of values."""
    return Value(items=tuple(values)[:MOST_ITEMS], where=where)


def literal(found: Any) -> Value:
    """A constant as a value: tuples become lists of constants."""
    if isinstance(found, (tuple, list)):
        return as_list(literal(one) for one in found)
    return Value(constant=found)


@dataclass
class SourceNote:
    """A fitted thing, while a script is read."""

    name: str
    path: str | None = None
    key: str | None = None
    kind: str = ""
    exists: bool = False
    loaded: bool = False

    def freeze(self) -> Source:
        """As a finding."""
        return Source(self.name, self.path, self.key, self.kind, self.exists)


@dataclass
class Step:
    """One thing that was done to a value, while a script is read."""

    action: str
    evidence: Evidence
    before: tuple[int, ...] = ()
    source: int | None = None
    columns: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    arguments: tuple[tuple[str, Constant], ...] = ()
    picture: PictureStep | None = None
    words: TextStep | None = None
    encoding: int | None = None
    table: tuple[str, ...] = ()
    fields: tuple[int, ...] = ()


@dataclass
class Notes:
    """All that was noted in a folder, before it is sorted."""

    steps: list[Step] = field(default_factory=list)
    sources: list[SourceNote] = field(default_factory=list)
    loads: list[tuple[int, Load]] = field(default_factory=list)
    saves: list[tuple[int, Save]] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)
    classes: list[Classes] = field(default_factory=list)
    thresholds: list[Threshold] = field(default_factory=list)
    encodings: list[Encoding] = field(default_factory=list)
    paddings: list[Padding] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)
    encoded: dict[int, int] = field(default_factory=dict)  # an encoding's form field
    tensors: dict[int, Value] = field(default_factory=dict)  # what an interpreter gives
    places: dict[tuple[Evidence, str, str, str], int] = field(default_factory=dict)
    rows: dict[int, tuple[str, ...]] = field(default_factory=dict)  # what a step's row is called
    answers: set[int] = field(default_factory=set)  # fields that show an answer
    fitting: set[str] = field(default_factory=set)
    predicting: set[str] = field(default_factory=set)

    def add_classes(
        self,
        found: tuple[str, ...],
        origin: Any,
        name: str,
        evidence: Evidence,
        strength: Strength = Strength.PREDICTING,
        numbers: tuple[int | float | str, ...] = (),
    ) -> None:
        """Note names of answers."""
        if numbers == tuple(range(len(found))):
            numbers = ()
        if found:
            self.classes.append(Classes(found, origin, name, evidence, strength, numbers))

    def give_column(self, value: Value, column: str) -> None:
        """Say that a value is the content of a column: for its transforms and its field."""
        if value.table or value.answer or not column:
            return
        whole_flow = flow(value)
        for index in whole_flow:
            step = self.steps[index]
            single = step.action in ("transform", "encode", "fit_transform")
            if single and not step.columns and not step.table:
                step.columns = (column,)
            if step.encoding is not None:
                known = self.encodings[step.encoding]
                if not known.column:
                    self.encodings[step.encoding] = replace(known, column=column)
        fields = inner_fields(value)
        if len(fields) == 1 and not self.fields[fields[0]].column:
            derived = self._derived(value)
            self.fields[fields[0]] = replace(self.fields[fields[0]], column=column, derived=derived)

    def _derived(self, value: Value) -> bool:
        """Whether a script has calculated with it."""
        return any(self.steps[one].action in _CALCULATED for one in flow(value))

    def give_positions(self, value: Value) -> None:
        """Say that a list's items go into a model in their order."""
        if (value.items is None and not value.entries) or value.table:
            return
        items = flat(value)
        if len(items) == 1 and items[0].entries and not items[0].table:
            pairs = [pair for pair in items[0].entries if isinstance(pair[0], int)]
        else:
            pairs = list(enumerate(items))
        for position, item in pairs:
            if item.entries is not None or item.columns or item.form:
                return
            fields = item.fields
            if len(fields) != 1 or self.fields[fields[0]].kind in ("file", "picture"):
                continue
            worded = any(self.steps[one].action in _WORDS for one in flow(item))
            if not worded and self.fields[fields[0]].position is None:
                derived = self._derived(item)
                self.fields[fields[0]] = replace(
                    self.fields[fields[0]], position=position, derived=derived
                )


def written(node: ast.AST) -> str:
    """A name, an attribute or a part of one as it is written; "" of anything else."""
    parts: list[str] = []
    for _ in range(8):
        if isinstance(node, ast.Name):
            return (node.id + "".join(reversed(parts)))[:80]
        if isinstance(node, ast.Attribute):
            parts.append("." + node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            parts.append(f"[{node.slice.value!r}]")
            node = node.value
        else:
            return ""
    return ""


class Reader(Protocol):
    """What reads a script, as the modules of single libraries need it."""

    notes: Notes

    def evidence(self, node: ast.AST) -> Evidence:
        """Where a node stands."""

    def evaluate(self, node: ast.AST | None) -> Value:
        """What is known of an expression."""

    def call_value(self, callee: Value, arguments: list[Value], node: ast.AST) -> Value:
        """What a function gives."""

    def find(self, written_path: str) -> str | None:
        """The file of the folder that a path means."""

    def naming(self, where: Evidence, path: str) -> Evidence:
        """The line that names a path, where the one that reads it does not."""

    def class_folders(self, path: str) -> tuple[str, ...]:
        """The class folders of a folder."""

    def header(self, path: str) -> tuple[str, ...]:
        """The columns of a CSV file of the folder."""

    def step(self, action: str, value: Value, node: ast.AST, **more: Any) -> Value:
        """Note that something is done to a value; the value after it."""

    def bind(self, target: ast.AST, value: Value) -> None:
        """Give a value to a variable."""


@dataclass(frozen=True)
class Call:
    """A call in a script.

    Attributes:
        reader: What reads the script.
        node: The call.
        name: The full name of the function, or the method's own name.
        receiver: Of a method, what it is called on.
        arguments: By place.
        keywords: By name.
    """

    reader: Reader
    node: ast.Call
    name: str
    receiver: Value | None
    arguments: list[Value]
    keywords: dict[str, Value]

    def given(self, place: int, *keys: str) -> Value:
        """An argument by its place (from 0; -1: only by name) or one of its names."""
        for key in keys:
            if key in self.keywords:
                return self.keywords[key]
        return self.arguments[place] if 0 <= place < len(self.arguments) else NOTHING

    def has(self, place: int, *keys: str) -> bool:
        """Whether an argument is given."""
        return any(key in self.keywords for key in keys) or 0 <= place < len(self.arguments)

    @property
    def evidence(self) -> Evidence:
        """Where it stands."""
        return self.reader.evidence(self.node)

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def all(self) -> list[Value]:
        """All arguments, the receiver first."""
        own = [self.receiver] if self.receiver is not None else []
        return [*own, *self.arguments, *self.keywords.values()]

    @property
    def receiver_text(self) -> str:
        """The receiver as it is written."""
        function = self.node.func
        return written(function.value) if isinstance(function, ast.Attribute) else ""
