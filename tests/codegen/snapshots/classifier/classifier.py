"""classifier, version 1: rows of 7 columns in, 2 classes out.

    pip install "ai-edge-litert>=2.1" "numpy>=1.26"
    python classifier.py

classifier_float32.tflite lies beside this file.
classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
Made by edge-deploy 0.1.0.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MODEL = Path(__file__).with_name("classifier_float32.tflite")
LABELS = ['cat', 'dog "$x"']


def number(row, name, missing=None):
    value = row.get(name)
    value = missing if value is None else value
    if value is None:
        raise ValueError(f"{name} is missing")
    return [float(value)]


def index(row, name, names, missing=None, unknown=None):
    """The place of a category; blanks around it do not count, nor does its case where one fits."""
    value = row.get(name)
    value = missing if value is None else value
    if isinstance(value, int):  # what stands for a missing one
        return value
    plain = [known.strip() for known in names]
    if isinstance(value, str):
        for places, text in ((names, value), (names, value.strip()), (plain, value.strip())):
            if text in places:
                return places.index(text)
    if unknown is not None:
        return unknown
    alike = [n for n, known in enumerate(plain) if known.lower() == str(value).strip().lower()]
    if len(alike) != 1:
        raise ValueError(f"{name} is {value!r}; it must be one of {names}")
    return alike[0]


def ordinal(row, name, names, missing=None, unknown=None):
    return [index(row, name, names, missing, unknown)]


def one_hot(row, name, names, missing=None, unknown=None):
    place = index(row, name, names, missing, unknown)
    return [float(n == place) for n in range(len(names))]


def encode(row):
    """A row by its columns' names as the model takes it: (1, 10)."""
    values = [
        *number(row, 'age'),  # years, 18 to 64
        *number(row, 'weight', missing=70.5),  # may be missing
        *number(row, 'height', missing=float("nan")),  # may be missing
        *one_hot(row, 'sex', ['f', 'm']),
        *one_hot(row, 'job', ['a', 'b'], unknown=-1),
        *ordinal(row, 'size', ['S', 'M'], missing=2, unknown=1),  # may be missing
        *one_hot(row, 'town', ['x $1', 'y "2"'], missing='x $1'),  # may be missing
    ]
    return np.asarray(values, np.float32).reshape((1, 10))


class Classifier:
    """The model; it may be asked many times, by one thread at a time."""

    def __init__(self, path=MODEL):
        self._interpreter = Interpreter(model_path=str(path))
        self._ask = self._interpreter.get_signature_runner()

    def run(self, features):
        """Tensors in and out.

        Takes features float32 1 x 10;
        gives a dict with class int32 1, probabilities float32 1 x 2.
        """
        outputs = self._ask(
            features=np.asarray(np.reshape(features, (1, 10)), np.float32),
        )
        return {
            'class': outputs['class'],
            'probabilities': outputs['probabilities'],
        }

    def predict(self, row):
        """Each label's share, the largest first."""
        shares = self.run(encode(row))['probabilities'].ravel().tolist()
        return dict(sorted(zip(LABELS, shares), key=lambda pair: -pair[1]))


if __name__ == "__main__":
    row = {'age': 40.0, 'weight': 81.25, 'height': 1.8, 'sex': 'm', 'job': 'b', 'size': 'M', 'town': 'y "2"'}
    print(Classifier().predict(row))
