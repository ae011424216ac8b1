"""What manifest.schema.json asks of a manifest, checked before anything is read from it.

Only the words of JSON Schema that keep code from stumbling are read: a manifest with a key too
many, of a newer edge-deploy, is not refused. Tests hold what we write to the whole schema.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.formats.registry import FORMATS

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def fault(document: Any) -> str | None:
    """The first thing that is wrong with a manifest, such as ``inputs: is empty``; None if none."""
    return next(_faults("", document, _schema()), None)


@functools.cache
def _schema() -> Mapping[str, Any]:
    path = Path(__file__).with_name("manifest.schema.json")
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    # The file names the formats that edge-deploy brings; others may have been registered.
    found["properties"]["artifacts"]["items"]["properties"]["target"]["enum"] = FORMATS
    return found


def _faults(where: str, value: Any, rule: Mapping[str, Any]) -> Iterator[str]:
    if reference := rule.get("$ref"):
        rule = _schema()["$defs"][reference.rpartition("/")[2]]
    said = where or "the whole"
    kinds = rule.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, _TYPES[kind]) for kind in kinds):
        yield f"{said}: is {json.dumps(value)[:60]}, not of type {' or '.join(kinds)}"
    elif "enum" in rule and value not in rule["enum"]:
        yield f"{said}: is {value!r}, none of {', '.join(map(str, rule['enum']))}"
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{said}: is empty"
        for number, item in enumerate(value):
            yield from _faults(f"{where}[{number}]", item, rule.get("items", {}))
    elif isinstance(value, dict):
        for key in rule.get("required", ()):
            if key not in value:
                yield f"{f'{where}.{key}' if where else key}: is missing"
        for key, inner in rule.get("properties", {}).items():
            if key in value:
                yield from _faults(f"{where}.{key}" if where else key, value[key], inner)
