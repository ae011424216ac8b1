"""Columns of texts in a snippet: the functions that count them, and what they count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from edge_deploy.codegen.base import identifiers
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import json_value, text
from edge_deploy.codegen.source_extract import closure, source_of
from edge_deploy.core.spec import Feature, Text
from edge_deploy.data.preprocessing import text as counting
from edge_deploy.web.assets import shell_folder

_FUNCTIONS: tuple[Callable[..., object], ...] = (
    counting.counter, counting._analyzer, counting._plain, counting._grams,
    counting._within_words, counting._bucket, counting.murmurhash3, counting._mixed,
)  # fmt: skip


def counters(plan: TemplateContext) -> dict[str, str]:
    """A name in code for the counter of each column that is a text, by the column's name."""
    texts = _texts(plan)
    return {f.name: f"count_{name}" for f, name in zip(texts, identifiers(texts), strict=True)}


def in_python(plan: TemplateContext) -> list[str]:
    """The functions of data.preprocessing.text as they stand there, and a counter for each text."""
    if not (names := counters(plan)):
        return []
    runs = f'_RUNS_OF_SPACE = re.compile(r"{counting._RUNS_OF_SPACE.pattern}")'
    return [runs, *map(source_of, _FUNCTIONS), *(_python(f, names[f.name]) for f in _texts(plan))]


def in_javascript(plan: TemplateContext) -> list[str]:
    """The page's functions that count, and a counter for each text."""
    if not (names := counters(plan)):
        return []
    source = (shell_folder() / "src/text.js").read_text(encoding="utf-8")
    return [*closure([source], "counter("), *(_js(f, names[f.name]) for f in _texts(plan))]


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
    return [feature for feature in plan.features or () if feature.text is not None]


def _python(feature: Feature, name: str) -> str:
    return "\n".join([f"{name} = counter(", _indent(_namespace(_text(feature)), 4), ")"])


def _namespace(text: Text) -> str:
    lines = []
    for key, value in asdict(replace(text, also=())).items():
        if key in ("stop_words", "vocabulary") and value:
            lines += [f"    {key}=(", _indent(_listed(value), 8), "    ),"]
        elif key not in ("portable_pattern", "also"):
            lines.append(f"    {key}={value!r},")
    also = [_indent(f"{_namespace(one)},", 8) for one in text.also]
    lines += ["    also=[", *also, "    ],"] if also else ["    also=[],"]
    return "\n".join(["SimpleNamespace(", *lines, ")"])


def _js(feature: Feature, name: str) -> str:
    return f"const {name} = counter({_object(_text(feature))});"


def _object(text: Text) -> str:
    lines = []
    for key, value in asdict(replace(text, also=())).items():
        if key in ("stop_words", "vocabulary") and value:
            lines += [f"  {key}: [", _indent(_listed(value), 4), "  ],"]
        elif key not in ("token_pattern", "also"):
            lines.append(f"  {key}: {json_value(value)},")
    if text.also:
        lines += ["  also: [", *(_indent(f"{_object(one)},", 4) for one in text.also), "  ],"]
    return "\n".join(["{", *lines, "}"])


def _text(feature: Feature) -> Text:
    assert feature.text is not None
    return feature.text
