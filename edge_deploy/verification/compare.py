"""Converted files against the original's answers: runner + reference -> verdicts."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import Shown, option
from edge_deploy.core.spec import Array, Arrays, ModelSpec, RemoteRunner, Runner, TensorSpec
from edge_deploy.data.reference import Reference, sample
from edge_deploy.verification import batches, metrics, noise
from edge_deploy.verification.columns import column_name, judge_columns
from edge_deploy.verification.tolerances import RTOL, Budget, Tolerance, Tolerances
from edge_deploy.verification.verdicts import OutputVerdict, Verdict

_POINTS = 400  # dots in an error picture


@dataclass(frozen=True, eq=False)
class Rounding:
    """What rounding an output's answers have.

    Attributes:
        step: The distance of neighbouring answers, of an output that is an integer inside.
        unsure: Between what values the original's own answers lie; None where not measured.
    """

    step: float = 0.0
    unsure: Array | None = None


EXACT = Rounding()


def judge(
    verdict: Verdict,
    runner: Runner,
    spec: ModelSpec,
    reference: Reference,
    tolerances: Tolerances,
    measure: Callable[[], Arrays] | None = None,
) -> Verdict:
    """Run every reference sample through one runner, one after another, and compare.

    A runner that keeps state from one call to the next is off from its second answer on, which
    is why samples share one. Then the first ones are asked in one call (see batches.py).

    Args:
        verdict: What is judged: target, precision, path, runtime, backend.
        runner: The file, opened.
        spec: The original's inputs and outputs.
        reference: The samples and the original's answers.
        tolerances: What passes.
        measure: Measures the original's own rounding (see noise.py), where it can be asked; it is
            where a float32 file would fail or comes near it.
    """
    verdict = replace(verdict, tolerances=tolerances.to_json())
    if not reference.count:
        return replace(verdict, failures=("the reference has no samples: nothing was compared",))
    try:
        answers, times = run_samples(runner, spec, reference)
    except EdgeDeployError as error:
        return replace(verdict, failures=(str(error),))
    known = replace(reference, unsure={} if verdict.compressed else reference.unsure)

    def compared(
        given: Mapping[str, list[Array]], asked: Sequence[int] | None = None
    ) -> list[OutputVerdict]:
        nonlocal known
        data = known if asked is None else known.take(asked)
        outputs = _outputs(verdict, spec, data, tolerances, given)
        if measure and not verdict.compressed and not data.unsure and any(map(_close, outputs)):
            known = replace(known, unsure=measure())
            return compared(given, asked) if known.unsure else outputs
        return outputs

    outputs = compared(answers)
    task = metrics.task(spec, reference.outputs, answers, reference.labels)
    failures = list(verdict.failures)
    if verdict.compressed:
        failures.extend(_judge_task(task, tolerances, verdict, reference.count))
    batch = batches.judge(runner, spec, reference, answers, compared)
    return replace(
        verdict,
        task=task,
        failures=(*failures, *batch.failures),
        samples=reference.count,
        outputs=tuple(outputs),
        median_ms=statistics.median(times[1:] or times) * 1e3,
        batches=batch.sizes,
    )


def _close(output: OutputVerdict) -> bool:
    """Whether an output fails by its numbers, or may on a runtime that rounds otherwise."""
    counted = math.isfinite(output.max_abs_error)
    return counted and (not output.ok or output.max_abs_error > output.limit / 2)


def _outputs(
    verdict: Verdict,
    spec: ModelSpec,
    reference: Reference,
    tolerances: Tolerances,
    answers: Mapping[str, list[Array]],
) -> list[OutputVerdict]:
    outputs = []
    for output in spec.outputs:
        expected = reference.outputs[output.name]
        pruned = verdict.sparsity is not None
        tolerance = tolerances.of(output.name, verdict.precision, pruned)
        budget = tolerances.budget(output.name, verdict.precision, pruned)
        given, step = answers.get(output.name, []), verdict.steps.get(output.name, 0.0)
        rounding = Rounding(step, reference.unsure.get(output.name))
        found = compare(output, expected, given, tolerance, budget, rounding)
        if pruned and verdict.precision == "float32" and output.name in reference.pruned:
            # What it costs is one question; whether it is the pruned model's file, another.
            like = compare(output, reference.pruned[output.name], given, Tolerance(RTOL))
            told = tuple(f"against the pruned model: {text}" for text in like.failures)
            found = replace(found, failures=found.failures + told)
        outputs.append(found)
    return outputs


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
        f"{allowed:.3g}; would pass with "
        f"{option('max_drop', Shown(_up(task.before - task.after)))}"
    ]


def _up(value: float) -> str:
    """Two digits, rounded up, so that what is advised passes."""
    return f"{value * 1.005 + 1e-12:.2g}" if float(f"{value:.2g}") < value else f"{value:.2g}"


def run_samples(
    runner: Runner, spec: ModelSpec, reference: Reference
) -> tuple[dict[str, list[Array]], list[float]]:
    """The answers by output name, and the seconds that the model itself took for each one."""
    feeds = [
        {s.name: sample(reference.inputs[s.name], s, n) for s in spec.inputs}
        for n in range(reference.count)
    ]
    if isinstance(runner, RemoteRunner):
        given, times = runner.predict_each(feeds), runner.seconds
    else:
        given, times = [], []
        for feed in feeds:
            start = time.perf_counter()
            given.append(runner.predict(feed))
            times.append(time.perf_counter() - start)
    answers: dict[str, list[Array]] = {}
    for answer in given:
        for name, value in answer.items():
            answers.setdefault(name, []).append(value)
    return answers, times


def compare(
    spec: TensorSpec,
    expected: Array,
    answers: Sequence[Array],
    tolerance: Tolerance,
    budget: Budget | None = None,
    rounding: Rounding = EXACT,
) -> OutputVerdict:
    """One output's answers against the original's.

    Args:
        spec: The output.
        expected: The original's answers, samples on the first axis.
        answers: What the converted file gave, one array a sample.
        tolerance: What passes.
        budget: What a compressed file may cost besides; None for float32.
        rounding: Of the file's answers, and of the original's.
    """
    step, unsure = rounding.step, rounding.unsure
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
    raw = float(error.max(initial=0.0))
    if budget is None:
        error = noise.excused(spec.kind, error, got, unsure)
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
            f"{option('rtol', Shown(f'{largest / size:.2g}'))}"
        )
    columns = None
    if not lost.any():
        columns = judge_columns(spec, expected, got, error, (tolerance, budget), step)
    needed = largest / size
    if columns and not failures:
        failures.extend(columns.failures)
        needed = columns.needed_rtol if columns.failures else needed
    varies = limit if budget is None else max(RTOL * size, 4 * step)
    failures.extend(_invariants(spec, expected, got, varies, step))
    return OutputVerdict(
        name=spec.name,
        max_abs_error=raw,
        mean_abs_error=float(error.mean()),
        scale=size,
        limit=0.0 if spec.kind == "class" else limit,
        needed_rtol=needed,
        worst_sample=worst,
        top1_agreement=(
            metrics.top1_agreement(expected, got) if spec.kind == "probabilities" else None
        ),
        failures=tuple(failures),
        points=_points(expected, error),
        snr_db=metrics.snr_db(expected, got),
        column=column_name(spec, columns.worst, expected.shape[-1]) if columns else None,
        own_rounding=None if unsure is None else noise.evidence({"": unsure}, ""),
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
                f"pass with {option('min_agreement', math.floor(same.mean() * 1000) / 1000)}"
            )
    if spec.kind == "class":
        return failures
    size, largest, mean = metrics.scale(expected), float(error.max()), float(error.mean())
    if largest > limit:
        worst = int(error.reshape(len(error), -1).max(axis=1).argmax())
        failures.append(
            f"off by {largest:.3g} (sample {worst}), allowed {limit:.3g}; would pass with "
            f"{option('rtol', Shown(_up(largest / size)))}"
        )
    elif mean > (usual := budget.mean_error * size):
        failures.append(
            f"off by {mean:.3g} on average, allowed {usual:.3g}; {option('rtol')} sets a budget "
            "of your own"
        )
    elif (snr := metrics.snr_db(expected, got)) < budget.snr and largest > RTOL * size:
        failures.append(
            f"signal-to-noise ratio {snr:.1f} dB, allowed {budget.snr:.1f}; {option('rtol')} sets "
            "a budget of your own"
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
    # As report.json keeps them, so that a page drawn from it later is the same.
    return tuple((float(f"{x[i]:.4g}"), float(f"{y[i]:.3g}")) for i in chosen)
