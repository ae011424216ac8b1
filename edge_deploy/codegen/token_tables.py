"""What Kotlin, Swift, Dart and C++ need to make token ids of a text exactly as Python does.

Their own small letters are not Python's (Dart's and Swift's know no final sigma, C++ has none), so
a snippet brings a table of the characters that can matter: those which are in the vocabulary, the
filters or the separator once they are lowered. A piece with any other is no known token however
its letters are written.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_deploy.codegen.context import TemplateContext, identifiers
from edge_deploy.codegen.language import Code
from edge_deploy.core.spec import Tokens

_SIGMA = "\u03a3"
_LINE = 88
_MOST_LINES = 1500
_BETWEEN = " \n\t|\x1f\x1e\x1d\x1c"
_PRIVATE = 0xE000


@dataclass(frozen=True)
class TokenTable:
    """A text column's tokens, as code holds them.

    Attributes:
        name: What the code calls its reader.
        tokens: What it reads by.
        between: A character that no token has.
        lines: The vocabulary, with ``between`` between the tokens of each line: one literal a
            token would be more than a method may hold, and Swift's compiler takes minutes.
        small: Characters by turns with what they become in small letters.
        sigma: Whether the Greek sigma at the end of a word matters.
    """

    name: Code
    tokens: Tokens
    between: str
    lines: tuple[str, ...]
    small: tuple[str, ...]
    sigma: bool


def token_tables(plan: TemplateContext) -> dict[str, TokenTable]:
    """The tables of a snippet's columns that become token ids, by the column's name."""
    texts = [feature for feature in plan.features or () if feature.tokens is not None]
    return {
        feature.name: _table(Code(f"tokens_{name}"), feature.tokens)
        for feature, name in zip(texts, identifiers(texts), strict=True)
        if feature.tokens is not None
    }


def _table(name: Code, tokens: Tokens) -> TokenTable:
    letters = {*"".join(tokens.vocabulary)}
    private = map(chr, range(_PRIVATE, _PRIVATE + len(letters) + 1))
    between = next(one for one in itertools.chain(_BETWEEN, private) if one not in letters)
    alphabet = letters | {*tokens.filters, *tokens.separator}
    small: dict[str, str] = {}
    if tokens.lowercase == "unicode":
        lowered = _lowered().items()
        small = {a: b for a, b in lowered if a in alphabet or not alphabet.isdisjoint(b)}
    elif tokens.lowercase == "ascii":
        small = {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
    return TokenTable(
        name=name,
        tokens=tokens,
        between=between,
        lines=tuple(_lines(tokens.vocabulary, between)),
        small=tuple(itertools.chain.from_iterable(small.items())),
        sigma=tokens.lowercase == "unicode" and not alphabet.isdisjoint("\u03c3\u03c2\u03a3"),
    )


def _lines(words: tuple[str, ...], between: str) -> list[str]:
    """The words in lines of about a width, wider where there would be too many."""
    width = max(_LINE, (sum(map(len, words)) + len(words)) // _MOST_LINES)
    lines: list[list[str]] = [[]]
    room = width
    for word in words:
        if lines[-1] and room < len(word):
            lines.append([])
            room = width
        lines[-1].append(word)
        room -= len(word) + 1
    return [between.join(line) for line in lines]


@functools.cache
def _lowered() -> dict[str, str]:
    """Every character that Python's ``str.lower`` changes, alone."""
    every = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    return {one: small for one in every if (small := one.lower()) != one}


def _is_cased(character: str) -> bool:
    return (character + _SIGMA).lower()[-1] == "\u03c2"


def _is_ignored(character: str) -> bool:
    return not _is_cased(character) and ("A" + character + _SIGMA).lower()[-1] == "\u03c2"


@functools.cache
def cased() -> tuple[int, ...]:
    """Where ranges of letters with cases begin and end: a sigma behind one may be final."""
    return _ranges(_is_cased)


@functools.cache
def ignored() -> tuple[int, ...]:
    """The same of signs that are looked past to find out: accents, apostrophes, full stops."""
    return _ranges(_is_ignored)


def numbers(ranges: tuple[int, ...]) -> str:
    """Ranges as a text that every language reads: their ends to the base 36, blanks between."""
    return " ".join(np.base_repr(one, 36).lower() for one in ranges)


def _ranges(holds: Callable[[str], bool]) -> tuple[int, ...]:
    """First and last codes by turns."""
    found: list[int] = []
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000 or not holds(chr(code)):
            continue
        if found and found[-1] == code - 1:
            found[-1] = code
        else:
            found += [code, code]
    return tuple(found)
