"""Converted files against the original's answers: runner + reference -> verdicts.

The only home of tolerances. A float file must give the original's answers to within 1e-4 of
the output's scale: seventy files converted by hand were off by 2.4e-6 at worst, and a wrong
resize, a swapped column or a lost bias is off by 1e-2 and more, so the line between the two is
a hundredfold wide on either side.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_deploy import metrics
from edge_deploy.errors import EdgeDeployError
from edge_deploy.reference import Reference, sample
from edge_deploy.spec import Array, ModelSpec, Runner, TensorSpec

RTOL = {"float32": 1e-4}
"""Fidelity: the largest error allowed, as a share of the output's scale, by precision."""

_POINTS = 400  # dots in an error picture


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
    """What the user set with ``--atol`` and ``--rtol``: by output name, "" for all outputs."""

    atol: Mapping[str, float]
    rtol: Mapping[str, float]

    def of(self, output: str, precision: str) -> Tolerance:
        """The tolerance of one output; setting only atol leaves no relative part."""
        atol = self.atol.get(output, self.atol.get(""))
        rtol = self.rtol.get(output, self.rtol.get(""))
        if rtol is None:
            rtol = RTOL[precision] if atol is None else 0.0
        return Tolerance(rtol, atol or 0.0)


DEFAULT = Tolerances({}, {})


@dataclass(frozen=True)
class OutputVerdict:
    """One output of one file in one runtime, with its evidence.

    Attributes:
        name: The output.
        max_abs_error: Over all samples and elements.
        mean_abs_error: The same, averaged.
        scale: The largest |original|.
        limit: The error that would still have passed.
        needed_rtol: The smallest ``--rtol`` that would have passed.
        worst_sample: Where the largest error is.
        top1_agreement: The share of samples with the same winner; None for other outputs.
        failures: What is wrong, in words; empty when all is well.
        points: (original, error) pairs for the error picture.
    """

    name: str
    max_abs_error: float
    mean_abs_error: float
    scale: float
    limit: float
    needed_rtol: float
    worst_sample: int
    top1_agreement: float | None
    failures: tuple[str, ...]
    points: tuple[tuple[float, float], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures


@dataclass(frozen=True)
class Verdict:
    """One file in one runtime.

    Attributes:
        target: tflite, tfjs or onnx.
        precision: Of the file.
        path: The file, inside the artifact.
        runtime: litert, ort or tfjs.
        backend: For TF.js the backend that answered, else None.
        samples: How many were run.
        outputs: One verdict an output.
        failures: What is wrong with the file as a whole.
        reason: Why it was not run; None when it was.
        median_ms: Median time of an answer in milliseconds, the first one left out.
    """

    target: str
    precision: str
    path: str
    runtime: str
    backend: str | None = None
    samples: int = 0
    outputs: tuple[OutputVerdict, ...] = ()
    failures: tuple[str, ...] = ()
    reason: str | None = None
    median_ms: float | None = None

    @property
    def status(self) -> str:
        """``pass``, ``fail`` or ``not run``."""
        if self.failures or any(not output.ok for output in self.outputs):
            return "fail"
        return "not run" if self.reason else "pass"

    @property
    def problems(self) -> tuple[str, ...]:
        """All failures in words, those of outputs with the output's name."""
        return self.failures + tuple(
            f"{output.name}: {failure}" for output in self.outputs for failure in output.failures
        )


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
    if not reference.count:
        return replace(verdict, failures=("the reference has no samples: nothing was compared",))
    try:
        answers, times = run_samples(runner, spec, reference)
    except EdgeDeployError as error:
        return replace(verdict, failures=(str(error),))
    outputs = []
    for output in spec.outputs:
        expected = reference.outputs[output.name]
        tolerance = tolerances.of(output.name, verdict.precision)
        outputs.append(compare(output, expected, answers.get(output.name, []), tolerance))
    return replace(
        verdict,
        samples=reference.count,
        outputs=tuple(outputs),
        median_ms=statistics.median(times[1:] or times) * 1e3,
    )


def run_samples(
    runner: Runner, spec: ModelSpec, reference: Reference
) -> tuple[dict[str, list[Array]], list[float]]:
    """The answers by output name, and the seconds each one took."""
    answers: dict[str, list[Array]] = {}
    times = []
    for index in range(reference.count):
        feed = {s.name: sample(reference.inputs[s.name], s, index) for s in spec.inputs}
        start = time.perf_counter()
        answer = runner.predict(feed)
        times.append(time.perf_counter() - start)
        for name, value in answer.items():
            answers.setdefault(name, []).append(value)
    return answers, times


def compare(
    spec: TensorSpec, expected: Array, answers: Sequence[Array], tolerance: Tolerance
) -> OutputVerdict:
    """One output's answers against the original's.

    Args:
        spec: The output.
        expected: The original's answers, samples on the first axis.
        answers: What the converted file gave, one array a sample.
        tolerance: What passes.
    """
    size = metrics.scale(expected)
    limit = tolerance.atol + tolerance.rtol * size
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
    elif spec.kind == "class":
        if largest:
            failures.append(f"another class in {int((by_sample > 0).sum())} of {len(got)} samples")
    elif largest > limit:
        failures.append(
            f"off by {largest:.3g} (sample {worst}), allowed {limit:.3g}; would pass with "
            f"--rtol {largest / size:.2g}"
        )
    failures.extend(_invariants(spec, expected, got, limit))
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
    )


def _invariants(spec: TensorSpec, expected: Array, got: Array, limit: float) -> list[str]:
    """What is wrong whatever the tolerance."""
    failures = []
    if metrics.spread(expected) > limit and metrics.spread(got) == 0.0:
        failures.append("the same answer to every sample, where the original's answers vary")
    if spec.kind == "probabilities" and expected.ndim == 2:
        sums = got.astype(np.float64).sum(axis=1)
        usual = float(np.abs(expected.astype(np.float64).sum(axis=1) - 1).max())
        off = float(np.abs(sums - 1).max())
        if usual < 1e-3 < off:
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


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The report's form of a verdict."""
    return {
        "target": verdict.target,
        "precision": verdict.precision,
        "path": verdict.path,
        "runtime": verdict.runtime,
        "backend": verdict.backend,
        "status": verdict.status,
        "samples": verdict.samples,
        "median_ms": verdict.median_ms,
        "reason": verdict.reason,
        "problems": list(verdict.problems),
        "outputs": [
            {
                "name": output.name,
                "ok": output.ok,
                "max_abs_error": _finite(output.max_abs_error),
                "mean_abs_error": _finite(output.mean_abs_error),
                "scale": output.scale,
                "limit": output.limit,
                "needed_rtol": _finite(output.needed_rtol),
                "worst_sample": output.worst_sample,
                "top1_agreement": output.top1_agreement,
                "failures": list(output.failures),
            }
            for output in verdict.outputs
        ],
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return value if np.isfinite(value) else None
