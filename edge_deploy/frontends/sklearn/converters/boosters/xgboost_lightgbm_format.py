"""What XGBoost and LightGBM write their models in, read without the libraries.

A pickle of one of their estimators holds the model as bytes or text, which the library would
hand to its compiled code; here the numbers are read out of it, and nothing else is done.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError, SourceError

_NUMBERS = {
    b"i": ">i1",
    b"U": ">u1",
    b"I": ">i2",
    b"l": ">i4",
    b"L": ">i8",
    b"d": ">f4",
    b"D": ">f8",
}
_VALUES = {b"T": True, b"F": False, b"Z": None}


def xgboost_model(handle: Any) -> dict[str, Any]:
    """The learner of an XGBoost model, from the ``handle`` of a pickled Booster.

    Since 1.0 that is JSON, since 2.0 UBJSON (https://ubjson.org, and XGBoost's "Introduction to
    Model IO" for what is in it).

    Raises:
        SourceError: It is of an older version, or damaged.
    """
    data = bytes(handle or b"")
    try:
        if not data.startswith(b"{"):
            raise ValueError("its binary format of before 1.0")
        found = json.loads(data) if data[1:2] in b'"\n ' else _Ubjson(data).value()
        learner = found.get("Model", found)["learner"]
        return dict(learner)
    except (ValueError, KeyError, TypeError, IndexError, struct.error, RecursionError) as error:
        raise SourceError(
            f"The XGBoost model in the file cannot be read ({error}). Load it with the XGBoost "
            "that saved it, and save it again from version 2 or later."
        ) from error


class _Ubjson:
    """A reader of Universal Binary JSON, as XGBoost writes it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("it is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind: bytes) -> Any:
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()

    def count(self) -> int:
        return int(self.number(self.take(1)))

    def text(self) -> str:
        return self.take(self.count()).decode()

    def value(self, kind: bytes | None = None) -> Any:
        kind = kind or self.take(1)
        if kind in _NUMBERS:
            return self.number(kind)
        if kind in _VALUES:
            return _VALUES[kind]
        if kind in (b"S", b"C"):
            return self.text() if kind == b"S" else self.take(1).decode()
        if kind == b"{":
            return self.items()
        if kind == b"[":
            return self.array()
        raise ValueError(f"an unknown mark {kind!r}")

    def items(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.at : self.at + 1] != b"}":
            name = self.text()
            found[name] = self.value()
        self.take(1)
        return found

    def array(self) -> Any:
        kind, count = None, None
        if self.data[self.at : self.at + 1] == b"$":
            kind = self.take(2)[1:]
        if self.data[self.at : self.at + 1] == b"#":
            self.take(1)
            count = self.count()
        if kind in _NUMBERS and count is not None:
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self.take(dtype.itemsize * count), dtype).astype(
                dtype.newbyteorder("=")
            )
        if count is not None:
            return [self.value(kind) for _ in range(count)]
        found = []
        while self.data[self.at : self.at + 1] != b"]":
            found.append(self.value())
        self.take(1)
        return found


def lightgbm_model(text: Any) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The head and the trees of a LightGBM model, from the text of a pickled Booster.

    Each is ``name=value`` lines (LightGBM's src/boosting/gbdt_model_text.cpp and
    src/io/tree.cpp write them).

    Raises:
        SourceError: It is no such text.
    """
    if not isinstance(text, str) or "end of trees" not in text:
        raise SourceError(
            "The LightGBM model in the file cannot be read. Load it with the LightGBM that saved "
            "it, and save it again from a newer one."
        )
    told, _, rest = text.partition("end of trees")
    head, *trees = told.split("\nTree=")
    found = _lines(head)
    for line in rest.splitlines():
        if line.startswith("[categorical_feature:"):
            found["categorical_feature"] = line.partition(":")[2].strip(" ]")
        elif line.startswith("pandas_categorical:"):
            found["pandas_categorical"] = line.partition(":")[2]
    return found, [_lines(tree) for tree in trees]


def lightgbm_categories(head: Mapping[str, str]) -> dict[int, list[Any]]:
    """The categories of the data frame that a LightGBM model was fitted on, by column.

    Raises:
        ConversionError: They are of columns that the text does not name.
    """
    try:
        known = json.loads(head.get("pandas_categorical", "null")) or []
    except ValueError as error:
        raise SourceError("The LightGBM model in the file has damaged categories.") from error
    columns = [int(one) for one in head.get("categorical_feature", "").split(",") if one.isdigit()]
    if known and len(known) != len(columns):
        raise ConversionError(
            f"The LightGBM model was fitted on a frame with {len(known)} columns of categories, of "
            f"which it splits {len(columns)} as such, and does not say which: ordered categories "
            "cannot be converted. Give their codes as numbers (column.cat.codes) and fit again."
        )
    return dict(zip(columns, known, strict=False))


def xgboost_categories(learner: Mapping[str, Any]) -> dict[int, list[Any]]:
    """The categories of the data frame that an XGBoost model was fitted on, by column.

    XGBoost writes them since 3.1; words are bytes of UTF-8 in a row, and offsets.
    """
    content = learner["gradient_booster"].get("model", {})
    found: dict[int, list[Any]] = {}
    for column, one in enumerate(content.get("cats", {}).get("enc", [])):
        values, ends = one.get("values", []), one.get("offsets")
        if ends is not None:
            raw = bytes(np.asarray(values, np.int8).astype(np.uint8))
            words = [raw[a:b].decode() for a, b in itertools.pairwise(np.asarray(ends).tolist())]
            if words:
                found[column] = words
        elif len(values):
            found[column] = np.asarray(values).tolist()
    return found


def _lines(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value if equals else "yes" for name, equals, value in pairs if name}
