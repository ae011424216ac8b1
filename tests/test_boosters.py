"""XGBoost's and LightGBM's estimators: read from their pickles, without the libraries."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_models import classes, positive, regression, with_gaps

from edge_deploy.errors import ConversionError, SourceError
from edge_deploy.sources.sklearn import load
from edge_deploy.spec import LoadOptions

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


@pytest.mark.parametrize("row", ["XGBClassifier, 4", "LGBMClassifier with gaps"])
def test_files_give_the_same_in_their_runtimes(row: str) -> None:
    from edge_deploy import ConvertOptions, convert

    Path("model.pkl").write_bytes(pickle.dumps(MODELS[row]()))
    done = convert(Path("model.pkl"), ConvertOptions(samples=100))
    assert [verdict.status for verdict in done.verdicts] == ["pass"] * 3
    assert done.manifest["reference"]["answers"] == "lowering"


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
        "from edge_deploy.sources.pickles import load_pickle\n"
        f"load_pickle(Path('model.pkl')); sys.exit({name!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def linear() -> Any:
    return xgb("XGBRegressor", regression(), booster="gblinear")


def of_categories() -> Any:
    import lightgbm

    x = np.random.default_rng(0).integers(0, 8, (300, 1)).astype(float)
    y = np.isin(x[:, 0], [1, 4, 6]).astype(int)
    return lightgbm.LGBMClassifier(n_estimators=5, min_data_per_group=5, verbose=-1).fit(
        x, y, categorical_feature=[0]
    )


def cat() -> Any:
    import catboost

    options = {"iterations": 2, "verbose": 0, "allow_writing_files": False}
    return catboost.CatBoostRegressor(**options).fit(*regression())


@pytest.mark.parametrize(
    ("make", "says"),
    [(linear, "gblinear"), (of_categories, "categories"), (cat, "CatBoostRegressor cannot")],
)
def test_what_cannot_be_converted_is_named(make: Callable[[], Any], says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Path("model.pkl").write_bytes(pickle.dumps(make()))
    with pytest.raises(ConversionError, match=says):
        load(Path("model.pkl"), LoadOptions())


def test_damaged_model_is_an_error_in_words() -> None:
    from edge_deploy.lowering.booster_formats import lightgbm_model, xgboost_model

    good = bytes(MODELS["XGBRegressor"]()._Booster.__getstate__()["handle"])
    for bad in (b"", b"binf\0\0", b"CONFIG-offset:12", good[:-100], b"{}"):
        with pytest.raises(SourceError, match="XGBoost model in the file cannot be read"):
            xgboost_model(bad)
    with pytest.raises(SourceError, match="LightGBM model in the file cannot be read"):
        lightgbm_model("tree\nversion=v4\n")
