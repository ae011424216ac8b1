"""Fitted things in scripts: where they are loaded from and saved to, and what they are asked."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from edge_deploy.frontends.project import tables
from edge_deploy.frontends.project.findings import Evidence, Load, Padding, Save, Source
from edge_deploy.frontends.project.values import (
    NOTHING,
    Call,
    Reader,
    SourceNote,
    Value,
    blend,
    flow,
    inner_answer,
    inner_fields,
    names,
    number,
    plain,
    text,
    whole,
    written,
)

_UNPICKLED = {
    "joblib",
    "pickle",
    "dill",
    "cloudpickle",
    "_pickle",
    "cPickle",
    "pickle5",
    "compress_pickle",
}
_PREDICTS = {
    *("predict", "predict_proba", "decision_function", "predict_classes", "predict_on_batch"),
    *("predict_log_proba", "forecast", "predict_generator", "call_model"),
}
_TRANSFORMS = {
    *("transform", "inverse_transform", "fit_transform", "texts_to_sequences", "texts_to_matrix"),
    *("sequences_to_texts", "vectorize", "encode_plus", "sequences_to_matrix"),
}
_READ = {
    *("read", "readlines", "read_text", "splitlines", "read_bytes", "split", "strip", "rstrip"),
    *("replace", "decode"),
}
_FITS = {"fit", "fit_on_texts", "fit_generator", "partial_fit", "adapt", "compile"}
_LIBRARIES = ("sklearn.", "imblearn.", "xgboost.", "lightgbm.", "catboost.", "category_encoders.")
_CLASSES = re.compile(
    r"(\w*(Scaler|Encoder|Binarizer|Transformer|Vectorizer|Imputer|Classifier|Regressor|Regression"
    r"|PCA|SVC|SVR|NB|KMeans|Pipeline|SearchCV|Discretizer|Normalizer|SelectKBest|Booster))"
    r"|Sequential|Tokenizer|Lasso|Ridge|TruncatedSVD|PolynomialFeatures|LinearDiscriminantAnalysis"
)
_MODELS = {
    *("load_model", "TFSMLayer", "KerasLayer", "InferenceSession", "Interpreter", "load_learner"),
    "load_from_checkpoint",
}


def noted(reader: Reader, path: str, name: str, call: str, where: Evidence) -> int:
    """Note that a file goes into a variable; the index of its source.

    Args:
        reader: What reads the script.
        path: As the script has it.
        name: The variable, or "".
        call: What reads it.
        where: The line that names the file.
    """
    found = reader.find(path) if path else None
    written_path = path.replace("\\", "/").removeprefix("./")
    note = SourceNote(name, found or written_path or None, None, "", found is not None)
    named = reader.naming(where, written_path) if written_path else where
    return _noted(reader, note, call, named)


def _noted(reader: Reader, note: SourceNote, call: str, where: Evidence) -> int:
    notes = reader.notes
    note.loaded = True
    notes.sources.append(note)
    index = len(notes.sources) - 1
    notes.loads.append((index, Load(note.freeze(), call, where)))
    return index


def part(reader: Reader, value: Value, key: str, name: str, node: ast.AST) -> Value:
    """A part of a bundle: ``bundle["scaler"]``."""
    notes = reader.notes
    whole_note = notes.sources[value.source or 0]
    inner = f"{whole_note.key}.{key}" if whole_note.key else key
    for index, one in enumerate(notes.sources):
        if one.path == whole_note.path and one.key == inner and one.path is not None:
            return Value(source=index, name=name)
    note = SourceNote(name or key, whole_note.path, inner, "", whole_note.exists)
    index = _noted(reader, note, "part", reader.evidence(node))
    return Value(source=index, name=name)


def subscript(reader: Reader, value: Value, key: Value, node: ast.Subscript) -> Value | None:
    """``bundle["scaler"]`` of a loaded thing; None where it is no part of one."""
    if value.source is None or value.answer or value.table or key.answer or inner_answer(key):
        return None
    if value.name.endswith(("signatures", "named_steps", "classes_", "_")):
        return replace(value, name="")
    note = reader.notes.sources[value.source]
    if note.path is None or note.kind:
        return None
    if isinstance(key.constant, str) or (
        isinstance(key.constant, int) and not isinstance(key.constant, bool)
    ):
        name = written(node)
        return part(reader, value, str(key.constant), name, node)
    return None


def attribute(reader: Reader, value: Value, name: str, node: ast.Attribute) -> Value:
    """An attribute of a fitted thing: of the same one, or a part of a bundle."""
    note = reader.notes.sources[value.source or 0]
    same = name.endswith("_") or name in ("word_index", "index_word", "signatures", "named_steps")
    if value.table:
        if name in ("columns", "index"):
            return Value(source=value.source, name=name)
        if name in ("values", "iloc", "loc", "T", "at", "iat"):
            return value
        kept = tables.kept(value)
        return replace(kept, column=name, table=False, columns=None, source=None)
    if same or note.key is not None or note.path is None or note.kind:
        return Value(source=value.source, name=name)
    if name in ("input_shape", "output_shape", "layers", "inputs", "outputs", "shape", "files"):
        return NOTHING
    if name in ("T", "values", "columns"):
        return value
    loads = [one for index, one in reader.notes.loads if index == value.source]
    if loads and ("keras" in loads[0].call or loads[0].call.startswith("tensorflow")):
        return Value(source=value.source, name=name)
    return part(reader, value, name, written(node), node)


def call(call: Call) -> Value | None:
    """What loads, saves or makes a fitted thing; None where it is another function."""
    name, last, reader = call.name, call.last, call.reader
    first = call.given(0, "path", "filename", "filepath", "file", "filepath_or_buffer", "fname")
    top = name.partition(".")[0]
    path = text(first) or first.opened
    if name in ("open", "io.open", "codecs.open", "gzip.open", "tensorflow.io.gfile.GFile"):
        target = call.given(0, "file", "filename", "name")
        return Value(opened=text(target) or target.opened, where=call.evidence)
    if last in ("load", "loads") and (top in _UNPICKLED or name.startswith("sklearn.externals")):
        return _loaded(call, path, name)
    if name in (
        "skops.io.load",
        "numpy.load",
        "torch.load",
        "torch.jit.load",
        "pandas.read_pickle",
    ):
        return _loaded(call, path, name)
    if name in ("json.load", "json.loads", "yaml.safe_load", "yaml.load", "numpy.loadtxt"):
        return _loaded(call, path, name) if path else NOTHING
    if last in _MODELS or name in ("tensorflow.saved_model.load", "tensorflow_hub.load"):
        path = text(call.given(0, "filepath", "model_path", "path", "handle", "model_uri")) or path
        return _loaded(call, path, name)
    if last in ("model_from_json", "tokenizer_from_json", "model_from_yaml"):
        if first.source is not None:
            return _reread(reader, first.source, name)
        return _loaded(call, path, name)
    if name in ("pandas.read_csv", "pandas.read_excel", "pandas.read_table", "pandas.read_parquet"):
        if not path:
            return Value(table=True, history=flow(first), fields=inner_fields(first))
        index = noted(reader, path, "", name, first.where or call.evidence)
        plain_csv = last == "read_csv" and not call.keywords.keys() & {"sep", "names", "header"}
        header = reader.header(reader.notes.sources[index].path or "") if plain_csv else ()
        if header and whole(call.given(-1, "index_col")) == 0:
            header = header[1:]
        return Value(table=True, source=index, columns=header or None)
    if last == "Booster" and text(call.given(-1, "model_file")):
        return _loaded(call, text(call.given(-1, "model_file")), name)
    if last == "pad_sequences":
        return _padded(call)
    if last in ("dump", "dumps", "save", "savez") and top in (
        *_UNPICKLED,
        "numpy",
        "torch",
        "json",
    ):
        return _dumped(call)
    if name == "skops.io.dump":
        return _dumped(call)
    known = name.startswith(_LIBRARIES) or _CLASSES.fullmatch(last)
    if known and last[:1].isupper() and ".layers" not in name:
        reader.notes.sources.append(SourceNote("", None, None, last))
        inner = blend([]) if not call.all else NOTHING
        return replace(inner, source=len(reader.notes.sources) - 1)
    if last == "Model" and "keras" in name:
        reader.notes.sources.append(SourceNote("", None, None, last))
        return Value(source=len(reader.notes.sources) - 1)
    if last in ("make_pipeline", "make_column_transformer"):
        reader.notes.sources.append(SourceNote("", None, None, "Pipeline"))
        return Value(source=len(reader.notes.sources) - 1)
    return None


def _loaded(call: Call, path: str, name: str) -> Value:
    for one in call.arguments[:1]:
        if one.opened and one.source is not None:  # loads(file.read())
            return _reread(call.reader, one.source, name)
    first = call.arguments[0] if call.arguments else NOTHING
    opened = first.where if first.opened else None
    index = noted(call.reader, path, "", name, opened or call.evidence)
    return Value(source=index)


def _reread(reader: Reader, source: int, name: str) -> Value:
    """What makes a thing of a text that was read from a file already."""
    notes = reader.notes
    for place, (index, load) in enumerate(notes.loads):
        if index == source:
            notes.loads[place] = (index, replace(load, call=name))
    return Value(source=source)


def _dumped(call: Call) -> Value:
    """``joblib.dump(scaler, "scaler.pkl")``."""
    thing, target = call.given(0, "obj", "value"), call.given(1, "filename", "file", "f", "fp")
    if call.name.startswith(("numpy.", "torch.")) and text(thing):
        thing, target = target, thing
    _saved(call, thing, text(target) or target.opened)
    return NOTHING


def _saved(call: Call, thing: Value, path: str) -> None:
    reader, notes = call.reader, call.reader.notes
    if not path:
        return
    found = reader.find(path)
    where = found or path.replace("\\", "/").removeprefix("./")
    if thing.entries is not None:
        for key, one in thing.entries:
            if one.source is not None:
                inner = notes.sources[one.source]
                save = Source(inner.name, where, str(key), inner.kind, found is not None)
                notes.saves.append((one.source, Save(save, call.name, call.evidence)))
        return
    if thing.source is None:
        arguments = call.node.args
        given = written(arguments[0]) if arguments else ""
        save = Source(given, where, None, "", found is not None)
        notes.saves.append((-1, Save(save, call.name, call.evidence)))
        return
    note = notes.sources[thing.source]
    save = Source(note.name, where, None, note.kind, found is not None)
    notes.saves.append((thing.source, Save(save, call.name, call.evidence)))


def _padded(call: Call) -> Value:
    """``pad_sequences(sequences, maxlen=100, padding="post")``."""
    value = call.given(0, "sequences")
    maxlen = whole(call.given(1, "maxlen"))
    padding = text(call.given(3, "padding")) or None
    truncating = text(call.given(4, "truncating")) or None
    filler = number(call.given(5, "value"))
    found = Padding(maxlen, padding, truncating, filler, call.evidence)
    call.reader.notes.paddings.append(found)
    arguments = (
        *(("maxlen", maxlen), ("padding", padding), ("truncating", truncating), ("value", filler)),
    )
    return call.reader.step("pad_sequences", value, call.node, arguments=arguments)


def method(call: Call) -> Value | None:
    """What a fitted thing is asked; None where it is another method."""
    name, receiver, reader = call.name, call.receiver, call.reader
    if receiver is None:
        return None
    if receiver.opened and name in _READ:
        if receiver.source is None and name in ("read", "readlines", "read_text"):
            index = noted(reader, receiver.opened, "", name, receiver.where or call.evidence)
            return replace(receiver, source=index)
        return receiver
    if name in ("read_text", "read_bytes", "open") and text(receiver):
        if name == "open":
            return Value(opened=text(receiver), where=call.evidence)
        index = noted(reader, text(receiver), "", name, call.evidence)
        return Value(opened=text(receiver), source=index)
    if name == "write" and receiver.opened:
        _saved(call, call.given(0), receiver.opened)
        return NOTHING
    if receiver.either:
        results = [method(replace(call, receiver=one)) for one in receiver.either[:24]]
        given = [one for one in results if one is not None]
        return max(given, key=lambda one: one.weight) if given else None
    if name in _PREDICTS or name == "run_on_batch":
        return predicted(call, receiver, name)
    if (
        name == "run"
        and call.given(1, "input_feed").entries is not None
        and receiver.source is not None
    ):
        fed = call.given(1, "input_feed").entries or ()
        return _asked(call, receiver, "predict", blend(one for _, one in fed))
    if name == "predict_with" or (name in _TRANSFORMS and not receiver.table):
        return _transformed(call, receiver, name)
    if name in ("get_feature_names_out", "get_feature_names") and receiver.source is not None:
        asked = names(call.given(0, "input_features"))
        column = asked[0] if asked and len(asked) == 1 else ""
        return Value(source=receiver.source, column=column, name="feature_names_")
    if name in _FITS and not receiver.table:
        return _fit(call, receiver)
    if name in ("load_weights", "load_model", "from_file", "load") and receiver.source is not None:
        return _filled(call, receiver)
    if name == "set_tensor" and receiver.source is not None:  # TensorFlow Lite's
        answer = _asked(call, receiver, "predict", call.given(1, "value"))
        reader.notes.tensors[receiver.source] = answer
        return NOTHING
    if name == "get_tensor" and receiver.source in reader.notes.tensors:
        return reader.notes.tensors[receiver.source or 0]
    if name in ("save", "save_model", "save_weights", "dump_model", "export"):
        path = text(call.given(0, "filepath", "fname", "path", "filename"))
        if path and receiver.source is not None:
            _saved(call, receiver, path)
        return NOTHING
    if (
        name in ("eval", "to", "best_estimator_", "set_params", "build")
        and receiver.source is not None
    ):
        return receiver
    if name in ("items", "values", "keys") and receiver.source is not None and not receiver.table:
        return receiver
    if name == "to_json" and receiver.source is not None:
        return receiver
    if name == "index" and receiver.source is not None and not call.given(0).known:
        return reader.step("lookup", call.given(0), call.node, source=receiver.source)
    return None


def _source_of(call: Call, receiver: Value) -> int:
    notes = call.reader.notes
    if receiver.source is not None:
        return receiver.source
    name = receiver.name or call.receiver_text or receiver.dotted
    for index, note in enumerate(notes.sources):
        if note.name == name and note.path is None and not note.kind:
            return index
    notes.sources.append(SourceNote(name))
    return len(notes.sources) - 1


def _filled(call: Call, receiver: Value) -> Value | None:
    """``model.load_weights("weights.h5")``: a file more, or the file itself."""
    path = text(call.given(0, "filepath", "fname", "path"))
    if not path or receiver.source is None:
        return None
    note = call.reader.notes.sources[receiver.source]
    index = noted(call.reader, path, note.name, call.name, call.evidence)
    if call.name == "load_weights" and note.path is not None:
        return NOTHING
    loaded = call.reader.notes.sources[index]
    note.path, note.exists, note.loaded = loaded.path, loaded.exists, True
    return receiver


def _fit(call: Call, receiver: Value) -> Value | None:
    reader = call.reader
    if call.name == "compile":
        return NOTHING if receiver.source is not None else None
    if receiver.source is None and not call.arguments:
        return None
    reader.notes.fitting.add(call.evidence.file)
    if len(call.arguments) >= 2:
        tables.chosen(reader, call.arguments[0], call.arguments[1], call.node)
    return receiver


def predicted(call: Call, receiver: Value, name: str) -> Value:
    """What a model answers."""
    value = call.given(0, "X", "x", "data", "inputs", "input")
    return _asked(call, receiver, name if name in _PREDICTS else "predict", value)


def _asked(call: Call, receiver: Value, name: str, value: Value) -> Value:
    reader = call.reader
    action = name if name in ("predict_proba", "decision_function") else "predict"
    source = _source_of(call, receiver)
    reader.notes.give_positions(value)
    columns = hint(value)
    if not columns:
        _row_names(reader, value, call.node)
    if value.entries and not value.table and columns:
        for key, one in value.entries:
            reader.notes.give_column(one, str(key))
    table = value.columns or (columns if value.entries else ())
    done = reader.step(
        action,
        value,
        call.node,
        source=source,
        columns=columns,
        table=table,
        fields=inner_fields(value),
    )
    notes = reader.notes
    if notes.sources[source].loaded:
        notes.predicting.add(call.evidence.file)
    return Value(
        history=done.history, fields=done.fields, answer=True, index=name == "predict_classes"
    )


def _row_names(reader: Reader, value: Value, node: ast.AST) -> None:
    """``model.predict([[age, sex]])``: the variables' names, where no table has names."""
    row = tables.flatten(value)
    found = tuple(one.name for one in row)
    plain_names = all(one.name.isidentifier() and one.items is None for one in row)
    if len(row) < 2 or not plain_names or len(set(found)) < len(found):
        return
    if not any(one.fields or one.history for one in row):
        return
    tables.note_columns(reader, found, "row", "", node)
    notes = reader.notes
    for one in row:
        last = notes.steps[one.history[-1]].encoding if one.history else None
        if last is not None and not notes.encodings[last].column:
            notes.encodings[last] = replace(notes.encodings[last], column=one.name)


def hint(value: Value) -> tuple[str, ...]:
    """The columns whose values these are, where it is told."""
    if value.columns:
        return value.columns
    if value.column:
        return (value.column,)
    if value.entries and all(isinstance(key, str) for key, _ in value.entries):
        return tuple(key for key, _ in value.entries)  # {"age": ..., "sex": ...} of Keras
    found = tables.flatten(value)
    if found and all(one.column for one in found):
        return tuple(one.column for one in found)
    return ()


def _transformed(call: Call, receiver: Value, name: str) -> Value | None:
    reader = call.reader
    value = call.given(0, "X", "y", "x", "raw_documents", "texts")
    if receiver.dotted and receiver.source is None and name == "transform":
        return None
    source = _source_of(call, receiver)
    if name == "fit_transform":
        reader.notes.fitting.add(call.evidence.file)
    columns = hint(value)
    row = tables.flatten(value)
    if len(row) > 1 and name == "transform":
        reader.notes.give_positions(value)
    arguments: tuple[tuple[str, Any], ...] = ()
    if name == "texts_to_matrix":
        arguments = (("mode", text(call.given(1, "mode")) or "binary"),)
    table = value.columns or (tuple("" for _ in row) if len(row) > 1 else ())
    done = reader.step(
        name, value, call.node, source=source, columns=columns, arguments=arguments, table=table
    )
    answer = value.answer or done.answer
    if done.history and (names := tables.row_names(value)):
        reader.notes.rows[done.history[-1]] = names
    return Value(
        history=done.history,
        fields=done.fields,
        columns=value.columns,
        column=value.column,
        answer=answer,
        items=None,
    )


def called(call: Call, receiver: Value) -> Value:
    """``model(x)``: a fitted thing that is called."""
    value = call.given(0, "x", "inputs")
    if not call.arguments and call.keywords:
        value = blend(call.keywords.values())
    known = plain(value)
    if isinstance(known, str) or not call.all:
        return NOTHING
    return _asked(call, receiver, "predict", value)
