"""The globals that a scikit-learn pickle may name, one by one.

A pickle calls what it names, so a whole package is never allowed: numpy alone holds functions
that run code. What is here only builds objects: estimators, arrays, and their small parts.
Written out and not asked of scikit-learn, so that a new version does not widen the list unseen.
"""

from __future__ import annotations

from edge_deploy.frontends.sklearn.compat.stand_ins import of_imblearn

_ESTIMATORS = {
    "calibration": "CalibratedClassifierCV",
    "cluster._affinity_propagation": "AffinityPropagation",
    "cluster._agglomerative": "AgglomerativeClustering FeatureAgglomeration",
    "cluster._bicluster": "SpectralBiclustering SpectralCoclustering",
    "cluster._birch": "Birch",
    "cluster._bisect_k_means": "BisectingKMeans",
    "cluster._dbscan": "DBSCAN",
    "cluster._hdbscan.hdbscan": "HDBSCAN",
    "cluster._kmeans": "KMeans MiniBatchKMeans",
    "cluster._mean_shift": "MeanShift",
    "cluster._optics": "OPTICS",
    "cluster._spectral": "SpectralClustering",
    "compose._column_transformer": "ColumnTransformer",
    "compose._target": "TransformedTargetRegressor",
    "covariance._elliptic_envelope": "EllipticEnvelope",
    "covariance._empirical_covariance": "EmpiricalCovariance",
    "covariance._graph_lasso": "GraphicalLasso GraphicalLassoCV",
    "covariance._robust_covariance": "MinCovDet",
    "covariance._shrunk_covariance": "LedoitWolf OAS ShrunkCovariance",
    "cross_decomposition._pls": "CCA PLSCanonical PLSRegression PLSSVD",
    "decomposition._dict_learning": "DictionaryLearning MiniBatchDictionaryLearning SparseCoder",
    "decomposition._factor_analysis": "FactorAnalysis",
    "decomposition._fastica": "FastICA",
    "decomposition._incremental_pca": "IncrementalPCA",
    "decomposition._kernel_pca": "KernelPCA",
    "decomposition._lda": "LatentDirichletAllocation",
    "decomposition._nmf": "MiniBatchNMF NMF",
    "decomposition._pca": "PCA",
    "decomposition._sparse_pca": "MiniBatchSparsePCA SparsePCA",
    "decomposition._truncated_svd": "TruncatedSVD",
    "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "dummy": "DummyClassifier DummyRegressor",
    "ensemble._bagging": "BaggingClassifier BaggingRegressor",
    "ensemble._forest": (
        "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier "
        "RandomForestRegressor RandomTreesEmbedding"
    ),
    "ensemble._gb": "GradientBoostingClassifier GradientBoostingRegressor",
    "ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    ),
    "ensemble._iforest": "IsolationForest",
    "ensemble._stacking": "StackingClassifier StackingRegressor",
    "ensemble._voting": "VotingClassifier VotingRegressor",
    "ensemble._weight_boosting": "AdaBoostClassifier AdaBoostRegressor",
    "feature_extraction._dict_vectorizer": "DictVectorizer",
    "feature_extraction._hash": "FeatureHasher",
    "feature_extraction.image": "PatchExtractor",
    "feature_extraction.text": "CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer",
    "feature_selection._from_model": "SelectFromModel",
    "feature_selection._rfe": "RFE RFECV",
    "feature_selection._sequential": "SequentialFeatureSelector",
    "feature_selection._univariate_selection": (
        "GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile"
    ),
    "feature_selection._variance_threshold": "VarianceThreshold",
    "frozen._frozen": "FrozenEstimator",
    "gaussian_process._gpc": "GaussianProcessClassifier",
    "gaussian_process._gpr": "GaussianProcessRegressor",
    "impute._base": "MissingIndicator SimpleImputer",
    "impute._iterative": "IterativeImputer",
    "impute._knn": "KNNImputer",
    "isotonic": "IsotonicRegression",
    "kernel_approximation": (
        "AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler"
    ),
    "kernel_ridge": "KernelRidge",
    "linear_model._base": "LinearRegression",
    "linear_model._bayes": "ARDRegression BayesianRidge",
    "linear_model._coordinate_descent": (
        "ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet MultiTaskElasticNetCV "
        "MultiTaskLasso MultiTaskLassoCV"
    ),
    "linear_model._glm.glm": "GammaRegressor PoissonRegressor TweedieRegressor",
    "linear_model._huber": "HuberRegressor",
    "linear_model._least_angle": "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC",
    "linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "linear_model._omp": "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV",
    "linear_model._passive_aggressive": "PassiveAggressiveClassifier PassiveAggressiveRegressor",
    "linear_model._perceptron": "Perceptron",
    "linear_model._quantile": "QuantileRegressor",
    "linear_model._ransac": "RANSACRegressor",
    "linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
    "linear_model._stochastic_gradient": "SGDClassifier SGDOneClassSVM SGDRegressor",
    "linear_model._theil_sen": "TheilSenRegressor",
    "manifold._classical_mds": "ClassicalMDS",
    "manifold._isomap": "Isomap",
    "manifold._locally_linear": "LocallyLinearEmbedding",
    "manifold._mds": "MDS",
    "manifold._spectral_embedding": "SpectralEmbedding",
    "manifold._t_sne": "TSNE",
    "mixture._bayesian_mixture": "BayesianGaussianMixture",
    "mixture._gaussian_mixture": "GaussianMixture",
    "model_selection._classification_threshold": (
        "FixedThresholdClassifier TunedThresholdClassifierCV"
    ),
    "model_selection._search": "GridSearchCV RandomizedSearchCV",
    "model_selection._search_successive_halving": "HalvingGridSearchCV HalvingRandomSearchCV",
    "multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier",
    "multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "neighbors._classification": "KNeighborsClassifier RadiusNeighborsClassifier",
    "neighbors._graph": "KNeighborsTransformer RadiusNeighborsTransformer",
    "neighbors._kde": "KernelDensity",
    "neighbors._lof": "LocalOutlierFactor",
    "neighbors._nca": "NeighborhoodComponentsAnalysis",
    "neighbors._nearest_centroid": "NearestCentroid",
    "neighbors._regression": "KNeighborsRegressor RadiusNeighborsRegressor",
    "neighbors._unsupervised": "NearestNeighbors",
    "neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "neural_network._rbm": "BernoulliRBM",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing._data": (
        "Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer "
        "QuantileTransformer RobustScaler StandardScaler"
    ),
    "preprocessing._discretization": "KBinsDiscretizer",
    "preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "preprocessing._function_transformer": "FunctionTransformer",
    "preprocessing._label": "LabelBinarizer LabelEncoder MultiLabelBinarizer",
    "preprocessing._polynomial": "PolynomialFeatures SplineTransformer",
    "preprocessing._target_encoder": "TargetEncoder",
    "random_projection": "GaussianRandomProjection SparseRandomProjection",
    "semi_supervised._label_propagation": "LabelPropagation LabelSpreading",
    "semi_supervised._self_training": "SelfTrainingClassifier",
    "svm._classes": "LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR",
    "tree._classes": (
        "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor"
    ),
}
"""scikit-learn's public estimators, below ``sklearn``, where their classes really live."""

_PARTS = {
    "_loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss "
        "CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss "
        "CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss "
        "__pyx_unpickle_CyHalfMultinomialLoss"
    ),
    "_loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "_loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
        "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss "
        "PinballLoss"
    ),
    "calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "cluster._birch": "_CFNode _CFSubcluster",
    "compose._column_transformer": "make_column_selector",
    "cluster._bisect_k_means": "_BisectingTree",
    "ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter "
        "Matern Product RBF RationalQuadratic Sum WhiteKernel"
    ),
    "impute._iterative": "_ImputerTriplet",
    "linear_model._sgd_fast": (
        "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge"
    ),
    "linear_model._stochastic_gradient": "_ValidationScoreCallback",
    "metrics._dist_metrics": (
        "ChebyshevDistance64 EuclideanDistance64 HaversineDistance64 ManhattanDistance64 "
        "MinkowskiDistance64 newObj"
    ),
    "metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer",
    "model_selection._split": (
        "GroupKFold GroupShuffleSplit KFold LeaveOneOut RepeatedKFold RepeatedStratifiedKFold "
        "ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit"
    ),
    "multiclass": "_ConstantPredictor",
    "neighbors._ball_tree": "BallTree BallTree32 BallTree64 newObj",
    "neighbors._kd_tree": "KDTree KDTree32 KDTree64 newObj",
    "neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "tree._tree": "Tree",
    "utils": "Bunch",
    "utils._bunch": "Bunch",
    "utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
}
"""What fitted estimators are made of, below ``sklearn``."""

_BASE = {
    "numpy": "dtype",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.ma.core": "_mareconstruct",
    "numpy.random": "__RandomState_ctor",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence",
    "scipy.interpolate._bsplines": "BSpline _BSpline",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._dia": "dia_array dia_matrix",
    "builtins": "bytearray bytes complex frozenset object range set slice",
    "collections": "OrderedDict defaultdict",
    "types": "SimpleNamespace",
    # How protocols 0 to 2 spell an object and a byte string; the reader has its own of both.
    "copyreg": "_reconstructor",
    "_codecs": "encode",
    # By these names alone, whichever module a version had them in: see normal().
    "pandas": (
        "ArrowStringArray ArrowStringArrayNumpySemantics BlockManager BooleanArray BooleanDtype "
        "Categorical CategoricalDtype DataFrame DateOffset DatetimeArray Flags Float64Dtype "
        "FloatingArray Int64Dtype IntegerArray NumpyEADtype NumpyExtensionArray PandasArray "
        "PandasDtype Series SingleBlockManager StringArray StringDtype "
        "__pyx_unpickle_BlockPlacement __pyx_unpickle_NDArrayBacked _new_DatetimeIndex "
        "_new_Index _unpickle_block new_block"
    ),
    "pyarrow.lib": "_restore_array chunked_array py_buffer type_for_alias",
}
"""Arrays, random states, sparse matrices and plain containers: the builder has its own of each."""

_CLASSES = {
    "numpy": "matrix memmap ndarray",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray",
    "numpy.random": "RandomState",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random.bit_generator": "SeedSequence",
    "builtins": "dict list tuple",
    "pandas": (
        "CategoricalIndex DatetimeIndex Float64Index Index Int64Index MultiIndex NA "
        "NumericIndex RangeIndex TimedeltaArray UInt64Index"
    ),
}
"""Classes that a call names as what it makes: arguments of it, and nothing else."""

_DILL = {"dill._dill": "_create_array _load_type"}
"""How dill spells arrays and plain types; the reader of records spells them out again."""

_TYPES = {
    "builtins": "bool float int object str",
    "numpy": (
        "bool bool_ float16 float32 float64 int16 int32 int64 int8 intc longdouble longlong "
        "number str_ uint16 uint32 uint64 uint8 uintc ulonglong"
    ),
}
"""Types of numbers, which estimators keep as parameters."""

_FUNCTIONS = {
    "numpy": (
        "absolute cbrt cos exp exp2 expm1 log log10 log1p log2 mean median negative "
        "reciprocal sign sin sqrt square tanh"
    ),
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    # numpy's own functions name the module that they are compiled in.
    "numpy._core._multiarray_umath": (
        "absolute cbrt cos exp exp2 expm1 log log10 log1p log2 negative reciprocal sign sin sqrt "
        "square tanh"
    ),
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score f1_score log_loss precision_score recall_score"
    ),
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": "mean_absolute_error mean_squared_error r2_score",
    "sklearn.utils.validation": "check_array",
}
"""Functions that estimators keep as parameters: they compute on arrays, and nothing else."""

_IDLE = {"sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd"}
"""Functions that only fitting calls; a stand-in holds the place of each."""

_RENAMED = {
    "_loss": "sklearn._loss._loss",  # as scikit-learn 1.5 to 1.7 called its compiled losses
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "dill.dill": "dill._dill",
    "numpy.core._multiarray_umath": "numpy._core._multiarray_umath",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "scipy.sparse.coo": "scipy.sparse._coo",
    "scipy.sparse.csc": "scipy.sparse._csc",
    "scipy.sparse.csr": "scipy.sparse._csr",
    "scipy.sparse.dia": "scipy.sparse._dia",
}
"""Modules by the names that Python 2, numpy 1 and scipy before 1.8 gave them."""

Global = tuple[str, str]
"""A module, and a name in it."""


def _pairs(table: dict[str, str], package: str = "") -> frozenset[Global]:
    return frozenset((package + m, name) for m, names in table.items() for name in names.split())


ESTIMATORS = _pairs(_ESTIMATORS, "sklearn.")
"""The classes of estimators."""

BUILDERS = ESTIMATORS | _pairs(_PARTS, "sklearn.") | _pairs(_BASE)
"""What a file may name and call."""

IDLE = _pairs(_IDLE)
"""What a file may name, and is never called."""

VALUES = _pairs(_TYPES) | _pairs(_FUNCTIONS)
"""What a file may name and store."""

ARRAY_IN_FILE = frozenset(
    (module, "NumpyArrayWrapper")
    for module in ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
)
"""joblib's mark for an array whose bytes follow in the file."""

LISTED = BUILDERS | VALUES | IDLE | _pairs(_CLASSES) | _pairs(_DILL) | ARRAY_IN_FILE
"""All that a file may name."""

MODULES = frozenset(module for module, _ in LISTED - ARRAY_IN_FILE)
"""The modules that are imported for what is on the lists."""


_OTHERWISE = {
    ("preprocessing", "Imputer"): ("sklearn.impute._base", "SimpleImputer"),
}
"""Classes that have another name today, by package and old name."""


def _package(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


_TODAY = {(_package(m), n): (m, n) for m, n in LISTED if m.startswith("sklearn.")}
_TODAY.update(_OTHERWISE)
_SEARCH_TREES = {"kd_tree": "_kd_tree", "ball_tree": "_ball_tree"}


def normal(module: str, name: str) -> Global:
    """A global by the name that it has today.

    scikit-learn has moved its classes between the modules of a package (``sklearn.tree.tree``
    became ``sklearn.tree._classes`` in 0.22), and kept their names; so a class that is on the
    lists is found by its package and name. So has pandas, of which nothing is ever
    imported. ``newObj`` is in several modules of one package.
    """
    module = _RENAMED.get(module, module)
    if module.startswith("imblearn."):
        return of_imblearn(module, name)
    if module == "pandas._libs.tslibs.offsets":
        return "pandas", "DateOffset"
    if module.partition(".")[0] == "pandas" and ("pandas", name) in LISTED:
        return "pandas", name
    if module.startswith("sklearn.neighbors.") and (end := module.rpartition(".")[2]):
        module = f"sklearn.neighbors.{_SEARCH_TREES.get(end, end)}"
    if (module, name) in LISTED or not module.startswith("sklearn.") or name == "newObj":
        return module, name
    return _TODAY.get((_package(module), name), (module, name))
