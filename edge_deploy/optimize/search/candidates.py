"""Candidates of a search, what measuring one gives, and which of them are worth keeping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge_deploy.formats.base import FLOAT
from edge_deploy.formats.layers import LayerError
from edge_deploy.formats.registry import FORMATS

OBJECTIVES = ("size", "latency")
_SLACK = 1e-9  # two equal shares may differ by their last bit
_AS_FAST = 1.1  # times closer than this are one time: repeated runs differ by as much
_MOST_KEPT = 3  # layers in float that a search tries for one file


@dataclass(frozen=True)
class Candidate:
    """One file that might be made.

    Attributes:
        target: tflite, tfjs or onnx.
        precision: One that the target has.
        sparsity: The share of weights pruned to zero; 0 where the model is as it was.
        kept: Layers that stay float32.
    """

    target: str
    precision: str
    sparsity: float = 0.0
    kept: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The precision part of a file's name: ``int8_pruned80_mixed1``."""
        pruned = f"_pruned{self.sparsity * 100:.0f}" if self.sparsity else ""
        return f"{self.precision}{pruned}{f'_mixed{len(self.kept)}' if self.kept else ''}"

    @property
    def words(self) -> str:
        """The same for people."""
        pruned = f", {self.sparsity:.0%} pruned" if self.sparsity else ""
        return f"{self.precision}{pruned}{f', {_and(self.kept)} in float' if self.kept else ''}"


def _and(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


@dataclass(frozen=True)
class CandidateResult:
    """A candidate that was made and run.

    Attributes:
        candidate: What it is.
        bytes: Of its files on disk.
        brotli_bytes: What a visitor downloads.
        metric: accuracy or R² against the labels; agreement with the original without labels.
        before: The metric of the original; 1 for agreement.
        after: The metric of the file.
        samples: How many it was asked.
        median_ms: Median time of an answer in milliseconds; None where it was not timed alone.
        problems: What is wrong with its answers whatever the budget.
        layers: The error that each layer adds, where a runtime shows it.
    """

    candidate: Candidate
    bytes: int
    brotli_bytes: int
    metric: str
    before: float
    after: float
    samples: int
    median_ms: float | None = None
    problems: tuple[str, ...] = ()
    layers: tuple[LayerError, ...] = ()

    @property
    def drop(self) -> float:
        """How far the metric fell."""
        return self.before - self.after

    def within(self, max_drop: float) -> bool:
        """Whether it may be used at all."""
        return not self.problems and self.drop <= max_drop + _SLACK

    def cost(self, objective: str) -> float:
        """What is to be small."""
        if objective == "latency":
            return float("inf") if self.median_ms is None else self.median_ms
        return float(self.brotli_bytes)

    def to_json(self) -> dict[str, Any]:
        """The form that is stored; ``from_json`` reads it."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> CandidateResult:
        """The inverse of to_json."""
        found = dict(data["candidate"])
        return CandidateResult(
            **{
                **data,
                "candidate": Candidate(**{**found, "kept": tuple(found["kept"])}),
                "problems": tuple(data["problems"]),
                "layers": tuple(LayerError(**layer) for layer in data["layers"]),
            }
        )

    def with_time(self, median_ms: float | None) -> CandidateResult:
        """The same, timed alone."""
        return replace(self, median_ms=median_ms)


def first_round(targets: Sequence[str], sparsities: Sequence[float]) -> list[Candidate]:
    """Every precision of every target, at every sparsity."""
    return [
        Candidate(target, precision, sparsity)
        for target in targets
        for sparsity in sparsities
        for precision in FORMATS[target].precisions
    ]


def second_round(
    measured: Sequence[CandidateResult], weighted: Mapping[str, Sequence[str]], max_drop: float
) -> list[Candidate]:
    """Files with layers kept in float, where the precision alone is what costs too much.

    Where float32 at the same sparsity is over the budget too, no kept layer helps. In TFLite the
    layers that add most to the error are kept, one, two and three of them; other runtimes do not
    show what happens between layers, so each layer is tried alone.

    Args:
        measured: The first round.
        weighted: By target the names of the layers that hold weights.
        max_drop: The budget.
    """
    found = {m.candidate: m for m in measured}
    result: list[Candidate] = []
    for one in measured:
        c = one.candidate
        float_file = found.get(Candidate(c.target, FLOAT, c.sparsity))
        if one.within(max_drop) or c.precision == FLOAT or float_file is None:
            continue
        if not float_file.within(max_drop):
            continue
        names = weighted[c.target]
        if one.layers:
            worst = sorted(one.layers, key=lambda layer: layer.before - layer.after)
            ranked = [layer.name for layer in worst if layer.name in names]
            kept = [tuple(ranked[:n]) for n in range(1, min(_MOST_KEPT, len(ranked) - 1) + 1)]
        else:
            kept = [(name,) for name in names[: 2 * _MOST_KEPT]] if len(names) > 1 else []
        result.extend(replace(c, kept=names) for names in kept if names)
    return result


def front(
    measured: Iterable[CandidateResult], objective: str, max_drop: float
) -> list[CandidateResult]:
    """The Pareto front of one target within the budget, the cheapest file first.

    A file is on it when no other one costs as little and loses as little.
    """
    usable = [m for m in measured if m.within(max_drop)]
    usable.sort(key=lambda m: (m.cost(objective), m.drop, m.candidate.words))
    kept: list[CandidateResult] = []
    for one in usable:
        if not kept or one.drop < kept[-1].drop - _SLACK:
            kept.append(one)
    return kept


def recommend(
    best: Sequence[CandidateResult], whole: CandidateResult | None, objective: str
) -> tuple[CandidateResult, str]:
    """The file of a front to take, and why.

    By latency, files within a tenth of the fastest count as equally fast, and the smallest
    of them is taken: what is not faster is not called faster.

    Args:
        best: The front, not empty.
        whole: The float32 file as the model came.
        objective: size or latency.
    """
    chosen = best[0]
    if objective == "latency":
        limit = chosen.cost(objective) * _AS_FAST
        fast = [m for m in best if m.cost(objective) <= limit]
        chosen = min(fast, key=lambda m: (m.brotli_bytes, m.cost(objective)))
    words = [f"{chosen.candidate.words}: {chosen.brotli_bytes / 1000:.1f} KB to download"]
    if whole is not None and whole is not chosen:
        words.append(f"{chosen.brotli_bytes / whole.brotli_bytes:.2f} of float32's")
    if objective == "latency" and chosen.median_ms is not None:
        words.append(f"{chosen.median_ms:.3f} ms an answer{_speed(chosen, whole)}")
    fall = (
        f"a drop of {chosen.drop:.4f}"
        if chosen.drop > _SLACK
        else "no drop"
        if chosen.drop > -_SLACK
        else "better"
    )
    words.append(
        f"{chosen.metric} {chosen.before:.4f} → {chosen.after:.4f} ({fall}) on "
        f"{chosen.samples} samples"
    )
    return chosen, ", ".join(words)


def _speed(chosen: CandidateResult, whole: CandidateResult | None) -> str:
    if whole is None or whole is chosen or not whole.median_ms or not chosen.median_ms:
        return ""
    ratio = whole.median_ms / chosen.median_ms
    if ratio > _AS_FAST:
        return f", {ratio:.2f} times as fast as float32"
    return f", no faster than float32's {whole.median_ms:.3f} ms"
