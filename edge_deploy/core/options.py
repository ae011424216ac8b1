"""Options of public functions: given by keyword or as an object, and refused in words."""

from __future__ import annotations

import inspect
import numbers
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import unknown

_SHOWN = 60  # characters of a wrong value
_ORIGINS = {"reference": "the reference data", "calibration": "the calibration data"}

Shapes = tuple[tuple[str, tuple[int | None, ...]], ...]
"""Shapes by input name, with the batch axis."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Samples that a Python caller holds.

    Attributes:
        name: What they are called in messages.
        arrays: By input name; ``""`` for a model's only input.
        frame: A data frame instead, one column a feature.
        labels: The true class or value of each sample, where known.
    """

    name: str
    arrays: Mapping[str, Any] = field(default_factory=dict)
    frame: Any = None
    labels: Any = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Inline:
    """What a JSON file would hold, given as it is.

    Attributes:
        document: Lists, dicts, texts and numbers.
    """

    document: Any


Columns = Path | Inline
"""What the columns of a table mean: a file, or what it would hold."""

Data = Path | InMemory
"""Samples: a file, a folder of pictures, or what a Python caller holds."""

Labels = str | tuple[str, ...]
"""A file or ``a,b,c``; or the classes themselves."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a public function can be asked for; every field is one of its keyword arguments.

    Raises:
        UsageError: A value is of a type that the option cannot mean.
    """

    def __post_init__(self) -> None:
        for one in fields(self):
            value = _as_kind(one.name, str(one.type), getattr(self, one.name))
            object.__setattr__(self, one.name, value)


OptionsT = TypeVar("OptionsT", bound=Options)
F = TypeVar("F", bound=Callable[..., Any])


def given(kind: type[OptionsT], options: Any, keywords: Mapping[str, Any], who: str) -> OptionsT:
    """The options of a call; a keyword argument wins over the same field of the object.

    Args:
        kind: The class of its options.
        options: An object of it, or None.
        keywords: What else was given by name.
        who: The public function.

    Raises:
        UsageError: An option is not known, is missing, or is of a wrong type.
    """
    names = sorted(one.name for one in fields(kind))
    for name in keywords:
        if name not in names:
            raise UsageError(f"{who}: {unknown(name, names, 'option')}")
    if options is not None:
        if not isinstance(options, kind):
            raise UsageError(
                f"{who}: expected options as an object of {kind.__name__} or as keyword "
                f"arguments, got {_shown(options)}."
            )
        return replace(options, **keywords)
    needed = [n.name for n in fields(kind) if n.default is MISSING and n.default_factory is MISSING]
    if missing := [name for name in needed if name not in keywords]:
        raise UsageError(f"{who}: give {missing[0]}=..., without which there is nothing to do.")
    return kind(**keywords)


def takes(kind: type[Options]) -> Callable[[F], F]:
    """Show every option of a public function in its signature and its help."""

    def dress(function: F) -> F:
        own = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        shown = [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if one.default is MISSING else one.default,
                annotation=one.type,
            )
            for one in fields(kind)
        ]
        function.__signature__ = inspect.Signature([*own, *shown])  # type: ignore[attr-defined]
        parts = [_described(part) for part in reversed(kind.__mro__) if issubclass(part, Options)]
        text = "\n".join(part for part in parts if part)
        function.__doc__ = f"{inspect.getdoc(function)}\n\nOptions:\n{text}\n"
        return function

    return dress


def _described(part: type) -> str:
    """What the docstring of a class says of its own fields."""
    _, _, text = (inspect.cleandoc(part.__doc__ or "")).partition("\nAttributes:\n")
    return text.partition("\n\n")[0].rstrip()


def as_path(value: Any, name: str) -> Path:
    """A path that was given as text or as one.

    Raises:
        UsageError: It is neither.
    """
    if isinstance(value, str | os.PathLike):
        return Path(os.fspath(value))
    raise _wrong(name, "a path", value)


def as_paths(value: Any, name: str) -> list[Path]:
    """One path, or several.

    Raises:
        UsageError: Something else.
    """
    if isinstance(value, str | os.PathLike):
        return [as_path(value, name)]
    if not isinstance(value, Iterable):
        raise _wrong(name, "a path or a list of paths", value)
    return [as_path(one, name) for one in value]


def as_data(value: Any, name: str) -> Data:
    """Samples: a path, arrays, a data frame, or one of these with its labels.

    Raises:
        UsageError: Something else.
    """
    if isinstance(value, InMemory):
        return value
    if isinstance(value, str | os.PathLike):
        return as_path(value, name)
    origin = _ORIGINS.get(name, f"the data of {name}")
    if isinstance(value, tuple) and len(value) == 2:
        inner = as_data(value[0], name)
        if isinstance(inner, InMemory):
            answers = np.asarray(value[1])
            if answers.ndim > 1:
                answers = answers.reshape(len(answers), -1)
                answers = answers[:, 0] if answers.shape[1] == 1 else answers
            return replace(inner, labels=answers)
    elif isinstance(value, Mapping):
        arrays = {str(key): np.asarray(array) for key, array in value.items()}
        labels = arrays.pop("labels", None)
        return InMemory(origin, arrays, labels=labels)
    elif hasattr(value, "columns") and hasattr(value, "itertuples"):
        return InMemory(origin, frame=value)
    elif hasattr(value, "__array__") or isinstance(value, list):
        return InMemory(origin, {"": np.asarray(value)})
    raise _wrong(
        name,
        "a path (.npz, .npy, .csv or a folder of pictures), an array, a dict of arrays, a data "
        "frame, or a pair of one of these and its labels",
        value,
    )


def _as_columns(value: Any, name: str) -> Columns:
    if isinstance(value, Inline):
        return value
    if isinstance(value, list | tuple | Mapping):
        return Inline(list(value) if isinstance(value, tuple) else value)
    return as_path(value, name)


def _as_kind(name: str, kind: str, value: Any) -> Any:
    kind, optional, _ = kind.partition(" | None")
    if value is None and optional:
        return None
    if value is None and kind.startswith("tuple"):
        return ()
    words, read = _KINDS.get(kind, ("", lambda value, _: value))
    try:
        return read(value, name)
    except (TypeError, ValueError) as error:
        raise _wrong(name, words, value) from error


def _wrong(name: str, words: str, value: Any) -> UsageError:
    return UsageError(f"{name}: expected {words}, got {_shown(value)}.", name, value)


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, str | int | float | bool | None):
        return f"{repr(value)[:_SHOWN]} ({kind})"
    return f"an object of {type(value).__module__}.{kind}"


def _flag(value: Any, name: str) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(name)


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool):
        raise TypeError(name)
    return operator.index(value)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(name)
    return float(value)


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(name)


def _names(value: Any, name: str) -> tuple[str, ...]:
    """A list of names; a text is one, or several with commas, as on the command line."""
    parts = value.split(",") if isinstance(value, str) else list(value)
    cleaned = [_text(part, name).strip() for part in parts]
    return tuple(dict.fromkeys(part for part in cleaned if part))


def _labels(value: Any, name: str) -> str | tuple[str, ...]:
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    return tuple(str(label) for label in list(value))


def _shares(value: Any, name: str) -> tuple[float, ...]:
    return tuple(_number(one, name) for one in list(value))


def _shapes(value: Any, name: str) -> Shapes:
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple((_text(key, name), tuple(_axis(a, name) for a in shape)) for key, shape in pairs)


def _axis(value: Any, name: str) -> int | None:
    return None if value is None else _integer(value, name)


def _by_output(value: Any, name: str) -> dict[str, float]:
    found = value if isinstance(value, Mapping) else {"": value}
    return {_text(key, name): _number(number, name) for key, number in found.items()}


_KINDS: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = {
    "bool": ("True or False", _flag),
    "int": ("a whole number", _integer),
    "float": ("a number", _number),
    "str": ("a text", _text),
    "Path": ("a path", as_path),
    "Columns": ("a path, or the columns themselves", _as_columns),
    "Data": ("data", as_data),
    "Labels": ("a file, a text such as 'a,b,c', or a list of names", _labels),
    "Shapes": ("shapes by input name, such as {'x': (1, 128, 128, 3)}", _shapes),
    "ByOutput": ("a number, or numbers by output name", _by_output),
    "tuple[str, ...]": ("a name or a list of names", _names),
    "tuple[float, ...]": ("a list of numbers", _shares),
}
"""From the type of a field to what is expected, in words, and what reads it."""
