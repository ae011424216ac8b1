"""The same samples prepared in other ways: what a user may have mixed up before the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array
from edge_deploy.data.preprocessing import image as images


@dataclass(frozen=True)
class Way:
    """Another way to ask, or to read the labels.

    Attributes:
        kind: What would then be wrong with the way it was done.
        cause: The same as a sentence.
        mend: What to do.
    """

    kind: str
    cause: str
    mend: str


def picture_ways(image: Mapping[str, Any] | None, given: Array) -> Iterator[tuple[Way, Array]]:
    """Channels the other way round, scaled once more or less, negatives, and the presets."""
    known = image if image is not None else _guessed(given)
    channels = images.CHANNELS[known["color"]]
    size = known["size"] or given.shape[1:3]
    pixels = _pixels(known, given.reshape(len(given), *size, channels))
    plain = {"scale": 1.0, "offset": 0.0, "mean": [0.0] * channels, "std": [1.0] * channels}
    ways: list[tuple[str, str, dict[str, Any]]] = []
    if channels == 3:
        swapped = {**known, "color": "bgr" if known["color"] == "rgb" else "rgb"}
        said = "red and blue are probably exchanged"
        ways.append(("channels", said, swapped))
    for preset in images.PRESETS.values():
        if _fits(preset, channels):
            full = images.with_size(preset, (*size, channels))["image"]
            own = {key: full[key] for key in ("scale", "offset", "mean", "std", "color")}
            ways.append((*_named(known, own), {**known, **own}))
    ways.append((*_named(known, plain), {**known, **plain}))
    again = {**plain, "scale": known["scale"] / 255}
    ways.append((*_named(known, again), {**known, **again}))
    if known["offset"] == 0 and not any(known["mean"]):
        dark = {**known, "scale": -known["scale"], "offset": 255 * known["scale"]}
        ways.append(("negative", "light and dark are probably exchanged", dark))
    seen = [_arithmetic(known)]
    for kind, said, other in ways:
        if _arithmetic(other) in seen:
            continue
        seen.append(_arithmetic(other))
        told = option("preprocess", as_text(other, (*size, channels)))
        mend = f"Give {told}." if image is not None else f"Prepare the samples as {told} does."
        yield Way(kind, said, mend), _prepared(other, known, pixels).reshape(given.shape)


def _named(known: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong where another way is right: a scale too much, one too few, or else."""
    factor = (other["scale"] / other["std"][0]) / (known["scale"] / known["std"][0])
    if factor > 50:
        return "scaled twice", "pixels are probably scaled once more than in training"
    if factor < 1 / 50:
        return "not scaled", "pixels are probably not scaled as in training"
    return "preprocessing", "pictures are probably not prepared as in training"


def _fits(preset: Mapping[str, Any], channels: int) -> bool:
    image = preset["image"]
    return channels == 3 or (image["color"] is None and image["mean"] is None)


def _guessed(given: Array) -> dict[str, Any]:
    """How arrays of pictures were probably made, by the range of their numbers."""
    low, high = float(given.min()), float(given.max())
    preset = "mobilenet" if low < 0 else "unit" if high <= 1.5 else "scale=1"
    shape = tuple(int(axis) for axis in given.shape[1:])
    if len(shape) == 1:
        shape = (1, shape[0], 1)
    found: dict[str, Any] = images.with_size(images.parse_preprocess(preset), shape)["image"]
    return found


def _arithmetic(image: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells two ways apart, where the size of the picture is the same."""
    mean, std = np.asarray(image["mean"], float), np.asarray(image["std"], float)
    by = image["scale"] / std
    constant = (image["offset"] - mean) / std
    return (image["color"], *np.round(by, 9), *np.round(constant, 6))


def _pixels(image: Mapping[str, Any], values: Array) -> Array:
    """0 to 255 again, in the order of channels of ``image``."""
    scaled = values.astype(np.float64) * np.asarray(image["std"]) + np.asarray(image["mean"])
    pixels: Array = (scaled - image["offset"]) / image["scale"]
    return pixels


def _prepared(other: Mapping[str, Any], known: Mapping[str, Any], pixels: Array) -> Array:
    if other["color"] != known["color"]:
        pixels = pixels[..., ::-1]
    values = pixels * other["scale"] + other["offset"]
    values = (values - np.asarray(other["mean"])) / np.asarray(other["std"])
    return np.ascontiguousarray(values, dtype=np.float32)


_KEYS = ("crop", "resize", "color", "scale", "offset", "mean", "std")


def as_text(image: Mapping[str, Any], shape: tuple[int, ...]) -> str:
    """A preprocessing as ``--preprocess`` takes it: the nearest preset, and what differs."""
    best: list[str] | None = None
    for name, preset in images.PRESETS.items():
        if not _fits(preset, shape[-1]):
            continue
        full = images.with_size(preset, shape)["image"]
        parts = [f"{k}={_value(image[k])}" for k in _KEYS if not _same(full[k], image[k])]
        if best is None or len(parts) + 1 < len(best):
            best = [name, *parts]
    assert best is not None
    return ",".join(best)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str):
        return bool(one == other)
    return bool(np.allclose(one, other, rtol=1e-6))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ":".join(map(_value, value))
    for under in (255, 127.5, 65025):
        if math.isclose(abs(value) * under, 1, rel_tol=1e-6):
            return f"{'-' if value < 0 else ''}1/{under:g}"
    return f"{value:g}"


def table_ways(given: Array, ordinary: tuple[Array, Array] | None) -> Iterator[tuple[Way, Array]]:
    """Columns standardized once less, once more, or by the numbers of another scaler."""
    values = given.astype(np.float64)
    wide = scalable(values)
    if not wide.any():
        return
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 0, spread, 1)

    def changed(to: Array) -> Array:
        return np.where(wide, to, values).astype(given.dtype)

    unit = (values - mean) / spread
    if ordinary is not None:
        own_mean, own_spread = (np.asarray(part, np.float64) for part in ordinary)
        mend = (
            "Give the columns as they were measured: the model scales them itself "
            f"({option('reference')})."
        )
        yield (
            Way("standardized twice", "the columns are probably standardized twice", mend),
            changed(values * own_spread + own_mean),
        )
        said = "the columns are probably scaled by another scaler before the model's own"
        yield Way("another scaler", said, mend), changed(unit * own_spread + own_mean)
        return
    mend = (
        "Put the scaler that it was trained with into the model (a Pipeline, a Normalization "
        f"layer) and convert that, or give samples scaled by it ({option('reference')})."
    )
    said = "the columns are probably not standardized as in training"
    yield Way("not standardized", said, mend), changed(unit)
    low, high = values.min(axis=0), values.max(axis=0)
    said = "the columns are probably not scaled to 0 … 1 as in training"
    yield (
        Way("not scaled", said, mend),
        changed((values - low) / np.where(high > low, high - low, 1)),
    )


def scalable(values: Array) -> Array:
    """Columns that a scaler changes: not those of zeros and ones."""
    ones: Array = ~np.isin(values, (0, 1)).all(axis=0)
    finite: Array = np.isfinite(values).all(axis=0)
    return np.asarray(ones & finite)
