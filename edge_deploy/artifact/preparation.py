"""What lies between what a user gives and a model's input, as manifest.json says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from edge_deploy.artifact.document import (
    Count,
    Name,
    Number,
    Part,
    Positive,
    Strings,
)


class ImageEntry(Part, frozen=True, kw_only=True):
    """How a picture becomes the input.

    It is decoded, cropped, resized, put in the order of channels, and then each number becomes
    ``((x * scale + offset) - mean) / std``, every step rounded to float32.

    Attributes:
        size: Height and width.
        crop: ``center`` cuts the largest middle part of the right proportions; ``none`` cuts
            nothing.
        resize: The filter: Pillow's ``nearest``, ``box``, ``bilinear``, ``hamming``, ``bicubic``
            or ``lanczos``, TensorFlow's ``tf-bilinear`` or ``tf-nearest``, or OpenCV's
            ``cv2-linear``.
        color: ``rgb``, ``bgr`` or ``gray``.
        scale: Factor of every number.
        offset: Added to it.
        mean: Taken away, by channel.
        std: Divided by, by channel.
    """

    size: tuple[int, ...] | None
    crop: str
    resize: str
    color: str | None
    scale: Number
    offset: Number
    mean: tuple[Number, ...] | None
    std: tuple[Number, ...] | None


class PreprocessingEntry(Part, frozen=True, kw_only=True):
    """What lies between what a user gives and the input.

    Attributes:
        image: How a picture becomes numbers.
    """

    image: ImageEntry


class TextEntry(Part, frozen=True, kw_only=True):
    """How a text becomes counts, as scikit-learn's CountVectorizer and HashingVectorizer do it.

    Attributes:
        analyzer: What is counted: words, characters, or characters within words.
        lowercase: Whether capital letters are the same as small ones.
        strip_accents: How accents are taken off; null where they are not.
        token_pattern: What a word is, as a Python regular expression; null for characters.
        portable_pattern: The same for JavaScript (flag ``u``), Java, Kotlin, Swift and Dart.
        ngram_range: The least and the largest number of words or characters together.
        stop_words: Words that are left out before n-grams are made.
        vocabulary: The n-grams that count, in the order of their places; null with ``buckets``.
        buckets: The number of places that MurmurHash3 chooses among; null with a vocabulary.
        signed: Whether the hash's sign decides if one is added or taken away.
        binary: Whether a place tells only if there was something to count.
        also: Other ways in which the same text is counted, whose places come behind.
    """

    analyzer: Literal["word", "char", "char_wb"]
    lowercase: bool
    strip_accents: Literal["ascii", "unicode", None]
    token_pattern: str | None
    portable_pattern: str | None
    ngram_range: Annotated[
        tuple[Positive, ...], Meta(min_length=2, extra_json_schema={"maxItems": 2})
    ]
    stop_words: tuple[str, ...]
    vocabulary: tuple[str, ...] | None
    buckets: Positive | None
    signed: bool
    binary: bool
    also: Annotated[tuple[TextEntry, ...], Meta(min_length=1)] | UnsetType = UNSET


class TokensEntry(Part, frozen=True, kw_only=True):
    """How a text becomes token ids, as Keras' Tokenizer and TextVectorization do it.

    A text is lowered, its filters are taken out, it is cut, pieces are joined to n-grams, each
    becomes the id of its place in the vocabulary, and the ids are cut and padded, or counted.

    Attributes:
        vocabulary: The tokens in the order of their ids; an empty one keeps a place free.
        length: How many ids a text becomes, or how many places they are counted in.
        first: The id of the first token.
        unknown: The id of what is no token; null drops it.
        output: Token ``ids``, how often each is in the text (``counts``), or whether it is
            (``binary``).
        padding: Where ``pad_value`` goes when there are fewer ids.
        truncating: Where ids are cut off when there are more.
        pad_value: What stands where no id is.
        lowercase: Which capital letters become small ones: all of Unicode, A to Z, or none.
        filters: Characters that are taken out, each for itself.
        filtered: What comes in their place: the separator, or nothing.
        split: At what a text is cut: each ``separator``, runs of ASCII's ``whitespace``, between
            ``characters``, or (``none``) nowhere.
        separator: Between tokens.
        ngrams: How many neighbours are joined, with a blank between, one width after the other.
    """

    vocabulary: Strings
    length: Positive
    first: Count
    unknown: Count | None
    output: Literal["ids", "counts", "binary"]
    padding: Literal["pre", "post"]
    truncating: Literal["pre", "post"]
    pad_value: Number
    lowercase: Literal["none", "ascii", "unicode"]
    filters: str
    filtered: Literal["separator", "removed"]
    split: Literal["separator", "whitespace", "characters", "none"]
    separator: str
    ngrams: Annotated[tuple[Positive, ...], Meta(min_length=1)]


class FeatureEntry(Part, frozen=True, kw_only=True):
    """A column of a table model, in the order of the input.

    Attributes:
        name: The column.
        kind: What a user gives: a number, one of some categories, or a text.
        min: The least number that makes sense; null where nobody said.
        max: The largest.
        step: The distance of neighbouring numbers.
        default: What a form begins with, and what stands for an empty value where ``missing`` is
            ``value``.
        unit: Of a number.
        categories: In the model's order; null for other kinds.
        encode: How a value becomes numbers: ``none`` gives one, ``one-hot`` one 0 or 1 a
            category, ``ordinal`` the index of the category.
        missing: What an empty value becomes: ``error`` refuses it, ``value`` is the default,
            ``nan`` is NaN (of an ordinal category the index after the last).
        unknown: What a value that is no category becomes: ``error`` refuses it, ``ignore`` is
            nothing but zeros (of an ordinal category -1), ``infrequent`` is the last category.
        text: How a text is counted; null for other kinds, and where it becomes token ids.
        tokens: How a text becomes token ids; absent for other columns.
        label: What a form calls it; absent where that is its name.
    """

    name: Name
    kind: Literal["number", "category", "text"]
    min: Number | None
    max: Number | None
    step: Number | None
    default: Any
    unit: Any
    categories: Strings | None
    encode: Literal["none", "one-hot", "ordinal"]
    missing: Literal["error", "value", "nan"]
    unknown: Literal["error", "ignore", "infrequent"]
    text: TextEntry | UnsetType | None = UNSET
    tokens: TokensEntry | UnsetType = UNSET
    label: Name | UnsetType = UNSET


class SeriesEntry(Part, frozen=True, kw_only=True):
    """A window of a series, which is the input.

    Attributes:
        channels: What is told at each step, in the order of the input's last axis.
        steps: How many steps the model looks back; null where it takes any number.
        unit: Of the numbers, such as ``USD``; null where nobody said.
        target: The channel that the model forecasts; null where it answers something else.
        horizon: How many steps ahead are forecast, one number each.
    """

    channels: Strings
    steps: Positive | None
    unit: str | None
    target: str | None
    horizon: Positive

    def __post_init__(self) -> None:
        if self.target is not None and self.target not in self.channels:
            raise ValueError(f".target: is {self.target!r}, none of {', '.join(self.channels)}")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError(".channels: has the same one twice")
