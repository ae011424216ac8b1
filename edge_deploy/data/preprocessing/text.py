"""Text features: a text as counts of the words or characters that a model knows.

The same as scikit-learn's CountVectorizer and HashingVectorizer do, without scikit-learn;
web_demo/src/text.js does the same in the page. What comes after counting (tf-idf, a norm) is
numbers, and part of the converted graph.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, Text
from edge_deploy.data.preprocessing.regex import portable

ANALYZERS = ("word", "char", "char_wb")
ACCENTS = ("ascii", "unicode")
_KEYS = tuple(field.name for field in fields(Text))
_RUNS_OF_SPACE = re.compile(r"\s\s+")


def parse_text(where: str, value: Any) -> Text:
    """Read the manifest's form of Text, and work out its portable pattern where it has none.

    Raises:
        UsageError: It is of another form, or its pattern means nothing outside Python.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f'{where}: text must be like {{"vocabulary": ["bad", "good"]}}.')
    if unknown := sorted(set(value) - set(_KEYS)):
        raise UsageError(
            f"{where}: no key of text is called {unknown[0]!r}. There are: {', '.join(_KEYS)}."
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    more = values.pop("also", ())
    if not isinstance(more, tuple) or any(
        isinstance(one, Mapping) and "also" in one for one in more
    ):
        raise UsageError(f"{where}: also must be a list of texts that have no list of their own.")
    text = Text(**values, also=tuple(parse_text(f"{where}: also", one) for one in more))
    if text.analyzer not in ANALYZERS or text.strip_accents not in (None, *ACCENTS):
        raise UsageError(
            f"{where}: analyzer is one of {', '.join(ANALYZERS)}, strip_accents one of "
            f"{', '.join(ACCENTS)} or null."
        )
    pair: Any = text.ngram_range
    of_two = isinstance(pair, tuple) and len(pair) == 2 and all(type(n) is int for n in pair)
    if not of_two or not 1 <= pair[0] <= pair[1]:
        raise UsageError(f"{where}: ngram_range must be two numbers like [1, 2].")
    own = text.buckets or len(text.vocabulary or ())
    if (text.vocabulary is None) == (text.buckets is None) or own < 1:
        raise UsageError(f"{where}: text needs a vocabulary, or else a number of buckets.")
    if text.analyzer == "word":
        try:
            return replace(text, portable_pattern=portable(text.token_pattern or ""))
        except ValueError as error:
            raise UsageError(f"{where}: token_pattern: {error}.") from error
    return replace(text, token_pattern=None, portable_pattern=None)


def text_to_json(text: Text) -> dict[str, Any]:
    """The manifest's form, which parse_text reads again."""
    own = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(text).items()}
    del own["also"]
    return own | ({"also": [text_to_json(one) for one in text.also]} if text.also else {})


def counter(text: Text) -> Callable[[str], Array]:
    """The function that counts the n-grams of a text: float32 (width,)."""
    places = {token: place for place, token in enumerate(text.vocabulary or ())}
    grams = _analyzer(text)
    others = [counter(one) for one in text.also]

    def count(document: str) -> Array:
        counts = np.zeros(text.buckets or len(places), np.float32)
        for gram in grams(document):
            place, value = _bucket(gram, text) if text.buckets else (places.get(gram), 1.0)
            if place is not None:
                counts[place] = 1.0 if text.binary else counts[place] + value
        return np.concatenate([counts, *(other(document) for other in others)])

    return count


def _analyzer(text: Text) -> Callable[[str], list[str]]:
    low, high = text.ngram_range
    if text.analyzer == "char":
        return lambda d: _grams([*_RUNS_OF_SPACE.sub(" ", _plain(d, text))], low, high, "")
    if text.analyzer == "char_wb":
        return lambda d: _within_words(_plain(d, text), low, high)
    findall = re.compile(text.token_pattern or "").findall
    stop = frozenset(text.stop_words)

    def words(document: str) -> list[str]:
        found = [word for word in findall(_plain(document, text)) if word not in stop]
        return _grams(found, low, high, " ")

    return words


def _plain(document: str, text: Text) -> str:
    """sklearn.feature_extraction.text._preprocess: small letters, then no accents."""
    if text.lowercase:
        document = document.lower()
    if text.strip_accents is None or document.isascii():
        return document
    apart = unicodedata.normalize("NFKD", document)
    if text.strip_accents == "ascii":
        return apart.encode("ascii", "ignore").decode("ascii")
    return "".join(c for c in apart if not unicodedata.combining(c))


def _grams(parts: list[str], low: int, high: int, between: str) -> list[str]:
    if high == 1:
        return parts
    return [
        between.join(parts[at : at + n])
        for n in range(low, min(high, len(parts)) + 1)
        for at in range(len(parts) - n + 1)
    ]


def _within_words(document: str, low: int, high: int) -> list[str]:
    """CountVectorizer._char_wb_ngrams: a word that is shorter than n counts once."""
    found = []
    for word in document.split():
        padded = f" {word} "
        for n in range(low, high + 1):
            found += [padded[at : at + n] for at in range(max(1, len(padded) - n + 1))]
            if len(padded) <= n:
                break
    return found


def _bucket(gram: str, text: Text) -> tuple[int, float]:
    """sklearn.feature_extraction._hashing_fast.transform: place and sign by the hash."""
    hashed = murmurhash3(gram.encode("utf-8"))
    signed = hashed - (1 << 32) if hashed >> 31 else hashed
    value = -1.0 if text.signed and signed < 0 else 1.0
    return abs(signed) % (text.buckets or 1), value


def murmurhash3(data: bytes) -> int:
    """MurmurHash3_x86_32 with seed 0, unsigned (Austin Appleby's, public domain)."""
    mask = 0xFFFFFFFF
    h = 0
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        h ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        h = ((h << 13 | h >> 19) & mask) * 5 + 0xE6546B64 & mask
    h ^= _mixed(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def _mixed(k: int) -> int:
    k = k * 0xCC9E2D51 & 0xFFFFFFFF
    return (k << 15 | k >> 17) * 0x1B873593 & 0xFFFFFFFF
