"""Data frames and arrays as scripts build them: which columns, in which order, of which values."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from edge_deploy.frontends.project.answers import encode
from edge_deploy.frontends.project.findings import Columns, Strength
from edge_deploy.frontends.project.values import (
    NOTHING,
    Call,
    Reader,
    Value,
    as_list,
    blend,
    flow,
    inner_fields,
    names,
    number,
    plain,
    text,
    whole,
)

_KEPT = {
    *("copy", "reset_index", "astype", "fillna", "to_numpy", "values", "head", "tail", "dropna"),
    *("sample", "round", "squeeze", "toarray", "todense", "numpy", "tolist", "item", "flatten"),
    *("ravel", "to_frame", "sort_index", "infer_objects", "convert_dtypes", "cpu", "detach", "T"),
    *("cuda", "to", "float", "unsqueeze", "to_list", "ffill", "bfill", "set_axis", "cache"),
}
_SAME = {
    *("array", "asarray", "float", "int", "str", "list", "tuple", "float32", "float64", "int32"),
    *("atleast_2d", "squeeze", "ravel", "constant", "convert_to_tensor", "cast", "tensor"),
    *("from_numpy", "ascontiguousarray", "nan_to_num", "int64", "copy", "deepcopy", "item"),
    *("asfarray", "uint8", "fromiter", "abs", "identity", "Tensor", "FloatTensor", "from_records"),
}
_STRIPPED = {"float", "int", "str"}


def kept(value: Value) -> Value:
    """A part of a value or a copy: what was done to it stays true, its items do not."""
    return Value(
        history=flow(value),
        fields=inner_fields(value),
        answer=value.answer,
        index=value.index,
        columns=value.columns,
        table=value.table,
        column=value.column,
        source=value.source if value.table or value.opened else None,
        dotted=value.dotted,
        opened=value.opened,
        name=value.name,
        form=value.form,
    )


def note_columns(
    reader: Reader,
    found: tuple[str, ...],
    role: Any,
    name: str,
    node: ast.AST,
    strength: Any = None,
) -> None:
    """Note names of columns."""
    if found:
        strong = Strength.MENTION if strength is None else strength
        one = Columns(found[:20_000], role, name, reader.evidence(node), strong)
        reader.notes.columns.append(one)


def frame(call: Call) -> Value:
    """``pandas.DataFrame(...)``: its columns and what is in them."""
    reader = call.reader
    data, given = call.given(0, "data"), call.given(-1, "columns")
    columns = names(given)
    if data.items is not None and len(data.items) >= 1 and data.items[0].entries is not None:
        data = data.items[0]  # a list of one dict
    entries: dict[str, Value] = {}
    if data.entries is not None:
        for key, value in data.entries:
            if isinstance(key, str):
                entries[key] = _single(value)
        columns = columns or tuple(entries)
    elif columns:
        row = flatten(data)
        if len(row) == len(columns):
            entries = dict(zip(columns, row, strict=True))
    expanded = _expanded(reader, data, given)
    if expanded:
        columns = expanded
    table = blend([data, given]) if given.fields else blend([data])
    made = Value(
        table=True,
        columns=columns,
        entries=tuple(entries.items()) or None,
        history=table.history,
        fields=table.fields,
        answer=data.answer,
        where=call.evidence,
        source=given.source if columns is None and given.source is not None else None,
    )
    if columns and not data.answer:
        note_columns(reader, columns, "table", "", call.node)
        for name, value in entries.items():
            reader.notes.give_column(value, name)
    elif not columns and data.items is not None and not data.answer:
        reader.notes.give_positions(data)
    return made


def _expanded(reader: Reader, data: Value, given: Value) -> tuple[str, ...]:
    """Columns that ``get_feature_names_out(["Geography"])`` names: "Geography_*"."""
    if given.column and given.source is not None:
        for index in flow(data):
            step = reader.notes.steps[index]
            if step.source == given.source and not step.columns:
                step.columns = (given.column,)
                step.made = (f"{given.column}_*",)
        fields = inner_fields(data)
        if len(fields) == 1 and not reader.notes.fields[fields[0]].column:
            one = reader.notes.fields[fields[0]]
            reader.notes.fields[fields[0]] = replace(one, column=given.column)
        return (f"{given.column}_*",)
    return ()


def _single(value: Value) -> Value:
    """The content of a column that has one row."""
    return value.items[0] if value.items is not None and len(value.items) == 1 else value


def flatten(value: Value) -> list[Value]:
    """A row's values: the items of a list, or of a list of one list."""
    for _ in range(4):
        if value.items is None:
            return []
        items = value.items
        if len(items) == 1 and items[0].items is not None:
            value = items[0]
        else:
            return list(items)
    return []


def row_names(value: Value) -> tuple[str, ...]:
    """What the values of a row are called, where each is a form's field or an attribute."""
    row = flatten(value)
    found = tuple(one.column or one.name for one in row)
    plain = all(one.isidentifier() for one in found) and len(set(found)) == len(found)
    return found if plain and all(one.fields for one in row) else ()


def _stacked_names(reader: Reader, value: Value) -> tuple[str, ...]:
    """What the columns of a part of a row are called, or of the row that it was made from."""
    last = value.history[-1] if value.history else None
    return row_names(value) or (() if last is None else reader.notes.rows.get(last, ()))


def _name_step(reader: Reader, value: Value, columns: tuple[str, ...]) -> None:
    """Give the step that made a value the columns that it took, where it has none."""
    steps = reader.notes.steps
    last = value.history[-1] if value.history else None
    if last is not None and steps[last].action == "transform" and not steps[last].columns:
        steps[last] = replace(steps[last], columns=columns)


def concat(call: Call) -> Value:
    """``pandas.concat([a, b], axis=1)`` and numpy's hstack: columns one after another."""
    parts = call.given(0, "objs", "tup", "arrays", "values")
    inner = list(parts.items) if parts.items is not None else call.arguments
    made = blend(inner)
    columns: list[str] | None = []
    entries: list[tuple[Any, Value]] = []
    items: list[Value] | None = []
    for one in inner:
        named = one.columns or (_stacked_names(call.reader, one) if call.last != "concat" else ())
        columns = [*columns, *named] if columns is not None and named else None
        if named and not one.table:
            _name_step(call.reader, one, named)
        entries.extend(one.entries or () if one.table else ())
        row = flatten(one)
        items = [*items, *row] if items is not None and row else None
    table = any(one.table for one in inner)
    joined = number(call.given(1, "axis")) == 1 or call.last != "concat"
    if not joined and inner and call.last == "concat" and inner[0].columns:
        columns = list(inner[0].columns)
    return replace(
        made,
        table=table,
        columns=tuple(dict.fromkeys(columns)) if columns else None,
        entries=tuple(entries) or None,
        items=tuple(items) if items and not table else None,
    )


def call(call: Call) -> Value | None:
    """What pandas' and numpy's functions make of data; None where it is another function."""
    last, name = call.last, call.name
    if last == "DataFrame" or name.endswith("DataFrame.from_dict"):
        return frame(call)
    if name.endswith("DataFrame.from_records"):
        return frame(call)
    if last in ("concat", "hstack", "concatenate", "column_stack", "append") and "." in name:
        return concat(call)
    if last == "get_dummies":
        return _dummies(call)
    if last == "Series":
        data = call.given(0, "data")
        columns = names(call.given(1, "index"))
        if columns:
            return frame(replace_arguments(call, data, call.given(1, "index")))
        return data if data.known or data.entries is not None else blend([data])
    if last == "train_test_split":
        return _split(call)
    if last in ("reshape", "expand_dims") and call.arguments:
        return reshaped(call, call.given(0), call.given(1, "newshape", "axis", "shape"))
    if last in ("zeros", "ones", "full", "empty") and name.startswith("numpy"):
        count = plain(call.given(0, "shape"))
        if isinstance(count, tuple):
            count = count[-1] if count else None
        if isinstance(count, int) and 0 < count <= 512:
            return as_list([Value(constant=0)] * count)
        return Value(entries=())  # by place, as the script fills it
    if last in _SAME and (len(call.arguments) >= 1):
        return same(call, call.arguments[0])
    return None


def replace_arguments(call: Call, data: Value, columns: Value) -> Call:
    """The same call as that of a data frame."""
    return replace(call, arguments=[data], keywords={"columns": columns})


def same(call: Call, value: Value) -> Value:
    """``float(x)``, ``np.array(x)``: the value itself; a form's field becomes a number."""
    notes = call.reader.notes
    if call.last in _STRIPPED and len(value.fields) == 1 and not value.history:
        index = value.fields[0]
        one = notes.fields[index]
        if call.last != "str" and one.kind == "text":
            written = one.default if isinstance(one.default, str) else ""
            default = number(_converted("float", Value(constant=written))) if written else None
            notes.fields[index] = replace(
                one,
                kind="number",
                integer=call.last == "int",
                default=default if written else one.default,
            )
    if call.last in _STRIPPED and value.known and not isinstance(value.constant, type(None)):
        return _converted(call.last, value)
    if call.last in ("list", "tuple") and value.entries is not None:
        return as_list(Value(constant=key) for key, _ in value.entries)
    if call.last == "int" and value.answer:
        return replace(blend([value]), index=value.index, answer=True, name=value.name)
    return value


def _converted(kind: str, value: Value) -> Value:
    try:
        if kind == "str":
            return Value(constant=text(value) or str(value.constant))
        found = str(value.constant) if isinstance(value.constant, str) else value.constant
        if isinstance(found, str) and len(found) > 40:
            return NOTHING
        return Value(constant=float(found) if kind == "float" else int(float(found)))
    except (TypeError, ValueError, OverflowError):
        return NOTHING


def _dummies(call: Call) -> Value:
    data = call.given(0, "data")
    columns = names(call.given(-1, "columns")) or ()
    if not columns and data.column:
        columns = (data.column,)
    note_columns(call.reader, columns, "dummies", "", call.node)
    keeps = data.columns is not None and bool(columns)
    after = None
    if keeps:
        rest = tuple(one for one in data.columns or () if one not in columns)
        after = (*rest, *(f"{one}_*" for one in columns))
    done = call.reader.step(
        "get_dummies",
        replace(kept(data), columns=after),
        call.node,
        columns=columns or (data.columns or ()),
        arguments=(("drop_first", call.given(-1, "drop_first").constant is True),),
    )
    return replace(done, table=True, columns=after, column="")


def _split(call: Call) -> Value:
    reader = call.reader
    reader.notes.fitting.add(call.evidence.file)
    if len(call.arguments) == 2:
        chosen(reader, call.arguments[0], call.arguments[1], call.node)
    parts = [one for value in call.arguments for one in (value, value)]
    return as_list(parts)


def chosen(reader: Reader, features: Value, target: Value, node: ast.AST) -> None:
    """What a training script fits on, and what it fits to."""
    if features.columns:
        note_columns(reader, features.columns, "features", features.name, node, Strength.TRAINING)
    goal = (target.column,) if target.column else target.columns or ()
    note_columns(reader, goal, "target", target.name, node, Strength.TRAINING)


def reshaped(call: Call, value: Value, shape: Value) -> Value:
    """``reshape`` and ``expand_dims``: the items keep their order."""
    found = plain(shape)
    arguments: tuple[tuple[str, Any], ...] = ()
    if isinstance(found, int):
        arguments = (("axis" if call.last == "expand_dims" else "shape", found),)
    elif isinstance(found, tuple) and all(isinstance(one, int) for one in found):
        arguments = (("shape", found),)
    if value.known:
        return NOTHING
    action = "expand_dims" if call.last == "expand_dims" else "reshape"
    done = call.reader.step(action, value, call.node, arguments=arguments)
    return replace(done, items=value.items, columns=value.columns, column=value.column)


def part(reader: Reader, value: Value, key: Value, node: ast.AST) -> Value | None:
    """``table["Age"]``, ``table[["Age", "Sex"]]``, ``bundle["scaler"]``; None: something else."""
    chosen_names = names(key)
    name = key.constant if isinstance(key.constant, str) else ""
    if key.source is not None and value.table:  # table[columns], where a file has the columns
        done = reader.step("reindex", kept(value), node, source=key.source)
        return replace(done, table=True, columns=value.columns, entries=value.entries)
    if value.table:
        if chosen_names:
            entries = tuple((one, e) for one in chosen_names if (e := value.entry(one)))
            made = replace(kept(value), columns=chosen_names, table=True, entries=entries or None)
            note_columns(reader, chosen_names, "features", key.name, node)
            return made
        if name:
            inner = value.entry(name)
            flow_in = kept(value) if inner is None else inner
            return replace(flow_in, column=name, columns=None, table=False, name="", source=None)
        if key.items is not None:  # loc[0, "Age"], iloc[:, 0:4]
            last = key.items[-1] if key.items else NOTHING
            if isinstance(last.constant, str) or names(last):
                return part(reader, value, last, node)
            return replace(kept(value), columns=None, table=True)
        return replace(kept(value), table=True)
    return None


def put(reader: Reader, value: Value, key: Value, content: Value, node: ast.AST) -> Value:
    """What a list, dict or table is after ``value[key] = content``."""
    if key.items is not None and key.items and not isinstance(key.constant, str):
        last = key.items[-1]
        if isinstance(last.constant, str):
            key = last
    listed = names(key)
    if value.table and listed:  # table[["a", "b"]] = scaler.transform(table[["a", "b"]])
        table = blend([value, content])
        return replace(value, history=table.history, fields=table.fields)
    if isinstance(key.constant, (str, int)) and value.items is None:
        name = key.constant
        entries = dict(value.entries or ())
        if isinstance(name, str):
            reader.notes.give_column(content, name)
        entries[name] = content
        flowing = blend([value, content])
        columns = value.columns
        if value.table and columns is not None and isinstance(name, str) and name not in columns:
            columns = (*columns, name)
        return replace(
            value,
            entries=tuple(entries.items())[:4096],
            columns=columns,
            history=flowing.history if value.table else value.history,
            fields=flowing.fields if value.table else value.fields,
            dotted="" if value.entries is None else value.dotted,
        )
    if value.items is not None and isinstance(key.constant, int):
        items = list(value.items)
        if -len(items) <= key.constant < len(items):
            items[key.constant] = content
        return replace(value, items=tuple(items))
    flowing = blend([value, content, key])
    return replace(value, history=flowing.history, fields=flowing.fields)


def method(call: Call) -> Value | None:
    """What a table's or an array's own method gives; None where it is no such method."""
    value, name, reader = call.receiver, call.name, call.reader
    if value is None:
        return None
    if name == "reindex" and call.has(-1, "columns"):
        return _reindexed(call, value)
    if name == "drop" and (value.table or value.history or value.source is not None):
        return _dropped(call, value)
    if name == "rename" and value.table:
        return _renamed(call, value)
    if name == "reshape":
        shape = call.given(0, "shape")
        if len(call.arguments) > 1:
            shape = as_list(call.arguments)
        return reshaped(call, value, shape)
    if name == "assign" and value.table:
        for key, content in call.keywords.items():
            value = put(reader, value, Value(constant=key), content, call.node)
        return value
    if name == "pop" and value.table:
        return part(reader, value, call.given(0, "item"), call.node)
    if name in ("map", "replace") and not value.known and (value.table or value.source is None):
        return _mapped(call, value)
    if name == "apply" and (value.column or value.table) and not value.answer:
        function = call.given(0, "func")
        if function.callee is not None and value.column:
            done = reader.call_value(function, [value], call.node)
            return replace(done, column=value.column) if not done.known else kept(value)
    if name in ("unique", "value_counts", "describe", "nunique", "isnull", "isna"):
        return Value(name=value.name)
    if name == "select_dtypes":
        return replace(kept(value), columns=None)
    if name == "values" and value.entries is not None and not value.table:
        return None
    if name in _KEPT and value.dotted == "":
        if value.known:
            return value
        if name in ("tolist", "to_list") and value.items is None and value.source is not None:
            return value
        return value
    return None


def _reindexed(call: Call, value: Value) -> Value:
    given = call.given(-1, "columns")
    columns = names(given)
    if columns:
        note_columns(call.reader, columns, "reindex", given.name, call.node, Strength.PREDICTING)
    done = call.reader.step(
        "reindex",
        kept(value),
        call.node,
        source=given.source,
        columns=columns or (),
        arguments=(("fill_value", number(call.given(-1, "fill_value"))),),
    )
    return replace(done, table=True, columns=columns or None, entries=value.entries)


def _dropped(call: Call, value: Value) -> Value:
    given = call.given(0, "labels")
    axis = call.given(1, "axis")
    by_columns = call.has(-1, "columns")
    if by_columns:
        given = call.given(-1, "columns")
    elif whole(axis) != 1 and text(axis) != "columns":
        return value
    found = names(given) or ((text(given),) if text(given) else ())
    note_columns(call.reader, found, "dropped", given.name, call.node)
    if call.keywords.get("inplace", NOTHING).constant is True:
        function = call.node.func
        if isinstance(function, ast.Attribute):
            call.reader.bind(function.value, _without(value, found))
    return _without(value, found)


def _without(value: Value, found: tuple[str, ...]) -> Value:
    columns = value.columns
    left = tuple(one for one in columns if one not in found) if columns is not None else None
    entries = tuple((key, one) for key, one in value.entries or () if key not in found)
    return replace(value, columns=left, entries=entries or None, table=True)


def _renamed(call: Call, value: Value) -> Value:
    mapping = plain(call.given(-1, "columns"))
    if not isinstance(mapping, dict) or value.columns is None:
        return value
    columns = tuple(str(mapping.get(one, one)) for one in value.columns)
    entries = tuple((mapping.get(key, key), one) for key, one in value.entries or ())
    return replace(value, columns=columns, entries=entries or None)


def _mapped(call: Call, value: Value) -> Value | None:
    """``df["Sex"].map({"male": 0, "female": 1})``."""
    given = call.given(0, "arg", "to_replace")
    mapping = plain(given)
    if not isinstance(mapping, dict) or not mapping or value.answer:
        return None
    inner = next(iter(mapping.values()))
    if isinstance(inner, dict) and value.table:  # df.replace({"Sex": {"male": 0}})
        for column, pairs in mapping.items():
            if isinstance(pairs, dict):
                encode(
                    call.reader,
                    replace(kept(value), column=str(column)),
                    tuple(pairs.items()),
                    None,
                    call.node,
                    "",
                )
        return kept(value)
    if not all(isinstance(one, (int, float)) for one in mapping.values()):
        return kept(value)
    done = encode(call.reader, value, tuple(mapping.items()), None, call.node, "")
    return replace(done, column=value.column)
