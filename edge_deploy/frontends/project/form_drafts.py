"""What a person is asked for: columns with ranges, defaults and choices, from forms and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_deploy.core.spec import Feature, ModelSpec
from edge_deploy.data.preprocessing.encoding import as_text, parse_number
from edge_deploy.data.reference import called_alike, class_outputs
from edge_deploy.frontends.project.findings import (
    Classes,
    Columns,
    Encoding,
    Findings,
    FormField,
)
from edge_deploy.frontends.project.inventory import Column, Inventory, Table
from edge_deploy.frontends.project.proposal import Row, cited, listed
from edge_deploy.frontends.project.recipe_text import Entry, Section

_TESTS = ("test", "valid", "eval", "sample", "holdout")
TARGETS = ("label", "labels", "target", "class", "y")
"""What columns of true answers are called where their name says nothing."""
_MOST_FEATURES = 400


@dataclass(frozen=True)
class Named:
    """The columns of a model by name.

    Attributes:
        features: In the model's order.
        origin: What says the names: the model, or a line.
        check: What to look at.
        own: Whether the model itself names them.
    """

    features: tuple[Feature, ...]
    origin: str
    check: str = ""
    own: bool = False


def named_columns(
    own: Sequence[Feature] | None,
    width: int | None,
    findings: Findings,
    said: tuple[str, ...],
    inventory: Inventory,
    label: str | None,
) -> Named | None:
    """The columns that a table model takes.

    Args:
        own: What the model tells.
        width: How many numbers it takes.
        findings: What the scripts say.
        said: The columns of the prediction that the recipe follows.
        inventory: The folder's tables.
        label: The column of the true answers.
    """
    if own is not None and not all(re.fullmatch(r"x\d+", one.name) for one in own):
        return Named(tuple(own), "the fitted files", own=True)
    if width is None or not 1 <= width <= _MOST_FEATURES:
        return None
    if len(said) == width == len(set(said)):
        return Named(_plain(said), "the script's own columns")
    for one in _by_strength(findings.columns):
        fits = len(one.names) == len(set(one.names)) == width
        if fits and one.role in ("features", "table", "list", "reindex", "row"):
            return Named(_plain(one.names), cited(one.evidence))
    if (placed := _by_position(findings.fields, width)) is not None:
        return Named(_plain(placed), cited(findings.fields[0].evidence))
    for table in inventory.tables:
        names = [name for name in table.names if name != label]
        numbers = [name for name in names if _is_number(table.column(name))]
        if len(names) == width == len(numbers) and label in table.names:
            why = f"the header of {table.path}"
            return Named(_plain(names), why, "is this the order that training had?")
    return None


def _is_number(column: Column | None) -> bool:
    return column is not None and column.numbers


def _plain(names: Sequence[str]) -> tuple[Feature, ...]:
    return tuple(map(Feature, names))


def _by_strength(
    columns: Sequence[Columns],
    roles: Sequence[str] = ("features", "reindex", "table", "list", "row"),
) -> list[Columns]:
    place = {role: n for n, role in enumerate(roles)}
    return sorted(columns, key=lambda one: (-int(one.strength), place.get(one.role, 9)))


def _by_position(fields: Sequence[FormField], width: int) -> tuple[str, ...] | None:
    placed = {one.position: one for one in fields if one.position is not None}
    if sorted(placed) != list(range(width)):
        return None
    names = tuple(
        one.column or one.name or one.variable or one.label for _, one in sorted(placed.items())
    )
    return names if len(set(names)) == width and all(names) else None


def label_column(
    findings: Findings, inventory: Inventory, features: Sequence[str], classes: Sequence[str]
) -> tuple[str | None, str]:
    """The column of the true answers, and what says so."""
    headers = {name for table in inventory.tables for name in table.names}
    for one in sorted(findings.columns, key=lambda one: -int(one.strength)):
        if one.role == "target" and len(one.names) == 1 and one.names[0] in headers:
            return one.names[0], cited(one.evidence)
    found: dict[str, str] = {}
    for table in inventory.tables:
        if features and not set(features) <= set(table.names):
            continue
        rest = [column for column in table.columns if column.name not in features]
        holding = [one for one in rest if classes and set(one.values) == set(classes)]
        usual = [one for one in rest if one.name.lower() in TARGETS]
        single = rest if len(rest) == 1 and features else []
        for column in holding or usual or single:
            found[column.name] = f"{table.path}, column {column.name}"
    return next(iter(found.items())) if len(found) == 1 else (None, "")


def answer_columns(
    spec: ModelSpec, findings: Findings, table: Table, features: Sequence[str]
) -> tuple[tuple[str, ...], str, str] | None:
    """The columns of the true answers of a model that gives several: a name each.

    Args:
        spec: The model's outputs.
        findings: What the scripts say.
        table: The reference.
        features: The columns that go in.

    Returns:
        The names in the order of the answers, what says so, and what to check; None where the
        model gives one answer, or they are not told.
    """
    rest = [one for one in table.columns if one.name not in features and "," not in one.name]
    names = [one.name for one in rest]
    origin = f"{table.path}, columns {listed(names)}"
    asked = class_outputs(spec)
    if len(asked) > 1:
        fitting = [
            [one.name for one in rest if one.values and _holds(one.values, output.classes or ())]
            for output in asked
        ]
        if all(len(one) == 1 for one in fitting):
            found = tuple(one[0] for one in fitting)
            return (found, origin, "") if len(set(found)) == len(found) else None
        in_order = all(name in one for name, one in zip(names, fitting, strict=False))
        if len(names) == len(asked) and in_order:
            return tuple(names), origin, "is this the order of the answers?"
        return None
    widths = {o.shape[-1] for o in spec.outputs if o.kind in ("value", "tensor") and not o.classes}
    if asked or len(spec.outputs) != 1 or len(spec.outputs[0].shape) != 2:
        return None
    numbers = [one.name for one in rest if one.numbers]
    columns = _by_strength(findings.columns, ("target", "list", "features", "table"))
    said: list[Classes | Columns] = [*findings.classes, *columns]
    for one in said:
        if len(one.names) > 1 and len(one.names) in widths and set(one.names) <= set(numbers):
            return one.names, cited(one.evidence), ""
    if len(numbers) > 1 and len(numbers) in widths:
        return tuple(numbers), origin, "is this the order of the answers?"
    return None


def _holds(values: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether a column has the classes and nothing else; numbers by their value."""
    known = set(map(same, classes))
    return set(map(same, called_alike(values, classes))) <= known


def reference(
    inventory: Inventory, features: Sequence[Feature], label: str | None
) -> tuple[Entry | None, list[Table]]:
    """The table that the files are compared with, and all others that would do."""
    needed = [one.name for one in features if one.missing != "value"]
    fitting = [
        table
        for table in inventory.tables
        if needed and set(needed) <= set(table.names) and _fit(table, features)
    ]

    def rank(table: Table) -> tuple[bool, bool, int]:
        test = any(word in table.path.lower() for word in _TESTS)
        return (label in table.names, test, table.rows)

    fitting.sort(key=rank, reverse=True)
    if not fitting:
        return None, []
    rows = f"{fitting[0].rows:,} rows with the model's columns"
    return Entry(fitting[0].path, rows), fitting[1:]


def _fit(table: Table, features: Sequence[Feature]) -> bool:
    """Whether the values of a table are such as the model takes."""
    for feature in features:
        column = table.column(feature.name)
        if column is None:
            continue
        if column.gaps and feature.missing == "error":
            return False
        if feature.kind == "number" and not column.numbers:
            return set(column.values) <= {"True", "False"}
        if feature.kind == "category" and feature.unknown == "error" and column.values:
            known = {same(one) for one in feature.categories or ()}
            if not {same(one) for one in column.values} <= known:
                return False
    return True


def same(value: str) -> object:
    """A value that is equal where two stand for the same number."""
    number = parse_number(value)
    return value if number is None else number


def sections(
    named: Named, findings: Findings, table: Table | None
) -> tuple[tuple[Section, ...], tuple[Row, ...]]:
    """``[[features]]``: each column with what a form or a table says of it."""
    rows: list[Row] = []
    made: list[Section] = []
    fields = {one.name: _field_of(one.name, n, findings) for n, one in enumerate(named.features)}
    encodings = _encodings(findings)
    for feature in named.features:
        if feature.kind == "text":
            return (), ()  # the fitted file says all of it
        encoding = encodings.get(feature.name)
        if encoding is not None and feature.kind == "number":
            feature, row = _encoded(feature, encoding)
            rows += [row] if row else []
        column = table.column(feature.name) if table is not None else None
        made.append(_section(feature, fields[feature.name], column))
    used = [one for one in fields.values() if one is not None]
    if used:
        names = listed([one.label for one in used], 4)
        rows.append(Row("form", f"{len(used)} fields: {names}", cited(used[0].evidence)))
    return tuple(made), tuple(rows)


def _field_of(name: str, place: int, findings: Findings) -> FormField | None:
    fields = [one for one in findings.fields if not one.derived]  # whose number is another
    plain = _folded(name)
    ways = (
        [one for one in fields if one.column == name],
        [one for one in fields if name in (one.name, one.variable)],
        [one for one in fields if _folded(one.label) == plain],
        [one for one in fields if plain in (_folded(one.variable), _folded(one.name))],
        [one for one in fields if one.position == place and not one.column],
    )
    return next((found[0] for found in ways if found), None)


def _folded(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", text.lower())


def _encodings(findings: Findings) -> dict[str, Encoding]:
    found: dict[str, Encoding] = {}
    for one in sorted(findings.encodings, key=lambda one: -int(one.strength)):
        if one.column:
            found.setdefault(one.column, one)
    return found


def _encoded(feature: Feature, encoding: Encoding) -> tuple[Feature, Row | None]:
    """A column that the script makes a number of by a dict or a condition."""
    pairs = [(as_text(key), value) for key, value in encoding.mapping]
    names = {
        value: name
        for name, value in pairs
        if isinstance(value, int) and not isinstance(value, bool)
    }
    distinct = len({name for name, _ in pairs})
    if sorted(names) == list(range(len(pairs))) and distinct == len(pairs) > 1:
        ordered = tuple(names[number] for number in range(len(pairs)))
        return replace(feature, kind="category", categories=ordered, encode="ordinal"), Row(
            "category", f"{feature.name}: {listed(ordered)}", cited(encoding.evidence)
        )
    return feature, Row(
        "not moved",
        f"{feature.name} is a number of {listed([f'{k}={v}' for k, v in pairs])}",
        cited(encoding.evidence),
        "its numbers are not 0, 1, 2, …: the form asks for the number",
    )


def _section(feature: Feature, field: FormField | None, column: Column | None) -> Section:
    section: dict[str, Entry] = {"name": Entry(feature.name, _seen(field, column))}
    if field is not None and field.label not in ("", feature.name, field.name, field.variable):
        section["label"] = Entry(field.label)
    if feature.kind == "category":
        section["kind"] = Entry("category")
        section["categories"] = Entry(list(feature.categories or ()))
        for key in ("encode", "missing", "unknown"):
            if (value := getattr(feature, key)) not in ("none", "error"):
                section[key] = Entry(value)
    else:
        low, high = (field.minimum, field.maximum) if field else (feature.min, feature.max)
        if column is not None and column.numbers:
            low = column.low if low is None else low
            high = column.high if high is None else high
        if field is not None and field.choices and low is None:
            numbers = [
                value for one in field.choices if (value := _as_number(one.value)) is not None
            ]
            if len(numbers) == len(field.choices):
                low, high = min(numbers), max(numbers)
        if low is not None and high is not None and low > high:
            low = high = None
        for key, number in (
            ("min", low),
            ("max", high),
            ("step", _step(field, column) or feature.step),
        ):
            if number is not None:
                section[key] = Entry(_short(number))
        if feature.missing == "nan":
            section["missing"] = Entry("nan")
        elif feature.missing == "value" and isinstance(feature.default, int | float):
            section |= {"missing": Entry("value"), "default": Entry(_short(feature.default))}
    default = _default(feature, field)
    low, high = (section[key].value if key in section else None for key in ("min", "max"))
    if isinstance(default, int | float):
        outside = (low is not None and default < low) or (high is not None and default > high)
        default = None if outside else default  # a form's 0 where no row of the table is as low
    if default is not None:
        section["default"] = Entry(default)
    return section


def _seen(field: FormField | None, column: Column | None) -> str:
    if field is not None:
        return f"{field.label}: {cited(field.evidence)}"
    return f"as in the table: {column.distinct} values" if column is not None else ""


def _step(field: FormField | None, column: Column | None) -> float | None:
    if field is not None and field.step is not None and field.step > 0:
        return field.step
    whole = (field is not None and field.integer) or (column is not None and column.whole)
    return 1 if whole else None


def _default(feature: Feature, field: FormField | None) -> Any:
    """What a form starts with, where the model would take it."""
    if field is None or field.default is None or isinstance(field.default, tuple):
        return None
    if feature.kind == "category":
        text = as_text(field.default)
        return text if text in (feature.categories or ()) else None
    number = _as_number(field.default)
    return None if number is None else _short(number)


def _as_number(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    return parse_number(value) if isinstance(value, str) else None


def _short(number: float) -> int | float:
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else float(number)
