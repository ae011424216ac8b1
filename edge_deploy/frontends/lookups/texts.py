"""TextVectorization in a graph, as the Tokens that Python, the page and snippets encode alike.

What the layer does is read from its operators, and then compared: both ways of making ids are
asked the same texts, and one difference is enough to refuse the model.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Tokens
from edge_deploy.data.preprocessing.tokens import LARGEST_ID, tokenizer
from edge_deploy.frontends.lookups import regions

_CHANGES = frozenset(
    {
        *("StringLower", "StaticRegexReplace", "RegexReplace", "StringSplitV2", "StringNGrams"),
        *("UnicodeDecode", "UnicodeEncode", "StringUpper", "StringStrip", "StringJoin", "Substr"),
        *("UnicodeTranscode", "UnicodeDecodeWithOffsets", "StringSplit", "ReduceJoin", "AsString"),
        *("StringToHashBucketFast", "StringToHashBucketStrong", "RaggedGather"),
    }
)
_LONGEST = 1 << 16
_TRIED = 200


def read_tokens(
    placeholder: Any,
    tensor: Any,
    nodes: Collection[Any],
    table: Callable[[Any], tuple[Array, Array]],
    constant: Callable[[Any], Any],
) -> Tokens | None:
    """What makes ids or counts of a text.

    Args:
        placeholder: The text.
        tensor: The ids or counts, (rows, length).
        nodes: The operators at the edge.
        table: The keys and values of a look-up's table.
        constant: The value of a tensor that depends on no input.

    Returns:
        None where an operator does what Tokens have no word for.
    """
    between = regions.below([placeholder], nodes) & regions.above([tensor])
    steps = {op.type: op for op in between if op.type in _CHANGES}
    finds = [op for op in between if op.type == "LookupTableFindV2"]
    several = len([op for op in between if op.type in _CHANGES]) != len(steps)
    if several or len(finds) != 1 or set(steps) - set(_READ):
        return None
    shape = tensor.shape.as_list()
    if len(shape) != 2 or shape[1] is None or shape[1] > _LONGEST:
        return None
    told: dict[str, Any] = {"lowercase": "none", "filters": "", "filtered": "removed"}
    for op in steps.values():
        found = _READ[op.type](op, constant)
        if found is None:
            return None
        told |= found
    if "split" not in told:
        return None
    vocabulary = _vocabulary(*table(finds[0]))
    if vocabulary is None:
        return None
    counting = [op for op in between if op.type == "RaggedBincount"]
    if counting:
        told["output"] = "binary" if counting[0].get_attr("binary_output") else "counts"
    first, words = vocabulary
    return Tokens(
        words,
        int(shape[1]),
        first=first,
        unknown=int(constant(finds[0].inputs[2])),
        padding="post",
        truncating="post",
        **told,
    )


def _lower(op: Any, constant: Any) -> dict[str, Any]:
    encoding = op.get_attr("encoding").decode()
    return {"lowercase": "unicode" if encoding else "ascii"}


def _replace(op: Any, constant: Any) -> dict[str, Any] | None:
    """A class of characters that are taken out."""
    if op.get_attr("rewrite") or not op.get_attr("replace_global"):
        return None
    filters = characters(op.get_attr("pattern").decode("utf-8", "replace"))
    return None if filters is None else {"filters": filters}


def _split(op: Any, constant: Any) -> dict[str, Any] | None:
    if op.get_attr("maxsplit") != -1:
        return None
    separator = constant(op.inputs[1]).decode("utf-8", "replace")
    return {"split": "separator", "separator": separator} if separator else {"split": "whitespace"}


def _ngrams(op: Any, constant: Any) -> dict[str, Any] | None:
    plain = op.get_attr("separator") == b" " and not op.get_attr("pad_width")
    widths = tuple(int(width) for width in op.get_attr("ngram_widths"))
    whole = plain and not op.get_attr("preserve_short_sequences")
    return {"ngrams": widths} if whole else None


def _decode(op: Any, constant: Any) -> dict[str, Any] | None:
    utf8 = op.get_attr("input_encoding") == b"UTF-8"
    return {"split": "characters"} if utf8 else None


_READ: dict[str, Callable[[Any, Any], dict[str, Any] | None]] = {
    "StringLower": _lower,
    "StaticRegexReplace": _replace,
    "StringSplitV2": _split,
    "StringNGrams": _ngrams,
    "UnicodeDecode": _decode,
    "UnicodeEncode": lambda op, constant: {},
}


def characters(pattern: str) -> str | None:
    """The characters of a class such as ``[!-/]``; None where it is more than that."""
    if len(pattern) < 3 or pattern[0] != "[" or pattern[-1] != "]" or pattern[1] == "^":
        return None
    found: list[str] = []
    rest = pattern[1:-1]
    at = 0

    def one() -> str | None:
        nonlocal at
        escaped = rest[at] == "\\"
        at += 1 + escaped
        if at > len(rest):
            return None
        char = rest[at - 1]
        # A class of its own, such as \\w or [:punct:], or the end of this one.
        return None if (char.isalnum() if escaped else char in "[]") else char

    while at < len(rest):
        low = one()
        if low is None:
            return None
        if at < len(rest) - 1 and rest[at] == "-":
            at += 1
            high = one()
            if high is None or not 0 <= ord(high) - ord(low) < 256:
                return None
            found += [chr(code) for code in range(ord(low), ord(high) + 1)]
        else:
            found.append(low)
    return "".join(dict.fromkeys(found))


def _vocabulary(keys: Array, values: Array) -> tuple[int, tuple[str, ...]] | None:
    """The first id and the words from there on."""
    by_id: dict[int, str] = {}
    for key, value in zip(keys, values, strict=True):
        try:
            word = key.decode("utf-8")
        except UnicodeDecodeError:
            continue  # which no text can hold
        if word:
            by_id[int(value)] = word
    if not by_id or min(by_id) < 0 or max(by_id) > LARGEST_ID:
        return None
    first, last = min(by_id), max(by_id)
    if last - first > 2 * len(by_id) + 100 or len(set(by_id.values())) < len(by_id):
        return None
    return first, tuple(by_id.get(n, "") for n in range(first, last + 1))


def agrees(tokens: Tokens, run: Callable[[Sequence[str]], Array]) -> bool:
    """Whether both ways make the same of texts of every kind.

    Args:
        tokens: What was read.
        run: The graph's own numbers of some texts: (texts, length).
    """
    texts = _texts(tokens)
    encode = tokenizer(tokens)
    return bool(np.array_equal(np.stack([encode(text) for text in texts]), run(texts)))


def _texts(tokens: Tokens) -> list[str]:
    rng = np.random.default_rng(0)
    words = [word for word in tokens.vocabulary if word][:2000]
    strange = [
        *("", " ", "  two  blanks ", "\ttab\nline\r\v\f", "no\u00a0break", "thin\u2009space"),
        *(
            "ÄÖÜ É Ñ Ω Ж İ ẞ ſ",
            "日本語 テスト",
            "🎉 e\u0301 \u200b",
            "\x1c\x1d\x1e\x1f \x85 \u2028",
        ),
        *("don't <br /> stop", "[UNK] [unk]", "1,000.50 + 3-4", "A.B.C", "a\x00b"),
        *(string.punctuation, " ".join(string.punctuation), string.ascii_uppercase),
    ]
    texts = list(strange)
    for _ in range(_TRIED):
        some = [str(words[int(n)]) for n in rng.integers(len(words), size=int(rng.integers(1, 30)))]
        for n in range(len(some)):
            change = rng.random()
            if change < 0.1:
                some[n] = some[n].upper()
            elif change < 0.2:
                some[n] += str(rng.choice(list(string.punctuation)))
            elif change < 0.3:
                some[n] = str(rng.choice(strange))
        texts.append(str(rng.choice([" ", "  ", tokens.separator])).join(some))
    return texts
