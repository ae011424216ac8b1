"""Names, labels and units of a model stay words in every language: none of them becomes code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.codegen import PLATFORMS
from edge_deploy.codegen.base import Golden, Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Code, Language, templates
from edge_deploy.data.preprocessing.features import parse_features
from tests.codegen.test_platforms import GRAMMARS, errors, plan, tensor

# Each would call evil.now() if the code around it let it.
HOSTILE = {
    "a string's end": '"); evil.now(); ("',
    "a quote's end": "'); evil.now(); ('",
    "a comment's end": "*/ evil.now(); /*",
    "a line's end": "a\nevil.now();\r\nevil.now()",
    "a docstring's end": '"""\nevil.now()\n"""',
    "an escaped end": '\\"); evil.now(); //',
    "a template": "${evil.now()} $evil \\(evil.now()) {{ evil.now() }}",
}


def hostile(words: str) -> list[TemplateContext]:
    """Models whose makers put words wherever they can."""
    output = tensor(words, (1, 1), kind="value", unit=words)
    labels = tensor(words, (1, 2), kind="probabilities", classes=(words, "b"))
    features, _ = parse_features(
        [
            {"name": words, "unit": words},
            {"name": "c", "kind": "category", "categories": [words, "b"], "encode": "one-hot",
             "missing": "value", "default": words},
        ]
    )  # fmt: skip
    row = {words: 1.0, "c": words}
    table = tensor(words, (1, 3), kind="table")
    return [
        plan("tensors", (tensor(words, (1, 4)),), (output,)),
        plan("tensor", (tensor("x", (1, 4)),), (tensor(words, (1, 4)),)),
        plan("row", (table,), (labels,), features=features, example=row),
    ]


def golden(one: TemplateContext) -> Golden:
    """A sample of a model."""
    outputs = {output.name: [0.5] * output.count for output in one.outputs}
    if one.example:
        return Golden(one.example, outputs)
    return Golden({given.name: "golden-1-0.f32" for given in one.inputs}, outputs)


def code_words(file: str, code: str) -> Iterator[str]:
    """The words of a file that are neither strings nor comments."""
    if file.endswith(".py"):
        nodes = list(ast.walk(ast.parse(code)))
        yield from (node.id for node in nodes if isinstance(node, ast.Name))
        return
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser

    grammar = import_module(f"tree_sitter_{GRAMMARS[Path(file).suffix]}").language()
    queue: list[Any] = [Parser(Grammar(grammar)).parse(code.encode()).root_node]
    while queue:
        node = queue.pop()
        inside = "interpol" in node.type or "substitution" in node.type
        if ("comment" in node.type or "string" in node.type) and not inside:
            queue += [child for child in node.children if child.is_named]
        elif not node.children:
            yield node.text.decode()
        else:
            queue += node.children


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p != "js"])
def test_what_a_model_is_called_never_becomes_code(platform: str, words: str) -> None:
    made: Platform = PLATFORMS[platform]
    for one in hostile(words):
        files = {made.file(one): made.code(one), **made.test(one, [golden(one)])}
        for file, code in files.items():
            assert "evil" in code or file == "CMakeLists.txt"
            if Path(file).suffix in GRAMMARS:
                assert errors(file, code) == []
            if Path(file).suffix in (*GRAMMARS, ".py"):
                assert "evil" not in set(code_words(file, code)), code


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("x.kt", 'fun f() { g("a"); evil.now() }'),
        ("x.kt", 'fun f() { g("a ${evil.now()} b") }'),
        ("x.dart", "void f() { g('a $evil b'); }"),
        ("x.dart", "void f() { g('a ${evil.now()} b'); }"),
        ("x.swift", 'func f() { g("a \\(evil.now()) b") }'),
        ("x.hpp", "void f() { /* a */ evil.now(); /* b */ }"),
        ("x.py", 'g("a"); evil.now()'),
    ],
)
def test_code_between_words_is_found(file: str, code: str) -> None:
    assert "evil" in set(code_words(file, code))


def test_templates_write_literals_unless_told_otherwise() -> None:
    made = templates(Language())
    text = '{{ word }}, {{ word | comment }}, {{ code }}, {{ 0.5 }}, {{ "own" | safe }}'
    filled = made.from_string(text).render(word='a"*/\nb', code=Code("f(1)"))
    assert filled == '"a\\"*/\\nb", a"* / b, f(1), 0.5, own'
    with pytest.raises(TypeError, match="None has no literal"):
        made.from_string("{{ word }}").render(word=None)
