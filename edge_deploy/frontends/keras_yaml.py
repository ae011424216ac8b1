"""The YAML in which Keras wrote a model's layers until TensorFlow 2.6, as JSON has it.

A stranger's YAML is more than that: numbers to the base of 60, keys that merge, tags that name
Python's objects, nodes within nodes. It is taken event by event, so that none of these is done.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_MOST_VALUES = 1_000_000
_DEEPEST = 100
_TAG = "tag:yaml.org,2002:"
# PyYAML wrote the shapes as tuples, and the names of Python 2 as unicode.
_LISTS = (None, "!", f"{_TAG}seq", f"{_TAG}python/tuple")
_MAPS = (None, "!", f"{_TAG}map")
_TEXTS = ("!", f"{_TAG}str", f"{_TAG}python/unicode")
_NUMBER = re.compile(r"[-+]?(\d[\d.]{0,40}|\.\d{1,40})([eE][-+]?\d{1,4})?$")
_WORDS = {
    "": None, "~": None, "null": None, "true": True, "false": False, "yes": True, "no": False,
    "on": True, "off": False, ".nan": float("nan"), ".inf": float("inf"), "-.inf": float("-inf"),
}  # fmt: skip


@dataclass
class _Opened:
    """A list or a map of which the end is not read yet: its values, or keys and values by turns."""

    is_map: bool
    anchor: str | None
    before: int
    values: list[Any] = field(default_factory=list)

    def closed(self) -> Any:
        if not self.is_map:
            return self.values
        keys = self.values[::2]
        if any(isinstance(key, list | dict) for key in keys):
            raise ValueError("a key that is no text")
        return dict(zip(map(str, keys), self.values[1::2], strict=True))


def parse_yaml(text: str) -> Any:
    """A document of plain values; what is named twice stands there twice.

    Raises:
        ValueError: It is no YAML, holds Python objects, is nested too deep or becomes too large.
    """
    import yaml

    # LibYAML, where PyYAML comes with it, is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _document(yaml.parse(text, loader), yaml)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _document(events: Iterable[Any], yaml: Any) -> Any:
    opened: list[_Opened] = [_Opened(False, None, 0)]
    named: dict[str, tuple[Any, int]] = {}
    count = 0
    for event in events:
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            is_map = isinstance(event, yaml.MappingStartEvent)
            _check_tag(event.tag, _MAPS if is_map else _LISTS)
            if len(opened) > _DEEPEST:
                raise ValueError(f"nested more than {_DEEPEST} deep")
            opened.append(_Opened(is_map, event.anchor, count))
            continue
        if isinstance(event, yaml.ScalarEvent):
            value, size, anchor = _scalar(event), 1, event.anchor
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            part = opened.pop()
            value, size, anchor = part.closed(), 1, part.anchor
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in named:
                raise ValueError(f"nothing is named {event.anchor}")
            value, size = named[event.anchor]
            anchor = None
        else:  # the begin or the end of the text or of a document
            continue
        count += size
        if count > _MOST_VALUES:
            raise ValueError("more values than a model's layers have")
        if isinstance(event, yaml.AliasEvent):
            value = copy.deepcopy(value)
        elif anchor is not None:
            ends = not isinstance(event, yaml.ScalarEvent)
            named[anchor] = value, count - part.before if ends else 1
        opened[-1].values.append(value)
    (document,) = opened[0].values or [None]
    return document


def _check_tag(tag: str | None, known: tuple[str | None, ...]) -> None:
    if tag not in known:
        raise ValueError(f"{str(tag)[:80]} is no plain value")


def _scalar(event: Any) -> Any:
    """A text, a number, a truth value or nothing."""
    text: str = event.value
    if event.tag in _TEXTS or (event.tag is None and not event.implicit[0]):
        return text
    _check_tag(event.tag, (None, *(f"{_TAG}{kind}" for kind in ("int", "float", "bool", "null"))))
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.match(text):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(text)
    return text
