"""Decision trees of any kind, gone down all at once by gathers over flat arrays of nodes.

All nodes of all trees are numbered by level: the roots first, then their children, and so on,
the two children of a node side by side. A node is three numbers, 12 bytes: the column it looks
at, the threshold, and its left child. One step down is ``child[node] + (x[column] > threshold)``,
and after as many steps as the deepest tree has levels, every row is at a leaf of every tree. A
leaf is its own child and looks at a column that is below every threshold, so that it is never
left; its threshold holds its value, or the row of a table where leaves have several values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.core.tree_ensemble import Ensemble, is_marking, mark
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Transform,
    exactly,
    real,
)

_BELOW = float(np.finfo(np.float32).min)
_LARGEST_BITS = 0x7F7FFFFF  # of the largest finite float32


@dataclass(frozen=True, eq=False)
class Tree:
    """The nodes of one tree.

    Attributes:
        column: The input column that each node looks at.
        threshold: A row goes left where ``x <= threshold``, in float64.
        left: The left child; negative at leaves.
        right: The right child.
        missing_left: Whether a missing value goes left; None where no value may be missing.
        values: (nodes, outputs), of which the leaves' count.
    """

    column: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array | None
    values: Array


Leaves = Callable[[Any], Any]
"""A (samples, columns) tensor in, the leaves' values (samples, trees, outputs) out."""


def leaves(
    trees: Sequence[Tree], columns: int, before: Affine = IDENTITY, single: bool = True
) -> Leaves:
    """What every tree says of a row.

    Args:
        trees: At least one, all with as many outputs.
        columns: How many columns the input has.
        before: Scaling that the input has yet to go through; it becomes part of the thresholds.
        single: Whether the original rounds its (scaled) input to float32 before it compares.
    """
    _check(trees, columns)
    order, starts, depth = _by_level(trees)
    nodes = _join(trees, starts)
    inner = nodes.left[order] >= 0
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    child = np.where(inner, number[nodes.left[order]], np.arange(len(order)))
    threshold = limits(nodes.threshold[order], nodes.column[order], columns, before, single)
    column = np.where(inner, nodes.column[order], 0)
    to_left = missing_left(nodes, columns, before, single)
    missing = to_left is not None and not to_left[order][inner].all()
    if to_left is not None and missing:
        # Missing values are the smallest number in the first half and the largest in the other.
        column = column + np.where(to_left[order] | ~inner, 0, columns)
        threshold = np.minimum(threshold, np.nextafter(np.float32(-_BELOW), np.float32(0)))
    column = np.where(inner, column, columns * (2 if missing else 1))
    threshold = threshold.astype(real())
    values = nodes.values[order][~inner].astype(real())
    table = None
    if values.shape[1] == 1:
        threshold[~inner] = values[:, 0]
    else:
        table, row = np.unique(values, axis=0, return_inverse=True)
        threshold[~inner] = np.ravel(row)  # exact below 2^24
    columns_of = tf.constant(column, tf.int32)
    thresholds = tf.constant(threshold, real())
    children = tf.constant(child, tf.int32)
    first = slice(0, len(trees))

    def answer(x: Any) -> Any:
        x = _with_sentinel(x, missing)
        above = tf.gather(x, column[first].astype(np.int32), axis=1) > threshold[first]
        node = tf.cast(above, tf.int32) + child[first].astype(np.int32)
        # Not with batch_dims: TF.js' wasm then reads other rows' values, or past the end.
        flat, row = tf.reshape(x, [-1]), None
        if x.shape[0] != 1:
            row = tf.range(tf.shape(x)[0])[:, tf.newaxis] * x.shape[1]
        for _ in range(depth - 1):
            looking = tf.gather(columns_of, node)
            looked = tf.gather(flat, looking if row is None else looking + row)
            above = looked > tf.gather(thresholds, node)
            node = tf.cast(above, tf.int32) + tf.gather(children, node)
        found = tf.gather(thresholds, node)
        if table is None:
            return found[:, :, tf.newaxis]
        return tf.gather(tf.constant(table), tf.cast(found, tf.int32))

    return answer


def _check(trees: Sequence[Tree], columns: int) -> None:
    """Refuse nodes that lead nowhere: a search, ours or the original's, believes what they say.

    Children come after their parents in every tree that the libraries grow.

    Raises:
        ConversionError: A child is not a later node, or a column is none of the input's.
    """
    for tree in trees:
        left, right = np.asarray(tree.left, np.int64), np.asarray(tree.right, np.int64)
        inner, own = left >= 0, np.arange(len(left))
        low, high = np.minimum(left, right), np.maximum(left, right)
        column = np.asarray(tree.column)[inner]
        sound = (low > own) & (high < len(left))
        if not sound[inner].all() or not ((column >= 0) & (column < columns)).all():
            raise ConversionError(
                "The file holds a tree whose nodes do not lead to a leaf: it is damaged or forged. "
                "Save the model again."
            )


def _with_sentinel(x: Any, missing: bool) -> Any:
    """The columns and one that is below everything, which leaves look at."""
    if missing:
        gone = tf.math.is_nan(x)
        low, high = (tf.fill(tf.shape(x), real()(end)) for end in (_BELOW, -_BELOW))
        x = tf.concat([tf.where(gone, low, x), tf.where(gone, high, x)], axis=1)
    return tf.pad(x, [[0, 0], [0, 1]], constant_values=_BELOW)


def _join(trees: Sequence[Tree], starts: Array) -> Tree:
    """The trees as one array of nodes, with children counted from its start."""
    shift = np.repeat(starts, [len(tree.left) for tree in trees])

    def all_of(name: str) -> Array:
        return np.concatenate([np.asarray(getattr(tree, name)) for tree in trees])

    left, right = all_of("left").astype(np.int64), all_of("right").astype(np.int64)
    known = all(tree.missing_left is not None for tree in trees)
    return Tree(
        all_of("column").astype(np.int64),
        all_of("threshold").astype(np.float64),
        np.where(left < 0, -1, left + shift),
        right + shift,
        all_of("missing_left").astype(bool) if known else None,
        all_of("values"),
    )


def _by_level(trees: Sequence[Tree]) -> tuple[Array, Array, int]:
    """All nodes level by level, siblings side by side; where trees start; the levels below."""
    starts = np.cumsum([0, *(len(tree.left) for tree in trees[:-1])])
    joined = _join(trees, starts)
    level, levels = starts, [starts]
    while len(level := level[joined.left[level] >= 0]):
        level = np.stack([joined.left[level], joined.right[level]], axis=1).ravel()
        levels.append(level)
    return np.concatenate(levels), starts, len(levels) - 1


def limits(threshold: Array, column: Array, columns: int, before: Affine, single: bool) -> Array:
    """The largest float32 that goes left at each node: for every float32, the same decision.

    The decision is the original's about the decimal that the float32 stands for. Scaling keeps
    the order of numbers, so where a scaled column is compared there is one such number too (and
    rounding after each of its operations does not change the order). It is searched for by
    bisection over the float32 numbers, whose bits, read as integers, are in the same order.
    """
    if before is IDENTITY:
        near = threshold.astype(np.float32)
        down = np.nextafter(near, np.float32(-np.inf))
        last = np.asarray(np.where(near > threshold, down, near)).clip(_BELOW, -_BELOW)
        return last if single else _of_decimals(last, lambda x: x <= threshold)
    at, scale = np.clip(column, 0, columns - 1), exactly(before)

    def goes_left(x: Array) -> Array:
        scaled = scale(x, at)
        with np.errstate(over="ignore"):
            return np.asarray((scaled.astype(np.float32) if single else scaled) <= threshold)

    low = np.full(len(threshold), -_LARGEST_BITS, np.int64)
    high = -low
    while (low < high).any():
        middle = (low + high + 1) // 2
        left = goes_left(_float_of(middle))
        low, high = np.where(left, middle, low), np.where(left, high, middle - 1)
    return _of_decimals(_float_of(low).astype(np.float32), goes_left)


def _of_decimals(last: Array, goes_left: Callable[[Array], Array]) -> Array:
    """Limits moved by one float32 where the decimal of that, or of the next one, says otherwise.

    No further: the decimal of a number lies between it and the middle to a neighbour.
    """
    with np.errstate(over="ignore"):  # behind the largest is no other
        before, after = (np.nextafter(last, np.float32(end)) for end in (-np.inf, np.inf))
        moved = np.where(goes_left(shortest_decimals(last)), last, before)
        moved = np.where(goes_left(shortest_decimals(after)), after, moved)
    return np.asarray(moved).clip(_BELOW, -_BELOW)


def missing_left(nodes: Tree, columns: int, before: Affine, single: bool) -> Array | None:
    """Whether a missing value goes left at each node: where it is filled, with what fills it."""
    if before.fill is None:
        return nodes.missing_left
    at = np.clip(nodes.column, 0, columns - 1)
    value = exactly(before)(np.full(len(at), np.nan), at)
    value = value.astype(np.float32) if single else value
    unfilled = True if nodes.missing_left is None else nodes.missing_left
    return np.asarray(np.where(np.isnan(value), unfilled, value <= nodes.threshold))


def _float_of(order: Array) -> Array:
    """The float32 (as float64) with this place in their order; 0 is zero."""
    size = np.abs(order).astype(np.uint32).view(np.float32).astype(np.float64)
    return np.asarray(np.sign(order) * size)


def foldable(before: Affine) -> bool:
    """Whether scaling keeps the order of numbers in every column."""
    return before.turn is None and bool((np.asarray(before.gain) > 0).all())


def total(
    trees: Sequence[Tree],
    columns: int,
    before: Affine = IDENTITY,
    single: bool = True,
    places: int = 1,
) -> Transform:
    """(samples, outputs): the sum over trees, as good as float32 can hold it.

    Each value is split into a multiple of a power of two that is coarse enough for sums of them
    to be exact, and the small rest, whose sum has a small error.

    Args:
        trees: At least one, all with as many outputs.
        columns: How many columns the input has.
        before: Scaling that the input has yet to go through.
        single: Whether the original rounds its (scaled) input to float32 before it compares.
        places: Where trees of one output take turns to add to several: to how many.
    """
    answer = leaves(trees, columns, before, single)
    count = len(trees)
    largest = max(float(np.abs(tree.values).max()) for tree in trees)
    step = real()(2.0 ** (np.ceil(np.log2(max(count * largest, 1e-30))) - 23))

    def summed(x: Any) -> Any:
        if is_marking():
            halves = mark(x, _ensemble(trees, columns, before, single, places, float(step)))
            return tf.add(*tf.split(halves, 2, axis=1))
        values = answer(x)
        if places > 1:
            values = tf.reshape(values, [-1, count // places, places])
        if count == places:
            return values[:, 0]
        coarse = tf.floor(values / step) * step
        return tf.reduce_sum(coarse, axis=1) + tf.reduce_sum(values - coarse, axis=1)

    return summed


def _ensemble(
    trees: Sequence[Tree], columns: int, before: Affine, single: bool, places: int, step: float
) -> Ensemble:
    """The trees for an operator that sums: the coarse parts of values, then their rests."""
    sizes = [len(tree.left) for tree in trees]
    starts = np.cumsum([0, *sizes[:-1]])
    nodes, tree = _join(trees, starts), np.repeat(np.arange(len(trees)), sizes)
    leaf = np.flatnonzero(nodes.left < 0)
    values = nodes.values[leaf].astype(np.float32).astype(np.float64)
    outputs = values.shape[1]
    coarse = np.floor(values / step) * step
    parts = np.concatenate([coarse, values - coarse], axis=1)
    kept = parts != 0
    kept[:, 0] |= ~kept.any(axis=1)  # a leaf that adds nothing is still one
    row, column = np.nonzero(kept)
    output = column
    if places > 1:  # of one output a tree: column is 0 for the coarse part, 1 for the rest
        output = tree[leaf[row]] % places + column * places
    left = missing_left(nodes, columns, before, single)
    left = np.ones(len(tree), bool) if left is None else left
    threshold = limits(nodes.threshold, nodes.column, columns, before, single)
    return Ensemble(
        tree, nodes.column, threshold, nodes.left, nodes.right, left,
        leaf[row], output, parts[row, column], 2 * (places if places > 1 else outputs),
    )  # fmt: skip
