"""The globals that a scikit-learn pickle may name, one by one.

A pickle calls what it names, so a whole package is never allowed: numpy alone holds functions
that run code. What is here only builds objects: estimators, arrays, and their small parts.
"""

from __future__ import annotations

_ESTIMATORS = {
    "calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
    "cluster": "KMeans MiniBatchKMeans",
    "compose": "ColumnTransformer TransformedTargetRegressor",
    "decomposition": "PCA TruncatedSVD",
    "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "dummy": "DummyClassifier DummyRegressor",
    "ensemble": (
        "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor "
        "ExtraTreesClassifier ExtraTreesRegressor GradientBoostingClassifier "
        "GradientBoostingRegressor HistGradientBoostingClassifier HistGradientBoostingRegressor "
        "IsolationForest RandomForestClassifier RandomForestRegressor StackingClassifier "
        "StackingRegressor VotingClassifier VotingRegressor"
    ),
    "feature_extraction.text": "CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer",
    "feature_selection": (
        "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe "
        "SelectKBest SelectPercentile VarianceThreshold"
    ),
    "impute": "KNNImputer MissingIndicator SimpleImputer",
    "linear_model": (
        "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars "
        "LarsCV Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression "
        "LogisticRegression LogisticRegressionCV MultiTaskElasticNet MultiTaskLasso "
        "OrthogonalMatchingPursuit PassiveAggressiveClassifier PassiveAggressiveRegressor "
        "Perceptron PoissonRegressor QuantileRegressor RANSACRegressor Ridge RidgeCV "
        "RidgeClassifier RidgeClassifierCV SGDClassifier SGDRegressor TheilSenRegressor "
        "TweedieRegressor"
    ),
    "model_selection": "GridSearchCV RandomizedSearchCV",
    "multiclass": "OneVsOneClassifier OneVsRestClassifier",
    "multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "neighbors": "KNeighborsClassifier KNeighborsRegressor NearestCentroid",
    "neural_network": "MLPClassifier MLPRegressor",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing": (
        "Binarizer FunctionTransformer KBinsDiscretizer LabelBinarizer LabelEncoder MaxAbsScaler "
        "MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder "
        "PolynomialFeatures PowerTransformer QuantileTransformer RobustScaler StandardScaler "
        "TargetEncoder"
    ),
    "svm": "LinearSVC LinearSVR NuSVC NuSVR SVC SVR",
    "tree": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
}
ESTIMATORS = {name: package for package, names in _ESTIMATORS.items() for name in names.split()}
"""Public estimators by class name, with the package below ``sklearn`` that exports each."""

_OTHERS = {
    # Parts of fitted estimators that are no estimators.
    "sklearn.tree._tree": "Tree",
    "sklearn.utils": "Bunch",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils.deprecation": "",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder MultiLabelBinarizer",
    "sklearn.neighbors._kd_tree": "KDTree newObj",
    "sklearn.neighbors._ball_tree": "BallTree newObj",
    "sklearn._loss.link": (
        "BaseLink HalfLogitLink IdentityLink Interval LogitLink LogLink MultinomialLogit"
    ),
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
        "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HuberLoss PinballLoss"
    ),
    "sklearn._loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss "
        "CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHuberLoss CyPinballLoss"
    ),
    "sklearn.linear_model._stochastic_gradient": "_ValidationScoreCallback",
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge "
        "SquaredLoss"
    ),
    # numpy: array constructors.
    "numpy": "dtype ndarray",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.random": "RandomState",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pickle": "__bit_generator_ctor __randomstate_ctor",
    # scipy: sparse matrices.
    "scipy.sparse.csr": "csr_matrix",
    "scipy.sparse.csc": "csc_matrix",
    "scipy.sparse.coo": "coo_matrix",
    "scipy.sparse.dia": "dia_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._dia": "dia_array dia_matrix",
    # joblib's place holder for an array that follows in the file.
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    # Python: plain containers, and how old protocols spell an object and a byte string.
    "builtins": "bytearray complex dict float frozenset int list object range set slice str tuple",
    "__builtin__": "bytearray complex dict float frozenset int list object range set slice str",
    "collections": "OrderedDict defaultdict",
    "copy_reg": "_reconstructor",
    "copyreg": "_reconstructor",
    "_codecs": "encode",
}
_PAIRS = frozenset((module, name) for module, names in _OTHERS.items() for name in names.split())
_NUMPY_SCALARS = frozenset(
    [
        "bool",
        "bool_",
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "intc",
        "longdouble",
        "longlong",
        "str_",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "uintc",
        "ulonglong",
    ]
)


def allowed(module: str, name: str) -> bool:
    """Whether a pickle may name this global without being trusted.

    An estimator may be named from any private module of the package that exports it, since
    those move from version to version; whether the object found there is that class is for the
    reader to check.
    """
    if (module, name) in _PAIRS or (module == "numpy" and name in _NUMPY_SCALARS):
        return True
    package = ESTIMATORS.get(name)
    if package is None:
        return False
    top = package.split(".")[0]
    return module == f"sklearn.{top}" or module.startswith(f"sklearn.{top}.")
