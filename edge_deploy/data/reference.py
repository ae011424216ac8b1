"""Samples with the original's answers: what every converted file is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, Arrays, Feature, TensorSpec

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
    """

    inputs: Arrays
    outputs: Arrays = field(default_factory=dict)
    origin: str = "user"
    labels: Array | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    pictures: tuple[Path, ...] = ()
    pruned: Arrays = field(default_factory=dict)
    given: int | None = None

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
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """All samples that a model's files are made and judged with.

    Attributes:
        reference: The packaged samples.
        evaluation: More of them, on which the cost of compressed files is measured too.
        columns: What the columns of a table model are.
        preprocessing: How pictures become the input.
    """

    reference: Reference
    evaluation: Reference = field(default_factory=lambda: Reference({}))
    columns: tuple[Feature, ...] | None = None
    preprocessing: Mapping[str, Any] | None = None

    @property
    def every(self) -> Reference:
        """The samples of both."""
        return join(self.reference, self.evaluation)


def sample(array: Array, spec: TensorSpec, index: int) -> Array:
    """One sample as a runtime takes it: with its batch axis of 1, or the whole static tensor."""
    return array[index : index + 1] if spec.batched else array[index]


def with_class_indices(data: Reference, classes: Sequence[str] | None) -> Reference:
    """The labels as indices into the classes, where they are the classes' names.

    Raises:
        UsageError: Some are names of classes and some are not.
    """
    if data.labels is None or classes is None or data.labels.dtype.kind not in "US":
        return data
    names = [str(label) for label in data.labels]
    if not set(names) & set(classes):
        return data
    if strange := sorted(set(names) - set(classes)):
        raise UsageError(
            f"The reference data has the label {strange[0]!r}, which is no class of the model; "
            f"these are {', '.join(classes)}."
        )
    indices = np.asarray([list(classes).index(name) for name in names], np.int32)
    return replace(data, labels=indices)


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
