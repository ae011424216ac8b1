"""What scikit-learn estimators become, by class name: a table that the families fill.

A pipeline is lowered from its first step to its last. Steps that scale columns are not run one
by one: they are gathered into one Affine, which the estimator after them folds into its own
numbers, in float64 and before anything is rounded to float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.unsupported import REASONS

Transform = Callable[[Any], Any]
"""A (samples, columns) tensor in, another out."""

Predict = Callable[[Any], Mapping[str, Any]]
"""A (samples, columns) tensor in, named outputs out."""

Exactly = Callable[[Array, Array], Array]
"""Values (count,) in float64, and the column of each, to what scaling makes of them."""

_REAL: ContextVar[type[np.floating[Any]]] = ContextVar("real", default=np.float32)


def real() -> type[np.floating[Any]]:
    """The type of all that is computed: float32, as phones and browsers do."""
    return _REAL.get()


@contextmanager
def in_float64() -> Iterator[None]:
    """Lower, and call what was lowered, in float64: the original's answers where it has none."""
    token = _REAL.set(np.float64)
    try:
        yield
    finally:
        _REAL.reset(token)


LIBRARIES = ("sklearn", "xgboost", "lightgbm", "catboost", "edge_deploy")
"""Those whose estimators may be converted, by the class name; another's is another.

edge_deploy has what stands for an encoder of category_encoders.
"""

DECISION = "decision"
"""What a classifier with probabilities also says to those that hold it: decision_function."""


@dataclass(frozen=True, eq=False)
class Affine:
    """``(x - centre) * gain + offset``, column by column, in float64.

    The centre is kept apart and not multiplied out: where a column is far from zero (a year,
    a postcode), subtracting first is exact in float32, and adding up large products is not.

    Where there is a ``turn``, x is a product with that matrix first: (inputs, columns). A linear
    model after it makes one matrix of both in float64, in which large numbers cancel.

    ``exactly`` is the same in the operations of the original, to its last bit: trees compare what
    comes out of it, and a quotient is not always the product with the inverse.

    ``fill`` is the value of x that a missing one takes first, column by column; NaN where it stays
    missing. Trees send a missing value where that would go, without rounding it.
    """

    centre: Array | float = 0.0
    gain: Array | float = 1.0
    offset: Array | float = 0.0
    turn: Array | None = None
    exactly: Exactly | None = None
    fill: Array | None = None


IDENTITY = Affine()


def chain(first: Affine, second: Affine) -> Affine:
    """One Affine that does what two do one after the other.

    ``((x - c) * g + o - d) * h + p`` is ``(x - (c + (d - o) / g)) * (g * h) + p``: what the
    second one subtracts joins the centre, where it costs no digits.
    """
    centre = first.centre + (second.centre - first.offset) / first.gain
    before, after = exactly(first), exactly(second)
    fill = first.fill
    if second.fill is not None:
        later = (second.fill - first.offset) / first.gain + first.centre
        fill = later if fill is None else np.where(np.isnan(fill), later, fill)
    return Affine(
        centre,
        first.gain * second.gain,
        second.offset,
        first.turn,
        lambda x, columns: after(before(x, columns), columns),
        fill,
    )


def of_columns(part: Array | float, columns: Array) -> Array:
    """A part of an Affine at some columns; one number is that of all of them."""
    values = np.asarray(part, np.float64)
    return values if values.size == 1 else values[columns]


def exactly(affine: Affine) -> Exactly:
    """What an Affine makes of values of some columns, each as exact as the original."""

    def multiplied_out(x: Array, columns: Array) -> Array:
        centre, gain, offset = (
            of_columns(part, columns) for part in (affine.centre, affine.gain, affine.offset)
        )
        return np.asarray((x - centre) * gain + offset)

    return affine.exactly or multiplied_out


def apply(affine: Affine) -> Transform:
    """An Affine as a function of tensors, for what cannot fold it."""
    if affine is IDENTITY:
        return lambda x: x
    if affine.fill is not None:
        filled, scaled = fills(affine), apply(without_fill(affine))
        return lambda x: scaled(filled(x))
    near = np.asarray(affine.centre, real())
    centre = tf.constant(near)
    gain = tf.constant(affine.gain, real())
    # What rounding the centre to float32 lost goes into the offset.
    offset = tf.constant(affine.offset - (affine.centre - np.float64(near)) * affine.gain, real())
    if affine.turn is not None:
        turn = tf.constant(affine.turn, real())
        return lambda x: (tf.matmul(x, turn) - centre) * gain + offset
    return lambda x: (x - centre) * gain + offset


def fills(affine: Affine) -> Transform:
    """Put the fill of an Affine where values are missing."""
    if affine.fill is None:
        return lambda x: x
    value = affine.fill.astype(real())
    return lambda x: tf.where(tf.math.is_nan(x), tf.ones_like(x) * value, x)


def without_fill(affine: Affine) -> Affine:
    """What an Affine does after ``fills``."""
    rest = replace(affine, fill=None)
    plain = (np.all(rest.centre == 0.0), np.all(rest.gain == 1.0), np.all(rest.offset == 0.0))
    return IDENTITY if all(plain) and rest.turn is None else rest


@dataclass(frozen=True, eq=False)
class Staged:
    """A function of tensors, and scaling after it that what follows may fold."""

    transform: Transform
    after: Affine


Transformer = Callable[[Any], Affine | Transform | Staged]
"""Lowers a fitted transformer."""

Predictor = Callable[[Any, Affine], Predict]
"""Lowers a fitted regressor or classifier, and the scaling that comes before it."""

TRANSFORMERS: dict[str, Transformer] = {}
PREDICTORS: dict[str, Predictor] = {}
FOLD_FILLS: set[str] = set()
"""Predictors that take an Affine with a fill; the others get what is filled already."""


def transformer(*names: str) -> Callable[[Transformer], Transformer]:
    """Register a function as what lowers the transformers of these class names."""

    def register(function: Transformer) -> Transformer:
        TRANSFORMERS.update(dict.fromkeys(names, function))
        return function

    return register


def predictor(*names: str, folds_fills: bool = False) -> Callable[[Predictor], Predictor]:
    """Register a function as what lowers the regressors or classifiers of these class names."""

    def register(function: Predictor) -> Predictor:
        PREDICTORS.update(dict.fromkeys(names, function))
        FOLD_FILLS.update(names if folds_fills else ())
        return function

    return register


def lower(estimator: Any, before: Affine = IDENTITY) -> Predict:
    """A fitted estimator, or a pipeline that ends in one, as a TensorFlow function.

    Args:
        estimator: A fitted regressor or classifier of scikit-learn.
        before: Scaling that its input has yet to go through.

    Returns:
        From float32 (samples, features) to ``value``, or ``class`` and ``probabilities`` (or
        ``scores``, where the classifier has no probabilities).

    Raises:
        ConversionError: A step is not supported yet; the supported ones are listed.
    """
    answer = lower_whole(estimator, before)
    return lambda x: {name: tensor for name, tensor in answer(x).items() if name != DECISION}


def lower_whole(estimator: Any, before: Affine = IDENTITY) -> Predict:
    """The same as lower, with the decision function beside probabilities where there is one."""
    *first, last = steps(estimator)
    predict = _find(PREDICTORS, last)
    staged = lower_steps(first, before)
    if type(last).__name__ in FOLD_FILLS:
        answer: Predict = predict(last, staged.after)
        return lambda x: answer(staged.transform(x))
    filled = fills(staged.after)
    answer = predict(last, without_fill(staged.after))
    return lambda x: answer(filled(staged.transform(x)))


def lower_steps(transformers: Sequence[Any], before: Affine = IDENTITY) -> Staged:
    """Fitted transformers, one after another.

    Raises:
        ConversionError: One is not supported yet; the supported ones are listed.
    """
    lowerings = [_find(TRANSFORMERS, step) for step in transformers]
    stages: list[Transform] = []
    for lowering, step in zip(lowerings, transformers, strict=True):
        stage = lowering(step)
        if isinstance(stage, Affine) and (stage.fill is None or before.turn is None):
            before = chain(before, stage)
            continue
        stages.append(apply(before))
        if isinstance(stage, Affine):
            before = stage
            continue
        before = stage.after if isinstance(stage, Staged) else IDENTITY
        stages.append(stage.transform if isinstance(stage, Staged) else stage)

    def transform(x: Any) -> Any:
        for stage in stages:
            x = stage(x)
        return x

    return Staged(transform, before)


def steps(estimator: Any) -> list[Any]:
    """A pipeline's steps, one after another, without those that pass everything through."""
    name = type(estimator).__name__
    if name in ("GridSearchCV", "RandomizedSearchCV"):
        return steps(estimator.best_estimator_)
    if name == "FrozenEstimator":
        return steps(estimator.estimator)
    if name != "Pipeline":
        return [estimator]
    kept = [step for _, step in estimator.steps if step is not None and step != "passthrough"]
    return [inner for step in kept for inner in steps(step)]


def check(estimator: Any) -> None:
    """Refuse an estimator that cannot be converted, before anything is done with it.

    Raises:
        ConversionError: It is named, and those that can be converted are listed.
    """
    _find(PREDICTORS, estimator)


def _find(registry: Mapping[str, Any], estimator: Any) -> Any:
    """The lowering of a class of scikit-learn's own; another's of the same name is another."""
    kind = type(estimator)
    name, own = kind.__name__, kind.__module__.partition(".")[0] in LIBRARIES
    if own and name in registry:
        return registry[name]
    named = name if own else f"{kind.__module__}.{name}"
    if own and name in REASONS:
        why = f"cannot be converted: {REASONS[name]}."
    elif own and (name in TRANSFORMERS or name in PREDICTORS):
        why = "cannot be converted in this place."
    else:
        why = "cannot be converted yet."
    role = "Models" if registry is PREDICTORS else "Steps before a model"
    known = ", ".join(sorted(name for name in registry if not name.startswith("_")))
    raise ConversionError(
        f"The file was read, but {named} {why} {role} that can be converted: {known}; and "
        "pipelines of them."
    )
