"""Scalers of the target: what a model said in scaled numbers, in real units again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_deploy.core.errors import ConversionError, SourceError, UsageError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array
from edge_deploy.frontends.project.parts import Part, is_left_out
from edge_deploy.frontends.sklearn.compat.fitted import attribute
from edge_deploy.frontends.sklearn.converters.inverse import Function, inverse

_SHOWN = 8


def width_of(part: Part) -> int:
    """How many columns a scaler was fitted on."""
    width = attribute(part.value, "n_features_in_")
    if width is None:
        for name in ("scale_", "center_", "mean_", "lambdas_"):
            if (found := attribute(part.value, name)) is not None:
                return len(found)
    return int(width or 1)


def names_of(part: Part) -> list[str]:
    """What the columns of a scaler are called; those of an array by their places."""
    names = attribute(part.value, "feature_names_in_")
    return list(map(str, range(width_of(part)) if names is None else names))


def places(part: Part, width: int, what: str) -> tuple[int, ...]:
    """Which of a scaler's columns an output, or the channels of an input, are.

    Args:
        part: The scaler.
        width: How many columns there are.
        what: Of what, in words.

    Raises:
        UsageError: It was fitted on another number, and nobody said which column it is.
    """
    own, known = width_of(part), names_of(part)
    if part.chosen is not None:
        lacking = [name for name in part.chosen if name not in known and not _is_place(name, own)]
        if lacking:
            raise UsageError(
                f"{part.name} has no column {lacking[0]!r}; it was fitted on {_shown(known)}."
            )
        found = [known.index(n) if n in known else int(n) for n in part.chosen]
        if len(found) == width or len(found) == 1:
            return tuple(found)
        raise UsageError(f"{part.name} is picked at {len(found)} columns, and {what} has {width}.")
    if own in (1, width):
        return tuple(range(own))
    raise UsageError(
        f"{part.name} was fitted on {own} columns ({_shown(known)}), and {what} has "
        f"{width}. Say which it is: {part.path.name}@{known[0]}."
    )


def lowered(part: Part, chosen: tuple[int, ...]) -> Function:
    """inverse_transform of these columns, as a function of tensors.

    Raises:
        ConversionError: The transformer has none that can be converted.
    """
    try:
        return inverse(part.value, chosen, width_of(part))
    except ConversionError as error:
        raise ConversionError(f"{part.name}: {error}") from error


def original(part: Part, chosen: tuple[int, ...]) -> Callable[[Array], Array]:
    """inverse_transform as the person calls it, of the columns that are picked."""
    own = width_of(part)

    def undo(values: Array) -> Array:
        if is_left_out(part):
            return values
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        if len(chosen) == 1 and own == 1:
            given = flat.reshape(-1, 1)
        elif len(chosen) == 1:
            given = np.zeros((flat.size, own))
            given[:, chosen[0]] = flat.ravel()
        else:
            given = np.zeros((len(flat), own))
            given[:, list(chosen)] = flat
        try:
            found = np.asarray(part.value.inverse_transform(given))
        except Exception as error:
            # Scalers of other versions raise anything when an attribute is missing.
            raise SourceError(
                f"{part.path}: today's scikit-learn cannot undo this "
                f"{type(part.value).__name__}: {first_line(error)}. Save it again from a newer one."
            ) from error
        return np.asarray(found[:, list(chosen)]).reshape(values.shape)

    return undo


def _is_place(name: str, count: int) -> bool:
    return name.isdecimal() and name.isascii() and len(name) < 7 and int(name) < count


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
