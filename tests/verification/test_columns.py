"""Every column of an output counts, on its own scale."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edge_deploy.core.spec import Array, TensorSpec
from edge_deploy.verification.columns import column_scales
from edge_deploy.verification.compare import Rounding, compare
from edge_deploy.verification.tolerances import DEFAULT
from edge_deploy.verification.verdicts import OutputVerdict

RNG = np.random.default_rng(3)
BOXES = np.concatenate([RNG.uniform(0, 640, (16, 4)), RNG.uniform(0, 1, (16, 2))], 1)
GRID = np.concatenate(  # as a detector gives them: boxes and scores at each of 50 places
    [RNG.uniform(0, 640, (8, 50, 4)), RNG.uniform(0, 1, (8, 50, 3))], 2
).astype(np.float32)
PRICES = np.stack([RNG.uniform(2e5, 1e6, 16), RNG.uniform(1, 5, 16)], 1)
FEATURES = np.maximum(RNG.normal(0, 2, (16, 200)) - RNG.uniform(0, 6, 200), 0)
SHARES = RNG.dirichlet([8, 4, 0.01], 16)


def judged(
    wanted: Array, given: Array, precision: str = "int8", kind: str = "tensor", step: float = 0.0
) -> OutputVerdict:
    wanted, given = wanted.astype(np.float32), given.astype(np.float32)
    classes = ("x", "y", "w", "h", "cat", "dog") if wanted.shape[1:] == (6,) else None
    spec = TensorSpec("y", (None, *wanted.shape[1:]), "float32", kind, classes)
    budget = DEFAULT.budget("y", precision)
    answers = [row[None] for row in given]
    return compare(spec, wanted, answers, DEFAULT.of("y", precision), budget, Rounding(step))


def in_steps(values: Array, step: float) -> Array:
    """Rounded as an integer output rounds."""
    return np.round(values / step) * step


def without(values: Array, *columns: int) -> Array:
    changed = values.copy()
    changed[..., list(columns)] = 0
    return changed


def swapped(values: Array, one: int, other: int) -> Array:
    changed = values.copy()
    changed[..., [one, other]] = changed[..., [other, one]]
    return changed


SCORED = np.c_[in_steps(BOXES[:, :4], 2.5), BOXES[:, 4:]]
LEVELS = np.c_[BOXES[:, :4], in_steps(BOXES[:, 4:], 1 / 256)]
HEALTHY = {
    "boxes in int8, scores in float": (SCORED, BOXES),
    "scores rounded to 1/256": (LEVELS, BOXES),
    "features in int8": (in_steps(FEATURES, FEATURES.max() / 255), FEATURES),
    "shares in int8": (in_steps(SHARES, 1 / 256), SHARES),
    "a column that hardly varies": (
        np.c_[BOXES[:, :1], np.full(16, 500.0)], np.c_[BOXES[:, :1], 500 + BOXES[:, 5:]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HEALTHY)
def test_a_healthy_compressed_output_passes(case: str) -> None:
    given, wanted = HEALTHY[case]
    kind = "probabilities" if case.startswith("shares") else "tensor"
    assert judged(wanted, given, kind=kind).failures == ()


FAULTS = {
    "all scores rounded away": (in_steps(BOXES, 640 / 128), BOXES, "column 5 (dog)"),
    "one score lost": (without(BOXES, 5), BOXES, "column 5 (dog)"),
    "scores swapped": (swapped(BOXES, 4, 5), BOXES, "column 4 (cat)"),
    "scores of a grid rounded away": (in_steps(GRID, 5.0), GRID, "of 0..6"),
    "ratings beside prices": (in_steps(PRICES, 1e6 / 255), PRICES, "column 1 of 0..1"),
    "a weak column of one unit": (without(FEATURES[:, :40], 7), FEATURES[:, :40], "column 7"),
}


@pytest.mark.parametrize("precision", ["int8", "dynamic", "float32"])
@pytest.mark.parametrize("case", FAULTS)
def test_a_lost_column_fails_by_its_name(case: str, precision: str) -> None:
    given, wanted, named = FAULTS[case]
    verdict = judged(wanted, given, precision)
    assert not verdict.ok
    if precision == "int8":
        assert any(named in text for text in verdict.failures), verdict.failures
    assert verdict.column is not None


def test_the_same_answer_in_one_column_is_seen() -> None:
    given = BOXES.copy()
    given[:, 5] = BOXES[:, 5].mean()
    wanted = BOXES.copy()
    wanted[:, 5] = BOXES[:, 5].mean() + np.linspace(-0.1, 0.1, 16)
    (text,) = judged(wanted, given).failures
    assert text.startswith("column 5 (dog) has the same answer to every sample")


def test_a_float32_column_of_small_numbers_may_have_the_rounding_of_large_ones() -> None:
    wanted = np.c_[BOXES[:, 0], 0.5 * BOXES[:, 4]]
    # Of 640 a float32 step is 6e-5, so a column that is a difference of such is as rough.
    for off, passes in ((1e-3, True), (0.02, False)):
        assert judged(wanted, wanted + np.array([0.0, off]), "float32").ok is passes


def test_10000_columns_are_judged_at_once() -> None:
    wanted = RNG.normal(size=(32, 10_000)).astype(np.float32)
    given = wanted.copy()
    given[:, 1234] = 0
    started = time.process_time()
    verdict = judged(wanted, given)
    assert time.process_time() - started < 5  # column by column in Python it is minutes
    assert verdict.column == "1234"
    assert not verdict.ok


def test_units_are_told_apart_by_gaps() -> None:
    scales = column_scales("tensor", BOXES)
    assert scales is not None
    assert scales.unit[:4].min() > 500
    assert scales.unit[4:].max() <= 1
    same = column_scales("probabilities", SHARES)
    assert same is not None
    assert len(set(same.unit)) == 1
