"""Text features: a text as the ids of the tokens that a model knows.

The same as Keras' Tokenizer with pad_sequences and Keras' TextVectorization do, without Keras
and TensorFlow; web_demo/src/tokens.js does the same in the page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import unknown
from edge_deploy.core.spec import Array, Tokens

LARGEST_ID = 1 << 24
"""Ids go through float32, which holds whole numbers up to here."""
LONGEST = 1 << 20
WIDEST_NGRAM = 16
CHOICES = {
    "output": ("ids", "counts", "binary"),
    "padding": ("pre", "post"),
    "truncating": ("pre", "post"),
    "lowercase": ("none", "ascii", "unicode"),
    "filtered": ("separator", "removed"),
    "split": ("separator", "whitespace", "characters", "none"),
}
_KEYS = tuple(field.name for field in fields(Tokens))
_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_BLANKS = re.compile("[\t-\r ]+")  # what tf.strings.split cuts at


def parse_tokens(where: str, value: Any) -> Tokens:
    """Read the manifest's form of Tokens.

    Raises:
        UsageError: It is of another form, or its ids do not fit its length.
    """
    if not isinstance(value, Mapping) or not {"vocabulary", "length"} <= set(value):
        raise UsageError(
            f'{where}: tokens must be like {{"vocabulary": ["bad", "good"], "length": 100}}.'
        )
    for key in value:
        if key not in _KEYS:
            raise UsageError(f"{where}: tokens: {unknown(str(key), _KEYS, 'key')}")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    tokens = Tokens(**values)
    if wrong := _fault(tokens):
        raise UsageError(f"{where}: tokens: {wrong}.")
    return tokens


def _fault(tokens: Tokens) -> str:
    """What is wrong with the values of a spec that came from a file; empty where nothing is."""
    for key, known in CHOICES.items():
        if (given := getattr(tokens, key)) not in known:
            return unknown(str(given), known, key).removesuffix(".")
    words, last = tokens.vocabulary, _LAST[tokens.output]
    if not _all_of(str, words) or not any(words):
        return 'vocabulary must be a list of words such as ["bad", "good"]'
    if twice := [word for word, times in Counter(words).items() if times > 1 and word]:
        return f"the token {twice[0]!r} stands in the vocabulary twice"
    if not _whole(tokens.length, 1, LONGEST):
        return f"length is {tokens.length!r}; it must be a whole number from 1 to {LONGEST}"
    if not _whole(tokens.first, 0, LARGEST_ID - len(words)):
        return f"first is {tokens.first!r}; it must be the id of the vocabulary's first token"
    if tokens.unknown is not None and not _whole(tokens.unknown, 0, LARGEST_ID):
        return f"unknown is {tokens.unknown!r}; it must be the id of unknown words, or null"
    if last and max(tokens.first + len(words) - 1, tokens.unknown or 0) >= tokens.length:
        return f"there are more ids than the {tokens.length} places that they are counted in"
    pad = tokens.pad_value
    if isinstance(pad, bool) or not isinstance(pad, int | float) or not math.isfinite(pad):
        return f"pad_value is {pad!r}; it must be a number"
    if not isinstance(tokens.filters, str) or not isinstance(tokens.separator, str):
        return "filters and separator must be texts"
    if not tokens.separator:
        return "separator must not be empty"
    if not tokens.ngrams or not _all_of(int, tokens.ngrams):
        return "ngrams must be a list of whole numbers such as [1, 2]"
    if not all(1 <= width <= WIDEST_NGRAM for width in tokens.ngrams):
        return f"ngrams must be from 1 to {WIDEST_NGRAM} pieces wide"
    return ""


_LAST = {"ids": False, "counts": True, "binary": True}


def _all_of(kind: type, values: Any) -> bool:
    return isinstance(values, tuple) and all(type(one) is kind for one in values)


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def tokens_to_json(tokens: Tokens) -> dict[str, Any]:
    """The manifest's form, which parse_tokens reads again."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(tokens).items()}


def tokenizer(tokens: Tokens) -> Callable[[str], Array]:
    """The function that makes numbers of a text: float32 (length,)."""
    places = {word: tokens.first + n for n, word in enumerate(tokens.vocabulary) if word}

    def encode(document: str) -> Array:
        found = (places.get(piece, tokens.unknown) for piece in _pieces(document, tokens))
        ids = [one for one in found if one is not None]
        return _padded(ids, tokens) if tokens.output == "ids" else _counted(ids, tokens)

    return encode


def stranger(tokens: Tokens) -> Callable[[str], bool]:
    """The function that tells whether a text has words, and the model knows none of them."""
    known = {word for n, word in enumerate(tokens.vocabulary, tokens.first) if n != tokens.unknown}

    def is_strange(document: str) -> bool:
        pieces = _pieces(document, tokens)
        return bool(pieces) and known.isdisjoint(pieces)

    return is_strange


def _pieces(document: str, tokens: Tokens) -> list[str]:
    """What a text is cut into: keras' text_to_word_sequence, and TextVectorization's way."""
    document = _lowered(document, tokens.lowercase)
    if tokens.filters:
        instead = tokens.separator if tokens.filtered == "separator" else ""
        document = document.translate(dict.fromkeys(map(ord, tokens.filters), instead))
    if tokens.split == "separator":
        parts = document.split(tokens.separator)
    elif tokens.split == "whitespace":
        parts = _BLANKS.split(document)
    else:
        parts = [*document] if tokens.split == "characters" else [document]
    return _joined([part for part in parts if part], tokens.ngrams)


def _lowered(document: str, lowercase: str) -> str:
    if lowercase == "ascii":
        return document.translate(_CAPITALS)
    return document.lower() if lowercase == "unicode" else document


def _joined(parts: list[str], ngrams: tuple[int, ...]) -> list[str]:
    found: list[str] = []
    for width in ngrams:
        found += [" ".join(parts[at : at + width]) for at in range(len(parts) - width + 1)]
    return found


def _padded(ids: list[int], tokens: Tokens) -> Array:
    """keras.utils.pad_sequences of one sequence."""
    length = tokens.length
    kept = ids[-length:] if tokens.truncating == "pre" else ids[:length]
    row = np.full(length, tokens.pad_value, np.float32)
    start = length - len(kept) if tokens.padding == "pre" else 0
    row[start : start + len(kept)] = kept
    return row


def _counted(ids: list[int], tokens: Tokens) -> Array:
    counts = np.bincount(np.asarray(ids, np.int64), minlength=tokens.length).astype(np.float32)
    return np.minimum(counts, 1) if tokens.output == "binary" else counts
