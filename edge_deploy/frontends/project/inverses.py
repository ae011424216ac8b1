"""Scalers of the target: what a model said in scaled numbers, in real units again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError, SourceError, UsageError
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array
from edge_deploy.frontends.project.parts import Part, is_left_out
from edge_deploy.frontends.sklearn.compat.fitted import attribute

Function = Callable[[Any], Any]
_SHOWN = 8
_TINY = float(np.spacing(1.0))


def width_of(part: Part) -> int:
    """How many columns a scaler was fitted on."""
    width = attribute(part.value, "n_features_in_")
    if width is None:
        for name in ("scale_", "center_", "mean_", "lambdas_"):
            if (found := attribute(part.value, name)) is not None:
                return len(found)
    return int(width or 1)


def names_of(part: Part) -> list[str]:
    """What the columns of a scaler are called; those of an array by their places."""
    names = attribute(part.value, "feature_names_in_")
    return list(map(str, range(width_of(part)) if names is None else names))


def places(part: Part, width: int, what: str) -> tuple[int, ...]:
    """Which of a scaler's columns an output, or the channels of an input, are.

    Args:
        part: The scaler.
        width: How many columns there are.
        what: Of what, in words.

    Raises:
        UsageError: It was fitted on another number, and nobody said which column it is.
    """
    own, known = width_of(part), names_of(part)
    if part.chosen is not None:
        lacking = [name for name in part.chosen if name not in known and not _is_place(name, own)]
        if lacking:
            raise UsageError(
                f"{part.name} has no column {lacking[0]!r}; it was fitted on {_shown(known)}."
            )
        found = [known.index(n) if n in known else int(n) for n in part.chosen]
        if len(found) == width or len(found) == 1:
            return tuple(found)
        raise UsageError(f"{part.name} is picked at {len(found)} columns, and {what} has {width}.")
    if own in (1, width):
        return tuple(range(own))
    raise UsageError(
        f"{part.name} was fitted on {own} columns ({_shown(known)}), and {what} has "
        f"{width}. Say which it is: {part.path.name}@{known[0]}."
    )


def lowered(part: Part, chosen: tuple[int, ...]) -> Function:
    """inverse_transform of these columns, as a function of tensors.

    Raises:
        ConversionError: The transformer has none that can be converted.
    """
    value = part.value
    kind = type(value).__name__
    if kind == "Pipeline":
        members = [Part("transformer", step, part.path) for _, step in value.steps]
        functions = [
            lowered(one, chosen) for one in reversed(members) if one.value != "passthrough"
        ]
        return _in_turn(functions)
    if kind == "FunctionTransformer":
        return _function(part)
    if kind in ("StandardScaler", "RobustScaler", "MinMaxScaler", "MaxAbsScaler"):
        return _affine(value, chosen, width_of(part))
    if kind == "PowerTransformer":
        return _power(part, chosen)
    if kind == "QuantileTransformer" and value.output_distribution == "uniform":
        return _quantiles(part, chosen)
    raise ConversionError(
        f"{part.name}: {kind} behind the model is to be undone, which cannot be converted. "
        "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PowerTransformer, "
        "QuantileTransformer to a uniform distribution, and FunctionTransformer of log, log1p and "
        "sqrt can."
    )


def original(part: Part, chosen: tuple[int, ...]) -> Callable[[Array], Array]:
    """inverse_transform as the person calls it, of the columns that are picked."""
    own = width_of(part)

    def undo(values: Array) -> Array:
        if is_left_out(part):
            return values
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        if len(chosen) == 1 and own == 1:
            given = flat.reshape(-1, 1)
        elif len(chosen) == 1:
            given = np.zeros((flat.size, own))
            given[:, chosen[0]] = flat.ravel()
        else:
            given = np.zeros((len(flat), own))
            given[:, list(chosen)] = flat
        try:
            found = np.asarray(part.value.inverse_transform(given))
        except Exception as error:
            # Scalers of other versions raise anything when an attribute is missing.
            raise SourceError(
                f"{part.path}: today's scikit-learn cannot undo this "
                f"{type(part.value).__name__}: {first_line(error)}. Save it again from a newer one."
            ) from error
        return np.asarray(found[:, list(chosen)]).reshape(values.shape)

    return undo


def _is_place(name: str, count: int) -> bool:
    return name.isdecimal() and name.isascii() and len(name) < 7 and int(name) < count


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _in_turn(functions: list[Function]) -> Function:
    def undo(x: Any) -> Any:
        for one in functions:
            x = one(x)
        return x

    return undo


def _affine(value: Any, chosen: tuple[int, ...], count: int) -> Function:
    """y * scale + shift, multiplied out in float64 and rounded once."""
    from edge_deploy.frontends.sklearn.converters.registry import TRANSFORMERS, Affine, Staged

    form = TRANSFORMERS[type(value).__name__](value)
    affine = form.after if isinstance(form, Staged) else form
    assert isinstance(affine, Affine)
    slope, shift = (
        np.broadcast_to(np.asarray(part, np.float64), (count,))[list(chosen)].astype(np.float32)
        for part in (1.0 / affine.gain, affine.centre - affine.offset / affine.gain)
    )
    return lambda y: y * slope + shift


def _power(part: Part, chosen: tuple[int, ...]) -> Function:
    """sklearn.preprocessing.PowerTransformer.inverse_transform, of both methods."""
    value, scaled = part.value, None
    if value.standardize:
        scaled = _affine(value._scaler, chosen, width_of(part))
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


def _quantiles(part: Part, chosen: tuple[int, ...]) -> Function:
    """sklearn.preprocessing.QuantileTransformer.inverse_transform: between known quantiles."""
    value = part.value
    edges = np.asarray(value.quantiles_, np.float64)[:, list(chosen)].T
    shares = np.asarray(value.references_, np.float64)
    rise, gap = np.diff(edges, axis=1), np.diff(shares)
    at, slope = shares[:-1].astype(np.float32), (1.0 / gap).astype(np.float32)
    steps, first = rise.astype(np.float32), edges[:, 0].astype(np.float32)

    def undo(y: Any) -> Any:
        ramp = tf.clip_by_value((y[..., tf.newaxis] - at) * slope, 0.0, 1.0)
        return tf.reduce_sum(ramp * steps, axis=-1) + first

    return undo


def _function(part: Part) -> Function:
    known = {
        None: lambda v: v,
        np.exp: lambda v: tf.exp(v),
        np.expm1: lambda v: tf.math.expm1(v),
        np.square: lambda v: tf.square(v),
        np.sqrt: lambda v: tf.sqrt(v),
        np.log: lambda v: tf.math.log(v),
    }
    if part.value.inverse_func in known:
        return known[part.value.inverse_func]
    raise ConversionError(
        f"{part.name}: what undoes this FunctionTransformer is a function of its author's. "
        "exp, expm1, square, sqrt and log can be converted."
    )
