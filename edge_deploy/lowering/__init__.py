"""scikit-learn estimators as TensorFlow functions of float32 tensors.

One small function an estimator: it reads fitted attributes only (old pickles have those, and
may lack everything else) and returns a function of tensors. A family is a file, which registers
its functions by class name; a new one is a line here.
"""

# Importing a family registers its estimators; the names themselves are not used.
from edge_deploy.lowering import bayes as _bayes  # noqa: F401
from edge_deploy.lowering import boosters as _boosters  # noqa: F401
from edge_deploy.lowering import boosting as _boosting  # noqa: F401
from edge_deploy.lowering import calibration as _calibration  # noqa: F401
from edge_deploy.lowering import catboost as _catboost  # noqa: F401
from edge_deploy.lowering import clusters as _clusters  # noqa: F401
from edge_deploy.lowering import columns as _columns  # noqa: F401
from edge_deploy.lowering import compound as _compound  # noqa: F401
from edge_deploy.lowering import encoders as _encoders  # noqa: F401
from edge_deploy.lowering import frames as _frames  # noqa: F401
from edge_deploy.lowering import imputers as _imputers  # noqa: F401
from edge_deploy.lowering import kernels as _kernels  # noqa: F401
from edge_deploy.lowering import linear as _linear  # noqa: F401
from edge_deploy.lowering import neighbors as _neighbors  # noqa: F401
from edge_deploy.lowering import networks as _networks  # noqa: F401
from edge_deploy.lowering import outliers as _outliers  # noqa: F401
from edge_deploy.lowering import projections as _projections  # noqa: F401
from edge_deploy.lowering import scaling as _scaling  # noqa: F401
from edge_deploy.lowering import shaping as _shaping  # noqa: F401
from edge_deploy.lowering import splines as _splines  # noqa: F401
from edge_deploy.lowering import trees as _trees  # noqa: F401
from edge_deploy.lowering.registry import PREDICTORS, TRANSFORMERS, check, lower, steps

__all__ = ["PREDICTORS", "TRANSFORMERS", "check", "lower", "steps"]
