"""Objects that another scikit-learn saved, as today's would have them.

What a version called something else is renamed, what it did not have gets the value that it
implied, and what is gone altogether is held by a stand-in that does nothing. The versions are
those of 0.20 and later; the change logs and the sources of scikit-learn say what changed when.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat.attributes import MENDS
from edge_deploy.frontends.sklearn.compat.stand_ins import FOREIGN, IDLE_PACKAGES, LegacyObject
from edge_deploy.frontends.sklearn.converters.boosters.estimators import facts


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
    if isinstance(estimator, LegacyObject):
        _columns(has)
        return
    if kind.__name__ == "Pipeline" and isinstance(has.get("steps"), list):
        has["steps"] = [step for step in has["steps"] if not _is_sampler(step)]
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            has.setdefault(name, parameter.default)
    if any(name.endswith("_") for name in has):
        _columns(has)
        for names, mend in MENDS.items():
            if kind.__name__ in names.split():
                mend(estimator, has)


def _is_sampler(named: Any) -> bool:
    """Whether a pair holds a sampler of imblearn, which does nothing when a model is asked."""
    step = named[-1] if isinstance(named, (list, tuple)) and named else None
    return isinstance(step, LegacyObject) and type(step).__module__.split(".")[0] in IDLE_PACKAGES


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
