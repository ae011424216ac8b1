"""What a SavedModel would do, read from its graph before TensorFlow runs any of it.

Loading a SavedModel runs its initializers, and its original is asked for answers: an operator
that writes a file would write it. Every operator of the graph and of its function library must be
on the list of ``core/tensorflow_operators.json``. Two
kinds touch files in models as they are: those of the saver, which must be reached from the saver
alone and take the path that TensorFlow gives it, and tables filled from a text file, which must
be an asset of the model.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edge_deploy.core.errors import SourceError, UntrustedError
from edge_deploy.core.filesystem import is_link
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.tensorflow_operators import computing, to_terminal

MAX_GRAPH = 2**31 - 1
"""Bytes of ``saved_model.pb``: what protobuf can hold, and TensorFlow can write."""

# Read a checkpoint (the operand is its path), and write one.
_RESTORE = ("RestoreV2",)
_SAVE = ("SaveV2", "MergeV2Checkpoints")
# Fill a table from the text file that the operand with this number names.
_FROM_FILE = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
# Call functions of the library: how many operands stand before those of the function.
# (A loop hands on what its own body answers, so nothing can be said of what it is given.)
_CALLS = {
    "PartitionedCall": 0,
    "StatefulPartitionedCall": 0,
    "If": 1,
    "StatelessIf": 1,
    "Case": 1,
    "StatelessCase": 1,
}
_SAME = ("Identity", "PlaceholderWithDefault")
_INITIALIZERS = ("saved_model_main_op", "legacy_init_op", "table_initializer", "local_init_op")
_LOCAL = ("local_variables", "resources", "local_resources")


def check_saved_model(path: Path, trusted: bool = False) -> tuple[str, ...]:
    """Look through a SavedModel folder.

    Args:
        path: The folder.
        trusted: Whether operators outside the list may run; its files are looked at all the same.

    Returns:
        The operators outside the list, which are only there where ``trusted``.

    Raises:
        UntrustedError: It would run operators that do more than compute, or read other files.
        SourceError: It is damaged, or needs operators that TensorFlow does not have.
    """
    _check_files(path)
    model = _parse(path)
    found: list[str] = []
    unknown: list[str] = []
    single = len(model.meta_graphs) == 1
    for meta in model.meta_graphs:
        _check_assets(path, meta)
        graph = _Graph.of(meta, objects=single and meta.HasField("object_graph_def"))
        try:
            found += graph.refused()
        except (IndexError, KeyError, RecursionError) as error:
            raise _damaged(path, "saved_model.pb", error) from error
        unknown += graph.unknown
    if foreign := sorted({name for name in unknown if not _is_registered(name)}):
        raise SourceError(
            f"{path}: the SavedModel needs operators that TensorFlow does not have: "
            f"{_few(foreign)}. They are of a library of their own (TensorFlow Text, Decision "
            "Forests, custom operators), which phones and browsers do not have either. Leave that "
            "step to the app, and save the model from the numbers on."
        )
    found += [f"the operator {name}" for name in sorted(set(unknown))]
    if found and not trusted:
        raise UntrustedError(
            f"{path}: the SavedModel does more than compute ({_few(found)}), and loading it would "
            "run that. Save the model again without it: model.export() or "
            f"tf.saved_model.save(). If you trust its author, add {option('trust_pickle', True)}."
        )
    return tuple(found)


def tag_sets(path: Path) -> list[list[str]]:
    """The tags of each graph of a SavedModel folder that was looked through."""
    return [sorted(meta.meta_info_def.tags) for meta in _parse(path).meta_graphs]


def _few(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _is_registered(name: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(name) is not None


# --- Files -------------------------------------------------------------------------------------


def _check_files(path: Path) -> None:
    """Refuse links and special files among what TensorFlow opens by itself."""
    for part in ("variables", "assets", "assets.extra", "debug"):
        if is_link(path / part):
            raise _link(path, part)
    names = [*("saved_model.pb", "saved_model.pbtxt", "fingerprint.pb"), "keras_metadata.pb"]
    names += ["debug/saved_model_debug_info.pb"]
    for name in names:
        _check_file(path, path / name)
    if (path / "variables").is_dir():
        for file in (path / "variables").iterdir():
            if not file.is_dir() or is_link(file):
                _check_file(path, file)


def _check_file(path: Path, file: Path) -> None:
    try:
        mode = file.lstat().st_mode
    except OSError:
        return
    if is_link(file):
        target = Path(os.path.realpath(file))  # which takes a link to itself
        if not (_is_blob(path, target) and target.is_file()):
            raise _link(path, file.relative_to(path).as_posix())
    elif not stat.S_ISREG(mode):
        raise SourceError(
            f"{path}: {file.relative_to(path).as_posix()} is no ordinary file. Copy the model "
            "again."
        )


def _is_blob(path: Path, target: Path) -> bool:
    """Whether a link leads to the store of the Hugging Face cache that the folder lies in."""
    store = next(
        (up.parent / "blobs" for up in path.resolve().parents if up.name == "snapshots"), None
    )
    return store is not None and target.parent == store.resolve()


def _link(path: Path, name: str) -> UntrustedError:
    return UntrustedError(
        f"{path}: {name} is a link to another file, whose bytes would become part of the model. "
        "Copy the model with its own files: cp -rL."
    )


def _parse(path: Path) -> Any:
    from google.protobuf import message, text_format
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / "saved_model.pb"
    binary = file.is_file()
    file = file if binary else path / "saved_model.pbtxt"
    model = saved_model_pb2.SavedModel()
    try:
        if file.stat().st_size > MAX_GRAPH:
            raise ValueError("it is larger than 2 GB")
        content = file.read_bytes()
        if binary:
            model.ParseFromString(content)
        else:
            text_format.Parse(content.decode("utf-8"), model)
    except (OSError, ValueError, RecursionError, message.Error, text_format.ParseError) as error:
        raise _damaged(path, file.name, error) from error
    return model


def _damaged(path: Path, name: str, error: BaseException) -> SourceError:
    return SourceError(
        f"{path}: TensorFlow cannot load this SavedModel: {name} is damaged "
        f"({first_line(error)}). Save it again with model.export() or tf.saved_model.save()."
    )


def _check_assets(path: Path, meta: Any) -> None:
    for asset in _assets(meta):
        name = asset.filename
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or set("\\:\0") & set(name):
            raise UntrustedError(
                f"{path}: the SavedModel reads {name!r}, which is no file of its folder assets. "
                "Save the model again with tf.saved_model.save()."
            )
        file = path / "assets"
        for part in parts:
            file /= part
            if file.is_dir():
                if is_link(file):
                    raise _link(path, file.relative_to(path).as_posix())
            else:
                _check_file(path, file)


def _assets(meta: Any) -> Iterator[Any]:
    from tensorflow.core.protobuf import meta_graph_pb2

    yield from meta.asset_file_def
    if "saved_model_assets" in meta.collection_def:
        for packed in meta.collection_def["saved_model_assets"].any_list.value:
            asset = meta_graph_pb2.AssetFileDef()
            packed.Unpack(asset)
            yield asset


# --- The graph ---------------------------------------------------------------------------------


@dataclass
class _Graph:
    """One meta graph: its nodes, its functions, who calls whom.

    Attributes:
        meta: The MetaGraphDef.
        objects: Whether TensorFlow loads it as objects with functions, and runs none of the nodes
            of the graph itself; it runs them where there is a graph alone.
        nodes: Of each scope, by name; the scope of the graph itself is None.
        unknown: Operators that are not on the list.
        calls: Of each function its callers, as scope and node.
    """

    meta: Any
    objects: bool
    nodes: dict[str | None, dict[str, Any]]
    arguments: dict[str | None, list[str]]
    unknown: list[str] = field(default_factory=list)
    calls: dict[str, list[tuple[str | None, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, meta: Any, objects: bool) -> _Graph:
        library = meta.graph_def.library.function
        nodes: dict[str | None, dict[str, Any]] = {
            None: {node.name: node for node in meta.graph_def.node}
        }
        nodes |= {f.signature.name: {n.name: n for n in f.node_def} for f in library}
        arguments: dict[str | None, list[str]] = {None: []}
        arguments |= {f.signature.name: [a.name for a in f.signature.input_arg] for f in library}
        return cls(meta, objects, nodes, arguments)

    def every(self) -> Iterator[tuple[str | None, Any]]:
        """Each node with its scope; of nodes of one name too, which the tables hold once."""
        for node in self.meta.graph_def.node:
            yield None, node
        for function in self.meta.graph_def.library.function:
            for node in function.node_def:
                yield function.signature.name, node

    def refused(self) -> list[str]:
        """What it would do beyond computing, in words; ``unknown`` is filled on the way."""
        found = []
        conditional = {*_RESTORE, *_SAVE, *_FROM_FILE, "PrintV2"}
        for scope, node in self.every():
            called = list(_functions(node))
            if node.op in self.nodes:
                called.append(node.op)
            elif node.op not in computing() and node.op not in conditional:
                self.unknown.append(node.op)
            for name in called:
                if name not in self.nodes:
                    found.append(f"a call of {name!r}, which is not in its library")
                self.calls.setdefault(name, []).append((scope, node))
            if node.op == "PrintV2" and not to_terminal(_stream(node)):
                found.append(
                    f"PrintV2 into {node.attr['output_stream'].s.decode('utf-8', 'replace')}"
                )
        names = [f.signature.name for f in self.meta.graph_def.library.function]
        if len(names) != len(set(names)) or len(self.nodes[None]) != len(self.meta.graph_def.node):
            found.append("two nodes or functions of one name")
        found += [
            f"a function with the name of the operator {name}"
            for name in names
            if name in computing() or name in conditional
        ]
        return found + self.files()

    def files(self) -> list[str]:
        """The saver and the tables, where they reach for other files than the model's own."""
        found = []
        touching = self.touching((*_RESTORE, *_SAVE))
        executed = {*self.meta.object_graph_def.concrete_functions}
        if used := sorted(executed & touching):
            found.append(f"reading or writing of checkpoints in {used[0]}")
        started = self.above(self.started())
        for name in sorted(started):
            node = self.nodes[None].get(name)
            if node is not None and self.touches(node, (*_RESTORE, *_SAVE), touching):
                found.append(f"reading or writing of checkpoints by {name}")
        saving = self.touching(_SAVE)
        fed = _node_of(self.meta.saver_def.filename_tensor_name)
        for name in sorted(self.above([_node_of(self.meta.saver_def.restore_op_name)])):
            node = self.nodes[None].get(name)
            if node is not None and self.touches(node, _SAVE, saving):
                found.append(f"writing of a file by {name}, while it is read")
        found += self.paths(fed)
        return found

    def paths(self, fed: str) -> list[str]:
        """Where restored checkpoints and text files lie, if not where they belong."""
        found = []
        restored = self.above([_node_of(self.meta.saver_def.restore_op_name)])
        below = self.called_by(restored)
        assets = {_node_of(asset.tensor_info.name) for asset in _assets(self.meta)}
        for scope, node in self.every():
            inputs = _data(node)
            if node.op in _RESTORE and (scope in below if scope else node.name in restored):
                places = self.origins(scope, inputs[:1], {fed}, set())
                if places - {"given"}:
                    found.append(f"{node.op} of a path of its own")
            if node.op in _FROM_FILE:
                operand = inputs[_FROM_FILE[node.op] :][:1]
                if self.origins(scope, operand, assets, set()) - {"given"} or not operand:
                    found.append(f"{node.op} of a file that is no asset of the model")
        return found

    def touching(self, ops: tuple[str, ...]) -> set[str]:
        """The functions that hold such an operator, or call one that does."""
        found = {scope for scope, node in self.every() if scope and node.op in ops}
        waiting = list(found)
        while waiting:
            for scope, _ in self.calls.get(waiting.pop(), ()):
                if scope and scope not in found:
                    found.add(scope)
                    waiting.append(scope)
        return found

    def touches(self, node: Any, ops: tuple[str, ...], functions: set[str]) -> bool:
        return node.op in ops or node.op in functions or bool(functions & set(_functions(node)))

    def called_by(self, names: Iterable[str]) -> set[str]:
        """The functions that nodes of the graph call, and those that these call."""
        found: set[str] = set()
        waiting = [self.nodes[None][name] for name in names if name in self.nodes[None]]
        while waiting:
            node = waiting.pop()
            for name in (node.op, *_functions(node)):
                if name in self.nodes and name not in found:
                    found.add(name)
                    waiting += self.nodes[name].values()
        return found

    def started(self) -> list[str]:
        """What TensorFlow runs of the graph: the signatures and the initializers."""
        names = []
        for signature in self.meta.signature_def.values():
            for info in signature.outputs.values():
                sparse = info.coo_sparse
                names += [info.name, sparse.values_tensor_name, sparse.indices_tensor_name]
                names += [sparse.dense_shape_tensor_name]
                names += [part.name for part in info.composite_tensor.components]
        for key, collection in self.meta.collection_def.items():
            if key in _INITIALIZERS:
                names += collection.node_list.value
            if key in _LOCAL:
                names += collection.node_list.value
                names += _initializers(collection.bytes_list.value)
        return [_node_of(name) for name in names]

    def above(self, names: Iterable[str]) -> set[str]:
        """The nodes of the graph that these need, and they themselves."""
        found: set[str] = set()
        waiting = [name for name in names if name]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            node = self.nodes[None].get(name)
            waiting += [_node_of(one) for one in node.input] if node is not None else []
        return found

    def origins(
        self, scope: str | None, refs: list[str], good: set[str], seen: set[tuple[str | None, str]]
    ) -> set[str]:
        """Where a text comes from: ``given`` by TensorFlow (an asset, the saver's path), or else.

        Args:
            scope: The function, or None for the graph itself.
            refs: Tensors there.
            good: Nodes of the graph that TensorFlow feeds.
            seen: What was asked already.
        """
        found: set[str] = set()
        for ref in refs:
            name = _node_of(ref)
            if (scope, name) in seen:
                continue
            seen.add((scope, name))
            node = self.nodes[scope].get(name)
            if scope is None and name in good:
                found.add("given")
            elif scope is not None and name in self.arguments[scope]:
                found |= self.handed(scope, self.arguments[scope].index(name), good, seen)
            elif node is not None and node.op in _SAME:
                found |= self.origins(scope, _data(node)[:1], good, seen)
            else:
                found.add(node.op if node is not None else "nothing")
        return found

    def handed(
        self, function: str, index: int, good: set[str], seen: set[tuple[str | None, str]]
    ) -> set[str]:
        """Where an argument of a function comes from, at every place that it is called from."""
        found: set[str] = set()
        objects = self.meta.object_graph_def
        if function in objects.concrete_functions:
            bound = objects.concrete_functions[function].bound_inputs
            first = len(self.arguments[function]) - len(bound)
            if index >= first:
                kind = objects.nodes[bound[index - first]].WhichOneof("kind")
                found.add("given" if kind == "asset" else str(kind))
            else:  # no path is handed over in a call; a default in the file could be one
                found.add("an argument")
        for scope, node in self.calls.get(function, ()):
            if scope is None and self.objects:
                continue
            before = 0 if node.op == function else _CALLS.get(node.op)
            operands = _data(node)
            if before is None or before + index >= len(operands):
                found.add(node.op)
            else:
                found |= self.origins(scope, [operands[before + index]], good, seen)
        return found


def _functions(node: Any) -> Iterator[str]:
    """The functions that the attributes of a node name."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield from _named(value.func)
        for function in value.list.func:
            yield from _named(function)


def _named(function: Any) -> Iterator[str]:
    yield function.name
    for value in function.attr.values():
        if value.HasField("func"):
            yield from _named(value.func)
        for inner in value.list.func:
            yield from _named(inner)


def _data(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]


def _node_of(ref: str) -> str:
    return ref.lstrip("^").partition(":")[0]


def _to_terminal(node: Any) -> bool:
    stream = node.attr["output_stream"].s if "output_stream" in node.attr else b"stderr"
    return stream == b"stderr" or stream.startswith(b"log(")


def _stream(node: Any) -> bytes:
    return bytes(node.attr["output_stream"].s) if "output_stream" in node.attr else b"stderr"


def _initializers(values: Iterable[bytes]) -> Iterator[str]:
    """The initializers of variables, which a collection holds as messages."""
    from google.protobuf import message
    from tensorflow.core.framework import variable_pb2

    for value in values:
        variable = variable_pb2.VariableDef()
        try:
            variable.ParseFromString(value)
        except message.Error:
            continue
        yield from (variable.initializer_name, variable.initial_value_name)
