"""The columns of a table model: what features.json and the manifest say of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import unknown
from edge_deploy.core.spec import ENCODINGS, Feature
from edge_deploy.data.preprocessing.encoding import are_truths, as_text, encode_rows, parse_number
from edge_deploy.data.preprocessing.text import parse_text, text_to_json
from edge_deploy.data.preprocessing.tokens import parse_tokens, tokens_to_json

KINDS = ("number", "category", "text")
MISSING = ("error", "value", "nan")
UNKNOWN = ("error", "ignore", "infrequent")
_KEYS = tuple(field.name for field in fields(Feature))
_NUMBERS = ("min", "max", "step")


def parse_features(value: Any) -> tuple[tuple[Feature, ...], dict[str, Any] | None]:
    """Read features.json, or the manifest's list of features.

    Args:
        value: A list of feature objects, or ``{"features": [...], "target": {...}}`` where
            target is what the model predicts: ``name``, ``unit``, ``min``, ``max``. A target may
            be alone.

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
        if target and value is None:
            return (), dict(target)
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
    if not isinstance(values.get("label", ""), str):
        raise UsageError(f"{where}: label is {values['label']!r}; it must be a text.")
    if "categories" in values:
        values["categories"] = _categories(where, values["categories"])
    if "text" in values:
        values["text"] = parse_text(where, values["text"])
    if "tokens" in values:
        values["tokens"] = parse_tokens(where, values["tokens"])
    feature = Feature(**values)
    _check(where, feature)
    return feature


def _plain_number(where: str, key: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{where}: {key} is {value!r}; it must be a number.")
    return number


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
    ways = (feature.text is not None) + (feature.tokens is not None)
    if ways != (feature.kind == "text"):
        raise UsageError(
            f'{where}: "kind": "text" goes with "text", which says how it is counted: '
            '{"vocabulary": ["bad", "good"]}, or else with "tokens", which says how it becomes '
            'ids: {"vocabulary": ["bad", "good"], "length": 100}.'
        )
    if feature.kind == "category" and feature.encode == "none":
        for name in feature.categories or ():
            if parse_number(name) is None:
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
    if feature.kind == "number" and isinstance(default, str) and parse_number(default) is None:
        raise UsageError(f"{where}: the default {default!r} is not a number.")
    if feature.default is not None:
        encode_rows([feature], [{feature.name: feature.default}])


def features_to_json(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """The manifest's form, which parse_features reads again."""
    return [_feature_to_json(feature) for feature in features]


def _feature_to_json(feature: Feature) -> dict[str, Any]:
    plain = asdict(replace(feature, text=None, tokens=None))
    document = {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}
    document["text"] = text_to_json(feature.text) if feature.text else None
    del document["tokens"], document["label"]
    if feature.tokens:
        document["tokens"] = tokens_to_json(feature.tokens)
    return document | ({"label": feature.label} if feature.label else {})


def with_ranges(own: Sequence[Feature] | None, given: Sequence[Feature]) -> tuple[Feature, ...]:
    """Features of a file, beside a model that tells of its own columns what they mean.

    Categories, texts and missing values are the model's own; ranges, units, labels and defaults,
    which no model holds, are the file's. A model that tells nothing leaves all to the file.
    """
    told = own and any(f.kind != "number" or f.missing == "nan" for f in own)
    by_name = {feature.name: feature for feature in given}
    if not own or not told or set(by_name) != {feature.name for feature in own}:
        return tuple(given)
    keys = (*_NUMBERS, "default", "unit", "label")
    return tuple(replace(f, **{key: getattr(by_name[f.name], key) for key in keys}) for f in own)


def with_truths(
    features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]
) -> tuple[Feature, ...]:
    """Number features that are True or False in every row: 0 or 1, and nothing between.

    A fitted pipeline passes a column of bool through as numbers and does not say that it was one.
    """

    def is_truth(feature: Feature) -> bool:
        if feature.kind != "number" or any(getattr(feature, key) is not None for key in _NUMBERS):
            return False
        return are_truths(feature, (row.get(feature.name) for row in rows))

    return tuple(replace(f, min=0.0, max=1.0, step=1.0) if is_truth(f) else f for f in features)
