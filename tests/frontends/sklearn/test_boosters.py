"""XGBoost's and LightGBM's estimators: read from their pickles, without the libraries."""

from __future__ import annotations

import functools
import importlib
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.sklearn.loader import load
from tests.support.sklearn_models import classes, positive, regression, with_gaps

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def xgb(name: str, data: Any, **options: Any) -> Any:
    import xgboost

    x, y = data
    if y.dtype.kind == "U":
        y = np.unique(y, return_inverse=True)[1]
    return getattr(xgboost, name)(n_estimators=12, **options).fit(x, y)


def lgb(name: str, data: Any, **options: Any) -> Any:
    import lightgbm

    return getattr(lightgbm, name)(n_estimators=12, verbose=-1, **options).fit(*data)


MODELS: dict[str, Callable[[], Any]] = {
    "XGBClassifier, 2": lambda: xgb("XGBClassifier", classes(2)),
    "XGBClassifier, 4": lambda: xgb("XGBClassifier", classes(4)),
    "XGBClassifier with gaps": lambda: xgb("XGBClassifier", with_gaps(classes(2))),
    "XGBRegressor": lambda: xgb("XGBRegressor", regression()),
    "XGBRegressor of counts": lambda: xgb("XGBRegressor", positive(), objective="count:poisson"),
    "XGBModel": lambda: xgb("XGBModel", regression()),
    "LGBMModel": lambda: lgb("LGBMModel", positive(), objective="poisson"),
    "XGBRFRegressor": lambda: xgb("XGBRFRegressor", regression()),
    "XGBRFClassifier": lambda: xgb("XGBRFClassifier", classes(4)),
    "LGBMClassifier, 2": lambda: lgb("LGBMClassifier", classes(2)),
    "LGBMClassifier, 4": lambda: lgb("LGBMClassifier", classes(4)),
    "LGBMClassifier with gaps": lambda: lgb("LGBMClassifier", with_gaps(classes(2))),
    "LGBMRegressor": lambda: lgb("LGBMRegressor", regression()),
    "LGBMRegressor of gamma": lambda: lgb("LGBMRegressor", positive(), objective="gamma"),
    "LGBM forest": lambda: lgb(
        "LGBMClassifier", classes(2), boosting_type="rf", subsample=0.7, subsample_freq=1
    ),
}


def ranker(kind: Any, lists: dict[str, Any], **options: Any) -> Any:
    """Fitted on three lists: how far up each row belongs."""
    x, y = classes(4)
    return kind(**options).fit(x, np.unique(y, return_inverse=True)[1], **lists)


def xgb_ranker(objective: str) -> Any:
    import xgboost

    options = {"n_estimators": 12, "objective": objective}
    return ranker(xgboost.XGBRanker, {"group": [40, 40, 40]}, **options)


def lgb_ranker(objective: str) -> Any:
    import lightgbm

    options = {"n_estimators": 12, "objective": objective, "verbose": -1}
    return ranker(lightgbm.LGBMRanker, {"group": [40, 40, 40]}, **options)


def cat_ranker(loss: str) -> Any:
    import catboost

    options = {"iterations": 12, "loss_function": loss, "verbose": 0, "allow_writing_files": False}
    return ranker(catboost.CatBoostRanker, {"group_id": np.repeat([0, 1, 2], 40)}, **options)


RANKERS: dict[str, Callable[[], Any]] = {
    f"{fit.__name__}, {aim}": (lambda fit=fit, aim=aim: fit(aim))
    for fit, aims in (
        (xgb_ranker, ("rank:ndcg", "rank:pairwise")),
        (lgb_ranker, ("lambdarank", "rank_xendcg")),
        (cat_ranker, ("YetiRank", "QueryRMSE", "PairLogit")),
    )
    for aim in aims
}


@pytest.mark.parametrize("row", RANKERS)
def test_ranker_gives_the_score_that_it_sorts_by(row: str) -> None:
    model, x = RANKERS[row](), rows()
    Path("model.pkl").write_bytes(pickle.dumps(model))
    got = load(Path("model.pkl"), LoadOptions()).predict({"features": x})["value"][:, 0]
    want = model.predict(x)
    assert np.abs(got - want).max() < 2e-6 * np.abs(want).max()
    assert len(np.unique(got)) > 100


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_every_estimator_of_a_library_has_a_converter(library: str) -> None:
    from edge_deploy.frontends.sklearn.converters import PREDICTORS

    kinds = importlib.import_module(library).__dict__.items()
    found = {
        name
        for name, kind in kinds
        if isinstance(kind, type) and hasattr(kind, "fit") and hasattr(kind, "predict")
    }
    cluster = {name for name in found if name.startswith("Dask")}
    assert found - cluster == {name for name in PREDICTORS if name in found}
    assert len(found - cluster) >= 3


def rows() -> np.ndarray:
    x = np.random.default_rng(1).normal(0, 2, (2000, 5)).astype(np.float32)
    x[::7, 2] = np.nan
    return x


@pytest.mark.parametrize("row", MODELS)
def test_estimator_gives_what_its_library_gives(row: str) -> None:
    model, x = MODELS[row](), rows()
    Path("model.pkl").write_bytes(pickle.dumps(model))
    loaded = load(Path("model.pkl"), LoadOptions())
    assert loaded.answers == "lowering"
    got = loaded.predict({"features": x})
    if "value" in got:
        want = model.predict(x)
        assert np.abs(got["value"][:, 0] - want).max() < 2e-6 * np.abs(want).max()
    else:
        assert (model.classes_[got["class"]] == model.predict(x)).all()
        assert np.abs(got["probabilities"] - model.predict_proba(x)).max() < 2e-6


@pytest.mark.parametrize(
    "make",
    [
        MODELS["XGBClassifier, 4"],
        MODELS["LGBMClassifier with gaps"],
        lambda: CATEGORIES["XGBClassifier, 4, sets"](),
        lambda: CATEGORIES["LGBMRegressor"](),
    ],
)
def test_files_give_the_same_in_their_runtimes(make: Callable[[], Any]) -> None:
    from edge_deploy import ConvertOptions, convert

    Path("model.pkl").write_bytes(pickle.dumps(make()))
    done = convert(Path("model.pkl"), ConvertOptions(samples=100))
    assert [verdict.status for verdict in done.verdicts] == ["pass"] * 3
    assert done.manifest.reference.answers == "lowering"


def test_boosting_behind_a_scaler() -> None:
    x, y = regression()
    model = make_pipeline(StandardScaler(), xgb("XGBRegressor", regression()))
    model.fit(x, y)
    Path("model.pkl").write_bytes(pickle.dumps(model))
    got = load(Path("model.pkl"), LoadOptions()).predict({"features": x.astype(np.float32)})
    want = model.predict(x.astype(np.float32))
    assert np.median(np.abs(got["value"][:, 0] - want)) < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_library_is_not_needed_to_read(name: str) -> None:
    row = "XGBRegressor" if name == "xgboost" else "LGBMRegressor"
    Path("model.pkl").write_bytes(pickle.dumps(MODELS[row]()))
    script = (
        "import sys; from pathlib import Path\n"
        "from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle\n"
        f"load_pickle(Path('model.pkl')); sys.exit({name!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


FEW, MANY = ["S", "C", "Q"], range(3, 43)


@functools.cache
def frame() -> pd.DataFrame:
    """Numbers beside words, whole numbers and truths as categories, with gaps."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 10, 900).astype(np.float32),
            "town": pd.Categorical(rng.choice(FEW, 900), categories=FEW),
            "kind": pd.Categorical(rng.choice(MANY, 900), categories=MANY),
            "fare": rng.exponential(30, 900).astype(np.float32),
        }
    )
    return table.mask(rng.random(table.shape) < 0.1)


def wanted(places: int) -> np.ndarray:
    table = frame()
    score = table["kind"].astype(float).fillna(0) % 7 / 3 + (table["town"] == "C") * 1.0
    score += table["age"].fillna(0) / 40 + np.random.default_rng(2).normal(0, 0.3, len(table))
    if places == 1:
        return score.to_numpy()
    return np.digitize(score, np.quantile(score, np.linspace(0, 1, places + 1)[1:-1]))


def xgb_of(name: str, places: int, **options: Any) -> Any:
    import xgboost

    model = getattr(xgboost, name)(n_estimators=20, enable_categorical=True, **options)
    return model.fit(frame(), wanted(places))


def lgb_of(name: str, places: int, **options: Any) -> Any:
    import lightgbm

    model = getattr(lightgbm, name)(n_estimators=20, verbose=-1, min_data_per_group=5, **options)
    return model.fit(frame(), wanted(places))


CATEGORIES: dict[str, Callable[[], Any]] = {
    "XGBClassifier, 2": lambda: xgb_of("XGBClassifier", 2),
    "XGBClassifier, 4, sets": lambda: xgb_of("XGBClassifier", 4, max_cat_to_onehot=1),
    "XGBRegressor, one by one": lambda: xgb_of("XGBRegressor", 1, max_cat_to_onehot=99),
    "LGBMClassifier, 2": lambda: lgb_of("LGBMClassifier", 2),
    "LGBMClassifier, 4": lambda: lgb_of("LGBMClassifier", 4, max_cat_to_onehot=1),
    "LGBMRegressor": lambda: lgb_of("LGBMRegressor", 1),
}


def of_row(model: Any, x: Any) -> np.ndarray:
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    return np.asarray(ask(x)).reshape(len(x), -1)


@pytest.mark.parametrize("row", CATEGORIES)
def test_categories_of_a_frame_are_what_the_library_makes_of_them(row: str) -> None:
    import tensorflow as tf

    from edge_deploy.data.preprocessing.encoding import encode_rows

    model, table = CATEGORIES[row](), frame()
    if row.startswith("LGBM"):  # XGBoost answers none where a category is not known
        table = table.assign(kind=table["kind"].cat.set_categories([*range(30), 99]).fillna(99))
    Path("model.pkl").write_bytes(pickle.dumps(model))
    loaded = load(Path("model.pkl"), LoadOptions())
    assert loaded.features is not None
    by_name = {feature.name: feature for feature in loaded.features}
    assert by_name["town"].categories == ("S", "C", "Q")
    assert by_name["kind"].categories == tuple(map(str, MANY))
    assert {feature.missing for feature in loaded.features} == {"nan"}
    assert loaded.typical is not None and abs(loaded.typical[0][0] - 40) < 15  # years of age
    assert loaded.parameters > 100
    assert loaded.framework == ("xgboost" if row.startswith("XGB") else "lightgbm")
    x = encode_rows(loaded.features, table.astype(object).to_dict("records"))
    want = of_row(model, table)
    own = loaded.predict({"features": x})
    got = loaded.function({"features": tf.constant(x)})
    for name in ("probabilities", "value")["Reg" in row :][:1]:
        for found in (own[name], got[name].numpy()):
            assert np.abs(found - want).max() < 2e-6 * max(1.0, np.abs(want).max())
    if "class" in own:
        assert (own["class"] == want.argmax(axis=1)).all()


def coded(library: str) -> Any:
    """A model of an array, whose first column holds codes."""
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.integers(0, 40, 900), rng.normal(0, 1, (900, 2))])
    y = np.isin(x[:, 0] % 9, [1, 4, 6]) ^ (x[:, 1] > 0.7)
    if library == "lightgbm":
        import lightgbm

        return lightgbm.LGBMClassifier(n_estimators=20, min_data_per_group=5, verbose=-1).fit(
            x, y, categorical_feature=[0]
        )
    import xgboost

    return xgboost.XGBClassifier(
        n_estimators=20, enable_categorical=True, feature_types=["c", "q", "q"]
    ).fit(x, y)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_codes_in_an_array(library: str) -> None:
    model, rng = coded(library), np.random.default_rng(4)
    x = np.column_stack([rng.integers(0, 40, 5000), rng.normal(0, 1, (5000, 2))])
    if library == "lightgbm":
        x[:, 0] += rng.integers(-1, 100, 5000)
    x[rng.random(x.shape) < 0.1] = np.nan
    x = x.astype(np.float32)
    Path("model.pkl").write_bytes(pickle.dumps(model))
    got = load(Path("model.pkl"), LoadOptions()).predict({"features": x})
    assert np.abs(got["probabilities"] - model.predict_proba(x)).max() < 2e-6
    assert (model.classes_[got["class"]] == model.predict(x)).all()


def linear() -> Any:
    return xgb("XGBRegressor", regression(), booster="gblinear")


def ordered() -> Any:
    import lightgbm

    table = frame().assign(size=pd.Categorical(["a", "b", "c"] * 300, ordered=True))
    return lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(table, wanted(2))


def cat(name: str, y: Any, kind: str = "SymmetricTree", **options: Any) -> Any:
    """Fitted on gaps in two columns, which are as the smallest value or as the largest."""
    import catboost

    more = {"iterations": 30, "depth": 4, "verbose": 0, "allow_writing_files": False}
    if options.get("loss_function") != "MultiRMSE":
        more["per_float_feature_quantization"] = ["1:nan_mode=Max"]
    return getattr(catboost, name)(grow_policy=kind, **more, **options).fit(gaps(positive()[0]), y)


def gaps(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float32)
    x[::7, 1], x[::5, 2] = np.nan, np.nan
    return x


CATBOOST: dict[str, Callable[[], Any]] = {
    "CatBoostClassifier, 2 classes": lambda: cat("CatBoostClassifier", quarters() > 1),
    "CatBoostClassifier, words as classes": lambda: cat(
        "CatBoostClassifier", np.where(quarters() > 1, "yes", "no"), "Lossguide"
    ),
    "CatBoostClassifier, 4 classes": lambda: cat("CatBoostClassifier", quarters()),
    "CatBoostClassifier, 4 classes, by level": lambda: cat(
        "CatBoostClassifier", quarters(), "Depthwise"
    ),
    "CatBoostClassifier, 4 classes apart": lambda: cat(
        "CatBoostClassifier", quarters(), loss_function="MultiClassOneVsAll"
    ),
    "CatBoostRegressor, values": lambda: cat("CatBoostRegressor", positive()[1]),
    "CatBoostRegressor, values, by leaf": lambda: cat(
        "CatBoostRegressor", positive()[1], "Lossguide"
    ),
    "CatBoostRegressor, counts": lambda: cat(
        "CatBoostRegressor", positive()[1], loss_function="Poisson"
    ),
    "CatBoostRegressor, two values": lambda: cat(
        "CatBoostRegressor", np.stack([positive()[1], positive()[0][:, 0]], 1),
        loss_function="MultiRMSE"
    ),
    "CatBoostRegressor, scale and bias": lambda: scaled(cat("CatBoostRegressor", positive()[1])),
}  # fmt: skip


def quarters() -> np.ndarray:
    y = positive()[1]
    return np.digitize(y, np.quantile(y, [0.25, 0.5, 0.75]))


def scaled(model: Any) -> Any:
    model.set_scale_and_bias(2.5, [-3.0])
    return model


def around(model: Any, count: int) -> np.ndarray:
    """Rows of borders, and of the float32 before and after."""
    rng = np.random.default_rng(5)
    x = gaps(rng.normal(0, 2, (count, len(model.get_borders()))))
    for column, borders in model.get_borders().items():
        # The largest float32 and its opposite stand for missing values.
        if borders := [one for one in borders if abs(one) < 1e38]:
            at = rng.choice(np.array(borders, np.float32), len(x))
            aside = np.array([-np.inf, np.inf], np.float32)[rng.integers(0, 2, len(x))]
            near = np.where(rng.random(len(x)) < 0.5, at, np.nextafter(at, aside))
            x[:, column] = np.where(np.isnan(x[:, column]), np.nan, near)
    return x


@pytest.mark.parametrize("form", ["pickle", "cbm", "json"])
@pytest.mark.parametrize("row", CATBOOST)
def test_catboost_gives_what_it_gives(row: str, form: str) -> None:
    import tensorflow as tf

    model, path = CATBOOST[row](), Path(f"model.{form}")
    if form == "pickle":
        path.write_bytes(pickle.dumps(model))
    else:
        model.save_model(str(path), format=form)
    loaded, x = load(path, LoadOptions()), around(model, 100_000 if form == "pickle" else 1000)
    got = {name: np.asarray(t) for name, t in loaded.function({"features": tf.constant(x)}).items()}
    last = loaded.spec.outputs[-1]
    want = of_row(model, x)
    assert np.abs(got[last.name] - want).max() < 2e-6 * max(1.0, np.abs(want).max())
    assert np.abs(loaded.predict({"features": x})[last.name] - want).max() < 1e-12 * max(
        1.0, np.abs(want).max()
    )
    if "class" in got:
        assert last.classes == tuple(map(str, model.classes_))
        first, second = np.sort(want, axis=1)[:, -2:].T[::-1]
        apart = first - second > 1e-7  # closer ones are one float32
        assert apart.mean() > 0.999
        assert (model.classes_[got["class"]] == np.ravel(model.predict(x)))[apart].all()


def test_catboost_files_in_their_runtimes_from_a_frame() -> None:
    import catboost

    from edge_deploy import ConvertOptions, convert

    table = frame()[["age", "fare"]]
    options = {"iterations": 20, "depth": 3, "verbose": 0, "allow_writing_files": False}
    catboost.CatBoostClassifier(**options).fit(table, wanted(4)).save_model("model.cbm")
    done = convert(Path("model.cbm"), ConvertOptions(samples=100))
    assert [verdict.status for verdict in done.verdicts] == ["pass"] * 3
    names = [feature.name for feature in done.manifest.features]
    assert names == ["age", "fare"]


def of_words() -> Any:
    import catboost

    table = frame()[["town", "age"]].assign(town=frame()["town"].astype(object).fillna("none"))
    options = {"iterations": 2, "verbose": 0, "allow_writing_files": False}
    return catboost.CatBoostClassifier(**options, cat_features=["town"]).fit(table, wanted(2))


def uncertain() -> Any:
    return cat("CatBoostRegressor", positive()[1], loss_function="RMSEWithUncertainty")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (linear, "gblinear"),
        (ordered, "ordered categories cannot be converted"),
        (of_words, "takes categories \\(town\\), which"),
        (uncertain, "the loss RMSEWithUncertainty"),
        (
            lambda: xgb(
                "XGBRegressor", regression(), objective="reg:quantileerror", quantile_alpha=0.5
            ),
            "with the objective reg:quantileerror",
        ),
        (
            lambda: xgb("XGBRegressor", regression(2), multi_strategy="multi_output_tree"),
            "with trees of several outputs",
        ),
        (lambda: lgb("LGBMRegressor", regression(), reg_sqrt=True), "with reg_sqrt"),
        (lambda: lgb("LGBMRegressor", regression(), linear_tree=True), "with linear trees"),
    ],
)
def test_what_cannot_be_converted_is_named(make: Callable[[], Any], says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Path("model.pkl").write_bytes(pickle.dumps(make()))
    with pytest.raises(ConversionError, match=says):
        load(Path("model.pkl"), LoadOptions())


def test_catboost_of_words_is_refused_as_json_too() -> None:
    of_words().save_model("model.json", format="json")
    with pytest.raises(ConversionError, match=r"takes categories \(town\), which"):
        load(Path("model.json"), LoadOptions())


def test_damaged_model_is_an_error_in_words() -> None:
    from edge_deploy.frontends.sklearn.converters.boosters.xgboost_lightgbm_format import (
        lightgbm_categories,
        lightgbm_model,
        xgboost_model,
    )

    good = bytes(MODELS["XGBRegressor"]()._Booster.__getstate__()["handle"])
    for bad in (b"", b"binf\0\0", b"CONFIG-offset:12", good[:-100], b"{}", b"{i\x01a?"):
        with pytest.raises(SourceError, match="XGBoost model in the file cannot be read"):
            xgboost_model(bad)
    with pytest.raises(SourceError, match="LightGBM model in the file cannot be read"):
        lightgbm_model("tree\nversion=v4\n")
    with pytest.raises(SourceError, match="LightGBM model in the file has damaged categories"):
        lightgbm_categories({"pandas_categorical": "[["})
    for text in ('{"features_info": 1.5}', '{"features_info": {"float_features": [7]}}'):
        Path("model.json").write_text(text)
        with pytest.raises(SourceError, match="CatBoost model in the file cannot be read"):
            load(Path("model.json"), LoadOptions())
    CATBOOST["CatBoostRegressor, values, by leaf"]().save_model("model.cbm")
    whole = Path("model.cbm").read_bytes()
    for bad in (whole[:60], whole[:8] + b"\xff" * 100, whole[:300] + b"\xff" * (len(whole) - 300)):
        Path("model.cbm").write_bytes(bad)
        with pytest.raises(SourceError, match="CatBoost model in the file cannot be read"):
            load(Path("model.cbm"), LoadOptions())
