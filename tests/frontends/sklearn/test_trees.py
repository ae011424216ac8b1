"""Trees: the same decisions as scikit-learn's, at every threshold and beside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.frontends.sklearn.converters import lower
from edge_deploy.frontends.sklearn.converters.registry import Affine
from edge_deploy.frontends.sklearn.converters.tree_traversal import limits
from edge_deploy.frontends.sklearn.loader import load
from tests.support.sklearn_models import TREES

ROWS = 40_000


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy classes in columns a long way from zero."""
    x, y = make_classification(
        2000, 8, n_informative=6, n_redundant=0, n_classes=count, flip_y=0.1, random_state=0
    )
    return x * 50 + 1000, y


def coded(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with categories in the first two columns: 12 of them, and 40."""
    x, y = data(count)
    for column, codes in ((0, 12), (1, 40)):
        edges = np.quantile(x[:, column], np.linspace(0, 1, codes + 1)[1:-1])
        mixed = np.random.default_rng(column).permutation(codes)
        x[:, column] = mixed[np.digitize(x[:, column], edges)]
    x[::50, 0] = np.nan
    return x, y


def of_categories(count: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=20, categorical_features=[0, 1]).fit(
        *coded(count)
    )


BOUNDARIES: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(random_state=0).fit(*data(4)),
    "forest": lambda: RandomForestClassifier(50, random_state=0).fit(*data(2)),
    "shallow forest": lambda: RandomForestClassifier(
        50, max_depth=6, class_weight="balanced", random_state=0
    ).fit(*data(4)),
    "extra trees": lambda: ExtraTreesClassifier(30, random_state=0).fit(*data(4)),
    "boosting": lambda: GradientBoostingClassifier(random_state=0).fit(*data(2)),
    "boosting, 4": lambda: GradientBoostingClassifier(n_estimators=30, random_state=0).fit(
        *data(4)
    ),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=40).fit(*data(2)),
    "histograms, 4": lambda: HistGradientBoostingClassifier(max_iter=20).fit(*data(4)),
    "categories": lambda: of_categories(2),
    "categories, 4": lambda: of_categories(4),
    "scaled categories": lambda: make_pipeline(StandardScaler(), of_categories(2)).fit(*coded(2)),
    "scaled forest": lambda: make_pipeline(
        StandardScaler(), RandomForestClassifier(50, random_state=0)
    ).fit(*data(2)),
    "scaled tree": lambda: make_pipeline(
        MinMaxScaler((-1, 2)), DecisionTreeClassifier(random_state=0)
    ).fit(*data(4)),
    "scaled histograms": lambda: make_pipeline(
        StandardScaler(), HistGradientBoostingClassifier(max_iter=40)
    ).fit(*data(2)),
}  # fmt: skip


def thresholds(model: Any) -> list[np.ndarray]:
    """The thresholds on each column, in the input's own units."""
    last = model[-1] if hasattr(model, "steps") else model
    if hasattr(last, "_predictors"):
        nodes = [one.nodes for stage in last._predictors for one in stage]
        inner = [(n["is_leaf"] == 0) & (n["is_categorical"] == 0) for n in nodes]
        found = [
            (n["feature_idx"], n["num_threshold"], at) for n, at in zip(nodes, inner, strict=True)
        ]
    elif hasattr(last, "get_booster"):
        table = last.get_booster().trees_to_dataframe().query("Feature != 'Leaf'")
        column = table["Feature"].str[1:].astype(int).to_numpy()
        found = [(column, table["Split"].to_numpy(), np.ones(len(table), bool))]
    elif hasattr(last, "booster_"):
        table = last.booster_.trees_to_dataframe().dropna(subset="split_feature")
        column = table["split_feature"].str.removeprefix("Column_").astype(int).to_numpy()
        found = [(column, table["threshold"].to_numpy(), np.ones(len(table), bool))]
    else:
        members = np.ravel(getattr(last, "estimators_", [last]))
        trees = [one.tree_ for one in members]
        found = [(t.feature, t.threshold, t.children_left >= 0) for t in trees]
    columns = np.concatenate([column[inner] for column, _, inner in found])
    values = np.concatenate([value[inner] for _, value, inner in found])
    spread = np.repeat(values[:, None], model.n_features_in_, axis=1)
    if hasattr(model, "steps"):
        spread = unscaled(model[0], spread)
    return [spread[columns == n, n] for n in range(model.n_features_in_)]


def unscaled(scaler: Any, z: np.ndarray) -> np.ndarray:
    """What a scaler, or several side by side, made of what; its columns are in their order."""
    if isinstance(scaler, SimpleImputer):
        return z
    if hasattr(scaler, "inverse_transform") and not hasattr(scaler, "steps"):
        return np.asarray(scaler.inverse_transform(z))
    if hasattr(scaler, "steps"):
        for _, step in reversed(scaler.steps):
            z = unscaled(step, z)
        return z
    parts = [
        unscaled(one, z[:, at]) if not isinstance(one, str) else z[:, at]
        for one, at in ((one, scaler.output_indices_[la]) for la, one, _ in scaler.transformers_)
    ]
    return np.concatenate(parts, axis=1)


def around(model: Any) -> np.ndarray:
    """Rows of values that are thresholds, rounded to float32, or the next float32 on a side."""
    rng = np.random.default_rng(0)
    x = data(2)[0][rng.integers(0, 2000, ROWS)].astype(np.float32)
    for column, known in enumerate(thresholds(model)):
        if len(known):
            at = rng.choice(known, ROWS).astype(np.float32)
            away = np.array([-np.inf, 0, np.inf], np.float32)[rng.integers(0, 3, ROWS)]
            near = np.where(away == 0, at, np.nextafter(at, away))
            x[:, column] = np.where(rng.random(ROWS) < 0.7, near, x[:, column])
    last = model[-1] if hasattr(model, "steps") else model
    for column in np.flatnonzero(getattr(last, "is_categorical_", None)):
        x[:, column] = rng.integers(-1, 44, ROWS)  # some of which no model knows
        x[rng.random(ROWS) < 0.1, column] = np.nan
    return x


def typed(x: np.ndarray) -> np.ndarray:
    """What a person types for float32 numbers: the shortest decimals that are them."""
    return x.astype(str).astype(np.float64)


def lowered(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    import tensorflow as tf

    spec = tf.TensorSpec((None, x.shape[1]), tf.float32)
    function = tf.function(lower(model), autograph=False, input_signature=[spec])
    return {name: tensor.numpy() for name, tensor in function(x).items()}


def in_onnx(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """The answers of its .onnx file, where trees are ONNX's own operator."""
    joblib.dump(model, "model.joblib")
    onnx, file = FORMATS["onnx"], Path("model.onnx")
    onnx.export(load(Path("model.joblib"), LoadOptions()), file, {"name": "model"})
    ops = onnx.describe(file).ops
    assert ops is not None and "TreeEnsembleRegressor" in ops
    with RUNTIMES["ort"].open(file) as runner:
        return dict(runner.predict({"features": x}))


@pytest.mark.slow
@pytest.mark.parametrize("row", BOUNDARIES)
def test_no_decision_flips_around_the_thresholds(row: str) -> None:
    model = BOUNDARIES[row]()
    x = around(model)
    exact = typed(x)
    want, shares = model.predict(exact), model.predict_proba(exact)
    for got in (lowered(model, x), in_onnx(model, x)):
        assert (model.classes_[got["class"]] != want).sum() == 0
        assert np.abs(got["probabilities"] - shares).max() < 1e-6


SCALERS: dict[str, Callable[[], Any]] = {
    "standard": StandardScaler,
    "min-max": lambda: MinMaxScaler((-1, 2)),
    "min-max, clipped": lambda: MinMaxScaler(clip=True),
    "max-abs": MaxAbsScaler,
    "robust": RobustScaler,
    "two": lambda: make_pipeline(MinMaxScaler(), StandardScaler()),
    "columns": lambda: ColumnTransformer([
        ("standard", StandardScaler(), [0, 1, 2]), ("robust", RobustScaler(), [3, 4]),
        ("plain", "passthrough", [5]), ("range", MinMaxScaler(), [6, 7]),
    ]),
    "imputed": lambda: SimpleImputer(strategy="median"),
    "imputed, scaled": lambda: make_pipeline(SimpleImputer(), StandardScaler()),
    "imputed columns": lambda: ColumnTransformer([
        ("both", make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), [0, 1, 2]),
        ("imputed", SimpleImputer(strategy="most_frequent"), [3, 4, 5]),
        ("range", make_pipeline(MinMaxScaler(), SimpleImputer(strategy="median")), [6, 7]),
    ]),
}  # fmt: skip
SCALED: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(20, random_state=0),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=30),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=30, n_jobs=1),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=30, n_jobs=1, verbose=-1),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("kind", SCALED)
@pytest.mark.parametrize("scaler", SCALERS)
def test_no_decision_flips_behind_a_scaler(scaler: str, kind: str) -> None:
    import tensorflow as tf

    known, y = data(2)  # in whole numbers, so that the middle of two is a float32 too
    known, gaps = known.round(), 0.1 if "imputed" in scaler else 0.0
    rng = np.random.default_rng(1)
    known[rng.random(known.shape) < gaps] = np.nan
    model = make_pipeline(SCALERS[scaler](), SCALED[kind]()).fit(known, y)
    joblib.dump(model, "model.joblib")
    function = load(Path("model.joblib"), LoadOptions()).function
    x = around(model)
    x[rng.random(x.shape) < gaps] = np.nan
    exact = typed(x)
    got = {name: tensor.numpy() for name, tensor in function({"features": tf.constant(x)}).items()}
    assert (got["class"] != model.predict(exact)).sum() == 0
    assert np.abs(got["probabilities"] - model.predict_proba(exact)).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in TREES if "gaps" in row or "Hist" in row])
def test_missing_values_go_where_the_original_sends_them(row: str) -> None:
    np.random.seed(0)
    model = TREES[row]()
    rng = np.random.default_rng(2)
    x = rng.normal(0, 2, (5000, 5)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    exact = typed(x)
    want = model.predict(exact)
    for got in (lowered(model, x), in_onnx(model, x)):
        if "class" in got:
            assert (model.classes_[got["class"]] == want).all()
            assert np.abs(got["probabilities"] - model.predict_proba(exact)).max() < 1e-6
        else:
            assert np.abs(got["value"][:, 0] - want).max() < 1e-6 * np.abs(want).max()


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("scale", [(0.0, 1.0, 0.0), (1e6, 1e-3, -2.0), (-3.0, 1e4, 0.5)])
def test_limits_are_the_last_float32_that_goes_left(
    scale: tuple[float, float, float], single: bool
) -> None:
    centre, gain, offset = scale
    rng = np.random.default_rng(0)
    t = np.concatenate([rng.normal(0, 3, 1000), [0.0, 1e-30, -1e30, 1e30]])
    before = Affine(np.array([centre]), np.array([gain]), offset)
    last = limits(t, np.zeros(len(t), int), 1, before, single)
    after = np.nextafter(last, np.float32(np.inf))

    def scaled(x: np.ndarray) -> np.ndarray:
        z = (typed(x) - centre) * gain + offset
        return z.astype(np.float32) if single else z

    with np.errstate(over="ignore"):
        assert (scaled(last) <= t).all()
        assert (scaled(after) > t).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", ["forest with gaps", "GradientBoostingClassifier, 4", "ExtraTreesRegressor, 3"]
)
def test_every_file_gives_the_same_in_its_runtime(row: str) -> None:
    from edge_deploy import ConvertOptions, convert, verify

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(0)
        joblib.dump(TREES[row](), "model.joblib")
    folder = convert(Path("model.joblib"), ConvertOptions()).artifact.folder
    report = verify(folder)
    assert [verdict.status for verdict in report.verdicts] == ["pass"] * 4


@pytest.mark.slow
def test_a_node_takes_little_room() -> None:
    from edge_deploy import ConvertOptions, convert

    model = RandomForestClassifier(100, random_state=0).fit(*data(2))
    joblib.dump(model, "model.joblib")
    folder = convert(Path("model.joblib"), ConvertOptions(to=("tflite",))).artifact.folder
    nodes = sum(one.tree_.node_count for one in model.estimators_)
    size = next(folder.glob("tflite/*.tflite")).stat().st_size
    assert size <= 13 * nodes + 40_000  # the operators of each level take some, too


def before_1_4() -> Any:
    """Categories that its nodes take as they are, as files of older versions hold them."""
    model = of_categories(2)
    model._preprocessor = None
    return model


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: make_pipeline(StandardScaler().fit(coded(2)[0]), before_1_4()), "a scaler"),
        (lambda: HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(
            np.array([["a", 1.0], ["b", 2.0]] * 20, dtype=object), [0, 1] * 20), "takes words"),
    ],
)  # fmt: skip
def test_categories_that_are_no_codes_are_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        lower(make())


DECIMALS: dict[str, Callable[[], Any]] = {
    "scaled tree": lambda: make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
    "scaled forest": lambda: make_pipeline(
        MinMaxScaler(), RandomForestClassifier(10, random_state=0)
    ),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=5),
    "scaled histograms": lambda: make_pipeline(
        RobustScaler(), HistGradientBoostingClassifier(max_iter=5)
    ),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
    "xgboost": lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=5)),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("row", DECIMALS)
def test_decimals_between_two_splits_are_decided_as_the_original_does(row: str) -> None:
    """Splits are midpoints of decimals, so 8.15 is one; behind a scaler its rounding decides."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    known, y = np.round(rng.uniform(0, 14, (200, 1)), 1), rng.integers(0, 2, 200)
    model = DECIMALS[row]().fit(known, y)
    rows = np.round(np.arange(0, 14, 0.01), 2)[:, None]
    joblib.dump(model, "model.joblib")  # as a file; the boosters are read from their bytes
    function = load(Path("model.joblib"), LoadOptions()).function
    found = function({"features": tf.constant(rows.astype(np.float32))})["class"].numpy()
    assert (found != model.predict(rows)).sum() == 0
