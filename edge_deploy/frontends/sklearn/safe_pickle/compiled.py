"""Objects whose code is compiled, made from arrays that were checked before.

C code believes its numbers: a tree with a child beyond its nodes reads other memory, a random
state beyond its position too. What can be made anew from its data (search trees, splines, sparse
matrices) is made anew by its own constructor, which checks; the others are checked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat import upgrade

LOSS_MODULES = ("sklearn._loss._loss", "sklearn.linear_model._sgd_fast")
"""Modules of losses, which are made of a number or two."""

MOST_COLUMNS = 1 << 24
_NO_CHILD = -1
_WORDS = 624  # of the Mersenne twister


class Inconsistent(ValueError):
    """Parts of a model that do not fit together."""


def require(holds: Any, what: str) -> None:
    """Raise Inconsistent, saying what does not fit, unless it holds."""
    if not holds:
        raise Inconsistent(what)


def whole(value: Any, least: int = 0, most: int = MOST_COLUMNS) -> bool:
    """Whether a value is an integer within bounds."""
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return number and least <= value <= most


def matrix(values: Any, axes: int, kinds: str = "fiu") -> bool:
    """Whether a value is an array of numbers with so many axes."""
    return isinstance(values, np.ndarray) and values.ndim == axes and values.dtype.kind in kinds


def tree(arguments: tuple[Any, ...], state: Any) -> Any:
    """scikit-learn's Tree, from what it is constructed with and its state.

    Raises:
        Inconsistent: Prediction would leave the tree's own arrays, or never end.
    """
    from sklearn.tree._tree import NODE_DTYPE, Tree

    require(len(arguments) == 3 and isinstance(state, dict), "a tree without its parts")
    columns, counts, outputs = arguments
    require(whole(columns, 1) and whole(outputs, 1), "a tree of no columns or outputs")
    require(
        matrix(counts, 1, "iu") and len(counts) == outputs and counts.min() >= 1, "a tree's classes"
    )
    require(counts.max() <= MOST_COLUMNS, "a tree of more classes than there are numbers")
    require(matrix(state.get("values"), 3), "a tree without values")
    nodes = state.get("nodes")
    require(isinstance(nodes, np.ndarray) and nodes.ndim == 1 and nodes.dtype.names, "no nodes")
    require(state["values"].shape == (len(nodes), outputs, counts.max()), "a tree's values")
    made = Tree(int(columns), np.ascontiguousarray(counts, np.intp), int(outputs))
    state = upgrade.state_of_today(made, state)
    nodes = np.ascontiguousarray(state["nodes"], NODE_DTYPE)
    require(whole(state.get("node_count"), 1) and state["node_count"] == len(nodes), "node_count")
    inner = nodes["left_child"] != _NO_CHILD
    require((inner == (nodes["right_child"] != _NO_CHILD)).all(), "a node with one child")
    depth = _check_nodes(inner, nodes["left_child"], nodes["right_child"])
    used = nodes["feature"][inner]
    require(not used.size or 0 <= used.min() <= used.max() < columns, "a node's column")
    require(whole(state.get("max_depth"), depth, len(nodes)), "a tree's depth")
    depth, count = int(state["max_depth"]), int(state["node_count"])
    made.__setstate__(
        {"max_depth": depth, "node_count": count, "nodes": nodes, "values": state["values"]}
    )
    return made


def check_predictor(nodes: Any, bitsets: Any, columns: int, categorical: Any) -> None:
    """A tree of HistGradientBoosting.

    Args:
        nodes: Its nodes, in today's form.
        bitsets: The categories that go left, eight words a set.
        columns: How many columns the rows have.
        categorical: Whether each column has categories, or None.
    """
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    require(isinstance(nodes, np.ndarray) and nodes.ndim == 1 and len(nodes) > 0, "no nodes")
    require(nodes.dtype == np.dtype(PREDICTOR_RECORD_DTYPE), "a predictor's nodes")
    require(matrix(bitsets, 2, "u") and bitsets.shape[1] == 8, "a predictor's categories")
    inner = nodes["is_leaf"] == 0
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    _check_nodes(inner, left, right)
    used = nodes["feature_idx"][inner]
    require(not used.size or 0 <= used.min() <= used.max() < columns, "a node's column")
    by_set = inner & (nodes["is_categorical"] != 0)
    require((nodes["bitset_idx"][by_set] < len(bitsets)).all(), "a node's categories")
    if by_set.any():
        known = np.zeros(columns, bool) if categorical is None else np.asarray(categorical)
        require(known[nodes["feature_idx"][by_set]].all(), "categories of a column of numbers")


def _check_nodes(inner: Array, left: Array, right: Array) -> int:
    """The depth of a tree whose every child comes after its parent, and has no other."""
    parents = np.flatnonzero(inner)
    children = np.concatenate([left[parents], right[parents]])
    after = np.concatenate([parents, parents])
    require((children > after).all() and (children < len(inner)).all(), "a node's children")
    require(len(np.unique(children)) == len(children), "a node with two parents")
    level, depth = parents[:1] if len(parents) and parents[0] == 0 else parents[:0], 0
    while len(level):
        depth += 1
        below = np.concatenate([left[level], right[level]])
        level = below[inner[below]]
    return depth


def masked(numbers: Array, mask: Any, fill: Any = None) -> Any:
    """A masked array; what is put in place of the masked is a scalar."""
    fill = fill[()] if isinstance(fill, np.ndarray) and fill.shape == () else fill
    fill = fill if isinstance(fill, (bool, int, float, complex, str, np.generic)) else None
    make: Any = np.ma.MaskedArray
    return make(numbers, mask=mask, fill_value=fill)


def random_state(state: Any) -> np.random.RandomState:
    """numpy's RandomState."""
    made = np.random.RandomState(0)
    if isinstance(state, tuple):  # of numpy before 1.17
        require(len(state) in (3, 5) and state[0] == "MT19937", "a random state")
        keys = ("has_gauss", "gauss")
        state = {"bit_generator": "MT19937", "state": {"key": state[1], "pos": state[2]},
                 **dict(zip(keys, state[3:], strict=False))}  # fmt: skip
    if state is None:
        return made
    require(isinstance(state, dict) and state.get("bit_generator") == "MT19937", "a random state")
    has, gauss = state.get("has_gauss", 0), state.get("gauss", 0.0)
    require(whole(has, 0, 1) and isinstance(gauss, (int, float)), "a random state")
    key, position = _twister(state.get("state"))
    made.set_state(("MT19937", key, position, int(has), float(gauss)))
    return made


def _twister(state: Any) -> tuple[Array, int]:
    require(isinstance(state, dict), "a random state")
    key, position = state.get("key"), state.get("pos")
    require(matrix(key, 1, "iu") and len(key) == _WORDS, "the words of a random state")
    require(whole(position, 0, _WORDS), "the position of a random state")
    return key.astype(np.uint32), int(position)


def bit_generator(kind: str, state: Any) -> np.random.BitGenerator:
    """The source of numpy's random numbers: MT19937 or PCG64."""
    require(kind in ("MT19937", "PCG64"), f"random numbers of {kind}")
    require(state is None or isinstance(state, dict), "a random state")
    if kind == "MT19937":
        twister = np.random.MT19937(0)
        if state is not None:
            key, position = _twister(state.get("state"))
            twister.state = {"bit_generator": kind, "state": {"key": key, "pos": position}}
        return twister
    made = np.random.PCG64(0)
    if state is not None:
        inner = state.get("state")
        require(isinstance(inner, dict), "a random state")
        numbers: Any = {name: inner.get(name) for name in ("state", "inc")}
        require(all(whole(n, 0, (1 << 128) - 1) for n in numbers.values()), "a random state")
        has, held = state.get("has_uint32", 0), state.get("uinteger", 0)
        require(whole(has, 0, 1) and whole(held, 0, (1 << 32) - 1), "a random state")
        made.state = {"bit_generator": kind, "state": numbers, "has_uint32": has, "uinteger": held}
    return made


def metric(kind: Any, state: Any) -> Any:
    """A distance of scikit-learn's search trees."""
    if not kind.__name__.startswith("Minkowski"):
        return kind()
    require(isinstance(state, tuple) and len(state) >= 2, "a distance without its power")
    power, weights = state[:2]
    require(isinstance(power, (int, float)) and matrix(weights, 1), "a distance's power")
    return kind(power, weights if len(weights) else None)


def search_tree(kind: Any, state: Any) -> Any:
    """A search tree, made anew of the rows that it holds; it comes out as it was."""
    require(isinstance(state, tuple) and len(state) >= 12, "a search tree without its rows")
    rows, size, distance = state[0], state[4], state[11]
    require(matrix(rows, 2) and rows.size and whole(size, 1, 1 << 31), "a search tree's rows")
    require(type(distance).__module__ == "sklearn.metrics._dist_metrics", "a search tree's metric")
    weights = state[12] if len(state) > 12 else None
    if weights is not None:
        require(matrix(weights, 1) and len(weights) == len(rows), "weights of rows")
    return kind(rows, leaf_size=int(size), metric=distance, sample_weight=weights)


def spline(kind: Any, state: Any) -> Any:
    """scipy's BSpline."""
    knots, coefficients = (state.get(f"_{n}", state.get(n)) for n in "tc")
    degree, axis = state.get("k"), state.get("axis", 0)
    require(matrix(knots, 1) and isinstance(coefficients, np.ndarray), "a spline's knots")
    require(coefficients.dtype.kind in "fiu" and whole(degree, 0, len(knots)), "a spline's degree")
    require(whole(axis, 0, coefficients.ndim - 1) and len(coefficients) <= len(knots), "an axis")
    extrapolate = state.get("extrapolate", True)
    require(extrapolate in (True, False, "periodic"), "a spline's ends")
    return kind(knots, coefficients, int(degree), extrapolate, int(axis))


def sparse(kind: Any, state: Any) -> Any:
    """A sparse matrix of scipy."""
    shape, data = state.get("_shape", state.get("shape")), state.get("data")
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    require(len(shape) in (1, 2) and all(whole(n, 0, 1 << 31) for n in shape), "a sparse shape")
    shape = tuple(map(int, shape))
    require(isinstance(data, np.ndarray) and data.dtype.kind in "bfiu", "a sparse matrix's numbers")
    form = kind.__name__[:3]
    made: Any
    if form == "coo":
        places = state.get("coords") or (state.get("row"), state.get("col"))
        require(len(places) == len(shape), "the places of a sparse matrix")
        for at, most in zip(places, shape, strict=True):
            require(matrix(at, 1, "iu") and len(at) == len(data), "the places of a sparse matrix")
            require(not at.size or 0 <= at.min() <= at.max() < most, "a place that is outside")
        made = kind((data, tuple(places)), shape=shape)
    elif form == "dia":
        require(matrix(state.get("offsets"), 1, "iu"), "the diagonals of a sparse matrix")
        require(data.ndim == 2 and len(data) == len(state["offsets"]), "diagonals")
        made = kind((data, state["offsets"]), shape=shape)
    else:
        indices, starts = state.get("indices"), state.get("indptr")
        rows, most = (shape[0], shape[-1]) if form == "csr" else (shape[-1], shape[0])
        require(len(shape) == 2 and data.ndim == 1, "a sparse matrix's numbers")
        require(matrix(indices, 1, "iu") and len(indices) == len(data), "a sparse matrix's indices")
        require(matrix(starts, 1, "iu") and len(starts) == rows + 1, "a sparse matrix's rows")
        require(starts[0] == 0 and starts[-1] == len(data), "a sparse matrix's rows")
        require((np.diff(starts.astype(np.int64)) >= 0).all(), "a sparse matrix's rows")
        require(
            not indices.size or 0 <= indices.min() <= indices.max() < most,
            "an index that is outside",
        )
        made = kind((data, indices, starts), shape=shape)
    return made
