"""Between what numbers the columns and the answers of a model's samples lie, for the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.manifest import columns_of
from edge_deploy.core.spec import Array, Feature
from edge_deploy.data.reference import Reference, join

# A form without features has a field a column up to here: web_demo/src/unnamed_features.js.
_MOST_COLUMNS = 40
_FEWEST = 3  # of two samples a range says nothing


def column_ranges(model: Artifact, data: Reference) -> dict[str, Any] | None:
    """Between what numbers each field of the form lies, in all samples that the artifact holds.

    Args:
        model: The artifact.
        data: Its reference; the evaluation data, where there is some, is read here.

    Returns:
        How many ``samples``, and the least (``min``) and the largest number (``max``) of each
        feature (or of each column, where the model has no features) and whether all are
        ``whole``; None in place of one that is no number. None where the page shows no form.
    """
    spec = model.spec.inputs[0]
    features = columns_of(model.manifest)
    if len(model.spec.inputs) > 1 or len(spec.shape) != 2 or model.manifest.preprocessing:
        return None
    if features is None:
        width = spec.shape[1] or 0
        if not 0 < width <= _MOST_COLUMNS:
            return None
        features = tuple(Feature(str(n)) for n in range(width))
    numbers = [f.kind == "number" for f in features]
    if not any(numbers):
        return None
    values = join(data, model.evaluation()).inputs[spec.name]
    places = np.cumsum([0, *(f.width for f in features)])
    found = (_range(values[:, at]) if n else None for n, at in zip(numbers, places, strict=False))
    return {"samples": len(values), "ranges": list(found)}


def answer_ranges(model: Artifact, data: Reference) -> dict[str, Any] | None:
    """Between what numbers the original's answers lie, over all samples that the artifact holds.

    Args:
        model: The artifact.
        data: Its reference; the evaluation data, where there is some, is read here.

    Returns:
        How many ``samples``, and by the name of an output that is one value the ``ranges``: its
        least and its largest. None where no output is one, or there are fewer than three samples.
    """
    single = [
        spec.name
        for spec in model.spec.outputs
        if spec.kind == "value" and data.outputs[spec.name][:1].size == 1
    ]
    if not single:
        return None
    every = join(data, model.evaluation())
    found = {name: _range(every.outputs[name]) for name in single}
    ranges = {name: [one["min"], one["max"]] for name, one in found.items() if one}
    return {"samples": every.count, "ranges": ranges} if every.count >= _FEWEST else None


def picture_ranges(model: Artifact, data: Reference) -> dict[str, Any] | None:
    """Between what numbers the mean and the deviation of a picture's pixels lie, over all samples.

    Args:
        model: The artifact.
        data: Its reference; the evaluation data, where there is some, is read here.

    Returns:
        The least and the largest ``mean`` and ``deviation`` of the numbers that the model takes.
        None where it takes no picture, or there are fewer than three samples.
    """
    spec = model.spec.inputs[0]
    if len(model.spec.inputs) > 1 or not model.manifest.preprocessing:
        return None
    values = join(data, model.evaluation()).inputs[spec.name]
    if len(values) < _FEWEST:
        return None
    flat = values.reshape(len(values), -1).astype(np.float64)
    every = {"mean": flat.mean(1), "deviation": flat.std(1)}
    return {name: [float(found.min()), float(found.max())] for name, found in every.items()}


def _range(values: Array) -> dict[str, Any] | None:
    """The least and the largest, as the shortest decimals that are them; None without numbers."""
    finite = values[np.isfinite(values)].astype(np.float32)
    if not finite.size:
        return None
    low, high = (float(str(end)) for end in (finite.min(), finite.max()))
    return {"min": low, "max": high, "whole": bool((finite == np.round(finite)).all())}
