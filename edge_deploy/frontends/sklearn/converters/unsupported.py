"""Why some of scikit-learn's estimators are not converted, and what to take in their place."""

from __future__ import annotations

_STEPS = (
    "its transform is a search of its own for every row, which is no fixed number of steps. PCA, "
    "TruncatedSVD and FactorAnalysis are products with a matrix, and convert"
)
_NEIGHBOURS = (
    "its transform follows a graph of the fitted rows. PCA, KernelPCA and Nystroem can take its "
    "place in a pipeline"
)
_NO_TABLE = "it takes {} and not a table of numbers"
_TARGET = (
    "it is for targets and not for columns. For columns of categories there are OneHotEncoder and "
    "OrdinalEncoder; a classifier keeps its own labels"
)
_GROUPS = (
    "it groups the rows that it was fitted on, and has no answer for new ones. KMeans, "
    "GaussianMixture, MeanShift and Birch have; or fit a classifier, such as "
    "KNeighborsClassifier, on its labels_"
)
_GRAPH = (
    "it makes a sparse graph of distances for a model that takes such. Put the data into "
    "KNeighborsClassifier or KNeighborsRegressor directly"
)
_PICTURE = "it draws the rows that it was fitted on, and cannot place new ones. PCA can"
_COVARIANCE = (
    "it estimates a covariance, and predicts nothing. EllipticEnvelope tells outliers by one, and "
    "converts"
)

ONNX_ONLY = ("GaussianProcessRegressor",)
"""Of what has a reason below, those that skl2onnx converts as a rule, to ONNX alone."""

REASONS = {
    "AgglomerativeClustering": _GROUPS,
    "ClassicalMDS": _PICTURE,
    "DBSCAN": _GROUPS,
    "DictVectorizer": f"{_NO_TABLE.format('dicts')}. Fit on a data frame with OneHotEncoder",
    "DictionaryLearning": _STEPS,
    "EmpiricalCovariance": _COVARIANCE,
    "FeatureHasher": (
        f"{_NO_TABLE.format('dicts or lists of words')}. HashingVectorizer counts the words of a "
        "column of texts, and converts"
    ),
    "GaussianProcessClassifier": (
        "its answers are differences of large numbers, which float32 does not hold. "
        "CalibratedClassifierCV(SVC()), of the same kernel (rbf), is near it"
    ),
    "GaussianProcessRegressor": (
        "its answers are differences of large numbers, which float32 does not hold. KernelRidge "
        "and SVR, of the same kernel (rbf), are near it"
    ),
    "GraphicalLasso": _COVARIANCE,
    "GraphicalLassoCV": _COVARIANCE,
    "HDBSCAN": _GROUPS,
    "Isomap": _NEIGHBOURS,
    "IsotonicRegression": (
        "it stands before another model, and no model takes the flat list that its transform "
        "gives. It converts as the last step"
    ),
    "KNeighborsTransformer": _GRAPH,
    "KernelDensity": (
        "it says how dense the fitted rows lie, and predicts nothing. GaussianMixture groups rows, "
        "and LocalOutlierFactor with novelty=True tells outliers; both convert"
    ),
    "LabelBinarizer": _TARGET,
    "LabelEncoder": _TARGET,
    "LatentDirichletAllocation": _STEPS,
    "LocallyLinearEmbedding": _NEIGHBOURS,
    "LedoitWolf": _COVARIANCE,
    "MDS": _PICTURE,
    "MinCovDet": _COVARIANCE,
    "MiniBatchDictionaryLearning": _STEPS,
    "MiniBatchNMF": _STEPS,
    "MultiLabelBinarizer": _TARGET,
    "NMF": _STEPS,
    "NearestNeighbors": (
        "it finds rows, and predicts nothing. KNeighborsClassifier and KNeighborsRegressor do, "
        "and convert"
    ),
    "OAS": _COVARIANCE,
    "OPTICS": _GROUPS,
    "PatchExtractor": f"{_NO_TABLE.format('pictures')}. Convert a Keras model for those",
    "RadiusNeighborsTransformer": _GRAPH,
    "ShrunkCovariance": _COVARIANCE,
    "SparseCoder": _STEPS,
    "SpectralBiclustering": _GROUPS,
    "SpectralClustering": _GROUPS,
    "SpectralCoclustering": _GROUPS,
    "SpectralEmbedding": _PICTURE,
    "TSNE": _PICTURE,
}
"""By class name; what comes after "cannot be converted: "."""
