"""Objects that another scikit-learn saved, as today's would have them.

What a version called something else is renamed, what it did not have gets the value that it
implied, and what is gone altogether is held by a stand-in that does nothing. The versions are
those of 0.20 and later; the change logs and the sources of scikit-learn say what changed when.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from edge_deploy.lowering.boosters import facts
from edge_deploy.spec import Array

Global = tuple[str, str]


class Former:
    """An object of a class that scikit-learn no longer has: its data, and nothing else."""

    def __new__(cls, *_: Any, **__: Any) -> Former:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


@functools.cache
def stand_in(module: str, name: str) -> type[Former]:
    """The class that takes the place of one that is gone."""
    return type(name, (Former,), {"__module__": module})


FOREIGN = ("xgboost", "lightgbm", "catboost")
"""Libraries whose classes are never built: a stand-in holds the model that they would load."""

PARTIAL = ("functools", "partial")
"""A call that is yet to be made; a stand-in holds its place, and it is never made."""

_SEARCHING = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
_METRICS = ("sklearn.metrics._dist_metrics", "sklearn.neighbors._dist_metrics",
            "sklearn.neighbors.dist_metrics")  # fmt: skip


def inert(wanted: Iterable[Global], gone: Iterable[Global]) -> frozenset[Global]:
    """What is held by stand-ins: what is gone, what is another library's, and search trees.

    A search tree is one where its metric is gone: the rows that it was made of are in its
    estimator too, and are all that counts.
    """
    found = set(gone)
    if any(module in _METRICS for module, _ in found):
        found |= {one for one in wanted if one[0] in (*_SEARCHING, *_METRICS)}
    return frozenset(found)


def state_of_today(target: Any, state: Any) -> Any:
    """What is set on an object while a pickle is read, in the form that its class takes today."""
    kind = type(target)
    if kind.__module__ == "sklearn.tree._tree" and kind.__name__ == "Tree":
        return _tree_state(target, state)
    if kind.__name__ == "TreePredictor" and isinstance(state, dict):
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

        names = {"num_threshold": "threshold"}
        nodes = _with_fields(state["nodes"], np.dtype(PREDICTOR_RECORD_DTYPE), names)
        none = np.zeros((0, 8), np.uint32)
        return {"raw_left_cat_bitsets": none, "binned_left_cat_bitsets": none, **state,
                "nodes": nodes}  # fmt: skip
    return state


def _tree_state(tree: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """sklearn.tree._tree.Tree: since 1.3 nodes say where missing values go, and hold shares.

    Before, the leaves of classifiers held the weights of the classes.
    """
    from sklearn.tree._tree import NODE_DTYPE

    nodes, values = state["nodes"], state["values"]
    old = "missing_go_to_left" not in (nodes.dtype.names or ())
    nodes = _with_fields(nodes, np.dtype(NODE_DTYPE), {})
    if old and np.max(tree.n_classes, initial=1) > 1:
        sums = values.sum(axis=2, keepdims=True)
        values = values / np.where(sums > 0, sums, 1.0)
    return {**state, "nodes": nodes, "values": np.ascontiguousarray(values, np.float64)}


def _with_fields(old: Array, dtype: np.dtype[Any], renamed: Mapping[str, str]) -> Array:
    """A structured array with today's fields; those that it lacks are 0."""
    new = np.zeros(len(old), dtype)
    have = old.dtype.names or ()
    for name in dtype.names or ():
        if (was := name if name in have else renamed.get(name, "")) in have:
            new[name] = old[was]
    return new


_RENAMED = {
    "base_estimator_": "estimator_",  # 1.2
    "base_estimator": "estimator",
    "sigma_": "var_",  # GaussianNB, 1.0
    "probA_": "_probA", "probB_": "_probB",  # SVC, 0.22 and 0.23
    "x_mean_": "_x_mean", "y_mean_": "_y_mean", "x_std_": "_x_std", "y_std_": "_y_std",  # PLS, 0.24
    "_le": "_label_encoder",  # StackingClassifier, 1.2
}  # fmt: skip
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
# Where an estimator that does not say it shows how many columns it takes: the last axis of ...
_WIDTHS = (
    *("scale_", "center_", "mean_", "data_min_", "statistics_", "cluster_centers_"),
    *("centroids_", "theta_", "feature_log_prob_", "_fit_X", "X_fit_", "components_", "coef_"),
    *("means_", "location_", "subcluster_centers_"),
)


def complete(estimator: Any) -> None:
    """Give an estimator of an older version what today's asks for.

    Parameters that came after the file was saved have defaults that change nothing.
    """
    kind = type(estimator)
    if kind.__module__.partition(".")[0] in FOREIGN:
        vars(estimator).update(facts(estimator))
        return
    if kind.__module__.partition(".")[0] != "sklearn" or not hasattr(estimator, "__dict__"):
        return
    has = vars(estimator)
    for old, new in _RENAMED.items():
        if old in has and new not in has:
            has[new] = has[old]
    if isinstance(estimator, Former):
        _columns(has)
        return
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            has.setdefault(name, parameter.default)
    if any(name.endswith("_") for name in has):
        _columns(has)
        for names, mend in _MENDS.items():
            if kind.__name__ in names.split():
                mend(estimator, has)


def _columns(has: dict[str, Any]) -> None:
    """n_features_in_ of 0.24, from what said it before."""
    if "n_features_in_" in has:
        return
    for name in ("n_features_", "n_features", "_n_features"):
        if isinstance(found := has.get(name), (int, np.integer)):
            has["n_features_in_"] = int(found)
            return
    if "X_thresholds_" in has:  # IsotonicRegression
        has["n_features_in_"] = 1
    elif has.get("coefs_"):
        has["n_features_in_"] = len(has["coefs_"][0])
    elif "shape_fit_" in has:
        has["n_features_in_"] = int(has["shape_fit_"][1])
    elif "categories_" in has:
        has["n_features_in_"] = len(has["categories_"])
    elif "random_weights_" in has:  # RBFSampler
        has["n_features_in_"] = len(has["random_weights_"])
    else:
        shapes = [np.shape(has[name]) for name in _WIDTHS if has.get(name) is not None]
        if shapes and shapes[0]:
            has["n_features_in_"] = int(shapes[0][-1])


def _linear(model: Any, has: dict[str, Any]) -> None:
    key = type(model).__name__, str(has.get("loss"))
    has["loss"] = _LINEAR_LOSSES.get(key, has.get("loss"))


def _boosting(model: Any, has: dict[str, Any]) -> None:
    """Losses of before 1.1 and 1.4, and starting points of before 0.21."""
    has["loss"] = _LOSSES.get(has["loss"], has["loss"])
    if (first := has.get("init_")) is None or "estimators_" not in has:
        return
    has.setdefault("n_trees_per_iteration_", has["estimators_"].shape[1])
    if isinstance(first, Former):
        has["init_"] = _start(first)
    if "_loss" not in has or isinstance(has["_loss"], Former):
        has["_loss"] = model._get_loss(sample_weight=None)


def _start(first: Former) -> Any:
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
        if hasattr(model, "_get_loss") and isinstance(has.get("_loss", Former()), Former):
            if "classes_" in has:
                has["n_classes_"] = len(has["classes_"])
            has["_loss"] = model._get_loss(sample_weight=None)
    for _, step, _ in getattr(has.get("_preprocessor"), "transformers_", ()):
        if isinstance(getattr(step, "func", None), Former):
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
    if isinstance(has.get("_tree"), Former):
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
    """ColumnTransformer of 1.5 to 1.8: the columns that are left are a list with a warning."""
    plain = [
        (*one[:2], list(vars(one[2])["data"])) if isinstance(one[2], Former) else one
        for one in (*has.get("transformers_", ()), has.get("_remainder", ("", "drop", [])))
    ]
    if "transformers_" in has:
        has["transformers_"] = plain[:-1]
    if "_remainder" in has:
        has["_remainder"] = plain[-1]


_MENDS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
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
