"""A model with texts and look-up tables as one of numbers: the words become columns.

What is at the edge (regions.py) is asked for every word that its tables know (enumeration.py). The
graph then begins with one input, ``features``, in which a word is its place among the words, and
takes from a table of constants what the edge made of it. So nothing of the look-up is written
anew, and nothing can differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from edge_deploy.core.graph import FrozenGraph, freeze, input_arithmetic
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array, Arrays, Feature, Function, TensorSpec
from edge_deploy.frontends.lookups import equivalents, refusals, regions, texts
from edge_deploy.frontends.lookups.columns import (
    STRANGE,
    Column,
    count,
    feed,
    given_values,
    of_inputs,
    starts,
)
from edge_deploy.frontends.lookups.enumeration import (
    Cells,
    Entangled,
    ask,
    enumerate_cells,
    first,
)
from edge_deploy.frontends.lookups.opened import (
    Opened,
    contents,
    frozen_once,
    imported,
    opened,
    uncontrolled,
)

INPUT = "features"
_UNKNOWN_WORD = "[UNK]"  # Keras' own name for all others


@dataclass(frozen=True, eq=False)
class Moved:
    """A model whose look-ups are at the edge.

    Attributes:
        spec: Its one input.
        columns: What it holds, in its order.
        function: The model from the numbers on.
        plain: The same in plainer operators, where the original can be traced so.
        typical: Mean and deviation of each number, where layers tell.
        notes: What a user should know.
    """

    spec: TensorSpec
    columns: tuple[Column, ...]
    function: Function
    plain: Function | None
    typical: tuple[Array, Array] | None
    notes: tuple[str, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns as a person is asked for them."""
        return tuple(column.feature for column in self.columns)

    def original(self, arrays: Arrays, rows: Sequence[Mapping[str, Any]] = ()) -> Arrays:
        """The original's own inputs, from the numbers and from words that no table knows."""
        x, at = arrays[INPUT], starts(self.columns)
        values = [
            column.original(x[:, at[n] : at[n + 1]], given_values(column, rows, len(x)))
            for n, column in enumerate(self.columns)
        ]
        return feed(self.columns, values)


def move(
    original: Function,
    inputs: tuple[TensorSpec, ...],
    means: bool = False,
    plain: Function | None = None,
) -> Moved | None:
    """Take the look-ups out of a model.

    Args:
        original: Of its own inputs.
        inputs: These.
        means: Replace random numbers by their means.
        plain: The same model in plainer operators.

    Returns:
        None where the model neither takes texts nor looks anything up.

    Raises:
        SourceError: Something in it cannot be moved; names the layer, and the mend.
    """
    frozen = frozen_once(original, inputs, means)
    words = any(spec.dtype == "string" for spec in inputs)
    if not words and not any(n.op.startswith("LookupTableFind") for n in frozen.graph_def.node):
        return None
    refusals.check_inputs(inputs)
    whole = opened(frozen)
    refusals.check_outputs(whole.frozen.outputs, whole.outputs)
    region = whole.region
    columns = [_with_words(whole, region, column) for column in of_inputs(inputs)]
    columns = _with_strange(whole, region, columns, original)
    looked_up = [tensor for tensor in region.frontier if _text(whole, tensor, columns) is None]
    try:
        cells = enumerate_cells(whole.runner(looked_up), columns) if looked_up else []
    except Entangled as error:
        raise refusals.entangled(region.nodes, error.columns) from error
    shapes = _shapes(whole, region, columns)
    tables = {t.name: one for t, one in zip(looked_up, cells, strict=True)}
    known = _Known(tuple(columns), tables, shapes)
    width = starts(columns)[-1]
    return Moved(
        spec=TensorSpec(INPUT, (None, width), "float32", "table"),
        columns=tuple(columns),
        function=_function(original, inputs, means, known, whole),
        plain=None if plain is None else _function(plain, inputs, means, known, None),
        typical=_typical(frozen, columns),
        notes=tuple(_notes(columns)),
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """What was found once, for every graph that the same model is traced to."""

    columns: tuple[Column, ...]
    tables: Mapping[str, Sequence[Cells]]
    shapes: Mapping[str, tuple[Array, Array]]


# --- Words -------------------------------------------------------------------------------------


def _with_words(whole: Opened, region: regions.Region, column: Column) -> Column:
    """A column with the words that its tables know, if any table asks it."""
    placeholder = whole.inputs[column.source.name]
    at_edge = any(op in region.nodes for op in placeholder.consumers())
    if not column.texts and not at_edge:
        return _of_numbers(whole, column)
    if regions.cuts_texts(placeholder, region.nodes):
        return _of_text(whole, region, column)
    found: dict[Any, None] = {}
    for find in regions.finds(placeholder, region.nodes):
        keys, _ = contents(whole.wrapped, find)
        found |= dict.fromkeys(word for key in keys if (word := _word(column, key)) is not None)
    if not found:
        raise refusals.no_words(column, placeholder, region.nodes)
    for constant in regions.compared(placeholder, region.nodes) if column.texts else ():
        (values,) = whole.runner([constant])({})
        found |= dict.fromkeys(
            word for one in np.ravel(values) if (word := _word(column, one)) is not None
        )
    elsewhere = [op for op in placeholder.consumers() if op not in region.nodes]
    return replace(column, words=tuple(found), computed=bool(elsewhere), edge=True)


def _of_text(whole: Opened, region: regions.Region, column: Column) -> Column:
    """A text with what makes ids of it."""
    placeholder = whole.inputs[column.source.name]
    ends = [t for t in region.frontier if placeholder.op in regions.above([t])]
    alone = len(ends) == 1 and count(column.source) == 1
    others = [t.op for name, t in whole.inputs.items() if name != column.source.name]
    if not alone or set(others) & regions.above(ends):
        raise refusals.text(column, placeholder, region.nodes)
    run = whole.runner(ends)

    def ids(texts: Sequence[str]) -> Array:
        (found,) = run(feed([column], [texts]))
        return found

    tokens = texts.read_tokens(
        placeholder,
        ends[0],
        region.nodes,
        lambda find: contents(whole.wrapped, find),
        lambda tensor: whole.runner([tensor])({})[0],
    )
    if tokens is not None and tokens.output == "ids":
        tokens = replace(tokens, pad_value=float(ids([""])[0, 0]))
    if tokens is None or not texts.agrees(tokens, ids):
        raise refusals.text(column, placeholder, region.nodes)
    return replace(column, tokens=tokens)


def _text(whole: Opened, tensor: Any, columns: Sequence[Column]) -> int | None:
    """The text that a frontier tensor is of, by its place among the columns."""
    ops = regions.above([tensor])
    return next(
        (
            n
            for n, column in enumerate(columns)
            if column.tokens is not None and whole.inputs[column.source.name].op in ops
        ),
        None,
    )


def _word(column: Column, key: Any) -> Any:
    """A key as the input would have it; None of what nobody can give."""
    if not column.texts:
        text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        sign = text[1:] if text.startswith("-") else text
        return int(text) if sign.isdecimal() and str(int(text)) == text else None
    if not isinstance(key, bytes):
        return str(key)
    try:
        word = key.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if word in ("", _UNKNOWN_WORD) else word


def _of_numbers(whole: Opened, column: Column) -> Column:
    """A number, with its tables' keys where nothing but tables takes it."""
    graph = imported(whole.frozen.graph_def, whole.frozen.tables).graph
    waiting = [graph.as_graph_element(whole.frozen.inputs[column.source.name])]
    found: dict[int, None] = {}
    while waiting:
        tensor = waiting.pop()
        for user in tensor.consumers():
            if user.name in whole.numbers:
                found |= dict.fromkeys(int(key) for key in whole.numbers[user.name][0])
            elif user.type in ("Identity", "Reshape", "ExpandDims", "Squeeze") or (
                user.type == "Cast" and user.outputs[0].dtype.is_integer
            ):
                waiting += user.outputs
            elif user.type not in ("Shape", "NoOp", "Assert"):
                return column
    return replace(column, words=tuple(sorted(found))) if found else column


def _with_strange(
    whole: Opened, region: regions.Region, columns: list[Column], original: Function
) -> list[Column]:
    """The columns with what the model makes of words that no table knows, if it takes any."""
    result = list(columns)
    if not _answers(original, columns, first(columns)):
        raise refusals.silent(columns)
    looked_up = [tensor for tensor in region.frontier if _text(whole, tensor, columns) is None]
    run = whole.runner(looked_up) if looked_up else None
    for n, column in enumerate(columns):
        if column.words is None:
            continue
        row = first(columns)
        strange = STRANGE if column.texts else _strange_numbers(column.words)
        placeholder = whole.inputs[column.source.name]
        alike = not column.edge or regions.strange_alike(placeholder, region.nodes)
        rows = [[*row[:n], word, *row[n + 1 :]] for word in strange]
        if alike and column.edge and run is not None:
            try:
                alike = all((one == one[:1]).all() for one in ask(run, columns, rows))
            except tf.errors.OpError:
                alike = False
        if alike and _answers(original, columns, rows[0]):
            column = replace(column, strange=strange[0])
        row[n] = ""
        empty = column.texts and _answers(original, columns, row)
        result[n] = replace(column, empty=empty)
    return result


def _strange_numbers(words: Sequence[int]) -> tuple[int, ...]:
    top = max(words, default=0) + 1
    return top, top + 1, top + 5, min(words, default=0) - 7


def _answers(original: Function, columns: Sequence[Column], row: Sequence[Any]) -> bool:
    """Whether the model has an answer to a row."""
    arrays = feed(columns, [[value] for value in row])
    try:
        original({name: tf.constant(value) for name, value in arrays.items()})
    except Exception:
        # An operator of TensorFlow or a layer may raise any error at a word that it does not know.
        return False
    return True


# --- The graph of numbers ----------------------------------------------------------------------


def _shapes(
    whole: Opened, region: regions.Region, columns: Sequence[Column]
) -> dict[str, tuple[Array, Array]]:
    """What only counts rows, as a multiple of their number and something more."""
    if not region.shapes:
        return {}
    run = whole.runner(region.shapes)
    row = first(columns)
    two, three = (run(feed(columns, [[value] * n for value in row])) for n in (2, 3))
    return {
        tensor.name: (b - a, a - 2 * (b - a))
        for tensor, a, b in zip(region.shapes, two, three, strict=True)
    }


def _function(
    original: Function,
    inputs: tuple[TensorSpec, ...],
    means: bool,
    known: _Known,
    free: Opened | None,
) -> Function:
    """The model from the numbers on.

    A loop over rows of any number keeps that in its body, so the model is traced anew where it
    is asked for one row: what is a recurrent layer to TFLite only then.
    """

    @cache
    def assembled(batch: int | None) -> tuple[list[str], Any]:
        if batch is None and free is not None:
            return list(free.frozen.outputs), _assemble(free, known, None)
        traced = opened(freeze(original, inputs, batch=batch, means=means))
        return list(traced.frozen.outputs), _assemble(traced, known, batch)

    def numbers(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        x = tf.convert_to_tensor(tensors[INPUT])
        one = x.shape[0] == 1 and not tf.executing_eagerly()
        with tf.init_scope():  # frozen apart from the graph that it is called in
            names, concrete = assembled(1 if one else None)
        return dict(zip(names, concrete(x), strict=True))

    return numbers


def _assemble(whole: Opened, known: _Known, batch: int | None) -> Any:
    """A concrete function of the numbers; nothing of the edge is left in it."""
    region = whole.region
    tables = dict(known.tables)
    of_text = {t.name: _text(whole, t, known.columns) for t in region.frontier}
    at = starts(known.columns)
    missing = [t for t in region.frontier if t.name not in tables and of_text[t.name] is None]
    if missing:
        found = enumerate_cells(whole.runner(missing), known.columns)
        tables |= {tensor.name: one for tensor, one in zip(missing, found, strict=True)}
    graph_def = uncontrolled(whole.graph_def)

    def build(features: Any) -> Any:
        with tf.name_scope("lookups"):
            places = [_places(features, at[n], c) for n, c in enumerate(known.columns)]
            given = {
                f"{tensor.op.name}:0": _values(features, name, known.columns)
                for name, tensor in whole.inputs.items()
                if tensor.dtype.name != "string"
            }
            for tensor in region.frontier:
                text = of_text[tensor.name]
                given[tensor.name] = (
                    _looked_up(tensor, tables[tensor.name], places, known.columns)
                    if text is None
                    else tf.cast(features[:, at[text] : at[text + 1]], tensor.dtype)
                )
            for tensor in region.shapes:
                given[tensor.name] = _counted(features, tensor, known.shapes.get(tensor.name))
        return tf.graph_util.import_graph_def(
            graph_def,
            input_map=given,
            return_elements=list(whole.frozen.outputs.values()),
            name="",
        )

    taken = {node.name for node in graph_def.node}
    name = next(name for name in (INPUT, "columns", "numbers") if name not in taken)
    spec = tf.TensorSpec((batch, at[-1]), tf.float32, name=name)
    imported = tf.compat.v1.wrap_function(build, [spec])
    return imported.prune(imported.inputs, imported.outputs)


def _places(features: Any, n: int, column: Column) -> Any:
    """A column's place among its words: int32 (rows,)."""
    if not column.edge:
        return None
    x = features[:, n]
    if column.coded:
        return tf.clip_by_value(tf.cast(x + 0.5, tf.int32), 0, len(column.values) - 1)
    words = np.array(column.words, np.int64)
    last = len(words) if column.strange is not None else len(words) - 1
    return equivalents.find(words, np.arange(len(words)), np.int64(last))(x)


def _values(features: Any, name: str, columns: Sequence[Column]) -> Any:
    """An input of numbers as the original takes it."""
    at = [n for n, column in enumerate(columns) if column.source.name == name]
    source, begins = columns[at[0]].source, starts(columns)
    x = features[:, begins[at[0]] : begins[at[-1] + 1]]
    return tf.cast(tf.reshape(x, [-1, *(axis or 1 for axis in source.shape[1:])]), source.dtype)


def _looked_up(
    tensor: Any, cells: Sequence[Cells], places: Sequence[Any], columns: Sequence[Column]
) -> Any:
    """What the edge makes of a row of words."""
    parts = []
    for one in cells:
        index = None
        for n in one.columns:
            place = places[n]
            index = place if index is None else index * len(columns[n].values) + place
        if index is None:  # the same for every row
            index = tf.zeros_like(next(place for place in places if place is not None))
        rows = one.rows[:, 0] if one.rows.shape[1] == 1 else one.rows
        found = tf.gather(equivalents.small(rows), index)
        parts.append(tf.reshape(found, [-1, one.rows.shape[1]]))
    order = np.argsort(np.concatenate([one.at for one in cells]))
    row = parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
    if (order != np.arange(len(order))).any():
        row = tf.gather(row, tf.constant(order, tf.int32), axis=1)
    shape = [-1, *tensor.shape.as_list()[1:]]
    return tf.cast(tf.reshape(row, shape), tensor.dtype)


def _counted(features: Any, tensor: Any, known: tuple[Array, Array] | None) -> Any:
    if known is None:
        raise refusals.counting(tensor.op)
    each, more = known
    count = tf.shape(features)[0]
    return tf.cast(count * tf.constant(each, tf.int32) + tf.constant(more, tf.int32), tensor.dtype)


# --- What is said of it ------------------------------------------------------------------------


def _typical(frozen: FrozenGraph, columns: Sequence[Column]) -> tuple[Array, Array] | None:
    """Mean and deviation, where a Normalization tells of every number."""
    begins = starts(columns)
    means, spreads = np.zeros(begins[-1]), np.ones(begins[-1])
    for n, column in zip(begins, columns, strict=False):
        if column.words is not None or column.tokens is not None:
            continue
        found = input_arithmetic(frozen, column.source.name)
        if found is None or not np.all(found.scale):
            return None
        scale, offset = (np.ravel(one) for one in np.broadcast_arrays(found.scale, found.offset))
        at = column.place if len(scale) > 1 else 0
        means[n], spreads[n] = -offset[at] / scale[at], abs(1 / scale[at])
    return means, spreads


def _notes(columns: Sequence[Column]) -> list[str]:
    words = [c for c in columns if c.texts and c.tokens is None]
    named = ", ".join(f"{c.name} ({len(c.words or ())} words)" for c in words)
    notes = [f"looked up before the model is asked: {named}"] if words else []
    strict = [c.name for c in words if c.strange is None]
    if strict:
        notes.append(
            f"only the words of their vocabularies are taken, as they stand there, by "
            f"{', '.join(strict)}: the model changes or hashes a word before it looks it up, or "
            "knows no other"
        )
    cut = [c for c in columns if c.tokens is not None]
    notes += [
        f"cut into words before the model is asked: {c.name} "
        f"({len(c.feature.tokens.vocabulary) if c.feature.tokens else 0:,} words known)"
        for c in cut
    ]
    return notes
