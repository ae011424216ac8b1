"""What undoes a transformer of the target: the model's scaled numbers in real units again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.registry import TRANSFORMERS, Affine, Staged, real

Function = Callable[[Any], Any]
_TINY = float(np.spacing(1.0))


def inverse(transformer: Any, chosen: tuple[int, ...], width: int) -> Function:
    """inverse_transform of these columns, as a function of tensors.

    Args:
        transformer: Fitted; a pipeline of several too.
        chosen: Which of its columns the numbers are; one column takes numbers of any shape.
        width: How many columns it was fitted on.

    Raises:
        ConversionError: It has no inverse that can be converted.
    """
    kind = type(transformer).__name__
    if kind == "Pipeline":
        members = [step for _, step in transformer.steps if step != "passthrough"]
        return _in_turn([inverse(step, chosen, width) for step in reversed(members)])
    if kind == "FunctionTransformer":
        return _function(transformer)
    if kind in ("StandardScaler", "RobustScaler", "MinMaxScaler", "MaxAbsScaler"):
        return _affine(transformer, chosen, width)
    if kind == "PowerTransformer":
        return _power(transformer, chosen, width)
    if kind == "QuantileTransformer" and transformer.output_distribution == "uniform":
        return _quantiles(transformer, chosen)
    raise ConversionError(
        f"{kind} behind the model is to be undone, which cannot be converted. "
        "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PowerTransformer, "
        "QuantileTransformer to a uniform distribution, and FunctionTransformer of log, log1p and "
        "sqrt can."
    )


def _in_turn(functions: list[Function]) -> Function:
    def undo(x: Any) -> Any:
        for one in functions:
            x = one(x)
        return x

    return undo


def _affine(value: Any, chosen: tuple[int, ...], count: int) -> Function:
    """y * scale + shift, multiplied out in float64 and rounded once."""
    form = TRANSFORMERS[type(value).__name__](value)
    affine = form.after if isinstance(form, Staged) else form
    assert isinstance(affine, Affine)
    slope, shift = (
        np.broadcast_to(np.asarray(part, np.float64), (count,))[list(chosen)].astype(real())
        for part in (1.0 / affine.gain, affine.centre - affine.offset / affine.gain)
    )
    return lambda y: y * slope + shift


def _power(value: Any, chosen: tuple[int, ...], width: int) -> Function:
    """sklearn.preprocessing.PowerTransformer.inverse_transform, of both methods."""
    scaled = _affine(value._scaler, chosen, width) if value.standardize else None
    box = value.method == "box-cox"
    lambdas = np.asarray(value.lambdas_, np.float64)[list(chosen)]

    def column(y: Any, power: float) -> Any:
        if box:
            return tf.exp(y) if power == 0.0 else tf.exp(tf.math.log(y * power + 1.0) / power)
        upper = tf.math.expm1(y) if abs(power) < _TINY else _root(y * power + 1.0, power) - 1.0
        rest = 2.0 - power
        lower = -tf.math.expm1(-y) if abs(rest) < _TINY else 1.0 - _root(1.0 - y * rest, rest)
        return tf.where(y >= 0.0, upper, lower)

    def undo(y: Any) -> Any:
        y = y if scaled is None else scaled(y)
        if len(lambdas) == 1:
            return column(y, float(lambdas[0]))
        parts = [column(y[..., n : n + 1], float(power)) for n, power in enumerate(lambdas)]
        return tf.concat(parts, axis=-1)

    return undo


def _root(x: Any, power: float) -> Any:
    """x ** (1 / power) of numbers above zero; of others, which tf.where does not choose, a 1."""
    safe = tf.where(x > 0.0, x, tf.ones_like(x))
    return tf.exp(tf.math.log(safe) / float(power))


def _quantiles(value: Any, chosen: tuple[int, ...]) -> Function:
    """sklearn.preprocessing.QuantileTransformer.inverse_transform: between known quantiles."""
    edges = np.asarray(value.quantiles_, np.float64)[:, list(chosen)].T
    shares = np.asarray(value.references_, np.float64)
    rise, gap = np.diff(edges, axis=1), np.diff(shares)
    at, slope = shares[:-1].astype(real()), (1.0 / gap).astype(real())
    steps, first = rise.astype(real()), edges[:, 0].astype(real())

    def undo(y: Any) -> Any:
        ramp = tf.clip_by_value((y[..., tf.newaxis] - at) * slope, 0.0, 1.0)
        return tf.reduce_sum(ramp * steps, axis=-1) + first

    return undo


def _function(value: Any) -> Function:
    """sklearn.preprocessing.FunctionTransformer.inverse_transform, of known functions."""
    known = {
        None: lambda v: v,
        np.exp: lambda v: tf.exp(v),
        np.expm1: lambda v: tf.math.expm1(v),
        np.square: lambda v: tf.square(v),
        np.sqrt: lambda v: tf.sqrt(v),
        np.log: lambda v: tf.math.log(v),
    }
    if value.inverse_func in known:
        return known[value.inverse_func]
    raise ConversionError(
        "what undoes this FunctionTransformer is a function of its author's. "
        "exp, expm1, square, sqrt and log can be converted."
    )
