"""Probabilities of a support vector classifier, as libsvm makes them of its decisions."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import Transform, real

_CLIPPED = 1e-7  # svm_predict_probability: no class of a pair is surer than all but this
_SWEEPS = 6
"""More than libsvm ever takes: it stops at 0.005 / classes, which is after 5 at the most for
200,000 random pairs of probabilities, near and far from 0 and 1, of 2 to 50 classes. It allows
itself 100."""


def coupled(slopes: Array, starts: Array, count: int) -> Transform:
    """svm_predict_probability of libsvm's svm.cpp: (samples, pairs) decisions to probabilities.

    A sigmoid gives each pair's probability (Platt, Probabilistic outputs for support vector
    machines, 1999), and an iteration the classes' (Wu, Lin and Weng, Probability estimates for
    multi-class classification by pairwise coupling, JMLR 5, 2004, algorithm 2). What it is after
    is not what it gives: libsvm stops early, up to 0.005 from there, so the same sweeps are done
    here, and a row that libsvm would have stopped at is left as it is.

    Args:
        slopes: probA_, one a pair.
        starts: probB_, one a pair.
        count: How many classes.
    """
    # From a probability a pair to one of each class against each, and 0 of a class and itself:
    # of both sides of all pairs and a 0 at the end, which goes where.
    known = count * (count - 1) // 2
    mine_at = np.full((count, count), 2 * known, np.int32)
    for n, (one, other) in enumerate(combinations(range(count), 2)):
        mine_at[one, other], mine_at[other, one] = n, known + n
    others_at = mine_at.T.ravel()
    diagonal = np.eye(count, dtype=real())
    slope, start = slopes.astype(real()), starts.astype(real())
    limit = real()(0.005 / count)

    def transform(decisions: Any) -> Any:
        z = -(decisions * slope + start)
        sides = tf.clip_by_value(
            tf.sigmoid(tf.concat([z, -z], axis=1)), real()(_CLIPPED), real()(1.0 - _CLIPPED)
        )
        sides = tf.pad(sides, [[0, 0], [0, 1]])
        mine = tf.reshape(tf.gather(sides, mine_at.ravel(), axis=1), [-1, count, count])
        others = tf.reshape(tf.gather(sides, others_at, axis=1), [-1, count, count])
        # The quadratic to make small is p Q p, half the sum of (others * p_t - mine * p_j) ** 2.
        squares = tf.reduce_sum(others * others, axis=2)
        steps = 1.0 / squares
        rows = tf.concat(
            [tf.zeros_like(mine) + diagonal, diagonal * squares[:, :, tf.newaxis] - others * mine],
            axis=2,
        )
        p = tf.zeros_like(squares) + real()(1.0 / count)
        active = tf.ones_like(p[:, :1])
        for _ in range(_SWEEPS):
            apart = others * p[:, :, tf.newaxis] - mine * p[:, tf.newaxis, :]
            slope_of = tf.reduce_sum(others * apart, axis=2)
            value = tf.reduce_sum(p * slope_of, axis=1, keepdims=True)
            error = tf.reduce_max(tf.abs(slope_of - value), axis=1, keepdims=True)
            active = active * tf.cast(error >= limit, real())
            gain = steps * active
            both = tf.concat([p, slope_of], axis=1)
            for t in range(count):
                q = both[:, count + t : count + t + 1]
                d = (value - q) * gain[:, t : t + 1]
                whole = d + 1.0
                both = (both + d * rows[:, t]) / whole
                value = (value + d * (value + q)) / whole / whole
            p = both[:, :count]
        return p

    return transform
