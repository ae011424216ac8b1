"""Texts as counts: scikit-learn's own, ours in Python, and the page's, with no difference."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import make_union
from sklearn.utils import murmurhash3_32

from edge_deploy.codegen import PLATFORMS
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Feature
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.data.preprocessing.features import features_to_json, parse_features
from edge_deploy.data.preprocessing.text import murmurhash3
from edge_deploy.frontends.sklearn.dataframe.vectorizers import text_of
from edge_deploy.web.browser import open_browser

WRITTEN = """
Barangnya bagus sekali, pengiriman cepat!! Terima kasih kak 🙏🙏
kecewa, warnanya beda dgn foto :( ga akan beli lagi di sini...
Anak-anak bermain layang-layang di lapangan; ibu-ibu memasak rendang.
Harga Rp1.250.000,- (diskon 25%) — s.d. 31/12/2024 pkl 23.59 WIB
Selamat siang, Pak! Apakah stoknya masih ada? Saya mau pesan 3 (tiga) buah.
Free entry in 2 a wkly comp to win FA Cup final tkts 21st May 2005.
I can't believe it's not butter; don't you think so? Rock'n'roll!
The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX.
snake_case and __dunder__ and camelCase and kebab-case and x_1
Ça va? Où est la bibliothèque? Élève, naïve, coöperate, Ærøskøbing, smørrebrød
Straße, GROẞ, Fußball, ÄÖÜ äöü; İstanbul'da ISPARTA ve ığdır, ŞİŞLİ
ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ Σίσυφος ΣΑΣ. Α.Σ. άέήίόύώ
Съешь ещё этих мягких французских булок, да выпей чаю. ЁЛКА ѐ
東京都に住んでいます。今日は良い天気ですね。ﾊﾝｶｸ カタカナ ｱｲｳ が ガ
我喜欢机器学习。２０２４年１２月 一二三 百 〇 ① ② Ⅳ ⅷ ½ ¼ x² H₂O
한국어 텍스트 분석 예제입니다. 각 각
مرحبا بالعالم ١٢٣ ۴۵۶ كِتَابٌ שָׁלוֹם עולם
नमस्ते दुनिया १२३ हिन्दी में क्षत्रिय ভাষা বাংলা தமிழ் ภาษาไทยเขียนติดกัน
👨‍👩‍👧‍👦 family 👍🏽 thumbs 🇮🇩 flag 🙂🙂 e😀f 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 𠮷野家 𐐀𐐨
e\u0301 é a\u0328\u0301 q\u0323\u0307 ﬁnance ﬂow ﬃ Ĳ ĳ ŉ ǅ ⓐⓑ ㎏ ℃ № ™ ﷺ
tab\there\u00a0nbsp\u2003em\u3000ideographic \u200bzero\u200cwidth\u200djoin\ufeff bom
a\x1cb\x1dc\x1ed\x1fe\x85f\u2028g\u2029h \x00 nul \x7f del
user@example.com http://example.com/a?b=c&d=%20 #hashtag @mention C++ C# .NET
1e-5 -3.14 +62-812-3456-7890 0x1F 1_000 007
""".strip().split("\n")


LONG = " ".join(f"Kata-{n} {line}" for n, line in enumerate(WRITTEN * 40))


def documents() -> list[str]:
    """What people write, and what nobody does: 400 strings of all kinds of characters."""
    rng = np.random.default_rng(0)
    blocks = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x5D0, 0x6FF),
              (0x900, 0x980), (0xE00, 0xE60), (0x1E00, 0x2000), (0x2000, 0x2190), (0x3040, 0x30FF),
              (0x4E00, 0x4E80), (0xAC00, 0xAC80), (0xFF00, 0xFFEF), (0x1F600, 0x1F650),
              (0x10400, 0x10450), (0x1D400, 0x1D4FF)]  # fmt: skip
    made = []
    for _ in range(350):
        low, high = blocks[rng.integers(len(blocks))]
        codes = [int(rng.integers(low, high)) for _ in range(rng.integers(1, 24))]
        places = rng.integers(0, 5, len(codes)).tolist()
        made.append("".join(chr(c) + " " * (p == 0) for c, p in zip(codes, places, strict=True)))
    return [*WRITTEN, *(line.upper() for line in WRITTEN), "", " ", "the last line\n", LONG, *made]


DOCUMENTS = documents()
WAYS: dict[str, dict[str, Any]] = {
    "words": {},
    "as they are": {"lowercase": False},
    "without accents": {"strip_accents": "unicode"},
    "in ascii": {"strip_accents": "ascii"},
    "pairs and triples": {"ngram_range": (2, 3)},
    "without stop words": {"stop_words": "english", "ngram_range": (1, 2)},
    "seen or not": {"binary": True},
    "single letters too": {"token_pattern": r"(?u)\b\w+\b"},
    "words and signs": {"token_pattern": r"\b\w+\b|[^\w\s]"},
    "letters": {"token_pattern": r"[^\W\d_]+", "lowercase": False},
    "in between": {"token_pattern": r"(?<!\S)\S{2,5}?(?=\S|$)"},
    "numbers with signs": {"token_pattern": r"[+-]?\d+(?:[.,]\d+)*"},
    "hashtags": {"token_pattern": r"[#@](\w*)"},
    "nothing too": {"token_pattern": r"\d*"},
    "not inside": {"token_pattern": r"\B.\B|^\W|\D$"},
    "words given": {"vocabulary": ["free", "é", "anak", "i̇stanbul", "fox", "一二三", "kata"]},
    "characters": {"analyzer": "char", "ngram_range": (1, 3)},
    "characters of words": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "characters of plain words": {
        "analyzer": "char_wb", "ngram_range": (1, 1), "strip_accents": "unicode"
    },
}  # fmt: skip
HASHED: dict[str, dict[str, Any]] = {
    "hashed": {"n_features": 512},
    "hashed, unsigned": {"n_features": 37, "alternate_sign": False},
    "hashed, seen or not": {"n_features": 64, "binary": True, "ngram_range": (1, 2)},
    "hashed characters": {"n_features": 1 << 14, "analyzer": "char", "ngram_range": (1, 4)},
}


TOGETHER = {
    "words and characters": ("words", "characters of words"),
    "hashed, words and more": ("hashed, unsigned", "pairs and triples", "hashed, seen or not"),
}


def vectorizer(way: str) -> Any:
    if way in TOGETHER:
        return make_union(*map(vectorizer, TOGETHER[way]))
    if way in HASHED:
        return HashingVectorizer(norm=None, **HASHED[way])
    return CountVectorizer(**WAYS[way]).fit(DOCUMENTS)


@functools.cache
def feature(way: str) -> Any:
    """The feature of a vectorizer, as it stands in a manifest."""
    first, *also = (text_of(vectorizer(one)) for one in TOGETHER.get(way, (way,)))
    made = Feature("text", "text", text=replace(first, also=tuple(also)))
    return json.loads(json.dumps(features_to_json([made])[0]))


@functools.cache  # several tests compare with them
def ours(way: str) -> np.ndarray:
    features, _ = parse_features([feature(way)])
    return encode_rows(features, [{"text": document} for document in DOCUMENTS])


@pytest.mark.parametrize("way", [*WAYS, *HASHED, *TOGETHER])
def test_counts_are_scikit_learns(way: str) -> None:
    theirs = vectorizer(way).transform(DOCUMENTS)
    assert theirs.shape[1] > 5
    np.testing.assert_array_equal(ours(way), theirs.toarray())


def code(way: str, platform: str) -> str:
    """The snippet of a model that takes the counts."""
    features, _ = parse_features([feature(way)])
    counts = Tensor("counts", 0, (1, features[0].width), "float32", None, 0, "table")
    value = Tensor("value", 0, (1, 1), "float32", None, 0, "value")
    given = (Path("t.tflite"), "float32", None, (counts,), (value,))
    return PLATFORMS[platform].code(TemplateContext("t", "1", *given, None, features, {"text": ""}))


@pytest.mark.slow
@pytest.mark.parametrize("way", [*WAYS, *HASHED, *TOGETHER])
def test_python_snippet_counts_the_same(way: str) -> None:
    module: dict[str, Any] = {"__name__": "snippet", "__file__": "snippet.py"}
    exec(code(way, "python"), module)
    assert set(module["encode"].__annotations__) == set()
    for document, mine in zip(DOCUMENTS, ours(way), strict=True):
        np.testing.assert_array_equal(module["count_text"](document), mine, err_msg=document)
    np.testing.assert_array_equal(module["encode"]({"text": DOCUMENTS[0]})[0], ours(way)[0])
    with pytest.raises(ValueError, match="text is missing"):
        module["encode"]({})


@pytest.mark.slow
def test_page_counts_the_same() -> None:
    script = """async ([features, documents]) => {
      const {encodeRow} = await import(new URL('src/features.js', location));
      const places = (counts) => {
        const found = []; // without an array for each of thousands of zeros
        for (let n = 0; n < counts.length; n += 1) if (counts[n] !== 0) found.push(n, counts[n]);
        return found;
      };
      return features.map((feature) => documents.map(
        (text) => places(encodeRow([feature], {text}))));
    }"""
    features = [feature(way) for way in (*WAYS, *HASHED, *TOGETHER)]
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(f"{browser.url}harness.html")
        page.wait_for_selector("html[data-state=ready]", state="attached")
        counted = page.evaluate(script, [features, DOCUMENTS])
    for way, theirs in zip((*WAYS, *HASHED, *TOGETHER), counted, strict=True):
        for document, mine, found in zip(DOCUMENTS, ours(way), theirs, strict=True):
            pairs = [(place, float(mine[place])) for place in np.flatnonzero(mine)]
            assert list(zip(found[::2], found[1::2], strict=True)) == pairs, (way, document)


def test_hash_is_scikit_learns() -> None:
    for document in DOCUMENTS:
        assert murmurhash3(document.encode()) == murmurhash3_32(document, positive=True)


def shout(document: str) -> str:
    return document.upper()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (CountVectorizer(tokenizer=str.split), "tokenizer=split is a function of its author's"),
        (CountVectorizer(preprocessor=shout), "preprocessor=shout is a function"),
        (CountVectorizer(analyzer=str.split), "analyzer=split is a function"),
        (HashingVectorizer(strip_accents=shout), "strip_accents=shout is a function"),
        (CountVectorizer(input="filename"), "input='filename' reads files"),
        (CountVectorizer(token_pattern=r"(?i)[a-z]+"), "has flags"),
        (CountVectorizer(token_pattern=r"(\w)\1"), "groupref"),
    ],
)
def test_what_cannot_be_counted_elsewhere_is_named(made: Any, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        text_of(made)
