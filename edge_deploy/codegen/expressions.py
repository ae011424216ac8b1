"""What the code of every language computes alike; each template only writes it its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_deploy.codegen.context import TemplateContext, category
from edge_deploy.codegen.language import Code
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Feature

_HELPER = {"none": "number", "ordinal": "ordinal", "one-hot": "one_hot"}


@dataclass(frozen=True)
class Column:
    """A column of a table as code encodes it.

    Attributes:
        name: As the table calls it.
        helper: The function of a snippet that encodes it: number, ordinal, one_hot or counts; or
            tokens, where the platform has code of its own for token ids.
        categories: Of what is no number.
        missing: As Feature.missing.
        default: Of a column whose missing values have one.
        missing_place: The place that a missing category gets; None where it is an error.
        unknown_place: The same of an unknown one.
        words: Its unit and limits.
        width: How many numbers it fills.
    """

    name: str
    helper: str
    categories: tuple[str, ...]
    missing: str
    default: float | str | None
    missing_place: int | None
    unknown_place: int | None
    words: str
    width: int


def columns(plan: TemplateContext, texts: bool) -> list[Column]:
    """The columns of a row.

    Args:
        plan: The model.
        texts: Whether the platform's code counts texts.

    Raises:
        UsageError: One is a text, and they are not counted.
    """
    return [_column(feature, texts) for feature in plan.features or ()]


def _column(feature: Feature, texts: bool) -> Column:
    if feature.text is not None and not texts:
        raise UsageError(
            f"column {feature.name!r} is a text, which this platform's code does not count. "
            f"{option('platform', 'python')} and {option('platform', 'js')} do, and so does the "
            "page (edge-deploy demo)."
        )
    counted = feature.kind == "text"
    missing, unknown = _places(feature)
    return Column(
        name=feature.name,
        helper=("counts" if texts else "tokens") if counted else _HELPER[feature.encode],
        categories=feature.categories or (),
        missing=feature.missing,
        default=feature.default if counted else _default(feature),
        missing_place=missing,
        unknown_place=unknown,
        words=column_words(feature),
        width=feature.width,
    )


def _default(feature: Feature) -> float | str | None:
    if feature.missing != "value":
        return None
    return float(feature.default or 0) if feature.encode == "none" else category(feature.default)


def _places(feature: Feature) -> tuple[int | None, int | None]:
    """The places that a missing and an unknown category get."""
    if feature.encode == "none":
        return None, None
    names = feature.categories or ()
    missing = unknown = None
    if feature.missing == "value":
        missing = names.index(category(feature.default))
    elif feature.missing == "nan":
        missing = len(names)
    if feature.unknown != "error":
        unknown = len(names) - 1 if feature.unknown == "infrequent" else -1
    return missing, unknown


def used(columns: Sequence[Column]) -> set[str]:
    """The helpers that the code of columns calls."""
    called = {column.helper for column in columns}
    return called | ({"index"} if called & {"ordinal", "one_hot"} else set())


def column_words(feature: Feature) -> str:
    """A column's unit and limits: ``years, 18 to 64``."""
    words = [feature.unit] if feature.unit else []
    if feature.min is not None and feature.max is not None:
        words.append(f"{feature.min:g} to {feature.max:g}")
    if feature.missing != "error":
        words.append("may be missing")
    return ", ".join(words)


def resizing(image: Mapping[str, Any]) -> list[str]:
    """The parts of a resize template that a preprocessing spec needs."""
    method, centered = image["resize"], image["crop"] == "center"
    if method.startswith(("tf-", "cv2-")):
        return [*(["smart crop"] if centered else []), method]
    box = "box center" if centered else "box whole"
    return [box, "nearest"] if method == "nearest" else [f"filter {method}", box, "pillow"]


def channels(image: Mapping[str, Any]) -> list[tuple[int, list[tuple[Code, float]]]]:
    """Which channel of red, green and blue each of the model's is, and the steps from it."""
    order = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), "gray": (0,)}[image["color"]]
    return [(channel, _steps(image, place)) for place, channel in enumerate(order)]


def _steps(image: Mapping[str, Any], channel: int) -> list[tuple[Code, float]]:
    """``((x * scale + offset) - mean) / std`` without the steps that change nothing."""
    every = (
        ("*", image["scale"], 1),
        ("+", image["offset"], 0),
        ("-", image["mean"][channel], 0),
        ("/", image["std"][channel], 1),
    )
    return [(Code(sign), number) for sign, number, nothing in every if number != nothing]
