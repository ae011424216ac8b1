"""The plain values that pass between the parts: what a model takes and gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge_deploy.core.bounds import SizeOptions
from edge_deploy.core.options import Shapes

Array = NDArray[Any]
Arrays = dict[str, Array]
"""One value per tensor, by the model's own names."""

INPUT_KINDS = ("image", "table", "sequence", "tensor")
OUTPUT_KINDS = ("probabilities", "probability", "class", "value", "tensor")
ENCODINGS = ("none", "one-hot", "ordinal")


@dataclass(frozen=True)
class TensorSpec:
    """A named input or output.

    Attributes:
        name: The model's own name of the tensor.
        shape: With the batch axis first; None is a free axis.
        dtype: A numpy dtype name, such as ``float32``.
        kind: One of INPUT_KINDS or OUTPUT_KINDS.
        classes: What the columns of a classifier's output stand for.
        unit: The unit of a regression, such as ``USD``.
        label: What an output is called for people, such as ``price``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    kind: str = "tensor"
    classes: tuple[str, ...] | None = None
    unit: str | None = None
    label: str | None = None

    @property
    def batched(self) -> bool:
        """Whether the first axis counts samples (free, or one sample at a time)."""
        return bool(self.shape) and self.shape[0] in (None, 1)


@dataclass(frozen=True)
class Text:
    """How a text becomes a vector of counts; scikit-learn's CountVectorizer and HashingVectorizer.

    A text is lowered, then stripped of accents, then cut into tokens, then joined to n-grams;
    each n-gram adds one to its place. See text.py.

    Attributes:
        analyzer: ``word``, ``char`` or ``char_wb`` (characters within words).
        lowercase: Whether capital letters are the same as small ones.
        strip_accents: ``ascii``, ``unicode`` or None.
        token_pattern: What a word is, as a Python regular expression.
        portable_pattern: The same without ``\\w``, ``\\b`` and their like, which other languages
            read otherwise: for JavaScript (flag ``u``), Java, Kotlin, Swift and Dart.
        ngram_range: The least and the largest number of words or characters together.
        stop_words: Words that are left out before n-grams are made.
        vocabulary: The n-grams that count, in the order of their places.
        buckets: Without a vocabulary: the number of places, which MurmurHash3 chooses among.
        signed: Whether the hash's sign decides if one is added or taken away.
        binary: Whether a place tells only if there was something to count.
        also: Other ways in which the same text is counted, whose places come behind.
    """

    analyzer: str = "word"
    lowercase: bool = True
    strip_accents: str | None = None
    token_pattern: str | None = r"(?u)\b\w\w+\b"
    portable_pattern: str | None = r"[\p{L}\p{N}_]{2,}"
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] | None = None
    buckets: int | None = None
    signed: bool = False
    binary: bool = False
    also: tuple[Text, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers a text becomes."""
        own = self.buckets or len(self.vocabulary or ())
        return own + sum(one.width for one in self.also)


@dataclass(frozen=True)
class Tokens:
    """How a text becomes a row of token ids, or counts of them, as Keras does it.

    It is beside ``Text`` and no part of it: ``Text`` finds n-grams by a pattern and counts them,
    this cuts a text at separators and looks each piece up. Keras' ``Tokenizer`` with
    ``pad_sequences`` and Keras' ``TextVectorization`` are both this one, with other values (the
    defaults are the Tokenizer's); a bag of known words is a ``Text`` with ``binary``. See
    data/preprocessing/tokens.py.

    A text is lowered; its ``filters`` are taken out; it is cut; empty pieces are dropped; pieces
    are joined to n-grams; each becomes the id of its place in the vocabulary, or ``unknown``;
    the ids are cut and padded to ``length``, or counted in ``length`` places.

    A Tokenizer's ``num_words`` is no field: words beyond it are not in the vocabulary, and so
    become its ``oov_token`` or nothing, as Keras has it.

    Attributes:
        vocabulary: The tokens in the order of their ids. An empty one keeps a place free: no
            piece of a text is it.
        length: How many numbers a text becomes: ids (Keras' ``maxlen`` and
            ``output_sequence_length``), or places to count in.
        first: The id of the vocabulary's first token; those of TextVectorization begin at 0.
        unknown: The id of a piece that is no token; None drops it.
        output: ``ids``, ``counts`` (how often each id is in the text) or ``binary`` (whether it
            is; Keras' ``multi_hot``).
        padding: Where the ``pad_value`` goes when there are fewer ids: ``pre`` or ``post``.
        truncating: Where ids are cut off when there are more: ``pre`` or ``post``.
        pad_value: What stands where no id is.
        lowercase: ``unicode`` (Python's ``str.lower``), ``ascii`` (A to Z alone, as
            ``tf.strings.lower``) or ``none``.
        filters: Characters that are taken out, each for itself.
        filtered: What comes in their place: the ``separator``, or nothing (``removed``).
        split: At what a text is cut: at each ``separator``, at runs of ASCII's ``whitespace``,
            into ``characters``, or (``none``) not at all.
        separator: As in Python's ``str.split(separator)``.
        ngrams: How many neighbours are joined, with a blank between, one width after the other:
            ``(1,)`` are the pieces themselves.
    """

    vocabulary: tuple[str, ...]
    length: int
    first: int = 1
    unknown: int | None = None
    output: str = "ids"
    padding: str = "pre"
    truncating: str = "pre"
    pad_value: float = 0.0
    lowercase: str = "unicode"
    filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
    filtered: str = "separator"
    split: str = "separator"
    separator: str = " "
    ngrams: tuple[int, ...] = (1,)

    @property
    def width(self) -> int:
        """How many numbers a text becomes."""
        return self.length


@dataclass(frozen=True)
class Feature:
    """One column that a table model is asked about, as a person knows it.

    ``encode`` says how a value becomes numbers: ``none`` gives one float32, ``one-hot`` one 0/1
    per category in order, ``ordinal`` the index of the category; a text becomes
    counts (``text``) or token ids (``tokens``).

    ``missing`` says what an empty value becomes: an error, the ``default`` (``value``), or
    (``nan``) NaN for a number and, where ``encode`` is ``ordinal``, the index after the last.

    ``unknown`` says what a value that is no category becomes: an error; (``ignore``) nothing but
    zeros, or -1 where ``encode`` is ``ordinal``, or the number itself where it is ``none``; the
    last category (``infrequent``), with which scikit-learn counts the rare ones.

    ``label`` is what a form calls the column, where its name is none for people.
    """

    name: str
    kind: str = "number"
    min: float | None = None
    max: float | None = None
    step: float | None = None
    default: float | str | None = None
    unit: str | None = None
    categories: tuple[str, ...] | None = None
    encode: str = "none"
    missing: str = "error"
    unknown: str = "error"
    text: Text | None = None
    tokens: Tokens | None = None
    label: str | None = None

    @property
    def width(self) -> int:
        """How many numbers of the input tensor this feature fills."""
        if read := self.text or self.tokens:
            return read.width
        return len(self.categories or ()) if self.encode == "one-hot" else 1


@dataclass(frozen=True)
class Series:
    """A window of a series, which is what some models take: the last prices, or what sensors told.

    Attributes:
        channels: What is told at each step, in the order of the input's last axis.
        steps: How many steps the model looks back; None where it takes any number.
        unit: Of the numbers, such as ``USD``.
        target: The channel that the model forecasts; None where it answers something else.
        horizon: How many steps ahead are forecast, one number each.
    """

    channels: tuple[str, ...]
    steps: int | None = None
    unit: str | None = None
    target: str | None = None
    horizon: int = 1


@dataclass(frozen=True)
class ModelSpec:
    """What a model takes and gives, in the order of its signature."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


Function = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Named TensorFlow tensors in, named TensorFlow tensors out."""


@dataclass(frozen=True, eq=False)
class ModelStep:
    """One of the files that a model is made of, in the order in which data flow through them.

    Attributes:
        path: The file or folder.
        kind: What it is, such as ``transformer``, ``model`` or ``label_encoder``.
        does: The same for a person, such as ``StandardScaler of 13 columns``.
        columns: The columns that it takes or is picked at; empty where it takes all.
        key: Which part of a bundle it is.
        original: What the person's own object gives after this step; inputs and raw rows in.
        lowered: What the converted graph gives there, of the same inputs, in float32. Both are
            None of a step that changes no numbers.
        left_out: Within it the original answers as if this step were not there; None of a step
            without which nothing fits.
    """

    path: Path
    kind: str
    does: str
    columns: tuple[str, ...] = ()
    key: str | None = None
    original: Callable[[Arrays, Sequence[Mapping[str, Any]]], Array] | None = None
    lowered: Callable[[Arrays], Array] | None = None
    left_out: Callable[[], AbstractContextManager[None]] | None = None

    @property
    def name(self) -> str:
        """The file, and the part of it."""
        return self.path.name + (f"::{self.key}" if self.key else "")


@dataclass(frozen=True)
class OnnxGraph:
    """A model that another library has converted, to ONNX alone.

    Attributes:
        data: A serialized ModelProto, with the model's own names of inputs and outputs.
        converter: The library and its version.
        converted: The part of the model that only this library converts.
        outputs: What the graph gives.
    """

    data: bytes
    converter: str
    converted: str
    outputs: tuple[TensorSpec, ...]

    def __str__(self) -> str:
        """The one line that tells of it, without a full stop."""
        library = self.converter.partition(" ")[0]
        return (
            f"{self.converted} is converted by {library}, to ONNX alone: TFLite and TF.js cannot "
            "hold it"
        )


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A trained model in memory, ready to be asked and to be converted.

    Attributes:
        spec: Its inputs and outputs.
        kind: keras2, keras3, saved_model or sklearn.
        framework: The library and version that runs the original here.
        parameters: How many trained numbers it holds.
        predict: The original's own answers: arrays with a batch axis in, the same out.
        function: The model as a TensorFlow function of named tensors, traceable.
        plain: The same function in plainer operators, where it can be traced so: einsum as matrix
            products.
        trackables: What must stay alive while ``function`` is traced.
        notes: What a user should know about how the file was read, one line each.
        features: Columns read from the fitted transformers of a scikit-learn pipeline.
        typical: Mean and standard deviation of each column of a table input, where the model
            holds them; made-up samples are drawn from these.
        answers: Whose ``predict`` is: the ``original``'s, or the ``lowering``'s in float64, where
            the original's library can no longer answer.
        series: Of what a window is taken, where the only input is one: raw numbers go in, and
            what scales them is in ``function``.
        predict_rows: Of a model of texts, the original's own answers to the texts themselves:
            arrays, and the same samples as rows, in. None for all other models.
        steps: The files that it was made of, where these are several.
        onnx: Of what has no form in TensorFlow, the ONNX graph itself; ``function`` then raises
            ConversionError.
    """

    spec: ModelSpec
    kind: str
    framework: str
    parameters: int
    predict: Callable[[Arrays], Arrays]
    function: Function
    plain: Function | None = None
    trackables: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    features: tuple[Feature, ...] | None = None
    typical: tuple[Array, Array] | None = None
    answers: str = "original"
    series: Series | None = None
    predict_rows: Callable[[Arrays, Sequence[Mapping[str, Any]]], Arrays] | None = None
    steps: tuple[ModelStep, ...] = ()
    onnx: OnnxGraph | None = None

    def ask(self, inputs: Arrays, rows: Sequence[Mapping[str, Any]] = ()) -> Arrays:
        """The original's own answers, from the texts themselves where there are rows of them."""
        if self.predict_rows is not None and rows:
            return self.predict_rows(inputs, rows)
        return self.predict(inputs)


@dataclass(frozen=True, kw_only=True)
class LoadOptions(SizeOptions):
    """How to read a trained model.

    Attributes:
        signature: The signature of a SavedModel; None takes the one that serves.
        custom_objects: A Python file with the layers, losses and functions of the author.
        trust_pickle: Run code that a pickle or a Lambda layer brings along.
        input_shapes: Shapes by input name, with the batch axis, for axes the file leaves free.
        deterministic: Put the mean in the place of every random number that the model draws when
            it answers: noise is left out, and dropout keeps all values.
        threshold: The probability above which a model of two classes answers the second one; the
            files get an output ``class``.
        pad: How rows of token ids become equally long, such as
            ``maxlen=100,padding=post,truncating=pre``; what is left out is as Keras has it.
    """

    signature: str | None = None
    custom_objects: Path | None = None
    trust_pickle: bool = False
    input_shapes: Shapes = ()
    deterministic: bool = False
    threshold: float | None = None
    pad: str | None = None


class SizeKeywords(TypedDict, total=False):
    """``SizeOptions``."""

    max_size: int


class LoadKeywords(SizeKeywords, total=False):
    """``LoadOptions`` as keyword arguments."""

    signature: str | None
    custom_objects: str | os.PathLike[str] | None
    trust_pickle: bool
    input_shapes: Mapping[str, Sequence[int | None]] | Shapes
    deterministic: bool
    threshold: float | None
    pad: str | None


class Runner(Protocol):
    """A converted file, opened in its runtime: one sample in, its outputs out."""

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer one sample; tensors carry their batch axis, names are the model's."""
        ...


@runtime_checkable
class RemoteRunner(Runner, Protocol):
    """A runner in another process, a page: many samples go there at once, it says its own time.

    Attributes:
        seconds: Of each of the last answers, without the way there and back.
    """

    seconds: list[float]

    def predict_each(self, samples: Sequence[Arrays]) -> list[Arrays]:
        """Answer samples one after another."""
        ...


def as_dtype(values: Array, dtype: str) -> Array:
    """Values in the dtype that a tensor takes, without a copy where none is needed."""
    return np.ascontiguousarray(values, dtype=np.dtype(dtype))
