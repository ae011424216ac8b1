"""Parameters of estimators that cannot be converted: each is named, with what can."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import (
    cluster,
    decomposition,
    dummy,
    ensemble,
    kernel_approximation,
    neighbors,
    semi_supervised,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import QuantileTransformer, SplineTransformer, StandardScaler

from edge_deploy.core.errors import ConversionError
from edge_deploy.frontends.sklearn.converters.registry import lower, lower_steps

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).random((60, 3))
VALUES, CLASSES = X @ [1.0, -2.0, 3.0], np.arange(60) % 3


def of_another_method() -> CalibratedClassifierCV:
    """As a scikit-learn to come may save one."""
    model = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, CLASSES)
    for one in model.calibrated_classifiers_:
        one.method = "beta"
    return model


def collinear() -> QuadraticDiscriminantAnalysis:
    """As a scikit-learn before 1.8 fits it, with a warning."""
    model = QuadraticDiscriminantAnalysis().fit(X, CLASSES)
    model.scalings_[0][-1] = 0.0
    return model


PREDICTORS = {
    "AdaBoostClassifier": (
        lambda: ensemble.AdaBoostClassifier(LogisticRegression()).fit(X, CLASSES),
        "of LogisticRegression cannot be converted yet; of decision trees it can",
    ),
    "AffinityPropagation": (
        lambda: cluster.AffinityPropagation(max_iter=1).fit(X),
        "found no groups .* larger max_iter",
    ),
    "CalibratedClassifierCV": (of_another_method, "method='beta' .* 'sigmoid', 'isotonic'"),
    "DummyClassifier": (
        lambda: dummy.DummyClassifier(strategy="stratified").fit(X, CLASSES),
        "strategy='stratified' cannot be converted; 'prior' and 'most_frequent' can",
    ),
    "FixedThresholdClassifier": (
        lambda: FixedThresholdClassifier(
            LogisticRegression(), response_method="decision_function"
        ).fit(X, CLASSES > 0),
        "FixedThresholdClassifier of decision_function cannot be converted",
    ),
    "GradientBoostingClassifier": (
        lambda: ensemble.GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2).fit(
            X, CLASSES
        ),
        r"the probabilities of LogisticRegression \(init\)",
    ),
    "IsotonicRegression": (
        lambda: IsotonicRegression(out_of_bounds="raise").fit(X[:, 0], VALUES),
        "out_of_bounds='raise' cannot be converted: .* Fit it with 'clip'",
    ),
    "KNeighborsRegressor": (
        lambda: neighbors.KNeighborsRegressor(weights=np.exp).fit(X, VALUES),
        "with weights of a function of your own",
    ),
    "LabelSpreading": (
        lambda: semi_supervised.LabelSpreading(kernel="knn").fit(X, CLASSES),
        "with the kernel knn cannot be converted; rbf can",
    ),
    "KNeighborsClassifier": (
        lambda: neighbors.KNeighborsClassifier(metric="chebyshev").fit(X, CLASSES),
        "with the metric chebyshev .* can: euclidean, manhattan",
    ),
    "NearestCentroid": (
        lambda: neighbors.NearestCentroid(metric="manhattan").fit(X, CLASSES),
        "with the metric manhattan cannot be converted; euclidean can",
    ),
    "OneVsOneClassifier": (
        lambda: OneVsOneClassifier(GaussianNB()).fit(X, CLASSES),
        "needs classifiers with a decision_function",
    ),
    "QuadraticDiscriminantAnalysis": (
        collinear,
        "columns that depend on each other",
    ),
    "RadiusNeighborsRegressor": (
        lambda: neighbors.RadiusNeighborsRegressor(weights="distance").fit(X, VALUES),
        "with weights='uniform' only",
    ),
    "TransformedTargetRegressor": (
        lambda: TransformedTargetRegressor(
            LinearRegression(),
            transformer=QuantileTransformer(n_quantiles=9, output_distribution="normal"),
        ).fit(X, VALUES),
        "QuantileTransformer behind the model is to be undone, which cannot be converted",
    ),
}
TRANSFORMERS = {
    "AdditiveChi2Sampler": (
        lambda: kernel_approximation.AdditiveChi2Sampler(sample_steps=4),  # fit refuses it, too
        r"sample_steps=4\) has no sample_interval",
    ),
    "ColumnTransformer": (
        lambda: ColumnTransformer([("all", StandardScaler(), [0, 1, 2])]).fit(X),
        "ColumnTransformer cannot be converted in this place",
    ),
    "FeatureAgglomeration": (
        lambda: cluster.FeatureAgglomeration(pooling_func=np.median).fit(X),
        "pooling_func of another kind .* numpy.mean can",
    ),
    "KernelPCA": (
        lambda: decomposition.KernelPCA(kernel="rbf", kernel_params={"gamma": 1.0}).fit(X),
        "with kernel_params .* gamma, coef0 and degree",
    ),
    "LinearDiscriminantAnalysis": (
        lambda: LinearDiscriminantAnalysis(solver="lsqr").fit(X, CLASSES),
        "solver='lsqr' transforms nothing, .* solver='svd'",
    ),
    "SplineTransformer of one value": (
        lambda: SplineTransformer().fit(np.ones_like(X)),
        "fitted on a column of one value",
    ),
    "SplineTransformer": (
        lambda: SplineTransformer(9, degree=2, knots="quantile").fit(
            np.where((X > 0.3) & (X < 0.8), 0.5, X)
        ),
        "knots that are equal so often .* knots='uniform'",
    ),
}


def refused(build: Any, lowering: Any, words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = build()
    with pytest.raises(ConversionError, match=words):
        lowering(model)


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictor_that_cannot_be_converted_is_named(name: str) -> None:
    refused(PREDICTORS[name][0], lower, PREDICTORS[name][1])


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_step_that_cannot_be_converted_is_named(name: str) -> None:
    refused(TRANSFORMERS[name][0], lambda step: lower_steps([step]), TRANSFORMERS[name][1])
