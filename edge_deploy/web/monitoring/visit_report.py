"""What a page tells of a visit, if its owner asked for it and its visitor let it: counts.

No inputs, no answers and no identity are in it. A report is read strictly: what is not exactly
this is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA: Literal["edge-deploy/visit/1"] = "edge-deploy/visit/1"
MOST_BYTES = 32_768
"""A report of more bytes is none; that of a table of a hundred columns has 8,000."""

# No control characters: what is kept is printed in terminals.
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Word = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9 ._+-]+$")]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Milliseconds = Annotated[float, Meta(ge=0, le=3_600_000)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of a report, which has these keys and no others."""


class ShadowCounts(_Part, frozen=True, kw_only=True):
    """How a version that answers in silence did beside the one that is shown.

    Attributes:
        version: The silent one: a shadow beside the stable version, or that beside a canary.
        compared: Inputs that both answered.
        agreed: Of these, with the same answer.
        beyond: Of these, further apart than the tolerance.
        failures: Inputs that the silent one had no answer to.
        median_ms: Its median time for an answer; null where it gave none.
    """

    version: Text
    compared: Count
    agreed: Count
    beyond: Count
    failures: Count
    median_ms: Milliseconds | None


class ColumnCounts(_Part, frozen=True, kw_only=True):
    """How many inputs lay outside of what the model was made with.

    Attributes:
        name: A column of a table; `pixel mean` or `pixel deviation` of a picture.
        inputs: How many there were.
        outside: How many of these lay outside.
    """

    name: Text
    inputs: Count
    outside: Count


class ModelVisit(_Part, frozen=True, kw_only=True):
    """What a visit was to one version of a model.

    Attributes:
        model: What the page calls it.
        version: The version that answered.
        channel: Why that one: the stable version, or the canary.
        backend: What it ran on.
        check: Whether the self-check passed on this device.
        first_ms: From the start of loading to the first answer; null where there was none.
        median_ms: The median time for an answer; null where there was none.
        answers: How many inputs of the visitor were answered.
        failures: How many could not be.
        dropped: The version that was to answer and failed its self-check here; null for none.
        shadow: How the silent version did; null where none ran.
        columns: How many inputs lay outside, a column each.
    """

    model: Text
    version: Text
    channel: Literal["stable", "canary"]
    backend: Word
    check: Literal["pass", "fail"]
    first_ms: Milliseconds | None
    median_ms: Milliseconds | None
    answers: Count
    failures: Count
    dropped: Text | None
    shadow: ShadowCounts | None
    columns: Annotated[tuple[ColumnCounts, ...], Meta(max_length=200)]


class VisitReport(_Part, frozen=True, kw_only=True):
    """A visit.

    Attributes:
        schema: Of which form this document is.
        id: Of this report alone, so that one that is sent twice counts once; 32 hex digits.
        models: What was looked at, a version of a model each.
    """

    schema: Literal["edge-deploy/visit/1"]
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    models: Annotated[tuple[ModelVisit, ...], Meta(min_length=1, max_length=20)]


_decoder = msgspec.json.Decoder(VisitReport)


def parse(data: bytes) -> VisitReport:
    """A report as it was sent.

    Raises:
        ValueError: It is none.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"a report has at most {MOST_BYTES:,} bytes")
    try:
        report = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    for one in report.models:
        inner = (*((c.outside, c.inputs) for c in one.columns),)
        if one.shadow:
            inner += ((one.shadow.agreed, one.shadow.compared),)
            inner += ((one.shadow.beyond, one.shadow.compared),)
        if any(part > whole for part, whole in inner):
            raise ValueError("a count is larger than what it is a part of")
    return report


def encode(report: VisitReport) -> bytes:
    """A report as it is kept."""
    return msgspec.json.encode(report)
