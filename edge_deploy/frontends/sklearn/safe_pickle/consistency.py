"""Whether the attributes of a fitted estimator fit together, where compiled code believes them.

scikit-learn checks the rows it is given against ``n_features_in_``, and then walks its trees and
copies its support vectors unchecked. Python code is not checked here: it raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.compat.stand_ins import LegacyObject
from edge_deploy.frontends.sklearn.safe_pickle.compiled import (
    MOST_COLUMNS,
    check_predictor,
    matrix,
    require,
    whole,
)

Attributes = Any
"""A dict of attributes by name, of which nothing is known."""

_MOST_PRODUCTS = 1 << 22
_COUNTS = (
    *("n_features_in_", "n_features", "n_components", "n_components_", "n_outputs_", "n_classes_"),
    *("n_trees_per_iteration_", "_n_features_out", "n_samples_fit_", "n_layers_", "degree"),
)
_STACKED = ("predict_proba", "decision_function", "predict")


def check_estimator(estimator: Any) -> None:
    """Refuse an estimator whose compiled code would leave its arrays, or never end.

    Raises:
        Inconsistent: Sizes, indices or types do not fit together.
        UntrustedError: It would call or read what a model has no use for.
    """
    has = vars(estimator)
    for name in _COUNTS:
        count = has.get(name)
        if isinstance(count, (int, np.integer)):
            require(count <= MOST_COLUMNS, f"{name} is {count}")
    if has.get("n_jobs") is not None:
        has["n_jobs"] = None  # how many processes to start is not for a file to say
    for kind in type(estimator).__mro__:
        if (check := _CHECKS.get(kind.__name__)) is not None:
            check(estimator, has)
            return


def _composed_of(**lists: int) -> Callable[[Any, Attributes], None]:
    """A check of the lists that an estimator keeps its members in: how long each entry is.

    One whose name ends in an underscore comes with fitting.
    """

    def check(estimator: Any, has: Attributes) -> None:
        for name, length in lists.items():
            if name not in has and name.endswith("_"):
                continue
            members, kinds = has.get(name), (list, tuple)
            sound = isinstance(members, kinds) and all(
                isinstance(one, kinds) and len(one) == length for one in members
            )
            require(sound, f"the {name} of a {type(estimator).__name__}")

    return check


def _decision_tree(estimator: Any, has: Attributes) -> None:
    if "tree_" in has:
        _width_of_tree(estimator)


def _width_of_tree(estimator: Any) -> int:
    """How many columns an estimator of one tree takes, where it is sound."""
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    require(isinstance(estimator, BaseDecisionTree), "a tree that is none")
    has = vars(estimator)
    grown = has.get("tree_")
    require(type(grown) is Tree, "a tree that is none")
    width = has.get("n_features_in_")
    require(whole(width, 1) and width == grown.n_features, "the columns of a tree")
    require(has.get("n_outputs_", grown.n_outputs) == grown.n_outputs, "the outputs of a tree")
    return int(grown.n_features)


def _all_trees(trees: Iterable[Any], width: Any) -> None:
    require(whole(width, 1), "an ensemble without its columns")
    for one in trees:
        require(_width_of_tree(one) == width, "the columns of an ensemble's trees")


def _forest(estimator: Any, has: Attributes) -> None:
    if "estimators_" in has:
        require(isinstance(has["estimators_"], list), "a forest's trees")
        _all_trees(has["estimators_"], has.get("n_features_in_"))


def _isolation_forest(estimator: Any, has: Attributes) -> None:
    if "estimators_" not in has:
        return
    trees, chosen = has["estimators_"], has.get("estimators_features_")
    width, most = has.get("n_features_in_"), has.get("_max_features")
    require(isinstance(trees, list) and whole(width, 1), "a forest's trees")
    if most is None:  # of before it drew columns
        _all_trees(trees, width)
        return
    _all_trees(trees, most)
    require(whole(most, 1, int(width)), "the columns that a tree draws")
    if most != width:
        require(isinstance(chosen, list) and len(chosen) == len(trees), "the columns of trees")
        require(all(len(columns) == most for columns in chosen), "the columns of trees")


def _boosting(estimator: Any, has: Attributes) -> None:
    if "estimators_" not in has:
        return
    stages, width = has["estimators_"], has.get("n_features_in_")
    grid = isinstance(stages, np.ndarray) and stages.ndim == 2 and stages.size > 0
    require(grid and stages.dtype == object, "the stages of boosting")
    _all_trees(stages.flat, width)
    require(has.get("n_trees_per_iteration_") == stages.shape[1], "the trees of a stage")
    for tree in stages.flat:
        require(tree.tree_.n_outputs == 1, "the outputs of a stage")
    first = has.get("init_")
    if isinstance(first, str) or first is None or isinstance(first, LegacyObject):
        return
    # Whatever it starts from gives as many numbers a row as a stage adds to.
    start = np.asarray(estimator._raw_predict_init(np.zeros((2, int(width)))))
    require(start.shape == (2, stages.shape[1]), "what boosting starts from")


def _histograms(estimator: Any, has: Attributes) -> None:
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    if "_predictors" not in has:
        return
    width = has.get("n_features_in_")
    require(whole(width, 1) and isinstance(has["_predictors"], list), "the columns of boosting")
    bins = vars(has["_bin_mapper"]) if hasattr(has.get("_bin_mapper"), "__dict__") else {}
    categorical = bins.get("is_categorical_")
    require(not has.get("_in_fit"), "boosting that is not at its end")
    if categorical is not None:
        require(isinstance(categorical, np.ndarray) and categorical.ndim == 1, "categories")
        fits = categorical.dtype.kind in "bu" and len(categorical) == width
        require(fits, "categories of columns")
        categorical = categorical != 0
        for values in np.asarray(bins.get("bin_thresholds_"), object)[categorical]:
            require(matrix(values, 1) and ((values >= 0) & (values < 256)).all(), "categories")
    for stage in has["_predictors"]:
        for one in stage:
            require(type(one) is TreePredictor, "a predictor that is none")
            check_predictor(one.nodes, one.raw_left_cat_bitsets, int(width), categorical)
            require(matrix(one.binned_left_cat_bitsets, 2, "u"), "a predictor's categories")
    if (shaped := has.get("_preprocessor")) is not None:
        _same_width(shaped, int(width))


def _same_width(shaped: Any, width: int) -> None:
    """HistGradientBoosting's own ColumnTransformer encodes categories, and keeps all columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
    from sklearn.utils import check_array

    require(type(shaped) is ColumnTransformer, "boosting's encoder")
    require(vars(shaped).get("n_features_in_") == width, "the columns of boosting's encoder")
    given = 0
    for _, step, columns in vars(shaped)["transformers_"]:
        found = np.arange(width)[columns] if np.size(columns) else ()
        given += len(found)
        if isinstance(step, str):
            require(step == "passthrough" or not len(found), "a column that is left out")
        elif type(step) is OrdinalEncoder:
            require(len(step.categories_) == len(found), "boosting's encoder")
        else:
            require(type(step) is FunctionTransformer, "boosting's encoder")
            func = step.func
            own = getattr(func, "__module__", "").startswith("edge_deploy.")
            require(func is None or func is check_array or own, "boosting's encoder")
            require(not step.kw_args, "boosting's encoder")
    require(given == width, "the columns of boosting's encoder")


def _support(estimator: Any, has: Attributes) -> None:
    """libsvm's model is copied by the counts that its arrays claim."""
    from scipy.sparse import issparse

    if "support_vectors_" not in has:
        return
    vectors, counts = has["support_vectors_"], has.get("_n_support")
    weights, biases = has.get("_dual_coef_"), has.get("_intercept_")
    require(matrix(counts, 1, "iu") and len(counts) >= 2 and counts.min() >= 0, "support counts")
    require(issparse(vectors) or matrix(vectors, 2), "support vectors")
    held = has.get("support_")
    require(matrix(held, 1, "iu"), "support vectors")
    number, width, kinds = len(held), has.get("n_features_in_"), len(counts)
    precomputed = has.get("kernel") == "precomputed"
    if precomputed:
        require(vectors.shape[0] in (0, number), "support vectors")
        require(not number or 0 <= held.min() <= held.max() < (width or 0), "support vectors")
    else:
        require(vectors.shape[0] == number and vectors.shape[1] == width, "support vectors")
    fitted = has.get("shape_fit_")
    require(fitted is None or (len(fitted) == 2 and fitted[1] == width), "the rows of the fit")
    classifies = type(estimator).__name__ in ("SVC", "NuSVC")
    require(not classifies or counts.sum() == number, "support counts")
    pairs = kinds * (kinds - 1) // 2
    for one in (weights, has.get("dual_coef_")):
        require(one is not None and one.shape == (kinds - 1, number), "support weights")
        if issparse(one):
            require(one.format == "csr" and one.nnz == (kinds - 1) * number, "support weights")
    require(issparse(weights) or matrix(weights, 2), "support weights")
    require(matrix(biases, 1) and len(biases) == pairs, "support intercepts")
    for name in ("_probA", "_probB"):
        values = has.get(name)
        require(matrix(values, 1) and len(values) in (0, 1, pairs), "support probabilities")
        require(len(values) in (0, pairs) or not classifies, "support probabilities")
    require(bool(has.get("_sparse")) == issparse(vectors), "sparse support vectors")
    require(issparse(weights) == issparse(vectors), "sparse support weights")


def _neighbours(estimator: Any, has: Attributes) -> None:
    from scipy.sparse import issparse

    rows = has.get("_fit_X")
    if rows is None:
        return
    require(issparse(rows) or matrix(rows, 2), "the rows of neighbours")
    width = has.get("n_features_in_")
    require(width is None or rows.shape[1] == width, "the columns of neighbours")
    require(has.get("n_samples_fit_") in (None, rows.shape[0]), "the rows of neighbours")
    labels, known = has.get("_y"), has.get("classes_")
    if labels is not None:
        require(isinstance(labels, np.ndarray) and len(labels) == rows.shape[0], "labels of rows")
        if known is not None and labels.ndim == 1 and not isinstance(known, list):
            fits = matrix(labels, 1, "iu") and (not len(labels) or labels.min() >= 0)
            require(fits and (not len(labels) or labels.max() < len(known)), "labels of rows")
    near = has.get("n_neighbors")
    require(near is None or whole(near, 1), "how many neighbours")
    if known is not None and near is not None:
        require(near <= rows.shape[0], "more neighbours than rows")
    if has.get("_tree") is not None:
        held: Any = getattr(has["_tree"], "data", None)
        require(np.shape(held) == rows.shape, "the rows of a search tree")


def _centres(estimator: Any, has: Attributes) -> None:
    if "cluster_centers_" not in has:
        return
    centres, width = has["cluster_centers_"], has.get("n_features_in_")
    require(matrix(centres, 2) and centres.shape[0] >= 1, "the centres of clusters")
    require(centres.shape[1] == width, "the columns of clusters")
    if "_n_threads" in has:
        has["_n_threads"] = 1
    branches = [has["_bisecting_tree"]] if "_bisecting_tree" in has else []
    while branches:
        branch = vars(branches.pop())
        center = branch.get("center")
        require(matrix(center, 1) and len(center) == width, "the centres of clusters")
        branches += [branch[side] for side in ("left", "right") if branch.get(side) is not None]


def _vectorizer(estimator: Any, has: Attributes) -> None:
    """Words are indices into sparse matrices."""
    if has.get("input", "content") != "content":
        raise UntrustedError(f"a vectorizer that reads files (input={has['input']!r})")
    words = has.get("vocabulary_")
    if words is None:
        return
    require(isinstance(words, dict), "a vocabulary")
    places = list(words.values())
    require(all(whole(place, 0, len(words) - 1) for place in places), "the places of words")
    require(len(set(map(int, places))) == len(words), "two words in one place")


def _hasher(estimator: Any, has: Attributes) -> None:
    if has.get("input", "content") != "content":
        raise UntrustedError(f"a vectorizer that reads files (input={has['input']!r})")
    require(whole(has.get("n_features"), 1), "how many columns words are hashed to")


def _one_hot(estimator: Any, has: Attributes) -> None:
    """Categories are columns of a sparse matrix, which is filled without looking at its width."""
    kinds, widths = has.get("categories_"), has.get("_n_features_outs")
    if kinds is None:
        return
    require(isinstance(kinds, list) and isinstance(widths, list), "the columns of categories")
    require(len(kinds) == len(widths), "the columns of categories")
    dropped = has.get("_drop_idx_after_grouping")
    dropped = [None] * len(kinds) if dropped is None else list(dropped)
    grouped = has.get("_default_to_infrequent_mappings")
    if not has.get("_infrequent_enabled") or grouped is None:
        grouped = [None] * len(kinds)
    require(len(dropped) == len(grouped) == len(kinds), "the columns of categories")
    for values, width, drop, places in zip(kinds, widths, dropped, grouped, strict=True):
        require(isinstance(values, np.ndarray) and values.ndim == 1, "categories")
        count = len(values)
        if values.dtype.kind not in "OUS":  # which are looked for by bisection
            held = values[~np.isnan(values)] if values.dtype.kind == "f" else values
            require((held[1:] > held[:-1]).all(), "the order of categories")
            require(len(values) - len(held) <= 1, "the order of categories")
            require(len(values) == len(held) or values[-1] != values[-1], "the order of categories")
        if places is not None:
            fits = matrix(places, 1, "iu") and len(places) == count and places.min() >= 0
            require(fits and places.max() < count, "the groups of categories")
            count = int(places.max()) + 1
        require(drop is None or whole(drop, 0, count - 1), "the category that is left out")
        require(whole(width) and width == count - (drop is not None), "the columns of categories")


def _agglomerated(estimator: Any, has: Attributes) -> None:
    groups = has.get("labels_")
    if groups is not None:
        require(matrix(groups, 1, "iu"), "the groups of columns")
        require(not len(groups) or 0 <= groups.min() <= groups.max() < len(groups), "groups")


def _products(estimator: Any, has: Attributes) -> None:
    width, degree = has.get("n_features_in_"), has.get("degree", 2)
    if width is None:
        return
    most = degree[-1] if isinstance(degree, (tuple, list)) and len(degree) == 2 else degree
    require(has.get("_max_degree", most) == most, "the degree of products")
    require(whole(width, 0) and whole(most, 0, 1 << 10), "the degree of products")
    count = math.comb(int(width) + int(most), int(most))
    if has.get("interaction_only"):
        count = sum(math.comb(int(width), n) for n in range(min(int(most), int(width)) + 1))
    require(count <= _MOST_PRODUCTS, f"{count} products of columns")


def _stack(estimator: Any, has: Attributes) -> None:
    for method in has.get("stack_method_", ()):
        if method not in _STACKED:
            raise UntrustedError(f"a stack that calls {str(method)[:80]}")


def _thresholds(estimator: Any, has: Attributes) -> None:
    asked = has.get("response_method", "auto")
    if asked not in ("auto", *_STACKED):
        raise UntrustedError(f"a threshold that calls {str(asked)[:80]}")


_CHECKS: dict[str, Callable[[Any, Attributes], None]] = {
    "BaseDecisionTree": _decision_tree,
    "BaseForest": _forest,
    "IsolationForest": _isolation_forest,
    "BaseGradientBoosting": _boosting,
    "BaseHistGradientBoosting": _histograms,
    "BaseLibSVM": _support,
    "NeighborsBase": _neighbours,
    "_BaseKMeans": _centres,
    "CountVectorizer": _vectorizer,
    "DictVectorizer": _vectorizer,
    "HashingVectorizer": _hasher,
    "FeatureHasher": _hasher,
    "OneHotEncoder": _one_hot,
    "FeatureAgglomeration": _agglomerated,
    "PolynomialFeatures": _products,
    "_BaseStacking": _stack,
    "BaseThresholdClassifier": _thresholds,
    "Pipeline": _composed_of(steps=2),
    "FeatureUnion": _composed_of(transformer_list=2),
    "ColumnTransformer": _composed_of(transformers=3, transformers_=3),
}
"""What is checked of an estimator, by the first class of its own or its parents that is here."""
