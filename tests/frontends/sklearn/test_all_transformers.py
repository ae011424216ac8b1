"""Every transformer, clusterer and outlier detector of scikit-learn is converted or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_classification
from sklearn.ensemble import (
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401, it registers the class
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.kernel_approximation import Nystroem, PolynomialCountSketch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import KernelCenterer, SplineTransformer, StandardScaler
from sklearn.utils import all_estimators

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.frontends.sklearn.converters.registry import lower_steps
from edge_deploy.frontends.sklearn.converters.unsupported import REASONS
from edge_deploy.web.browser import Browser
from tests.support.three_targets import close, read, same_in_three_targets

pytestmark = pytest.mark.slow
TRANSFORMERS = dict(all_estimators(type_filter="transformer"))
PREDICTING = {
    "AffinityPropagation": {}, "BayesianGaussianMixture": {"n_components": 3},
    "Birch": {"threshold": 2.0}, "BisectingKMeans": {"n_clusters": 5}, "EllipticEnvelope": {},
    "GaussianMixture": {"n_components": 3}, "IsolationForest": {"n_estimators": 20},
    "KMeans": {"n_clusters": 4}, "LocalOutlierFactor": {"novelty": True}, "MeanShift": {},
    "MiniBatchKMeans": {}, "OneClassSVM": {"nu": 0.2}, "SGDOneClassSVM": {"nu": 0.3},
}  # fmt: skip
REFUSED_GROUPS = (
    "AgglomerativeClustering", "DBSCAN", "HDBSCAN", "OPTICS", "SpectralClustering",
)  # fmt: skip
REFUSED = (
    "DictVectorizer", "DictionaryLearning", "FeatureHasher", "Isomap", "IsotonicRegression",
    "KNeighborsTransformer", "LabelBinarizer", "LabelEncoder", "LatentDirichletAllocation",
    "LocallyLinearEmbedding", "MiniBatchDictionaryLearning", "MiniBatchNMF",
    "MultiLabelBinarizer", "NMF", "PatchExtractor", "RadiusNeighborsTransformer", "SparseCoder",
    "TSNE",
)  # fmt: skip
OF_TEXTS = ("HashingVectorizer",)  # in test_text_models.py, with CountVectorizer and Tfidf
OF_KERNELS = ("KernelCenterer",)  # its columns are the fitted rows
MEMBERS = [("near", KNeighborsClassifier()), ("line", LogisticRegression())]
VALUED = [("near", KNeighborsRegressor()), ("line", Ridge())]
OF_PAIRS = ("CCA", "PLSCanonical", "PLSRegression", "PLSSVD")  # fit_transform gives two arrays
GIVEN: dict[str, dict[str, Any]] = {
    **{name: {"n_components": 1} for name in OF_PAIRS},
    "GaussianRandomProjection": {"n_components": 3},
    "SparseRandomProjection": {"n_components": 3},
    **{
        name: {"estimator": LogisticRegression()}
        for name in ("RFE", "RFECV", "SelectFromModel", "SequentialFeatureSelector")
    },
    "ColumnTransformer": {"transformers": [("a", StandardScaler(), [0, 3])]},
    "FeatureUnion": {"transformer_list": [("a", StandardScaler()), ("b", SplineTransformer())]},
    "OneHotEncoder": {"handle_unknown": "ignore"},
    "OrdinalEncoder": {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    "SelectKBest": {"k": 3},
    "SparseCoder": {"dictionary": np.eye(5)},
    **{
        name: {"estimators": members}
        for kind, members in (("Classifier", MEMBERS), ("Regressor", VALUED))
        for name in (f"Stacking{kind}", f"Voting{kind}")
    },
}  # fmt: skip


def data() -> tuple[np.ndarray, np.ndarray]:
    return make_classification(
        150, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0
    )  # fmt: skip


def gaps(x: np.ndarray, share: float = 0.2) -> np.ndarray:
    """With holes, and three rows that are nothing else."""
    x = np.where(np.random.default_rng(2).random(x.shape) < share, np.nan, x)
    x[:3] = np.nan
    return x


SHAPED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "AdditiveChi2Sampler": np.abs,
    "IterativeImputer": gaps,
    "KNNImputer": gaps,
    "MissingIndicator": gaps,
    "OneHotEncoder": np.round,
    "OrdinalEncoder": np.round,
    "SimpleImputer": gaps,
    "SkewedChi2Sampler": np.abs,
    "TargetEncoder": np.round,
}


def made(name: str) -> Any:
    step = TRANSFORMERS[name](**GIVEN.get(name, {}))
    if hasattr(step, "random_state"):
        step.random_state = 0
    return step


def same(original: Any, x: np.ndarray, allowed: float = 1e-5) -> None:
    """What was lowered gives the original's answers, in TensorFlow."""
    import tensorflow as tf

    model = read(original)
    want = model.predict({"features": x})
    spec = tf.TensorSpec((None, x.shape[1]), tf.float32)
    function = tf.function(lambda t: model.function({"features": t}), input_signature=[spec])
    got = {name: tensor.numpy() for name, tensor in function(x).items()}
    close(model, got, want, allowed)
    assert len(np.unique(got["class"])) > 1


def fitted(step: Any, x: np.ndarray, last: Any = None) -> Any:
    """A pipeline that ends in a classifier of three classes."""
    y, last = data()[1], last or LogisticRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence on 150 rows is not the point
        if type(step).__name__ not in OF_PAIRS:
            return make_pipeline(step, last).fit(x, y)
        step.fit(x, y)
        return make_pipeline(step, last.fit(step.transform(x), y))


def rows(shape: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
    """Further out than those of the fit."""
    return shape(np.random.default_rng(1).normal(0, 2, (100, 5))).astype(np.float32)


@pytest.mark.parametrize("name", sorted({*TRANSFORMERS} - {*REFUSED, *OF_TEXTS, *OF_KERNELS}))
def test_transformer_before_a_classifier_gives_the_same(name: str) -> None:
    shape = SHAPED.get(name, np.asarray)
    same(fitted(made(name), shape(data()[0])), rows(shape))


@pytest.mark.parametrize("name", REFUSED)
def test_transformer_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ConversionError) as refused:
        lower_steps([made(name)])
    assert f"{name} cannot be converted: {REASONS[name]}. Steps" in str(refused.value)
    assert "StandardScaler" in str(refused.value)


def test_counts() -> None:
    assert {*REFUSED, *OF_TEXTS} <= {*TRANSFORMERS}
    assert (len(TRANSFORMERS) - len(REFUSED), len(TRANSFORMERS)) == (67, 85)
    groups = {name for name, _ in all_estimators(type_filter="cluster")}
    assert {*REFUSED_GROUPS} == groups - {*PREDICTING} - {"FeatureAgglomeration"}


def test_kernels_are_centred_as_the_fitted_ones() -> None:
    x, y = data()
    centred = make_pipeline(KernelCenterer(), LogisticRegression()).fit(rbf_kernel(x), y)
    same(centred, rbf_kernel(rows(), x).astype(np.float32))


OTHERWISE = {
    "nearest by distance": (lambda: KNNImputer(n_neighbors=3, weights="distance"), gaps),
    "more neighbours than rows": (lambda: KNNImputer(n_neighbors=500), gaps),
    "neighbours and indicator": (lambda: KNNImputer(add_indicator=True), gaps),
    "neighbours, an empty column": (
        lambda: KNNImputer(), lambda x: np.where(np.arange(5) == 2, np.nan, gaps(x)),
    ),
    "neighbours, an empty column kept": (
        lambda: KNNImputer(keep_empty_features=True),
        lambda x: np.where(np.arange(5) == 2, np.nan, gaps(x)),
    ),
    "neighbours of a number": (
        lambda: KNNImputer(missing_values=-9.0), lambda x: np.nan_to_num(gaps(x), nan=-9.0),
    ),
    "rounds of a forest": (
        lambda: IterativeImputer(
            RandomForestRegressor(3, random_state=0), max_iter=2, random_state=0
        ),
        gaps,
    ),
    "rounds of few columns": (
        lambda: IterativeImputer(
            n_nearest_features=2, initial_strategy="median", add_indicator=True, random_state=0,
            min_value=-1.0, max_value=1.5,
        ),
        gaps,
    ),
    **{
        f"splines, {how} {degree} {knots}": (
            lambda how=how, degree=degree, knots=knots: SplineTransformer(
                extrapolation=how, degree=degree, knots=knots, include_bias=knots == "uniform"
            ),
            np.asarray,
        )
        for how in ("constant", "continue", "linear", "periodic")
        for degree in (1, 2, 3)
        for knots in ("uniform", "quantile")
        if (how, degree) != ("linear", 1)
    },
    "splines of equal knots": (lambda: SplineTransformer(8, knots="quantile"), np.round),
    **{
        f"{name}, {kernel}": (
            lambda name=name, kernel=kernel: TRANSFORMERS[name](30, kernel=kernel)
            if name == "KernelPCA"
            else TRANSFORMERS[name](kernel, n_components=100, random_state=0),
            np.asarray,
        )
        for name in ("KernelPCA", "Nystroem")
        for kernel in ("linear", "poly", "rbf", "sigmoid", "cosine")
    },
    # Rows that are much alike: weights of 1e5, which float32 could not add up.
    "Nystroem, wide": (lambda: Nystroem(gamma=0.01, random_state=0), np.asarray),
    "leaves of scaled rows": (
        lambda: make_pipeline(StandardScaler(), RandomTreesEmbedding(9, random_state=0)),
        np.asarray,
    ),
    "shares of members": (
        lambda: VotingClassifier(MEMBERS, voting="soft"), np.asarray,
    ),
    "members beside the row": (
        lambda: StackingClassifier(MEMBERS, passthrough=True), np.asarray,
    ),
    "a sketch of three factors": (
        lambda: PolynomialCountSketch(
            gamma=0.5, degree=3, coef0=1.5, n_components=64, random_state=0
        ),
        np.asarray,
    ),
    "side by side": (
        lambda: make_union(Nystroem(n_components=10, random_state=0), StandardScaler()), np.asarray,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", OTHERWISE)
def test_other_parameters_give_the_same(row: str) -> None:
    step, shape = OTHERWISE[row]
    same(fitted(step(), shape(data()[0])), rows(shape))


def test_what_is_folded_into_a_linear_model_is_computed_before_another() -> None:
    nystroem = Nystroem(n_components=10, random_state=0)
    same(fitted(nystroem, data()[0], KNeighborsClassifier()), rows())


UNLIKE = {
    "SplineTransformer of degree 1": (SplineTransformer(degree=1, extrapolation="linear"), "'cont"),
    "SplineTransformer of degree 0": (SplineTransformer(degree=0), "KBinsDiscretizer"),
    "SplineTransformer with extrap": (SplineTransformer(extrapolation="error"), "'periodic'"),
    "KNNImputer with a metric or w": (KNNImputer(weights=lambda d: d), "'uniform' or 'distance'"),
    "IterativeImputer with sample_": (IterativeImputer(sample_posterior=True), "False"),
    "The kernel laplacian": (Nystroem("laplacian", n_components=9), "cosine, linear, poly"),
}


@pytest.mark.parametrize("row", UNLIKE)
def test_parameters_that_cannot_be_converted_are_named_with_a_mend(row: str) -> None:
    step, mend = UNLIKE[row]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step.fit(gaps(data()[0]) if "Imputer" in row else data()[0])
    with pytest.raises(ConversionError, match=f"{row}.*{mend}"):
        lower_steps([step])


def blobs() -> np.ndarray:
    return make_blobs(200, 5, centers=4, cluster_std=3.0, random_state=0)[0] + 100.0


def grouped(name: str, **given: Any) -> Any:
    kind = dict(all_estimators())[name]
    step = kind(**{**PREDICTING[name], **given})
    if hasattr(step, "random_state"):
        step.random_state = 0
    if name == "SGDOneClassSVM" or name == "OneClassSVM":
        step = make_pipeline(StandardScaler(), step)
    return step.fit(blobs())


MIXTURES = {
    f"{name}, {shape}, {prior}": (name, {"covariance_type": shape, **given})
    for shape in ("full", "tied", "diag", "spherical")
    for name, prior, given in (
        ("GaussianMixture", "weights", {}),
        ("BayesianGaussianMixture", "process", {}),
        (
            "BayesianGaussianMixture",
            "dirichlet",
            {"weight_concentration_prior_type": "dirichlet_distribution"},
        ),
    )
}
GROUPED: dict[str, Callable[[], Any]] = {
    **{name: (lambda name=name: grouped(name)) for name in PREDICTING},
    **{row: (lambda row=row: grouped(MIXTURES[row][0], **MIXTURES[row][1])) for row in MIXTURES},
    "every subcluster": lambda: grouped("Birch", n_clusters=None, threshold=4.0),
    "scaled": lambda: make_pipeline(
        StandardScaler(), dict(all_estimators())["BisectingKMeans"](6, random_state=0)
    ).fit(blobs()),
    "outliers by steps": lambda: make_pipeline(
        StandardScaler(), LocalOutlierFactor(novelty=True, p=1, contamination=0.2)
    ).fit(blobs()),
}


@pytest.mark.parametrize("row", GROUPED)
def test_groups_and_outliers_are_the_same(row: str) -> None:
    original = GROUPED[row]()
    x = (blobs() + np.random.default_rng(0).normal(0, 3, (200, 5))).astype(np.float32)
    same(original, x)
    names = np.array(read(original).spec.outputs[0].classes)
    said = read(original).predict({"features": x})["class"]
    assert (names[said] == original.predict(shortest_decimals(x)).astype(str)).all()


@pytest.mark.parametrize("name", REFUSED_GROUPS)
def test_groups_of_fitted_rows_are_refused_with_a_reason(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = dict(all_estimators())[name]().fit(blobs())
    with pytest.raises(SourceError, match="KMeans, GaussianMixture, MeanShift and Birch have"):
        read(model)


def test_outliers_among_the_fitted_rows_are_refused_with_a_mend() -> None:
    with pytest.raises(ConversionError, match="fit it with novelty=True"):
        read(LocalOutlierFactor().fit(blobs()))


NEW_IN_TARGETS = (
    "AdditiveChi2Sampler", "IterativeImputer", "KMeans", "KNNImputer", "KernelPCA", "Nystroem",
    "RBFSampler", "SplineTransformer",
)  # fmt: skip


@pytest.mark.parametrize("name", NEW_IN_TARGETS)
def test_transformers_give_the_same_in_three_targets(name: str, browser: Browser) -> None:
    shape = SHAPED.get(name, np.asarray)
    model = read(fitted(made(name), shape(data()[0])))
    same_in_three_targets(model, rows(shape)[:40], browser)


@pytest.mark.parametrize(
    "name", ["BayesianGaussianMixture", "BisectingKMeans", "Birch", "EllipticEnvelope",
             "LocalOutlierFactor", "SGDOneClassSVM"],
)  # fmt: skip
def test_groups_and_outliers_in_three_targets(name: str, browser: Browser) -> None:
    x = blobs()[:40].astype(np.float32)
    same_in_three_targets(read(grouped(name)), x, browser)
