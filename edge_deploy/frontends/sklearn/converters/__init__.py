"""scikit-learn estimators as TensorFlow functions of float32 tensors.

One small function an estimator: it reads fitted attributes only (old pickles have those, and
may lack everything else) and returns a function of tensors. A family is a file, which registers
its functions by class name; a new one is a line here.
"""

# Importing a family registers its estimators; the names themselves are not used.
from edge_deploy.frontends.sklearn.converters import calibration as _calibration  # noqa: F401
from edge_deploy.frontends.sklearn.converters import cluster as _clusters  # noqa: F401
from edge_deploy.frontends.sklearn.converters import compose as _frames  # noqa: F401
from edge_deploy.frontends.sklearn.converters import decomposition as _projections  # noqa: F401
from edge_deploy.frontends.sklearn.converters import encoders as _encoders  # noqa: F401
from edge_deploy.frontends.sklearn.converters import ensemble as _boosting  # noqa: F401
from edge_deploy.frontends.sklearn.converters import feature_selection as _columns  # noqa: F401
from edge_deploy.frontends.sklearn.converters import feature_transforms as _shaping  # noqa: F401
from edge_deploy.frontends.sklearn.converters import impute as _imputers  # noqa: F401
from edge_deploy.frontends.sklearn.converters import linear_model as _linear  # noqa: F401
from edge_deploy.frontends.sklearn.converters import meta_estimators as _compound  # noqa: F401
from edge_deploy.frontends.sklearn.converters import naive_bayes as _bayes  # noqa: F401
from edge_deploy.frontends.sklearn.converters import neighbors as _neighbors  # noqa: F401
from edge_deploy.frontends.sklearn.converters import neural_network as _networks  # noqa: F401
from edge_deploy.frontends.sklearn.converters import outlier_detection as _outliers  # noqa: F401
from edge_deploy.frontends.sklearn.converters import scalers as _scaling  # noqa: F401
from edge_deploy.frontends.sklearn.converters import several_answers as _several  # noqa: F401
from edge_deploy.frontends.sklearn.converters import spline as _splines  # noqa: F401
from edge_deploy.frontends.sklearn.converters import svm as _kernels  # noqa: F401
from edge_deploy.frontends.sklearn.converters import tree as _trees  # noqa: F401
from edge_deploy.frontends.sklearn.converters.boosters import catboost as _catboost  # noqa: F401
from edge_deploy.frontends.sklearn.converters.boosters import estimators as _boosters  # noqa: F401
from edge_deploy.frontends.sklearn.converters.registry import (
    PREDICTORS,
    TRANSFORMERS,
    check,
    lower,
    steps,
)

__all__ = ["PREDICTORS", "TRANSFORMERS", "check", "lower", "steps"]
