"""Windows of a series: what features.json and the manifest say of them, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import did_you_mean, option, unknown
from edge_deploy.core.spec import ModelSpec, Series, TensorSpec

_KEYS = tuple(field.name for field in fields(Series))
_MOST_STEPS = 1 << 20
_MOST_UNNAMED = 16  # channels: what has more is no series that a person types or looks at
_EXAMPLE = '{"series": {"channels": ["Close"], "unit": "USD", "target": "Close"}}'


def parse_series(value: Any) -> Series:
    """Read what features.json, a recipe or a manifest says of a series.

    Args:
        value: An object with ``channels``, and ``steps``, ``unit``, ``target``, ``horizon`` where
            they are known.

    Raises:
        UsageError: It is of another form.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f"series: must be an object, such as {_EXAMPLE}.")
    for key in value:
        if key not in _KEYS:
            raise UsageError(f"series: {unknown(str(key), _KEYS, 'key')}")
    channels = value.get("channels")
    if not isinstance(channels, list | tuple) or not channels:
        raise UsageError(
            f"series: channels must be the names of the columns, such as {_EXAMPLE}; got "
            f"{channels!r}."
        )
    names = tuple(map(_name, channels))
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"series: the channel {twice[0]!r} stands there twice.")
    target = value.get("target")
    if target is not None and target not in names:
        near = did_you_mean(str(target), names)
        raise UsageError(
            f"series: the target {target!r} is none of the channels {', '.join(names)}.{near}"
        )
    unit = value.get("unit")
    if unit is not None and not isinstance(unit, str):
        raise UsageError(f'series: the unit is a text such as "USD"; got {unit!r}.')
    steps = None if value.get("steps") is None else _count("steps", value["steps"])
    horizon = 1 if value.get("horizon") is None else _count("horizon", value["horizon"])
    return Series(names, steps, unit, target, horizon)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"series: a channel is called by a text; got {value!r}.")
    return value


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_STEPS:
        raise UsageError(f"series: {key} is a whole number from 1 on; got {value!r}.")
    return value


def series_to_json(series: Series) -> dict[str, Any]:
    """The manifest's form, which parse_series reads again."""
    return asdict(series)


def unnamed_series(spec: ModelSpec) -> Series | None:
    """What an input of (steps, channels) most likely is a window of; None where it is none.

    A guess, as ``TensorSpec.kind`` is: of floats alone, for whole numbers are tokens, and of few
    channels and not of as many as steps, for a picture without colours has those.
    """
    if len(spec.inputs) != 1 or spec.inputs[0].kind != "sequence":
        return None
    (single,) = spec.inputs
    width = single.shape[-1]
    if len(single.shape) != 3 or not single.dtype.startswith("float") or not width:
        return None
    if width > _MOST_UNNAMED or width == single.shape[1] or not single.batched:
        return None
    return Series(tuple(f"x{n}" for n in range(width)), single.shape[1])


def fitted(series: Series, spec: ModelSpec, where: str = "series", mend: str = "") -> Series:
    """A series with the steps that the model's input has.

    Args:
        series: What was said of it.
        spec: The model's inputs.
        where: Who said it, for errors.
        mend: What to do where that was somebody else.

    Raises:
        UsageError: It is no window of such a series.
    """
    if len(spec.inputs) != 1:
        names = ", ".join(one.name for one in spec.inputs)
        raise UsageError(
            f"{where}: a series goes with a model of one input; this one has {names}.{mend}"
        )
    (single,) = spec.inputs
    width, found = len(series.channels), _steps(single, len(series.channels))
    shown = " x ".join("any" if axis is None else str(axis) for axis in single.shape[1:])
    if found == 0 or not single.batched:
        raise UsageError(
            f"{where}: has {width} channel{'s' if width > 1 else ''} "
            f"({', '.join(series.channels[:5])}{', …' if width > 5 else ''}), and the model takes "
            f"{shown or 'no axes'}: steps, and as many channels.{mend}"
        )
    if None not in (series.steps, found) and series.steps != found:
        raise UsageError(f"{where}: has {series.steps} steps, and the model takes {shown}.{mend}")
    return _ahead(replace(series, steps=found or series.steps), spec, where, mend)


def _ahead(series: Series, spec: ModelSpec, where: str, mend: str) -> Series:
    """A series with as many steps ahead as the model gives numbers."""
    forecast = forecast_of(spec)
    if series.target is None or forecast is None:
        return series
    given = math.prod(axis or 1 for axis in forecast.shape[1:])
    if series.horizon == given:
        return series
    if series.horizon > 1:
        raise UsageError(
            f"{where}: the horizon is {series.horizon}, and the model gives {given} "
            f"number{'' if given == 1 else 's'} ({forecast.name}).{mend}"
        )
    return replace(series, horizon=given)


def forecast_of(spec: ModelSpec) -> TensorSpec | None:
    """The output that tells what comes next: the first of plain numbers."""
    kinds = ("value", "tensor", "probability")
    return next((one for one in spec.outputs if one.kind in kinds and not one.classes), None)


def _steps(spec: TensorSpec, width: int) -> int | None:
    """How many steps of so many channels an input holds; 0 where it holds none such.

    Beside (steps, channels), a single channel may lie along either axis: (60,), (1, 60), (60, 1).
    """
    axes = spec.shape[1:]
    if len(axes) == 2 and axes[1] == width:
        return axes[0]
    if width == 1 and len(axes) == 1:
        return axes[0]
    if width == 1 and len(axes) == 2 and axes[0] == 1:
        return axes[1]
    return 0


def shape_of(series: Series, spec: TensorSpec, steps: int) -> tuple[int, ...]:
    """The shape, without the batch axis, of a window of so many steps."""
    axes = spec.shape[1:]
    if len(axes) == 2 and axes[1] == len(series.channels):
        return steps, len(series.channels)
    return (steps,) if len(axes) == 1 else (1, steps)


def rows_in_words(series: Series) -> str:
    """Such as ``the last 60 values of Close in USD``."""
    count = f"{series.steps} " if series.steps else ""
    what = "values" if len(series.channels) == 1 else "rows"
    named = ", ".join(series.channels) if not is_unnamed(series.channels) else ""
    of = f" of {named}" if named else ""
    return f"the last {count}{what}{of}{f' in {series.unit}' if series.unit else ''}"


def remarks(series: Series, of_table: str | None) -> tuple[str, ...]:
    """What a user should know of how a series was taken, one line each.

    Args:
        series: Of what the input is a window.
        of_table: The name of the table that windows were cut from; None where there was none.
    """
    found = []
    if is_unnamed(series.channels):
        count = len(series.channels)
        found.append(
            f"the input is taken for a window of a series of {count} "
            f"channel{'' if count == 1 else 's'}: say what {'it is' if count == 1 else 'they are'} "
            f"with {option('features')}, a file such as {_EXAMPLE}"
        )
    if of_table:
        after = ""
        if series.target is not None:
            what = "is the value" if series.horizon == 1 else f"are the {series.horizon} values"
            after = f"; the true answer of each {what} of {series.target} after it"
        steps = f"{series.steps} rows" if series.steps else "some rows"
        found.append(
            f"windows of {steps} ({', '.join(series.channels)}) slide over {of_table}{after}"
        )
    return tuple(found)


def is_unnamed(channels: Sequence[str]) -> bool:
    """Whether channels have the names that ``unnamed_series`` gives."""
    return all(name == f"x{n}" for n, name in enumerate(channels))


def series_in(document: Any) -> tuple[Series, Mapping[str, Any] | None] | None:
    """What a features.json that tells of a series says; None where it tells of columns.

    Returns:
        The series, and what the model predicts, as ``parse_features`` gives it.

    Raises:
        UsageError: It tells of both, or the series is of another form.
    """
    if not isinstance(document, Mapping) or "series" not in document:
        return None
    if strange := sorted(set(document) - {"series", "target"}, key=str):
        raise UsageError(
            f"features: the key {strange[0]!r} does not go with a series (series, target)."
        )
    target = document.get("target")
    if target is not None and not isinstance(target, Mapping):
        raise UsageError('features: target must be like {"name": "price", "unit": "USD"}.')
    return parse_series(document["series"]), target


def joined(own: Series | None, given: Series) -> Series:
    """A series of a file, beside what a model tells of its own.

    The order of the channels is the model's, for its scaler was fitted so; all else is the file's.
    """
    if own is None:
        return given
    if set(own.channels) != set(given.channels):
        own = renamed(own, given.channels)
    return replace(
        given,
        channels=own.channels,
        unit=given.unit or own.unit,
        target=given.target or own.target,
        horizon=max(given.horizon, own.horizon),
    )


def renamed(series: Series, channels: tuple[str, ...]) -> Series:
    """A series with other names for its channels, in their order."""
    target = None
    if series.target is not None and len(channels) == len(series.channels):
        target = channels[series.channels.index(series.target)]
    return replace(series, channels=channels, target=target)
