"""Table features: what encodes to which numbers, and what is refused in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.artifact import samples
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Feature, ModelSpec, TensorSpec
from edge_deploy.data.csv_reader import Reading, chosen, read_csv
from edge_deploy.data.input_warnings import remarks
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.data.preprocessing.features import features_to_json, parse_features, with_truths
from edge_deploy.data.readers import read
from edge_deploy.data.sidecars import DataOptions, precheck

AGE = {"name": "age", "min": 18, "max": 65, "step": 1, "default": 40, "unit": "years"}
GENDER = {"name": "gender", "kind": "category", "categories": ["Female", "Male"],
          "encode": "ordinal"}  # fmt: skip
GRADE = {"name": "grade", "kind": "category", "categories": ["A ", "b+", "C", "c", "\u00c4"],
         "encode": "ordinal"}  # fmt: skip
SEX = {"name": "sex", "kind": "category", "categories": ["f", "m"], "encode": "one-hot"}
SIZE = {"name": "size", "kind": "category", "categories": ["S", "M", "L"], "encode": "ordinal"}
RIVER = {"name": "river", "kind": "category", "categories": [0, 1]}
JOB = {"name": "job", "kind": "category", "categories": [" Clerk", "None", "Boss"],
       "encode": "ordinal"}  # fmt: skip


def mail(**changes: Any) -> dict[str, Any]:
    return {"name": "mail", "kind": "text", "text": {"vocabulary": ["buy", "now"], **changes}}


MAIL = mail()


def test_features_survive_the_manifest() -> None:
    features, target = parse_features([AGE, SEX, SIZE, RIVER, MAIL])
    assert target is None
    assert parse_features(json.loads(json.dumps(features_to_json(features))))[0] == features
    assert sum(feature.width for feature in features) == 7


@pytest.mark.parametrize(
    ("feature", "values", "is_truth"),
    [
        ({"name": "member"}, ["True", "False"], True),
        ({"name": "member"}, ["FALSE", " true ", "", "NA"], True),
        ({"name": "member"}, [True, None, float("nan")], True),
        ({"name": "member"}, ["1", "0"], False),
        ({"name": "member"}, ["True", "1"], False),
        ({"name": "member"}, ["", None], False),
        ({"name": "member"}, [], False),
        ({"name": "member", "max": 3}, ["True"], False),
        ({"name": "member", "kind": "category", "categories": ["0", "1"]}, ["True"], False),
    ],
)
def test_column_of_bool_is_0_or_1(
    feature: dict[str, Any], values: list[Any], is_truth: bool
) -> None:
    given, _ = parse_features([feature, AGE])
    found = with_truths(given, [{"member": value, "age": "True"} for value in values])
    limits = {"min": 0.0, "max": 1.0, "step": 1.0} if is_truth else {}
    assert found == (replace(given[0], **limits), given[1])


def test_target_is_read() -> None:
    target = {"name": "price", "unit": "USD", "min": 0, "max": 9}
    features, read = parse_features({"features": [AGE], "target": target})
    assert read == target
    assert parse_features({"target": target}) == ((), target)
    assert features == (Feature("age", min=18, max=65, step=1, default=40, unit="years"),)


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (AGE, 40, [40]),
        (AGE, " 1e1 ", [10]),
        *((AGE, true, [1]) for true in (True, np.True_, "True", "true", "TRUE", " True ")),
        *((AGE, false, [0]) for false in (False, np.False_, "False", "false", "FALSE\n")),
        (RIVER, "True", [1]),
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
        ({**SIZE, "unknown": "ignore"}, "XXL", [-1]),
        ({**SIZE, "missing": "nan"}, "NA", [3]),
        ({**SIZE, "missing": "nan"}, None, [3]),
        (JOB, "Clerk", [0]),  # as the UCI's tables have it, and as a person types it
        (JOB, " Clerk", [0]),
        (GENDER, "male", [1]),
        (GENDER, " FEMALE\n", [0]),
        (GRADE, "\u00e4", [4]),
        ({**GENDER, "unknown": "ignore"}, "male", [-1]),
        (JOB, "None", [1]),  # a category here, and not a missing value
        ({**RIVER, "unknown": "ignore"}, "7.0", [7]),
        ({**RIVER, "unknown": "infrequent"}, "7", [1]),
        ({**RIVER, "missing": "nan"}, "", [np.nan]),
        ({**AGE, "missing": "nan"}, "NaN", [np.nan]),
        (MAIL, "Buy NOW, buy!", [2, 1]),
        (MAIL, "", [0, 0]),
        (MAIL, "NA", [0, 0]),
        (mail(binary=True), "buy buy", [1, 0]),
        (mail(ngram_range=[1, 2], vocabulary=["buy now", "now"]), "buy now", [1, 1]),
        (mail(also=[{"analyzer": "char", "vocabulary": ["w"]}]), "buy now", [1, 1, 1]),
    ],
)
def test_value_is_encoded(feature: Any, value: Any, expected: list[float]) -> None:
    features, _ = parse_features([feature])
    encoded = encode_rows(features, [{feature["name"]: value, "other": "ignored"}])
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, [expected])


def test_packaged_rows_hold_the_models_columns_and_nothing_else(tmp_path: Path) -> None:
    features, _ = parse_features([AGE, RIVER, {"name": "member"}])
    spec = ModelSpec((TensorSpec("features", (None, 3), "float32"),), ())
    Path("rows.csv").write_text(
        "ticket id,name,age,river,member,label,\nT1,Mr X,40,1,False,0,\nT2,Ms Y,20,0,TRUE,1,,more\n"
    )
    data = read(Path("rows.csv"), spec, features)
    assert data.rows[0] == {"age": "40", "river": "1", "member": "False"}
    samples.save(tmp_path, data, features)
    assert json.loads((tmp_path / "samples/samples.json").read_text()) == [
        {"age": "40", "river": "1", "member": "0"},  # a form's number field takes no words
        {"age": "20", "river": "0", "member": "1"},
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("ticket id,age,river", r"has no column 'fare'\. It needs age, fare; a column"),
        ("ticket id,fares,age", r"has no column 'fare'\. Is it the one called fares\? It needs"),
        ("ticket id,Age,label", r"has no column 'age', nor 'fare'\. Is it the one called Age\?"),
    ],
)
def test_lacking_column_is_told(header: str, words: str) -> None:
    Path("rows.csv").write_text(f"{header}\n1,2,3\n")
    features, _ = parse_features([AGE, {"name": "fare"}])
    with pytest.raises(UsageError, match=words):
        read(Path("rows.csv"), ModelSpec((TensorSpec("x", (None, 2), "float32"),), ()), features)


def test_lacking_column_is_told_before_the_model_is_read() -> None:
    Path("rows.csv").write_text("age,fares\n1,2\n")
    Path("features.json").write_text(json.dumps([AGE, {"name": "fare"}]))
    asked = DataOptions(features="features.json", reference="rows.csv")
    with pytest.raises(UsageError, match="has no column 'fare'"):
        precheck(asked)
    Path("features.json").write_text(json.dumps([AGE]))
    precheck(asked)


def test_table_for_a_model_of_pictures_is_told() -> None:
    Path("rows.csv").write_text("age\n1\n")
    picture = TensorSpec("x", (None, 8, 8, 3), "float32", "image")
    with pytest.raises(UsageError, match="is a table, and this model takes pictures"):
        read(Path("rows.csv"), ModelSpec((picture,), ()))


GAPPY = {"name": "fare", "missing": "nan"}
PORT = {"name": "port", "kind": "category", "categories": ["Cork", "Hull"], "encode": "one-hot",
        "unknown": "ignore"}  # fmt: skip


@pytest.mark.parametrize(
    ("features", "rows", "expected"),
    [
        ([AGE, GAPPY, PORT], [{"age": 1, "fare": "", "port": "Hull "}], []),
        ([{**RIVER, "unknown": "ignore"}, PORT], [{"river": "1.0", "port": None}], []),
        ([AGE, GAPPY], [{"age": 1}], ["left out, and taken as missing: fare"]),
        ([GAPPY], [{"fare": 1}, {}], []),
        ([GAPPY], [], []),
        ([PORT], [{"port": "Hul"}, {"port": "x"}, {"port": "x"}], [
            "port: no category is called 'Hul', nor 1 more, which the model takes as none of "
            "them. Did you mean Hull? There are: Cork, Hull"]),
        ([{**RIVER, "unknown": "infrequent"}], [{"river": 7}], [
            "river: no category is called '7', which the model takes as an infrequent one. "
            "There are: 0, 1"]),
    ],
)  # fmt: skip
def test_what_may_not_be_meant_is_remarked(features: Any, rows: Any, expected: list[str]) -> None:
    assert list(remarks(parse_features(features)[0], rows)) == expected


@pytest.mark.parametrize(
    ("feature", "row", "words"),
    [
        (AGE, {}, r"row 1, column 'age': is missing. Give a number from 18 to 65"),
        (AGE, {"age": ""}, "has no value"),
        (AGE, {"age": float("nan")}, "has no value"),
        (AGE, {"age": "forty"}, "'forty' is not a number"),
        (AGE, {"age": "yes"}, "'yes' is not a number"),
        (AGE, {"age": "1_000"}, "not a number"),
        (AGE, {"age": "inf"}, "not a number"),
        (AGE, {"age": "0x10"}, "not a number"),
        (AGE, {"age": "\uff11"}, "not a number"),  # a digit to Python and to no other language
        (AGE, {"age": 1e39}, "not a number"),
        (SEX, {"sex": "male"}, r"no category is called 'male'.* one of f, m"),
        (SIZE, {"size": "XXL"}, "one of S, M, L"),
        (GENDER, {"gender": "mal"}, r"Did you mean 'Male'\? Give one of Female, Male\.$"),
        (GENDER, {"gender": "FEMAL"}, r"Did you mean 'Female'\? Give"),
        ({**GENDER, "categories": ["MALE", "Male"]}, {"gender": "male"}, "no category is called"),
        (MAIL, {"mail": None}, "has no value. Give a text"),
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
        ([{**AGE, "min": 10**400}], "must be a number"),
        ([{**AGE, "min": True}], "must be a number"),
        ([{**AGE, "min": 70}], "min 70 is above max 65"),
        ([{**AGE, "default": "forty"}], "not a number"),
        ([{"name": "x", "kind": "text", "text": "words"}], 'text must be like {"vocabulary"'),
        ([{**AGE, "default": "True"}], "not a number"),  # apps write it as a number
        ([{**RIVER, "categories": [False, True]}], "is not a number; say how"),
        ([{**AGE, "categories": ["a"]}], "say"),
        ([{"name": "x", "missing": "value"}], "needs a default"),
        ([{**SEX, "categories": None}], "needs its categories"),
        ([{**SEX, "categories": ["f", "f"]}], "stands there twice"),
        ([{**SEX, "encode": "onehot"}], "Did you mean one-hot"),
        ([{**SEX, "encode": "none"}], "is not a number; say how"),
        ([{**SEX, "default": "x"}], "no category is called 'x'"),
        ([{**AGE, "unknown": "ignore"}], "goes with categories"),
        ([{**SEX, "missing": "nan"}], "goes with one number"),
        ([{"name": "t", "kind": "text"}], '"kind": "text" goes with "text"'),
        ([{**AGE, "text": MAIL["text"]}], '"kind": "text" goes with "text"'),
        ([mail(vocabulary=None)], "a vocabulary, or else a number of buckets"),
        ([mail(buckets=8)], "a vocabulary, or else a number of buckets"),
        ([mail(vocabulary=[])], "a vocabulary, or else"),
        ([mail(also="w")], "also must be a list"),
        ([mail(also=[{"vocabulary": ["w"], "also": []}])], "that have no list of their own"),
        ([mail(also=[{"vocabulary": []}])], "also: text needs a vocabulary"),
        ([mail(words=[])], "no key of text is called 'words'"),
        ([mail(analyzer="words")], "analyzer is one of word, char, char_wb"),
        ([mail(ngram_range=[2, 1])], "ngram_range must be"),
        ([mail(ngram_range=[1])], "ngram_range must be"),
        ([mail(ngram_range=[1, 2, 3])], "ngram_range must be"),
        ([mail(ngram_range=[1, 2.5])], "ngram_range must be"),
        ([mail(ngram_range=["1", "2"])], "ngram_range must be"),
        ([mail(ngram_range=None)], "ngram_range must be"),
        ([mail(token_pattern="(")], "is not a regular expression"),
        ([mail(token_pattern="(?i)a")], "has flags"),
        ([mail(token_pattern="(a)(b)")], "more than one group"),
        ([mail(token_pattern=r"(a)\1")], "has groupref, which JavaScript has not"),
    ],
)
def test_wrong_features_are_told(value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_features(value)


FORMS: list[dict[str, Any]] = [
    AGE,
    {**AGE, "missing": "nan"},
    {**AGE, "missing": "value"},
    *({**column, "unknown": unknown} for column in (SEX, SIZE, RIVER, JOB)
      for unknown in ("error", "ignore", "infrequent")),
    *({**column, "missing": "nan"} for column in (SIZE, RIVER, JOB)),
    {**SIZE, "missing": "value", "default": "S"},
    {"name": "blank", "kind": "category", "categories": ["", "a b", "a b "], "encode": "ordinal"},
    {"name": "true", "kind": "category", "categories": ["False", "True"], "encode": "one-hot"},
    GRADE,
    MAIL,
    {**MAIL, "missing": "value", "default": "buy"},
]  # fmt: skip
GIVEN: list[Any] = [
    None, "", " ", "\t", "NA", "nan", "None", "null", "-nan", "N/A", "\ufeff", "\x1f",
    0, 1, 1.0, 2.5, -3, 40, 1e21, 1e-7, 0.1, 3.4028235e38, 3.4028236e38, 1e39, True, False,
    "0", "1", " 1 ", "1.0", "1e0", "+1", ".5", "5.", "-0", "1e400", "0x10", "1_000", "１", "1,5",
    "3.4028235677973366e38", "inf", "Infinity", "0.30000001192092896", "16777217", "1 2",
    "a", "A", "c", "C", " B+", "\u00e4\n", "\u00c4", "F",
    "f", "m", " m", "M\n", "S", "XXL", " Clerk", "Clerk", "clerk", "Boss\u3000", "a b", "a b ",
    " a b", "True", "true", " FALSE\n", "fal\u017fe", "tru", "buy now, buy", "BUY", "b\u00fcy",
]  # fmt: skip


@pytest.mark.slow
def test_page_encodes_the_same() -> None:
    """Each value of every kind through every kind of feature: the same bits, the same refusals."""
    from edge_deploy.web.browser import open_browser

    script = """async ([features, values]) => {
      const {encodeRow} = await import(new URL('src/features.js', location));
      const bits = (row) => [...new Uint32Array(row.buffer)];
      return features.map((feature) => values.map((value) => {
        try { return bits(encodeRow([feature], {[feature.name]: value})); }
        catch (error) { return error.constructor.name; }
      }));
    }"""
    features = [parse_features([form])[0][0] for form in FORMS]
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(f"{browser.url}harness.html")
        page.wait_for_selector("html[data-state=ready]", state="attached")
        answers = page.evaluate(script, [features_to_json(features), GIVEN])
    for feature, row in zip(features, answers, strict=True):
        for value, theirs in zip(GIVEN, row, strict=True):
            try:
                mine: Any = encode_rows([feature], [{feature.name: value}])[0].view(np.uint32)
                mine = mine.tolist()
            except UsageError:
                mine = "FeatureError"
            assert theirs == mine, (feature, value)


def test_rows_are_chosen_from_all_over_a_file_by_the_seed() -> None:
    Path("sorted.csv").write_text("a,label\n" + "".join(f"{n},{n // 500}\n" for n in range(1000)))
    table = read_csv(Path("sorted.csv"), None, Reading(100))
    assert (table.values.shape, table.given, len(table.rows)) == ((100, 1), 1000, 100)
    assert table.labels is not None
    np.testing.assert_array_equal(table.labels, table.values[:, 0] // 500)
    assert 30 < table.labels.sum() < 70 and (np.diff(table.values[:, 0]) > 0).all()
    other = read_csv(Path("sorted.csv"), None, Reading(100, 1))
    assert not np.array_equal(table.values, other.values)
    everything = read_csv(Path("sorted.csv"), None)
    assert (everything.given, everything.values.shape) == (1000, (1000, 1))


def test_an_error_names_the_row_of_the_file_where_not_all_are_read() -> None:
    rows = [f"{n}" if n != 700 else "many" for n in range(1000)]
    Path("bad.csv").write_text("a\n" + "\n".join(rows) + "\n")
    seeds = [seed for seed in range(20) if 700 in chosen(1000, 500, seed)]
    with pytest.raises(UsageError, match=r"bad\.csv: row 701, column 'a': 'many'"):
        read_csv(Path("bad.csv"), None, Reading(500, seeds[0]))
