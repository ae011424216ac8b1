"""Table features: what a person types, as the numbers that a model takes.

web_demo/src/features.js does the same in the page.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from edge_deploy.errors import UsageError
from edge_deploy.spec import ENCODINGS, Array, Feature
from edge_deploy.text import counter, parse_text, text_to_json
from edge_deploy.words import unknown

KINDS = ("number", "category", "text")
MISSING = ("error", "value", "nan")
UNKNOWN = ("error", "ignore", "infrequent")
_KEYS = tuple(field.name for field in fields(Feature))
_NUMBERS = ("min", "max", "step")
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


def parse_features(value: Any) -> tuple[tuple[Feature, ...], dict[str, Any] | None]:
    """Read features.json, or the manifest's list of features.

    Args:
        value: A list of feature objects, or ``{"features": [...], "target": {...}}`` where
            target is what the model predicts: ``name``, ``unit``, ``min``, ``max``.

    Returns:
        The features in the order of the input's columns, and the target if there is one.

    Raises:
        UsageError: It is of another form, or a feature cannot be encoded.
    """
    target = None
    if isinstance(value, Mapping):
        if unknown := set(value) - {"features", "target"}:
            raise UsageError(f"features: the key {min(unknown)!r} is not known (features, target).")
        target, value = value.get("target"), value.get("features")
        if target is not None and not isinstance(target, Mapping):
            raise UsageError('features: target must be like {"name": "price", "unit": "USD"}.')
    if not isinstance(value, list) or not value:
        raise UsageError('features: must be a list of objects like {"name": "age", "min": 0}.')
    features = tuple(_feature(item, number) for number, item in enumerate(value, start=1))
    names = [feature.name for feature in features]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"features: {twice[0]!r} stands there twice.")
    return features, dict(target) if target else None


def _feature(item: Any, number: int) -> Feature:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or not item["name"]:
        raise UsageError(f'features: entry {number} must be an object with a "name".')
    where = f"feature {item['name']!r}"
    for key in item:
        if key not in _KEYS:
            raise UsageError(f"{where}: {unknown(str(key), _KEYS, 'key')}")
    values = {key: item[key] for key in item if item[key] is not None}
    for key, known in (
        ("kind", KINDS),
        ("encode", ENCODINGS),
        ("missing", MISSING),
        ("unknown", UNKNOWN),
    ):
        if key in values and values[key] not in known:
            raise UsageError(f"{where}: {unknown(str(values[key]), known, key)}")
    for key in _NUMBERS:
        if key in values:
            values[key] = _plain_number(where, key, values[key])
    if "categories" in values:
        values["categories"] = _categories(where, values["categories"])
    if "text" in values:
        values["text"] = parse_text(where, values["text"])
    feature = Feature(**values)
    _check(where, feature)
    return feature


def _plain_number(where: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{where}: {key} is {value!r}; it must be a number.")
    return float(value)


def _categories(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise UsageError(f'{where}: categories must be a list such as ["no", "yes"].')
    names = tuple(v if isinstance(v, str) else as_text(v) for v in value)
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"{where}: the category {twice[0]!r} stands there twice.")
    return names


def _check(where: str, feature: Feature) -> None:
    if feature.kind == "category" and not feature.categories:
        raise UsageError(f"{where}: a category needs its categories, in the model's order.")
    if feature.kind != "category" and (feature.categories or feature.encode != "none"):
        raise UsageError(f'{where}: has categories or an encoding; say "kind": "category".')
    if (feature.kind == "text") != (feature.text is not None):
        raise UsageError(
            f'{where}: "kind": "text" goes with "text", which says how it is counted: '
            '{"vocabulary": ["bad", "good"]}.'
        )
    if feature.kind == "category" and feature.encode == "none":
        for name in feature.categories or ():
            if _plain(name) is None:
                raise UsageError(
                    f"{where}: the category {name!r} is not a number; say how it becomes one: "
                    '"encode": "one-hot" or "ordinal".'
                )
    if feature.missing == "value" and feature.default is None:
        raise UsageError(f'{where}: "missing": "value" needs a default, which is taken then.')
    if feature.missing == "nan" and (feature.encode == "one-hot" or feature.kind == "text"):
        raise UsageError(f'{where}: "missing": "nan" goes with one number, not with several.')
    if feature.unknown != "error" and feature.kind != "category":
        raise UsageError(f'{where}: "unknown" goes with categories; say "kind": "category".')
    if feature.min is not None and feature.max is not None and feature.min > feature.max:
        raise UsageError(f"{where}: min {feature.min:g} is above max {feature.max:g}.")
    default = feature.default
    if feature.kind == "number" and isinstance(default, str) and _plain(default) is None:
        raise UsageError(f"{where}: the default {default!r} is not a number.")
    if feature.default is not None:
        encode_rows([feature], [{feature.name: feature.default}])


def features_to_json(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """The manifest's form, which parse_features reads again."""
    return [
        {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(feature).items()}
        | {"text": text_to_json(feature.text) if feature.text else None}
        for feature in features
    ]


def with_ranges(own: Sequence[Feature] | None, given: Sequence[Feature]) -> tuple[Feature, ...]:
    """Features of a file, beside a model that tells of its own columns what they mean.

    Categories, texts and missing values are the model's own; ranges, units and defaults, which
    no model holds, are the file's. A model that tells nothing leaves all to the file.
    """
    told = own and any(f.kind != "number" or f.missing == "nan" for f in own)
    by_name = {feature.name: feature for feature in given}
    if not own or not told or set(by_name) != {feature.name for feature in own}:
        return tuple(given)
    return tuple(
        replace(f, **{key: getattr(by_name[f.name], key) for key in (*_NUMBERS, "default", "unit")})
        for f in own
    )


def with_truths(
    features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]
) -> tuple[Feature, ...]:
    """Number features that are True or False in every row: 0 or 1, and nothing between.

    A fitted pipeline passes a column of bool through as numbers and does not say that it was one.
    """

    def is_truth(feature: Feature) -> bool:
        if feature.kind != "number" or any(getattr(feature, key) is not None for key in _NUMBERS):
            return False
        nothing = _places(feature)
        given = [v for v in (row.get(feature.name) for row in rows) if not _is_missing(v, nothing)]
        return bool(given) and all(str(v).strip(_BLANK).lower() in _TRUTH for v in given)

    return tuple(replace(f, min=0.0, max=1.0, step=1.0) if is_truth(f) else f for f in features)


def encode_rows(features: Sequence[Feature], rows: Sequence[Mapping[str, str | float]]) -> Array:
    """Rows of a table as the model's input.

    Args:
        features: The columns, in the model's order.
        rows: Values by column name, as read from a CSV or a form; other columns are ignored.

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
                where = f"row {number + 1}, column {feature.name!r}"
                told = "is missing" if feature.name not in row else str(error)
                raise UsageError(f"{where}: {told}. Give {_wanted(feature)}.") from error
        at += feature.width
    return table


def columns_of(manifest: Mapping[str, Any]) -> tuple[Feature, ...] | None:
    """The columns that a manifest lists; None where the model takes no rows."""
    return parse_features(manifest["features"])[0] if manifest["features"] else None


def text_rows(
    features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """The rows that a check from the texts on needs: none where no column is a text.

    Counting is part of such a model: an artifact keeps the texts of its reference, and every
    place that counts them again must come to the same input.
    """
    if not any(feature.text for feature in features):
        return ()
    return tuple({f.name: row[f.name] for f in features if f.name in row} for row in rows)


def _encoder(feature: Feature) -> Callable[[Any], Any]:
    """What turns a value of one feature into its numbers; a ValueError says what is wrong."""
    if feature.text is not None:
        count = counter(feature.text)
        return lambda value: count(_given_text(feature, value))
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
    """The index of a category by its name, as it is and without blanks around it."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({name: n for n, name in enumerate(names)})
        self.names = names
        for n, name in enumerate(names):
            self.setdefault(name.strip(_BLANK), n)

    def find(self, text: str) -> int | None:
        found = self.get(text)
        return self.get(text.strip(_BLANK)) if found is None else found


def _places(feature: Feature) -> _Places:
    return _Places(feature.categories or ())


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
    close = difflib.get_close_matches(text, places.names, n=1)
    hint = f". Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"no category is called {value!r}{hint}")


def _wanted(feature: Feature) -> str:
    if feature.text is not None:
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
        return _plain(value) if truth is None else truth
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _plain(text: str) -> float | None:
    """A text that is a number in every language: not 1_000, 0x1F or inf."""
    text = text.strip(_BLANK)
    return float(text) if _NUMBER.fullmatch(text) else None
