"""What a new version of a model changes: what it takes and gives, and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.artifact.document import to_document
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data.reference import class_count
from edge_deploy.verification import metrics, paired

NEAR = 0.01
"""Numbers agree when they differ by no more than this of the output's scale, as in the page."""
_SHOWN = 80  # characters of a value that changed


@dataclass(frozen=True)
class ContractChange:
    """A difference in what a model takes or gives.

    Attributes:
        what: Such as ``labels of y``.
        old: In words.
        new: In words.
        breaking: Whether who asks the model, or reads its answers, has to change something.
    """

    what: str
    old: str
    new: str
    breaking: bool


@dataclass(frozen=True)
class Figure:
    """A figure of both versions by the true labels.

    Attributes:
        name: ``accuracy`` or ``RMSE``.
        before: Of the old version.
        after: Of the new one.
        low: The change is at least this, with 95 % confidence.
        high: And at most this.
        method: How that is known.
        p: Of McNemar's test; None for others.
    """

    name: str
    before: float
    after: float
    low: float
    high: float
    method: str
    p: float | None = None


@dataclass(frozen=True)
class ChangedSample:
    """A sample that the two versions answer differently.

    Attributes:
        index: Its place in the data, from 0.
        old: The old version's answer, in words.
        new: The new one's.
        true: The true one; None where it is not known.
    """

    index: int
    old: str
    new: str
    true: str | None


@dataclass(frozen=True)
class AnswerDiff:
    """How the answers of two versions to the same samples differ.

    Attributes:
        output: The output that is compared.
        samples: How many were asked.
        agreement: The share that both answer alike.
        figure: How good both are; None where no labels say.
        drop: What the new version loses of accuracy, or of R²; None where no labels say.
        changed: The samples that are answered differently: of numbers those that differ most first.
    """

    output: str
    samples: int
    agreement: float
    figure: Figure | None
    drop: float | None
    changed: tuple[ChangedSample, ...]


def contract_changes(old: Manifest, new: Manifest) -> Iterator[ContractChange]:
    """What who asks the new version has to know."""
    yield from _named("input", old.inputs, new.inputs)
    yield from _columns(old, new)
    for key, breaking in (("preprocessing", False), ("folded_preprocessing", True)):
        before, after = (to_document(one).get(key) for one in (old, new))
        if before != after:
            yield _change(key.replace("_", " "), before, after, breaking)
    yield from _named("output", old.outputs, new.outputs)
    known = {one.name: one for one in old.outputs}
    for one in new.outputs:
        former = known.get(one.name)
        if former is not None and former.classes != one.classes:
            yield _change(f"labels of {one.name}", _listed(former.classes), _listed(one.classes))
        if former is not None and former.unit != one.unit:
            yield _change(f"unit of {one.name}", former.unit, one.unit)


def _named(what: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[ContractChange]:
    before, after = ({one.name: one for one in side} for side in (old, new))
    if list(before) != list(after):
        yield _change(f"{what}s", _listed(before), _listed(after))
    for name in [name for name in before if name in after]:
        for part in ("shape", "dtype", "kind"):
            was, now = (getattr(side[name], part) for side in (before, after))
            if was != now:
                yield _change(f"{part} of {what} {name}", was, now)


def _columns(old: Manifest, new: Manifest) -> Iterator[ContractChange]:
    before, after = ({one.name: one for one in side.features or ()} for side in (old, new))
    if list(before) != list(after):
        yield _change("columns", _listed(before), _listed(after))
    for name in [name for name in before if name in after]:
        for part in ("kind", "unit", "categories", "missing", "unknown"):
            was, now = (to_document(side[name]).get(part) for side in (before, after))
            if was != now:
                yield _change(f"{part} of column {name}", was, now)


def _change(what: str, old: object, new: object, breaking: bool = True) -> ContractChange:
    return ContractChange(what, _words(old), _words(new), breaking)


def _listed(names: Iterable[str] | None) -> str | None:
    return ", ".join(names or ()) or None


def _words(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def compared_output(old: ModelSpec, new: ModelSpec, labels: Array | None) -> TensorSpec | None:
    """The output of the new version whose answers are compared; None where the old has none such.

    That which the labels are of, else the first that tells classes, else the first.
    """
    names = {output.name: output.kind for output in old.outputs}
    both = [one for one in new.outputs if names.get(one.name) == one.kind]
    wanted = metrics.labelled(new, labels)
    if wanted is not None and wanted in both:
        return wanted
    telling = [one for one in both if class_count(one) != 0 and one.kind != "tensor"]
    return next(iter([*telling, *both]), None)


def compare_answers(
    outputs: tuple[TensorSpec, TensorSpec],
    answers: tuple[Array, Array],
    labels: tuple[Array | None, Array | None],
) -> AnswerDiff:
    """Compare what two versions answer.

    Args:
        outputs: The same output of the old and of the new version.
        answers: Theirs, samples on the first axis.
        labels: The true ones as each version's classes have them; None where they are not known.
    """
    if class_count(outputs[1]) == 0 or outputs[1].kind == "tensor":
        return _numbers(outputs[1], answers, labels[1])
    return _classes(outputs, answers, labels)


def _classes(
    outputs: tuple[TensorSpec, TensorSpec],
    answers: tuple[Array, Array],
    labels: tuple[Array | None, Array | None],
) -> AnswerDiff:
    found = [metrics.answered(*pair) for pair in zip(outputs, answers, strict=True)]
    names = [
        [_class_name(output, int(n)) for n in ids]
        for output, ids in zip(outputs, found, strict=True)
    ]
    same = np.asarray([a == b for a, b in zip(*names, strict=True)])
    true: list[str] | None = None
    figure = None
    if labels[0] is not None and labels[1] is not None:
        true = [_class_name(outputs[1], int(n)) for n in labels[1]]
        right = [
            ids == of.astype(np.int64)
            for ids, of in zip(found, labels, strict=True)
            if of is not None
        ]
        gained, lost = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
        low, high = paired.accuracy_change(gained, lost, len(same))
        method = "adjusted Wald interval of paired proportions; McNemar's exact test"
        before, after = (float(one.mean()) for one in right)
        p = paired.mcnemar(gained, lost)
        figure = Figure("accuracy", before, after, low, high, method, p)
    changed = tuple(
        ChangedSample(int(n), names[0][n], names[1][n], true[n] if true else None)
        for n in np.flatnonzero(~same)
    )
    drop = figure.before - figure.after if figure else None
    return AnswerDiff(outputs[1].name, len(same), float(same.mean()), figure, drop, changed)


def _class_name(output: TensorSpec, index: int) -> str:
    names = output.classes or ()
    return names[index] if 0 <= index < len(names) else str(index)


def _numbers(output: TensorSpec, answers: tuple[Array, Array], labels: Array | None) -> AnswerDiff:
    before, after = (values.reshape(len(values), -1).astype(np.float64) for values in answers)
    off = np.abs(after - before).max(axis=1)
    near = off <= NEAR * metrics.scale(before)
    figure, drop = None, None
    if labels is not None:
        true = labels.reshape(len(labels), -1).astype(np.float64)
        errors = [
            np.sqrt(np.mean((values[:, : true.shape[1]] - true) ** 2, axis=1))
            for values in (before, after)
        ]
        low, high = paired.bootstrap(errors[0], errors[1], paired.rmse)
        rmse = [float(paired.rmse(one)) for one in errors]
        method = f"bootstrap of the samples, {paired.RESAMPLES:,} draws"
        figure = Figure("RMSE", rmse[0], rmse[1], low, high, method)
        scores = [
            metrics.score([output], {output.name: values}, labels).values["R²"]
            for values in answers
        ]
        drop = scores[0] - scores[1]
    places = np.flatnonzero(~near)
    places = places[np.argsort(-off[places], kind="stable")]
    changed = tuple(
        ChangedSample(
            int(n),
            _value(output, before[n]),
            _value(output, after[n]),
            None if labels is None else _value(output, labels[n].reshape(-1)),
        )
        for n in places
    )
    return AnswerDiff(output.name, len(off), float(near.mean()), figure, drop, changed)


def _value(output: TensorSpec, values: Array) -> str:
    shown = ", ".join(f"{value:.6g}" for value in values[:4])
    more = ", …" if values.size > 4 else ""
    return f"{shown}{more} {output.unit}".strip() if output.unit else shown + more
