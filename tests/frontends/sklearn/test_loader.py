"""scikit-learn models: what a file is read as, and the lowered numbers against the original's."""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import linear_model as lm
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.spec import Arrays, LoadedModel, LoadOptions
from edge_deploy.frontends.sklearn.converters import PREDICTORS, TRANSFORMERS
from edge_deploy.frontends.sklearn.loader import load
from tests.frontends.sklearn.test_all_estimators import ESTIMATORS
from tests.frontends.sklearn.test_all_estimators import REFUSED as REFUSED_BY_NAME
from tests.frontends.sklearn.test_all_transformers import PREDICTING
from tests.frontends.sklearn.test_all_transformers import REFUSED as REFUSED_STEPS
from tests.frontends.sklearn.test_all_transformers import TRANSFORMERS as STEPS
from tests.frontends.sklearn.test_boosters import CATBOOST
from tests.frontends.sklearn.test_boosters import MODELS as BOOSTERS
from tests.support.frame_models import FRAMES, parts
from tests.support.sklearn_models import (
    COLUMNS,
    COMPOUND,
    FAMILIES,
    TRANSFORMED,
    TREES,
    UNUSUAL,
    classes,
    regression,
)

pytestmark = pytest.mark.slow
TOLERANCE = 1e-5  # of the output's scale, from float64 to float32


def far() -> tuple[np.ndarray, np.ndarray]:
    """Columns a long way from zero: a year, an amount, a small constant-like share."""
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(1990, 2025, 200),
        rng.uniform(5e5, 2e6, 200),
        rng.normal(1e-3, 1e-5, 200),
    ]
    x = np.stack(columns, axis=1).astype(np.float32).astype(np.float64)
    return x, ((x - x.mean(0)) / x.std(0)) @ [1.0, 2.0, 0.5] + rng.normal(0, 0.1, 200)


def positive(y: np.ndarray) -> np.ndarray:
    return np.exp(y / np.abs(y).max())


MODELS: dict[str, Callable[[], Any]] = {
    **TREES,
    **FAMILIES,
    **TRANSFORMED,
    **COMPOUND,
    **UNUSUAL,
    **{
        name: (lambda name=name: getattr(lm, name)().fit(*regression()))
        for name in (
            "ARDRegression",
            "BayesianRidge",
            "ElasticNet",
            "ElasticNetCV",
            "HuberRegressor",
            "Lars",
            "LarsCV",
            "Lasso",
            "LassoCV",
            "LassoLars",
            "LassoLarsCV",
            "LassoLarsIC",
            "LinearRegression",
            "OrthogonalMatchingPursuit",
            "OrthogonalMatchingPursuitCV",
            "PassiveAggressiveRegressor",
            "QuantileRegressor",
            "RANSACRegressor",
            "Ridge",
            "RidgeCV",
            "SGDRegressor",
            "TheilSenRegressor",
            "TweedieRegressor",
        )
    },
    **{
        name: (lambda name=name: getattr(lm, name)(alpha=0.1).fit(*regression(2)))
        for name in ("MultiTaskElasticNet", "MultiTaskLasso")
    },
    **{
        name: (lambda name=name: getattr(lm, name)().fit(*regression(2)))
        for name in ("MultiTaskElasticNetCV", "MultiTaskLassoCV")
    },
    **{
        name: (
            lambda name=name: getattr(lm, name)().fit(regression()[0], positive(regression()[1]))
        )
        for name in ("GammaRegressor", "PoissonRegressor")
    },
    "TweedieRegressor, log": lambda: lm.TweedieRegressor(power=1.5).fit(
        regression()[0], positive(regression()[1])
    ),
    "LinearSVR": lambda: LinearSVR().fit(*regression()),
    "LinearRegression, two outputs": lambda: lm.LinearRegression().fit(*regression(2)),
    "LinearRegression, a column": lambda: lm.LinearRegression().fit(
        regression()[0], regression()[1][:, None]
    ),
    "no intercept": lambda: lm.LinearRegression(fit_intercept=False).fit(*regression()),
    **{
        f"{name}, {count}": (lambda make=make, count=count: make().fit(*classes(count)))
        for count in (2, 4)
        for name, make in {
            "LinearSVC": LinearSVC,
            "LogisticRegression": lm.LogisticRegression,
            "LogisticRegressionCV": lambda: lm.LogisticRegressionCV(Cs=3, cv=2),
            "PassiveAggressiveClassifier": lm.PassiveAggressiveClassifier,
            "Perceptron": lm.Perceptron,
            "RidgeClassifier": lm.RidgeClassifier,
            "RidgeClassifierCV": lm.RidgeClassifierCV,
            "SGDClassifier": lm.SGDClassifier,
            "SGDClassifier log_loss": lambda: lm.SGDClassifier(loss="log_loss", random_state=0),
            "SGDClassifier modified_huber": lambda: lm.SGDClassifier(
                loss="modified_huber", random_state=0
            ),
        }.items()
    },
    # Decisions from -200 to -3500: logistic functions that are 0 in float32, and in float64.
    "SGDClassifier log_loss, unscaled": lambda: lm.SGDClassifier(
        loss="log_loss", random_state=0
    ).fit(classes(4)[0] * 30, classes(4)[1]),
    "sparse coefficients": lambda: lm.SGDClassifier(random_state=0).fit(*classes(2)).sparsify(),
    "numbers as classes": lambda: lm.LogisticRegression().fit(classes(2)[0], classes(2)[1] == "no"),
    **{
        f"scaler {index}": (lambda scaler=scaler: make_pipeline(scaler, lm.Ridge()).fit(*far()))
        for index, scaler in enumerate(
            (
                StandardScaler(),
                StandardScaler(with_mean=False),
                StandardScaler(with_std=False),
                RobustScaler(),
                RobustScaler(with_centering=False),
                RobustScaler(with_scaling=False),
                MaxAbsScaler(),
                MaxAbsScaler(clip=True),
                MinMaxScaler(),
                MinMaxScaler((-1, 3), clip=True),
            )
        )
    },
    **{
        f"normalizer {norm}": (
            lambda norm=norm: make_pipeline(Normalizer(norm), lm.Ridge()).fit(*regression())
        )
        for norm in ("l1", "l2", "max")
    },
    "scalers one after another": lambda: make_pipeline(
        MaxAbsScaler(), StandardScaler(), MinMaxScaler((-2, 1)), RobustScaler(), lm.Ridge(1e-6)
    ).fit(*far()),
    "clipped between scalers": lambda: make_pipeline(
        StandardScaler(), MinMaxScaler(clip=True), StandardScaler(), lm.Ridge()
    ).fit(*far()),
    "scaler, classifier": lambda: make_pipeline(
        StandardScaler(), lm.LogisticRegression(C=100.0)
    ).fit(far()[0], np.digitize(far()[1], [-2, 2])),
    "passthrough": lambda: Pipeline(
        [("nothing", "passthrough"), ("scale", StandardScaler()), ("fit", lm.LinearRegression())]
    ).fit(*regression()),
    "pipeline in a pipeline": lambda: make_pipeline(
        make_pipeline(StandardScaler(), MaxAbsScaler()), lm.LinearRegression()
    ).fit(*regression()),
    "searched": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), lm.Ridge()), {"ridge__alpha": [1, 2]}
    ).fit(*regression()),
    "RANSAC after a scaler": lambda: make_pipeline(
        StandardScaler(), lm.RANSACRegressor(random_state=0)
    ).fit(*far()),
}


def read(model: Any, dump: Callable[[Any, Path], Any] = joblib.dump) -> LoadedModel:
    dump(model, Path("model.joblib"))
    return load(Path("model.joblib"), LoadOptions())


@functools.cache
def fitted(row: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence on 80 rows is not the point
        np.random.seed(0)
        return MODELS[row]()


def rows(columns: int) -> np.ndarray:
    source = far()[0] if columns == 3 else np.random.default_rng(1).normal(0, 2, (200, columns))
    return source.astype(np.float32)


def lowered(model: LoadedModel, x: np.ndarray) -> Arrays:
    import tensorflow as tf

    spec = tf.TensorSpec((None, x.shape[1]), tf.float32)
    function = tf.function(lambda t: model.function({"features": t}), input_signature=[spec])
    return {name: tensor.numpy() for name, tensor in function(x).items()}


def close(got: np.ndarray, want: np.ndarray, steep: float = 1) -> None:
    assert got.shape == want.shape
    allowed = steep * TOLERANCE * max(np.abs(want).max(), 1e-6)
    np.testing.assert_allclose(got, want, rtol=0, atol=allowed)


@pytest.mark.parametrize("row", MODELS)
def test_lowered_numbers_are_the_originals(row: str) -> None:
    original = fitted(row)
    model = read(original)
    x = rows(int(model.spec.inputs[0].shape[1] or 0))
    want, got = model.predict({"features": x}), lowered(model, x)
    assert list(got) == list(want) == [spec.name for spec in model.spec.outputs]
    for spec in model.spec.outputs:
        assert got[spec.name].dtype == spec.dtype
        assert got[spec.name].shape[1:] == spec.shape[1:]
        # An isotonic calibration leaps, and a score's last digit depends on the processor.
        close(got[spec.name], want[spec.name], 3 if row.startswith("calibrated by isotonic") else 1)
    answer = original.predict(shortest_decimals(x))
    if model.spec.outputs[0].name == "class":
        names = np.array(model.spec.outputs[0].classes)
        assert model.spec.outputs[0].kind == "class"
        assert (names[got["class"]] == answer.astype(str)).all()
        assert len(np.unique(got["class"])) > 1
    else:
        np.testing.assert_array_equal(want["value"], answer.reshape(len(x), -1))
        assert model.spec.outputs[0].kind == "value"


def test_every_registered_estimator_is_a_row() -> None:
    names = {type(step).__name__ for row in MODELS for step in _all(fitted(row))}
    names |= {*ESTIMATORS} - {*REFUSED_BY_NAME}
    names |= {*PREDICTING} | {*STEPS} - {*REFUSED_STEPS}
    names |= {"_ConstantPredictor"}  # OutputCodeClassifier holds some of these
    names |= {row.partition(",")[0].partition(" ")[0] for row in (*BOOSTERS, *CATBOOST)}
    names |= {"XGBRanker", "LGBMRanker", "CatBoostRanker"}  # test_boosters ranks with each
    names |= {"CatBoost"}  # what the .cbm files of those rows hold
    names |= {"CategoryEncoder"}  # test_other_libraries has a row of each
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated, and still in people's files
        names |= {type(step).__name__ for row in FRAMES for step in parts(FRAMES[row]())}
    assert {*PREDICTORS, *TRANSFORMERS} <= names


def _all(model: Any) -> list[Any]:
    inner = [step for _, step in getattr(model, "steps", [])]
    return [model, *(part for step in inner for part in _all(step))]


@pytest.mark.parametrize(
    "row", ["scaler 0", "scaler, classifier", "SGDClassifier log_loss, 4", "LinearSVC, 2"]
)
def test_tflite_file_gives_the_same(row: str) -> None:
    from edge_deploy import ConvertOptions, convert, verify

    joblib.dump(fitted(row), "model.joblib")
    folder = convert(Path("model.joblib"), ConvertOptions(to=("tflite",))).artifact.folder
    report = verify(folder)
    assert [verdict.status for verdict in report.verdicts] == ["pass"]


def test_specification_of_a_classifier() -> None:
    model = read(fitted("LogisticRegression, 4"))
    (features,), (kind, shares) = model.spec.inputs, model.spec.outputs
    assert (features.name, features.shape, features.kind) == ("features", (None, 5), "table")
    assert (kind.name, kind.shape, kind.dtype, kind.kind) == ("class", (None,), "int32", "class")
    assert (shares.name, shares.shape, shares.kind) == (
        "probabilities", (None, 4), "probabilities",
    )  # fmt: skip
    assert kind.classes == shares.classes == ("later", "no", "perhaps", "yes")
    assert model.parameters == 4 * 5 + 4
    assert model.kind == "sklearn"
    assert model.framework.startswith("scikit-learn 1.")
    assert model.notes == ()
    assert model.features is None


@pytest.mark.parametrize(("count", "columns"), [(2, 1), (4, 4)])
def test_classifier_without_probabilities_gives_scores(count: int, columns: int) -> None:
    outputs = read(fitted(f"LinearSVC, {count}")).spec.outputs
    assert [(o.name, o.shape, o.kind) for o in outputs] == [
        ("class", (None,), "class"),
        ("scores", (None, columns), "tensor"),
    ]


def test_feature_names_and_typical_values_come_from_the_model() -> None:
    x, y = far()
    model = make_pipeline(StandardScaler(), lm.LinearRegression()).fit(x, y)
    model[0].feature_names_in_ = np.array(["year", "amount", "share"], dtype=object)
    read_model = read(model)
    assert read_model.features is not None and read_model.typical is not None
    assert [f.name for f in read_model.features] == ["year", "amount", "share"]
    assert {f.kind for f in read_model.features} == {"number"}
    np.testing.assert_allclose(read_model.typical[0], x.mean(0))
    assert read_model.parameters == 3 + 3 + 3 + 1


NEWER = ("tol", "positive", "clip", "copy_X", "n_features_in_", "multi_class")


class AsOfOld(pickle._Pickler):
    """Writes estimators as an older scikit-learn had them: its version, its parameters."""

    state: dict[str, Any]

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) or not hasattr(obj, "get_params"):
            return NotImplemented
        state = {k: v for k, v in vars(obj).items() if k not in NEWER}
        return copyreg.__newobj__, (type(obj),), {**state, **self.state}


def dump_as(version: str, **state: Any) -> Callable[[Any, Path], None]:
    def dump(model: Any, path: Path) -> None:
        buffer = io.BytesIO()
        pickler = AsOfOld(buffer, 3)
        pickler.state = {"_sklearn_version": version, **state}
        pickler.dump(model)
        path.write_bytes(buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core."))

    return dump


@pytest.mark.parametrize(
    "row", ["LinearRegression", "scaler 8", "scaler 6", "scaler, classifier", "RidgeClassifier, 2"]
)
def test_pickle_of_024_is_read_with_a_note(row: str) -> None:
    original = fitted(row)
    model = read(original, dump_as("0.24.2", normalize=False, _residues=0.0))
    assert len(model.notes) == 1
    assert model.notes[0].startswith("saved by scikit-learn 0.24.2, read by ")
    x = rows(int(original.n_features_in_))
    want, got = model.predict({"features": x}), lowered(model, x)
    for name, values in want.items():
        close(got[name], values)
    if "value" in want:
        np.testing.assert_allclose(want["value"][:, 0], original.predict(shortest_decimals(x)))


@pytest.mark.parametrize(
    ("kind", "count"), [("ovr", 4), ("ovr", 2), ("multinomial", 2), ("multinomial", 4), ("auto", 4)]
)
def test_multi_class_of_old_logistic_regression_is_honoured(kind: str, count: int) -> None:
    """The formulas of scikit-learn 0.24's predict_proba, written out."""
    x, y = classes(count)
    original = lm.LogisticRegression().fit(x, y)
    model = read(original, dump_as("0.24.2", multi_class=kind))
    d = original.decision_function(shortest_decimals(x.astype(np.float32)))
    if kind == "ovr":
        shares = 1 / (1 + np.exp(-(d if count > 2 else np.stack([-d, d], 1))))
    else:
        both = np.stack([-d, d], 1) if count == 2 and kind == "multinomial" else d
        shares = np.exp(both - both.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    inputs = x.astype(np.float32)
    np.testing.assert_allclose(model.predict({"features": inputs})["probabilities"], shares)
    close(lowered(model, inputs)["probabilities"], shares)


def test_loss_of_an_old_sgd_classifier_is_known_by_its_old_name() -> None:
    original = fitted("SGDClassifier log_loss, 4")
    model = read(original, dump_as("0.24.2", loss="log"))
    x = rows(COLUMNS)
    want = original.predict_proba(shortest_decimals(x))
    np.testing.assert_array_equal(model.predict({"features": x})["probabilities"], want)
    close(lowered(model, x)["probabilities"], want)


def of_fewer_columns() -> Any:
    model = lm.Ridge().fit(*regression())
    model.coef_ = model.coef_[:2]
    return model


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "dict": (lambda: {"weights": np.zeros(3)}, SourceError, "a dict with the keys weights"),
    "model in a dict": (
        lambda: {"model": fitted("Ridge"), "columns": ["a"]},
        SourceError,
        "Its model is under model",
    ),
    "array": (lambda: np.zeros((2, 3)), SourceError, r"a numpy array of shape \(2, 3\)"),
    "list": (lambda: [fitted("Ridge"), 1], SourceError, "a list of 2 that starts with Ridge"),
    "number": (lambda: 3.5, SourceError, "a plain float"),
    "none": (lambda: None, SourceError, "holds None"),
    "class": (lambda: lm.Ridge, SourceError, "the class Ridge and no object"),
    "scaler": (lambda: StandardScaler().fit(far()[0]), SourceError, "predicts nothing"),
    "pipeline of scalers": (
        lambda: make_pipeline(StandardScaler(), MaxAbsScaler()).fit(far()[0]),
        SourceError,
        "ends in MaxAbsScaler, which predicts nothing",
    ),
    "not fitted": (lm.LinearRegression, SourceError, "LinearRegression is not fitted"),
    "search not fitted": (
        lambda: GridSearchCV(lm.Ridge(), {"alpha": [1]}),
        SourceError,
        "not fitted|lacks what fitting",
    ),
    "scaler not fitted": (
        lambda: Pipeline([("scale", clone(StandardScaler())), ("fit", fitted("Ridge"))]),
        SourceError,
        "lacks what fitting gives",
    ),
    "not yet": (
        lambda: GaussianProcessClassifier().fit(*classes(2)),
        ConversionError,
        "The file was read, but GaussianProcessClassifier .* LinearRegression, .*SVC",
    ),
    "not yet, in a pipeline": (
        lambda: make_pipeline(StandardScaler(), GaussianProcessClassifier()).fit(*classes(2)),
        ConversionError,
        "GaussianProcessClassifier",
    ),
    "fewer columns": (
        of_fewer_columns,
        SourceError,
        r"does not hold what its class writes \(\w+: ",
    ),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_no_model_is_refused_in_words(row: str) -> None:
    build, error, says = REFUSED[row]
    with pytest.raises(error, match=says):
        read(build())
