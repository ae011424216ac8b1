"""40 evil texts wherever a model's maker names things: the same syntax tree as of a plain name."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_deploy.codegen import PLATFORMS
from edge_deploy.codegen.language import KEYWORDS
from edge_deploy.core.escapes import UNSEEN, c_comment, html_text, json_text, markdown
from edge_deploy.core.templates import environment
from edge_deploy.data.preprocessing.features import parse_features
from edge_deploy.verification.html_page import _environment
from tests.codegen.test_language import golden
from tests.codegen.test_platforms import GRAMMARS, plan, tensor

ESBUILD = Path(__file__).parents[2] / "web_demo/node_modules/.bin/esbuild"
EVIL = {
    "quote": '"', "quotes": '""', "triple": '"""', "apostrophes": "'''", "backtick": "`",
    "backslash": "\\", "backslashes": "\\\\", "backslash and quote": '\\"',
    "a string's end": '"); evil(); ("', "apostrophe's end": "'); evil(); ('",
    "comment's end": "*/ evil(); /*", "comment's begin": "/* /* /*", "both": "*/*/*",
    "slashes": "//",
    "line's end": "a\nevil()", "return": "a\revil()", "both ends": "a\r\nevil()\r\n",
    "U+2028": "a\u2028evil()", "U+2029": "a\u2029evil()", "U+0085": "a\x85evil()",
    "form feed": "a\fevil()\v", "NUL": "a\0b", "bell": "\a\b\x1b[31m", "DEL": "\x7f\x80\x9f",
    "right to left": "a\u202eb\u2066c\u200f", "BOM": "\ufeffa\ufeff", "no width": "a\u200bb",
    "half a character": "\ud83d", "the other half": "a\udc00b", "astral": "😀👩‍🔬𝔸",
    "dollar": "$evil", "dollar and brace": "${evil()}", "Swift": "\\(evil())",
    "Jinja": "{{ 1 }}{% x %}",
    "trigraph": "a ??/", "trigraphs": "???/ ??' ??)", "percent": "%s %d %n %%", "hash": "# evil\\",
    "docstring": '"""\nimport evil\n"""', "tag": "</script><script>evil()</script><!--",
    "yaml": "a: b\n- c: &d !!python/object:evil {e: *f}",
    "unicode escape": "\\u000aevil() \\N{NULL} \\x41",
    "spaces": "  a\xa0b\t", "long": "ab\"\\" * 2_500,
}  # fmt: skip


def models(words: str) -> Iterator[Any]:
    """Models that are called so wherever they can be."""
    features, _ = parse_features(
        [
            {"name": words, "unit": words, "min": 0, "max": 1},
            {"name": "c", "kind": "category", "categories": [words, "other"], "encode": "one-hot",
             "missing": "value", "default": words},
            {"name": "d", "kind": "category", "categories": ["other", words], "encode": "ordinal"},
        ]
    )  # fmt: skip
    row = {words: 1.0, "c": words, "d": words}
    value = tensor(words, (1, 1), kind="value", unit=words)
    labels = tensor(words, (1, 2), kind="probabilities", classes=(words, "other"))
    table = tensor(words, (1, 4), kind="table")
    for one in (
        plan(words, (table,), (value,), features=features, example=row),
        plan(words, (table,), (labels,), features=features, example=row),
        plan(words, (tensor(words, (1, 4)),), (value, tensor(words + "b", (1, 2)))),
    ):
        yield replace(one, version=words, precision=words, min_runtime=words)


def tree(file: str, code: str) -> Any:
    """The kinds of a file's nodes, without the content of literals."""
    if file.endswith(".py"):
        return [type(node).__name__ for node in ast.walk(ast.parse(code))]
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser

    data = code.encode()
    grammar = import_module(f"tree_sitter_{GRAMMARS[Path(file).suffix]}").language()
    kinds: list[str] = []
    queue = [Parser(Grammar(grammar)).parse(data).root_node]
    while queue:
        node = queue.pop()
        kinds.append(node.type)
        inner = node.children
        if "string" in node.type or "comment" in node.type:  # of words only expressions count
            inner = [c for c in inner if "interpol" in c.type or "substitution" in c.type]
        queue += inner
    return kinds


def written(words: str, platform: str) -> Iterator[tuple[str, str]]:
    made = PLATFORMS[platform]
    for one in models(words):
        yield "a" + Path(made.file(one)).suffix, made.code(one)
        for file, code in made.test(one, [golden(one)]).items():
            if file != "CMakeLists.txt":  # holds no name but that of the project
                yield "a" + Path(file).suffix, code


@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p != "js"])
def test_code_has_the_tree_of_a_plain_name(platform: str) -> None:
    plain = [tree(file, code) for file, code in written("plain name", platform)]
    assert not any({"ERROR", "MISSING"} & set(kinds) for kinds in plain)
    for name, words in EVIL.items():
        found = list(written(words, platform))
        for (file, code), wanted in zip(found, plain, strict=True):
            assert not UNSEEN.search(code.replace("\n", "")), name
            assert tree(file, code) == wanted, (name, file, code[:3000])


def _minified(folder: Path, codes: list[str]) -> list[str]:
    """What esbuild reads: comments are gone, and each string is a name's place."""
    for number, code in enumerate(codes):
        (folder / f"{number:03d}.mjs").write_text(code, encoding="utf-8")
    names = [str(path) for path in sorted(folder.glob("*.mjs"))]
    subprocess.run(
        [ESBUILD, *names, "--minify-whitespace", "--charset=ascii", f"--outdir={folder}/out",
         "--log-level=warning", "--legal-comments=none"],
        check=True, timeout=300,
    )  # fmt: skip
    return [path.read_text() for path in sorted((folder / "out").iterdir())]


def _without_strings(code: str) -> str:
    """Code with each literal cut out, and one word for all names."""
    code = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`(?:[^`\\$]|\\.|\$(?!{))*`', "''", code)
    return re.sub(r"[A-Za-z_$][\w$]*", lambda one: one[0] if one[0] in KEYWORDS else "w", code)


@pytest.mark.skipif(not ESBUILD.exists(), reason="the page's packages are not installed")
def test_javascript_has_the_tree_of_a_plain_name(tmp_path: Path) -> None:
    names = ["plain name", *EVIL.values()]
    codes = [[code for _, code in written(words, "js")] for words in names]
    for own, words in zip(codes, names, strict=True):
        own.append(_module(words))
    read = _minified(tmp_path, [code for own in codes for code in own])
    count = len(codes[0])
    plain = list(map(_without_strings, read[:count]))
    for number, name in enumerate(EVIL, start=1):
        found = list(map(_without_strings, read[number * count : (number + 1) * count]))
        assert found == plain, name


def _module(words: str) -> str:
    """embed.mjs of a model, as ``demo --embed`` fills it."""
    from markupsafe import Markup

    made = environment("edge_deploy.web", escape=json_text).get_template("embed.mjs.j2")
    name = json_text(words).replace("*/", "*\\/")
    model = {"key": words, "name": Markup(c_comment(words))}
    return str(made.render(models=[{**model, "takes": Markup("{" + name + ": string}")}]))


@pytest.mark.parametrize("words", EVIL.values(), ids=EVIL)
def test_card_of_a_space_is_the_same_document(words: str) -> None:
    from markupsafe import Markup

    made = environment("edge_deploy.web", escape=json_text)
    made.filters["markdown"] = lambda one: Markup(markdown(one))
    text = made.get_template("space.md.j2").render(title=words, names=words)
    head, body = text.split("\n---\n", 1)
    document = yaml.safe_load(head.removeprefix("---\n"))
    whole = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert document["title"].replace("\ufffd", "") == whole.replace("\ufffd", "")
    assert list(document) == ["title", "emoji", "colorFrom", "colorTo", "sdk", "app_file", "pinned"]
    assert len(body.encode().splitlines()) == 3  # one line, Built with, and the empty one between
    assert "<script" not in body.replace("\\<", "")


@pytest.mark.parametrize("words", EVIL.values(), ids=EVIL)
def test_html_holds_words_and_no_tags(words: str) -> None:
    from html.parser import HTMLParser

    from markupsafe import Markup

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Any] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.found.append((tag, [key for key, _ in attrs]))

    def tags(one: str) -> list[Any]:
        parser = Tags()
        report = _environment("edge_deploy.verification")
        filled = report.from_string(
            '{% import "table.html.j2" as t %}{{ t.table([name], [(name, [name])], 1) }}'
        )
        parser.feed(filled.render(name=one))
        page = environment("edge_deploy.web", escape=html_text).get_template("embed.html.j2")
        script = Markup(json_text(one).replace("<", "\\u003c"))
        model = {"key": one, "script": script, "input": script, "picture": True}
        parser.feed(page.render(title=one, module="a.mjs", element="b.mjs", models=[model]))
        return parser.found

    assert tags(words) == tags("plain name") != []


@pytest.mark.parametrize("words", EVIL.values(), ids=EVIL)
def test_json_text_is_read_back(words: str) -> None:
    text = json_text({words: [words, 1.5]})
    assert not UNSEEN.search(text)
    whole = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in words)
    assert json.loads(text) == {whole: [whole, 1.5]}


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_cpp_compiler_reads_the_same_text(tmp_path: Path) -> None:
    from edge_deploy.codegen.language import cpp_text

    lines = []
    wanted = {}
    for name, words in EVIL.items():
        whole = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in words)[:2000]
        wanted[name] = whole
        size = len(whole.encode())
        lines.append(f"// {c_comment(words)}\n    put({cpp_text(whole)}, {size});")
    code = "#include <cstdio>\nstatic void put(const char* s, int n) {\n"
    code += '    for (int i = 0; i < n; ++i) std::printf("%02x", (unsigned char)s[i]);\n'
    code += '    std::printf(",");\n}\nint main() {\n    ' + "\n    ".join(lines) + "\n}\n"
    (tmp_path / "a.cpp").write_text(code, encoding="utf-8")
    command = ["g++", "-std=c++17", "-Wall", "-Werror", "-o", tmp_path / "a", tmp_path / "a.cpp"]
    subprocess.run(command, check=True, timeout=300)
    out = subprocess.run([tmp_path / "a"], check=True, capture_output=True, timeout=60).stdout
    found = [bytes.fromhex(part) for part in out.decode().split(",")[:-1]]
    assert found == [one.encode() for one in wanted.values()]
