"""Table features: what a person types, as the numbers that a model takes.

web_demo/src/features.js does the same in the page.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from edge_deploy.errors import UsageError
from edge_deploy.spec import ENCODINGS, Array, Feature

KINDS = ("number", "category", "text")
MISSING = ("error", "value", "nan")
UNKNOWN = ("error", "ignore", "infrequent")
_KEYS = tuple(field.name for field in fields(Feature))
_NUMBERS = ("min", "max", "step")


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
            raise UsageError(f"{where}: {_unknown(str(key), _KEYS, 'key')}")
    values = {key: item[key] for key in item if item[key] is not None}
    for key, known in (
        ("kind", KINDS),
        ("encode", ENCODINGS),
        ("missing", MISSING),
        ("unknown", UNKNOWN),
    ):
        if key in values and values[key] not in known:
            raise UsageError(f"{where}: {_unknown(str(values[key]), known, key)}")
    for key in _NUMBERS:
        if key in values:
            values[key] = _plain_number(where, key, values[key])
    if "categories" in values:
        values["categories"] = _categories(where, values["categories"])
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
    names = tuple(v if isinstance(v, str) else _text(v) for v in value)
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"{where}: the category {twice[0]!r} stands there twice.")
    return names


def _check(where: str, feature: Feature) -> None:
    if feature.kind == "category" and not feature.categories:
        raise UsageError(f"{where}: a category needs its categories, in the model's order.")
    if feature.kind != "category" and (feature.categories or feature.encode != "none"):
        raise UsageError(f'{where}: has categories or an encoding; say "kind": "category".')
    if feature.kind == "category" and feature.encode == "none":
        for name in feature.categories or ():
            if _to_float(name) is None:
                raise UsageError(
                    f"{where}: the category {name!r} is not a number; say how it becomes one: "
                    '"encode": "one-hot" or "ordinal".'
                )
    if feature.missing == "value" and feature.default is None:
        raise UsageError(f'{where}: "missing": "value" needs a default, which is taken then.')
    if feature.unknown == "ignore" and feature.encode != "one-hot":
        raise UsageError(f'{where}: "unknown": "ignore" goes with "encode": "one-hot" only.')
    if feature.min is not None and feature.max is not None and feature.min > feature.max:
        raise UsageError(f"{where}: min {feature.min:g} is above max {feature.max:g}.")
    if feature.default is not None:
        encode_rows([feature], [{feature.name: feature.default}])


def _unknown(got: str, known: Sequence[str], what: str) -> str:
    close = difflib.get_close_matches(got, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"no {what} is called {got!r}.{hint} There are: {', '.join(known)}."


def features_to_json(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """The manifest's form, which parse_features reads again."""
    return [
        {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(feature).items()}
        for feature in features
    ]


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
    for number, row in enumerate(rows):
        at = 0
        for feature in features:
            encoded = _encode(feature, row, f"row {number + 1}, column {feature.name!r}")
            table[number, at : at + feature.width] = encoded
            at += feature.width
    return table


def _encode(feature: Feature, row: Mapping[str, Any], where: str) -> list[float]:
    value = row.get(feature.name)
    if value is None or (isinstance(value, str) and not value.strip()) or value != value:
        if feature.missing == "nan" and feature.encode == "none":
            return [math.nan]
        if feature.missing != "value":
            there = "is missing" if feature.name not in row else "has no value"
            raise UsageError(f"{where}: {there}. Give {_wanted(feature)}.")
        value = feature.default
    if feature.kind == "text":
        raise UsageError(f"{where}: text cannot be turned into numbers here.")
    if feature.kind == "number":
        return [_number(feature, value, where)]
    return _category(feature, value, where)


def _number(feature: Feature, value: Any, where: str) -> float:
    number = _to_float(value)
    if number is None or not abs(number) <= float(np.finfo(np.float32).max):
        raise UsageError(f"{where}: {value!r} is not a number. Give {_wanted(feature)}.")
    return number


def _category(feature: Feature, value: Any, where: str) -> list[float]:
    names = feature.categories or ()
    text = value.strip() if isinstance(value, str) else _text(value)
    if text in names:
        index = names.index(text)
    elif feature.unknown == "ignore":
        return [0.0] * feature.width
    elif feature.unknown == "infrequent":
        index = len(names) - 1  # scikit-learn keeps the infrequent ones in the last column
    else:
        close = difflib.get_close_matches(text, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(
            f"{where}: no category is called {value!r}.{hint} Give {_wanted(feature)}."
        )
    if feature.encode == "one-hot":
        return [float(index == n) for n in range(len(names))]
    return [float(index) if feature.encode == "ordinal" else float(names[index])]


def _wanted(feature: Feature) -> str:
    if feature.categories:
        return f"one of {', '.join(feature.categories)}"
    low, high = feature.min, feature.max
    limits = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"a number{limits}"


def _text(value: Any) -> str:
    """A number as it is written where categories are words: 1.0 is ``1``."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _to_float(value: Any) -> float | None:
    if isinstance(value, str) and "_" in value:
        return None  # Python would read 1_000
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
