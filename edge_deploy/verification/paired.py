"""How sure a difference of two models is that were asked the same samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edge_deploy.core.spec import Array

RESAMPLES = 2000
"""Of the bootstrap: its ends then vary by about a fiftieth of the interval."""
_NORMAL_95 = 1.959964  # the 97.5th percentile of the standard normal distribution
_BLOCK = 4_000_000  # numbers that are held at a time


def mcnemar(gained: int, lost: int) -> float:
    """How likely so uneven a split of the changed answers is where neither model is better.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions or
    percentages, 1947; here exact, two-sided, by the binomial distribution of the changed answers.

    Args:
        gained: Samples that the new model alone answers rightly.
        lost: Samples that the old one alone does.
    """
    changed = gained + lost
    tail = sum(math.comb(changed, n) for n in range(min(gained, lost) + 1))
    return float(min(1.0, 2 * tail / 2**changed))


def accuracy_change(gained: int, lost: int, samples: int) -> tuple[float, float]:
    """Between what the change of the accuracy lies with 95 % confidence.

    D. G. Bonett and R. M. Price, Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data, 2012: it holds for few samples and few changes.
    """
    up, down = (gained + 1) / (samples + 2), (lost + 1) / (samples + 2)
    half = _NORMAL_95 * math.sqrt((up + down - (up - down) ** 2) / (samples + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def bootstrap(
    before: Array, after: Array, figure: Callable[[Array], Array], seed: int = 0
) -> tuple[float, float]:
    """Between what the change of a figure lies with 95 % confidence, over the same samples.

    B. Efron, Bootstrap methods: another look at the jackknife, 1979; percentiles of 2,000 draws.

    Args:
        before: The old model's errors, one a sample.
        after: The new one's.
        figure: Of errors of shape (draws, samples): one a draw.
        seed: By which samples are drawn.
    """
    rng, count = np.random.default_rng(seed), len(before)
    many = max(1, min(RESAMPLES, _BLOCK // max(count, 1)))
    changes = []
    for start in range(0, RESAMPLES, many):
        drawn = rng.integers(0, count, (min(many, RESAMPLES - start), count))
        changes.append(figure(after[drawn]) - figure(before[drawn]))
    low, high = np.percentile(np.concatenate(changes), (2.5, 97.5))
    return float(low), float(high)


def rmse(errors: Array) -> Array:
    """The root mean square over the last axis."""
    return np.asarray(np.sqrt(np.mean(np.square(errors), axis=-1)))
