"""Splines: columns as polynomials in pieces."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import Transform, real, transformer

_JUMP = 1e-9  # what rounding may leave between two polynomials that meet


@transformer("SplineTransformer")
def splines(model: Any) -> Transform:
    """sklearn.preprocessing.SplineTransformer.transform: B-splines of each column.

    A spline is its value at the first knot, and what each polynomial adds from one knot to the
    next. A column is cut to each piece, and the powers of that are multiplied by all pieces'
    coefficients at once: no piece has to be found, and the pieces meet.
    """
    how = model.extrapolation
    if how == "error":
        raise ConversionError(
            "SplineTransformer with extrapolation='error' cannot be converted: a file raises no "
            "errors. Fit it with 'constant', 'linear', 'continue' or 'periodic'."
        )
    if model.degree == 0:
        raise ConversionError(
            "SplineTransformer of degree 0 cannot be converted. KBinsDiscretizer gives the same "
            "columns."
        )
    if model.degree == 1 and how == "linear":  # scikit-learn mixes up its columns' ends
        raise ConversionError(
            "SplineTransformer of degree 1 with extrapolation='linear' cannot be converted. Fit it "
            "with 'continue': its pieces are straight, and go on as they are."
        )
    pieces = [_pieces(one, how) for one in model.bsplines_]
    count, columns = len(pieces[0][-1]), len(pieces)
    width = max(len(starts) for starts, *_ in pieces)
    degree = pieces[0][4].shape[1]
    shape = (columns, width)
    start, size, low, high = (np.zeros(shape), np.ones(shape), np.zeros(shape), np.zeros(shape))
    table = np.zeros((degree, columns, width, columns, count))
    first = np.zeros((columns, count))
    for n, (starts, sizes, lows, highs, weights, value) in enumerate(pieces):
        at = slice(len(starts))
        start[n, at], size[n, at], low[n, at], high[n, at] = starts, sizes, lows, highs
        table[:, n, at, n, :] = weights.transpose(1, 0, 2)
        first[n] = value
    kept = np.arange(columns * count)
    if not model.include_bias:  # the last of each column
        kept = kept[(kept + 1) % count != 0]
    flat = table.reshape(degree * columns * width, columns * count)[:, kept].astype(real())
    bias = first.ravel()[kept].astype(real())
    near = start.astype(real())
    # What rounding the knots to float32 lost is taken off afterwards.
    rest = ((start - near.astype(np.float64)) / size).astype(real())
    slope = (1.0 / size).astype(real())
    ends = low.astype(real()), high.astype(real())
    # "periodic": the column is turned back into its first period.
    lap = np.array([sizes.sum() for _, sizes, *_ in pieces]).astype(real())
    begin = start[:, 0].astype(real())
    column = np.repeat(np.arange(columns), count)[kept].astype(np.int32)
    gaps = getattr(model, "handle_missing", "error") == "zeros"

    def transform(x: Any) -> Any:
        gone = tf.math.is_nan(x)
        known = tf.where(gone, tf.zeros_like(x), x) if gaps else x
        if how == "periodic":
            away = known - begin
            known = away - tf.floor(away / lap) * lap + begin
        cut = (known[:, :, tf.newaxis] - near) * slope - rest
        cut = tf.clip_by_value(cut, *ends)
        powers = [cut]
        for _ in range(degree - 1):
            powers.append(powers[-1] * cut)
        stacked = tf.concat([tf.reshape(p, [-1, columns * width]) for p in powers], axis=1)
        result = tf.matmul(stacked, flat) + bias
        if gaps:
            result = result * tf.gather(1.0 - tf.cast(gone, real()), column, axis=1)
        return result

    return transform


def _pieces(spline: Any, how: str) -> tuple[Array, Array, Array, Array, Array, Array]:
    """A column's pieces: from where, how wide, and coefficients.

    Returns:
        Starts and widths; between which of its own widths a piece counts (0 to 1, or further
        out at the ends); (pieces, degree, splines) coefficients of the powers of the share of a
        width; and the splines at the first start.
    """
    knots, k = np.asarray(spline.t, np.float64), int(spline.k)
    inner = knots[k : len(knots) - k]
    sizes = np.diff(inner)
    starts, sizes = inner[:-1][sizes > 0], sizes[sizes > 0]
    if not len(starts):
        raise ConversionError(
            "SplineTransformer was fitted on a column of one value, of which there is no spline. "
            "Leave the column out (VarianceThreshold does)."
        )
    weights = np.stack(
        [spline(starts, nu=n) / factorial(n) * sizes[:, np.newaxis] ** n for n in range(1, k + 1)],
        axis=1,
    )
    values = spline(starts)
    reached = values[:-1] + weights[:-1].sum(axis=1)
    if len(starts) > 1 and np.abs(reached - values[1:]).max() > _JUMP:
        raise ConversionError(
            "SplineTransformer has knots that are equal so often that its splines jump there, "
            "which cannot be converted. Fit it with fewer knots, or with knots='uniform'."
        )
    lows, highs = np.zeros(len(starts)), np.ones(len(starts))
    if how == "continue":
        lows[0], highs[-1] = -np.inf, np.inf
    elif how == "linear":
        # A straight piece at each end, of the slope there.
        last = weights[-1] * np.arange(1, k + 1)[:, np.newaxis]
        lines = np.zeros((2, k, weights.shape[2]))
        lines[0, 0], lines[1, 0] = weights[0, 0], last.sum(axis=0)
        outer = starts[0], starts[-1] + sizes[-1]
        starts, sizes = np.append(starts, outer), np.append(sizes, [sizes[0], sizes[-1]])
        lows, highs = np.append(lows, [-np.inf, 0.0]), np.append(highs, [0.0, np.inf])
        weights = np.concatenate([weights, lines])
    return starts, sizes, lows, highs, weights, values[0]
