"""Boosting of other libraries: the estimators of XGBoost and LightGBM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.boosters.catboost import catboost_facts
from edge_deploy.frontends.sklearn.converters.boosters.xgboost_lightgbm_format import (
    lightgbm_categories,
    lightgbm_model,
    xgboost_categories,
    xgboost_model,
)
from edge_deploy.frontends.sklearn.converters.categorical_splits import (
    HALF,
    Sets,
    encoded,
    own_encoder,
)
from edge_deploy.frontends.sklearn.converters.registry import (
    Affine,
    Predict,
    Transform,
    predictor,
    real,
)
from edge_deploy.frontends.sklearn.converters.tree import voted, with_sets
from edge_deploy.frontends.sklearn.converters.tree_traversal import Tree


def _refuse(model: Any, what: str) -> ConversionError:
    return ConversionError(
        f"{type(model).__name__} {what} cannot be converted. Trees that split on numbers and "
        "categories can, of the usual objectives of classifiers and regressors."
    )


def facts(model: Any) -> dict[str, Any]:
    """What scikit-learn's estimators say of themselves: ``n_features_in_``, ``classes_`` ...

    ... ``feature_names_in_`` of a frame, the categories in it (``own_categories_``), and the
    column (negative at leaves and sets) and the threshold of each node (``splits_``).
    """
    has = vars(model)
    if type(model).__name__.startswith("CatBoost"):
        return catboost_facts(model)
    found: dict[str, Any] = {}
    categories: dict[int, list[Any]] = {}
    names: list[str] = []
    if type(model).__name__.startswith("XGB") and "_Booster" in has:
        learner = _learner(model)
        parameters = learner["learner_model_param"]
        found["n_features_in_"] = int(parameters["num_feature"])
        if type(model).__name__.endswith("Classifier"):
            found["classes_"] = np.arange(max(2, int(parameters["num_class"])))
        names, categories = learner.get("feature_names") or [], xgboost_categories(learner)
        found["splits_"] = [
            (
                np.where(
                    (np.asarray(one["left_children"]) < 0)
                    | (np.asarray(one.get("split_type", 0)) > 0),
                    -1,
                    np.asarray(one["split_indices"]),
                ),
                np.asarray(one["split_conditions"], np.float64),
            )
            for one in learner["gradient_booster"].get("model", {}).get("trees", [])
        ]
    elif type(model).__name__.startswith("LGBM") and "_n_features" in has:
        found["n_features_in_"] = int(has["_n_features"])
        if has.get("_classes") is not None:
            found["classes_"] = np.asarray(has["_classes"])
        head, trees = _lightgbm(model)
        found["splits_"] = [_lightgbm_splits(one) for one in trees]
        categories = lightgbm_categories(head)
        names = head.get("feature_names", "").split(" ")
        if not categories and names == [f"Column_{n}" for n in range(len(names))]:
            names = []  # it was fitted on an array
    if len(names) == found.get("n_features_in_"):
        found["feature_names_in_"] = np.array(names, dtype=object)
    if categories and "own_categories_" not in has:
        unknown = "error" if type(model).__name__.startswith("XGB") else "use_encoded_value"
        found["own_categories_"] = own_encoder(categories, unknown)
    return found


def _lightgbm(model: Any) -> tuple[dict[str, str], list[dict[str, str]]]:
    state = vars(model._Booster)
    return lightgbm_model(state.get("_handle", state.get("handle")))


def _summed(
    model: Any, trees: list[Tree], sets: Sets, before: Affine, places: int, single: bool
) -> Transform:
    """The sum of the trees, over the columns as the library has them."""
    front, before, place = encoded(model, sets.width, before)
    summed = with_sets(model, trees, replace(sets, place=place), before, single, places)
    return summed if front is None else lambda x: summed(front(x))


def _learner(model: Any) -> dict[str, Any]:
    return xgboost_model(vars(model._Booster).get("handle"))


@predictor(
    "XGBClassifier", "XGBModel", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor",
    folds_fills=True,
)  # fmt: skip
def xgboost(model: Any, before: Affine) -> Predict:
    """xgboost.XGBModel.predict: base_score and the sum of the trees, through the objective.

    A row goes left where ``x < split_condition``, both float32.
    """
    learner = _learner(model)
    booster = learner["gradient_booster"]
    missing = getattr(model, "missing", None)
    if booster.get("name") != "gbtree" or not (missing is None or np.isnan(missing)):
        raise _refuse(model, f"of {booster.get('name')} (booster, or missing={missing})")
    parameters, content = learner["learner_model_param"], booster["model"]
    objective = learner["objective"]["name"]
    places = max(1, int(parameters["num_class"]))
    trees, groups = content["trees"], list(content["tree_info"])
    if (best := learner.get("attributes", {}).get("best_iteration")) is not None:
        ends = content.get("iteration_indptr")
        last = (int(best) + 1) * places if ends is None else int(ends[int(best) + 1])
        trees, groups = trees[:last], groups[:last]
    sets = Sets(int(parameters["num_feature"]))
    by_class = [
        [
            _xgboost_tree(model, one, sets)
            for one, of in zip(trees, groups, strict=True)
            if of == place
        ]
        for place in range(places)
    ]
    taking_turns = [one for turn in zip(*by_class, strict=True) for one in turn]
    summed = _summed(model, taking_turns, sets, before, places, single=True)
    start = _base(parameters["base_score"], objective).astype(real())
    return _through(model, objective, lambda x: summed(x) + start, tf.sigmoid)


def _base(written: Any, objective: str) -> Array:
    """base_score as a margin: it is written as a prediction (ObjFunction::ProbToMargin)."""
    scores = np.array([float(part) for part in str(written).strip("[]").split(",")])
    if objective in ("binary:logistic", "reg:logistic", "binary:logitraw"):
        scores = np.log(scores / (1 - scores)) if objective != "binary:logitraw" else scores
    elif objective in ("count:poisson", "reg:gamma", "reg:tweedie"):
        scores = np.log(scores)
    return scores[np.newaxis]


def _xgboost_tree(model: Any, tree: Any, sets: Sets) -> Tree:
    """Categories that are listed at a node go right, and all others left (src/common/categorical.h,
    Decision).
    """
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise _refuse(model, "with trees of several outputs")
    left, right = (np.asarray(tree[name], np.int64) for name in ("left_children", "right_children"))
    inner = left >= 0
    split = np.asarray(tree["split_conditions"], np.float32)
    limit = np.where(inner, np.nextafter(split, np.float32(-np.inf)).astype(np.float64), 0.0)
    column = np.where(inner, np.asarray(tree["split_indices"], np.int64), 0)
    missing = np.asarray(tree["default_left"]).astype(bool)
    if np.any(tree.get("split_type", 0)):
        listed = np.asarray(tree["categories"], np.int64)
        parts = (tree[f"categories_{name}"] for name in ("nodes", "segments", "sizes"))
        for n, start, size in zip(*parts, strict=True):
            right_ones = listed[int(start) : int(start) + int(size)]
            goes_left = np.ones(int(right_ones.max(initial=-1)) + 1, bool)
            goes_left[right_ones] = False
            column[n] = sets.column(column[n], goes_left, True, missing[n])
            limit[n], missing[n] = HALF, True
    return Tree(
        column,
        limit,
        left,
        right,
        missing,
        np.where(inner, 0.0, split.astype(np.float64))[:, np.newaxis],
    )


_IDENTITY = (
    *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:linear"),
    *("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
    *("rank:ndcg", "rank:pairwise", "rank:map", "lambdarank", "rank_xendcg"),
)
_EXP = ("count:poisson", "reg:gamma", "reg:tweedie", "poisson", "gamma", "tweedie")
_LOGISTIC = ("binary:logistic", "binary", "reg:logistic", "cross_entropy")
_SOFTMAX = ("multi:softprob", "multi:softmax", "multiclass")


def _through(model: Any, objective: str, raw: Any, sigmoid: Any, factor: float = 1.0) -> Predict:
    """Raw predictions through what the objective makes of them."""
    classifier = type(model).__name__.endswith("Classifier")
    if classifier and objective in (*_LOGISTIC, *_SOFTMAX):
        return lambda x: voted(raw(x), factor)
    if not classifier and objective in _IDENTITY:
        return lambda x: {"value": raw(x)}
    if not classifier and objective in _EXP:
        return lambda x: {"value": tf.exp(raw(x))}
    if not classifier and objective in _LOGISTIC:
        return lambda x: {"value": sigmoid(raw(x) * factor)}
    raise _refuse(model, f"with the objective {objective}")


@predictor("LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor", folds_fills=True)
def lightgbm(model: Any, before: Affine) -> Predict:
    """lightgbm.LGBMModel.predict: the sum of the trees (their mean for rf), and the objective.

    Its nodes compare in float64.
    """
    head, trees = _lightgbm(model)
    objective, *options = head.get("objective", "none").split()
    if "sqrt" in options:
        raise _refuse(model, "with reg_sqrt")
    places = int(head["num_tree_per_iteration"])
    if (best := int(getattr(model, "_best_iteration", 0) or 0)) > 0:
        trees = trees[: best * places]
    sets = Sets(int(head["max_feature_idx"]) + 1)
    nodes = [_lightgbm_tree(model, one, sets) for one in trees]
    summed = _summed(model, nodes, sets, before, places, single=False)
    share = len(nodes) // places if "average_output" in head else 1
    named = dict(option.partition(":")[::2] for option in options)
    factor = float(named.get("sigmoid", 1.0))
    return _through(model, objective, lambda x: summed(x) / float(share), tf.sigmoid, factor)


def _lightgbm_splits(tree: Mapping[str, str]) -> tuple[Array, Array]:
    columns, kinds = (
        np.array(tree.get(name, "").split(), np.int64)
        for name in ("split_feature", "decision_type")
    )
    # Behind the nodes come as many leaves, and one.
    column = np.concatenate([np.where(kinds & 1, -1, columns), np.full(len(columns) + 1, -1)])
    threshold = np.zeros(len(column))
    threshold[: len(columns)] = np.array(tree.get("threshold", "").split(), np.float64)
    return column, threshold


def _lightgbm_tree(model: Any, tree: dict[str, str], sets: Sets) -> Tree:
    """src/io/tree.h: leaves are ``~index``; bit 1 of decision_type sends missing values left.

    Bit 0 marks a split on categories: those in its bitset go left, and all else right.
    """

    def numbers(name: str, kind: Any = np.int64) -> Array:
        return np.array(tree.get(name, "").split(), dtype=kind)

    leaf = numbers("leaf_value", np.float64)
    split = len(leaf) - 1
    kinds, threshold = numbers("decision_type"), numbers("threshold", np.float64)
    missing = kinds >> 2 & 3
    asks = np.flatnonzero(kinds & 1)
    if int(tree.get("is_linear", 0)) or (missing[~kinds & 1 == 1] == 1).any():
        raise _refuse(model, "with linear trees or zero_as_missing")

    def child(name: str) -> Array:
        places = numbers(name)
        return np.concatenate(
            [np.where(places < 0, split + ~places, places), np.full(split + 1, -1)]
        )

    # Where a column had no missing values, a missing one counts as 0.
    left = np.where(missing == 2, kinds & 2, threshold >= 0).astype(bool)
    ends, column = np.zeros(split + 1), numbers("split_feature")
    starts, words = numbers("cat_boundaries"), numbers("cat_threshold").astype("<u4")
    for n in asks:
        at = int(threshold[n])
        bits = words[starts[at] : starts[at + 1]].view(np.uint8)
        goes_left = np.unpackbits(bits, bitorder="little").astype(bool)
        column[n] = sets.column(column[n], goes_left, False, False)
        threshold[n], left[n] = HALF, True
    return Tree(
        np.concatenate([column, ends.astype(np.int64)]),
        np.concatenate([threshold, ends]),
        child("left_child"),
        child("right_child"),
        np.concatenate([left, ends > 0]),
        np.concatenate([np.zeros(split), leaf])[:, np.newaxis],
    )
