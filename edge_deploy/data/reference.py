"""Samples with the original's answers: what every converted file is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, Series, TensorSpec

MAX_SAMPLES = 32
MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Reference:
    """Samples and the original's answers to them.

    Attributes:
        inputs: By input name; samples on the first axis (see ``sample``).
        outputs: The original's answers by output name, in the same form.
        origin: ``user`` or ``synthetic``.
        labels: The true class index or value of each sample, where known.
        rows: The same samples as a person gave them: feature values by name.
        pictures: The same, as files.
        pruned: The pruned model's answers, of a model that was pruned.
        given: How many samples the user's data had, of which these are; None of made-up ones.
        likely: Columns of a table without labels that hold nothing but the model's classes.
        unlabelled: Why labels that were there are not used; empty where none were, or all are.
        unsure: Between what values the original's own answers lie within float32's rounding, by
            output: (samples, 2, ...). Empty where nothing made it be measured.
    """

    inputs: Arrays
    outputs: Arrays = field(default_factory=dict)
    origin: str = "user"
    labels: Array | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    pictures: tuple[Path, ...] = ()
    pruned: Arrays = field(default_factory=dict)
    given: int | None = None
    likely: tuple[str, ...] = ()
    unlabelled: str = ""
    unsure: Arrays = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many samples."""
        return len(next(iter(self.inputs.values()), ()))

    def take(self, indices: Sequence[int]) -> Reference:
        """Some of the samples."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            inputs={name: array[chosen] for name, array in self.inputs.items()},
            outputs={name: array[chosen] for name, array in self.outputs.items()},
            labels=None if self.labels is None else self.labels[chosen],
            rows=tuple(self.rows[i] for i in indices) if self.rows else (),
            pictures=tuple(self.pictures[i] for i in indices) if self.pictures else (),
            pruned={name: array[chosen] for name, array in self.pruned.items()},
            unsure={name: array[chosen] for name, array in self.unsure.items()},
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """All samples that a model's files are made and judged with.

    Attributes:
        reference: The packaged samples.
        evaluation: More of them, on which the cost of compressed files is measured too.
        columns: What the columns of a table model are.
        preprocessing: How pictures become the input.
        label_column: Where the true answers stand in other samples of the user.
        series: Of what the input is a window.
    """

    reference: Reference
    evaluation: Reference = field(default_factory=lambda: Reference({}))
    columns: tuple[Feature, ...] | None = None
    preprocessing: Mapping[str, Any] | None = None
    label_column: str | None = None
    series: Series | None = None

    @property
    def every(self) -> Reference:
        """The samples of both."""
        return join(self.reference, self.evaluation)


def sample(array: Array, spec: TensorSpec, index: int) -> Array:
    """One sample as a runtime takes it: with its batch axis of 1, or the whole static tensor."""
    return array[index : index + 1] if spec.batched else array[index]


def with_class_indices(data: Reference, spec: ModelSpec) -> Reference:
    """The labels as the model's outputs have them: indices of its classes, or values.

    Names of classes become their places, numbers too where the classes are called by numbers
    (classes 1, 2, 3). One-hot rows become indices, a column of one is a list. Where nobody said
    what the classes are called, as many different labels are taken in alphabetical order, as
    Keras' folders of pictures and scikit-learn's LabelEncoder have them.

    Raises:
        UsageError: Some are names of classes and some are not.
    """
    labels = data.labels
    if labels is None:
        return data
    asked = class_outputs(spec)
    if len(asked) > 1 and labels.shape[1:] == (len(asked),):
        columns = zip(labels.T, asked, strict=True)
        places = [_places_of(column, output) for column, output in columns]
        return replace(data, labels=np.stack(places, axis=1))
    if labels.ndim > 1 and numbers_of(spec, labels) is not None and not _one_hot(labels):
        return replace(data, labels=labels.reshape(len(labels), -1).astype(np.float64))
    if len(asked) > 1:
        told = (
            f"the model answers {len(asked)} questions, and they do not say which one they are of: "
            f"{option('label_column', 'a,b')} names a column for each, in their order"
        )
        return replace(data, labels=None, unlabelled=told)
    if labels.ndim > 1:
        labels = labels.reshape(len(labels), -1)
        if labels.shape[1] == 1:
            labels = labels[:, 0]
        elif _one_hot(labels):
            labels = labels.argmax(axis=1)
    if labels.ndim > 1:
        shape = " x ".join(map(str, data.labels.shape)) if data.labels is not None else ""
        told = f"they have the shape {shape}, and what is wanted is one label a sample"
        return replace(data, labels=None, unlabelled=told)
    if labels.dtype.kind == "b":
        labels = labels.astype(np.int32)
    if labels.dtype.kind == "O":
        labels = _plain(labels)
    classes = next((output.classes for output in spec.outputs if output.classes), None)
    count = next((n for n in map(class_count, spec.outputs) if n), None)
    found = _indices(labels, classes, count)
    return replace(data, labels=labels if found is None else found)


def class_outputs(spec: ModelSpec) -> list[TensorSpec]:
    """The classes that a model answers with: one output a question, where it has several."""
    return [output for output in spec.outputs if output.kind == "class"]


def _places_of(labels: Array, output: TensorSpec) -> Array:
    """True answers to one question of several, as places among its classes."""
    plain = _plain(labels.astype(object))
    if not np.isin(plain, range(len(output.classes or ()))).all() or output.classes is None:
        found = _indices(plain, output.classes, None)
        if found is None:
            known = ", ".join(output.classes or ())
            raise UsageError(
                f"The reference data has the label {plain.tolist()[0]!r} of "
                f"{output.label or output.name}, whose classes are {known}."
            )
        return found
    told = _indices(plain, output.classes, None)
    return plain.astype(np.int32) if told is None else told


def numbers_of(spec: ModelSpec, labels: Array) -> TensorSpec | None:
    """The output that gives as many numbers a sample as there are true ones; more than one."""
    count = labels[:1].size
    if labels.dtype.kind not in "iuf" or count < 2:
        return None
    fitting = (
        output
        for output in spec.outputs
        if output.kind in ("value", "tensor")
        if math.prod(axis or 0 for axis in output.shape[1:]) == count
    )
    return next(fitting, None)


def _plain(labels: Array) -> Array:
    """What a data frame holds as objects, as numbers or else as names."""
    try:
        return labels.astype(np.float64)
    except (TypeError, ValueError):
        return np.asarray([str(label) for label in labels])


def _one_hot(labels: Array) -> bool:
    return labels.dtype.kind in "iufb" and bool(
        np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
    )


def class_count(output: TensorSpec) -> int | None:
    """How many classes an output tells apart; None where it is not known, 0 where it tells none."""
    columns = output.shape[-1] if len(output.shape) == 2 else None
    if output.kind == "probability":
        return 2 if columns == 1 else 0
    if output.kind == "class":
        return len(output.classes or ()) or None
    if output.kind == "value" or columns == 1:
        return 0
    # Columns that no softmax made are the scores of classes, if labels are indices of them.
    return columns if output.kind in ("probabilities", "tensor") and columns else 0


def called_alike(names: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names as the classes have them, where only capitals and blanks around them differ.

    Where one of them is none of the classes all the same, or two classes would be one, they stay
    as they are.
    """
    alike = {name.strip().casefold(): name for name in classes}
    if len(alike) < len(classes):
        return list(names)
    found = [alike.get(name.strip().casefold()) for name in names]
    told = [name for name in found if name is not None]
    return told if len(told) == len(names) else list(names)


def _indices(labels: Array, classes: Sequence[str] | None, count: int | None) -> Array | None:
    """Places of labels among the classes; None where they are indices already, or values."""
    if labels.dtype.kind in "US":
        names = [str(label) for label in labels]
        known = list(classes or ())
        if not known and len(set(names)) == count:
            known = sorted(set(names))
        if not set(names) & set(known):
            names = called_alike(names, known)
        if not set(names) & set(known):
            return None
        if strange := sorted(set(names) - set(known)):
            raise UsageError(
                f"The reference data has the label {strange[0]!r}, which is no class of the model; "
                f"these are {', '.join(known)}."
            )
        return np.asarray([known.index(name) for name in names], np.int32)
    if classes is None or labels.dtype.kind not in "iuf" or not len(labels):
        return None
    try:
        numbers = [float(name) for name in classes]
    except ValueError:
        return None
    if not np.isin(labels, numbers).all():
        return None
    return np.asarray([numbers.index(float(label)) for label in labels], np.int32)


def join(first: Reference, second: Reference | None) -> Reference:
    """The samples of both, of which the second may be none."""
    if second is None or not second.count:
        return first
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.concatenate([first.labels, second.labels])
    return Reference(
        inputs={n: np.concatenate([a, second.inputs[n]]) for n, a in first.inputs.items()},
        outputs={n: np.concatenate([a, second.outputs[n]]) for n, a in first.outputs.items()},
        origin=first.origin,
        labels=labels,
        pruned={
            n: np.concatenate([a, second.pruned[n]])
            for n, a in first.pruned.items()
            if n in second.pruned
        },
    )


def split(data: Reference, limit: int, seed: int) -> tuple[Reference, Reference]:
    """The reference (at most 32 samples and 32 MB) and up to ``limit`` more for evaluation.

    Which samples are taken is chosen by the seed; their order is kept.
    """
    size = sum(array.nbytes for array in data.inputs.values()) // max(data.count, 1)
    most = max(1, min(MAX_SAMPLES, MAX_BYTES // max(size, 1)))
    order = np.random.default_rng(seed).permutation(data.count)
    first, rest = sorted(order[:most]), sorted(order[most : most + limit])
    return data.take([int(i) for i in first]), data.take([int(i) for i in rest])
