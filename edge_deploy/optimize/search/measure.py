"""Making and running one candidate: what a worker does, without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_deploy.artifact.file_entry import PruningEntry
from edge_deploy.artifact.transfer_size import brotli_size
from edge_deploy.core.errors import ArtifactError, ConversionError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.spec import Array, ModelSpec, Runner
from edge_deploy.data.calibration import from_reference
from edge_deploy.data.reference import Reference
from edge_deploy.formats.base import FLOAT, Converted, Opener, Quantization
from edge_deploy.formats.layers import Layer, choose
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.optimize.search.candidates import Candidate, CandidateResult
from edge_deploy.verification import metrics
from edge_deploy.verification.compare import Rounding, compare, run_samples
from edge_deploy.verification.tolerances import Budget, Tolerance

_LAYER_SAMPLES = 32
_SECONDS = 0.2  # of answers that are timed at a time
_ANYTHING = Budget(0.0, math.inf, math.inf, -math.inf, math.inf)

# A Dask worker runs several threads; quantizers turn the process's own stdout aside meanwhile.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False)
class CandidateGroup:
    """What the candidates of one target and sparsity share; it travels to the workers.

    Attributes:
        target: tflite, tfjs or onnx.
        sparsity: Of the float32 file.
        files: That file, with the weights beside it, by name; the one to open comes first.
        spec: The original's inputs and outputs.
        data: Samples with the original's answers, and labels where known.
        calibration: Samples for integer precisions.
        pruned: The manifest's form of how the model was pruned.
    """

    target: str
    sparsity: float
    files: Mapping[str, bytes]
    spec: ModelSpec
    data: Reference
    calibration: Reference
    pruned: PruningEntry | None = None

    def key(self, candidate: Candidate) -> str:
        """Under which the result is stored: a digest of all that it depends on."""
        parts = [
            json.dumps([candidate.target, candidate.precision, list(candidate.kept)]),
            self.digest(),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def digest(self) -> str:
        """Of the float32 file and the samples."""
        found = hashlib.sha256()
        for name in sorted(self.files):
            found.update(name.encode() + self.files[name])
        for data in (self.data, self.calibration):
            for arrays in (data.inputs, data.outputs):
                for name in sorted(arrays):
                    found.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
            if data.labels is not None:
                found.update(np.ascontiguousarray(data.labels).tobytes())
        return found.hexdigest()


def write(group: CandidateGroup, folder: Path) -> Converted:
    """The float32 file of a group on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in group.files.items():
        (folder / name).write_bytes(data)
    names = list(group.files)
    return Converted(folder / names[0], tuple(folder / name for name in names))


def build(group: CandidateGroup, candidate: Candidate, source: Converted, path: Path) -> Converted:
    """The file of a candidate; the float32 one itself for float32.

    Raises:
        ConversionError: The quantizer cannot do it.
    """
    if candidate.precision == FLOAT:
        return source
    path.parent.mkdir(parents=True, exist_ok=True)
    file_format = FORMATS[candidate.target]
    kept: tuple[Layer, ...] = ()
    if candidate.kept:
        layers = file_format.layers(source.path)
        kept = choose(layers, candidate.kept, f"the {candidate.target} file")
    samples = from_reference(group.calibration, group.spec, "calibration")
    file_format.quantize(source.path, path, Quantization(candidate.precision, samples, kept))
    return Converted(path, file_format.files(path))


def measure(group: CandidateGroup, candidate: Candidate) -> CandidateResult | None:
    """Make a candidate's file in a folder of its own, run it, and tell what it costs.

    Returns:
        What was found; None where the quantizer cannot make the file.
    """
    return measure_in(group, candidate, default_runtime(candidate.target).open)


def measure_in(
    group: CandidateGroup, candidate: Candidate, open_runner: Opener
) -> CandidateResult | None:
    """As ``measure``, in a runtime that the caller opens.

    Args:
        group: What the candidate shares with others.
        candidate: The candidate.
        open_runner: Opens the candidate's file.
    """
    with _one_at_a_time, temporary_folder() as folder:
        source = write(group, folder / "float")
        path = folder / "made" / source.path.name
        try:
            made = build(group, candidate, source, path)
        except ConversionError:
            return None
        file_format = FORMATS[candidate.target]
        _, steps = file_format.steps(made.path, candidate.precision)
        scales = {name: step["scale"] for name, step in steps.items()}
        found = _judge(group, candidate, made, open_runner(made.path), scales)
        if not file_format.layer_errors or candidate.precision == FLOAT or candidate.kept:
            return found
        layers = file_format.layers(source.path)
        count = min(_LAYER_SAMPLES, group.data.count)
        errors = file_format.layer_errors(
            source.path, made.path, layers, group.spec, group.data.take(range(count))
        )
    return CandidateResult(**{**vars(found), "layers": errors})


def _judge(
    group: CandidateGroup,
    candidate: Candidate,
    made: Converted,
    opened: AbstractContextManager[Runner],
    steps: Mapping[str, float],
) -> CandidateResult:
    files = [file.read_bytes() for file in made.files]
    answers: dict[str, list[Array]] = {}
    problems: list[str] = []
    try:
        with opened as runner:
            answers, _ = run_samples(runner, group.spec, group.data)
    except ArtifactError as error:
        problems.append(str(error))
    if answers:
        for output in group.spec.outputs:
            verdict = compare(
                output,
                group.data.outputs[output.name],
                answers.get(output.name, []),
                Tolerance(math.inf),
                _ANYTHING,
                Rounding(steps.get(output.name, 0.0)),
            )
            problems.extend(f"{output.name}: {failure}" for failure in verdict.failures)
    metric, before, after = ("agreement", 1.0, 0.0)
    if not problems:
        metric, before, after = quality(group.spec, group.data, answers)
    return CandidateResult(
        candidate,
        bytes=sum(len(data) for data in files),
        brotli_bytes=sum(map(brotli_size, files)),
        metric=metric,
        before=before,
        after=after,
        samples=group.data.count,
        problems=tuple(problems),
    )


def quality(
    spec: ModelSpec, data: Reference, answers: Mapping[str, Sequence[Array]]
) -> tuple[str, float, float]:
    """The task metric before and after; without labels, agreement with the original.

    Agreement is the share of samples with the same winner, of outputs that are no classes
    1 - Σ(difference²)/Σ(original - mean)²; of several outputs the least.
    """
    task = metrics.task(spec, data.outputs, answers, data.labels)
    if task is not None:
        return task.name, task.before, task.after
    shares = []
    for output in spec.outputs:
        was = data.outputs[output.name]
        now = np.concatenate([value.reshape(1, -1) for value in answers[output.name]])
        flat = was.reshape(len(was), -1)
        if output.kind == "class" or (output.kind == "probabilities" and flat.shape[1] > 1):
            same = metrics.winners(output.kind, flat) == metrics.winners(output.kind, now)
            shares.append(float(same.mean()))
        elif output.kind == "probability":
            shares.append(float(((flat >= 0.5) == (now >= 0.5)).mean()))
        else:
            noise = float(np.sum(metrics.abs_error(flat, now) ** 2))
            signal = float(np.sum((flat.astype(np.float64) - flat.mean()) ** 2))
            shares.append(1.0 - noise / signal if signal else float(noise == 0.0))
    return "agreement", 1.0, min(shares)


def time_alone(group: CandidateGroup, candidate: Candidate, open_runner: Opener) -> float:
    """The median time of an answer in milliseconds, while nothing else of ours runs."""
    from edge_deploy.verification.latency import time_runner

    with temporary_folder() as folder:
        source = write(group, folder / "float")
        made = build(group, candidate, source, folder / "made" / source.path.name)
        with open_runner(made.path) as runner:
            times = time_runner(runner, group.spec, group.data, _SECONDS)
    return statistics.median(times[1:]) * 1e3
