"""Every classifier and regressor of scikit-learn, with its defaults, is converted or refused."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Arrays, LoadedModel
from edge_deploy.web.browser import Browser
from tests.support.three_targets import TARGETS, close, read, together

pytestmark = pytest.mark.slow
TYPES = ("classifier", "regressor")
ESTIMATORS = {name: kind for one in TYPES for name, kind in all_estimators(type_filter=one)}
REFUSED = {"GaussianProcessClassifier": "its Laplace approximation needs float64"}
ONNX_ONLY = ("GaussianProcessRegressor",)  # in test_onnx_only.py
CLASSIFIERS = [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))]
REGRESSORS = [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]
ON_ONE = (
    "FixedThresholdClassifier", "MultiOutputClassifier", "OneVsOneClassifier",
    "OneVsRestClassifier", "OutputCodeClassifier", "SelfTrainingClassifier",
    "TunedThresholdClassifierCV",
)  # fmt: skip
HOLDS: dict[str, dict[str, Any]] = {
    **{name: {"estimator": LogisticRegression()} for name in ON_ONE},
    "ClassifierChain": {"estimator": LogisticRegression()},
    "MultiOutputRegressor": {"estimator": LinearRegression()},
    "RegressorChain": {"estimator": LinearRegression()},
    "StackingClassifier": {"estimators": CLASSIFIERS},
    "StackingRegressor": {"estimators": REGRESSORS},
    "VotingClassifier": {"estimators": CLASSIFIERS},
    "VotingRegressor": {"estimators": REGRESSORS},
    "OutputCodeClassifier": {"estimator": LogisticRegression(), "code_size": 4},
    # The default of 1 has no row near a new one.
    "RadiusNeighborsClassifier": {"radius": 2.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": {"radius": 8.0},
}  # fmt: skip
COUNTS = ("CategoricalNB", "ComplementNB", "MultinomialNB")
MANY_LABELS = ("ClassifierChain", "MultiOutputClassifier")
MANY_VALUES = ("CCA", "MultiOutputRegressor", "PLSCanonical", "RegressorChain")


def fitted(name: str) -> Any:
    kind = ESTIMATORS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated, and still in people's files
        model = kind(**HOLDS.get(name, {}))
    if hasattr(model, "random_state"):
        model.random_state = 0
    if issubclass(kind, tuple(k for n, k in all_estimators(type_filter="classifier"))):
        two = name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
        x, y = make_classification(
            150, 5, n_informative=4, n_redundant=0, n_classes=2 if two else 3, random_state=0
        )
        if name in MANY_LABELS:
            y = np.stack([y > 0, y > 1], axis=1).astype(int)
        if name in COUNTS:
            x = np.abs(x).round()
    else:
        several = 2 if name in MANY_VALUES or name.startswith("MultiTask") else 1
        x, y = make_regression(150, 5, n_targets=several, noise=3.0, random_state=0)
        y = y / np.abs(y).max()
        if name in ("GammaRegressor", "PoissonRegressor"):
            y = np.exp(y)
        if name == "IsotonicRegression":
            x = x[:, :1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence on 150 rows is not the point
        return model.fit(x, y)


CONVERTED = sorted({*ESTIMATORS} - {*REFUSED, *ONNX_ONLY})
TOGETHER = 12
"""How many estimators share files: each conversion costs a second or two, whatever it holds."""


def groups() -> dict[str, tuple[str, ...]]:
    """From each estimator to those that it shares files with: they take the same table."""
    found: dict[str, tuple[str, ...]] = {}
    alone = [(name,) for name in CONVERTED if name == "IsotonicRegression"]
    others = [name for name in CONVERTED if name not in (*COUNTS, "IsotonicRegression")]
    parts = [others[n : n + TOGETHER] for n in range(0, len(others), TOGETHER)]
    for group in (*alone, COUNTS, *map(tuple, parts)):
        found |= dict.fromkeys(group, group)
    return found


@dataclass(frozen=True)
class Asked:
    """An estimator, its own answers, and those of its files by target."""

    model: LoadedModel
    want: Arrays
    got: dict[str, Arrays]


@pytest.fixture(scope="module")
def asked(browser: Browser) -> Callable[[str], Asked]:
    """An estimator by its name; a group is converted when one of it is first asked for."""

    @functools.cache
    def of_group(names: tuple[str, ...]) -> dict[str, Asked]:
        models = {name: read(fitted(name)) for name in names}
        width = int(models[names[0]].spec.inputs[0].shape[1] or 0)
        x = np.random.default_rng(0).normal(0, 1, (50, width)).astype(np.float32)
        if names == COUNTS:
            x = np.abs(x).round()
        got = together(models, x, browser)
        return {
            name: Asked(model, model.predict({"features": x}), got[name])
            for name, model in models.items()
        }

    found = groups()
    return lambda name: of_group(found[name])[name]


@pytest.mark.parametrize("name", CONVERTED)
def test_estimator_gives_the_same_in_three_targets(
    name: str, asked: Callable[[str], Asked]
) -> None:
    one = asked(name)
    for target, allowed in TARGETS.items():
        close(one.model, one.got[target], one.want, allowed)


@pytest.mark.parametrize("name", REFUSED)
def test_estimator_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConversionError, match=name):
        read(fitted(name))


def test_nearly_all_are_converted() -> None:
    assert set(REFUSED) <= set(ESTIMATORS)
    assert (len(ESTIMATORS) - len(REFUSED) - len(ONNX_ONLY), len(ESTIMATORS)) == (97, 99)


def test_what_an_ensemble_holds_is_refused_by_its_own_name() -> None:
    from sklearn.ensemble import VotingClassifier

    x, y = make_classification(60, 5, random_state=0)
    members = [("a", RandomForestClassifier(2)), ("b", GaussianProcessClassifier())]
    with pytest.raises(ConversionError, match="GaussianProcessClassifier"):
        read(VotingClassifier(members).fit(x, y))
