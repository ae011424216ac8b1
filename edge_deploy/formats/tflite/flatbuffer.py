"""A flatbuffer written field by field, for schemas that no package brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Table:
    """A flatbuffers table: values by the number of their field."""

    fields: Mapping[int, Any]


@dataclass(frozen=True)
class Number:
    """A number of a table, of the type that the schema gives it."""

    value: int
    type: str = "Int8"


def union(kind: int, table: Table, first: int = 0) -> dict[int, Any]:
    """The two fields of a union: which of its members it is, and that one."""
    return {first: Number(kind, "Uint8"), first + 1: table}


def write(builder: Any, value: Any) -> int:
    """Write a string, floats, a list or a table, and give its place."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, np.ndarray):
        return int(builder.CreateNumpyVector(value.astype("<f4")))
    if isinstance(value, list):
        places = [write(builder, item) for item in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())
    fields = {slot: field for slot, field in value.fields.items() if field is not None}
    places_of = {
        slot: write(builder, field)
        for slot, field in fields.items()
        if not isinstance(field, Number)
    }
    builder.StartObject(max(fields, default=-1) + 1)
    for slot, field in fields.items():
        if isinstance(field, Number):
            getattr(builder, f"Prepend{field.type}Slot")(slot, field.value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, places_of[slot], 0)
    return int(builder.EndObject())
