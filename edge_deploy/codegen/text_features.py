"""Columns of texts in Python and JavaScript: the functions that read them, and what they know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from edge_deploy.codegen.context import TemplateContext, identifiers
from edge_deploy.codegen.language import json_value, text
from edge_deploy.codegen.source_extract import closure, source_of
from edge_deploy.core.spec import Feature, Text, Tokens
from edge_deploy.data.preprocessing import text as counting
from edge_deploy.data.preprocessing import tokens as cutting
from edge_deploy.web.assets import shell_folder

_FUNCTIONS: tuple[Callable[..., object], ...] = (
    counting.counter, counting._analyzer, counting._plain, counting._grams,
    counting._within_words, counting._bucket, counting.murmurhash3, counting._mixed,
)  # fmt: skip
_CUTTING: tuple[Callable[..., object], ...] = (
    cutting.tokenizer, cutting._pieces, cutting._lowered, cutting._joined, cutting._padded,
    cutting._counted,
)  # fmt: skip
_LONG = ("stop_words", "vocabulary")


def counters(plan: TemplateContext) -> dict[str, str]:
    """A name in code for what reads each column that is a text, by the column's name."""
    texts = _texts(plan)
    return {
        f.name: f"{'count' if f.text else 'tokens'}_{name}"
        for f, name in zip(texts, identifiers(texts), strict=True)
    }


def in_python(plan: TemplateContext) -> list[str]:
    """The functions of text.py and tokens.py as they stand there, and what reads each text."""
    names, blocks = counters(plan), []
    if any(feature.text for feature in _texts(plan)):
        blocks += [f'_RUNS_OF_SPACE = re.compile(r"{counting._RUNS_OF_SPACE.pattern}")']
        blocks += map(source_of, _FUNCTIONS)
    if any(feature.tokens for feature in _texts(plan)):
        blocks += [
            '_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}\n'
            f"_BLANKS = re.compile({text(cutting._BLANKS.pattern)})"
        ]
        blocks += map(source_of, _CUTTING)
    return [*blocks, *(_python(f, names[f.name]) for f in _texts(plan))]


def in_javascript(plan: TemplateContext) -> list[str]:
    """The page's functions that read texts, and one for each text."""
    names, blocks = counters(plan), []
    for file, start, wanted in (
        ("text.js", "counter(", any(feature.text for feature in _texts(plan))),
        ("tokens.js", "tokenizer(", any(feature.tokens for feature in _texts(plan))),
    ):
        source = (shell_folder() / "src" / file).read_text(encoding="utf-8")
        blocks += closure([source], start) if wanted else []
    return [*blocks, *(_js(f, names[f.name]) for f in _texts(plan))]


def _indent(code: str, depth: int) -> str:
    pad = " " * depth
    return "\n".join(pad + line if line else line for line in code.split("\n"))


def _listed(values: Sequence[str], width: int = 96) -> str:
    """String literals with commas between, in lines of about a width."""
    lines = [""]
    for value in values:
        literal = f"{text(value)}, "
        if len(lines[-1]) + len(literal) > width and lines[-1]:
            lines.append("")
        lines[-1] += literal
    return "\n".join(line.rstrip() for line in lines)


def _texts(plan: TemplateContext) -> list[Feature]:
    return [feature for feature in plan.features or () if feature.kind == "text"]


def _python(feature: Feature, name: str) -> str:
    read, made = _read(feature)
    return "\n".join([f"{name} = {made}(", _indent(_namespace(read), 4), ")"])


def _namespace(read: Text | Tokens) -> str:
    lines = []
    for key, value in _values(read).items():
        if key in _LONG and value:
            lines += [f"    {key}=(", _indent(_listed(value), 8), "    ),"]
        elif key != "portable_pattern":
            lines.append(f"    {key}={value!r},")
    if isinstance(read, Text):
        also = [_indent(f"{_namespace(one)},", 8) for one in read.also]
        lines += ["    also=[", *also, "    ],"] if also else ["    also=[],"]
    return "\n".join(["SimpleNamespace(", *lines, ")"])


def _js(feature: Feature, name: str) -> str:
    read, made = _read(feature)
    return f"const {name} = {made}({_object(read)});"


def _object(read: Text | Tokens) -> str:
    lines = []
    for key, value in _values(read).items():
        if key in _LONG and value:
            lines += [f"  {key}: [", _indent(_listed(value), 4), "  ],"]
        elif key != "token_pattern":
            lines.append(f"  {key}: {json_value(value)},")
    if isinstance(read, Text) and read.also:
        lines += ["  also: [", *(_indent(f"{_object(one)},", 4) for one in read.also), "  ],"]
    return "\n".join(["{", *lines, "}"])


def _values(read: Text | Tokens) -> dict[str, Any]:
    """A spec's own values, without the other ways of counting in it."""
    if isinstance(read, Tokens):
        return asdict(read)
    values = asdict(replace(read, also=()))
    del values["also"]
    return values


def _read(feature: Feature) -> tuple[Text | Tokens, str]:
    """How a text is read, and the function that makes a reader of it."""
    read = feature.text or feature.tokens
    assert read is not None
    return read, "counter" if isinstance(read, Text) else "tokenizer"
