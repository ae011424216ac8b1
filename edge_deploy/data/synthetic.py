"""Made-up samples, for a model that came without any."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, as_dtype
from edge_deploy.data.reference import Reference
from edge_deploy.data.sidecars import Sidecars

_SAMPLES = 16
_FEWEST = 4
_BYTES = 4_000_000  # of all samples: each is asked in every runtime, and tells little
_FREE_AXIS = 16  # the size that a free axis, such as a sequence's length, gets


def synthesize(
    spec: ModelSpec,
    limits: Mapping[str, int],
    side: Sidecars,
    typical: tuple[Array, Array] | None,
    seed: int,
) -> Reference:
    """Made-up samples for a model that came without any.

    Pictures are smooth random ones and go through the preprocessing, table rows stay within
    the features' ranges or about the columns' means, indices within their embedding; each step of
    a series lies near the one before; other floats are standard normal.

    Args:
        spec: The model's inputs.
        limits: For inputs that index a table, the number of its rows.
        side: What its numbers mean: the columns of a table, the channels of a series, how
            pictures become the input.
        typical: Mean and standard deviation of each column, where the model knows them.
        seed: Of the random generator.
    """
    features, preprocessing, series = side.features, side.preprocessing, side.series
    sizes = [
        math.prod(axis or 1 for axis in s.shape) * np.dtype(s.dtype).itemsize for s in spec.inputs
    ]
    count = min(_SAMPLES, max(_FEWEST, _BYTES // max(sum(sizes), 1)))
    rng = np.random.default_rng(seed)
    single = spec.inputs[0]
    plain = all(f.kind == "number" and f.missing != "nan" for f in features or ())
    if features and len(spec.inputs) == 1 and not (plain and typical is not None):
        from edge_deploy.data.preprocessing.encoding import encode_rows

        rows = tuple(_row(features, rng, typical) for _ in range(count))
        table = as_dtype(encode_rows(features, rows), single.dtype)
        return Reference({single.name: table}, origin="synthetic", rows=rows)
    if preprocessing and len(spec.inputs) == 1:
        from edge_deploy.data.preprocessing.image import preprocess_image

        shape = tuple(axis or 1 for axis in single.shape[1:])
        pictures = [_picture(rng) for _ in range(count)]
        tensors = [preprocess_image(dict(preprocessing), p, shape) for p in pictures]
        return Reference({single.name: np.stack(tensors)}, origin="synthetic")
    inputs: Arrays = {}
    for s in spec.inputs:
        shape = (count, *(axis or _FREE_AXIS for axis in (s.shape[1:] if s.batched else s.shape)))
        if s.name in limits:
            values: Array = rng.integers(0, limits[s.name], shape)
        elif s.dtype == "bool":
            values = rng.integers(0, 2, shape)
        elif s.dtype.startswith(("int", "uint")):
            values = rng.integers(0, 256 if s.kind == "image" else 10, shape)
        elif s.kind == "image":
            values = np.stack([_smooth(rng, shape[1:3], shape[3]) for _ in range(count)]) / 255.0
        else:
            values = rng.standard_normal(shape)
            if series is not None:
                along = 1 if values.ndim < 3 or values.shape[2] == len(series.channels) else 2
                values = np.cumsum(values, axis=along) / np.sqrt(values.shape[along])
            if typical is not None:
                values = typical[0] + values * typical[1]
        inputs[s.name] = as_dtype(values, s.dtype)
    return Reference(inputs, origin="synthetic")


_GAPS = 0.1  # the share of values that are missing, where they may be
_WORDS = ("barang", "bagus", "sekali", "cepat", "the", "quick", "brown", "fox", "1", "?")


def _row(
    features: Sequence[Feature], rng: np.random.Generator, typical: tuple[Array, Array] | None
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    at = 0
    for feature in features:
        about = None if typical is None else (float(typical[0][at]), float(typical[1][at]))
        gap = feature.missing == "nan" and rng.random() < _GAPS
        row[feature.name] = "" if gap else _draw(feature, rng, about)
        at += feature.width
    return row


def _draw(
    feature: Feature, rng: np.random.Generator, about: tuple[float, float] | None
) -> float | str:
    if feature.tokens is not None:
        known = [word for word in feature.tokens.vocabulary if word]
        between = "" if feature.tokens.split == "characters" else feature.tokens.separator
        return between.join(rng.choice(np.array(known), int(rng.integers(1, 20))))
    if feature.text is not None:
        ways = (feature.text, *feature.text.also)
        known = [word for way in ways for word in way.vocabulary or _WORDS]
        return " ".join(rng.choice(np.array(known), int(rng.integers(1, 20))))
    if feature.categories:
        return str(rng.choice(feature.categories))
    if about is not None and feature.min is None and feature.max is None:
        return float(f"{rng.normal(*about):.4g}")
    low = 0.0 if feature.min is None else feature.min
    high = low + 1.0 if feature.max is None else feature.max
    value = float(rng.uniform(low, high))
    if feature.step:
        value = low + round((value - low) / feature.step) * feature.step
    return value


def _smooth(rng: np.random.Generator, size: tuple[int, ...], channels: int) -> Array:
    """A picture of a few random waves: whole pixel values 0 to 255, with structure unlike noise."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    waves = np.zeros((*size, channels))
    for _ in range(4):
        angle, cycles, phase = (
            rng.uniform(0, 6.28),
            rng.uniform(0.5, 8),
            rng.uniform(0, 6.28, channels),
        )
        wave = 6.28 * cycles * (x * np.cos(angle) + y * np.sin(angle))
        waves += np.sin(wave[..., None] + phase)
    return np.round(np.clip(127.5 + 60 * waves, 0, 255))


def _picture(rng: np.random.Generator) -> Array:
    height, width = rng.integers(120, 320, 2)
    return _smooth(rng, (int(height), int(width)), 3).astype(np.uint8)
