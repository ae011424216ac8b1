"""Chains of scikit-learn files, bundles of them, and what does not fit together."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import (
    LabelBinarizer,
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)

from edge_deploy.core.errors import EdgeDeployError, UntrustedError, UsageError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.project import bundles, chain
from edge_deploy.frontends.project.columns import NOTHING, Known, lay_out
from edge_deploy.frontends.project.files import open_parts
from edge_deploy.frontends.project.parts import Part, as_names, open_part
from edge_deploy.frontends.project.steps import Step

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(5, 2, (120, 4)), columns=["sl", "sw", "pl", "pw"])
NAMES = np.array(["cress", "leek", "rye"])[
    (FRAME["sl"] > 5).astype(int) + (FRAME["sw"] > 6).astype(int)
]
PEOPLE = pd.DataFrame(
    {
        "Score": RNG.integers(300, 850, 120),
        "Land": RNG.choice(["France", "Germany", "Spain"], 120),
        "Sex": RNG.choice(["Female", "Male"], 120),
        "Age": RNG.integers(18, 90, 120),
    }
)
SCALER = StandardScaler().fit(FRAME)
LABELS = LabelEncoder().fit(NAMES)
FOREST = RandomForestClassifier(5, random_state=0).fit(
    SCALER.transform(FRAME), LABELS.transform(NAMES)
)
LANDS = OneHotEncoder(sparse_output=False).fit(PEOPLE[["Land"]])
SEXES = LabelEncoder().fit(PEOPLE["Sex"])


def _prepared() -> pd.DataFrame:
    made = PEOPLE.drop(columns="Land").assign(Sex=SEXES.transform(PEOPLE["Sex"]))
    lands = pd.DataFrame(LANDS.transform(PEOPLE[["Land"]]), columns=LANDS.get_feature_names_out())
    return pd.concat([made, lands], axis=1)


PREPARED = _prepared()
WIDE = StandardScaler().fit(PREPARED)
OLD = (PEOPLE["Age"] > 50).astype(int)
LINEAR = LogisticRegression().fit(WIDE.transform(PREPARED), OLD)


def dump(folder: Path, **values: Any) -> Path:
    for name, value in values.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(value))
    return folder


def read(folder: Path, *texts: str, known: Known = NOTHING) -> Any:
    with_folder = [Step(folder / step.path, step.columns, step.key) for step in map(_step, texts)]
    parts = open_parts(with_folder, LoadOptions(), folder)
    return chain.load(parts, LoadOptions(), known)


def _step(text: str) -> Step:
    from edge_deploy.frontends.project.steps import parse_step

    return parse_step(text)


def answered(loaded: Any, x: Any) -> Any:
    import tensorflow as tf

    (spec,) = loaded.spec.inputs
    found = loaded.function({spec.name: tf.constant(np.asarray(x, spec.dtype))})
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.mark.slow
def test_a_scaler_a_forest_and_its_labels_are_one_model(tmp_path: Path) -> None:
    dump(tmp_path, scaler=SCALER, model=FOREST, labels=LABELS)
    loaded = read(tmp_path, "scaler.pkl", "model.pkl", "labels.pkl")
    x = FRAME.to_numpy(np.float32)
    wanted = FOREST.predict_proba(SCALER.transform(pd.DataFrame(x, columns=FRAME.columns)))
    assert loaded.spec.outputs[0].classes == ("cress", "leek", "rye")
    assert [feature.name for feature in loaded.features] == list(FRAME.columns)
    np.testing.assert_allclose(answered(loaded, x)["probabilities"], wanted, atol=1e-6)
    np.testing.assert_allclose(loaded.predict({"features": x})["probabilities"], wanted, atol=1e-6)
    assert [(step.name, step.kind) for step in loaded.steps] == [
        ("scaler.pkl", "transformer"),
        ("model.pkl", "model"),
        ("labels.pkl", "label_encoder"),
    ]


@pytest.mark.slow
def test_encoders_of_columns_come_before_a_scaler_of_all(tmp_path: Path) -> None:
    dump(tmp_path, sexes=SEXES, lands=LANDS, scaler=WIDE, model=LINEAR)
    loaded = read(tmp_path, "sexes.pkl@Sex", "lands.pkl@Land", "scaler.pkl@*", "model.pkl")
    assert [f.name for f in loaded.features] == ["Score", "Sex", "Age", "Land"]
    assert [f.categories for f in loaded.features if f.categories] == [
        ("Female", "Male"),
        ("France", "Germany", "Spain"),
    ]
    from edge_deploy.data.preprocessing.encoding import encode_rows

    x = encode_rows(loaded.features, PEOPLE.to_dict("records"))
    wanted = LINEAR.predict_proba(WIDE.transform(PREPARED))
    np.testing.assert_allclose(answered(loaded, x)["probabilities"], wanted, atol=2e-6)
    np.testing.assert_allclose(loaded.predict({"features": x})["probabilities"], wanted, atol=1e-9)


@pytest.mark.slow
def test_the_header_of_the_data_orders_the_columns(tmp_path: Path) -> None:
    dump(tmp_path, sexes=SEXES, lands=LANDS, scaler=WIDE, model=LINEAR)
    steps = ("sexes.pkl@Sex", "lands.pkl@Land", "scaler.pkl", "model.pkl")
    loaded = read(tmp_path, *steps, known=Known((*PEOPLE.columns, "Old"), label="Old"))
    assert [f.name for f in loaded.features] == list(PEOPLE.columns)


@pytest.mark.slow
def test_a_vectorizer_and_a_model_take_texts(tmp_path: Path) -> None:
    texts = ["win a free prize", "lunch at noon", "free cash now", "see you at noon"] * 5
    vectorizer = TfidfVectorizer().fit(texts)
    model = LogisticRegression().fit(vectorizer.transform(texts), ["spam", "ham"] * 10)
    dump(tmp_path, vectorizer=vectorizer, model=model)
    loaded = read(tmp_path, "vectorizer.pkl", "model.pkl")
    from edge_deploy.data.preprocessing.encoding import encode_rows

    rows = [{"text": text} for text in texts]
    x = encode_rows(loaded.features, rows)
    wanted = model.predict_proba(vectorizer.transform(texts))
    np.testing.assert_allclose(answered(loaded, x)["probabilities"], wanted, atol=1e-6)
    np.testing.assert_allclose(loaded.ask({"features": x}, rows)["probabilities"], wanted)


LONE = {
    "StandardScaler": SCALER,
    "PCA": PCA(2).fit(FRAME),
    "ColumnTransformer": ColumnTransformer(
        [("one", OneHotEncoder(), ["Land", "Sex"]), ("number", StandardScaler(), ["Age"])]
    ).fit(PEOPLE),
}


@pytest.mark.parametrize("name", LONE)
@pytest.mark.slow
def test_a_transformer_alone_gives_a_tensor(tmp_path: Path, name: str) -> None:
    from edge_deploy.data.preprocessing.encoding import encode_rows
    from edge_deploy.frontends.load import load_model

    dump(tmp_path, alone=LONE[name])
    loaded = load_model(tmp_path / "alone.pkl")
    frame = PEOPLE if name == "ColumnTransformer" else FRAME
    x = encode_rows(loaded.features, frame.to_dict("records"))
    wanted = LONE[name].transform(frame)
    assert [(o.name, o.kind) for o in loaded.spec.outputs] == [("transformed", "tensor")]
    found = answered(loaded, x)["transformed"]
    np.testing.assert_allclose(found, wanted.toarray() if hasattr(wanted, "toarray") else wanted,
                               atol=1e-5)  # fmt: skip


BUNDLES = {
    "dict": {"clf": FOREST, "sc": SCALER, "le": LABELS},
    "tuple": (FOREST, SCALER, LABELS),
    "list": [LABELS, FOREST, SCALER],
    "namespace": SimpleNamespace(labels=LABELS, forest=FOREST, scaler=SCALER),
    "nested": {"parts": {"model": FOREST, "scaler": SCALER}, "labels": LABELS, "version": "1.0"},
    "with columns": {
        "model": FOREST, "scaler": SCALER, "features": [*FRAME], "classes": [*LABELS.classes_],
    },
    "with a dict of classes": {
        "model": FOREST, "scaler": SCALER, "mapping": {"cress": 0, "leek": 1, "rye": 2},
    },
    "searched": {
        "model": GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(
            SCALER.transform(FRAME), LABELS.transform(NAMES)
        ),
        "scaler": SCALER, "labels": LABELS,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", [*BUNDLES, "own class"])
@pytest.mark.slow
def test_a_bundle_is_taken_apart_by_kind(tmp_path: Path, name: str) -> None:
    from edge_deploy.frontends.load import load_model

    dump(tmp_path, bundle=BUNDLES[name] if name in BUNDLES else Holder())
    loaded = load_model(tmp_path / "bundle.pkl")
    assert loaded.spec.outputs[0].classes == ("cress", "leek", "rye")
    kinds = [step.kind for step in loaded.steps]
    assert kinds.index("transformer") < kinds.index("model") < len(kinds) - 1
    assert any(note.startswith("bundle.pkl holds: ") for note in loaded.notes)
    x = FRAME.to_numpy(np.float32)
    assert (
        answered(loaded, x)["class"].tolist() == loaded.predict({"features": x})["class"].tolist()
    )


RIVALS = [
    ("two models", {"a": FOREST, "b": LINEAR, "scaler": SCALER}, "::a or bundle.pkl::b"),
    ("two scalers", {"model": FOREST, "a": SCALER, "b": StandardScaler().fit(FRAME + 1)}, "::a or"),
]


@pytest.mark.parametrize(
    ("bundle", "told"), [row[1:] for row in RIVALS], ids=[r[0] for r in RIVALS]
)
def test_rivals_in_a_bundle_are_both_named(bundle: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        bundles.take_apart(Part("bundle", bundle, Path("bundle.pkl")))


@pytest.mark.slow
def test_a_part_of_a_bundle_is_picked_by_its_key(tmp_path: Path) -> None:
    dump(tmp_path, bundle={"a": FOREST, "b": LINEAR, "scaler": SCALER})
    loaded = read(tmp_path, "bundle.pkl::scaler", "bundle.pkl::a")
    assert loaded.spec.inputs[0].shape == (None, 4)


class Holder:
    """What an author keeps the parts in."""

    def __init__(self) -> None:
        self.model, self.scaler, self.labels = FOREST, SCALER, LABELS

    def predict(self, x: Any) -> Any:
        raise AssertionError("nothing of it is run")


class _Runs:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


REGRESSION = LinearRegression().fit(FRAME, FRAME["sl"])
WRONG = [
    ("two models", ["model.pkl", "linear.pkl"], UsageError, "A chain has one model"),
    ("no model", ["scaler.pkl", "labels.pkl"], UsageError, "There is no model"),
    ("only a list", ["columns.json"], UsageError, "There is no model"),
    ("a vectorizer behind", ["model.pkl", "texts.pkl"], UsageError, "stands behind the model"),
    ("a threshold before", ["half.json", "model.pkl"], UsageError, "stands before the model"),
    ("a scaler of others", ["wide.pkl", "model.pkl"], UsageError, "takes 4 columns, and"),
    ("too many columns", ["scaler.pkl@sl,sw", "model.pkl"], UsageError, "was fitted on 4 columns"),
    ("other classes", ["scaler.pkl", "model.pkl", "sexes.pkl"], UsageError, "has 2 classes"),
    ("a gap in numbers", ["scaler.pkl", "model.pkl", "gap.json"], UsageError, "without a gap"),
    ("a scaler behind", ["scaler.pkl", "model.pkl", "scaler.pkl"], UsageError, "has none"),
    ("of more columns", ["regression.pkl", "scaler.pkl"], UsageError, "Say which it is"),
    ("no such column", ["regression.pkl", "scaler.pkl@price"], UsageError, "has no column 'price'"),
    (
        "no two classes",
        ["scaler.pkl", "model.pkl", "half.json"],
        UsageError,
        "no probability of two",
    ),
    ("no threshold", ["wide.pkl", "linear.pkl", "two.json"], UsageError, "2 is no threshold"),
    ("no file", ["nothing.pkl", "model.pkl"], UsageError, "no such file"),
    ("no such part", ["bundle.pkl::nothing", "model.pkl"], UsageError, "its parts are a, scaler"),
    ("no parts", ["scaler.pkl::mean", "model.pkl"], UsageError, "no parts to choose"),
    ("code", ["runs.pkl", "model.pkl"], UntrustedError, "Nothing was run"),
    ("nothing at all", ["none.pkl", "model.pkl"], EdgeDeployError, "None"),
]


@pytest.mark.parametrize(
    ("steps", "kind", "told"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG]
)
@pytest.mark.slow
def test_what_does_not_fit_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch, steps: list[str], kind: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = TfidfVectorizer().fit(["free prize", "see you"])
    dump(tmp_path, scaler=SCALER, model=FOREST, linear=LINEAR, labels=LABELS, wide=WIDE,
         texts=texts, sexes=SEXES, regression=REGRESSION, runs=_Runs(), none=None,
         bundle={"a": FOREST, "scaler": SCALER})  # fmt: skip
    for name, value in {
        "columns": ["a", "b"], "half": 0.5, "two": 2, "gap": {"cress": 0, "leek": 2, "rye": 3},
    }.items():  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(kind, match=told):
        read(tmp_path, *steps)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


FILES = [
    ("classes.json", '["a", "b"]', ("a", "b")),
    ("classes.json", '{"b": 1, "a": 0}', ("a", "b")),
    ("classes.json", '{"0": "a", "1": "b"}', ("a", "b")),
    ("classes.json", '{"classes": ["a", "b"]}', ("a", "b")),
    ("labels.txt", "a\nb\n", ("a", "b")),
    ("classes.pkl", pickle.dumps({0: "a", 1: "b"}), ("a", "b")),
    ("classes.pkl", pickle.dumps(np.array(["a", "b"], dtype=object)), ("a", "b")),
    ("classes.pkl", pickle.dumps((2010, 2015)), ("2010", "2015")),
]


@pytest.mark.parametrize(("name", "content", "wanted"), FILES)
def test_names_are_read_from_any_file(tmp_path: Path, name: str, content: Any, wanted: Any) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    part = open_part(Step(path), LoadOptions())
    assert (part.kind, as_names(part)) == ("names", wanted)


@pytest.mark.slow
def test_a_threshold_answers_the_second_class_above_it(tmp_path: Path) -> None:
    dump(tmp_path, scaler=WIDE, model=LINEAR)
    (tmp_path / "threshold.json").write_text("0.2")
    loaded = read(tmp_path, "scaler.pkl", "model.pkl", "threshold.json")
    x = PREPARED.to_numpy(np.float32)
    found = answered(loaded, x)
    assert [o.name for o in loaded.spec.outputs] == ["class", "probabilities"]
    assert found["class"].dtype == np.int32
    assert found["class"].tolist() == (found["probabilities"][:, 1] > 0.2).astype(int).tolist()
    assert loaded.predict({"features": x})["class"].tolist() == found["class"].tolist()


@pytest.mark.slow
def test_a_target_scaler_is_undone(tmp_path: Path) -> None:
    target = MinMaxScaler().fit(FRAME[["sl"]].to_numpy() * 1000)
    y = target.transform(FRAME[["sl"]].to_numpy() * 1000)
    model = LinearRegression().fit(SCALER.transform(FRAME), y)
    dump(tmp_path, scaler=SCALER, model=model, target=target)
    loaded = read(tmp_path, "scaler.pkl", "model.pkl", "target.pkl")
    x = FRAME.to_numpy(np.float32)
    np.testing.assert_allclose(answered(loaded, x)["value"][:, 0], x[:, 0] * 1000, rtol=1e-5)
    np.testing.assert_allclose(loaded.predict({"features": x})["value"][:, 0], x[:, 0] * 1000)


@pytest.mark.slow
def test_what_also_transforms_may_stand_before_a_model(tmp_path: Path) -> None:
    groups = KMeans(3, n_init=1, random_state=0).fit(FRAME.to_numpy())
    model = LogisticRegression().fit(groups.transform(FRAME.to_numpy()), NAMES)
    dump(tmp_path, groups=groups, model=model)
    loaded = read(tmp_path, "groups.pkl", "model.pkl")
    x = FRAME.to_numpy(np.float32)
    wanted = model.predict_proba(groups.transform(x.astype(np.float64)))
    np.testing.assert_allclose(answered(loaded, x)["probabilities"], wanted, atol=1e-5)


def test_columns_go_on_as_pandas_puts_them() -> None:
    parts = [
        Part("label_encoder", SEXES, Path("sexes.pkl"), columns=("Sex",)),
        Part("transformer", LANDS, Path("lands.pkl"), columns=("Land",)),
    ]
    known = Known(tuple(PEOPLE.columns), whole=True)
    layout = lay_out(parts, 6, "model.h5", known)
    assert layout.names == ("Score", "Sex", "Age", "Land_France", "Land_Germany", "Land_Spain")
    assert not layout.unsure
    assert lay_out(parts, None, "model.h5").unsure


def test_two_classes_of_a_binarizer_are_one_column() -> None:
    part = Part(
        "label_encoder", LabelBinarizer().fit(PEOPLE["Sex"]), Path("b.pkl"), columns=("Sex",)
    )
    assert lay_out([part], 1, "model.h5").names == ("Sex",)
