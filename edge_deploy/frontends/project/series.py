"""Of what a window is, as the scalers around a model say it: the channels, and what is forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_deploy.core.spec import LoadedModel, Series, TensorSpec
from edge_deploy.frontends.project.inverses import width_of
from edge_deploy.frontends.project.parts import Part
from edge_deploy.frontends.sklearn.compat.fitted import attribute


def channels_of(spec: TensorSpec, width: int) -> int:
    """How many channels a model's window has; a single one may lie along either axis.

    Args:
        spec: The model's input.
        width: On how many columns its scaler was fitted.
    """
    if len(spec.shape) != 3:
        return 1
    return 1 if width == 1 and spec.shape[1] == 1 else int(spec.shape[2] or 1)


def scaled_series(before: Sequence[Part], chosen: Sequence[int]) -> Series:
    """A series that scalers stand before.

    Args:
        before: These.
        chosen: Which columns of the first are the channels.
    """
    names = next(filter(None, map(_names, before)), None)
    if names is None or any(n >= len(names) for n in chosen):
        return Series(tuple(f"x{n}" for n in range(len(chosen))))
    return Series(tuple(names[n] for n in chosen))


def with_forecast(model: LoadedModel, before: Sequence[Part], after: Sequence[Part]) -> LoadedModel:
    """A model of a window that says which channel it forecasts, where a scaler behind it says so.

    Args:
        model: The model with all that stands around it.
        before: What stands before it.
        after: What stands behind it.
    """
    series = model.series
    scalers = [part for part in after if part.kind == "transformer"]
    if series is None or not scalers:
        return model
    (last, *_) = scalers
    names = _names(last)
    picked = last.chosen or (names if names is not None and len(names) == 1 else None)
    if picked is not None and len(picked) == 1:
        named = picked[0]
        if named not in series.channels and names is None and named.isdigit():
            named = f"x{named}"
        return _of(model, named)
    same = any(part.path == last.path and part.key == last.key for part in before)
    if same and width_of(last) == len(series.channels) == 1:
        return _of(model, series.channels[0])
    return model


def _of(model: LoadedModel, channel: str) -> LoadedModel:
    assert model.series is not None
    if channel not in model.series.channels:
        return model
    return replace(model, series=replace(model.series, target=channel))


def _names(part: Part) -> list[str] | None:
    found = attribute(part.value, "feature_names_in_")
    return None if found is None else [str(name) for name in found]
