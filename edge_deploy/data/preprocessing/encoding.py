"""What a person types into a table's columns, as the numbers that a model takes.

web_demo/src/features.js does the same in the page.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, Feature
from edge_deploy.data.preprocessing.text import counter
from edge_deploy.data.preprocessing.tokens import tokenizer

_SHOWN = 20
_LARGEST = float(np.finfo(np.float32).max)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTH = {"false": 0.0, "true": 1.0}
# What JavaScript's trim() removes; Python's strip() knows a few others.
_BLANK = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


NOTHING = frozenset(
    (
        *("", "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""Words that stand for no value where they are no category: those of pandas.read_csv."""


def encode_rows(
    features: Sequence[Feature],
    rows: Sequence[Mapping[str, str | float]],
    places: Sequence[int] | None = None,
) -> Array:
    """Rows of a table as the model's input.

    Args:
        features: The columns, in the model's order.
        rows: Values by column name, as read from a CSV or a form; other columns are ignored.
        places: Where each row stands in its file, for errors; None where all of it is given.

    Returns:
        float32 (rows, sum of the features' widths).

    Raises:
        UsageError: Names the row, the column, the value, and what would be right.
    """
    table = np.zeros((len(rows), sum(feature.width for feature in features)), np.float32)
    at = 0
    for feature in features:
        encode, columns = _encoder(feature), slice(at, at + feature.width)
        for number, row in enumerate(rows):
            try:
                table[number, columns] = encode(row.get(feature.name))
            except ValueError as error:
                place = number if places is None else places[number]
                where = f"row {place + 1}, column {feature.name!r}"
                told = "is missing" if feature.name not in row else str(error)
                end = "" if told.endswith("?") else "."
                raise UsageError(f"{where}: {told}{end} Give {_wanted(feature)}.") from error
        at += feature.width
    return table


def raw_rows(
    features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """The rows that a check from what people type on needs: none where all columns are numbers.

    Encoding words and counting texts is part of such a model: an artifact keeps the rows of its
    reference, and every place that encodes them again must come to the same input.

    Args:
        features: The columns.
        rows: Values by column name, of which the features' are taken.

    Returns:
        Rows that JSON holds; what is missing is None, or not there.
    """
    if all(feature.kind == "number" for feature in features):
        return ()
    return tuple({f.name: _raw(row[f.name]) for f in features if f.name in row} for row in rows)


def own_categories(
    features: Sequence[Feature], rows: Sequence[dict[str, str]]
) -> list[dict[str, str]]:
    """Rows with the categories that were typed in other capitals as the model has them.

    The original is asked with rows, too, and knows ``Male`` alone.

    Args:
        features: The columns, by which the rows were encoded without an error.
        rows: Values by column name.
    """
    known = [(f.name, _places(f)) for f in features if f.encode in ("one-hot", "ordinal")]

    def told(row: Mapping[str, str]) -> dict[str, str]:
        found = {name: places.find(row[name]) for name, places in known if row.get(name)}
        return {
            name: places.names[n] for name, places in known if (n := found.get(name)) is not None
        }

    return [{**row, **told(row)} for row in rows]


def _raw(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value != value:
        return None
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return value if known else str(value)


def _encoder(feature: Feature) -> Callable[[Any], Any]:
    """What turns a value of one feature into its numbers; a ValueError says what is wrong."""
    if feature.text is not None:
        count = counter(feature.text)
        return lambda value: count(_given_text(feature, value))
    if feature.tokens is not None:
        encode_text = tokenizer(feature.tokens)
        return lambda value: encode_text(_given_text(feature, value))
    places = _places(feature)

    def encode(value: Any) -> Any:
        if _is_missing(value, places):
            if feature.missing == "error":
                raise ValueError("has no value")
            if feature.missing == "nan":
                return float(len(places.names)) if feature.encode == "ordinal" else math.nan
            value = feature.default
        if feature.encode == "none":
            return _number(feature, value)
        index = _index(feature, value, places)
        if feature.encode == "ordinal":
            return float(index)
        return [float(index == n) for n in range(len(places.names))]

    return encode


def _given_text(feature: Feature, value: Any) -> str:
    """A text may be empty, but not absent."""
    if value is None or value != value:
        if feature.missing != "value":
            raise ValueError("has no value")
        value = feature.default
    return as_text(value)


class _Places(dict[str, int]):
    """The index of a category by its name, as it is and without blanks around it.

    Where an unknown one would be an error, the one that differs in capitals alone is meant.
    """

    def __init__(self, names: Sequence[str], any_case: bool) -> None:
        super().__init__({name: n for n, name in enumerate(names)})
        self.names = names
        plain = [name.strip(_BLANK) for name in names]
        for n, name in enumerate(plain):
            self.setdefault(name, n)
        lower = [name.lower() for name in plain] if any_case else []
        counts = Counter(lower)
        self._lower = {name: n for n, name in enumerate(lower) if counts[name] == 1}

    def find(self, text: str) -> int | None:
        plain = text.strip(_BLANK)
        for known, name in ((self, text), (self, plain), (self._lower, plain.lower())):
            if (index := known.get(name)) is not None:
                return index
        return None


def _places(feature: Feature) -> _Places:
    return _Places(feature.categories or (), feature.unknown == "error")


def _is_missing(value: Any, places: _Places) -> bool:
    if value is None or value != value:
        return True
    if not isinstance(value, str):
        return False
    text = value.strip(_BLANK)
    return text in NOTHING and text not in places


def is_known(feature: Feature, value: Any) -> bool:
    """Whether a value is missing or one of its feature's categories, where it has some."""
    places = _places(feature)
    if not places.names or _is_missing(value, places):
        return True
    if feature.encode == "none":
        return _to_float(value) in map(_to_float, places.names)
    return places.find(as_text(value)) is not None


def are_truths(feature: Feature, values: Iterable[Any]) -> bool:
    """Whether all values of a feature are True or False, missing ones apart, and some are there."""
    places = _places(feature)
    given = [value for value in values if not _is_missing(value, places)]
    return bool(given) and all(str(v).strip(_BLANK).lower() in _TRUTH for v in given)


def _number(feature: Feature, value: Any) -> float:
    number = _to_float(value)
    if number is None or not abs(number) <= _LARGEST:
        raise ValueError(f"{value!r} is not a number")
    known = feature.categories
    if known and feature.unknown != "ignore" and number not in map(_to_float, known):
        if feature.unknown == "infrequent":
            return float(known[-1])
        raise ValueError(f"no category is called {value!r}")
    return number


def _index(feature: Feature, value: Any, places: _Places) -> int:
    text = as_text(value)
    index = places.find(text)
    if index is not None:
        return index
    if feature.unknown == "ignore":
        return -1
    if feature.unknown == "infrequent":
        return len(places.names) - 1
    # Without case first: of Female and Male, the one that is like male is Male.
    cases = {name.casefold(): name for name in reversed(places.names)}
    close = difflib.get_close_matches(text.casefold(), list(cases), n=1)
    hint = f". Did you mean {cases[close[0]]!r}?" if close else ""
    raise ValueError(f"no category is called {value!r}{hint}")


def _wanted(feature: Feature) -> str:
    if feature.kind == "text":
        return "a text"
    if names := feature.categories:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"one of {', '.join(names[:_SHOWN])}{more}"
    low, high = feature.min, feature.max
    limits = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"a number{limits}"


def as_text(value: Any) -> str:
    """A number as it is written where categories are words: 1.0 is ``1``."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def as_typed(feature: Feature, value: Any) -> Any:
    """A value as a person types it into a form: True is 1 where a number is asked for."""
    if feature.encode == "none" and feature.kind == "number" and isinstance(value, str):
        truth = _TRUTH.get(value.strip(_BLANK).lower())
        return value if truth is None else f"{truth:g}"
    return value


def _to_float(value: Any) -> float | None:
    """A number, or a text that is one: True and False, as pandas writes them, are 1 and 0."""
    if isinstance(value, str):
        truth = _TRUTH.get(value.strip(_BLANK).lower())
        return parse_number(value) if truth is None else truth
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def parse_number(text: str) -> float | None:
    """A text that is a number in every language: not 1_000, 0x1F or inf."""
    text = text.strip(_BLANK)
    return float(text) if _NUMBER.fullmatch(text) else None
