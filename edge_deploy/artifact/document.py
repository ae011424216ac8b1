"""JSON documents as typed values: read and checked, and written as they were."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct

Number = int | float

# What only the schema asks. A reader has no use for it, and must not refuse what a newer
# edge-deploy writes because of it.
Name = Annotated[str, Meta(extra_json_schema={"minLength": 1})]
Sha256 = Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9a-f]{64}$"})]
InnerPath = Annotated[str, Meta(extra_json_schema={"pattern": r"^(?!/)(?!.*\.\.(/|$)).+$"})]
Time = Annotated[
    str, Meta(extra_json_schema={"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"})
]
Count = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
Positive = Annotated[int, Meta(extra_json_schema={"minimum": 1})]
Share = Annotated[Number, Meta(extra_json_schema={"minimum": 0, "maximum": 1})]
Scale = Annotated[Number, Meta(extra_json_schema={"exclusiveMinimum": 0})]
SampleCount = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": 32})]

# Code makes arrays of it, so that another word is refused.
_DTYPES = r"^(bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128))$"
Dtype = Annotated[str, Meta(pattern=_DTYPES)]

# Of these an empty list is refused: code takes the first.
Strings = Annotated[tuple[str, ...], Meta(min_length=1)]


class Part(Struct, frozen=True, kw_only=True):
    """An object of a JSON document.

    Attributes:
        extra: Keys that a newer edge-deploy wrote and this one does not know: they are kept.
    """

    extra: dict[str, Any] = {}


P = TypeVar("P", bound=Part)


def read(kind: type[P], document: Any) -> P:
    """A typed value of a JSON document.

    Raises:
        ValueError: The first thing that is wrong with it, such as ``inputs: is empty``.
    """
    try:
        return msgspec.convert(_apart(kind, document), kind)
    except msgspec.ValidationError as error:
        raise ValueError(_fault(kind, document, str(error))) from error


def part(kind: type[P], document: Any) -> P:
    """A typed value of what its JSON would be made of; numpy's numbers become plain ones."""
    return read(kind, json.loads(json.dumps(document)))


def to_document(value: Part) -> dict[str, Any]:
    """A typed value as the JSON that is written."""
    known = {name: getattr(value, name) for name in value.__struct_fields__ if name != "extra"}
    document = {name: _plain(one) for name, one in known.items() if one is not UNSET}
    return {**document, **value.extra}


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return to_document(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _apart(kind: type[Part], value: Any) -> Any:
    """JSON with the keys that no field is for under ``extra``."""
    if isinstance(value, list):
        return [_apart(kind, one) for one in value]
    if not isinstance(value, dict):
        return value
    inner = _fields(kind)
    known = {
        key: _apart(of, one) if (of := _struct(inner[key])) else one
        for key, one in value.items()
        if key in inner
    }
    extra = {key: one for key, one in value.items() if key not in inner}
    return {**known, "extra": extra} if extra else known


@functools.cache
def _fields(kind: type[Part]) -> Mapping[str, msgspec.inspect.Type]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.name: field.type for field in info.fields if field.name != "extra"}


def _forms(of: msgspec.inspect.Type) -> list[Any]:
    """What a value may be: the members of a union, the inside of what has rules of its own."""
    if isinstance(of, msgspec.inspect.Metadata):
        return _forms(of.type)
    if isinstance(of, msgspec.inspect.UnionType):
        return [form for one in of.types for form in _forms(one)]
    return [of]


def _struct(of: msgspec.inspect.Type) -> type[Part] | None:
    """The kind of object that a field holds, or a list of such."""
    for form in _forms(of):
        if isinstance(form, msgspec.inspect.VarTupleType):
            return _struct(form.item_type)
        if isinstance(form, msgspec.inspect.StructType) and issubclass(form.cls, Part):
            return form.cls
    return None


_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _fault(kind: type[Part], document: Any, message: str) -> str:
    """What msgspec found wrong, in the words of JSON and with what stands there."""
    told, _, path = message.rstrip("`").partition(" - at `$")
    where, value, forms = path.lstrip("."), document, _forms(msgspec.inspect.type_info(kind))
    for key, place in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[key or int(place)]
        forms = [form for one in forms for form in _inside(one, key)]
    said = where or "the whole"
    if path.endswith("[...]"):
        return f"{said[:-5]}: holds what is not of type string"
    if missing := re.match(r"Object missing required field `(\w+)", told):
        return f"{where}.{missing[1]}: is missing".lstrip(".")
    if told.startswith("."):  # of a __post_init__
        return f"{said}{told}"
    if told.startswith("Invalid enum value"):
        literals = [one for one in forms if isinstance(one, msgspec.inspect.LiteralType)]
        known = [value for one in literals for value in one.values]
        return f"{said}: is {value!r}, none of {', '.join(map(str, known))}"
    if least := re.search(r"of length >= (\d+)", told):
        return f"{said}: {f'has fewer than {least[1]} items' if value else 'is empty'}"
    shown = json.dumps(value)[:60]
    if "matching regex" in told:  # of a Dtype alone
        return f"{said}: is {shown}, no dtype of numbers, such as float32"
    if other := re.match(r"Expected `([^`]+)`, got", told):
        kinds = dict.fromkeys(_TYPES.get(kind, kind) for kind in other[1].split(" | "))
        if "number" in kinds:
            kinds.pop("integer", None)
        return f"{said}: is {shown}, not of type {' or '.join(kinds)}"
    return f"{said}: is {shown}. {told}"


def _inside(of: msgspec.inspect.Type, key: str) -> list[Any]:
    """What a key of an object, or an item of a list, may be."""
    if isinstance(of, msgspec.inspect.StructType):
        return _forms(next(field.type for field in of.fields if field.name == key))
    if isinstance(of, msgspec.inspect.VarTupleType):
        return _forms(of.item_type)
    return []
