"""Models over data frames: the same answers as scikit-learn's own, from the frame itself."""

from __future__ import annotations

import functools
import json
import threading
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import Isomap
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    StandardScaler,
)

from edge_deploy.artifact.manifest import columns_of
from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.errors import ConversionError, UsageError
from edge_deploy.core.spec import Feature, LoadedModel, LoadOptions
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.frontends.sklearn.loader import load
from tests.support.frame_models import FRAMES, frame

pytestmark = pytest.mark.slow


@functools.cache
def fitted(row: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FRAMES[row]()


def read(model: Any) -> LoadedModel:
    joblib.dump(model, "model.joblib")
    return load(Path("model.joblib"), LoadOptions())


def rows(model: LoadedModel) -> list[dict[str, Any]]:
    """The frame as the edge gets it: values by name; a text alone is called text."""
    names = [feature.name for feature in model.features or ()]
    table = frame().rename(columns={"review": "text"} if names == ["text"] else {})
    if names == ["x0", "x1"]:
        table = table.rename(columns={"sex": "x0", "class": "x1"})
    return [{name: row[name] for name in names} for row in table.to_dict("records")]


def own_answer(original: Any, row: str) -> np.ndarray:
    """scikit-learn's answer to the frame itself, with its words and gaps."""
    table: Any = frame()
    if row in ("counted", "tf-idf", "counted, tf-idf", "hashed"):
        table = table["review"].tolist()
    elif row == "words in an array":
        table = table[["sex", "class"]].to_numpy(object)
    elif (names := getattr(original, "feature_names_in_", None)) is not None:
        table = table[list(names)]
    ask = original.predict_proba if hasattr(original, "predict_proba") else original.predict
    return np.asarray(ask(table)).reshape(len(table), -1)


@pytest.mark.parametrize("row", FRAMES)
def test_answers_are_those_to_the_frame(row: str) -> None:
    import tensorflow as tf

    original = fitted(row)
    model = read(original)
    own = own_answer(original, row)
    x = encode_rows(model.features or (), rows(model))
    name = model.spec.outputs[-1].name
    np.testing.assert_allclose(model.predict({"features": x})[name], own, rtol=0, atol=1e-9)
    got = {
        key: value.numpy() for key, value in model.function({"features": tf.constant(x)}).items()
    }
    # At its ends the quantile function of a normal distribution is steep.
    far = 1e-5 if row == "quantiles, normal" else 2e-6
    np.testing.assert_allclose(got[name], own, rtol=0, atol=far * np.abs(own).max())
    if "class" in got:
        np.testing.assert_array_equal(got["class"], own.argmax(axis=1))


@pytest.mark.parametrize(
    ("row", "name", "expected"),
    [
        ("impute, scale, one-hot", "age", Feature("age", missing="nan")),
        ("impute, scale, one-hot", "sex", Feature(
            "sex", "category", categories=(" female", " male"), encode="ordinal", missing="nan",
            unknown="ignore")),
        ("impute, scale, one-hot", "class", Feature(
            "class", "category", categories=("1", "2", "3"), missing="nan", unknown="ignore")),
        ("one-hot without the first", "town", Feature(
            "town", "category", categories=("C", "NA-1", "Q", "S", "Z"), encode="ordinal",
            missing="nan")),
        ("infrequent", "town", Feature(
            "town", "category", categories=("C", "S", "NA-1", "Q", "Z"), encode="ordinal",
            missing="nan", unknown="infrequent")),
        ("target", "sex", Feature(
            "sex", "category", categories=(" female", " male"), encode="ordinal", missing="nan",
            unknown="ignore")),
        ("remainder kept", "class", Feature("class")),
        ("categories in boosting", "fare", Feature("fare", missing="nan")),
        ("categories in boosting", "class", Feature(
            "class", "category", categories=("1", "2", "3"), missing="nan", unknown="ignore")),
        ("categories in boosting", "town", Feature(
            "town", "category", categories=("C", "NA-1", "Q", "S", "Z"), encode="ordinal",
            missing="nan", unknown="ignore")),
        ("booleans", "member", Feature(
            "member", "category", categories=("False", "True"), encode="ordinal", missing="nan",
            unknown="ignore")),
    ],
)  # fmt: skip
def test_columns_are_told(row: str, name: str, expected: Feature) -> None:
    assert {f.name: f for f in read(fitted(row)).features or ()}[name] == expected


def test_columns_that_do_not_count_are_left_out() -> None:
    names = [feature.name for feature in read(fitted("slice")).features or ()]
    assert names == ["age", "fare", "year"]
    dropped = [feature.name for feature in read(fitted("remainder kept")).features or ()]
    assert dropped == ["town", "class", "age", "member"]


@pytest.mark.parametrize(
    ("row", "value"),
    [("impute, scale, one-hot", "Paris"), ("infrequent", "Paris"), ("target", "Paris"),
     ("ordinal, NaN stays", "Paris"), ("most categories", ""), ("side by side", "")],
)  # fmt: skip
def test_unknown_and_missing_categories_are_as_the_encoder_says(row: str, value: str) -> None:
    """A town that no encoder has met, and none at all: what scikit-learn says to the frame."""
    import tensorflow as tf

    original = fitted(row)
    model = read(original)
    table = frame().assign(town=pd.Series([value or np.nan] * len(frame()), dtype=object))
    given = [{**one, "town": value} for one in rows(model)]
    x = encode_rows(model.features or (), given)
    own = original.predict_proba(table[list(original.feature_names_in_)])
    got = model.function({"features": tf.constant(x)})["probabilities"].numpy()
    np.testing.assert_allclose(got, own, rtol=0, atol=2e-6)


@pytest.mark.parametrize("row", ["impute, scale, one-hot", "infrequent", "booleans"])
def test_original_is_asked_with_the_words_of_rows_and_not_with_their_codes(row: str) -> None:
    """So that a verdict shows where a word became a wrong code."""
    original = fitted(row)
    model = read(original)
    features = model.features or ()
    x = encode_rows(features, rows(model))
    for n, feature in enumerate(features):
        if feature.encode == "ordinal":
            x[:, n] = np.roll(x[:, n], 1)
    words = [feature.name for feature in features if feature.encode == "ordinal"]
    whole = frame()[words].notna().all(axis=1).to_numpy()
    name = model.spec.outputs[-1].name
    found = model.ask({"features": x}, rows(model))[name][whole]
    np.testing.assert_allclose(found, own_answer(original, row)[whole], rtol=0, atol=1e-9)
    assert not np.allclose(model.predict({"features": x})[name][whole], found)


def test_unknown_category_is_refused_where_the_encoder_refuses_it() -> None:
    model = read(fitted("one-hot without the first"))
    given = {**rows(model)[0], "town": "Paris"}
    with pytest.raises(UsageError, match="no category is called 'Paris'"):
        encode_rows(model.features or (), [given])


def test_scaling_in_a_branch_is_folded_into_thresholds() -> None:
    """100,000 rows at the thresholds and steps beside them take the branch they took."""
    import tensorflow as tf

    table, y = frame()[["fare", "year", "sex"]], np.array(frame()["fare"] > 30)
    parts = ColumnTransformer([("n", StandardScaler(), ["fare", "year"]),
                               ("w", OneHotEncoder(), ["sex"])])  # fmt: skip
    original = make_pipeline(parts, RandomForestClassifier(20, random_state=0)).fit(
        table, y ^ (np.random.default_rng(2).random(len(y)) < 0.2)
    )
    model = read(original)
    scaler = original[0].named_transformers_["n"]
    edges = [
        tree.tree_.threshold[tree.tree_.feature == n] * scaler.scale_[n] + scaler.mean_[n]
        for n in (0, 1)
        for tree in [*original[1].estimators_]
    ]
    rng = np.random.default_rng(0)
    at = [np.concatenate(edges[:20]), np.concatenate(edges[20:])]
    x = np.stack([rng.choice(one, 100_000).astype(np.float32) for one in at], axis=1)
    for _ in range(2):
        step = rng.integers(-1, 2, x.shape)
        beside = np.nextafter(x, np.where(step < 0, -np.inf, np.inf).astype(np.float32))
        x = np.where(step == 0, x, beside)
    words = rng.integers(0, 2, 100_000)
    tensor = np.column_stack([x, words]).astype(np.float32)
    fare, year = shortest_decimals(x).T
    given = pd.DataFrame({"fare": fare, "year": year, "sex": np.array([" female", " male"])[words]})
    got = model.function({"features": tf.constant(tensor)})["probabilities"].numpy()
    np.testing.assert_allclose(got, original.predict_proba(given), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (FunctionTransformer(np.sinh), "FunctionTransformer of sinh cannot be converted"),
        (FunctionTransformer(np.mean), "FunctionTransformer of mean cannot be converted"),
        (Isomap(), "Isomap cannot be converted: .*PCA, KernelPCA and Nystroem"),
    ],
)
def test_what_cannot_be_lowered_is_named(step: Any, words: str) -> None:
    from edge_deploy.frontends.sklearn.converters.registry import lower_steps

    step.fit(frame()[["fare", "year"]])
    with pytest.raises(ConversionError, match=words):
        lower_steps([step])


SEVERAL_WAYS = {
    "encoded and counted": (
        [("one", OneHotEncoder(), ["town"]), ("many", CountVectorizer(), "town")],
        "The column 'town' is counted by CountVectorizer and taken by another step otherwise",
    ),
    "encoded and scaled": (
        [("one", OneHotEncoder(), ["member"]), ("number", StandardScaler(), ["member"])],
        "The column 'member' holds words, and not only encoders take it",
    ),
    "two texts for one": (
        [("many", CountVectorizer(), ["town", "name"])],
        "CountVectorizer must take one column of texts",
    ),
}


@pytest.mark.parametrize("row", SEVERAL_WAYS)
def test_columns_that_are_taken_in_other_ways_are_named(row: str) -> None:
    steps, words = SEVERAL_WAYS[row]
    columns = {"town": ["Bath", "York"], "name": ["Ann", "Bob"], "member": [True, False]}
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression())
    with pytest.raises(ConversionError, match=words):
        read(model.fit(pd.DataFrame(columns), [0, 1]))


@pytest.mark.parametrize(
    "row",
    [
        "impute, scale, one-hot",
        "impute, scale, one-hot, forest",
        "categories in boosting",
        "remainder kept",
    ],
)
def test_thousand_rows_agree_in_every_target_and_in_the_page(row: str, tmp_path: Path) -> None:
    """From the pickle to the page's own CSV table, with words and gaps in the file."""
    from edge_deploy import ConvertOptions, VerifyOptions, build_demo, convert, verify
    from edge_deploy.data.readers import read as read_data
    from edge_deploy.formats.registry import default_runtime
    from edge_deploy.web.browser import open_browser
    from edge_deploy.web.server import address, start

    joblib.dump(original := fitted(row), "model.joblib")
    table = pd.concat([frame(), frame()]).head(1000)
    table.to_csv("rows.csv", index=False)
    own = original.predict_proba(table[list(original.feature_names_in_)])
    artifact = convert("model.joblib", ConvertOptions(reference=Path("rows.csv"))).artifact
    assert artifact is not None
    features = columns_of(artifact.manifest)
    packaged = json.loads((artifact.folder / "samples/samples.json").read_text())
    assert [set(row) for row in packaged] == [{f.name for f in features}] * 12  # and no ticket
    bare = artifact.main_file(artifact.manifest.artifacts[-1])
    asked = VerifyOptions(against=Path("model.joblib"), reference=Path("rows.csv"))
    again = verify(bare, asked)  # words and gaps, as the model knows its columns
    assert (bare.suffix, again.complete, again.passed) == (".onnx", True, True)
    assert again.samples == "32 of 1,000 user reference samples"
    # Of a file that was not read to its end too, it is told how many rows there are.
    few = convert(
        "model.joblib",
        ConvertOptions(reference=Path("rows.csv"), samples=8, to=("onnx",), version="2"),
    )
    assert verify(few.artifact.folder).samples == "32 of 1,000 user reference samples"
    x = read_data(Path("rows.csv"), artifact.spec, features).inputs["features"]
    build_demo([artifact.folder], tmp_path / "site")
    server = start(tmp_path / "site")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open_browser() as browser:
        for entry in artifact.manifest.artifacts:
            file, runtime = artifact.main_file(entry), default_runtime(entry.target)
            opened = (
                browser.open_file(runtime.format, file, "wasm", artifact.spec)
                if runtime.in_browser
                else runtime.open(file)
            )
            # The page answers the table below row by row: a call for each would ask it twice.
            step = len(x) if runtime.in_browser else 1
            with opened as runner:
                got = [
                    runner.predict({"features": x[n : n + step]}) for n in range(0, len(x), step)
                ]
            shares = np.concatenate([one["probabilities"] for one in got])
            np.testing.assert_allclose(shares, own, rtol=0, atol=1e-6, err_msg=runtime.name)
            winners = np.concatenate([one["class"] for one in got])
            np.testing.assert_array_equal(winners, own.argmax(axis=1), err_msg=runtime.name)
        page = browser.new_page()
        page.goto(f"{address(server)}?backend=wasm")
        page.wait_for_selector("html[data-state=ready]", state="attached")
        kept = page.locator("select[name=member] option").all_inner_texts()
        assert kept == (["no (0)", "yes (1)"] if row == "remainder kept" else [])
        page.set_input_files("#csv", "rows.csv")
        page.wait_for_selector("#csv-download", timeout=60_000)
        with page.expect_download() as download:
            page.click("#csv-download")
        answers = pd.read_csv(download.value.path())
    server.shutdown()
    server.server_close()
    columns = ["predicted_probabilities: no", "predicted_probabilities: yes"]
    np.testing.assert_allclose(answers[columns].to_numpy(), own, rtol=0, atol=1e-6)
