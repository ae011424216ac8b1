"""The original's own answers, or the same formulas in float64 where it can give none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import Arrays
from edge_deploy.frontends.sklearn.compat.category_encoders import CategoryEncoder
from edge_deploy.frontends.sklearn.compat.stand_ins import FOREIGN, LegacyObject

Prediction = Callable[[Arrays], Arrays]

NOTE = (
    "scikit-learn cannot predict with this model ({}), so the reference answers are those of "
    "edge-deploy's own formulas in float64"
)


def answers(
    model: Any, chain: list[Any], original: Prediction, trial: Arrays, old: bool
) -> tuple[Prediction, str | None]:
    """What answers the reference samples.

    Args:
        model: The model.
        chain: Its steps.
        original: Its own predict.
        trial: One sample.
        old: Whether another version saved it; what fails in a file of today's is an error.

    Returns:
        A function of named arrays, and a note where it is not the original's.
    """
    if (reason := _outdated(chain)) is None:
        if not old:
            return original, None
        try:
            original(trial)
        except EdgeDeployError as error:
            reason = str(error.__cause__ or error).split("\n")[0]
        else:
            return original, None
    return lambda arrays: in_float64(model, arrays), NOTE.format(reason)


def _outdated(chain: list[Any]) -> str | None:
    """Why today's predict is not that of the version that saved the model, where it is not."""
    from edge_deploy.frontends.sklearn.converters import steps

    for step in chain:
        name = type(step).__name__
        if type(step).__module__.partition(".")[0] in FOREIGN:
            return f"{name} is another library's, whose code is not run"
        if isinstance(step, LegacyObject) and not isinstance(step, CategoryEncoder):
            return f"{name} is no longer part of it"
        if name == "AdaBoostClassifier" and vars(step).get("algorithm") == "SAMME.R":
            return "it has dropped algorithm='SAMME.R'"
        members = vars(step).get("estimators_")
        if isinstance(members, list) and members and not hasattr(members[0], "tree_"):
            inner = [one for member in members for one in steps(member)]
            if (reason := _outdated(inner)) is not None:
                return reason
    return None


def in_float64(model: Any, arrays: Arrays) -> Arrays:
    """The lowering of a model, calculated in float64."""
    import tensorflow as tf

    from edge_deploy.frontends.sklearn.converters import lower
    from edge_deploy.frontends.sklearn.converters.registry import in_float64

    (x,) = arrays.values()
    with in_float64(), tf.device("/cpu:0"):
        found = lower(model)(tf.constant(np.asarray(x, np.float64)))
    return {name: np.asarray(tensor) for name, tensor in found.items()}
