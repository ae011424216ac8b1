"""What CatBoost writes its models in, read without the library.

A ``.cbm`` file, and a pickle of its estimators, hold ``CBM1``, the length of a FlatBuffer, and
that FlatBuffer (catboost/libs/model/flatbuffers/model.fbs and features.fbs say what is in it);
``save_model(path, format="json")`` writes the same as JSON. Trees become nodes of forest.Tree.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.converters.tree_traversal import Tree

MAGIC = b"CBM1"
_TREATMENTS = ("AsIs", "AsFalse", "AsTrue")
_DEEPEST = 16


@dataclass(frozen=True, eq=False)
class CatBoostModel:
    """A model of CatBoost.

    Attributes:
        trees: With the scale in their leaves.
        bias: What is added to the sum, one number an output.
        names: Those of the columns; empty where it was fitted on an array.
        loss: The loss function, with its parameters behind a colon.
        classes: The names of the classes, if it has classes.
        threshold: The probability from which the second of two classes is said.
    """

    trees: tuple[Tree, ...]
    bias: Array
    names: tuple[str, ...]
    loss: str
    classes: tuple[Any, ...]
    threshold: float


@dataclass(frozen=True)
class _Column:
    """A column of numbers: where it is, its name, its borders, and if missing values are large."""

    index: int
    at: int
    name: str
    borders: Array
    missing_left: bool


_Split = tuple[int, float, bool]  # a column, a border, and whether missing values go left


# What is raised of a document whose values are of other types than CatBoost writes.
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def catboost_model(data: bytes) -> CatBoostModel:
    """Read a model.

    Raises:
        SourceError: It is damaged, or no model of CatBoost.
        ConversionError: It splits on categories, texts or embeddings.
    """
    try:
        return _of_buffer(data) if data.startswith(MAGIC) else _of_json(json.loads(data))
    except (*_MALFORMED, struct.error, RecursionError) as error:
        raise SourceError(
            f"The CatBoost model in the file cannot be read ({error}). Save it again from today's "
            "CatBoost: model.save_model('model.cbm')."
        ) from error


def _refused(what: str, names: Sequence[str]) -> ConversionError:
    of = f" ({', '.join(names)})" if any(names) else ""
    return ConversionError(
        f"The CatBoost model takes {what}{of}, which cannot be converted: the file holds "
        "hashes and statistics of them, and not the words. Make numbers of those columns before "
        "it (OneHotEncoder or OrdinalEncoder in a pipeline, without cat_features), and fit again."
    )


class _Table:
    """A table of a FlatBuffer: fields by their number in the schema."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        start = at - struct.unpack_from("<i", data, at)[0]
        if not 0 <= start < len(data):
            raise ValueError("a table outside the file")
        (size,) = struct.unpack_from("<H", data, start)
        self.fields = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", data, start + 4)

    def place(self, field: int) -> int:
        offset = self.fields[field] if field < len(self.fields) else 0
        return self.at + offset if offset else 0

    def scalar(self, field: int, form: str, default: Any) -> Any:
        place = self.place(field)
        return struct.unpack_from(f"<{form}", self.data, place)[0] if place else default

    def vector(self, field: int, dtype: str) -> Array:
        place = self.place(field)
        if not place:
            return np.zeros(0, dtype)
        start = place + struct.unpack_from("<I", self.data, place)[0]
        (count,) = struct.unpack_from("<I", self.data, start)
        return np.frombuffer(self.data, dtype, count, start + 4)

    def text(self, field: int) -> str:
        return self.vector(field, "u1").tobytes().decode()

    def table(self, field: int) -> _Table:
        if not (place := self.place(field)):
            raise ValueError("a part is missing")
        return _Table(self.data, place + struct.unpack_from("<I", self.data, place)[0])

    def tables(self, field: int) -> Iterator[_Table]:
        if place := self.place(field):
            start = place + struct.unpack_from("<I", self.data, place)[0] + 4
            for n, offset in enumerate(self.vector(field, "<u4")):
                yield _Table(self.data, start + 4 * n + int(offset))


def _of_buffer(data: bytes) -> CatBoostModel:
    (size,) = struct.unpack_from("<I", data, len(MAGIC))
    core = data[len(MAGIC) + 4 :][:size]
    if len(core) < size:
        raise ValueError("it is cut short")
    root = _Table(core, struct.unpack_from("<I", core, 0)[0])
    grown = root.table(1)
    for field, what in ((4, "categories"), (12, "texts"), (18, "embeddings")):
        if given := list(grown.tables(field)):
            raise _refused(what, [one.text(2) for one in given])
    columns = [
        _Column(
            int(one.scalar(1, "i", -1)),
            int(one.scalar(2, "i", -1)),
            one.text(4),
            one.vector(3, "<f4"),
            _TREATMENTS[one.scalar(5, "b", 0)] != "AsTrue",
        )
        for one in grown.tables(5)
    ]
    splits = [(c.at, float(border), c.missing_left) for c in columns for border in c.borders]
    outputs = int(grown.scalar(0, "i", 1))
    asked, sizes = grown.vector(1, "<i4"), grown.vector(2, "<i4")
    leaves = grown.vector(8, "<f8").astype(np.float64)
    steps, places = grown.vector(10, "<u4").view("<u2").reshape(-1, 2), grown.vector(11, "<u4")
    trees, at, leaf = [], 0, 0
    for count in sizes.tolist():
        own = [splits[n] for n in asked[at : at + count]] if not len(steps) else None
        if own is not None:
            values = leaves[leaf : leaf + (outputs << _depth(count))].reshape(-1, outputs)
            leaf += values.size
            trees.append(_oblivious(own, values))
        else:
            part = slice(at, at + count)
            starts = places[part].astype(np.int64)
            ends = {n: leaves[s : s + outputs] for n, s in enumerate(starts) if s < len(leaves)}
            trees.append(_stepped([splits[n] for n in asked[part]], steps[part], ends))
        at += count
    bias = grown.vector(16, "<f8") if grown.place(16) else np.array([grown.scalar(15, "d", 0.0)])
    told = {pair.text(0): pair.text(1) for pair in root.tables(2)}
    return _made(trees, columns, float(grown.scalar(14, "d", 1.0)), bias, told)


def _of_json(found: Any) -> CatBoostModel:
    info = found["features_info"]
    columns = [
        _Column(
            int(one["feature_index"]),
            int(one["flat_feature_index"]),
            str(one.get("feature_name") or one.get("feature_id") or ""),
            np.array(one.get("borders") or [], np.float32),
            one.get("nan_value_treatment", "AsIs") != "AsTrue",
        )
        for one in info.get("float_features", [])
    ]
    by_index = {one.index: one for one in columns}
    for what in ("categorical", "text", "embedding"):
        if given := info.get(f"{what}_features"):
            names = [str(one.get("feature_name") or one.get("feature_id", "")) for one in given]
            raise _refused({"categorical": "categories"}.get(what, f"{what}s"), names)

    def split(one: Mapping[str, Any]) -> _Split:
        column = by_index[int(one["float_feature_index"])]
        return column.at, float(np.float32(one["border"])), column.missing_left

    scale, bias = found["scale_and_bias"]
    outputs = max(1, len(np.atleast_1d(bias)))
    trees = [
        _oblivious(
            [split(one) for one in tree.get("splits") or []],
            np.array(tree["leaf_values"], np.float64).reshape(-1, outputs),
        )
        for tree in found.get("oblivious_trees", [])
    ]
    for tree in found.get("trees", []):
        nodes: list[Mapping[str, Any]] = [tree]
        children: list[tuple[int, int]] = []
        for node in nodes:  # which grows as it is gone through
            inner = "split" in node
            children.append((len(nodes), len(nodes) + 1) if inner else (-1, -1))
            nodes += [node["left"], node["right"]] if inner else []
        values = [np.zeros(outputs) if "split" in node else node["value"] for node in nodes]
        asked = [split(node["split"]) if "split" in node else (0, 0.0, True) for node in nodes]
        trees.append(_tree(asked, children, [np.atleast_1d(one) for one in values]))
    told = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in found.get("model_info", {}).items()
    }
    return _made(trees, columns, float(scale), np.atleast_1d(bias), told)


def _depth(count: int) -> int:
    if not 0 <= count <= _DEEPEST:
        raise ValueError(f"a tree of {count} levels")
    return count


def _tree(
    asked: Sequence[_Split], children: Sequence[tuple[int, int]], values: Sequence[Any]
) -> Tree:
    column, border, missing = zip(*asked, strict=True)
    left, right = np.array(children, np.int64).T
    return Tree(
        np.array(column), np.array(border, np.float64), left, right, np.array(missing),
        np.stack([np.asarray(one, np.float64) for one in values]),
    )  # fmt: skip


def _oblivious(levels: Sequence[_Split], values: Array) -> Tree:
    """A tree that asks the same of all nodes of a level; a leaf's number is the answers' bits."""
    depth = _depth(len(levels))
    nodes = [(level, of) for level in range(depth + 1) for of in range(1 << level)]
    number = {node: n for n, node in enumerate(nodes)}
    children = [
        (number[level + 1, of], number[level + 1, of + (1 << level)]) if level < depth else (-1, -1)
        for level, of in nodes
    ]
    asked = [(*levels, (0, 0.0, True))[level] for level, _ in nodes]
    none = np.zeros(values.shape[1])
    return _tree(asked, children, [values[of] if at == depth else none for at, of in nodes])


def _stepped(asked: Sequence[_Split], steps: Array, values: Mapping[int, Array]) -> Tree:
    """A tree whose nodes say how far on the next one is; it ends where that is 0."""
    own, splits = [[-1, -1] for _ in steps], list(asked)
    none = np.zeros_like(next(iter(values.values())))
    said = [none for _ in steps]
    for n, pair in enumerate(steps.tolist()):
        if not any(pair):
            said[n] = values[n]
            continue
        for side, step in enumerate(pair):
            own[n][side] = n + step if step else len(own)
            if not step:
                own.append([-1, -1])
                splits.append((0, 0.0, True))
                said.append(values[n])
    return _tree(splits, [(left, right) for left, right in own], said)


def _made(
    trees: Sequence[Tree],
    columns: Sequence[_Column],
    scale: float,
    bias: Array,
    told: Mapping[str, str],
) -> CatBoostModel:
    loss = json.loads(told["params"])["loss_function"]
    classes = json.loads(told.get("class_params") or "{}").get("class_names", [])
    by_place = {one.at: one.name for one in columns}
    names = tuple(by_place.get(n, "") for n in range(max(by_place, default=-1) + 1))
    options = loss.get("params") or {}
    scaled = (Tree(t.column, t.threshold, t.left, t.right, t.missing_left, t.values * scale)
              for t in trees)  # fmt: skip
    return CatBoostModel(
        tuple(scaled),
        np.asarray(bias, np.float64),
        names,
        ":".join([loss["type"], *(f"{key}={value}" for key, value in options.items())]),
        tuple(classes),
        float(told.get("binclass_probability_threshold") or 0.5),
    )
