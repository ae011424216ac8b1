"""The code of every platform: parsed by its grammar, run where a compiler is, kept in snapshots.

A change that is meant renews tests/codegen/snapshots/: RENEW=1 python -m pytest tests/codegen
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import replace
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.codegen import PLATFORMS
from edge_deploy.codegen.base import Golden
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Series
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.data.preprocessing.features import parse_features
from edge_deploy.data.preprocessing.image import PRESETS, RESIZES, preprocess_image, with_size

HERE = Path(__file__).parent
# The tables of letters with cases are those of the Python that writes the code: 3.13 knows more.
SNAPSHOTS_UNICODE = "14.0.0"
UNICODE_TABLE = re.compile(r'(?<=numbers\(")[0-9a-z ]+')
GRAMMARS = {".kt": "kotlin", ".swift": "swift", ".dart": "dart", ".hpp": "cpp", ".cpp": "cpp"}
FEATURES, _ = parse_features(
    [
        {"name": "age", "min": 18, "max": 64, "unit": "years"},
        {"name": "weight", "missing": "value", "default": 70.5},
        {"name": "height", "missing": "nan"},
        {"name": "sex", "kind": "category", "categories": ["f", "m"], "encode": "one-hot"},
        {"name": "job", "kind": "category", "categories": ["a", "b"], "encode": "one-hot",
         "unknown": "ignore"},
        {"name": "size", "kind": "category", "categories": ["S", "M"], "encode": "ordinal",
         "missing": "nan", "unknown": "infrequent"},
        {"name": "town", "kind": "category", "categories": ["x $1", 'y "2"'],
         "encode": "one-hot", "missing": "value", "default": "x $1"},
    ]
)  # fmt: skip
SENTENCE, _ = parse_features(
    [
        {"name": "review", "kind": "text", "missing": "value", "default": "",
         "tokens": {"vocabulary": ["<OOV>", "good", 'x"$1', "", "i̇yi", "σας"], "length": 6,
                    "unknown": 1}}
    ]
)  # fmt: skip
WIDTH = sum(feature.width for feature in FEATURES)
ROWS: list[dict[str, Any]] = [
    {"age": 40.0, "weight": 81.25, "height": 1.8, "sex": "m", "job": "b", "size": "M",
     "town": 'y "2"'},
    {"age": 18.0, "sex": "f", "job": "?", "size": "?"},
    {"age": 64.0, "sex": "f", "job": "a"},
    {"age": 64.0, "sex": " F", "job": " a", "size": "s", "town": 'Y "2"\n'},
]  # fmt: skip


def tensor(name: str, shape: tuple[int, ...], **more: Any) -> Tensor:
    values = {"index": 0, "dtype": "float32", "scale": None, "zero": 0, "kind": "tensor", **more}
    return Tensor(name=name, shape=shape, **values)


def plan(
    name: str, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], **more: Any
) -> TemplateContext:
    values = {"image": None, "features": None, "example": None, "precision": "float32", **more}
    path = Path(f"{name}_{values['precision']}.tflite")
    return TemplateContext(
        name, "1", path, min_runtime="2.17.0", inputs=inputs, outputs=outputs, **values
    )


LABELS = tensor("probabilities", (1, 2), kind="probabilities", classes=("cat", 'dog "$x"'))
SHARE = tensor("dog", (1, 1), kind="probability", classes=("cat", "dog"))
PRICE = tensor("price", (1, 1), kind="value", unit="USD")
CLASS = tensor("class", (1,), dtype="int32", kind="class", classes=("no", "yes"))
INT8 = {"dtype": "int8", "scale": 0.00390625, "zero": -128}


def picture(
    name: str, shape: tuple[int, ...], image: Any, *outputs: Tensor, **more: Any
) -> TemplateContext:
    taken = tensor("picture", (1, *shape), kind="image", **more)
    return plan(name, (taken,), outputs, image=with_size({"image": image}, shape)["image"])


PLANS = {
    "picture": picture(
        "Teachable-machine", (6, 9, 3), PRESETS["teachable-machine"]["image"], LABELS
    ),
    "table": plan(
        "table", (tensor("features", (1, WIDTH), kind="table"),), (PRICE,),
        features=FEATURES, example=ROWS[0],
    ),
    "classifier": plan(
        "classifier", (tensor("features", (1, WIDTH), kind="table"),),
        (CLASS, replace(LABELS, index=1)), features=FEATURES, example=ROWS[0],
    ),
    "sentence": plan(
        "sentence", (tensor("ids", (1, 6), dtype="int32"),), (SHARE,),
        features=SENTENCE, example={"review": 'a "good" film'},
    ),
    "two inputs": plan(
        "two inputs", (tensor("width:0", (1, 5)), tensor("2nd", (1, 3), index=1, dtype="int32")),
        (tensor("mask", (1, 2, 2)),),
    ),
    "series": plan(
        "series", (tensor("prices", (1, 60, 1), kind="sequence"),), (PRICE,),
        series=Series(("Close",), 60, "USD", "Close"),
    ),
    "uint8": picture(
        "uint8", (4, 4, 1), PRESETS["unit"]["image"],
        replace(SHARE, dtype="uint8", scale=0.00390625),
        dtype="uint8", scale=0.003921569, zero=0,
    ),
    "int8": picture("int8", (4, 4, 3), PRESETS["torch"]["image"], replace(LABELS, **INT8), **INT8),
}  # fmt: skip
SPECS = [
    {"resize": resize, "crop": crop, **color}
    for n, (resize, crop) in enumerate(product(RESIZES, ("none", "center")))
    for color in [
        ({"color": "rgb", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.2, 0.3, 0.4]},
         {"color": "gray", "scale": 1 / 127.5, "offset": -1.0},
         {"color": "bgr", "mean": [103.939, 116.779, 123.68]})[n % 3]
    ]
]  # fmt: skip
SIZES = ((7, 5), (13, 16))
PIXELS = [
    np.random.default_rng(n).integers(0, 256, (*size, 3), dtype=np.uint8)
    for n, size in enumerate([(31, 22), (9, 40), (5, 7), (33, 4), (14, 10)])
]


def pictures() -> list[tuple[TemplateContext, Any]]:
    """A plan for every resize, crop and colour, and what Python makes of PIXELS with it."""
    made = []
    for n, (spec, size) in enumerate(product(SPECS, SIZES)):
        shape = (*size, 1 if spec["color"] == "gray" else 3)
        one = picture(f"p{n}", shape, spec, LABELS)
        wanted = [preprocess_image({"image": one.image}, pixels, shape) for pixels in PIXELS]
        made.append((one, np.stack(wanted).reshape(len(PIXELS), -1)))
    return made


def golden(name: str) -> list[Golden]:
    one = PLANS[name]
    outputs = {o.name: [0.5] * o.count for o in one.outputs}
    if one.image:
        return [Golden("golden-1.png", outputs)]
    if one.features:
        return [Golden(one.example or {}, outputs)]
    return [Golden({t.name: f"golden-1-{t.index}.f32" for t in one.inputs}, outputs)]


def errors(file: str, code: str) -> list[str]:
    """What the language's grammar cannot read."""
    from tree_sitter import Language, Parser

    language = import_module(f"tree_sitter_{GRAMMARS[Path(file).suffix]}").language()
    source = code.encode()
    found, queue = [], [Parser(Language(language)).parse(source).root_node]
    while queue:
        node = queue.pop()
        if node.is_error or node.is_missing:
            line = source.splitlines()[node.start_point[0]].decode()
            found.append(f"{file}:{node.start_point[0] + 1}: {line}")
        queue += node.children
    return found


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p not in ("python", "js")])
def test_code_is_parsed_without_error(platform: str, name: str) -> None:
    made = PLATFORMS[platform]
    files = {made.file(PLANS[name]): made.code(PLANS[name])}
    files |= made.test(PLANS[name], golden(name))
    parsed = {f: errors(f, code) for f, code in files.items() if Path(f).suffix in GRAMMARS}
    assert len(parsed) >= 2 and not any(parsed.values()), parsed


@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p not in ("python", "js")])
def test_every_resize_is_parsed_without_error(platform: str) -> None:
    made = PLATFORMS[platform]
    for one, _ in pictures()[:: len(SIZES)]:
        assert not errors(made.file(one), made.code(one))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("series", "shape", "takes", "gives"),
    [
        (Series(("Close",), 60, "USD", "Close"), (1, 1),
         "the last 60 values of Close in USD (the oldest first) in", "next Close in USD"),
        (Series(("ax", "ay"), 9, None, "ay", 3), (1, 3),
         "the last 9 rows of ax, ay (the oldest first) in", "next 3 values of ay in USD"),
        (Series(("ax", "ay"), 9), (1, 1), "the last 9 rows of ax, ay", "value in USD"),
    ],
)  # fmt: skip
def test_code_says_what_a_series_is(platform: str, series: Series, shape, takes, gives) -> None:
    one = replace(PLANS["series"], series=series, outputs=(replace(PRICE, shape=shape),))
    code = PLATFORMS[platform].code(one)
    assert takes in code and code.count(gives) == 2, code[:1500]


def test_grammar_finds_what_is_wrong() -> None:
    assert errors("x.kt", "fun f(: Int = }") and errors("x.dart", "int f( => ;")
    assert errors("x.swift", "func f( -> {") and errors("x.hpp", "int f( { }")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", ["picture", "classifier", "sentence"])
def test_code_is_the_snapshot(platform: str, name: str) -> None:
    made = PLATFORMS[platform]
    code = made.code(PLANS[name])
    kept = HERE / "snapshots" / name / made.file(PLANS[name])
    if os.environ.get("RENEW"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(code, encoding="utf-8")
    expected = kept.read_text(encoding="utf-8")
    if unicodedata.unidata_version != SNAPSHOTS_UNICODE:
        code, expected = (UNICODE_TABLE.sub("", text) for text in (code, expected))
    assert code == expected


def load(one: TemplateContext) -> dict[str, Any]:
    """The Python snippet as a module."""
    module: dict[str, Any] = {"__name__": "snippet", "__file__": "snippet.py"}
    exec(PLATFORMS["python"].code(one), module)
    return module


def test_python_preprocesses_bit_for_bit() -> None:
    for one, expected in pictures():
        preprocess = load(one)["preprocess"]
        mine = np.stack([preprocess(pixels).ravel() for pixels in PIXELS])
        np.testing.assert_array_equal(mine, expected, err_msg=str(one.image))


def test_python_encodes_rows_as_they_were() -> None:
    encode = load(PLANS["table"])["encode"]
    mine = np.concatenate([encode(row) for row in ROWS])
    np.testing.assert_array_equal(mine, encode_rows(FEATURES, ROWS))
    for row, words in (({}, "age is missing"), ({**ROWS[0], "sex": "?"}, "sex is '\\?'")):
        with pytest.raises(ValueError, match=words):
            encode(row)


def test_text_columns_are_refused_in_words() -> None:
    features, _ = parse_features([{"name": "note", "kind": "text", "text": {"vocabulary": ["a"]}}])
    one = plan("t", (tensor("x", (1, 1)),), (PRICE,), features=features, example={"note": "a"})
    for name in PLATFORMS.keys() - {"js", "python"}:
        with pytest.raises(UsageError, match=r"column 'note' is a text, .* platform='python'"):
            PLATFORMS[name].code(one)


def test_javascript_takes_no_free_batch_and_says_so() -> None:
    with pytest.raises(UsageError, match=r"LiteRT\.js opens no such file.*free_batch"):
        PLATFORMS["js"].code(replace(PLANS["table"], free_batch=True))


def test_javascript_takes_no_int8_and_says_so() -> None:
    with pytest.raises(UsageError, match=r"int8; LiteRT\.js takes float32, int32, uint8"):
        PLATFORMS["js"].code(PLANS["int8"])


CPP = """#include <cstdio>
#include <fstream>
#include <iterator>
@includes@
std::vector<uint8_t> bytes(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void put(const std::vector<float>& values) {
    std::fwrite(values.data(), sizeof(float), values.size(), stdout);
}
int main() {
@calls@
}
"""


@pytest.mark.slow
def test_cpp_is_compiled_and_prepares_bit_for_bit() -> None:
    """Every resize and crop, and the rows of a table; -Werror holds for all of the code."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    assert compiler, "install a C++ compiler: apt-get install g++"
    made = PLATFORMS["cpp"]
    plans = [*(one for one, _ in pictures()), *PLANS.values()]
    for one in plans:
        Path(made.file(one)).write_text(made.code(one))
    calls = []
    for n, pixels in enumerate(PIXELS):
        Path(f"{n}.rgb").write_bytes(pixels.tobytes())
    for one, _ in pictures():
        calls += [
            f'put({one.snake}::preprocess({{{p.shape[0]}, {p.shape[1]}, bytes("{n}.rgb")}}));'
            for n, p in enumerate(PIXELS)
        ]
    for row in ROWS:
        pairs = [f"{{{quote(k)}, {quote(v) if isinstance(v, str) else v}}}" for k, v in row.items()]
        calls.append(f"put(table::encode({{{', '.join(pairs)}}}));")
    program = CPP.replace("@calls@", "\n".join(calls))
    includes = "\n".join(f'#include "{made.file(one)}"' for one in plans)
    Path("all.cpp").write_text(program.replace("@includes@", includes))
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-O1"]
    command = [compiler, *flags, f"-I{HERE / 'cpp'}", "all.cpp", "-o", "all"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    answer = subprocess.run(["./all"], capture_output=True, check=True).stdout
    mine = np.frombuffer(answer, np.float32)
    wanted = [expected.ravel() for _, expected in pictures()]
    wanted.append(encode_rows(FEATURES, ROWS).ravel())
    np.testing.assert_array_equal(mine, np.concatenate(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["picture", "table", "sentence", "two inputs"])
def test_cpp_golden_test_is_compiled(name: str) -> None:
    made = PLATFORMS["cpp"]
    for file, code in made.test(PLANS[name], golden(name)).items():
        Path(file).write_text(code)
    Path(made.file(PLANS[name])).write_text(made.code(PLANS[name]))
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{HERE / 'cpp'}", "-fsyntax-only"]
    done = subprocess.run(["c++", *flags, "golden_test.cpp"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def quote(value: str) -> str:
    escaped = value.replace('"', '\\"').replace("\n", "\\n")
    return f'std::string("{escaped}")'


def test_importing_the_platforms_is_light() -> None:
    script = (
        "import sys\nimport edge_deploy.api.snippets\n"
        "print(*({'tensorflow', 'onnxruntime', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done


@pytest.mark.parametrize(
    ("platform", "oldest", "line"),
    [
        ("flutter", "2.11.0", "tflite_flutter: ^0.11.0"),
        ("flutter", "2.12.0", "flutter_litert: ^2.5.2"),
        ("ios", "2.17.0", "'~> 2.17.0'"),
        ("ios", "2.18.0", "'~> 0.0.1-nightly'"),
        ("android", None, "litert:1.4.1"),
        ("python", None, "ai-edge-litert>=2.1"),
    ],
)
def test_install_line_has_a_runtime_that_is_new_enough(
    platform: str, oldest: str | None, line: str
) -> None:
    assert line in PLATFORMS[platform].install(replace(PLANS["picture"], min_runtime=oldest))
