"""sentence, version 1: rows of 1 column in, 2 classes out.

    pip install "ai-edge-litert>=2.1" "numpy>=1.26"
    python sentence.py

sentence_float32.tflite lies beside this file.
sentence_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
Made by edge-deploy 0.1.0.
"""

import re
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MODEL = Path(__file__).with_name("sentence_float32.tflite")
LABELS = ['cat', 'dog']


_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_BLANKS = re.compile("[\t-\r ]+")


def tokenizer(tokens):
    """The function that makes numbers of a text: float32 (length,)."""
    places = {word: tokens.first + n for n, word in enumerate(tokens.vocabulary) if word}

    def encode(document):
        found = (places.get(piece, tokens.unknown) for piece in _pieces(document, tokens))
        ids = [one for one in found if one is not None]
        return _padded(ids, tokens) if tokens.output == "ids" else _counted(ids, tokens)

    return encode


def _pieces(document, tokens):
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


def _lowered(document, lowercase):
    if lowercase == "ascii":
        return document.translate(_CAPITALS)
    return document.lower() if lowercase == "unicode" else document


def _joined(parts, ngrams):
    found = []
    for width in ngrams:
        found += [" ".join(parts[at : at + width]) for at in range(len(parts) - width + 1)]
    return found


def _padded(ids, tokens):
    """keras.utils.pad_sequences of one sequence."""
    length = tokens.length
    kept = ids[-length:] if tokens.truncating == "pre" else ids[:length]
    row = np.full(length, tokens.pad_value, np.float32)
    start = length - len(kept) if tokens.padding == "pre" else 0
    row[start : start + len(kept)] = kept
    return row


def _counted(ids, tokens):
    counts = np.bincount(np.asarray(ids, np.int64), minlength=tokens.length).astype(np.float32)
    return np.minimum(counts, 1) if tokens.output == "binary" else counts


tokens_review = tokenizer(
    SimpleNamespace(
        vocabulary=(
            "<OOV>", "good", "x\"$1", "", "i̇yi", "σας",
        ),
        length=6,
        first=1,
        unknown=1,
        output='ids',
        padding='pre',
        truncating='pre',
        pad_value=0.0,
        lowercase='unicode',
        filters='!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        filtered='separator',
        split='separator',
        separator=' ',
        ngrams=(1,),
    )
)


def counts(row, name, count, missing=None):
    value = row.get(name)
    value = missing if value is None else value
    if value is None:
        raise ValueError(f"{name} is missing")
    return count(str(value))


def encode(row):
    """A row by its columns' names as the model takes it: (1, 6)."""
    values = [
        *counts(row, 'review', tokens_review, missing=''),  # may be missing
    ]
    return np.asarray(values, np.float32).reshape((1, 6))


class Sentence:
    """The model; it may be asked many times, by one thread at a time."""

    def __init__(self, path=MODEL):
        self._interpreter = Interpreter(model_path=str(path))
        self._ask = self._interpreter.get_signature_runner()

    def run(self, ids):
        """Tensors in and out.

        Takes ids int32 1 x 6;
        gives a dict with dog float32 1 x 1.
        """
        outputs = self._ask(
            ids=np.asarray(np.reshape(ids, (1, 6)), np.int32),
        )
        return {
            'dog': outputs['dog'],
        }

    def predict(self, row):
        """Each label's share, the larger first."""
        share = self.run(encode(row))['dog'].item()
        shares = zip(LABELS, (1.0 - share, share))
        return dict(sorted(shares, key=lambda pair: -pair[1]))


if __name__ == "__main__":
    row = {'review': 'a "good" film'}
    print(Sentence().predict(row))
