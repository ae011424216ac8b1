"""Keras models with the files that go with them, in all three targets; and out of pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, OneHotEncoder, StandardScaler

import edge_deploy
from edge_deploy.core.errors import UntrustedError, UsageError
from edge_deploy.core.spec import Series
from edge_deploy.frontends.load import load_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A churn network, a price forecast and a classifier, as people save them."""
    import keras

    folder = tmp_path_factory.mktemp("projects")
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)

    def dump(name: str, value: Any) -> None:
        (folder / name).write_bytes(pickle.dumps(value))

    people = pd.DataFrame({
        "Score": rng.integers(300, 850, 200), "Land": rng.choice(["France", "Spain", "Wales"], 200),
        "Sex": rng.choice(["Female", "Male"], 200), "Age": rng.integers(18, 90, 200),
        "Salary": rng.uniform(0, 2e5, 200).round(2),
    })  # fmt: skip
    left = ((people["Age"] > 50) | (people["Land"] == "Spain")).astype(int)
    sexes = LabelEncoder().fit(people["Sex"])
    lands = OneHotEncoder(sparse_output=False).fit(people[["Land"]])
    made = people.drop(columns="Land").assign(Sex=sexes.transform(people["Sex"]))
    made = pd.concat(
        [
            made,
            pd.DataFrame(lands.transform(people[["Land"]]), columns=lands.get_feature_names_out()),
        ],
        axis=1,
    )
    scaler = StandardScaler().fit(made)
    network = keras.Sequential(
        [keras.layers.Input((7,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    network.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    network.fit(scaler.transform(made), left, epochs=30, batch_size=200, verbose=0)
    network.save(folder / "churn.keras")
    np.save(folder / "churn.npy", network.predict(scaler.transform(made), verbose=0))
    for name, value in {"sexes": sexes, "lands": lands, "scaler": scaler}.items():
        dump(f"{name}.pkl", value)
    people.assign(Left=left).to_csv(folder / "people.csv", index=False)

    prices = np.cumsum(rng.normal(0, 1, 300)) + 100
    between = MinMaxScaler().fit(prices.reshape(-1, 1))
    forecast = keras.Sequential(
        [keras.layers.Input((20, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)]
    )
    forecast.save(folder / "forecast.keras")
    dump("between.pkl", between)
    windows = np.stack([prices[n : n + 20] for n in range(64)])[..., np.newaxis]
    scaled = between.transform(windows.reshape(-1, 1)).reshape(windows.shape)
    np.save(folder / "windows.npy", windows.astype(np.float32))
    np.save(folder / "forecast.npy", between.inverse_transform(forecast.predict(scaled, verbose=0)))

    kinds = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "softmax")])
    kinds.save(folder / "kinds.h5")
    dump("kinds.pkl", kinds)
    frame = pd.DataFrame(rng.normal(5, 2, (60, 4)), columns=[*"abcd"])
    four = StandardScaler().fit(frame)
    dump("four.pkl", four)
    dump("labels.pkl", LabelEncoder().fit(["rye", "leek", "cress"]))
    dump("bundle.pkl", {"net": kinds, "sc": four, "enc": LabelEncoder().fit(["a", "b", "c"])})
    frame.to_csv(folder / "four.csv", index=False)
    return folder


CHURN = ("sexes.pkl@Sex", "lands.pkl@Land", "scaler.pkl@*", "churn.keras")


def steps(folder: Path, texts: Any) -> list[str]:
    return [str(folder / text) for text in texts]


def test_columns_of_a_network_are_called_as_is_said(folder: Path) -> None:
    model = load_model([f"{folder / 'kinds.h5'}@a,b,c,d"])
    assert [feature.name for feature in model.features or ()] == ["a", "b", "c", "d"]
    assert model.spec.inputs[0].kind == "table"
    with pytest.raises(UsageError, match=r"kinds\.h5@a,b calls 2 columns.*it takes 4"):
        load_model([f"{folder / 'kinds.h5'}@a,b"])
    with pytest.raises(UsageError, match=r"four\.pkl names the columns"):
        load_model([str(folder / "four.pkl"), f"{folder / 'kinds.h5'}@a,b,c,d"])


def test_a_churn_network_answers_people_in_all_targets(folder: Path, tmp_path: Path) -> None:
    done = edge_deploy.convert(
        steps(folder, CHURN),
        reference=folder / "people.csv",
        label_column="Left",
        threshold=0.4,
        output=tmp_path,
        to=["tflite", "onnx", "tfjs"],
    )
    assert done.passed and not done.warnings
    assert done.artifact is not None
    assert [f.name for f in done.manifest.features or ()] == [
        "Score",
        "Land",
        "Sex",
        "Age",
        "Salary",
    ]
    assert [(s.file, s.kind, s.columns) for s in done.manifest.source.steps or ()] == [
        ("sexes.pkl", "label_encoder", ("Sex",)),
        ("lands.pkl", "transformer", ("Land",)),
        ("scaler.pkl", "transformer", ("*",)),
        ("churn.keras", "model", None),
    ]
    wanted = np.load(folder / "churn.npy")
    names = {output.kind: output.name for output in done.manifest.outputs}
    for target in ("tflite", "onnx"):
        ran = edge_deploy.run(done.artifact.folder, folder / "people.csv", target)
        found = np.array([row.outputs[names["probability"]]["value"] for row in ran])
        np.testing.assert_allclose(found, wanted[:, 0], atol=1e-5)
        above = [row.outputs[names["class"]]["class"] == 1 for row in ran]
        assert above == (wanted[:, 0] > 0.4).tolist()
    again = edge_deploy.verify(
        done.artifact.folder,
        against=steps(folder, CHURN),
        threshold=0.4,
        only="onnx",
        report=tmp_path / "report",
    )
    assert again.passed


def test_a_forecast_is_in_real_units(folder: Path) -> None:
    loaded = load_model(steps(folder, ["between.pkl", "forecast.keras", "between.pkl"]))
    windows = np.load(folder / "windows.npy")
    wanted = np.load(folder / "forecast.npy")
    (spec,) = loaded.spec.inputs
    assert spec.shape == (None, 20, 1)
    assert [o.kind for o in loaded.spec.outputs] == ["value"]
    assert loaded.series == Series(("x0",), target="x0")
    (name,) = (o.name for o in loaded.spec.outputs)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(
        loaded.predict({spec.name: windows})[name], wanted, atol=1e-5 * scale
    )
    found = np.asarray(loaded.function({spec.name: windows})[name])
    np.testing.assert_allclose(found, wanted, atol=1e-5 * scale)


PICKLED = [
    ("alone", ["kinds.pkl"], 1),
    ("in a chain", ["four.pkl", "kinds.pkl", "labels.pkl"], 3),
    ("in a bundle", ["bundle.pkl"], 3),
]


@pytest.mark.parametrize(
    ("texts", "count"), [row[1:] for row in PICKLED], ids=[r[0] for r in PICKLED]
)
def test_a_keras_model_is_taken_out_of_a_pickle(folder: Path, texts: Any, count: int) -> None:
    loaded = load_model(steps(folder, texts))
    plain = load_model(folder / "kinds.h5")
    x = np.random.default_rng(1).normal(5, 2, (8, 4)).astype(np.float32)
    given = x
    if count > 1:
        four = pickle.loads((folder / "four.pkl").read_bytes())
        given = four.transform(pd.DataFrame(x, columns=[*"abcd"])).astype(np.float32)
        assert loaded.spec.outputs[0].classes in (("cress", "leek", "rye"), ("a", "b", "c"))
    (wanted,) = plain.predict({plain.spec.inputs[0].name: given}).values()
    (found,) = loaded.predict({loaded.spec.inputs[0].name: x}).values()
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert len(loaded.steps) == count


class _Opens:
    """A forged pickle of a Keras model, which would call something else beside it."""

    def __reduce__(self) -> Any:
        return getattr, (dict, "get")


def test_what_calls_more_than_keras_is_refused(folder: Path, tmp_path: Path) -> None:
    model = pickle.loads((folder / "kinds.pkl").read_bytes())
    path = tmp_path / "forged.pkl"
    path.write_bytes(pickle.dumps({"net": model, "more": _Opens()}))
    with pytest.raises(UntrustedError, match=r"Nothing was run|getattr"):
        load_model(path)


WRONG = [
    (
        "a scaler of others",
        ["four.pkl", "churn.keras"],
        r"takes 7 columns, and four.pkl .* leaves 4",
    ),
    ("no encoder", ["scaler.pkl", "kinds.h5"], "takes 4 columns, and scaler.pkl"),
    ("other classes", ["four.pkl", "kinds.h5", "sexes.pkl"], "has 2 classes .* has 3"),
    ("a scaler of a window", ["four.pkl", "forecast.keras"], "a step of forecast.keras has 1. Say"),
    ("a scaler behind", ["between.pkl", "forecast.keras", "four.pkl"], "Say which it is"),
]


@pytest.mark.parametrize(
    ("texts", "told"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_what_does_not_fit_a_network_is_said(folder: Path, texts: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(steps(folder, texts))


def test_a_step_that_does_harm_is_told(folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(folder / "people.csv")
    sexes, lands, scaler = (
        pickle.loads((folder / f"{name}.pkl").read_bytes()) for name in ("sexes", "lands", "scaler")
    )
    made = frame.drop(columns=["Left", "Land"]).assign(Sex=sexes.transform(frame["Sex"]))
    made = pd.concat(
        [
            made,
            pd.DataFrame(lands.transform(frame[["Land"]]), columns=lands.get_feature_names_out()),
        ],
        axis=1,
    )
    scaled = pd.DataFrame(scaler.transform(made), columns=made.columns).assign(Left=frame["Left"])
    scaled.to_csv(tmp_path / "scaled.csv", index=False)
    done = edge_deploy.convert(
        steps(folder, ["scaler.pkl", "churn.keras"]),
        reference=tmp_path / "scaled.csv",
        label_column="Left",
        output=tmp_path,
        dry_run=True,
    )
    assert "the model does better without scaler.pkl (accuracy" in done.warnings[0]


def test_the_first_step_that_differs_is_named(folder: Path) -> None:
    from dataclasses import replace

    from edge_deploy.verification.steps import first_difference

    loaded = load_model(steps(folder, ["four.pkl", "kinds.h5"]))
    x = {"features": np.ones((4, 4), np.float32)}
    assert "begins in the converted file" in first_difference(loaded, x, ())
    first, *rest = loaded.steps
    wrong = replace(first, lowered=lambda arrays: first.original(arrays, ()) + 1)  # type: ignore[misc]
    told = first_difference(replace(loaded, steps=(wrong, *rest)), x, ())
    assert told.startswith("the difference begins at four.pkl (StandardScaler of 4 columns)")


def test_failed_verdicts_tell_where_the_difference_begins(folder: Path) -> None:

    from edge_deploy.data.reference import Reference
    from edge_deploy.verification.steps import with_first_step
    from edge_deploy.verification.verdicts import Verdict

    loaded = load_model(steps(folder, ["four.pkl", "kinds.h5"]))
    data = Reference({"features": np.ones((4, 4), np.float32)})
    wrong, passed = (
        Verdict("onnx", "float32", "a.onnx", "ort", failures=why) for why in (("off",), ())
    )
    int8 = Verdict("tflite", "int8", "a.tflite", "litert", failures=("off",))
    first, *others = with_first_step([wrong, passed, int8], loaded, data)
    assert "begins in the converted file" in first.failures[-1]
    assert others == [passed, int8]
    assert with_first_step([passed], loaded, data) == [passed]
    assert with_first_step([wrong], None, data) == [wrong]
