"""The page's verdict on a file is the one that `verify` gives: the same arrays, both rules."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core.spec import Array, TensorSpec
from edge_deploy.verification import metrics
from edge_deploy.verification.columns import page_columns
from edge_deploy.verification.compare import Rounding, compare
from edge_deploy.verification.page_limits import limits, refused
from edge_deploy.verification.tolerances import DEFAULT, Tolerances, usual_budget
from tests.support.manifests import file_entry, row, tensor

pytestmark = pytest.mark.slow

ASK = """async ([spec, wanted, given, file]) => {
  const {selfCheck} = await import(new URL('src/check.js', document.baseURI));
  const make = (rows) => rows.map((row) => ({
    data: (spec.kind === 'class' ? Int32Array : Float32Array)
      .from(row, (v) => (v === null ? NaN : v)), shape: [1, row.length]}));
  const answers = make(given);
  const samples = make(wanted).map((answer, n) => ({inputs: n, outputs: {[spec.name]: answer}}));
  const model = {predict: async (n) => ({[spec.name]: answers[n]})};
  const found = await selfCheck(model, {samples, whole: {[spec.name]: spec}}, [spec], file);
  return {...found, worst: String(found.worst), maxAbsError: String(found.maxAbsError)};
}"""


@pytest.fixture(scope="module")
def page(modules: Any) -> Any:
    return modules


RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 2, (8, 4))
SHARES = (np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)).astype(np.float32)
VALUES = RNG.normal(20, 5, (8, 1)).astype(np.float32)
# Boxes and scores: what is nothing beside the boxes is all of the scores.
SCORES = RNG.uniform([0.6, 0.1], [0.9, 0.3], (8, 2))
BOXES = np.c_[RNG.uniform(0, 640, (8, 3)), SCORES].astype(np.float32)
CLASSES = np.arange(8, dtype=np.int32).reshape(8, 1) % 3


def noisy(size: float) -> Array:
    """All values off by about as much, in turn up and down."""
    sign = np.where(np.arange(8) % 2, 1, -1)[:, None]
    return (VALUES + sign * size * np.abs(VALUES).max()).astype(np.float32)


def flipped(count: int) -> Array:
    """The two largest shares of some samples change places."""
    changed = SHARES.copy()
    for n in range(count):
        low, high = np.argsort(changed[n])[-2:]
        changed[n, [low, high]] = changed[n, [high, low]]
    return changed


def leaning(size: float) -> Array:
    """Shares that lean to the others evenly: the winners stay."""
    return (SHARES * (1 - size) + size / 4).astype(np.float32)


def in_steps(values: Array, step: float) -> Array:
    return (np.round(values / step) * step).astype(np.float32)


def with_scores(values: Any) -> Array:
    changed = BOXES.copy()
    changed[:, 3:] = values
    return changed


def other(count: int) -> Array:
    changed = CLASSES.copy()
    changed[:count] += 1
    return changed


def lost(values: Array) -> Array:
    changed = values.astype(np.float32)
    changed[3, 0] = np.nan
    return changed


CASES: dict[str, tuple[str, Array, Array]] = {
    "values, the same": ("value", VALUES, VALUES),
    "values, rounded": ("value", VALUES, noisy(9e-5)),
    "values, off a little": ("value", VALUES, noisy(1.1e-4)),
    "values, off by a hundredth": ("value", VALUES, noisy(0.01)),
    "values, off by a tenth": ("value", VALUES, noisy(0.1)),
    "values, off by a third": ("value", VALUES, noisy(0.33)),
    "values, NaN": ("value", VALUES, lost(VALUES)),
    "values, never another": ("value", VALUES, np.full_like(VALUES, VALUES[0, 0])),
    "values, without their bias": ("value", VALUES, VALUES - 15),
    "values, NaN in both": ("value", lost(VALUES), lost(VALUES)),
    "shares, the same": ("probabilities", SHARES, SHARES),
    "shares, rounded": ("probabilities", SHARES, np.round(SHARES * 256).astype(np.float32) / 256),
    "shares, leaning": ("probabilities", SHARES, leaning(0.02)),
    "shares, leaning far": ("probabilities", SHARES, leaning(0.3)),
    "shares, two winners": ("probabilities", SHARES, flipped(2)),
    "shares, all winners": ("probabilities", SHARES, flipped(8)),
    "shares, columns turned": ("probabilities", SHARES, SHARES[:, ::-1].copy()),
    "shares, that sum to 1.1": ("probabilities", SHARES, SHARES * np.float32(1.1)),
    "shares, NaN": ("probabilities", SHARES, lost(SHARES)),
    "shares, always equal": ("probabilities", SHARES, np.full_like(SHARES, 0.25)),
    "boxes, the same": ("tensor", BOXES, BOXES),
    "boxes, scores rounded away": ("tensor", BOXES, in_steps(BOXES, 5)),
    "boxes, scores rounded": ("tensor", BOXES, with_scores(in_steps(BOXES[:, 3:], 1 / 256))),
    "boxes, scores swapped": ("tensor", BOXES, with_scores(BOXES[:, :2:-1])),
    "boxes, scores off a little": ("tensor", BOXES, with_scores(BOXES[:, 3:] + 1e-3)),
    "boxes, one score for all": ("tensor", BOXES, with_scores(BOXES[:, 3:].mean(0))),
    "classes, the same": ("class", CLASSES, CLASSES),
    "classes, one other": ("class", CLASSES, other(1)),
    "classes, two others": ("class", CLASSES, other(2)),
    "classes, one for all": ("class", CLASSES, np.zeros_like(CLASSES)),
}
PRECISIONS = [
    ("float32", False), ("float16", False), ("uint8", False), ("dynamic", False), ("int8", False),
    ("int4", False), ("float32", True), ("int8", True),
]  # fmt: skip
GIVEN = {
    "nothing": DEFAULT,
    "--max-drop 0.01": Tolerances({}, {}, max_drop=0.01),
    "--min-agreement 0.7": Tolerances({}, {}, min_agreement=0.7),
    "--rtol 0.15": Tolerances({}, {"": 0.15}),
    "--atol y:4": Tolerances({"y": 4.0}, {}),
    "--rtol 1e-3 --min-agreement 0.7": Tolerances({}, {"": 1e-3}, min_agreement=0.7),
}


def entry(precision: str, pruned: bool, given: Tolerances, step: float = 0.0) -> FileEntry:
    """What the manifest says of a file, as far as the page's check asks."""
    return file_entry(
        precision=precision,
        pruned={"sparsity": 0.5, "asked": 0.5, "epoch": None} if pruned else None,
        outputs=[tensor("y", {"scale": step, "zero_point": 0} if step else None)],
        verification=[row(tolerances=given.to_json())],
    )


def described(kind: str, wanted: Array) -> dict[str, Any]:
    power = float(np.nanmean(np.square(wanted.astype(np.float64))))
    columns = page_columns(kind, wanted)
    scale = metrics.scale(wanted)
    return {"name": "y", "kind": kind, "scale": scale, "power": power, "columns": columns}


def rows(values: Array) -> list[list[float | None]]:
    return [[None if v != v else float(v) for v in row] for row in values]


@pytest.mark.parametrize("case", CASES)
def test_page_s_verdict_is_python_s(page: Any, case: str) -> None:
    kind, wanted, given = CASES[case]
    dtype = "int32" if kind == "class" else "float32"
    spec = TensorSpec("y", (None, wanted.shape[1]), dtype, kind)
    theirs, ours = {}, {}
    for (name, given_by), (precision, pruned) in itertools.product(GIVEN.items(), PRECISIONS):
        budget = given_by.budget("y", precision, pruned)
        step = 1 / 256 if precision == "int8" and kind == "probabilities" else 0.0
        answers = [row[None] for row in given]
        tolerance = given_by.of("y", precision, pruned)
        verdict = compare(spec, wanted, answers, tolerance, budget, Rounding(step))
        told = {"limits": limits(entry(precision, pruned, given_by, step), [spec])}
        asked = [described(kind, wanted), rows(wanted), rows(given), told]
        found = page.evaluate(ASK, asked)
        row = (name, precision, pruned)
        theirs[row], ours[row] = verdict.ok, found["pass"]
        if kind != "class" and np.isfinite(verdict.max_abs_error):
            error = float(found["maxAbsError"])
            assert error == pytest.approx(verdict.max_abs_error, rel=1e-6, abs=1e-9)
    assert ours == theirs


@pytest.mark.parametrize("off", [1, 2])
def test_of_few_samples_one_may_be_off_by_what_a_single_answer_may(page: Any, off: int) -> None:
    """`verify` has the whole reference, in which one turned answer of a pruned model is little."""
    given = SHARES.copy()
    for n in np.argsort(-SHARES.max(1))[:off]:
        row = given[n]
        row[[row.argmin(), row.argmax()]] = row[[row.argmax(), row.argmin()]]
    budget = usual_budget("float32", True)
    assert budget is not None
    spec = TensorSpec("y", (None, 4), "float32", "probabilities")
    told = {"limits": limits(entry("float32", True, DEFAULT), [spec])}
    asked = [described("probabilities", SHARES), rows(SHARES), rows(given), told]
    answers = [row[None] for row in given]
    tolerance = DEFAULT.of("y", "float32", True)
    assert not compare(spec, SHARES, answers, tolerance, budget).ok
    assert page.evaluate(ASK, asked)["pass"] is (off == 1)


@pytest.mark.parametrize(
    ("precision", "statuses", "is_refused"),
    [
        ("int8", ["pass", "pass"], False),
        ("int8", ["fail", "pass"], False),
        ("int8", ["fail", "fail"], True),
        ("int8", ["not run", "fail"], True),
        ("int8", ["not run"], False),
        ("int8", [], False),
        ("float32", ["fail", "fail"], False),
    ],
)
def test_file_that_verify_failed_fails_on_the_page(
    page: Any, precision: str, statuses: list[str], is_refused: bool
) -> None:
    """That its accuracy falls, which takes labels, is not seen there; a wrong device is."""
    found = file_entry(precision=precision, verification=[row(status=one) for one in statuses])
    assert refused(found) is is_refused
    spec = TensorSpec("y", (None, 4), "float32", "probabilities")
    told = {"limits": limits(found, [spec]), "refused": is_refused}
    asked = [described("probabilities", SHARES), rows(SHARES), rows(SHARES), told]
    seen = page.evaluate(ASK, asked)
    assert (seen["pass"], seen["refused"]) == (not is_refused, is_refused)
