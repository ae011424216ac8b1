"""manifest.schema.json, made from the typed manifest: ``python -m edge_deploy.artifact.schema``."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edge_deploy.artifact.document import Part
from edge_deploy.artifact.manifest import SCHEMA, Manifest

PATH = Path(__file__).with_name("manifest.schema.json")

# Another edge-deploy may say more of these, and an older reader has no harm of it.
_OPEN = ("PreprocessingEntry", "ImageEntry", "FeatureEntry", "VerdictRow")


def schema(kind: type[Part] = Manifest, title: str = SCHEMA) -> dict[str, Any]:
    """The JSON Schema of what is written; each key is described as in the code.

    Args:
        kind: Of which document.
        title: What the document calls its form.
    """
    made = msgspec.json.schema(kind)
    parts = {name: _part(name, rules) for name, rules in made["$defs"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **parts.pop(kind.__name__),
        "title": title,
        "$defs": parts,
    }


def _part(name: str, rules: dict[str, Any]) -> dict[str, Any]:
    kind = next(one for one in Part.__subclasses__() if one.__name__ == name)
    told = inspect.getdoc(kind) or ""
    described = dict(_attributes(told))
    return {
        "description": told.partition("\n\nAttributes:")[0],
        "type": "object",
        "required": rules["required"],
        "additionalProperties": name in _OPEN,
        "properties": {
            key: {"description": described[key], **_plain(rule)}
            for key, rule in rules["properties"].items()
            if key != "extra"
        },
    }


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """The names and texts of a docstring's Attributes."""
    listed = docstring.partition("Attributes:\n")[2]
    for name, text in re.findall(r"^    (\w+): (.+?)(?=\n    \w|\Z)", listed, re.S | re.M):
        yield name, " ".join(text.split()).replace("``", "`")


def _plain(rule: Any) -> Any:
    """A rule without what msgspec adds: an integer is a number, and a default is no rule."""
    if isinstance(rule, list):
        return [_plain(one) for one in rule]
    if not isinstance(rule, dict):
        return rule
    rule = {key: _plain(one) for key, one in rule.items() if key != "default"}
    if {"type": "number"} in rule.get("anyOf", ()):
        rule["anyOf"] = [one for one in rule["anyOf"] if one != {"type": "integer"}]
        if len(rule["anyOf"]) == 1:
            rule |= rule.pop("anyOf")[0]
    return rule


def to_text(kind: type[Part] = Manifest, title: str = SCHEMA) -> str:
    """The file as it is kept."""
    return json.dumps(schema(kind, title), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(to_text())
