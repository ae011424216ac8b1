"""Models that bear missing values: which columns may be missing, and the answers where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_deploy.core.spec import LoadOptions, ModelSpec, TensorSpec
from edge_deploy.data.readers import read
from edge_deploy.frontends.sklearn import loader

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
GAPS = X.copy()
GAPS[np.ix_(RNG.random(150) < 0.3, [0, 2])] = np.nan
NEW = RNG.normal(size=(64, 4)).astype(np.float32)


def forest(**more: Any) -> RandomForestClassifier:
    return RandomForestClassifier(5, random_state=0, **more)


def calibrated(inner: Any, method: str = "isotonic", **more: Any) -> CalibratedClassifierCV:
    return CalibratedClassifierCV(inner, method=method, cv=2, **more)


def stack(**more: Any) -> StackingClassifier:
    members = [("a", make_pipeline(KNNImputer(), LogisticRegression())), ("b", forest())]
    return StackingClassifier(members, final_estimator=LogisticRegression(), cv=2, **more)


ALL, SEEN, NONE = (0, 1, 2, 3), (0, 2), ()
MODELS: dict[str, tuple[Callable[[], Any], Any, tuple[int, ...]]] = {
    "k neighbours": (lambda: make_pipeline(KNNImputer(), LogisticRegression()), GAPS, ALL),
    "rounds": (lambda: make_pipeline(IterativeImputer(), LogisticRegression()), GAPS, ALL),
    "mean": (lambda: make_pipeline(SimpleImputer(), LogisticRegression()), GAPS, ALL),
    "pipeline of imputers": (
        lambda: make_pipeline(make_pipeline(StandardScaler(), KNNImputer()), LogisticRegression()),
        GAPS, ALL,
    ),
    "forest": (forest, GAPS, SEEN),
    "forest without gaps": (forest, X, NONE),
    "extra trees": (lambda: ExtraTreesRegressor(5, random_state=0), GAPS, SEEN),
    "histograms": (lambda: HistGradientBoostingClassifier(max_iter=3), GAPS, ALL),
    "bag of trees": (lambda: BaggingClassifier(n_estimators=8, random_state=0), GAPS, SEEN),
    "bag of pipelines": (
        lambda: BaggingClassifier(make_pipeline(SimpleImputer(), LogisticRegression()), 3),
        GAPS, ALL,
    ),
    "stack": (stack, GAPS, SEEN),
    "stack that passes through": (lambda: stack(passthrough=True), X, NONE),
    "vote": (
        lambda: VotingClassifier(
            [("a", HistGradientBoostingClassifier(max_iter=2)), ("b", forest())], voting="soft"
        ),
        GAPS, SEEN,
    ),
    "calibrated forest, isotonic": (lambda: calibrated(forest()), X, NONE),
    "calibrated forest, sigmoid": (lambda: calibrated(forest(), "sigmoid"), X, NONE),
    "calibrated forest, one": (lambda: calibrated(forest(), ensemble=False), X, NONE),
    "calibrated forest with gaps": (lambda: calibrated(forest()), GAPS, SEEN),
    "calibrated, fitted before": (
        lambda: CalibratedClassifierCV(FrozenEstimator(forest().fit(X, Y)), method="isotonic"),
        X, NONE,
    ),
    "calibrated stack": (lambda: calibrated(stack()), X, NONE),
    "calibrated twice": (lambda: calibrated(calibrated(forest()), "sigmoid"), X, NONE),
    "calibrated pipeline": (
        lambda: calibrated(make_pipeline(KNNImputer(), forest())), GAPS, ALL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", MODELS)
def test_missing_values_are_answered_as_by_the_original(row: str, tmp_path: Path) -> None:
    make, data, borne = MODELS[row]
    joblib.dump(make().fit(data, Y), tmp_path / "model.joblib")
    model = loader.load(tmp_path / "model.joblib", LoadOptions())
    known = [n for n, f in enumerate(model.features or ()) if f.missing == "nan"]
    assert known == list(borne)
    x = NEW.copy()
    if borne:
        x[np.ix_(np.arange(64) % 3 == 0, borne)] = np.nan
    given, lowered = model.predict({"features": x}), model.function({"features": x})
    shares = given.get("probabilities", np.eye(64, 2))
    told = abs(shares[:, 0] - shares[:, 1]) > 1e-5  # few trees give ties, which rounding breaks
    for name, value in given.items():
        same = told if name == "class" else slice(None)
        np.testing.assert_allclose(value[same], np.asarray(lowered[name])[same], atol=1e-5)


def test_rows_with_gaps_are_read_by_their_places(tmp_path: Path) -> None:
    joblib.dump(
        make_pipeline(KNNImputer(), LogisticRegression()).fit(GAPS, Y), tmp_path / "model.joblib"
    )
    model = loader.load(tmp_path / "model.joblib", LoadOptions())
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,,3,4\n,2,3,4\n")
    spec = ModelSpec((TensorSpec("features", (None, 4), "float32", "table"),), ())
    data = read(tmp_path / "rows.csv", spec, model.features, None)
    np.testing.assert_array_equal(data.inputs["features"], [[1, np.nan, 3, 4], [np.nan, 2, 3, 4]])
    assert data.rows[0] == {"x0": "1", "x1": "", "x2": "3", "x3": "4"}
