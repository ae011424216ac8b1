"""Table features: what encodes to which numbers, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_deploy.errors import UsageError
from edge_deploy.features import encode_rows, features_to_json, parse_features
from edge_deploy.spec import Feature

AGE = {"name": "age", "min": 18, "max": 65, "step": 1, "default": 40, "unit": "years"}
SEX = {"name": "sex", "kind": "category", "categories": ["f", "m"], "encode": "one-hot"}
SIZE = {"name": "size", "kind": "category", "categories": ["S", "M", "L"], "encode": "ordinal"}
RIVER = {"name": "river", "kind": "category", "categories": [0, 1]}


def test_features_survive_the_manifest() -> None:
    features, target = parse_features([AGE, SEX, SIZE, RIVER])
    assert target is None
    assert parse_features(features_to_json(features))[0] == features
    assert sum(feature.width for feature in features) == 5


def test_target_is_read() -> None:
    target = {"name": "price", "unit": "USD", "min": 0, "max": 9}
    features, read = parse_features({"features": [AGE], "target": target})
    assert read == target
    assert features == (Feature("age", min=18, max=65, step=1, default=40, unit="years"),)


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (AGE, 40, [40]),
        (AGE, " 1e1 ", [10]),
        (AGE, 99, [99]),  # limits are for the form, not for the model
        (SEX, "m", [0, 1]),
        (SEX, " f ", [1, 0]),
        (SIZE, "L", [2]),
        (RIVER, "1", [1]),
        (RIVER, 0.0, [0]),
        ({**AGE, "missing": "nan"}, "", [np.nan]),
        ({**AGE, "missing": "nan"}, None, [np.nan]),
        ({**AGE, "missing": "value"}, float("nan"), [40]),
        ({**SEX, "unknown": "ignore"}, "x", [0, 0]),
        ({**SIZE, "unknown": "infrequent"}, "XXL", [2]),
    ],
)
def test_value_is_encoded(feature: Any, value: Any, expected: list[float]) -> None:
    features, _ = parse_features([feature])
    encoded = encode_rows(features, [{feature["name"]: value, "other": "ignored"}])
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, [expected])


@pytest.mark.parametrize(
    ("feature", "row", "words"),
    [
        (AGE, {}, r"row 1, column 'age': is missing. Give a number from 18 to 65"),
        (AGE, {"age": ""}, "has no value"),
        (AGE, {"age": float("nan")}, "has no value"),
        (AGE, {"age": "forty"}, "'forty' is not a number"),
        (AGE, {"age": "1_000"}, "not a number"),
        (AGE, {"age": "inf"}, "not a number"),
        (AGE, {"age": 1e39}, "not a number"),
        (SEX, {"sex": "male"}, r"no category is called 'male'.* one of f, m"),
        (SIZE, {"size": "XXL"}, "one of S, M, L"),
        ({"name": "t", "kind": "text"}, {"t": "hello"}, "text cannot be turned"),
    ],
)
def test_wrong_value_is_told(feature: Any, row: Any, words: str) -> None:
    features, _ = parse_features([feature])
    with pytest.raises(UsageError, match=words):
        encode_rows(features, [row])


def test_row_is_named_by_its_number() -> None:
    features, _ = parse_features([AGE])
    with pytest.raises(UsageError, match="row 3"):
        encode_rows(features, [{"age": 1}, {"age": 2}, {"age": "?"}])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "must be a list"),
        ("age", "must be a list"),
        ({"features": [AGE], "goal": 1}, "'goal' is not known"),
        ({"features": [AGE], "target": "price"}, "target must be"),
        ([{"kind": "number"}], "entry 1 must be an object with a"),
        ([AGE, "sex"], "entry 2"),
        ([AGE, AGE], "stands there twice"),
        ([{**AGE, "maximum": 3}], "no key is called 'maximum'"),
        ([{**AGE, "kind": "numbr"}], "Did you mean number"),
        ([{**AGE, "min": "18"}], "must be a number"),
        ([{**AGE, "min": 70}], "min 70 is above max 65"),
        ([{**AGE, "default": "forty"}], "not a number"),
        ([{**AGE, "categories": ["a"]}], "say"),
        ([{"name": "x", "missing": "value"}], "needs a default"),
        ([{**SEX, "categories": None}], "needs its categories"),
        ([{**SEX, "categories": ["f", "f"]}], "stands there twice"),
        ([{**SEX, "encode": "onehot"}], "Did you mean one-hot"),
        ([{**SEX, "encode": "none"}], "is not a number; say how"),
        ([{**SEX, "default": "x"}], "no category is called 'x'"),
        ([{**SIZE, "unknown": "ignore"}], "goes with"),
    ],
)
def test_wrong_features_are_told(value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_features(value)
