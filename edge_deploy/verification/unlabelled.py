"""What samples and answers tell of a model's use without labels: their range and variety."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.artifact.performance import WarningEntry
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec
from edge_deploy.data.preprocessing import image as images
from edge_deploy.data.reference import Reference
from edge_deploy.verification import metrics
from edge_deploy.verification.other_inputs import as_text, scalable

MOST = 200
"""Samples that another way of asking is tried on."""
_MOST_BYTES = 64 * 1024 * 1024
FEW = 10
"""With fewer samples nothing is said of inputs and answers."""
FEW_CHANCE = 20
"""And nothing of an accuracy at chance."""


@dataclass(frozen=True, eq=False)
class Case:
    """A model and the samples that it was asked.

    Attributes:
        spec: Its inputs and outputs.
        data: The samples, with its answers and perhaps labels.
        predict: Asks it other samples; None where nothing here can.
        preprocessing: How pictures became the input.
        features: What the columns of a table are.
        ordinary: Mean and standard deviation of each column (or channel) that the model's first
            layer was made for, where it tells.
        ordered: Whether the samples are all of the user's, in their order.
    """

    spec: ModelSpec
    data: Reference
    predict: Callable[[Arrays], Arrays] | None = None
    preprocessing: Mapping[str, Any] | None = None
    features: Sequence[Feature] | None = None
    ordinary: tuple[Array, Array] | None = None
    ordered: bool = False


def some(data: Reference) -> Array | None:
    """Places of the samples to try, from all over; None of a model with several inputs."""
    if len(data.inputs) != 1:
        return None
    size = sum(array.nbytes for array in data.inputs.values()) / max(data.count, 1)
    most = max(1, min(data.count, MOST, int(_MOST_BYTES // max(size, 1))))
    return np.unique(np.linspace(0, data.count - 1, most).astype(np.int64))


def strange_inputs(case: Case) -> Iterator[WarningEntry]:
    """Inputs that are far from what the first layer, or the listed columns, were made for."""
    if len(case.spec.inputs) != 1 or case.data.count < FEW:
        return
    spec = case.spec.inputs[0]
    given = case.data.inputs[spec.name]
    if given.dtype.kind != "f" or given.ndim < 2:
        return
    chosen = some(case.data)
    if case.ordinary is not None and chosen is not None:
        mean, spread = (np.asarray(part, np.float64) for part in case.ordinary)
        values = given[chosen].reshape(-1, given.shape[-1]).astype(np.float64)
        wide = scalable(values) & _numbers(case, values.shape[-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(values.mean(axis=0) - mean) / spread
            ratio = values.std(axis=0) / spread
        strange = wide & np.isfinite(away) & ((away > 3) | (ratio < 1 / 20) | (ratio > 20))
        if wide.any() and strange.sum() * 2 > wide.sum():
            worst = int(np.argmax(np.where(strange, away, -1)))
            low, high = _span(mean, spread, worst)
            yield WarningEntry(kind="inputs", text=_far(case, values[:, worst], low, high, worst))
    elif case.features:
        yield from _outside(case, given)


def _numbers(case: Case, width: int) -> Array:
    """Which places of the input are numbers as given: no codes of words, no counts of texts."""
    told = [f.kind == "number" for f in case.features or () for _ in range(f.width)]
    return np.array(told) if len(told) == width else np.ones(width, bool)


def _span(mean: Array, spread: Array, column: int) -> tuple[float, float]:
    middle, width = (float(part if part.ndim == 0 else part[column]) for part in (mean, spread))
    return middle - 2 * width, middle + 2 * width


def _far(case: Case, values: Array, low: float, high: float, column: int) -> str:
    image = case.preprocessing["image"] if case.preprocessing else None
    where = f"column {column}" if case.spec.inputs[0].kind != "image" else f"channel {column}"
    if case.features and sum(f.width for f in case.features) == len(case.features):
        where = f"column {case.features[column].name!r}"
    told = (
        f"the samples are not in the range that the model's first layer was made for: {where} lies "
        f"within {values.min():.4g} … {values.max():.4g}, where about {low:.4g} … {high:.4g} is "
        "expected"
    )
    if image is not None and not images.takes_pixels(image) and high > 100:
        plain = {**image, "scale": 1.0, "offset": 0.0}
        plain |= {"mean": [0.0] * len(image["mean"]), "std": [1.0] * len(image["std"])}
        text = as_text(plain, (*image["size"], images.CHANNELS[image["color"]]))
        return (
            f"{told}: pixels are scaled twice, by the model and before it. Give "
            f"{option('preprocess', text)}."
        )
    return (
        f"{told}: they were probably scaled twice, or not at all. Give samples as the model takes "
        f"them ({option('reference')})."
    )


def _outside(case: Case, given: Array) -> Iterator[WarningEntry]:
    """Columns that mostly lie outside of the range that features.json gives them."""
    features = case.features or ()
    if sum(feature.width for feature in features) != given.shape[-1]:
        return
    place, numbers, strange = 0, 0, []
    for feature in features:
        if feature.kind == "number" and feature.min is not None and feature.max is not None:
            numbers += 1
            values = given[:, place]
            outside = (values < feature.min) | (values > feature.max)
            if outside.mean() >= 0.25:
                strange.append((feature, float(outside.mean()), values))
        place += feature.width
    if not strange or len(strange) * 2 < numbers:
        return
    feature, share, values = max(strange, key=lambda one: one[1])
    yield WarningEntry(
        kind="inputs",
        text=f"the samples are not in the range that the columns are said to have: {share:.0%} of "
        f"{feature.name!r} lie outside of {feature.min:g} … {feature.max:g} (they lie within "
        f"{values.min():.4g} … {values.max():.4g}): they were probably scaled twice, or not at "
        f"all. Give samples as the model takes them ({option('reference')}), or mend the ranges "
        f"({option('features')}).",
    )


def constant_answers(case: Case) -> Iterator[WarningEntry]:
    """Answers that hardly differ between samples that do."""
    if case.data.count < FEW_CHANCE or case.data.labels is not None:
        return
    first = next(iter(case.data.inputs.values()))
    if len({sample.tobytes() for sample in first[: 5 * FEW_CHANCE]}) < FEW_CHANCE // 2:
        return
    for output in case.spec.outputs:
        values = case.data.outputs[output.name]
        if output.kind not in ("probabilities", "probability", "value") or values.ndim != 2:
            continue
        spread = float(values.astype(np.float64).std(axis=0).max())
        size = 1.0 if output.kind != "value" else metrics.scale(values)
        if spread < 0.005 * size:
            yield WarningEntry(
                kind="constant",
                text=f"the original's answers to {case.data.count:,} samples are all but the same "
                f"({output.name} varies by {spread:.2g}): were the samples scaled twice or not at "
                f"all, or repeated? Give real ones, prepared as in training "
                f"({option('reference')}, {option('preprocess')}).",
            )
            return
