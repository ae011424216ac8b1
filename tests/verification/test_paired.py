"""How sure a difference of two models is, beside what statistics packages and books say."""

from __future__ import annotations

import numpy as np
import pytest

from edge_deploy.verification import paired


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 0), (1, 0), (5, 5), (12, 2), (2, 12), (60, 40), (700, 500)]
)
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert paired.mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("gained", "lost", "samples", "true"),
    [(100, 50, 1000, 0.05), (8, 2, 40, 0.15), (3, 3, 30, 0.0), (0, 0, 20, 0.0), (20, 0, 20, 1.0)],
)
def test_the_interval_is_around_the_change_and_no_wider_than_all(
    gained: int, lost: int, samples: int, true: float
) -> None:
    low, high = paired.accuracy_change(gained, lost, samples)
    assert -1 <= low < high <= 1
    assert low <= true <= high or true in (low, 1.0)
    assert paired.accuracy_change(lost, gained, samples) == pytest.approx((-high, -low))


def test_the_interval_holds_the_true_change_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.choice(3, (1000, 60), p=(0.15, 0.1, 0.75))  # gained, lost, neither: 0.05 truly
    counts = [((one == 0).sum(), (one == 1).sum()) for one in kinds]
    ends = [paired.accuracy_change(int(a), int(b), 60) for a, b in counts]
    held = np.mean([low <= 0.05 <= high for low, high in ends])
    assert 0.93 <= held <= 0.98


def test_the_bootstrap_agrees_with_the_spread_of_the_figure() -> None:
    rng = np.random.default_rng(0)
    before = np.abs(rng.normal(0, 1, 2000))
    after = np.abs(rng.normal(0, 1.5, 2000))
    low, high = paired.bootstrap(before, after, paired.rmse)
    assert low < 0.5 < high
    # The root mean square of n normal errors has the standard deviation sigma / sqrt(2 n).
    expected = 2 * 1.96 * np.hypot(1, 1.5) / np.sqrt(2 * 2000)
    assert high - low == pytest.approx(expected, rel=0.15)
    assert paired.bootstrap(before, before, paired.rmse) == (0.0, 0.0)
    assert paired.bootstrap(before, after, paired.rmse) == (low, high)  # by a seed
