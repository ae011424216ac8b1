"""Converted files against the original's answers: runner + reference -> verdicts.

The only home of tolerances. A float file must give the original's answers to within 1e-4 of
the output's scale: seventy files converted by hand were off by 2.4e-6 at worst, and a wrong
resize, a swapped column or a lost bias is off by 1e-2 and more, so the line between the two is
a hundredfold wide on either side.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge_deploy import metrics
from edge_deploy.errors import EdgeDeployError
from edge_deploy.reference import Reference, sample
from edge_deploy.spec import Array, ModelSpec, Runner, TensorSpec
from edge_deploy.verdicts import OutputVerdict, Verdict

RTOL = 1e-4
"""Fidelity: the largest error allowed of a float32 file, as a share of the output's scale."""


@dataclass(frozen=True)
class Budget:
    """What a compressed file may cost against the uncompressed original.

    Attributes:
        agreement: The least share of samples with the same winner.
        error: The largest error of any element, as a share of the output's scale.
        mean_error: The same on average.
        snr: The least signal-to-noise ratio in decibels.
        drop: How far the task metric (accuracy, R²) may fall, where labels are known.
    """

    agreement: float
    error: float
    mean_error: float
    snr: float
    drop: float


BUDGETS = {
    # 11 significant bits a weight: measured 1e-4 to 3e-3 through MobileNet, agreement 1.
    "float16": Budget(0.995, 0.02, 0.005, 40.0, 0.005),
    # 65,536 levels between a tensor's extremes: as fine as float16 where a tensor is even.
    "uint16": Budget(0.995, 0.02, 0.005, 40.0, 0.005),
    # 256 levels for a whole tensor, without a scale a channel: depthwise kernels suffer most.
    "uint8": Budget(0.95, 0.35, 0.05, 15.0, 0.03),
    # 256 levels a channel, activations rounded at run time: measured 0.004 to 0.04.
    "dynamic": Budget(0.98, 0.15, 0.02, 20.0, 0.01),
    # Activations rounded to 256 levels too, of which a sharp softmax makes a jump now and then.
    "int8": Budget(0.97, 0.25, 0.03, 17.0, 0.02),
    # As dynamic: the weights are the same, the activations all but exact.
    "int16x8": Budget(0.98, 0.15, 0.02, 20.0, 0.01),
    # 16 levels a channel: for large layers that bear it; what is worse than this is of no use.
    "int4": Budget(0.90, 0.5, 0.08, 10.0, 0.05),
}
"""Cost: what each precision may lose by default. A broken file loses far more: swapped columns,
a lost bias or calibration on nonsense leave an SNR of less than 10 dB and the winners to chance.
One sample may always differ: with few samples there is no less."""

PRUNED = Budget(0.95, 1.0, 0.05, 10.0, 0.02)
"""What the zeros may cost besides. Trained anew, a model is another one that is as good: single
answers near a boundary may turn over whole, so the winners, the average and the task count."""

_POINTS = 400  # dots in an error picture


def usual_budget(precision: str, pruned: bool) -> Budget | None:
    """The default budget; that of a pruned file is the sum of both costs, None is no cost."""
    own = BUDGETS.get(precision)
    if not pruned or own is None:
        return PRUNED if pruned else own
    noise = 10 ** (-own.snr / 10) + 10 ** (-PRUNED.snr / 10)
    return Budget(
        agreement=own.agreement + PRUNED.agreement - 1,
        error=own.error + PRUNED.error,
        mean_error=own.mean_error + PRUNED.mean_error,
        snr=-10 * math.log10(noise),
        drop=own.drop + PRUNED.drop,
    )


@dataclass(frozen=True)
class Tolerance:
    """The error that passes: ``atol + rtol * scale`` of the output.

    Attributes:
        rtol: As a share of the output's scale.
        atol: In the output's own unit.
    """

    rtol: float
    atol: float = 0.0


@dataclass(frozen=True)
class Tolerances:
    """What the user set.

    Attributes:
        atol: From ``--atol``: by output name, "" for all outputs.
        rtol: From ``--rtol``, likewise.
        max_drop: How far the task metric of a compressed file may fall.
        min_agreement: The least top-1 agreement of a compressed file. Who sets one of these two
            has set the budget: the defaults for errors and SNR are then not asked.
    """

    atol: Mapping[str, float]
    rtol: Mapping[str, float]
    max_drop: float | None = None
    min_agreement: float | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Tolerances:
        """What to_json gave; a manifest of before has none."""
        return cls(**value) if value else DEFAULT

    def to_json(self) -> dict[str, Any] | None:
        """The manifest's form; None where nothing was set."""
        return None if self == DEFAULT else asdict(self)

    def of(self, output: str, precision: str, pruned: bool = False) -> Tolerance:
        """The tolerance of one output; setting only atol leaves no relative part."""
        atol = self.atol.get(output, self.atol.get(""))
        rtol = self.rtol.get(output, self.rtol.get(""))
        if rtol is None:
            default = usual_budget(precision, pruned)
            usual = RTOL if default is None else default.error
            rtol = usual if atol is None else 0.0
        return Tolerance(rtol, atol or 0.0)

    def budget(self, output: str, precision: str, pruned: bool = False) -> Budget | None:
        """What a compressed file may cost; None for float32, which is judged by fidelity."""
        default = usual_budget(precision, pruned)
        if default is None:
            return None
        mine = self.min_agreement is not None or self.max_drop is not None
        by_error = any(key in table for table in (self.atol, self.rtol) for key in ("", output))
        anything = float("inf")
        return Budget(
            agreement=(self.min_agreement or 0.0) if mine else default.agreement,
            error=anything if mine and not by_error else default.error,
            mean_error=anything if mine or by_error else default.mean_error,
            snr=-anything if mine or by_error else default.snr,
            drop=(anything if self.max_drop is None else self.max_drop) if mine else default.drop,
        )


DEFAULT = Tolerances({}, {})


def judge(
    verdict: Verdict, runner: Runner, spec: ModelSpec, reference: Reference, tolerances: Tolerances
) -> Verdict:
    """Run every reference sample through one runner, one after another, and compare.

    A runner that keeps state from one call to the next is off from its second answer on, which
    is why samples share one.

    Args:
        verdict: What is judged: target, precision, path, runtime, backend.
        runner: The file, opened.
        spec: The original's inputs and outputs.
        reference: The samples and the original's answers.
        tolerances: What passes.
    """
    verdict = replace(verdict, tolerances=tolerances.to_json())
    if not reference.count:
        return replace(verdict, failures=("the reference has no samples: nothing was compared",))
    try:
        answers, times = run_samples(runner, spec, reference)
    except EdgeDeployError as error:
        return replace(verdict, failures=(str(error),))
    outputs = []
    for output in spec.outputs:
        expected = reference.outputs[output.name]
        pruned = verdict.sparsity is not None
        tolerance = tolerances.of(output.name, verdict.precision, pruned)
        budget = tolerances.budget(output.name, verdict.precision, pruned)
        given, step = answers.get(output.name, []), verdict.steps.get(output.name, 0.0)
        found = compare(output, expected, given, tolerance, budget, step)
        if pruned and verdict.precision == "float32" and output.name in reference.pruned:
            # What it costs is one question; whether it is the pruned model's file, another.
            like = compare(output, reference.pruned[output.name], given, Tolerance(RTOL))
            told = tuple(f"against the pruned model: {text}" for text in like.failures)
            found = replace(found, failures=found.failures + told)
        outputs.append(found)
    task, failures = None, list(verdict.failures)
    if verdict.compressed:
        task = metrics.task(spec, reference.outputs, answers, reference.labels)
        failures.extend(_judge_task(task, tolerances, verdict, reference.count))
    return replace(
        verdict,
        task=task,
        failures=tuple(failures),
        samples=reference.count,
        outputs=tuple(outputs),
        median_ms=statistics.median(times[1:] or times) * 1e3,
    )


def _judge_task(
    task: metrics.Task | None, tolerances: Tolerances, verdict: Verdict, count: int
) -> list[str]:
    budget = tolerances.budget("", verdict.precision, verdict.sparsity is not None)
    if task is None or budget is None:
        return []
    one = 1 / count if task.name == "accuracy" and tolerances.max_drop is None else 0.0
    allowed = max(budget.drop, one)
    if task.before - task.after <= allowed + 1e-9:
        return []
    return [
        f"{task.name} falls from {task.before:.4g} to {task.after:.4g}, allowed is a drop of "
        f"{allowed:.3g}; would pass with --max-drop {_up(task.before - task.after)}"
    ]


def _up(value: float) -> str:
    """Two digits, rounded up, so that what is advised passes."""
    return f"{value * 1.005 + 1e-12:.2g}" if float(f"{value:.2g}") < value else f"{value:.2g}"


def run_samples(
    runner: Runner, spec: ModelSpec, reference: Reference
) -> tuple[dict[str, list[Array]], list[float]]:
    """The answers by output name, and the seconds that the model itself took for each one."""
    answers: dict[str, list[Array]] = {}
    times = []
    for index in range(reference.count):
        feed = {s.name: sample(reference.inputs[s.name], s, index) for s in spec.inputs}
        start = time.perf_counter()
        answer = runner.predict(feed)
        took = time.perf_counter() - start
        # What runs in a page says its own time: the way there and back is none of the model's.
        own = getattr(runner, "seconds", None)
        times.append(took if own is None else own)
        for name, value in answer.items():
            answers.setdefault(name, []).append(value)
    return answers, times


def compare(
    spec: TensorSpec,
    expected: Array,
    answers: Sequence[Array],
    tolerance: Tolerance,
    budget: Budget | None = None,
    step: float = 0.0,
) -> OutputVerdict:
    """One output's answers against the original's.

    Args:
        spec: The output.
        expected: The original's answers, samples on the first axis.
        answers: What the converted file gave, one array a sample.
        tolerance: What passes.
        budget: What a compressed file may cost besides; None for float32.
        step: The distance of neighbouring answers, of an output that is an integer inside.
    """
    size = metrics.scale(expected)
    limit = tolerance.atol + tolerance.rtol * size
    if budget is not None and budget.error == float("inf"):
        limit = budget.error
    nothing = OutputVerdict(spec.name, float("nan"), float("nan"), size, limit, 0.0, 0, None, ())
    if not answers:
        return replace(nothing, failures=("the file has no output of this name",))
    for index, value in enumerate(answers):
        want = sample(expected, spec, index).shape
        if value.shape != want:
            what = f"shape {list(value.shape)} where the original gives {list(want)}"
            return replace(nothing, worst_sample=index, failures=(what,))
    got = np.concatenate(answers) if spec.batched else np.stack(answers)
    error = metrics.abs_error(expected, got)
    lost = np.isnan(got.astype(np.float64)) & ~np.isnan(expected.astype(np.float64))
    error[lost] = np.inf
    by_sample = error.reshape(len(error), -1).max(axis=1, initial=0.0)
    worst = int(by_sample.argmax())
    largest = float(by_sample[worst])
    failures = []
    if lost.any():
        count = int(lost.reshape(len(lost), -1).any(axis=1).sum())
        failures.append(f"NaN in {count} of {len(got)} samples where the original has none")
    elif budget is not None:
        failures.extend(_costs(spec, expected, got, error, limit, budget))
    elif spec.kind == "class":
        if largest:
            failures.append(f"another class in {int((by_sample > 0).sum())} of {len(got)} samples")
    elif largest > limit:
        failures.append(
            f"off by {largest:.3g} (sample {worst}), allowed {limit:.3g}; would pass with "
            f"--rtol {largest / size:.2g}"
        )
    varies = limit if budget is None else max(RTOL * size, 4 * step)
    failures.extend(_invariants(spec, expected, got, varies, step))
    return OutputVerdict(
        name=spec.name,
        max_abs_error=largest,
        mean_abs_error=float(error.mean()),
        scale=size,
        limit=0.0 if spec.kind == "class" else limit,
        needed_rtol=largest / size,
        worst_sample=worst,
        top1_agreement=(
            metrics.top1_agreement(expected, got) if spec.kind == "probabilities" else None
        ),
        failures=tuple(failures),
        points=_points(expected, error),
        snr_db=metrics.snr_db(expected, got),
    )


def _costs(
    spec: TensorSpec, expected: Array, got: Array, error: Array, limit: float, budget: Budget
) -> list[str]:
    """Where a compressed file costs more than its budget."""
    failures = []
    if spec.kind in ("probabilities", "class"):
        same = metrics.winners(spec.kind, expected) == metrics.winners(spec.kind, got)
        allowed = math.ceil(round((1 - budget.agreement) * len(same), 9))
        if (changed := int((~same).sum())) > allowed:
            failures.append(
                f"another winner in {changed} of {len(same)} samples, allowed {allowed}; would "
                f"pass with --min-agreement {math.floor(same.mean() * 1000) / 1000:g}"
            )
    if spec.kind == "class":
        return failures
    size, largest, mean = metrics.scale(expected), float(error.max()), float(error.mean())
    if largest > limit:
        worst = int(error.reshape(len(error), -1).max(axis=1).argmax())
        failures.append(
            f"off by {largest:.3g} (sample {worst}), allowed {limit:.3g}; would pass with "
            f"--rtol {_up(largest / size)}"
        )
    elif mean > (usual := budget.mean_error * size):
        failures.append(
            f"off by {mean:.3g} on average, allowed {usual:.3g}; --rtol sets a budget of your own"
        )
    elif (snr := metrics.snr_db(expected, got)) < budget.snr and largest > RTOL * size:
        failures.append(
            f"signal-to-noise ratio {snr:.1f} dB, allowed {budget.snr:.1f}; --rtol sets a budget "
            "of your own"
        )
    return failures


def _invariants(
    spec: TensorSpec, expected: Array, got: Array, limit: float, step: float = 0.0
) -> list[str]:
    """What is wrong whatever the tolerance."""
    failures = []
    if metrics.spread(expected) > limit and metrics.spread(got) == 0.0:
        failures.append("the same answer to every sample, where the original's answers vary")
    if spec.kind == "probabilities" and expected.ndim == 2:
        sums = got.astype(np.float64).sum(axis=1)
        usual = float(np.abs(expected.astype(np.float64).sum(axis=1) - 1).max())
        off = float(np.abs(sums - 1).max())
        # Every class is rounded by half a step at most; one more step for the last operator.
        allowed = max(1e-3, step * (expected.shape[1] / 2 + 1))
        if usual < 1e-3 and off > allowed:
            worst = sums[int(np.abs(sums - 1).argmax())]
            failures.append(f"probabilities that sum to {worst:.4g} in place of 1")
    return failures


def _points(expected: Array, error: Array) -> tuple[tuple[float, float], ...]:
    """At most _POINTS pairs, the worst among them, spread evenly over the rest."""
    x, y = expected.astype(np.float64).ravel(), error.ravel()
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if not len(x):
        return ()
    step = max(1, len(x) // (_POINTS - 1))
    chosen = sorted({int(y.argmax()), *range(0, len(x), step)})[:_POINTS]
    return tuple((float(x[i]), float(y[i])) for i in chosen)
