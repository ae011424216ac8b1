"""Transformers that bend columns one by one: functions, powers, quantiles, bins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.naive_bayes import over
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Staged,
    Transform,
    real,
    transformer,
)
from edge_deploy.frontends.sklearn.converters.scalers import standard
from edge_deploy.frontends.sklearn.converters.tree_traversal import limits

_FUNCTIONS = (
    "absolute", "cbrt", "cos", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2",
    "negative", "reciprocal", "sign", "sin", "sqrt", "square", "tanh",
)  # fmt: skip


def _function(name: str) -> Callable[[Any], Any]:
    """A function of numpy in operators that every runtime has."""
    log = tf.math.log
    by_name: dict[str, Callable[[Any], Any]] = {
        "cbrt": lambda x: tf.sign(x) * tf.abs(x) ** (1 / 3),
        "exp2": lambda x: tf.exp(x * np.log(2.0)),
        "expm1": _expm1,
        "log": log,
        "log10": lambda x: log(x) * (1 / np.log(10.0)),
        "log1p": lambda x: log(x + 1.0),
        "log2": lambda x: log(x) * (1 / np.log(2.0)),
        "reciprocal": lambda x: 1.0 / x,
        "absolute": tf.abs,
    }
    return by_name.get(name) or getattr(tf, name)


def _expm1(y: Any) -> Any:
    """exp(y) - 1, by its series near 0, where the difference would lose its digits."""
    near = y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5))))
    return tf.where(tf.abs(y) < 0.1, near, tf.exp(y) - 1.0)


@transformer("FunctionTransformer")
def function(model: Any) -> Affine | Transform:
    """sklearn.preprocessing.FunctionTransformer.transform, of numpy's functions of one column."""
    if model.func is None:
        return IDENTITY
    name = getattr(model.func, "__name__", type(model.func).__name__)
    if not isinstance(model.func, np.ufunc) or name not in _FUNCTIONS or model.kw_args:
        raise ConversionError(
            f"FunctionTransformer of {name} cannot be converted. Of numpy's functions, these can: "
            f"{', '.join(_FUNCTIONS)}."
        )
    return _function(name)


@transformer("PowerTransformer")
def power(model: Any) -> Transform | Staged:
    """sklearn.preprocessing.PowerTransformer.transform: Yeo-Johnson or Box-Cox, then a scaler."""
    exponent = np.asarray(model.lambdas_, np.float64)

    def bent(size: Any, by: Any) -> Any:
        """(size ** by - 1) / by, and its limit, the logarithm, where the exponent is 0."""
        logs, none = tf.math.log(size), np.abs(by) < np.finfo(np.float64).eps
        divided = _expm1(logs * by.astype(real())) / np.where(none, 1.0, by).astype(real())
        return tf.where(none, logs, divided) if none.any() else divided

    def yeo_johnson(x: Any) -> Any:
        size = tf.abs(x) + 1.0
        return tf.where(x < 0.0, -bent(size, 2.0 - exponent), bent(size, exponent))

    transform = yeo_johnson if model.method == "yeo-johnson" else lambda x: bent(x, exponent)
    if not model.standardize:
        return transform
    after = standard(model._scaler)
    assert isinstance(after, Affine)
    return Staged(transform, after)


@transformer("QuantileTransformer")
def quantiles(model: Any) -> Transform:
    """sklearn.preprocessing.QuantileTransformer.transform: between quantiles, a straight line.

    A sum of ramps, one between two quantiles; equal ones are a step, half of it at the value
    itself (the original takes the mean of looking from both sides), but none at the lowest.
    """
    edges = np.asarray(model.quantiles_, np.float64).T  # (columns, quantiles)
    rise = np.diff(np.asarray(model.references_, np.float64)).astype(real())
    gap = np.diff(edges, axis=1)
    steep = gap == 0.0
    low, lost = edges.astype(real()), edges - edges.astype(real()).astype(np.float64)
    at, rest = low[:, :-1], lost[:, :-1].astype(real())
    slope = (1.0 / np.where(steep, 1.0, gap)).astype(real())
    first, last = edges[:, :1] == edges[:, :-1], edges[:, -1:] == edges[:, :-1]
    on = np.where(first, 0.0, np.where(last, 1.0, 0.5)).astype(real())

    def shares(x: Any) -> Any:
        away = (x[:, :, tf.newaxis] - at) - rest
        ramp = tf.clip_by_value(away * slope, 0.0, 1.0)
        step = tf.where(away > 0.0, tf.ones_like(away), tf.where(away < 0.0, away * 0.0, on))
        return tf.where(steep, step, ramp) if steep.any() else ramp

    def uniform(x: Any) -> Any:
        return tf.reduce_sum(shares(x) * rise, axis=2)

    def normal(x: Any) -> Any:
        part = shares(x)
        below = tf.reduce_sum(part * rise, axis=2)
        return _normal_quantile(below, tf.reduce_sum((1.0 - part) * rise, axis=2))

    return uniform if model.output_distribution == "uniform" else normal


_CENTRE = (
    (3.3871327179, 50.434271938, 159.29113202, 59.109374720),
    (1.0, 17.895169469, 78.757757664, 67.187563600),
)
_TAIL = (
    (1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103),
    (1.0, 0.7370016425, 0.12021132975),
)


def _normal_quantile(below: Any, above: Any) -> Any:
    """The inverse of the normal distribution, of a share and of what is left to one.

    Wichura's algorithm AS 241, PPND7 (Applied Statistics 37, 1988), good to seven digits; cut at
    1e-7 from either end, as scikit-learn does.
    """

    def fraction(r: Any, parts: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
        above, below = (sum(c * r**n for n, c in enumerate(part)) for part in parts)
        return above / below

    q = (below - above) * 0.5
    centre = q * fraction(0.180625 - q * q, _CENTRE)
    r = tf.sqrt(-tf.math.log(tf.maximum(tf.minimum(below, above), 1e-7)))
    tail = tf.sign(q) * fraction(r - 1.6, _TAIL)
    return tf.where(tf.abs(q) <= 0.425, centre, tail)


@transformer("KBinsDiscretizer")
def bins(model: Any) -> Transform:
    """sklearn.preprocessing.KBinsDiscretizer.transform: how many inner edges are at or below."""
    inner = [np.asarray(edges, np.float64)[1:-1] for edges in model.bin_edges_]
    column = np.repeat(np.arange(len(inner)), [len(edges) for edges in inner])
    edges = np.nextafter(np.concatenate(inner), -np.inf)
    last = limits(edges, column, len(inner), IDENTITY, single=False).astype(real())
    one_hot = model.encode != "ordinal"
    widths = [len(edges) + 1 if one_hot else 1 for edges in inner]
    start = np.zeros(sum(widths), real())
    table = np.zeros((len(column), sum(widths)), real())
    row = 0
    for n, edges in enumerate(inner):
        at = sum(widths[:n])
        start[at] = float(one_hot)
        for place in range(len(edges)):
            if one_hot:  # over an edge: out of the bin before it, into the one behind
                table[row, at + place], table[row, at + place + 1] = -1.0, 1.0
            else:
                table[row, at] = 1.0
            row += 1

    def transform(x: Any) -> Any:
        over = tf.cast(tf.gather(x, column.astype(np.int32), axis=1) > last, real())
        return tf.matmul(over, table) + start

    return transform


@transformer("PolynomialFeatures")
def polynomial(model: Any) -> Transform:
    """sklearn.preprocessing.PolynomialFeatures.transform: products of columns, by powers_."""
    powers = np.asarray(model.powers_)
    # Each output as the columns it is a product of, filled up with a column of ones.
    degree, ones = int(powers.sum(axis=1).max(initial=1)), powers.shape[1]
    factors = np.full((len(powers), degree), ones, np.int32)
    for n, row in enumerate(powers):
        of = np.repeat(np.arange(ones), row)
        factors[n, : len(of)] = of

    def transform(x: Any) -> Any:
        padded = tf.pad(x, [[0, 0], [0, 1]], constant_values=1.0)
        result = tf.gather(padded, factors[:, 0], axis=1)
        for place in range(1, degree):
            result = result * tf.gather(padded, factors[:, place], axis=1)
        return result

    return transform


@transformer("Binarizer")
def binarizer(model: Any) -> Transform:
    """sklearn.preprocessing.Binarizer.transform: 1 above the threshold, else 0."""
    return over(np.full(int(model.n_features_in_), float(model.threshold)), IDENTITY)
