"""What the comparison of a file with the original found, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from msgspec import UNSET

from edge_deploy.artifact.file_entry import FileEntry, VerdictRow
from edge_deploy.formats.base import Runtime
from edge_deploy.formats.layers import LayerError
from edge_deploy.verification.metrics import Task

ZEROS = (
    "Zeros that pruning spreads over the weights make the download smaller (gzip, brotli). They do "
    "not make the file smaller in memory, and they do not make it faster."
)
"""What whoever prunes must know."""


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
        snr_db: Signal-to-noise ratio in decibels; infinite where nothing differs.
        failures: What is wrong, in words; empty when all is well.
        points: (original, error) pairs for the error picture.
        column: The column that is off the most by its own scale; None of an output without any.
        own_rounding: What the original's own answer to a sample varies by at most, when asked
            again within float32's rounding (see noise.py); None where it was not measured.
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
    snr_db: float = float("nan")
    column: str | None = None
    own_rounding: float | None = None

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
        runtime: litert, ort, tfjs, litert-web or ort-web.
        backend: For TF.js the backend that answered, else None.
        samples: How many were run.
        outputs: One verdict an output.
        failures: What is wrong with the file as a whole.
        reason: Why it was not run; None when it was.
        median_ms: Median milliseconds of the model's own answer to one sample, by a clock beside
            the model (in the page, for what runs in one), the first answer left out.
        steps: The distance of neighbouring answers, by output, where they are integers inside.
        task: How good its answers are beside the original's, where labels are known.
        layers: What each layer adds to the error, where the file failed its budget.
        advice: Which layers those are, and what helps.
        sparsity: The share of zeros in the kernels of a pruned file, else None.
        tolerances: What the user let pass (Tolerances.to_json); None for the defaults.
        batches: Sizes of batches that it answered rightly: 1, and 3 where the file and the
            runtime take several samples in one call; none where it was not run.
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
    steps: Mapping[str, float] = field(default_factory=dict)
    task: Task | None = None
    layers: tuple[LayerError, ...] = ()
    advice: tuple[str, ...] = ()
    sparsity: float | None = None
    tolerances: Mapping[str, Any] | None = None
    batches: tuple[int, ...] = ()

    @property
    def status(self) -> str:
        """``pass``, ``fail`` or ``not run``."""
        if self.failures or any(not output.ok for output in self.outputs):
            return "fail"
        return "not run" if self.reason else "pass"

    @property
    def compressed(self) -> bool:
        """Whether it is the cost that is judged; of a plain float32 file it is fidelity."""
        return self.precision != "float32" or self.sparsity is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """All failures in words, those of outputs with the output's name."""
        return self.failures + tuple(
            f"{output.name}: {failure}" for output in self.outputs for failure in output.failures
        )


def none_fails(verdicts: Iterable[Verdict]) -> bool:
    """Whether no file is outside tolerance; one that was not run is not."""
    return not any(verdict.status == "fail" for verdict in verdicts)


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The report's form of a verdict."""
    return {
        "target": verdict.target,
        "precision": verdict.precision,
        "sparsity": verdict.sparsity,
        "path": verdict.path,
        "runtime": verdict.runtime,
        "backend": verdict.backend,
        "status": verdict.status,
        "samples": verdict.samples,
        "median_ms": verdict.median_ms,
        "batches": list(verdict.batches),
        "reason": verdict.reason,
        "tolerances": verdict.tolerances,
        "task": verdict.task.to_json() if verdict.task else None,
        "problems": list(verdict.problems),
        "advice": list(verdict.advice),
        "layers": [asdict(layer) for layer in verdict.layers],
        "outputs": [
            {
                "name": output.name,
                "ok": output.ok,
                "max_abs_error": _finite(output.max_abs_error),
                "mean_abs_error": _finite(output.mean_abs_error),
                "scale": output.scale,
                "limit": _finite(output.limit),
                "needed_rtol": _finite(output.needed_rtol),
                "worst_sample": output.worst_sample,
                "top1_agreement": output.top1_agreement,
                "snr_db": _finite(output.snr_db),
                "worst_column": output.column,
                "own_rounding": output.own_rounding,
                "failures": list(output.failures),
                "points": " ".join(f"{x:.4g},{error:.3g}" for x, error in output.points),
            }
            for output in verdict.outputs
        ],
    }


def from_json(entry: Mapping[str, Any]) -> Verdict:
    """A verdict from the report's form, as far as a report shows it.

    Raises:
        KeyError: Something is missing.
        TypeError: Or is of another type.
        ValueError: Likewise.
    """
    outputs = tuple(
        OutputVerdict(
            name=output["name"],
            max_abs_error=_number(output["max_abs_error"]),
            mean_abs_error=_number(output["mean_abs_error"]),
            scale=output["scale"],
            limit=_number(output["limit"]),
            needed_rtol=_number(output["needed_rtol"]),
            worst_sample=output["worst_sample"],
            top1_agreement=output["top1_agreement"],
            failures=tuple(output["failures"]),
            points=tuple(_point(text) for text in output.get("points", "").split()),
            snr_db=_number(output["snr_db"]),
            column=output.get("worst_column"),
            own_rounding=output.get("own_rounding"),
        )
        for output in entry["outputs"]
    )
    of_outputs = {f"{output.name}: {failure}" for output in outputs for failure in output.failures}
    return Verdict(
        target=entry["target"],
        precision=entry["precision"],
        path=entry["path"],
        runtime=entry["runtime"],
        backend=entry["backend"],
        samples=entry["samples"],
        outputs=outputs,
        failures=tuple(text for text in entry["problems"] if text not in of_outputs),
        reason=entry["reason"],
        median_ms=entry["median_ms"],
        task=Task.from_json(entry["task"]) if entry["task"] else None,
        layers=tuple(LayerError(**layer) for layer in entry["layers"]),
        advice=tuple(entry["advice"]),
        sparsity=entry["sparsity"],
        tolerances=entry.get("tolerances"),
        batches=tuple(entry.get("batches", ())),
    )


def _point(text: str) -> tuple[float, float]:
    x, error = text.split(",")
    return float(x), float(error)


def _number(value: float | None) -> float:
    """What JSON has no word for was infinite, or no number."""
    return float("inf") if value is None else float(value)


def _finite(value: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return value if np.isfinite(value) else None


def blank(runtime: Runtime, entry: FileEntry) -> Verdict:
    """The verdict on an entry of the manifest, to be filled in."""
    return Verdict(
        runtime.format,
        entry.precision,
        entry.path,
        runtime.name,
        sparsity=entry.pruned.sparsity if entry.pruned else None,
        steps={o.name: o.quantization.scale for o in entry.outputs if o.quantization},
    )


def summarize(rows: Sequence[Verdict]) -> tuple[VerdictRow, ...]:
    """The manifest's form of verdicts on a file."""
    return tuple(
        VerdictRow(
            runtime=row.runtime,
            backend=row.backend,
            status=row.status,
            samples=row.samples,
            reason=row.reason,
            problems=row.problems,
            median_ms=row.median_ms,
            batches=row.batches,
            tolerances=dict(row.tolerances) if row.tolerances else None,
            max_abs_error=max((_finite(o.max_abs_error) or 0.0 for o in row.outputs), default=None),
            performance=row.task.to_entry() if row.task else UNSET,
        )
        for row in rows
    )
