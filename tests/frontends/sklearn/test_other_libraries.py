"""Pickles of imbalanced-learn and category_encoders, read without them.

Real ones, which ``tests/support/foreign_pickles/make.py`` wrote with those packages, with the
answers that they gave then.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError, UsageError
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.frontends.sklearn import loader
from edge_deploy.frontends.sklearn.compat.category_encoders import CategoryEncoder
from edge_deploy.frontends.sklearn.safe_pickle.pandas_objects import Series

pytestmark = pytest.mark.slow

FILES = Path(__file__).parents[2] / "support" / "foreign_pickles"


def names(*kinds: str) -> list[str]:
    found = []
    for path in sorted(file for kind in kinds for file in FILES.glob(f"{kind}*.zip")):
        with zipfile.ZipFile(path) as archive:
            members = sorted(Path(one).stem for one in archive.namelist() if one.endswith(".pkl"))
        found += [f"{path.stem}/{member}" for member in members]
    return found


def opened(name: str, folder: Path) -> tuple[LoadedModel, list[dict[str, Any]], list[list[float]]]:
    """A model, what it was asked, and its answers."""
    label, _, member = name.partition("/")
    with zipfile.ZipFile(FILES / f"{label}.zip") as archive:
        archive.extract(f"{member}.pkl", folder)
        told = json.loads(archive.read(f"{member}.json"))
    return loader.load(folder / f"{member}.pkl", LoadOptions()), told["rows"], told["answers"]


@pytest.mark.parametrize("name", names("encoders", "imblearn"))
def test_answers_are_those_of_the_library(name: str, tmp_path: Path) -> None:
    model, rows, answers = opened(name, tmp_path)
    if model.features is None:  # before scikit-learn 1.0, and no encoder names its columns
        x = np.array([list(row.values()) for row in rows], np.float32)
    else:
        assert [one.name for one in model.features] == list(rows[0])
        x = encode_rows(model.features, rows)
    output = model.spec.outputs[-1].name
    given, lowered = model.ask({"features": x}, rows), model.function({"features": x})
    np.testing.assert_allclose(np.asarray(lowered[output]), answers, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(given[output], answers, rtol=1e-6, atol=1e-6)


def test_policies_are_told(tmp_path: Path) -> None:
    told = {one.name: one for one in opened("encoders2.11/target", tmp_path)[0].features or ()}
    assert set(told["city"].categories or ()) == {"Rome", "Oslo", "Bern"}
    assert (told["city"].missing, told["city"].unknown) == ("nan", "ignore")
    assert (told["age"].kind, told["age"].missing) == ("number", "error")
    strict = opened("encoders2.11/strict", tmp_path)[0].features or ()
    with pytest.raises(UsageError, match="no category is called 'Paris'"):
        encode_rows(strict, [{"age": 1, "city": "Paris", "visits": 1, "plan": "a"}])
    with pytest.raises(UsageError, match="has no value"):
        encode_rows(strict, [{"age": 1, "city": "", "visits": 1, "plan": "a"}])


def codes(values: list[Any], labels: list[Any]) -> Series:
    made = Series(values)
    made.labels = labels
    return made


def encoder(kind: str, **state: Any) -> CategoryEncoder:
    made = CategoryEncoder()
    policies = {"handle_unknown": "value", "handle_missing": "value"}
    known = {"kind": kind, "cols": ["city"], "feature_names_in_": ["city"]}
    vars(made).update(known | policies | state)
    return made


CITY = {"col": "city", "mapping": codes([1, 2, -2], ["Rome", "Oslo", math.nan])}
REFUSED = {
    "left out": ({"invariant_cols": ["city"]}, "drop_invariant"),
    "hierarchy": ({"hierarchy": {"city": {}}}, "hierarchies"),
    "number": ({"handle_unknown": 7}, "a function or number"),
    "groups": ({"_min_group_categories": {"city": {"Rome": "rest"}}}, "min_group_size"),
    "no columns": ({"feature_names_in_": None}, "which columns it takes"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_has_no_table_is_refused(row: str) -> None:
    state, words = REFUSED[row]
    kind = "CountEncoder" if row == "groups" else "OrdinalEncoder"
    with pytest.raises(ConversionError, match=words):
        encoder(kind, mapping=[CITY], **state).codes()


@pytest.mark.parametrize(
    ("kind", "state", "unknown", "missing"),
    [
        ("OrdinalEncoder", {"mapping": [CITY]}, -1.0, -2.0),
        ("OrdinalEncoder", {"mapping": [CITY], "handle_missing": "return_nan"}, -1.0, math.nan),
        ("OrdinalEncoder", {"mapping": [CITY], "handle_unknown": "return_nan"}, math.nan, -2.0),
        ("CountEncoder", {"mapping": {"city": codes([3, 4], ["Rome", "Oslo"])}}, 0.0, 0.0),
        (
            "CountEncoder",
            {"mapping": {"city": {"Rome": 3}}, "handle_missing": "return_nan"},
            math.nan,
            math.nan,
        ),
    ],
)
def test_policy_of_each_kind(kind: str, state: Any, unknown: float, missing: float) -> None:
    (found,) = encoder(kind, **state).codes()
    assert found is not None
    np.testing.assert_equal([found.of("Paris")[0], found.of(None)[0]], [unknown, missing])
