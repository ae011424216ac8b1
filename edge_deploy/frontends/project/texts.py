"""What scripts do with texts before they are encoded, and functions of numbers on answers."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from edge_deploy.frontends.project.answers import encode, looked_up, zipped
from edge_deploy.frontends.project.findings import TextStep
from edge_deploy.frontends.project.values import (
    LONGEST,
    NOTHING,
    Call,
    Reader,
    Value,
    as_list,
    blend,
    flow,
    inner_answer,
    literal,
    names,
    number,
    plain,
    text,
    whole,
)

_FOREIGN = {
    "word_tokenize": "tokenize",
    "wordpunct_tokenize": "tokenize",
    "sent_tokenize": "tokenize",
    "TweetTokenizer": "tokenize",
    "RegexpTokenizer": "tokenize",
    "WordNetLemmatizer": "",
    "lemmatize": "lemmatize",
    "stem": "stem",
    "pos_tag": "tag",
    "simple_preprocess": "tokenize",
}
_NUMERIC = {
    *("exp", "expm1", "log", "log1p", "log10", "log2", "sqrt", "softmax", "sigmoid", "square"),
    *("power", "rint", "floor", "ceil", "clip", "exp2"),
}


def call(call: Call) -> Value | None:
    """Functions of texts and of numbers; None where it is another function."""
    last, name, reader = call.last, call.name, call.reader
    if last in _FOREIGN and (name.startswith("nltk") or "." not in name or "gensim" in name):
        action = _FOREIGN[last]
        if action and call.arguments:
            return said(reader, call.arguments[0], call.node, action, False, name)
        return Value(dotted=f"nltk.{last}") if not action or last[0].isupper() else None
    if last == "get_word_index":  # of keras.datasets
        return Value(dotted="keras.word_index")
    if name == "keras.word_index.get" and call.arguments:
        return worded(reader, call.arguments[0], call.node)
    if name.endswith(("stopwords.words",)):
        return Value(dotted="nltk.stopwords")
    if name in ("spacy.load", "en_core_web_sm.load"):
        return Value(dotted="spacy.pipeline")
    if name in ("re.sub", "regex.sub"):
        pattern, other = call.given(0, "pattern"), call.given(1, "repl")
        value = call.given(2, "string")
        detail = f"re.sub({text(pattern)!r}, {text(other)!r})"
        return said(reader, value, call.node, "regex", True, detail) if not value.known else NOTHING
    if last in ("argmax", "argsort", "argmin") and call.arguments:
        return indexed(call, call.arguments[0], last)
    if last in ("round", "around", "round_") and call.arguments:
        return rounded(call, call.arguments[0], call.given(1, "decimals", "ndigits"))
    if last in ("max", "amax", "reduce_max") and len(call.arguments) == 1:
        return largest(call, call.arguments[0])
    if last in _NUMERIC and call.arguments and "." in name:
        value = call.arguments[0]
        if number(value) is not None or not (flow(value) or blend([value]).fields):
            return NOTHING if value.known else blend([value])
        done = reader.step(last, value, call.node)
        return replace(done, column=value.column, columns=value.columns, items=None)
    if last == "decode_predictions" and call.arguments:
        return reader.step("decode_predictions", call.arguments[0], call.node)
    if last == "where" and len(call.arguments) == 3:
        return _where(call)
    if name == "zip" and len(call.arguments) >= 2:
        zipped(reader, call.arguments[0], call.arguments[1], call.node)
        zipped(reader, call.arguments[1], call.arguments[0], call.node)
        return _zip(call)
    if name == "enumerate" and call.arguments and call.arguments[0].items is not None:
        items = call.arguments[0].items
        start = whole(call.given(1, "start")) or 0
        pairs = (as_list([Value(constant=start + place), one]) for place, one in enumerate(items))
        return as_list(pairs)
    if name == "len" and call.arguments:
        return _length(call.arguments[0])
    if name == "range":
        return _range(call)
    if name in ("sorted", "reversed", "set", "dict", "list", "tuple", "vars"):
        return _collected(call)
    if name == "map" and len(call.arguments) == 2:
        return call.arguments[1] if call.arguments[0].callee is None else blend(call.arguments)
    return None


def said(
    reader: Reader, value: Value, node: ast.AST, action: str, movable: bool, detail: str
) -> Value:
    """Note what is done with a text."""
    step = TextStep(action, movable, detail[:200], reader.evidence(node))
    done = reader.step("text", value, node, words=step)
    return replace(done, name=value.name)


def worded(reader: Reader, value: Value, node: ast.AST) -> Value:
    """``imdb.get_word_index().get(word)``."""
    return said(reader, value, node, "word_index", True, "keras.datasets.imdb.get_word_index")


def indexed(call: Call, value: Value, action: str) -> Value:
    """``argmax``: the class as a number."""
    if not (flow(value) or value.answer):
        return NOTHING
    axis = whole(call.given(1 if call.receiver is None else 0, "axis", "dim"))
    done = call.reader.step(action, value, call.node, arguments=(("axis", axis),))
    return replace(done, index=True)


def rounded(call: Call, value: Value, digits: Value) -> Value:
    """``round``: an answer as a class, or as few digits."""
    if value.known:
        found = number(value)
        return Value(constant=round(found, whole(digits) or 0)) if found is not None else NOTHING
    if not (value.answer or inner_answer(value)):
        return value
    count = whole(digits)
    done = call.reader.step("round", value, call.node, arguments=(("digits", count),))
    return replace(done, index=count is None)


def largest(call: Call, value: Value) -> Value:
    """``np.max(answer)``: how sure a model is."""
    if not (value.answer or inner_answer(value)):
        return NOTHING if value.known else blend([value])
    return call.reader.step("max", value, call.node)


def _where(call: Call) -> Value:
    """``np.where(answer > 0.5, 1, 0)``."""
    test = call.arguments[0]
    notes = call.reader.notes
    above, below = text(call.arguments[1]), text(call.arguments[2])
    if above and below and notes.thresholds and test.answer:
        notes.thresholds[-1] = replace(notes.thresholds[-1], above=above, below=below)
        notes.add_classes((below, above), "threshold", "", call.evidence)
    return replace(test, column="") if not test.known else NOTHING


def _zip(call: Call) -> Value:
    lists = [one.items for one in call.arguments]
    if all(one is not None for one in lists):
        rows = zip(*(one or () for one in lists), strict=False)
        return as_list(as_list(row) for row in rows)
    return blend(call.arguments)


def _length(value: Value) -> Value:
    if value.items is not None:
        return Value(constant=len(value.items))
    if value.entries is not None and not value.table:
        return Value(constant=len(value.entries))
    if isinstance(value.constant, str):
        return Value(constant=len(value.constant))
    return NOTHING


def _range(call: Call) -> Value:
    found = [whole(one) for one in call.arguments[:3]]
    if not found or any(one is None for one in found):
        return NOTHING
    try:
        numbers = range(*[one for one in found if one is not None])
    except ValueError:
        return NOTHING
    if len(numbers) > 512:
        return NOTHING
    return literal(tuple(numbers))


def _collected(call: Call) -> Value:
    if call.name == "dict" and not call.arguments:
        return Value(entries=tuple(call.keywords.items()))
    if not call.arguments:
        return Value(items=()) if call.name in ("list", "tuple") else NOTHING
    value = call.arguments[0]
    if call.name == "dict" and value.items is not None:
        pairs = [one.items for one in value.items]
        if all(one is not None and len(one) == 2 and one[0].known for one in pairs):
            found = {one[0].constant: one[1] for one in pairs if one}
            return Value(entries=tuple(found.items()))
    if call.name == "sorted" and value.items is not None:
        known = plain(value)
        try:
            return literal(tuple(sorted(known))) if isinstance(known, tuple) else value
        except TypeError:
            return value
    if call.name in ("list", "tuple") and value.entries is not None and not value.table:
        return as_list(Value(constant=key) for key, _ in value.entries)
    return value


def method(call: Call) -> Value | None:
    """Methods of texts, lists and dicts; None where it is another method."""
    name, value, reader = call.name, call.receiver, call.reader
    if value is None:
        return None
    if name in ("argmax", "argsort"):
        return indexed(call, value, name)
    if name == "round" and value.answer:
        return rounded(call, value, call.given(0, "decimals"))
    if name == "max" and value.answer:
        return largest(call, value)
    if name in ("lemmatize", "stem", "tokenize") and value.source is None and call.arguments:
        detail = f"{value.dotted or call.receiver_text}.{name}"
        return said(reader, call.arguments[0], call.node, name, False, detail)
    if isinstance(value.constant, str):
        return _text_method(call, value.constant)
    alone = value.items is None and value.entries is None and not value.table
    worded = name in ("lower", "upper", "strip", "translate")
    if worded and alone and not value.answer and not value.known:
        action = "punctuation" if name == "translate" else name
        return said(reader, value, call.node, action, True, f".{name}()")
    if name == "join" and call.arguments:
        return blend(call.arguments)
    listed = names(value)
    if name == "index" and listed and call.arguments and not call.arguments[0].known:
        mapping = tuple((one, place) for place, one in enumerate(listed))
        return encode(reader, call.arguments[0], mapping, None, call.node, "")
    if value.entries is not None and not value.table:
        return _dict_method(call, value)
    if name == "get" and (value.source is not None) and text(call.given(0)):
        return None
    return None


def _text_method(call: Call, value: str) -> Value | None:
    name, given = call.name, [one.constant for one in call.arguments]
    texts = [one for one in given if isinstance(one, str)]
    if name in ("lower", "upper", "title", "strip", "capitalize", "rstrip", "lstrip") and not given:
        return Value(constant=getattr(value, name)())
    if name == "replace" and len(texts) == 2 and len(value) * (len(texts[1]) + 1) < LONGEST * 10:
        return Value(constant=value.replace(texts[0], texts[1])[:LONGEST])
    if name == "split" and len(texts) == len(given) <= 1 and texts != [""]:
        return literal(tuple(value.split(texts[0] if texts else None))[:4096])
    if name == "splitlines":
        return literal(tuple(value.splitlines())[:4096])
    if name == "join" and call.arguments:
        found = plain(call.arguments[0])
        if isinstance(found, tuple) and all(isinstance(one, str) for one in found):
            size = sum(len(one) for one in found) + len(value) * len(found)
            return Value(constant=value.join(found)) if size < LONGEST else NOTHING
        items = call.arguments[0].items
        if value in ("/", "\\") and items and isinstance(items[-1].constant, str):
            return Value(constant="/".join(text(one) for one in items if text(one)))
        return blend(call.arguments)
    if name == "format":
        return _formatted(call, value)
    return NOTHING if not blend(call.arguments).history else blend(call.arguments)


def _formatted(call: Call, value: str) -> Value:
    """``"{}/{}".format(folder, name)``: plain places only."""
    parts = list(call.arguments)
    given: dict[str, Value] = call.keywords
    known = [*parts, *given.values()]
    if any(not one.known for one in known):
        return blend(known)
    made, place = value, 0
    for match in list(re.finditer(r"\{(\w*)\}", value))[:32]:
        key = match.group(1)
        if key.isdecimal() and len(key) < 3 and int(key) < len(parts):
            one = parts[int(key)]
        elif key in given:
            one = given[key]
        elif not key and place < len(parts):
            one, place = parts[place], place + 1
        else:
            return NOTHING
        made = made.replace(match.group(0), str(one.constant), 1)
        if len(made) > LONGEST:
            return NOTHING
    return Value(constant=made)


def _dict_method(call: Call, value: Value) -> Value | None:
    name = call.name
    entries = value.entries or ()
    if name == "get":
        key = call.given(0, "key")
        found = looked_up(call.reader, value, key, call.node)
        return found if found is not None else call.given(1, "default")
    if name == "values":
        return as_list(one for _, one in entries)
    if name == "keys":
        return as_list((Value(constant=key) for key, _ in entries), value.where)
    if name == "items":
        return as_list(as_list([Value(constant=key), one]) for key, one in entries)
    if name == "copy":
        return value
    if name == "update":
        added = call.given(0).entries or tuple(call.keywords.items())
        merged = dict(entries)
        merged.update(dict(added))
        changed = replace(value, entries=tuple(merged.items())[:4096])
        function = call.node.func
        if isinstance(function, ast.Attribute):
            call.reader.bind(function.value, changed)
        return changed
    return None


def bag_of_words(
    reader: Reader, node: ast.If, target: ast.AST, value: Value, tested: Value
) -> None:
    """``for s in sentence_words: if word == s: bag[i] = 1``."""
    step = TextStep("bag_of_words", True, "bag of words in a loop", reader.evidence(node))
    done = reader.step("text", blend([value, tested]), node, words=step)
    reader.bind(target, done)
