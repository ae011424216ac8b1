"""The keys of ``edge-deploy.toml``: what each means, what it takes, and how a schema says it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_deploy.core.spec import ENCODINGS
from edge_deploy.data.preprocessing.features import KINDS as FEATURE_KINDS
from edge_deploy.data.preprocessing.features import MISSING, UNKNOWN
from edge_deploy.data.preprocessing.image import CHANNELS, CROPS, PRESETS, RESIZES, TRAINED

VERSION = 1
FILE = "edge-deploy.toml"


@dataclass(frozen=True)
class Kind:
    """What a key takes.

    Attributes:
        words: In a message, behind "is 3, not".
        check: Whether a value of TOML is one.
        schema: The same as JSON Schema.
    """

    words: str
    check: Callable[[Any], bool]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes:
        kind: A key of KINDS.
        told: What it means, in a sentence.
        example: A line of TOML.
        choices: The only values, where they are few.
        lower: The least number.
        required: Whether the table needs it.
    """

    kind: str
    told: str
    example: str = ""
    choices: tuple[str, ...] = ()
    lower: float | None = None
    required: bool = False


Keys = Mapping[str, Key]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _scalar(value: Any) -> bool:
    return isinstance(value, str | bool) or _number(value)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _either(*checks: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: any(check(value) for check in checks)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _plain(value: Any) -> bool:
    """Whether JSON has it too: TOML knows dates and what is not finite."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return all(map(_plain, value)) if isinstance(value, list) else _scalar(value)


_STRING: Mapping[str, Any] = {"type": "string"}
_STRINGS: Mapping[str, Any] = {"type": "array", "items": _STRING}
_NUMBER: Mapping[str, Any] = {"type": "number"}
_NUMBERS: Mapping[str, Any] = {"type": "array", "items": _NUMBER}
_INTEGER: Mapping[str, Any] = {"type": "integer"}

KINDS: Mapping[str, Kind] = {
    "text": Kind("a text", _text, _STRING),
    "integer": Kind("a whole number", _whole, _INTEGER),
    "number": Kind("a number", _number, _NUMBER),
    "truth": Kind(
        "true or false", lambda value: isinstance(value, bool), {"type": "boolean"}
    ),
    "path": Kind(
        "a path within the folder",
        _text,
        {"type": "string", "pattern": r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$"},
    ),
    "texts": Kind("a list of texts", _texts, _STRINGS),
    "names": Kind(
        "a text or a list of texts", _either(_text, _texts), {"anyOf": [_STRING, _STRINGS]}
    ),
    "values": Kind(
        "a list of texts or numbers",
        _list_of(_scalar),
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
    ),
    "labels": Kind(
        "a path within the folder, or a list of names",
        _either(_text, _list_of(_scalar)),
        {"anyOf": [_STRING, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]},
    ),
    "value": Kind("a text or a number", _scalar, {"type": ["string", "number", "boolean"]}),
    "numbers": Kind("a list of numbers", _list_of(_number), _NUMBERS),
    "number or numbers": Kind(
        "a number or a list of numbers",
        _either(_number, _list_of(_number)),
        {"anyOf": [_NUMBER, _NUMBERS]},
    ),
    "size": Kind(
        "[height, width]",
        lambda v: _list_of(_whole)(v) and len(v) == 2 and min(v) > 0,
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
    ),
    "by output": Kind(
        'a number, or numbers by output: {"price" = 0.1}',
        _either(_number, _table_of(_number)),
        {"anyOf": [_NUMBER, {"type": "object", "additionalProperties": _NUMBER}]},
    ),
    "shapes": Kind(
        "shapes by input, such as {x = [1, 128, 128, 3]}",
        _table_of(lambda v: _list_of(_whole)(v) and all(axis > 0 for axis in v) and bool(v)),
        {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        },
    ),
    "table": Kind(
        "a table", lambda value: isinstance(value, dict) and _plain(value), {"type": "object"}
    ),
}  # fmt: skip


TOP: Keys = {
    "recipe": Key(
        "integer",
        "The form of this file; this edge-deploy reads 1.",
        "recipe = 1",
        required=True,
    ),
    "undecided": Key(
        "texts",
        "Questions that nobody has answered yet. `convert` stops until the list is empty: choose "
        "one of the lines below it, then take the question out.",
        "undecided = []",
    ),
    "labels": Key(
        "labels",
        "The classes of the answer, in the order of the model's columns; or a file with one a "
        "line.",
        'labels = ["no", "yes"]',
    ),
    "threshold": Key(
        "number",
        "From which probability on the answer is the second class, where it is not 0.5.",
        "threshold = 0.35",
    ),
    "reference": Key(
        "path",
        "Samples that every file is compared with: .npz, .npy, .csv, or a folder of pictures with "
        "one folder a class.",
        'reference = "data/test.csv"',
    ),
    "label_column": Key(
        "text",
        "The column of the reference (the key of an .npz) that holds the true answers.",
        'label_column = "Exited"',
    ),
    "calibration": Key(
        "path",
        "Samples in which int8 files see the ranges of the model; without them the reference.",
        'calibration = "data/train.csv"',
    ),
}
"""Keys before the first table."""

STEP: Keys = {
    "file": Key("path", "The file, from this folder on.", 'file = "scaler.pkl"', required=True),
    "key": Key(
        "text",
        "Which part of a bundle: the key of a dict, the place in a tuple, the name of an "
        "attribute.",
        'key = "scaler"',
    ),
    "columns": Key(
        "names",
        'Which columns it takes; `"*"` for all that there are. Without it what it was fitted on.',
        'columns = ["gender"]',
    ),
}
"""``[[steps]]``: one a file, in the order in which data flows."""

PAD: Keys = {
    "maxlen": Key("integer", "How many tokens a text becomes.", "maxlen = 100", lower=1),
    "padding": Key(
        "text", "Where zeros are put to a short text.", 'padding = "post"', ("pre", "post")
    ),
    "truncating": Key("text", "Where a long text is cut.", 'truncating = "pre"', ("pre", "post")),
    "value": Key("number", "What a short text is filled with.", "value = 0"),
}
"""``[pad]``: the arguments of Keras' pad_sequences."""

PREPROCESSING: Keys = {
    "preset": Key(
        "text",
        "A preset to begin with; the other keys change it.",
        'preset = "torch"',
        (*PRESETS, *TRAINED),
    ),
    "size": Key("size", "Height and width; without it the model's own.", "size = [128, 128]"),
    "crop": Key("text", "`center` cuts a square out of the middle first.", 'crop = "none"', CROPS),
    "resize": Key("text", "How it is made larger or smaller.", 'resize = "bilinear"', RESIZES),
    "color": Key(
        "text",
        "The order of the channels; without it by the model's channels.",
        'color = "rgb"',
        tuple(CHANNELS),
    ),
    "scale": Key(
        "number", "What pixels (0 to 255) are multiplied with.", "scale = 0.00392156862745098"
    ),
    "offset": Key("number", "What is added then.", "offset = -1.0"),
    "mean": Key(
        "number or numbers",
        "What is taken away then: one number, or one a channel.",
        "mean = [0.485, 0.456, 0.406]",
    ),
    "std": Key(
        "number or numbers",
        "What is divided by at last: one number, or one a channel.",
        "std = [0.229, 0.224, 0.225]",
    ),
}
"""``[preprocessing]``: how a picture becomes the input; preprocessing.json's ``image``."""

FEATURE: Keys = {
    "name": Key("text", "The column.", 'name = "age"', required=True),
    "kind": Key("text", "What a value is; else a number.", 'kind = "category"', FEATURE_KINDS),
    "min": Key("number", "The least that a form offers.", "min = 18"),
    "max": Key("number", "The most that a form offers.", "max = 100"),
    "step": Key("number", "The step of a form's field.", "step = 1"),
    "default": Key("value", "What a form begins with.", "default = 40"),
    "unit": Key("text", "Shown behind the number.", 'unit = "years"'),
    "categories": Key(
        "values", "The values of a category, in the model's order.", 'categories = ["no", "yes"]'
    ),
    "encode": Key(
        "text",
        "How a category becomes numbers, where no step does it.",
        'encode = "one-hot"',
        ENCODINGS,
    ),
    "missing": Key("text", "What an empty value becomes.", 'missing = "value"', MISSING),
    "unknown": Key(
        "text", "What a value becomes that is no category.", 'unknown = "ignore"', UNKNOWN
    ),
    "text": Key("table", "Of a text: how it is counted.", 'text = {vocabulary = ["bad", "good"]}'),
    "tokens": Key(
        "table",
        "Of a text: how it becomes a row of token ids.",
        'tokens = {vocabulary = ["bad", "good"], length = 20}',
    ),
    "label": Key("text", "What a form calls it; else its name.", 'label = "Age in years"'),
}
"""``[[features]]``: one a column of a table; features.json's."""

SERIES: Keys = {
    "channels": Key(
        "texts",
        "What is told at each step, in the model's order.",
        'channels = ["Close"]',
        required=True,
    ),
    "steps": Key("integer", "How many steps the model looks back.", "steps = 60", lower=1),
    "unit": Key("text", "The unit of the numbers.", 'unit = "USD"'),
    "target": Key("text", "The channel that is forecast.", 'target = "Close"'),
    "horizon": Key("integer", "How many steps ahead are forecast.", "horizon = 1", lower=1),
}
"""``[series]``: a window of a series, in the place of ``[[features]]``."""

TARGET: Keys = {
    "name": Key("text", "What the model predicts.", 'name = "price"'),
    "unit": Key("text", "In which unit.", 'unit = "USD"'),
    "min": Key("number", "The least that a chart shows.", "min = 0"),
    "max": Key("number", "The most that a chart shows.", "max = 1000000"),
}
"""``[target]``: what is predicted."""


@dataclass(frozen=True)
class Table:
    """A table of the file.

    Attributes:
        keys: What may stand in it.
        told: What it is.
        many: Whether there may be several, as ``[[name]]``.
    """

    keys: Keys
    told: str
    many: bool = False


TABLES: Mapping[str, Table] = {
    "steps": Table(
        STEP,
        "The files that make the model, in the order in which data flows: encoders and scalers, "
        "the model, then what gives its answer a name.",
        many=True,
    ),
    "pad": Table(PAD, "How a list of tokens gets its length: pad_sequences' arguments."),
    "preprocessing": Table(PREPROCESSING, "How a picture becomes the model's input."),
    "features": Table(
        FEATURE,
        "The columns that a person is asked for, in the model's order; what no fitted file says: "
        "ranges, defaults, units.",
        many=True,
    ),
    "series": Table(SERIES, "What the model takes a window of: the last prices, or values."),
    "target": Table(TARGET, "What is predicted."),
}
"""The tables but ``[convert]``, whose keys are the options of ``convert``."""


def schema(convert: Keys, title: str) -> dict[str, Any]:
    """The JSON Schema of a recipe.

    Args:
        convert: The keys of ``[convert]``.
        title: What it is called.
    """
    tables = {**TABLES, "convert": Table(convert, "Options of `convert`; its flags go over them.")}
    properties: dict[str, Any] = {name: _schema_of(key) for name, key in TOP.items()}
    properties["recipe"] |= {"const": VERSION}
    for name, table in tables.items():
        one = _object(table.keys)
        whole = {"type": "array", "items": one} if table.many else one
        properties[name] = {"description": table.told, **whole}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": "How edge-deploy makes one artifact of the files of a project.",
        "type": "object",
        "required": ["recipe", "steps"],
        "additionalProperties": False,
        "properties": properties,
    }


def _object(keys: Keys) -> dict[str, Any]:
    required = [name for name, key in keys.items() if key.required]
    return {
        "type": "object",
        **({"required": required} if required else {}),
        "additionalProperties": False,
        "properties": {name: _schema_of(key) for name, key in keys.items()},
    }


def _schema_of(key: Key) -> dict[str, Any]:
    rule: dict[str, Any] = {"description": key.told, **KINDS[key.kind].schema}
    if key.choices and key.kind == "text":
        rule["enum"] = list(key.choices)
    elif key.choices:  # one of them, or a list
        listed = {"type": "array", "items": {"enum": list(key.choices)}}
        rule["anyOf"] = [{"type": "string"}, listed]
    if key.lower is not None:
        rule["minimum"] = key.lower
    return rule
