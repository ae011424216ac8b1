"""What the code of every language computes alike; each platform only writes it its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_deploy.codegen.base import column_words, f32, tensor_words
from edge_deploy.codegen.context import TemplateContext, category
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Feature

_HELPER = {"none": "number", "ordinal": "ordinal", "one-hot": "one_hot"}


def helper(feature: Feature) -> str:
    """The function of a snippet that encodes a column.

    Raises:
        UsageError: It is a text.
    """
    if feature.kind == "text":
        raise UsageError(
            f"column {feature.name!r} is a text, which this platform's code does not count. "
            f"{option('platform', 'python')} and {option('platform', 'js')} do, and so does the page "
            "(edge-deploy demo)."
        )
    return _HELPER[feature.encode]


def columns(
    features: Sequence[Feature], write: Callable[[Feature, str], str], comment: str
) -> tuple[list[str], set[str]]:
    """A line of code for each column, with its unit and limits behind it, and what it calls.

    Args:
        features: The columns.
        write: The line of a column, from it and the name of its helper.
        comment: What starts a comment at the end of a line, with the space before it.
    """
    lines, used = [], set()
    for feature in features:
        name = helper(feature)
        used |= {"number"} if name == "number" else {name, "index"}
        told = column_words(feature)
        lines.append(write(feature, name) + (f"{comment} {told}" if told else ""))
    return lines, used


def places(feature: Feature) -> tuple[int, int]:
    """The places that a missing and an unknown category get; -2 where they are errors."""
    names = feature.categories or ()
    missing = unknown = -2
    if feature.missing == "value":
        missing = names.index(category(feature.default))
    elif feature.missing == "nan":
        missing = len(names)
    if feature.unknown != "error":
        unknown = len(names) - 1 if feature.unknown == "infrequent" else -1
    return missing, unknown


def named_places(feature: Feature, between: str) -> str:
    """The same as named arguments, ``, missing: 3, unknown: 4``; errors have none."""
    both = zip(("missing", "unknown"), places(feature), strict=True)
    return "".join(f", {name}{between}{place}" for name, place in both if place != -2)


def steps(image: Mapping[str, Any], channel: int) -> list[tuple[str, float]]:
    """``((x * scale + offset) - mean) / std`` without the steps that change nothing."""
    every = (
        ("*", image["scale"], 1),
        ("+", image["offset"], 0),
        ("-", image["mean"][channel], 0),
        ("/", image["std"][channel], 1),
    )
    return [(sign, number) for sign, number, nothing in every if number != nothing]


def scaled(image: Mapping[str, Any], x: str, channel: int, suffix: str = "f") -> str:
    """The steps in a language whose float32 arithmetic is its own."""
    value = x
    for sign, number in steps(image, channel):
        value = f"({value} {sign} {literal(number, suffix)})"
    return value if value == x else value[1:-1]


def literal(number: float, suffix: str = "f") -> str:
    """A float32 literal, in brackets where it is negative."""
    shown = f"{f32(number)}{suffix}"
    return f"({shown})" if number < 0 else shown


def told(plan: TemplateContext) -> str:
    """What ``predict`` gives, in words."""
    output = plan.main_output
    words = {
        "labels": "Each label's share, the largest first",
        "probability": "Each label's share, the larger first",
        "class": "The label" if output.classes else "The number of the class",
        "value": f"The value{f' in {output.unit}' if output.unit else ''}",
        "tensor": tensor_words(output),
    }
    return words[output.role]
