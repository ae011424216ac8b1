"""How good answers are by the true labels, as manifest.json says it."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from edge_deploy.artifact.document import Number, Part, Positive


class ConfusionEntry(Part, frozen=True, kw_only=True):
    """Which classes are taken for which.

    Attributes:
        counts: A row a true class, in it a number an answered class; empty above 50 classes.
        pairs: The wrong answers that are given most: true class, answered class, how often.
    """

    counts: tuple[str, ...]
    pairs: tuple[str, ...]


class PerformanceEntry(Part, frozen=True, kw_only=True):
    """How good answers are by the true labels.

    Attributes:
        output: The output that was asked.
        samples: How many labels there were.
        values: ``accuracy`` and ``macro F1``; of a regression ``R²``, ``MAE`` and ``RMSE``.
        original: The original's to the same samples; of the original itself there is none.
        confusion: Of a classifier; null for others.
    """

    output: str
    samples: Positive
    values: dict[str, Number]
    original: dict[str, Number] | UnsetType = UNSET
    confusion: ConfusionEntry | None


class WarningEntry(Part, frozen=True, kw_only=True):
    """What is probably wrong with the model, its data or its labels, though every file agrees.

    Attributes:
        kind: What it is about, such as ``label order``.
        text: What, by how much, and the mend.
    """

    kind: str
    text: str
