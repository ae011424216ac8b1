"""Trees that split on categories.

Each set of categories that a tree asks for becomes a column of its own, by one look into a table:
0 where the row goes left and 1 where it goes right. To the forest it is a number like any other,
compared with 0.5, and there is one kernel for all trees.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Transform,
    exactly,
    fills,
    lower_steps,
    of_columns,
    real,
    without_fill,
)
from edge_deploy.frontends.sklearn.converters.tree_traversal import Tree

HALF = 0.5
"""The threshold of a node that asks for a set."""


@dataclass(eq=False)
class Sets:
    """The sets of categories that trees ask for.

    Attributes:
        width: How many columns the trees' input has without them.
        asked: The column of each set: by the column of the category, which codes go left, and
            whether other codes and missing values do.
        place: Where each column of the trees is in the input, if it is not at its own.
    """

    width: int
    asked: dict[tuple[int, bytes, bool, bool], int] = field(default_factory=dict)
    place: Array | None = None

    def column(self, of: int, left: Array, other: bool, missing: bool) -> int:
        """The column of a set.

        Args:
            of: The column of the category, which holds codes from 0.
            left: Whether each code goes left.
            other: Whether any other code does.
            missing: Whether a missing value does.
        """
        kept = int(np.max(np.flatnonzero(left != other), initial=-1)) + 1
        key = (int(of), left[:kept].astype(bool).tobytes(), bool(other), bool(missing))
        return self.asked.setdefault(key, self.width + len(self.asked))

    @property
    def columns(self) -> list[int]:
        """The columns of categories."""
        return sorted({key[0] for key in self.asked})

    def wider(self, trees: Sequence[Tree]) -> tuple[list[Tree], Transform | None]:
        """The trees over the columns and those of the sets, and what puts these behind.

        Args:
            trees: The trees.
        """
        place = np.arange(self.width) if self.place is None else self.place
        renamed = np.concatenate([place, np.empty(len(self.asked), np.int64)])
        tables: list[tuple[int, Array]] = []
        for of in self.columns:
            keys = [key for key in self.asked if key[0] == of]
            start = self.width + sum(table.shape[1] for _, table in tables)
            renamed[[self.asked[key] for key in keys]] = start + np.arange(len(keys))
            tables.append((int(place[of]), _table(keys)))

        def expand(x: Any) -> Any:
            found = [
                _unpacked(tf.gather(_packed(table), _row(x[:, at], len(table) - 2)), table.shape[1])
                for at, table in tables
            ]
            return tf.concat([x, *found], axis=1)

        inner = [np.where(np.asarray(tree.left) < 0, 0, tree.column) for tree in trees]
        moved = [
            replace(tree, column=renamed[column]) for tree, column in zip(trees, inner, strict=True)
        ]
        return moved, expand if tables else None


def _table(keys: Sequence[tuple[int, bytes, bool, bool]]) -> Array:
    """(codes, then any other, then missing; sets): 1 where a row goes right."""
    codes = max(len(left) for _, left, _, _ in keys)
    table = np.empty((codes + 2, len(keys)), real())
    for n, (_, left, other, missing) in enumerate(keys):
        table[:-1, n] = not other
        table[: len(left), n] = ~np.frombuffer(left, bool)
        table[-1, n] = not missing
    return table


_BITS = 16  # of a table's number, which float32 holds exactly


def _packed(table: Array) -> Array:
    """A table of 0 and 1 with sixteen columns in each number, the first in the lowest bit."""
    words = -(-table.shape[1] // _BITS)
    bits = np.zeros((len(table), words * _BITS))
    bits[:, : table.shape[1]] = table
    powers = 2.0 ** np.arange(_BITS)
    return np.asarray((bits.reshape(len(table), words, _BITS) @ powers).astype(real()))


def _unpacked(words: Any, columns: int) -> Any:
    """(samples, columns): the bits of numbers."""
    shifted = words[:, :, tf.newaxis] * (0.5 ** np.arange(_BITS)).astype(real())
    bits = tf.floor(shifted) - 2.0 * tf.floor(shifted * 0.5)
    return tf.reshape(bits, [-1, words.shape[1] * _BITS])[:, :columns]


def _row(codes: Any, count: int) -> Any:
    """The row of a table for each code, cut to an integer as the libraries do."""
    known = (codes >= 0.0) & (codes < float(count))
    row = tf.where(known, codes, tf.fill(tf.shape(codes), real()(count)))
    row = tf.where(tf.math.is_nan(codes), tf.fill(tf.shape(codes), real()(count + 1)), row)
    return tf.cast(row, tf.int32)


@dataclass(frozen=True, eq=False)
class Own:
    """What a model of trees does with its columns before the trees see them.

    Attributes:
        columns: Those that hold categories.
        encoder: An OrdinalEncoder of them.
    """

    columns: list[int]
    encoder: Any


def own_categories(model: Any) -> Own | None:
    """The categories that a fitted model keeps itself, if it does.

    sklearn.ensemble.HistGradientBoosting* since 1.4 has a ColumnTransformer inside
    (``_preprocessor``); of boosters of other libraries, boosters.facts gives ``own_categories_``.
    """
    has = getattr(model, "__dict__", {})
    own: Own | None = has.get("own_categories_")
    if own is not None:
        return own
    if (inside := has.get("_preprocessor")) is None:
        return None
    steps = {label: (step, columns) for label, step, columns in inside.transformers_}
    encoder, chosen = steps["encoder"]
    columns = [int(n) for n in np.flatnonzero(chosen)]
    return Own(columns, encoder) if columns else None


def own_encoder(categories: Mapping[int, Sequence[Any]], unknown: str) -> Own:
    """Categories by column as an encoder that a model of another library stands for.

    Args:
        categories: In the order of their codes.
        unknown: What is done with a category that is none of them (``handle_unknown``).
    """
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(handle_unknown=unknown, encoded_missing_value=np.nan)
    encoder.categories_ = [np.array([*v, np.nan], dtype=object) for v in categories.values()]
    encoder._missing_indices = {n: len(v) for n, v in enumerate(categories.values())}
    encoder._infrequent_enabled = False
    return Own([int(column) for column in categories], encoder)


def encoded(model: Any, width: int, before: Affine) -> tuple[Transform | None, Affine, Array]:
    """A model's columns with codes in place of categories, those of categories first.

    Args:
        model: A model of trees.
        width: How many columns it takes.
        before: Scaling that they have yet to go through.

    Returns:
        What puts the codes there, or None where they are there; the scaling of the columns in
        their new order; and where each column is then.
    """
    own = own_categories(model)
    if own is None:
        return None, before, np.arange(width)
    filled, before = fills(before), without_fill(before)
    if any(isinstance(one, str) for values in own.encoder.categories_ for one in values):
        raise ConversionError(
            f"{type(model).__name__} takes words as categories, which cannot be converted in this "
            "place: only where its columns are those of the data frame. Encode them before it."
        )
    rest = [n for n in range(width) if n not in own.columns]
    order = np.array([*own.columns, *rest], np.int32)
    to_codes = lower_steps([_before_scaling(model, own, before)]).transform
    columns = np.array(own.columns, np.int32)

    def transform(x: Any) -> Any:
        x = filled(x)
        codes = to_codes(tf.gather(x, columns, axis=1))
        return tf.concat([codes, tf.gather(x, np.array(rest, np.int32), axis=1)], axis=1)

    place = np.empty(width, np.int64)
    place[order] = np.arange(width)
    plain = np.where(np.isin(order, own.columns), -1, order)  # codes are not scaled
    return transform, picked(before, plain, width), place


def _before_scaling(model: Any, own: Own, before: Affine) -> Any:
    """The encoder of the whole numbers that a scaler made its categories of."""
    encoder = copy.copy(own.encoder)
    encoder.categories_ = []
    for column, values in zip(own.columns, own.encoder.categories_, strict=True):
        if not _is_scaled(before, column):
            encoder.categories_.append(values)
            continue
        scaled = np.asarray(values, np.float64)
        at, known = np.full(len(scaled), column), ~np.isnan(scaled)
        centre, gain, offset = (
            of_columns(part, at) for part in (before.centre, before.gain, before.offset)
        )
        given = np.rint((scaled - offset) / gain + centre)
        if before.turn is not None or (exactly(before)(given, at) != scaled)[known].any():
            raise _scaled(model)
        encoder.categories_.append(given)
    return encoder


def picked(before: Affine, order: Array, width: int) -> Affine:
    """The scaling of some columns; -1 stands for a column that is not scaled."""
    if before is IDENTITY:
        return before

    def one(part: Array | float, plain: float) -> Array:
        whole = np.broadcast_to(np.asarray(part, np.float64), width)
        return np.append(whole, plain)[order]

    scaled = exactly(before)

    def of(x: Array, columns: Array) -> Array:
        return np.where(order[columns] < 0, x, scaled(x, order[columns]))

    centre, gain, offset = one(before.centre, 0.0), one(before.gain, 1.0), one(before.offset, 0.0)
    fill = None if before.fill is None else one(before.fill, np.nan)
    return Affine(centre, gain, offset, exactly=of, fill=fill)


def unscaled(model: Any, before: Affine, columns: Sequence[int]) -> None:
    """Refuse a scaler before columns of categories.

    Raises:
        ConversionError: A category would no longer be its code.
    """
    if before.turn is not None or any(_is_scaled(before, column) for column in columns):
        raise _scaled(model)


def _is_scaled(before: Affine, column: int) -> bool:
    parts = ((before.centre, 0.0), (before.gain, 1.0), (before.offset, 0.0))
    return any(of_columns(part, np.array([column])) != plain for part, plain in parts)


def _scaled(model: Any) -> ConversionError:
    return ConversionError(
        f"{type(model).__name__} splits on categories that a scaler before it has changed, which "
        "cannot be converted. Leave those columns out of the scaler: "
        "ColumnTransformer([('scaled', StandardScaler(), numbers)], remainder='passthrough')."
    )
