"""Fitted scikit-learn models of every family but the linear ones: a name and how to fit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import cluster, ensemble, naive_bayes, neighbors, neural_network, svm, tree
from sklearn import decomposition as dec
from sklearn import discriminant_analysis as da
from sklearn import feature_selection as fs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

COLUMNS = 5


def regression(targets: int = 1) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_regression(80, COLUMNS, n_targets=targets, noise=1.0, random_state=0)
    return x, y


def classes(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(
        120, COLUMNS, n_informative=4, n_redundant=0, n_classes=count, random_state=0
    )
    return x, np.array(["no", "yes", "perhaps", "later"])[y]


def with_gaps(data: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Some values missing, more often in one class or at one end."""
    x, y = data
    chance = 0.1 + 0.3 * (y == y[0]) if y.dtype.kind == "U" else 0.1 + 0.3 * (y > 0)
    gaps = np.random.default_rng(3).random(x.shape) < chance[:, None]
    return np.where(gaps, np.nan, x), y


def positive() -> tuple[np.ndarray, np.ndarray]:
    x, y = regression()
    return x, np.exp(y / np.abs(y).max())


TREES: dict[str, Callable[[], Any]] = {
    **{
        f"{name}, {count}": (
            lambda name=name, module=module, count=count: getattr(module, name)(
                random_state=0
            ).fit(*classes(count))
        )
        for module, names in (
            (tree, ("DecisionTreeClassifier", "ExtraTreeClassifier")),
            (
                ensemble,
                (
                    "ExtraTreesClassifier",
                    "GradientBoostingClassifier",
                    "HistGradientBoostingClassifier",
                    "RandomForestClassifier",
                ),
            ),
        )
        for name in names
        for count in (2, 4)
    },
    **{
        f"{name}, {targets}": (
            lambda name=name, module=module, targets=targets: getattr(module, name)(
                random_state=0
            ).fit(*regression(targets))
        )
        for module, names in (
            (tree, ("DecisionTreeRegressor", "ExtraTreeRegressor")),
            (ensemble, ("ExtraTreesRegressor", "RandomForestRegressor")),
        )
        for name in names
        for targets in (1, 3)
    },
    "GradientBoostingRegressor": lambda: ensemble.GradientBoostingRegressor().fit(*regression()),
    "HistGradientBoostingRegressor": lambda: ensemble.HistGradientBoostingRegressor().fit(
        *regression()
    ),
    "a leaf alone": lambda: tree.DecisionTreeRegressor(min_samples_leaf=60).fit(
        *regression()
    ),
    "best first": lambda: tree.DecisionTreeClassifier(max_leaf_nodes=7).fit(*classes(4)),
    "weighted classes": lambda: ensemble.RandomForestClassifier(
        20, max_depth=3, class_weight="balanced"
    ).fit(*classes(4)),
    "boosting from zero": lambda: ensemble.GradientBoostingClassifier(init="zero").fit(
        *classes(4)
    ),
    "boosting from a line": lambda: ensemble.GradientBoostingRegressor(
        init=LinearRegression()
    ).fit(*regression()),
    "exponential boosting": lambda: ensemble.GradientBoostingClassifier(loss="exponential").fit(
        *classes(2)
    ),
    "boosting of quantiles": lambda: ensemble.GradientBoostingRegressor(
        loss="quantile", alpha=0.8
    ).fit(*regression()),
    "boosting of counts": lambda: ensemble.HistGradientBoostingRegressor(loss="poisson").fit(
        *positive()
    ),
    "boosting of gamma": lambda: ensemble.HistGradientBoostingRegressor(loss="gamma").fit(
        *positive()
    ),
    "scaled forest": lambda: make_pipeline(
        StandardScaler(), ensemble.RandomForestClassifier(20)
    ).fit(*classes(4)),
    "scaled tree": lambda: make_pipeline(
        MinMaxScaler((-3, 1)), tree.DecisionTreeRegressor()
    ).fit(*regression()),
    "scaled boosting": lambda: make_pipeline(
        StandardScaler(), MinMaxScaler(), ensemble.HistGradientBoostingClassifier()
    ).fit(*classes(2)),
    "forest with gaps": lambda: ensemble.RandomForestClassifier(20).fit(*with_gaps(classes(2))),
    "tree with gaps": lambda: tree.DecisionTreeRegressor().fit(*with_gaps(regression())),
    "boosting with gaps": lambda: ensemble.HistGradientBoostingClassifier().fit(
        *with_gaps(classes(2))
    ),
    "boosting of values with gaps": lambda: ensemble.HistGradientBoostingRegressor().fit(
        *with_gaps(regression())
    ),
}  # fmt: skip


def counts(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = classes(count)
    return np.abs(x).round(1), y


FAMILIES: dict[str, Callable[[], Any]] = {
    **{
        f"{name}, {count}": (lambda make=make, data=data, count=count: make().fit(*data(count)))
        for count in (2, 4)
        for name, make, data in (
            ("BernoulliNB", naive_bayes.BernoulliNB, classes),
            ("ComplementNB", naive_bayes.ComplementNB, counts),
            ("GaussianNB", naive_bayes.GaussianNB, classes),
            ("KNeighborsClassifier", neighbors.KNeighborsClassifier, classes),
            ("LinearDiscriminantAnalysis", da.LinearDiscriminantAnalysis, classes),
            ("MLPClassifier", lambda: neural_network.MLPClassifier((8, 8)), classes),
            ("MultinomialNB", naive_bayes.MultinomialNB, counts),
            ("NearestCentroid", neighbors.NearestCentroid, classes),
            (
                "NearestCentroid, priors",
                lambda: neighbors.NearestCentroid(priors="empirical"),
                lambda count: tuple(part[:70] for part in classes(count)),
            ),
            ("NuSVC", lambda: svm.NuSVC(nu=0.3), classes),
            ("QuadraticDiscriminantAnalysis", da.QuadraticDiscriminantAnalysis, classes),
            ("SVC", svm.SVC, classes),
            ("SVC linear", lambda: svm.SVC(kernel="linear"), classes),
            ("SVC poly", lambda: svm.SVC(kernel="poly", coef0=1.0), classes),
            ("SVC sigmoid", lambda: svm.SVC(kernel="sigmoid", gamma=0.1), classes),
            ("SVC probabilities", lambda: svm.SVC(probability=True, random_state=0), classes),
            ("NuSVC probabilities", lambda: svm.NuSVC(nu=0.3, probability=True), classes),
            (
                "SVC by pairs",
                lambda: svm.SVC(decision_function_shape="ovo", probability=False),
                classes,
            ),
            (
                "neighbors by distance",
                lambda: neighbors.KNeighborsClassifier(3, weights="distance"),
                classes,
            ),
        )
    },
    "BernoulliNB of bits": lambda: naive_bayes.BernoulliNB(binarize=None).fit(
        counts(2)[0] > 0.5, counts(2)[1]
    ),
    "KNeighborsRegressor": lambda: neighbors.KNeighborsRegressor().fit(*regression()),
    "KNeighborsRegressor, 3": lambda: neighbors.KNeighborsRegressor(
        p=1, weights="distance"
    ).fit(*regression(3)),
    "KernelRidge": lambda: KernelRidge().fit(*regression()),
    "KernelRidge rbf": lambda: KernelRidge(kernel="rbf", alpha=0.5).fit(*regression(2)),
    "MLPRegressor": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(8,), activation="tanh"
    ).fit(
        *regression()
    ),
    "NuSVR": lambda: svm.NuSVR().fit(*regression()),
    "RadiusNeighborsRegressor": lambda: neighbors.RadiusNeighborsRegressor(8.0).fit(
        *regression()
    ),
    "SVR": lambda: svm.SVR(C=10).fit(*regression()),
    "scaler, SVC": lambda: make_pipeline(StandardScaler(), svm.SVC()).fit(*classes(4)),
    "scaler, GaussianNB": lambda: make_pipeline(
        StandardScaler(), naive_bayes.GaussianNB()
    ).fit(*classes(4)),
    "scaler, BernoulliNB": lambda: make_pipeline(
        MinMaxScaler(), naive_bayes.BernoulliNB(binarize=0.4)
    ).fit(*classes(4)),
    "scaler, neighbors": lambda: make_pipeline(
        StandardScaler(), neighbors.KNeighborsClassifier()
    ).fit(*classes(4)),
}  # fmt: skip


def line() -> Ridge:
    return Ridge(alpha=1e-3)


TRANSFORMED: dict[str, Callable[[], Any]] = {
    type(step).__name__ + f" {number}": (
        lambda step=step: make_pipeline(step, line()).fit(*regression())
    )
    for number, step in enumerate(
        (
            Binarizer(threshold=0.2),
            PolynomialFeatures(),
            PolynomialFeatures(3, interaction_only=True, include_bias=False),
            SimpleImputer(),
            dec.IncrementalPCA(3),
            dec.PCA(3),
            dec.PCA(3, whiten=True),
            dec.TruncatedSVD(3),
            fs.GenericUnivariateSelect(fs.f_regression, mode="k_best", param=2),
            fs.RFE(line(), n_features_to_select=2),
            fs.RFECV(line()),
            fs.SelectFdr(fs.f_regression, alpha=0.5),
            fs.SelectFpr(fs.f_regression, alpha=0.5),
            fs.SelectFromModel(line()),
            fs.SelectFwe(fs.f_regression, alpha=0.5),
            fs.SelectKBest(fs.f_regression, k=2),
            fs.SelectPercentile(fs.f_regression, percentile=50),
            fs.SequentialFeatureSelector(line(), n_features_to_select=2),
            fs.VarianceThreshold(0.5),
        )
    )
}

COMPOUND: dict[str, Callable[[], Any]] = {
    "gaps filled": lambda: make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), line()
    ).fit(*with_gaps(regression())),
    "PCA, forest": lambda: make_pipeline(
        StandardScaler(), dec.PCA(3), ensemble.RandomForestRegressor(10)
    ).fit(*regression()),
    "calibrated line": lambda: CalibratedClassifierCV(LogisticRegression(), cv=3).fit(*classes(4)),
    "calibrated forest": lambda: CalibratedClassifierCV(
        ensemble.RandomForestClassifier(10), cv=2
    ).fit(*classes(2)),
    **{
        f"calibrated by {method}, {name}, {count}": (
            lambda method=method, make=make, count=count: CalibratedClassifierCV(
                make(), method=method, cv=2, ensemble=make is not svm.SVC
            ).fit(*classes(count))
        )
        for method in ("isotonic", "sigmoid", "temperature")
        for name, make in (
            ("one SVC", svm.SVC),
            ("trees", lambda: tree.DecisionTreeClassifier(max_depth=3)),
            ("line", LogisticRegression),
        )
        for count in (2, 4)
    },
    "calibrated stack": lambda: CalibratedClassifierCV(
        ensemble.StackingClassifier(
            [("a", LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))],
            LogisticRegression(),
        ),
        method="isotonic",
        cv=2,
    ).fit(*classes(2)),
    "one against the rest": lambda: OneVsRestClassifier(svm.SVC()).fit(*classes(4)),
    "one against the rest, trees": lambda: OneVsRestClassifier(
        tree.DecisionTreeClassifier(max_depth=3)
    ).fit(*classes(4)),
    "one against the rest, 2": lambda: OneVsRestClassifier(LogisticRegression()).fit(*classes(2)),
    "one against one, 2": lambda: OneVsOneClassifier(LogisticRegression()).fit(*classes(2)),
    "votes": lambda: ensemble.VotingClassifier(
        [("a", LogisticRegression()), ("b", tree.DecisionTreeClassifier()), ("c", svm.SVC())],
        weights=[2, 1, 1.5],
    ).fit(*classes(4)),
    "soft votes after a scaler": lambda: make_pipeline(
        StandardScaler(),
        ensemble.VotingClassifier(
            [("a", LogisticRegression()), ("b", naive_bayes.GaussianNB())], voting="soft"
        ),
    ).fit(*classes(4)),
    "stack with its input": lambda: make_pipeline(
        StandardScaler(),
        ensemble.StackingClassifier(
            [("a", svm.LinearSVC()), ("b", ensemble.RandomForestClassifier(10))],
            passthrough=True,
        ),
    ).fit(*classes(2)),
    "bagging of some columns": lambda: ensemble.BaggingClassifier(max_features=0.6).fit(
        *classes(4)
    ),
    "bagging of neighbours": lambda: make_pipeline(
        StandardScaler(),
        ensemble.BaggingClassifier(
            neighbors.KNeighborsClassifier(weights="distance"), 5, max_features=0.6
        ),
    ).fit(*classes(4)),
    "bagging of votes": lambda: ensemble.BaggingClassifier(svm.LinearSVC(), 7).fit(*classes(2)),
    "bagging of lines": lambda: ensemble.BaggingRegressor(Ridge(), 5, max_features=0.8).fit(
        *regression()
    ),
    "adaboost, 2": lambda: ensemble.AdaBoostClassifier(
        tree.DecisionTreeClassifier(max_depth=2), n_estimators=20
    ).fit(*classes(2)),
    "scaled adaboost": lambda: make_pipeline(
        StandardScaler(), ensemble.AdaBoostRegressor(n_estimators=20)
    ).fit(*regression()),
    "target of a scaler": lambda: TransformedTargetRegressor(
        Ridge(), transformer=StandardScaler()
    ).fit(*regression()),
    "target of a power": lambda: TransformedTargetRegressor(
        Ridge(), transformer=PowerTransformer()
    ).fit(*regression()),
    "target of a power of a logarithm": lambda: TransformedTargetRegressor(
        Ridge(),
        transformer=make_pipeline(
            FunctionTransformer(np.log1p, np.expm1), PowerTransformer("box-cox")
        ),
    ).fit(*positive()),
    "target of quantiles": lambda: TransformedTargetRegressor(
        Ridge(), transformer=QuantileTransformer(n_quantiles=20)
    ).fit(*regression()),
    "target of a logarithm": lambda: TransformedTargetRegressor(
        Ridge(), func=np.log, inverse_func=np.exp
    ).fit(*positive()),
}

UNUSUAL: dict[str, Callable[[], Any]] = {
    "KMeans": lambda: make_pipeline(StandardScaler(), cluster.KMeans(4)).fit(classes(4)[0]),
    "MiniBatchKMeans": lambda: cluster.MiniBatchKMeans(3).fit(classes(4)[0]),
    "IsolationForest": lambda: ensemble.IsolationForest(n_estimators=20, random_state=0).fit(
        classes(2)[0]
    ),
    "IsolationForest of some columns": lambda: make_pipeline(
        StandardScaler(),
        ensemble.IsolationForest(max_features=3, contamination=0.1),
    ).fit(classes(2)[0]),
    "OneClassSVM": lambda: svm.OneClassSVM(nu=0.2).fit(classes(2)[0]),
    "isotonic line": lambda: IsotonicRegression(out_of_bounds="clip").fit(
        regression()[0][:, :1], regression()[1]
    ),
    "threshold of 0.3": lambda: FixedThresholdClassifier(
        LogisticRegression(), threshold=0.3, pos_label="no"
    ).fit(*classes(2)),
}
