"""A GraphDef as the files of a TF.js graph model: ``model.json`` and weight shards beside it.

The format is what tfjs-converter's ``operations/operation_mapper`` and tfjs-core's ``io/types``
read: protobuf's JSON of the nodes, without the weights, whose bytes follow one another in the
shards in the order of ``weightsManifest``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy._version import __version__
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.filesystem import write_text
from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Array
from edge_deploy.formats.tfjs.operators import operators

SHARD_BYTES = 4 * 1024 * 1024  # what browsers cache one by one
# What TF.js stores a constant as, by the kind of its numpy dtype: it has no wider numbers.
_STORED = {"f": "float32", "i": "int32", "u": "int32", "b": "bool", "c": "complex64"}
# Of a constant, which it reads from the manifest; this is for who reads the graph without it.
_OF_CONSTANTS = ("dtype",)


def write_model(
    graph_def: Any, path: Path, signature: Mapping[str, Any], metadata: Mapping[str, Any]
) -> None:
    """Write ``model.json`` and its shards; the constants are taken out of the graph on the way.

    Args:
        graph_def: A GraphDef of operators that TF.js has.
        path: The ``model.json``; its folder must exist.
        signature: ``inputs`` and ``outputs``, as ``signature_of`` gives them.
        metadata: ``userDefinedMetadata``.

    Raises:
        ConversionError: A constant is text, or of another kind that TF.js does not store.
    """
    from google.protobuf.json_format import MessageToDict

    constants = _constants(graph_def)
    # Shapes and axes first: with them the page can compile while the rest is on its way.
    constants.sort(key=lambda node: tf.as_dtype(node.attr["dtype"].type).is_floating)
    weights = [_entry(node) for node in constants]
    sizes = [_bytes_of(entry) for entry in weights]
    names = write_shards(path, (_take_values(node) for node in constants), sum(sizes))
    known = operators()
    for node in _all_nodes(graph_def):
        wanted = _OF_CONSTANTS if node.op == "Const" else known[node.op].attributes
        for key in set(node.attr) - set(wanted):
            del node.attr[key]
    topology = MessageToDict(graph_def)
    for nodes in (topology["node"], *(f.get("nodeDef", []) for f in _functions(topology))):
        for node in nodes:  # protobuf's maps have no order; the same model gives the same bytes
            if "attr" in node:
                node["attr"] = dict(sorted(node["attr"].items()))
    write_json(
        path,
        {
            "format": "graph-model",
            "generatedBy": f"TensorFlow {tf.__version__}",
            "convertedBy": f"edge-deploy {__version__}",
            "signature": signature,
            "modelTopology": topology,
            "userDefinedMetadata": metadata,
            "weightsManifest": [{"paths": names, "weights": weights}],
        },
    )


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a ``model.json`` without spaces."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    write_text(path, text)


def write_shards(path: Path, parts: Iterable[bytes], size: int) -> list[str]:
    """Write the bytes of weights into files of 4 MB, one part in memory at a time.

    Args:
        path: The ``model.json`` that they lie beside.
        parts: The bytes of one weight after the other.
        size: How many they are in all.

    Returns:
        The names of the files.
    """
    count = max(1, -(-size // SHARD_BYTES))
    names = [f"group1-shard{n + 1}of{count}.bin" for n in range(count)]
    files = iter(names)
    file = path.with_name(next(files)).open("wb")
    free = SHARD_BYTES
    try:
        for part in parts:
            rest = memoryview(part)
            while len(rest):
                if not free:
                    file.close()
                    file, free = path.with_name(next(files)).open("wb"), SHARD_BYTES
                written = file.write(rest[:free])
                rest, free = rest[written:], free - written
    finally:
        file.close()
    return names


def signature_of(entries: Iterable[tuple[str, str, str, Sequence[int | None]]]) -> dict[str, Any]:
    """What a model calls tensors of its graph: (name, tensor, dtype, shape) of each."""
    from tensorflow.core.framework import types_pb2

    return {
        name: {
            "name": tensor,
            "dtype": types_pb2.DataType.Name(tf.as_dtype(dtype).as_datatype_enum),
            "tensorShape": {"dim": [{"size": str(-1 if n is None else n)} for n in shape]},
        }
        for name, tensor, dtype, shape in entries
    }


def _functions(topology: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(topology.get("library", {}).get("function", []))


def _all_nodes(graph_def: Any) -> list[Any]:
    inner = [node for one in graph_def.library.function for node in one.node_def]
    return [*graph_def.node, *inner]


def _constants(graph_def: Any) -> list[Any]:
    """All constants; those of functions get names of their own, since TF.js has one list."""
    for function in graph_def.library.function:
        names = {
            node.name: f"{function.signature.name}/{node.name}"
            for node in function.node_def
            if node.op == "Const"
        }
        for node in function.node_def:
            node.name = names.get(node.name, node.name)
            node.input[:] = [_renamed(tensor, names) for tensor in node.input]
        for key, tensor in function.ret.items():
            function.ret[key] = _renamed(tensor, names)
    return [node for node in _all_nodes(graph_def) if node.op == "Const"]


def _renamed(tensor: str, names: Mapping[str, str]) -> str:
    name, colon, rest = tensor.partition(":")
    return names.get(name, name) + colon + rest


def _entry(node: Any) -> dict[str, Any]:
    """What the manifest says of a constant."""
    dtype = tf.as_dtype(node.attr["dtype"].type)
    kind = "f" if dtype.is_floating else np.dtype(dtype.as_numpy_dtype).kind
    if kind not in _STORED:
        raise ConversionError(
            f"TF.js cannot hold the constant {node.name!r}, which is {dtype.name}: it stores "
            "numbers and truth values."
        )
    shape = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
    return {"name": node.name, "shape": shape, "dtype": _STORED[kind]}


def _bytes_of(entry: Mapping[str, Any]) -> int:
    return int(np.prod(entry["shape"], dtype=np.int64)) * np.dtype(entry["dtype"]).itemsize


def _take_values(node: Any) -> bytes:
    """A constant's values as they are stored; the graph forgets them."""
    tensor = node.attr["value"].tensor
    values: Array = tf.make_ndarray(tensor)
    del node.attr["value"]
    if values.dtype.kind in "iu" and values.dtype.itemsize > 2:
        # What stands for "to the end" in int64 is to do so in int32.
        limits = np.iinfo(np.int32)
        values = np.clip(values, limits.min, limits.max)
    stored = _STORED.get(values.dtype.kind, "float32")  # bfloat16 is of no kind that numpy has
    return values.astype(stored).tobytes()
