"""Tokenizers of Keras, word indices and lists of known words: files beside a model of texts.

Keras' own class is neither imported nor built: a pickle of it is read as a stand-in that holds
its data (safe_pickle), and ``to_json()`` is JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_deploy.core.bounds import parse_json
from edge_deploy.core.errors import SourceError, UsageError, wrong_option
from edge_deploy.core.messages import option, unknown
from edge_deploy.core.spec import (
    Arrays,
    Feature,
    LoadedModel,
    TensorSpec,
    Text,
    Tokens,
    as_dtype,
)
from edge_deploy.data.preprocessing.regex import portable
from edge_deploy.data.preprocessing.tokens import LARGEST_ID, LONGEST, parse_tokens, tokens_to_json
from edge_deploy.frontends.sklearn.compat.stand_ins import LegacyObject, is_tokenizer

_GAPS = 1_000
_PADDING = ("", "<pad>", "[pad]", "pad", "_pad_", "<padding>")
_UNKNOWN = ("<oov>", "<unk>", "[unk]", "[oov]", "unk", "oov", "_unk_", "<unknown>")
_PAD_KEYS = ("maxlen", "padding", "truncating", "value", "mode")
_MODES = {"ids": "ids", "binary": "binary", "count": "counts"}
_ENDS = ("pre", "post")

SENTENCE = r"\w+(?=n't)|n't|'(?:s|re|ve|ll|d|m)(?!\w)|\w+(?:[-.]\w+)*|[^\w\s]"
"""Words, halves of contractions, and signs: what nltk.word_tokenize finds in plain sentences."""


@dataclass(frozen=True)
class WordIndex:
    """What a tokenizer looks words up in, and how it finds them in a text.

    Attributes:
        ids: The id of each word.
        num_words: Ids from here on count as unknown; None for none.
        filters: Characters that stand for the ``split``.
        lower: Whether capital letters are the same as small ones.
        split: What is between words.
        char_level: Whether characters are looked up, not words.
        oov_token: The word whose id unknown words get; None drops them.
        bare: Whether the file held the ids alone, and the rest is Keras' usual.
    """

    ids: Mapping[str, int]
    num_words: int | None = None
    filters: str = Tokens.filters
    lower: bool = True
    split: str = " "
    char_level: bool = False
    oov_token: str | None = None
    bare: bool = False


@dataclass(frozen=True)
class Pad:
    """What the option ``pad`` says: the arguments of Keras' ``pad_sequences``.

    Attributes:
        maxlen: How many ids; None for as many as the model takes.
        padding: Where padding goes; None where nobody said.
        truncating: Where ids are cut off; None where nobody said.
        value: What stands where no id is.
        mode: ``ids``, or what ``texts_to_matrix`` counts: ``binary`` or ``count``.
    """

    maxlen: int | None = None
    padding: str | None = None
    truncating: str | None = None
    value: float = 0.0
    mode: str = "ids"


def tokenizer_of(value: Any, where: str) -> WordIndex | None:
    """The tokenizer that a file holds.

    Args:
        value: What was read from it: a stand-in for a pickled Tokenizer, a JSON document
            (``to_json()``, or a text that is one), or a dict of ids by word.
        where: The file, for errors.

    Returns:
        None where it is something else.

    Raises:
        SourceError: It is a tokenizer with ids that no model takes, or that only its author's
            code can use.
    """
    if isinstance(value, LegacyObject):
        kind = type(value)
        return (
            _of_keras(vars(value), where) if is_tokenizer(kind.__module__, kind.__name__) else None
        )
    value = _unwrapped(value)
    if not isinstance(value, Mapping):
        return None
    if value.get("class_name") == "Tokenizer" and isinstance(value.get("config"), Mapping):
        return _of_keras(value["config"], where)
    if isinstance(value.get("word_index"), Mapping | str) and "num_words" in value:
        return _of_keras(value, where)  # the config alone
    if len(value) < 2 or not all(isinstance(word, str) for word in value):
        return None
    if not all(_whole(number) for number in value.values()):
        return None
    ids = _checked(value, where, bare=True)
    oov = next((word for word in ids if word.lower() in _UNKNOWN), None)
    return WordIndex(ids, oov_token=oov, bare=True)


def _unwrapped(value: Any) -> Any:
    """A document out of the texts that ``json.dump(tokenizer.to_json(), file)`` puts it in."""
    for _ in range(2):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", '"')):
            break
        try:
            value = parse_json(value)
        except ValueError:
            break
    return value


def _of_keras(has: Mapping[str, Any], where: str) -> WordIndex:
    if has.get("analyzer") is not None:
        raise SourceError(
            f"{where}: the Tokenizer cuts texts with a function of its author's (analyzer), which "
            "no page or phone can run. Fit one with filters, lower and split."
        )
    words = has.get("word_index")
    if isinstance(words, str):
        words = _unwrapped(words)
    if not isinstance(words, Mapping) or not words:
        raise SourceError(
            f"{where}: the Tokenizer knows no word: it was not fitted. Call "
            "tokenizer.fit_on_texts(texts), then save it again."
        )
    ids = _checked(words, where, bare=False)
    oov = has.get("oov_token")
    if oov is not None and (not isinstance(oov, str) or oov not in ids):
        raise SourceError(
            f"{where}: the Tokenizer's oov_token {oov!r} is not in its word_index. Fit it again."
        )
    filters = has.get("filters", Tokens.filters)
    if isinstance(filters, list | tuple) and all(isinstance(one, str) for one in filters):
        filters = "".join(filters)
    split = has.get("split", " ")
    if not isinstance(filters, str) or not isinstance(split, str) or not split:
        raise SourceError(
            f"{where}: the Tokenizer's filters and split must be texts; they are {filters!r} and "
            f"{split!r}."
        )
    num_words = has.get("num_words") or None
    if num_words is not None and (not _whole(num_words) or num_words < 1):
        raise SourceError(f"{where}: the Tokenizer's num_words is {num_words!r}.")
    return WordIndex(
        ids,
        num_words=None if num_words is None else int(num_words),
        filters=filters,
        lower=bool(has.get("lower", True)),
        split=split,
        char_level=bool(has.get("char_level", False)),
        oov_token=oov,
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _checked(words: Mapping[Any, Any], where: str, *, bare: bool) -> dict[str, int]:
    """The ids by word, in their order.

    Raises:
        SourceError: A word is no text, or an id is none, or no word's alone.
    """
    taken: dict[int, str] = {}
    for word, number in words.items():
        if not isinstance(word, str):
            raise SourceError(
                f"{where}: the word index has the key {word!r:.80}, which is no text."
            )
        if not _whole(number):
            raise SourceError(
                f"{where}: the id of {word!r:.80} is {number!r:.80}, no whole number."
            )
        place = int(number)
        if not 0 <= place <= LARGEST_ID:
            raise SourceError(
                f"{where}: the id of {word!r:.80} is {place}; ids are from 1 to {LARGEST_ID}."
            )
        if place == 0 and not (bare and word.lower() in (*_PADDING, *_UNKNOWN)):
            raise SourceError(
                f"{where}: the word {word!r:.80} has the id 0, which stands for padding. Number "
                "words from 1."
            )
        if place in taken:
            raise SourceError(
                f"{where}: the words {taken[place]!r:.80} and {word!r:.80} have one id, {place}."
            )
        taken[place] = word
    if max(taken) > 4 * len(taken) + _GAPS:
        raise SourceError(
            f"{where}: ids go up to {max(taken)}, and there are {len(taken)} words: too many ids "
            "have none."
        )
    return {taken[place]: place for place in sorted(taken)}


def parse_pad(pad: str | None) -> Pad:
    """Read the option ``pad``, such as ``maxlen=100,padding=post``.

    Raises:
        UsageError: A key is not known, or its value is of another kind.
    """
    found = Pad()
    for part in (pad or "").split(","):
        if not part.strip():
            continue
        key, equals, value = (side.strip() for side in part.partition("="))
        if not equals or key not in _PAD_KEYS:
            mend = f"{unknown(key, _PAD_KEYS, 'key')} Such as maxlen=100,padding=post."
            raise wrong_option("pad", pad, mend)
        if key == "maxlen":
            if not (value.isascii() and value.isdigit()) or not 1 <= int(value[:9]) <= LONGEST:
                mend = f"maxlen is {value!r}; it is a whole number from 1 to {LONGEST}."
                raise wrong_option("pad", pad, mend)
            found = replace(found, maxlen=int(value[:9]))
        elif key == "value":
            found = replace(found, value=_number(pad, value))
        else:
            known = tuple(_MODES) if key == "mode" else _ENDS
            if value not in known:
                raise wrong_option("pad", pad, unknown(value, known, key))
            chosen: dict[str, Any] = {key: value}
            found = replace(found, **chosen)
    return found


def _number(pad: str | None, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) <= LARGEST_ID:
        raise wrong_option("pad", pad, f"value is {value!r}; it is a number such as 0.")
    return number


def tokens_feature(
    tokenizer: WordIndex, spec: TensorSpec, pad: str | None, name: str = "text"
) -> Feature:
    """The column of a text that a tokenizer and ``pad_sequences`` make a model's input of.

    Args:
        tokenizer: What looks words up.
        spec: The model's input: (samples, maxlen), where maxlen may be free.
        pad: The option ``pad``.
        name: What the column is called.

    Returns:
        The feature; its width is what a free axis of the input becomes.

    Raises:
        UsageError: Nobody says how long a text becomes, or the model takes another length.
    """
    given = parse_pad(pad)
    width = _width(spec, "ids of words")
    last = max(tokenizer.ids.values()) + 1
    output = _MODES[given.mode]
    if output == "ids":
        length = _length(given, pad, width, spec)
    else:
        length = tokenizer.num_words or last
        if width not in (None, length):
            raise wrong_option(
                "pad",
                pad,
                f"the tokenizer counts {length} words, and the model's input {spec.name!r} takes "
                f"{width} numbers.",
            )
    kept = {
        word: place
        for word, place in tokenizer.ids.items()
        if not tokenizer.num_words or place < tokenizer.num_words
    }
    if not kept:
        raise UsageError(f"The tokenizer keeps no word: its num_words is {tokenizer.num_words}.")
    first = min(1, *kept.values())
    vocabulary = [""] * (max(kept.values()) + 1 - first)
    for word, place in kept.items():
        vocabulary[place - first] = word
    oov = None if tokenizer.oov_token is None else tokenizer.ids[tokenizer.oov_token]
    tokens = Tokens(
        vocabulary=tuple(vocabulary),
        length=length,
        first=first,
        unknown=oov if output == "ids" or (oov or 0) < length else None,
        output=output,
        padding=given.padding or "pre",
        truncating=given.truncating or "pre",
        pad_value=given.value,
        lowercase="unicode" if tokenizer.lower else "none",
        filters="" if tokenizer.char_level else tokenizer.filters,
        split="characters" if tokenizer.char_level else "separator",
        separator=tokenizer.split,
    )
    return Feature(name, "text", tokens=parse_tokens(f"feature {name!r}", tokens_to_json(tokens)))


def keras_answers(
    tokenizer: WordIndex, feature: Feature, model: LoadedModel
) -> Callable[[Arrays, Sequence[Mapping[str, Any]]], Arrays]:
    """The original's answers to the sentences themselves, through Keras' own Tokenizer.

    It is Keras' class of this installation, made anew with the same words: what the file held is
    data here, too.

    Args:
        tokenizer: What looks words up.
        feature: The text's column, as ``tokens_feature`` made it.
        model: The network behind it.
    """
    (spec,) = model.spec.inputs
    tokens = feature.tokens
    assert tokens is not None

    def answers(arrays: Arrays, rows: Sequence[Mapping[str, Any]]) -> Arrays:
        from tf_keras.preprocessing.sequence import pad_sequences
        from tf_keras.preprocessing.text import Tokenizer

        made = Tokenizer(
            num_words=tokenizer.num_words,
            filters=tokenizer.filters,
            lower=tokenizer.lower,
            split=tokenizer.split,
            char_level=tokenizer.char_level,
            oov_token=tokenizer.oov_token,
        )
        made.word_index = dict(tokenizer.ids)
        texts = [str(row.get(feature.name, feature.default)) for row in rows]
        if tokens.output == "ids":
            ids = pad_sequences(
                made.texts_to_sequences(texts),
                maxlen=tokens.length,
                dtype="float32",
                padding=tokens.padding,
                truncating=tokens.truncating,
                value=tokens.pad_value,
            )
        else:
            ids = made.texts_to_matrix(texts, "count" if tokens.output == "counts" else "binary")
        return model.predict({spec.name: as_dtype(ids, spec.dtype)})

    return answers


def _width(spec: TensorSpec, what: str) -> int | None:
    if len(spec.shape) != 2:
        raise UsageError(
            f"The model's input {spec.name!r} has the shape {_shown(spec)}; {what} need one of "
            "[samples, numbers]."
        )
    return spec.shape[1]


def _shown(spec: TensorSpec) -> str:
    return f"[{', '.join('any' if axis is None else str(axis) for axis in spec.shape)}]"


def _length(given: Pad, pad: str | None, width: int | None, spec: TensorSpec) -> int:
    if given.maxlen is None and width is None:
        raise UsageError(
            f"The model's input {spec.name!r} takes texts of any length, so their length in words "
            f"must be said: {option('pad', 'maxlen=100')}, with the maxlen that the model was "
            "trained with."
        )
    if given.maxlen is not None and width not in (None, given.maxlen):
        raise wrong_option(
            "pad",
            pad,
            f"maxlen is {given.maxlen}, and the model's input {spec.name!r} takes {width} ids.",
        )
    return given.maxlen or width or 0


def tokenizer_notes(tokenizer: WordIndex, pad: str | None) -> tuple[str, ...]:
    """What nobody said and Keras' usual stands for, to be checked."""
    given, notes = parse_pad(pad), []
    if tokenizer.bare:
        oov = f"become {tokenizer.oov_token}" if tokenizer.oov_token else "are left out"
        notes.append(
            "a word index alone does not say how texts are cut: they are lowered and cut at blanks "
            f"and signs, as Keras' Tokenizer does it, and unknown words {oov} (check)"
        )
    if given.mode == "ids":
        unsaid = [key for key in ("padding", "truncating") if getattr(given, key) is None]
        if unsaid:
            asked = ",".join(f"{key}=post" for key in unsaid)
            notes.append(
                f"{' and '.join(unsaid)} as pad_sequences has them, at the beginning (pre); if the "
                f"model was trained otherwise, say {option('pad', asked)} (check)"
            )
    return tuple(notes)


def table_note(feature: Feature, model: LoadedModel) -> tuple[str, ...]:
    """That a tokenizer gives ids for which the model's table of words has no row."""
    from edge_deploy.core.graph import freeze, index_limits

    (spec,) = model.spec.inputs
    rows = index_limits(freeze(model.function, model.spec.inputs)).get(spec.name)
    tokens = feature.tokens
    assert tokens is not None
    last = max(tokens.first + len(tokens.vocabulary) - 1, tokens.unknown or 0)
    if rows is None or tokens.output != "ids" or last < rows:
        return ()
    return (
        f"the tokenizer's ids go up to {last:,}, and the model's table of words has {rows:,} "
        "rows: texts with words beyond cannot be answered. Is it the tokenizer of this training, "
        "with its num_words? (check)",
    )


def words_of(value: Any, where: str) -> tuple[str, ...] | None:
    """The known words of a bag of words (``words.pkl``), in the order of the model's input.

    Args:
        value: What was read from the file.
        where: The file, for errors.

    Returns:
        None where it is no list of texts.

    Raises:
        SourceError: A word stands there twice.
    """
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple) or not value:
        return None
    if not all(isinstance(word, str) for word in value):
        return None
    if twice := [word for word, times in Counter(value).items() if times > 1]:
        raise SourceError(f"{where}: the word {twice[0]!r:.80} stands in the list twice.")
    return tuple(value)


def bag_feature(
    words: Sequence[str], spec: TensorSpec, name: str = "text", pattern: str = SENTENCE
) -> Feature:
    """The column of a text that becomes a 1 for each known word that is in it, else 0.

    Words are compared as they are, in small letters: what a stemmer or a lemmatizer of the
    author's did to them is no part of it.

    Args:
        words: In the order of the model's input.
        spec: The model's input.
        name: What the column is called.
        pattern: What a word is, as a Python regular expression.

    Raises:
        UsageError: The model takes another number of words.
    """
    width = _width(spec, "known words")
    if width not in (None, len(words)):
        raise UsageError(
            f"The list has {len(words)} words, and the model's input {spec.name!r} takes {width} "
            "numbers: one a word. They are not of one training."
        )
    bag = Text(
        token_pattern=pattern,
        portable_pattern=portable(pattern),
        vocabulary=tuple(words),
        binary=True,
    )
    return Feature(name, "text", text=bag)


BAG_NOTE = (
    "known words are looked for in small letters, as they stand in a text; what a lemmatizer or a "
    "stemmer did in training is left out (check)"
)
