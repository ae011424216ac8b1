"""How far one array is from another: pure functions, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from msgspec import structs

from edge_deploy.artifact.document import part
from edge_deploy.artifact.performance import ConfusionEntry, PerformanceEntry
from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference, class_count, class_outputs, numbers_of


def scale(original: Array) -> float:
    """The size of an output: the largest absolute value, at least 1e-6.

    Outputs are of any size (prices, logits, probabilities), so errors are judged relative to
    this and not to single values, which may be zero.
    """
    finite = np.abs(original[np.isfinite(original)].astype(np.float64))
    return max(float(finite.max(initial=0.0)), 1e-6)


def abs_error(original: Array, converted: Array) -> Array:
    """Element-wise absolute difference; where both are the same infinity or NaN it is 0."""
    a, b = original.astype(np.float64), converted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error: Array = np.abs(a - b)
    error[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return error


def top1_agreement(original: Array, converted: Array) -> float:
    """The share of samples whose largest column is the same one; shape (samples, classes)."""
    return float(np.mean(original.argmax(axis=-1) == converted.argmax(axis=-1)))


def snr_db(original: Array, converted: Array) -> float:
    """Signal-to-noise ratio in decibels: 10·log10(Σ original² / Σ difference²)."""
    signal = float(np.sum(original.astype(np.float64) ** 2))
    noise = float(np.sum(abs_error(original, converted) ** 2))
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")


def spread(values: Array) -> float:
    """How far samples are from one another: the widest range of any element over the samples."""
    if len(values) < 2:
        return 0.0
    with np.errstate(invalid="ignore"):
        ranges = values.astype(np.float64).max(axis=0) - values.astype(np.float64).min(axis=0)
    return float(np.nan_to_num(ranges, posinf=np.inf).max(initial=0.0))


def winners(kind: str, values: Array) -> Array:
    """The class of each sample: the largest column, or the class itself."""
    found: Array = values.argmax(axis=-1) if kind == "probabilities" else values
    return found.reshape(len(values), -1)[:, 0]


IN_UNITS = ("MAE", "RMSE")
"""Figures that have the unit of their output."""

_FEW = 5  # pairs beside a whole confusion matrix
MOST_CLASSES = 50
"""A confusion matrix of up to so many classes is kept in full."""


@dataclass(frozen=True)
class Confusion:
    """Which classes are taken for which.

    Attributes:
        counts: A row a true class, a column an answered one; empty above ``MOST_CLASSES``.
        pairs: The wrong answers that are given most: true class, answered class, how often.
    """

    counts: tuple[tuple[int, ...], ...]
    pairs: tuple[tuple[int, int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The report's form: a row is a text, which a person can read."""
        return {
            "counts": [" ".join(map(str, row)) for row in self.counts],
            "pairs": [" ".join(map(str, pair)) for pair in self.pairs],
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Confusion:
        """What ``to_json`` wrote."""
        rows = {
            key: tuple(tuple(map(int, row.split())) for row in entry[key])
            for key in ("counts", "pairs")
        }
        return cls(**rows)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Score:
    """How good answers are by the true labels.

    Attributes:
        output: The output that was asked.
        samples: How many labels there were.
        values: accuracy and macro F1; or R², MAE and RMSE. The first is the one that is judged.
        confusion: Of a classifier.
    """

    output: str
    samples: int
    values: Mapping[str, float]
    confusion: Confusion | None = None

    def to_entry(self) -> PerformanceEntry:
        """The manifest's form."""
        told = part(ConfusionEntry, self.confusion.to_json()) if self.confusion else None
        return PerformanceEntry(
            output=self.output, samples=self.samples, values=dict(self.values), confusion=told
        )


@dataclass(frozen=True)
class Task:
    """How good a file's answers are by the true labels, beside the original's to the same samples.

    Attributes:
        output: The output that was asked.
        name: ``accuracy`` or ``R²``.
        before: The original's.
        after: The file's.
        more: Macro F1; or the mean absolute and the root mean squared error: before and after.
        samples: How many labels there were.
        confusion: Of a classifier's file.
    """

    output: str
    name: str
    before: float
    after: float
    more: Mapping[str, tuple[float, float]]
    samples: int = 0
    confusion: Confusion | None = None

    def to_json(self) -> dict[str, Any]:
        """The report's form."""
        told = self.confusion.to_json() if self.confusion else None
        return {**asdict(self), "confusion": told}

    def to_entry(self) -> PerformanceEntry:
        """The manifest's form."""
        pairs = {self.name: (self.before, self.after), **self.more}
        score = Score(
            self.output, self.samples, {n: after for n, (_, after) in pairs.items()}, self.confusion
        )
        original = {name: before for name, (before, _) in pairs.items()}
        return structs.replace(score.to_entry(), original=original)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Task:
        """What ``to_json`` wrote."""
        more = {name: (before, after) for name, (before, after) in entry["more"].items()}
        told = entry.get("confusion")
        confusion = Confusion.from_json(told) if told else None
        return cls(**{**entry, "more": more, "confusion": confusion})


def task(
    spec: ModelSpec,
    before: Mapping[str, Array],
    after: Mapping[str, Sequence[Array]],
    labels: Array | None,
) -> Task | None:
    """The task metric of the output that the labels belong to.

    Args:
        spec: The model's outputs.
        before: The original's answers.
        after: The file's, one array a sample.
        labels: A class index or a value a sample.
    """
    outputs = outputs_of(spec, labels)
    if not outputs or labels is None:
        return None
    joined = {}
    for output in outputs:
        was, given = before[output.name], after.get(output.name, [])
        if len(given) != len(labels) or any(g.size * len(labels) != was.size for g in given):
            return None
        joined[output.name] = np.concatenate([g.reshape(1, -1) for g in given])
    first = score(outputs, before, labels)
    second = score(outputs, joined, labels)
    name, *others = first.values
    return Task(
        first.output,
        name,
        first.values[name],
        second.values[name],
        {other: (first.values[other], second.values[other]) for other in others},
        len(labels),
        second.confusion,
    )


def outputs_of(spec: ModelSpec, labels: Array | None) -> tuple[TensorSpec, ...]:
    """The outputs that labels belong to: one, or of several questions each one's class.

    Args:
        spec: The model's outputs.
        labels: One a sample, or a column a question, or as many numbers as an output gives.
    """
    asked = class_outputs(spec)
    if labels is not None and len(asked) > 1 and labels.shape[1:] == (len(asked),):
        return tuple(asked) if len(labels) else ()
    output = labelled(spec, labels)
    return () if output is None else (output,)


def labelled(spec: ModelSpec, labels: Array | None) -> TensorSpec | None:
    """The first output that labels can belong to: indices of its classes, or values that vary.

    Args:
        spec: The model's outputs.
        labels: One a sample, or as many numbers as an output gives.
    """
    if labels is not None and labels.ndim == 2 and np.isfinite(labels).all() and len(labels):
        return numbers_of(spec, labels) if np.ptp(labels, axis=0).all() else None
    if labels is None or labels.dtype.kind not in "iufb" or labels.ndim != 1 or not len(labels):
        return None
    whole = bool(np.all(np.isfinite(labels))) and bool(np.all(labels == np.round(labels)))
    for output in spec.outputs:
        count = class_count(output)
        if count == 0:
            one = output.kind == "value" and output.shape[-1:] == (1,)
            if one and bool(np.all(np.isfinite(labels))) and np.ptp(labels.astype(float)) > 0:
                return output
        elif whole and labels.min() >= 0 and (count is None or labels.max() < count):
            return output
    return None


def performance(spec: ModelSpec, data: Reference) -> PerformanceEntry | None:
    """How good the original is by the labels of some samples; None where there are none."""
    outputs = outputs_of(spec, data.labels)
    if not outputs or data.labels is None or data.origin == "synthetic":
        return None
    return score(outputs, data.outputs, data.labels).to_entry()


def answered(output: TensorSpec, values: Array) -> Array:
    """The class that each sample is answered with, of an output that tells classes."""
    flat = values.reshape(len(values), -1)
    if output.kind == "probability":
        return (flat[:, 0] >= 0.5).astype(np.int64)
    found = flat[:, 0] if output.kind == "class" else flat.argmax(axis=1)
    return found.astype(np.int64)


def score(outputs: Sequence[TensorSpec], answers: Mapping[str, Array], labels: Array) -> Score:
    """How good answers are.

    Of several questions the first figure is the mean of their accuracies, and each has its own.

    Args:
        outputs: What ``outputs_of`` found.
        answers: By output, samples on the first axis.
        labels: A class index or a value a sample; several values, or a class index a question.
    """
    if len(outputs) == 1:
        return _score(outputs[0], answers[outputs[0].name], labels)
    scores = [_score(one, answers[one.name], labels[:, n]) for n, one in enumerate(outputs)]
    told = {name: float(np.mean([one.values[name] for one in scores])) for name in scores[0].values}
    each = zip(outputs, scores, strict=True)
    told |= {f"accuracy of {o.label or o.name}": one.values["accuracy"] for o, one in each}
    return Score(", ".join(o.label or o.name for o in outputs), len(labels), told)


def _score(output: TensorSpec, values: Array, labels: Array) -> Score:
    """The same of one output.

    Of several numbers a sample R² is the mean of each one's, as sklearn.metrics.r2_score has it.
    """
    if class_count(output) == 0 or labels.ndim == 2:
        true = labels.reshape(len(labels), -1)
        off = values.reshape(len(values), -1)[:, : true.shape[1]].astype(np.float64) - true
        total = np.sum((true - true.mean(axis=0)) ** 2, axis=0)
        told = {
            "R²": float(np.mean(1 - np.sum(off**2, axis=0) / total)),
            "MAE": float(np.abs(off).mean()),
            "RMSE": float(np.sqrt((off**2).mean())),
        }
        return Score(output.name, len(labels), told)
    found, true = answered(output, values), labels.astype(np.int64)
    told = {"accuracy": float(np.mean(found == true)), "macro F1": macro_f1(true, found)}
    return Score(output.name, len(labels), told, confusion(true, found, class_count(output) or 0))


def macro_f1(true: Array, found: Array) -> float:
    """The mean over classes of 2·hits / (true + answered), of classes that are there at all."""
    size = int(max(true.max(), found.max(), 0)) + 1
    hits = np.bincount(true[true == found], minlength=size)[:size]
    both = np.bincount(true, minlength=size) + np.bincount(found[found >= 0], minlength=size)
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))


def confusion(true: Array, found: Array, classes: int) -> Confusion:
    """Which of some classes are taken for which.

    Args:
        true: The true class of each sample.
        found: The answered one.
        classes: How many there are; more where an answer is above.
    """
    size = max(classes, int(max(true.max(), found.max())) + 1)
    wrong = true != found
    both, counts = np.unique(np.stack([true, found])[:, wrong], axis=1, return_counts=True)
    rows: tuple[tuple[int, ...], ...] = ()
    whole = size <= MOST_CLASSES and found.min() >= 0
    most = np.argsort(-counts, kind="stable")[: _FEW if whole else MOST_CLASSES]
    pairs = tuple((int(both[0, n]), int(both[1, n]), int(counts[n])) for n in most)
    if whole:
        table = np.zeros((size, size), np.int64)
        np.add.at(table, (true, found), 1)
        rows = tuple(tuple(map(int, row)) for row in table)
    return Confusion(rows, pairs)
