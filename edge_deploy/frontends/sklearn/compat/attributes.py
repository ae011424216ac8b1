"""What today's estimators ask for, class by class, in those that an older version saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat.stand_ins import LegacyObject

_LOSSES = {
    "deviance": "log_loss", "binary_crossentropy": "log_loss", "auto": "log_loss",
    "categorical_crossentropy": "log_loss", "ls": "squared_error", "lad": "absolute_error",
    "least_squares": "squared_error", "least_absolute_deviation": "absolute_error",
}  # fmt: skip
# (class, loss) by the names they had when the file was saved: the same functions.
_LINEAR_LOSSES = {
    ("SGDClassifier", "log"): "log_loss",
    ("SGDRegressor", "squared_loss"): "squared_error",
}


def _linear(model: Any, has: dict[str, Any]) -> None:
    key = type(model).__name__, str(has.get("loss"))
    has["loss"] = _LINEAR_LOSSES.get(key, has.get("loss"))


def _boosting(model: Any, has: dict[str, Any]) -> None:
    """Losses of before 1.1 and 1.4, and starting points of before 0.21."""
    has["loss"] = _LOSSES.get(has["loss"], has["loss"])
    if (first := has.get("init_")) is None or "estimators_" not in has:
        return
    has.setdefault("n_trees_per_iteration_", has["estimators_"].shape[1])
    if isinstance(first, LegacyObject):
        has["init_"] = _start(first)
    if "_loss" not in has or isinstance(has["_loss"], LegacyObject):
        has["_loss"] = model._get_loss(sample_weight=None)


def _start(first: LegacyObject) -> Any:
    """sklearn.ensemble.gradient_boosting of 0.20: estimators of constants, as dummies."""
    from scipy.special import expit
    from sklearn.dummy import DummyClassifier, DummyRegressor

    has, name = vars(first), type(first).__name__
    if name == "ZeroEstimator":
        return "zero"
    start: Any
    if name in ("LogOddsEstimator", "ScaledLogOddsEstimator"):
        odds = float(np.ravel(has["prior"])[0]) * (2 if name.startswith("Scaled") else 1)
        prior = np.array([expit(-odds), expit(odds)])
    elif name == "PriorProbabilityEstimator":
        prior = np.asarray(has["priors"], np.float64)
    else:  # MeanEstimator, QuantileEstimator
        start = DummyRegressor()
        start.constant_ = np.reshape(has["mean" if "mean" in has else "quantile"], (1, 1))
        start.n_outputs_ = 1
        return start
    start = DummyClassifier(strategy="prior")
    vars(start).update(
        class_prior_=prior, classes_=np.arange(len(prior)), n_classes_=len(prior), n_outputs_=1,
        _strategy="prior", sparse_output_=False,
    )  # fmt: skip
    return start


def _dummy(model: Any, has: dict[str, Any]) -> None:
    has.setdefault("_strategy", has["strategy"])
    has.setdefault("sparse_output_", False)
    has.setdefault("n_outputs_", 1)


def _histograms(model: Any, has: dict[str, Any]) -> None:
    has["loss"] = _LOSSES.get(has["loss"], has["loss"])
    if has.get("_predictors"):
        has.setdefault("n_trees_per_iteration_", len(has["_predictors"][0]))
        has.setdefault("is_categorical_", None)
        has.setdefault("_preprocessor", None)
        has["_baseline_prediction"] = np.reshape(has["_baseline_prediction"], (1, -1))
        if hasattr(model, "_get_loss") and isinstance(
            has.get("_loss", LegacyObject()), LegacyObject
        ):
            if "classes_" in has:
                has["n_classes_"] = len(has["classes_"])
            has["_loss"] = model._get_loss(sample_weight=None)
    for _, step, _ in getattr(has.get("_preprocessor"), "transformers_", ()):
        if isinstance(getattr(step, "func", None), LegacyObject):
            step.func = _as_numbers


def _as_numbers(x: Any) -> Array:
    """What HistGradientBoosting's ColumnTransformer does with numbers: a partial of check_array."""
    from sklearn.utils import check_array

    return np.asarray(check_array(x, dtype=[np.float64], ensure_all_finite=False))


def _support(model: Any, has: dict[str, Any]) -> None:
    if "n_support_" in has:
        has.setdefault("_n_support", np.asarray(has["n_support_"], np.int32))
    has.setdefault("_probA", np.empty(0))
    has.setdefault("_probB", np.empty(0))
    has.setdefault("_sparse", False)
    has.setdefault("_effective_probability", len(has["_probA"]) > 0)
    has.setdefault("_num_iter", 0)


def _neighbours(model: Any, has: dict[str, Any]) -> None:
    if isinstance(has.get("_tree"), LegacyObject):
        has["_tree"], has["_fit_method"] = None, "brute"
    if has.get("_fit_X") is not None:
        has.setdefault("n_samples_fit_", has["_fit_X"].shape[0])
        has.setdefault("effective_metric_", has["metric"])
        has.setdefault("effective_metric_params_", dict(has.get("metric_params") or {}))


def _imputer(model: Any, has: dict[str, Any]) -> None:
    """SimpleImputer, and sklearn.preprocessing.Imputer of before 0.22."""
    if isinstance(has["missing_values"], str) and has["missing_values"] == "NaN":
        has["missing_values"] = np.nan
    has.setdefault("indicator_", None)
    for name in ("_fit_dtype", "_fill_dtype"):
        has.setdefault(name, np.asarray(has["statistics_"]).dtype)


def _one_hot(model: Any, has: dict[str, Any]) -> None:
    if "sparse" in has:
        has["sparse_output"] = has["sparse"]
    has.setdefault("drop_idx_", None)
    has.setdefault("_infrequent_enabled", False)
    has.setdefault("_drop_idx_after_grouping", has["drop_idx_"])
    if "categories_" in has:
        dropped = has["_drop_idx_after_grouping"]
        gone = (
            [0] * len(has["categories_"]) if dropped is None else [d is not None for d in dropped]
        )
        widths = [len(c) - int(g) for c, g in zip(has["categories_"], gone, strict=True)]
        has.setdefault("_n_features_outs", widths)


def _ordinal(model: Any, has: dict[str, Any]) -> None:
    has.setdefault("_infrequent_enabled", False)
    has.setdefault("_missing_indices", {})


def _calibrated(model: Any, has: dict[str, Any]) -> None:
    for old, new in (("calibrators_", "calibrators"), ("classes_", "classes")):
        if old in has:
            has.setdefault(new, has[old])


def _least_squares(model: Any, has: dict[str, Any]) -> None:
    """PLS of before 1.1: coef_ is (columns, targets), of columns divided by their spread."""
    if "intercept_" not in has and "coef_" in has:
        spread = np.reshape(has.get("_x_std", 1.0), (-1, 1))
        has["coef_"] = np.ascontiguousarray((np.asarray(has["coef_"]) / spread).T)
        has["intercept_"] = has["_y_mean"]


def _kernel_components(model: Any, has: dict[str, Any]) -> None:
    """KernelPCA of before 1.0 (names) and 1.2 (gamma_)."""
    for old, new in (("lambdas_", "eigenvalues_"), ("alphas_", "eigenvectors_")):
        if old in has:
            has.setdefault(new, has[old])
    if "n_features_in_" in has:
        has.setdefault("gamma_", has["gamma"] or 1.0 / has["n_features_in_"])


def _by_neighbours(model: Any, has: dict[str, Any]) -> None:
    """KNNImputer of before 0.24."""
    mark, rows = has["missing_values"], np.asarray(has["_fit_X"], np.float64)
    gone = np.isnan(rows) if mark is None or mark != mark else rows == mark
    has.setdefault("_mask_fit_X", gone)
    has.setdefault("_valid_mask", ~gone.all(axis=0))
    has.setdefault("indicator_", None)


def _stacked(model: Any, has: dict[str, Any]) -> None:
    if isinstance(has.get("_label_encoder"), list) and len(has["_label_encoder"]) == 1:
        has["_label_encoder"] = has["_label_encoder"][0]


def _left_columns(model: Any, has: dict[str, Any]) -> None:
    """ColumnTransformer of 1.5 to 1.8: the columns that are left are a list with a warning.

    Before 1.0, the names of the columns had another name.
    """
    plain = [
        (*one[:2], list(vars(one[2])["data"])) if isinstance(one[2], LegacyObject) else one
        for one in (*has.get("transformers_", ()), has.get("_remainder", ("", "drop", [])))
    ]
    for name in ("_feature_names_in", "_df_columns"):  # of 0.24, of 0.22 and 0.23
        if has.get(name) is not None:
            has.setdefault("feature_names_in_", np.asarray(has[name], object))
    if "transformers_" in has:
        has["transformers_"] = plain[:-1]
    if "_remainder" in has:
        has["_remainder"] = plain[-1]


MENDS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "SGDClassifier SGDRegressor": _linear,
    "GradientBoostingClassifier GradientBoostingRegressor": _boosting,
    "HistGradientBoostingClassifier HistGradientBoostingRegressor": _histograms,
    "DummyClassifier DummyRegressor": _dummy,
    "SVC NuSVC SVR NuSVR OneClassSVM": _support,
    "ColumnTransformer": _left_columns,
    "KNeighborsClassifier KNeighborsRegressor RadiusNeighborsRegressor "
    "RadiusNeighborsClassifier LocalOutlierFactor NearestNeighbors": _neighbours,
    "KNNImputer": _by_neighbours,
    "KernelPCA": _kernel_components,
    "SimpleImputer": _imputer,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "_CalibratedClassifier": _calibrated,
    "PLSRegression PLSCanonical CCA": _least_squares,
    "StackingClassifier": _stacked,
}
"""What else today's estimators of these classes ask for."""
