"""scikit-learn estimators as TensorFlow functions of float32 tensors.

One small function an estimator: it reads fitted attributes only (old pickles have those, and
may lack everything else) and returns a function of tensors. Families are files, listed below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge_deploy.errors import ConversionError
from edge_deploy.lowering import linear, scaling

Transform = Callable[[Any], Any]
Predict = Callable[[Any], Mapping[str, Any]]

TRANSFORMERS: dict[str, Callable[[Any], Transform]] = {**scaling.TRANSFORMERS}
"""By class name: a fitted transformer -> a function of a (samples, columns) tensor."""

PREDICTORS: dict[str, Callable[[Any], Predict]] = {**linear.PREDICTORS}
"""By class name: a fitted estimator -> a function from that tensor to named outputs."""


def lower(estimator: Any) -> Predict:
    """A fitted estimator, or a pipeline that ends in one, as a TensorFlow function.

    Args:
        estimator: A fitted regressor or classifier of scikit-learn.

    Returns:
        From float32 (samples, features) to ``value``, or ``class`` and ``probabilities`` (or
        ``scores``, where the classifier has no probabilities).

    Raises:
        ConversionError: A step is not supported yet; the supported ones are listed.
    """
    *before, last = steps(estimator)
    transforms = [_find(TRANSFORMERS, step)(step) for step in before]
    predict: Predict = _find(PREDICTORS, last)(last)

    def lowered(x: Any) -> Mapping[str, Any]:
        for transform in transforms:
            x = transform(x)
        return predict(x)

    return lowered


def steps(estimator: Any) -> list[Any]:
    """A pipeline's steps, one after another, without those that pass everything through."""
    name = type(estimator).__name__
    if name in ("GridSearchCV", "RandomizedSearchCV"):
        return steps(estimator.best_estimator_)
    if name != "Pipeline":
        return [estimator]
    kept = [step for _, step in estimator.steps if step is not None and step != "passthrough"]
    return [inner for step in kept for inner in steps(step)]


def _find(registry: Mapping[str, Any], estimator: Any) -> Any:
    name = type(estimator).__name__
    if name in registry:
        return registry[name]
    known = ", ".join(sorted({*TRANSFORMERS, *PREDICTORS}))
    where = " in this place" if name in TRANSFORMERS or name in PREDICTORS else ""
    raise ConversionError(
        f"The file was read, but {name} cannot be converted yet{where}. So far: {known}, and "
        "pipelines of them."
    )
