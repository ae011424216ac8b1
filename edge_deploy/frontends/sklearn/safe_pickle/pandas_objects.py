"""What pandas wrote into a pickle, as plain values: names of columns, tables, and no pandas.

Columns are chosen by ``frame.columns`` or a Series as often as by a list, so that pipelines hold an
Index; encoders of other libraries keep what they learned in a Series or a DataFrame. Each version
of pandas pickles them from other modules and in another form. None of its code is run: an Index
becomes a list, a Series a list that knows its labels, a DataFrame a table of its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.safe_pickle.makers import Making, attributes
from edge_deploy.frontends.sklearn.safe_pickle.records import Call, Named

MOST = 1_000_000
"""The most values of an Index or a Series; a list takes more memory than its file."""


class Series(list[Any]):
    """The values of a Series, and the label of each.

    Attributes:
        labels: As many as there are values.
        name: What the Series is called.
    """

    labels: Sequence[Any] = ()
    name: Any = None


@dataclass(frozen=True, eq=False)
class Table:
    """A DataFrame.

    Attributes:
        columns: The names of its columns.
        labels: The label of each row.
        values: The values of each column, in their order.
    """

    columns: Sequence[Any]
    labels: Sequence[Any]
    values: Sequence[Sequence[Any]] = field(repr=False)

    def column(self, name: Any) -> list[Any]:
        """The values of a column.

        Raises:
            ValueError: There is none of this name.
        """
        return as_list(self.values[list(self.columns).index(name)])


@dataclass(frozen=True, eq=False)
class _Blocks:
    """A BlockManager: arrays of several columns each, the columns of each, and the axes."""

    values: list[Any]
    places: list[Any]
    axes: list[Any]


@dataclass(frozen=True, eq=False)
class _Kinds:
    """A CategoricalDtype."""

    categories: list[Any]


def as_list(values: Any) -> list[Any]:
    """Values as Python has them.

    Raises:
        ValueError: They are none, or more than MOST.
    """
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError("values of pandas with more than one axis")
        if values.dtype.kind in "mM":
            values = values.astype(str)
        values = values.tolist() if len(values) <= MOST else values
    if not isinstance(values, (list, tuple, range)):
        raise ValueError(f"values of pandas that are {type(values).__name__}")
    if len(values) > MOST:
        raise ValueError(f"more than {MOST} values of pandas")
    return list(values)


def _dict(record: Any) -> Making:
    built = yield record
    if type(built) is not dict or not all(isinstance(key, str) for key in built):
        raise ValueError("a state of pandas that is none")
    return built


def _index(record: Call) -> Making:
    """``_new_Index(class, {"data": ..., "name": ...})``."""
    kind, state = record.arguments
    has = yield from _dict(state)
    name = kind.name[1] if isinstance(kind, Named) else ""
    if name == "RangeIndex" or "start" in has:
        ends = has.get("start"), has.get("stop"), has.get("step")
        if not all(type(end) is int and abs(end) < 1 << 53 for end in ends):
            raise ValueError("a range of pandas that is none")
        made = range(*ends)
        return list(made) if len(made) <= MOST else made
    if name == "MultiIndex" or "levels" in has:
        levels, codes = has["levels"], has.get("codes", has.get("labels"))
        parts = [_taken(*pair) for pair in zip(levels, codes, strict=True)]
        return list(zip(*parts, strict=True))
    return as_list(has["data"])


def _taken(categories: Any, codes: Any) -> list[Any]:
    """The category of each code; -1 is a missing value."""
    known, at = as_list(categories), np.asarray(codes)
    if at.ndim != 1 or at.dtype.kind not in "iu" or len(at) > MOST:
        raise ValueError("codes of pandas that are none")
    if len(at) and not -1 <= at.min() <= at.max() < len(known):
        raise ValueError("codes of pandas without their category")
    return [known[code] if code >= 0 else float("nan") for code in at.tolist()]


def _backed(record: Call) -> Making:
    """``__pyx_unpickle_NDArrayBacked(class, ...)`` and its state: a dtype and an array."""
    kind = record.arguments[0] if record.arguments else None
    state = record.state[0] if record.state else None
    if state is None and len(record.arguments) == 3:
        state = record.arguments[2]
    parts = (yield state) if isinstance(state, tuple) else ()
    dtype = next((one for one in parts if isinstance(one, _Kinds)), None)
    array = next((one for one in parts if isinstance(one, np.ndarray)), None)
    if not isinstance(kind, Named) or array is None:
        raise ValueError("an array of pandas that is none")
    if dtype is not None:
        return _taken(dtype.categories, array)
    return array if array.ndim > 1 or kind.name[1].startswith(("Datetime", "Timedelta")) else (
        as_list(array)
    )  # fmt: skip


def _by_state(record: Call) -> Making:
    """An array with attributes: a Categorical, strings, or numbers with a mask."""
    has = yield from attributes(record)
    has = has or {}
    values = has.get("_ndarray", has.get("_data", has.get("_codes", has.get("_pa_array"))))
    if (kinds := has.get("_dtype", has.get("dtype"))) is not None and isinstance(kinds, _Kinds):
        return _taken(kinds.categories, has.get("_codes", values))
    found = as_list(values)
    mask = has.get("_mask")
    if isinstance(mask, np.ndarray) and mask.shape == (len(found),):
        found = [
            float("nan") if gone else one for one, gone in zip(found, mask.tolist(), strict=True)
        ]
    return found


def _kinds(record: Call) -> Making:
    """A CategoricalDtype: its categories are in its state, or are what it is called with."""
    has = yield from attributes(record)
    categories = (has or {}).get("_categories", (has or {}).get("categories"))
    if categories is None and record.arguments:
        categories = yield record.arguments[0]
    return _Kinds([] if categories is None else as_list(categories))


def _nothing(record: Call) -> Making:
    """What says how values are kept, which plain ones do not need."""
    yield from ()
    return None


def _block(record: Call) -> Making:
    """``_unpickle_block(values, places, axes)``."""
    values, places = (yield record.arguments)[:2]
    return values, places


def _manager(record: Call) -> Making:
    """A manager of blocks, as pandas 1.0 to 3 have written it."""
    if record.state and isinstance(record.state[0], tuple) and record.state[0]:
        has = yield record.state[0][-1]
        has = has.get("0.14.1") if type(has) is dict else None
        if type(has) is not dict or not isinstance(has.get("blocks"), list):
            raise ValueError("blocks of pandas that are none")
        parts = [(one["values"], one["mgr_locs"]) for one in has["blocks"]]
        return _Blocks([v for v, _ in parts], [p for _, p in parts], list(has["axes"]))
    given = yield record.arguments
    if len(given) < 2:
        raise ValueError("blocks of pandas that are none")
    blocks, axes = given[:2]
    if blocks and not isinstance(blocks[0], tuple):  # of a Series, there is one
        blocks, axes = (blocks,), [axes]
    return _Blocks([v for v, _ in blocks], [p for _, p in blocks], list(axes))


def _managed(record: Call) -> Making:
    """The blocks of a Series or a DataFrame, and its other attributes."""
    has = (yield from attributes(record)) or {}
    blocks = has.get("_mgr", has.get("_data"))
    if blocks is None and record.arguments:
        blocks = yield record.arguments[0]
    if not isinstance(blocks, _Blocks):
        raise ValueError("a frame of pandas without its blocks")
    return blocks, has


def _of_arrow(record: Call) -> Making:
    """``_restore_array((type, length, nulls, offset, buffers, ...))``: strings of Apache Arrow.

    The bytes of all strings follow one another in the last buffer; the second says where each
    begins, and the bits of the first which ones are there.
    """
    parts = record.arguments[0] if len(record.arguments) == 1 else None
    if not isinstance(parts, tuple) or len(parts) < 5:
        raise ValueError("an array of Arrow that is none")
    kind, length, _, offset, buffers, *_ = yield parts
    if kind not in _WIDTHS or not isinstance(buffers, list) or len(buffers) != 3:
        raise UntrustedError("an array of Arrow that is not of strings")
    if not all(type(n) is int and 0 <= n <= MOST for n in (length, offset)):
        raise ValueError(f"more than {MOST} strings of Arrow")
    valid, starts, text = (b"" if one is None else bytes(one) for one in buffers)
    end = offset + length + 1
    if len(starts) < end * np.dtype(_WIDTHS[kind]).itemsize and length:
        raise ValueError("strings of Arrow without their places")
    places = np.frombuffer(starts, _WIDTHS[kind], count=end if length else 0)[offset:].tolist()
    there = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[offset:].tolist()
    if valid and len(there) < length:
        raise ValueError("strings of Arrow without their marks")
    if places and not (places[0] >= 0 and places == sorted(places) and places[-1] <= len(text)):
        raise ValueError("strings of Arrow that lie outside of their bytes")
    return [
        text[places[n] : places[n + 1]].decode("utf-8") if not valid or there[n] else float("nan")
        for n in range(length)
    ]


_WIDTHS = {"string": "<i4", "large_string": "<i8"}


def _chunks(record: Call) -> Making:
    """``chunked_array(arrays, type)``."""
    parts = yield record.arguments[0]
    return as_list([one for part in parts for one in part])


def _given(record: Call) -> Making:
    """What is called with one value, and stands for it."""
    (value,) = yield record.arguments
    return value


def _dates(record: Call) -> Making:
    """``_new_DatetimeIndex(class, {"data": ...})``: days and times as texts."""
    has = yield from _dict(record.arguments[1])
    return as_list(has["data"])


def _series(record: Call) -> Making:
    blocks, has = yield from _managed(record)
    (values,), (axis,) = blocks.values, blocks.axes
    made = Series(as_list(values[0] if np.ndim(values) == 2 else values))
    if len(axis) != len(made):
        raise ValueError("a Series whose labels are not as many as its values")
    made.labels, made.name = axis, has.get("_name", has.get("name"))
    return made


def _frame(record: Call) -> Making:
    blocks, _ = yield from _managed(record)
    columns, labels = blocks.axes
    found: list[Any] = [None] * len(columns)
    for values, places in zip(blocks.values, blocks.places, strict=True):
        own = _places(places, len(columns))
        if isinstance(values, np.ndarray) and values.ndim == 2:
            parts: Sequence[Any] = list(values)
        else:  # what pandas keeps in arrays of its own is one column
            parts = [values]
        if len(parts) != len(own):
            raise ValueError("a block of pandas without its columns")
        for at, part in zip(own, parts, strict=True):
            if len(part) != len(labels):
                raise ValueError("a column of pandas that is shorter than its table")
            found[at] = part
    if any(one is None for one in found):
        raise ValueError("a column of pandas without values")
    return Table(columns, labels, found)


def _places(places: Any, count: int) -> list[int]:
    if isinstance(places, slice):
        return list(range(count))[places]
    at = np.atleast_1d(np.asarray(places))
    if (
        at.ndim != 1
        or at.dtype.kind not in "iu"
        or (len(at) and not 0 <= at.min() <= at.max() < count)
    ):
        raise ValueError("places of columns that are none")
    return [int(n) for n in at]


_MAKERS: dict[str, Callable[[Call], Making]] = {
    "_new_Index": _index,
    "_new_DatetimeIndex": _dates,
    "_restore_array": _of_arrow,
    "chunked_array": _chunks,
    "py_buffer": _given,
    "type_for_alias": _given,
    "__pyx_unpickle_NDArrayBacked": _backed,
    "__pyx_unpickle_BlockPlacement": _nothing,
    "_unpickle_block": _block,
    "new_block": _block,
    "BlockManager": _manager,
    "SingleBlockManager": _manager,
    "CategoricalDtype": _kinds,
    "DataFrame": _frame,
    "Series": _series,
    "StringDtype": _nothing,
    **dict.fromkeys(
        ("ArrowStringArray", "ArrowStringArrayNumpySemantics", "BooleanArray", "Categorical",
         "DatetimeArray",
         "FloatingArray", "IntegerArray", "NumpyExtensionArray", "PandasArray", "StringArray"),
        _by_state,
    ),
    **dict.fromkeys(
        ("BooleanDtype", "DateOffset", "Flags", "Float64Dtype", "Int64Dtype", "NumpyEADtype",
         "PandasDtype"),
        _nothing,
    ),
}  # fmt: skip


def make(record: Call) -> Making:
    """What a call of something of pandas stands for.

    Raises:
        UntrustedError: It is called with names, which pandas itself never writes.
        ValueError: Its parts do not fit together.
    """
    if record.keywords is not None:
        raise UntrustedError(f"a call of {'.'.join(record.function.name)} with names")
    return _MAKERS[record.function.name[1]](record)
