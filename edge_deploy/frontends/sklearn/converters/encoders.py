"""Encoders of categories, which are numbers here: codes that the edge gives to words.

A column is compared with each of its categories; what encoders say is a sum over those that are
equal, of which there is one or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.registry import Transform, real, transformer


def _equal(columns: Sequence[int], categories: Sequence[float]) -> Transform:
    """1 where a column is its category, one column a pair; NaN is a category like any other."""
    at, codes = np.asarray(columns, np.int32), np.asarray(categories, np.float64)
    gaps = np.isnan(codes)
    known = np.where(gaps, np.finfo(np.float32).min, codes).astype(real())

    def transform(x: Any) -> Any:
        looked = tf.gather(x, at, axis=1)
        same = tf.cast(tf.equal(looked, known), real())
        if gaps.any():  # no tf.where of truth values: TF.js' wasm backend reads past their end
            same += tf.cast(tf.math.is_nan(looked), real()) * gaps.astype(real())
        return same

    return transform


def _groups(model: Any, n: int) -> Array:
    """Where each category of a column stands; the infrequent ones stand together."""
    grouped = getattr(model, "_default_to_infrequent_mappings", None)
    if getattr(model, "_infrequent_enabled", False) and grouped and grouped[n] is not None:
        return np.asarray(grouped[n], np.int64)
    return np.arange(len(model.categories_[n]))


def _infrequent(model: Any, n: int) -> int | None:
    """Where the infrequent categories of a column stand, if it has some."""
    rare = getattr(model, "_infrequent_indices", None)
    if not getattr(model, "_infrequent_enabled", False) or not rare or rare[n] is None:
        return None
    return int(_groups(model, n)[rare[n][0]])


@transformer("OneHotEncoder")
def one_hot(model: Any) -> Transform:
    """sklearn.preprocessing.OneHotEncoder.transform, with drop and infrequent categories."""
    dropped = getattr(model, "_drop_idx_after_grouping", None)
    columns: list[int] = []
    categories: list[float] = []
    weights: list[dict[int, float]] = []  # of each comparison, by output
    start: list[float] = []
    for n, values in enumerate(model.categories_):
        places, last = _groups(model, n), _infrequent(model, n)
        tolerant = model.handle_unknown in ("infrequent_if_exist", "warn")
        gone = None if dropped is None else dropped[n]
        kept = [place for place in range(int(places.max()) + 1) if place != gone]
        output = {place: len(start) + at for at, place in enumerate(kept)}
        # Whatever is none of the frequent ones is infrequent, where the unknown are.
        rest = output.get(last) if tolerant and last is not None else None
        start += [0.0] * len(kept)
        if rest is not None:
            start[rest] = 1.0
        for value, place in zip(values, places, strict=True):
            if rest is not None and place == last:
                continue
            row = {output[place]: 1.0} if place in output else {}
            if rest is not None:
                row[rest] = -1.0
            if row:
                columns.append(n)
                categories.append(float(value))
                weights.append(row)
    same = _equal(columns, categories)
    if weights == [{at: 1.0} for at in range(len(start))]:
        return same
    table = np.zeros((len(weights), len(start)), real())
    for at, row in enumerate(weights):
        for place, weight in row.items():
            table[at, place] = weight
    return lambda x: tf.matmul(same(x), table) + np.asarray(start, real())


def _looked_up(model: Any, tables: Sequence[Array], unknown: Sequence[Array]) -> Transform:
    """Each column as the numbers of its category.

    Args:
        model: An encoder.
        tables: For each column, (categories, outputs).
        unknown: For each column, the outputs of what is no category.
    """
    counts = [len(values) for values in model.categories_]
    columns = np.repeat(np.arange(len(counts)), counts)
    same = _equal([*columns], np.concatenate([np.asarray(v, float) for v in model.categories_]))
    widths = [table.shape[1] for table in tables]
    values = np.zeros((len(columns), sum(widths)))
    members = np.zeros((len(columns), sum(widths)), real())
    for n, table in enumerate(tables):
        at = slice(sum(widths[:n]), sum(widths[: n + 1]))
        rows = columns == n
        values[rows, at], members[rows, at] = table, 1.0
    lost = np.isnan(values)  # OrdinalEncoder gives NaN to missing values unless told otherwise
    table, other = np.nan_to_num(values).astype(real()), np.concatenate(unknown).astype(real())

    def transform(x: Any) -> Any:
        equal = same(x)
        found = tf.matmul(equal, table)
        if lost.any():
            gone = tf.matmul(equal, lost.astype(real())) > 0.5
            found = tf.where(gone, tf.fill(tf.shape(found), real()(np.nan)), found)
        return tf.where(tf.matmul(equal, members) > 0.5, found, tf.ones_like(found) * other)

    return transform


@transformer("OrdinalEncoder")
def ordinal(model: Any) -> Transform:
    """sklearn.preprocessing.OrdinalEncoder.transform: the index of the category."""
    missing = getattr(model, "_missing_indices", {})
    tables = []
    for n in range(len(model.categories_)):
        places = np.zeros(len(model.categories_[n]))
        grouped = _groups(model, n)  # which leaves out the missing ones
        places[: len(grouped)] = grouped
        if n in missing:
            places[missing[n]] = model.encoded_missing_value
        tables.append(places[:, np.newaxis])
    other = np.nan if model.unknown_value is None else float(model.unknown_value)
    return _looked_up(model, tables, [np.array([other])] * len(tables))


@transformer("TargetEncoder")
def target(model: Any) -> Transform:
    """sklearn.preprocessing.TargetEncoder.transform: what the target is on average."""
    mean = np.ravel(np.asarray(model.target_mean_, np.float64))
    count = len(model.encodings_) // len(model.categories_)  # classes, where there are several
    tables = [
        np.stack([np.asarray(one, np.float64) for one in model.encodings_[at : at + count]], axis=1)
        for at in range(0, len(model.encodings_), count)
    ]
    return _looked_up(model, tables, [mean[:count]] * len(tables))


@transformer("CategoryEncoder")
def by_table(model: Any) -> Transform:
    """An encoder of category_encoders: the numbers of the category, other columns as they are.

    What the codes are says ``coded_``, which dataframe/steps.py adds.
    """
    encoded = [n for n, codes in enumerate(model.coded_) if codes is not None]
    others = [n for n, codes in enumerate(model.coded_) if codes is None]
    tables = [model.coded_[n] for n in encoded]
    held = SimpleNamespace(categories_=[places for places, _, _ in tables])
    found = _looked_up(held, [table for _, table, _ in tables], [other for _, _, other in tables])
    # Numbers of categories first, then the others; each column's then stand where it stood.
    at, order, rest = 0, [], sum(table.shape[1] for _, table, _ in tables)
    for codes in model.coded_:
        if codes is None:
            order.append(rest)
            rest += 1
        else:
            order += list(range(at, at + codes[1].shape[1]))
            at += codes[1].shape[1]
    chosen, kept = np.asarray(encoded, np.int32), np.asarray(others, np.int32)
    places = np.asarray(order, np.int32)

    def transform(x: Any) -> Any:
        whole = found(tf.gather(x, chosen, axis=1))
        if others:
            whole = tf.concat([whole, tf.gather(x, kept, axis=1)], axis=1)
        return whole if order == sorted(order) else tf.gather(whole, places, axis=1)

    return transform
