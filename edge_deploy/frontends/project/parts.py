"""The parts of a chain: what each file holds, told by its content and never by its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import check_file, open_file, parse_json, read_text
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.file_kinds import READABLE, sniff
from edge_deploy.frontends.project.steps import EVERY, Step
from edge_deploy.frontends.project.tokenizers import WordIndex, tokenizer_of
from edge_deploy.frontends.sklearn import loader as sklearn
from edge_deploy.frontends.sklearn.catboost_file import is_catboost
from edge_deploy.frontends.sklearn.compat.fitted import attribute
from edge_deploy.frontends.sklearn.compat.stand_ins import FOREIGN, LegacyObject, is_tokenizer
from edge_deploy.frontends.sklearn.dataframe.vectorizers import VECTORIZERS
from edge_deploy.frontends.sklearn.safe_pickle.keras_models import KerasFile

_LEFT_OUT: ContextVar[Any] = ContextVar("left_out", default=None)

LABEL_ENCODERS = ("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer")
_SEARCHES = ("GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV")
_HEAD = 4096
_PICKLES = (".pkl", ".pickle", ".joblib", ".sav")
_SHOWN = 4


@dataclass(frozen=True, eq=False)
class Part:
    """What one file, or one entry of a bundle, is.

    Attributes:
        kind: ``model``, ``transformer``, ``vectorizer``, ``label_encoder``, ``names`` (a list or
            dict of words: classes, columns or a vocabulary, as its place in the chain decides),
            ``tokenizer``, ``threshold``, or ``bundle``.
        value: The fitted object or the plain value; None of a model that a library of its own
            opens.
        path: The file.
        key: Its place in a bundle.
        columns: The columns that were asked for; None where nobody said.
        loader: Of a model: ``keras``, ``saved_model`` or ``sklearn``.
        notes: On how it was read.
    """

    kind: str
    value: Any
    path: Path
    key: str | None = None
    columns: tuple[str, ...] | None = None
    loader: str = ""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.path.name + ("" if self.key is None else f"::{self.key}")

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The columns that were asked for by name."""
        return None if self.columns in (None, EVERY) else self.columns

    @property
    def does(self) -> str:
        """What it is, for a person."""
        if self.kind == "model":
            if self.value is None or isinstance(self.value, KerasFile):
                return "Keras model" if self.loader == "keras" else "model"
            return type(last_of(self.value)).__name__
        if self.kind == "threshold":
            return f"threshold of {self.value:g}"
        if self.kind == "tokenizer":
            return f"tokenizer of {len(self.value.ids):,} words"
        if self.kind == "names":
            names = as_names(self)
            more = ", …" if len(names) > _SHOWN else ""
            return f"{len(names)} names: {', '.join(names[:_SHOWN])}{more}"
        name = type(self.value).__name__
        if self.kind == "label_encoder":
            return f"{name} of {len(self.value.classes_)} classes"
        width = attribute(self.value, "n_features_in_")
        return f"{name} of {width} column{'s' * (width != 1)}" if width else name


@contextmanager
def left_out(part: Part) -> Iterator[None]:
    """Answer as if a step were not there, which is how one is found that should not be."""
    token = _LEFT_OUT.set(part.value)
    try:
        yield
    finally:
        _LEFT_OUT.reset(token)


def is_left_out(part: Part) -> bool:
    """Whether a step passes on what it is given."""
    return part.value is not None and _LEFT_OUT.get() is part.value


def open_part(step: Step, options: LoadOptions) -> Part:
    """Tell what a file holds.

    Args:
        step: The file, the part of it that is wanted, and the columns.
        options: How it is read.

    Returns:
        The part; one of kind ``bundle`` holds several.

    Raises:
        UsageError: It is not there, or nothing that has a place in a chain.
        UntrustedError: A pickle would run code.
        SourceError: It is damaged.
    """
    path = step.path
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder. A step is a model ({READABLE}), or a "
                         "fitted transformer, encoder or list that goes with it.")  # fmt: skip
    if not path.is_dir():
        check_file(path)
        head = _head(path)
        if not is_catboost(head) and (text := _as_text(path, head)) is not None:
            return _of_text(step, text)
    loader = sniff(path)
    if loader != "sklearn":
        return Part("model", None, path, step.key, step.columns, loader)
    value, notes = sklearn.read_object(path, options)
    return part_of(value, step, notes)


def part_of(value: Any, step: Step, notes: tuple[str, ...] = ()) -> Part:
    """The part that an object is.

    Raises:
        UsageError: It has no place in a chain.
    """
    if (kind := kind_of(value)) is None:
        sklearn.check_is_estimator(step.path, value)  # which says what it is instead, and the mend
        raise UsageError(f"{step.path}: holds {_told(value)}, which has no place in a model.")
    if kind == "tokenizer":
        value = value if isinstance(value, WordIndex) else tokenizer_of(value, step.name)
    loader = "sklearn" if kind == "model" else ""
    if isinstance(value, KerasFile):
        loader = "keras"
    return Part(kind, value, step.path, step.key, step.columns, loader, notes)


def kind_of(value: Any) -> str | None:
    """The kind of part that an object is; None of what is none."""
    from sklearn.base import BaseEstimator

    name = type(value).__name__
    if isinstance(value, LegacyObject) and is_tokenizer(type(value).__module__, name):
        return "tokenizer"
    if isinstance(value, WordIndex):
        return "tokenizer"
    if isinstance(value, KerasFile):
        return "model"
    if isinstance(value, LegacyObject) and not _is_estimators(value):
        return "bundle"
    if isinstance(value, (BaseEstimator, LegacyObject)):
        if name in LABEL_ENCODERS:
            return "label_encoder"
        last = last_of(value)
        if isinstance(last, LegacyObject) or hasattr(type(last), "predict"):
            return "model"
        if starts_with_texts(value):
            return "vectorizer"
        return "transformer" if hasattr(type(last), "transform") else "model"
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | float | np.number):
        return "threshold"
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "fi":
        return "threshold"
    if _are_names(value):
        return "names"
    if isinstance(value, Mapping | list | tuple) or _is_namespace(value):
        return "bundle"
    return None


def _is_estimators(value: LegacyObject) -> bool:
    """Whether a stand-in takes the place of an estimator, and not of its author's own class."""
    return type(value).__module__.partition(".")[0] in (
        *FOREIGN,
        "sklearn",
        "functools",
        "imblearn",
    )


def last_of(estimator: Any) -> Any:
    """What a pipeline or a search ends in."""
    name = type(estimator).__name__
    if name in _SEARCHES:
        best = attribute(estimator, "best_estimator_")
        return estimator if best is None else last_of(best)
    if name == "Pipeline":
        kept = [step for _, step in estimator.steps if step is not None and step != "passthrough"]
        return last_of(kept[-1]) if kept else estimator
    return estimator


def starts_with_texts(step: Any) -> bool:
    """Whether the first thing that is done is to count words."""
    name = type(step).__name__
    if name == "FeatureUnion":
        return any(starts_with_texts(one) for _, one in step.transformer_list)
    if name == "Pipeline":
        return bool(step.steps) and starts_with_texts(step.steps[0][1])
    return name in VECTORIZERS


def as_names(part: Part) -> tuple[str, ...]:
    """The words of a list, or of a dict in either direction, in their order.

    Raises:
        UsageError: The numbers of a dict are not 0, 1, 2, ….
    """
    value = part.value
    if not isinstance(value, Mapping):
        return tuple(map(_word, np.ravel(np.asarray(value, dtype=object)).tolist()))
    if not value:
        return ()
    first = next(iter(value.values()))
    forward = isinstance(first, str)
    pairs = [(_index(k), _word(v)) if forward else (_index(v), _word(k)) for k, v in value.items()]
    pairs.sort()
    numbers = [number for number, _ in pairs]
    if numbers not in (list(range(len(pairs))), list(range(1, len(pairs) + 1))):
        shown = ", ".join(map(str, numbers[:6]))
        raise UsageError(
            f"{part.name}: its numbers are {shown}{', …' if len(numbers) > 6 else ''}, and classes "
            "are counted 0, 1, 2, … without a gap."
        )
    return tuple(name for _, name in pairs)


def _word(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _index(value: Any) -> int:
    return int(value)


def _are_names(value: Any) -> bool:
    """A list, an array or a dict of words and their numbers, in either direction."""
    if isinstance(value, Mapping):
        if not value:
            return False
        pairs = list(value.items())
        return all(isinstance(k, str) and _is_count(v) for k, v in pairs) or all(
            _is_count(k) and isinstance(v, str) for k, v in pairs
        )
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and len(value) > 0 and _are_names(value.tolist())
    if not isinstance(value, list | tuple) or not value:
        return False
    texts = all(isinstance(one, str | np.str_) for one in value)
    return texts or (len(value) > 1 and all(_is_plain(one) for one in value))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, np.str_, int, float, np.number)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and value.isascii() and len(value) < 10
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return False
    number = float(value)
    return math.isfinite(number) and number.is_integer() and 0 <= number < 1e9


def _is_namespace(value: Any) -> bool:
    return type(value).__name__ == "SimpleNamespace"


def _told(value: Any) -> str:
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"


def _head(path: Path) -> bytes:
    with open_file(path, SourceError) as file:
        return file.read(_HEAD)


def _as_text(path: Path, head: bytes) -> str | None:
    """The text of a file that is one: JSON, or lines of words."""
    told = path.suffix in (".json", ".txt", ".names", ".labels")
    starts = head.lstrip()[:1] in (b"{", b"[", b'"') and path.suffix not in _PICKLES
    if b"\0" in head or head.startswith(b"version https://git-lfs") or not (told or starts):
        return None
    return read_text(path)


def _of_text(step: Step, text: str) -> Part:
    path = step.path
    if text.lstrip()[:1] not in ("{", "[", '"') and path.suffix != ".json":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) == 1 and _is_number(lines[0]):
            return part_of(float(lines[0]), step)
        return part_of(lines, step)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error}).") from error
    found = tokenizer_of(value, path.name) if isinstance(value, str) or _is_config(value) else None
    if found is not None:
        return part_of(found, step)
    if isinstance(value, Mapping) and len(value) == 1 and kind_of(value) == "bundle":
        (value,) = value.values()  # {"classes": [...]}, {"threshold": 0.4}
    return part_of(value, step)


def _is_config(value: Any) -> bool:
    return isinstance(value, Mapping) and ("class_name" in value or "word_index" in value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
