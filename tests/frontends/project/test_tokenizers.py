"""Keras' Tokenizer, pickled by every package that has held it, as JSON, and as bare ids."""

from __future__ import annotations

import json
import pickle
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import EdgeDeployError, SourceError, UntrustedError, UsageError
from edge_deploy.core.spec import Feature, LoadOptions, TensorSpec
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.frontends.project.tokenizers import (
    WordIndex,
    bag_feature,
    keras_answers,
    parse_pad,
    table_note,
    tokenizer_notes,
    tokenizer_of,
    tokens_feature,
    words_of,
)
from edge_deploy.frontends.sklearn.compat.stand_ins import _KERAS_TEXT
from edge_deploy.frontends.sklearn.loader import load
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle

WORDS = {"the": 1, "film": 2, "bagus": 3, "i̇yi": 4, "straße": 5, "don't": 6}


def state(**more: Any) -> dict[str, Any]:
    """What a fitted Tokenizer holds, in the order in which its constructor sets it."""
    words = more.get("word_index", WORDS)
    held: dict[str, Any] = {
        "word_counts": OrderedDict((word, 1) for word in WORDS),
        "word_docs": defaultdict(int, dict.fromkeys(WORDS, 1)),
        "filters": '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        "split": " ",
        "lower": True,
        "num_words": None,
        "document_count": 2,
        "char_level": False,
        "oov_token": None,
        "index_docs": defaultdict(int, dict.fromkeys(WORDS.values(), 1)),
        "word_index": words,
        "index_word": {n: word for word, n in words.items()} if isinstance(words, dict) else {},
        "analyzer": None,
    }
    return held | more


def pickled(path: Path, package: str, held: dict[str, Any], wrap: Any = None) -> Path:
    """A pickle of a Tokenizer of a package, which is there only while it is written."""
    kind = type("Tokenizer", (), {"__module__": package})
    module = ModuleType(package)
    module.Tokenizer = kind  # type: ignore[attr-defined]
    names = [".".join(package.split(".")[:n]) for n in range(1, package.count(".") + 2)]
    before = {name: sys.modules.get(name) for name in names}
    try:
        sys.modules.update({name: ModuleType(name) for name in names} | {package: module})
        made = kind()
        vars(made).update(held)
        path.write_bytes(pickle.dumps(made if wrap is None else wrap(made)))
    finally:
        for name, old in before.items():
            del sys.modules[name]
            if old is not None:
                sys.modules[name] = old
    return path


def read(path: Path) -> WordIndex | None:
    return tokenizer_of(load_pickle(path)[0], path.name)


@pytest.mark.parametrize("package", sorted(_KERAS_TEXT))
def test_a_pickle_of_any_package_is_read_without_it(package: str, tmp_path: Path) -> None:
    before = set(sys.modules)
    found = read(pickled(tmp_path / "t.pkl", package, state()))
    assert found == WordIndex(WORDS)
    assert package not in set(sys.modules) - before


def test_many_words_are_read(tmp_path: Path) -> None:
    words = {f"w{n}": n for n in range(1, 60_001)}
    held = state(word_index=words, index_docs=defaultdict(int, dict.fromkeys(range(60_001), 1)))
    found = read(pickled(tmp_path / "t.pkl", "keras_preprocessing.text", held))
    assert found is not None and found.ids == words


def test_a_bundle_holds_one(tmp_path: Path) -> None:
    path = pickled(
        tmp_path / "t.pkl", "tf_keras.src.preprocessing.text", state(), lambda t: {"t": t}
    )
    assert tokenizer_of(load_pickle(path)[0]["t"], "t") == WordIndex(WORDS)


def to_json(**more: Any) -> dict[str, Any]:
    """``Tokenizer.to_json()`` before it is a text: dicts are texts inside."""
    config = {
        key: json.dumps(value) if isinstance(value, dict) else value
        for key, value in state(**more).items()
        if key != "analyzer"
    }
    return {"class_name": "Tokenizer", "config": config}


TEXTS = {
    "to_json": json.dumps(to_json()),
    "a document": to_json(),
    "a text of a text": json.dumps(json.dumps(to_json())),
    "dicts inside": {"class_name": "Tokenizer", "config": {"word_index": WORDS}},
    "the config": to_json()["config"],
}


@pytest.mark.parametrize("form", sorted(TEXTS))
def test_json_of_every_form(form: str) -> None:
    assert tokenizer_of(TEXTS[form], form) == WordIndex(WORDS)


@pytest.mark.parametrize(
    ("words", "oov"),
    [
        (WORDS, None),
        ({"<PAD>": 0, "<START>": 1, "<UNK>": 2, "film": 3}, "<UNK>"),
        ({"[UNK]": 0, "a": 1}, "[UNK]"),
        ({"a": 1, "b": np.int64(2), "c": 9}, None),
    ],
)
def test_bare_ids(words: dict[str, int], oov: str | None) -> None:
    assert tokenizer_of(words, "w") == WordIndex(words, oov_token=oov, bare=True)


@pytest.mark.parametrize(
    "value",
    [None, "text", {}, [1, 2], {"a": "b", "c": "d"}, {0: "a", 1: "b"}, {"a": 0.5, "b": 1}, b"x",
     {"a": True, "b": False}, '{"broken', {"class_name": "Other", "config": {}}],
)  # fmt: skip
def test_what_is_none(value: Any) -> None:
    assert tokenizer_of(value, "x") is None


HOSTILE = {
    "a huge id": (
        {"a": 1, "b": 10**30},
        "the id of 'b' is 1000000000000000000000000000000; ids are",
    ),
    "an id beyond float32": ({"a": 1, "b": (1 << 24) + 1}, "ids are from 1 to 16777216"),
    "a negative id": ({"a": -3}, "the id of 'a' is -3; ids are from 1"),
    "id 0": ({"a": 0, "b": 1}, "the word 'a' has the id 0, which stands for padding"),
    "two of one id": ({"a": 5, "b": 5}, "the words 'a' and 'b' have one id, 5"),
    "a number as a word": ({5: 1, "b": 2}, "the key 5, which is no text"),
    "a fraction": ({"a": 1.5}, "the id of 'a' is 1.5, no whole number"),
    "a truth": ({"a": True}, "the id of 'a' is True, no whole number"),
    "a text as an id": ({"a": "1"}, "the id of 'a' is '1', no whole number"),
    "ids far apart": ({"a": 1, "b": 900_000}, "ids go up to 900000, and there are 2 words"),
    "no word": ({}, "knows no word: it was not fitted"),
    "no dict": ([1, 2], "knows no word: it was not fitted"),
}


@pytest.mark.parametrize("row", sorted(HOSTILE))
@pytest.mark.parametrize("form", ["json", "pickle"])
def test_ids_that_no_model_takes(row: str, form: str, tmp_path: Path) -> None:
    words, said = HOSTILE[row]
    with pytest.raises(SourceError, match=said):
        if form == "pickle":
            held = state(word_index=words, index_word={})
            read(pickled(tmp_path / "t.pkl", "keras.src.preprocessing.text", held))
        else:
            tokenizer_of({"class_name": "Tokenizer", "config": {"word_index": words}}, "t.json")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"analyzer": "split"}, "a function of its author's"),
        ({"oov_token": "<OOV>"}, "oov_token '<OOV>' is not in its word_index"),
        ({"oov_token": 3}, "oov_token 3 is not in"),
        ({"split": ""}, "filters and split must be texts"),
        ({"split": 5}, "filters and split must be texts"),
        ({"filters": {"a": 1}}, "filters and split must be texts"),
        ({"num_words": -1}, "num_words is -1"),
        ({"num_words": "many"}, "num_words is 'many'"),
    ],
)
def test_a_tokenizer_that_no_page_can_run(more: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        read(pickled(tmp_path / "t.pkl", "keras_preprocessing.text", state(**more)))


class Attack:
    def __reduce__(self) -> Any:
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


@pytest.mark.parametrize("key", ["word_index", "analyzer", "filters"])
def test_nothing_in_a_tokenizer_runs(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = pickled(tmp_path / "t.pkl", "keras_preprocessing.text", state(**{key: Attack()}))
    with pytest.raises(UntrustedError, match=r"it holds a Keras Tokenizer .* builtins\.exec"):
        load_pickle(path)
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_alone_is_no_model_and_says_so(tmp_path: Path) -> None:
    path = pickled(tmp_path / "tokenizer.pkl", "keras_preprocessing.text", state())
    with pytest.raises(SourceError, match="a Keras Tokenizer, which goes before a model"):
        load(path, LoadOptions())


def spec(*shape: int | None) -> TensorSpec:
    return TensorSpec("input_1", (None, *shape), "float32", "tensor")


def ids(feature: Feature, text: str) -> list[float]:
    return encode_rows([feature], [{feature.name: text}])[0].tolist()


ENCODED = [
    (WordIndex(WORDS), 5, None, "The FILM, bagus xyz!", [0, 0, 1, 2, 3]),
    (WordIndex(WORDS), None, "maxlen=4,padding=post", "film the", [2, 1, 0, 0]),
    (WordIndex(WORDS), 2, "truncating=post", "the film bagus", [1, 2]),
    (WordIndex(WORDS), 2, "maxlen=2", "the film bagus", [2, 3]),
    (WordIndex(WORDS), 3, "value=-1", "film", [-1, -1, 2]),
    (WordIndex(WORDS, num_words=3), 3, None, "bagus film", [0, 0, 2]),
    (WordIndex(WORDS, num_words=3, oov_token="the"), 3, None, "bagus film", [0, 1, 2]),
    (WordIndex(WORDS, num_words=1, oov_token="film"), 3, "mode=ids", "bagus", None),
    (WordIndex({"<UNK>": 0, "a": 1}, oov_token="<UNK>", bare=True), 3, None, "a b a", [1, 0, 1]),
    (WordIndex({"a": 3, "b": 1}, char_level=True), 4, None, "AB b", [0, 3, 1, 1]),
    (WordIndex(WORDS), None, "mode=binary", "film film the", [0, 1, 1, 0, 0, 0, 0]),
    (WordIndex(WORDS, num_words=4), 4, "mode=count", "film film the don't", [0, 1, 2, 0]),
]


@pytest.mark.parametrize(("tokenizer", "width", "pad", "text", "wanted"), ENCODED)
def test_sentences_become_ids(
    tokenizer: WordIndex, width: int | None, pad: str | None, text: str, wanted: list[float] | None
) -> None:
    if wanted is None:
        with pytest.raises(UsageError, match="keeps no word: its num_words is 1"):
            tokens_feature(tokenizer, spec(width), pad)
        return
    assert ids(tokens_feature(tokenizer, spec(width), pad, "review"), text) == wanted


@pytest.mark.parametrize(
    ("shape", "pad", "said"),
    [
        ((None,), None, "takes texts of any length.*maxlen=100"),
        ((50,), "maxlen=100", "maxlen is 100, and the model's input 'input_1' takes 50 ids"),
        ((28, 28), None, r"has the shape \[any, 28, 28\]"),
        ((9,), "mode=count", "counts 7 words, and the model's input 'input_1' takes 9"),
        ((5,), "maxlne=5", "no key is called 'maxlne'. Did you mean maxlen"),
        ((5,), "maxlen", "no key is called 'maxlen'|Such as"),
        ((5,), "maxlen=many", "maxlen is 'many'"),
        ((5,), "maxlen=0", "maxlen is '0'"),
        ((5,), "padding=left", "no padding is called 'left'"),
        ((5,), "truncating=left", "no truncating is called 'left'"),
        ((5,), "mode=tfidf", "no mode is called 'tfidf'"),
        ((5,), "value=nan", "value is 'nan'"),
        ((5,), "value=x", "value is 'x'"),
    ],
)
def test_what_does_not_fit_is_said(
    shape: tuple[int | None, ...], pad: str | None, said: str
) -> None:
    with pytest.raises(EdgeDeployError, match=said):
        tokens_feature(WordIndex(WORDS), spec(*shape), pad)


@pytest.mark.parametrize(
    ("tokenizer", "pad", "said"),
    [
        (WordIndex(WORDS), "padding=post,truncating=post", []),
        (WordIndex(WORDS), "padding=post", ["truncating as pad_sequences has them"]),
        (WordIndex(WORDS), None, ["padding and truncating as"]),
        (WordIndex(WORDS), "mode=binary", []),
        (WordIndex(WORDS, bare=True), "mode=count", ["unknown words are left out"]),
        (WordIndex(WORDS, bare=True, oov_token="the"), "mode=count", ["words become the"]),
    ],
)
def test_what_nobody_said_is_a_note(tokenizer: WordIndex, pad: str | None, said: list[str]) -> None:
    notes = tokenizer_notes(tokenizer, pad)
    assert [words in note for words, note in zip(said, notes, strict=True)] == [True] * len(said)


def test_pad_takes_blanks() -> None:
    found = parse_pad(" maxlen = 7 , padding=post, ")
    assert (found.maxlen, found.padding, found.truncating) == (7, "post", None)


def test_a_bag_of_words() -> None:
    words = words_of(["?", "are", "'s", "do", "hello", "n't", "e-mail"], "words.pkl")
    assert words is not None
    feature = bag_feature(words, spec(7))
    assert ids(feature, "Hello? Hello, how ARE you") == [1, 1, 0, 0, 1, 0, 0]
    assert ids(feature, "don't; what's your e-mail") == [0, 0, 1, 1, 0, 1, 1]
    assert words_of(np.array(["a", "b"]), "w") == ("a", "b")
    assert words_of([1, "a"], "w") is words_of([], "w") is words_of("ab", "w") is None


def test_a_bag_that_does_not_fit() -> None:
    with pytest.raises(SourceError, match="the word 'a' stands in the list twice"):
        words_of(["a", "b", "a"], "words.pkl")
    with pytest.raises(UsageError, match="has 2 words, and the model's input 'input_1' takes 5"):
        bag_feature(("a", "b"), spec(5))


@pytest.mark.slow
def test_words_beyond_the_models_table_are_a_note() -> None:
    import keras

    from edge_deploy.frontends.load import load_model

    layers = [keras.Input((4,)), keras.layers.Embedding(4, 2), keras.layers.Flatten()]
    model = load_model(keras.Sequential([*layers, keras.layers.Dense(1)]))
    (taken,) = model.spec.inputs
    feature = tokens_feature(WordIndex(WORDS), taken, None)
    (note,) = table_note(feature, model)
    assert "go up to 6, and the model's table of words has 4 " in note
    assert table_note(tokens_feature(WordIndex(WORDS, num_words=4), taken, None), model) == ()
    rows = [{"text": "film! BAGUS film"}, {"text": "the xyz"}]
    few = tokens_feature(WordIndex(WORDS, num_words=4), taken, "padding=post")
    mine = model.predict({taken.name: encode_rows([few], rows)})
    theirs = keras_answers(WordIndex(WORDS, num_words=4), few, model)({}, rows)
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name])


@pytest.mark.slow
def test_a_real_one_of_keras(tmp_path: Path) -> None:
    from tf_keras.preprocessing.text import Tokenizer

    made = Tokenizer(num_words=5, oov_token="<OOV>")
    made.fit_on_texts(["The film, the film!", "bagus sekali filmnya"])
    path = tmp_path / "tokenizer.pickle"
    path.write_bytes(pickle.dumps(made))
    wanted = WordIndex(made.word_index, num_words=5, oov_token="<OOV>")
    assert read(path) == tokenizer_of(made.to_json(), "json") == wanted
