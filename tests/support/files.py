"""Reading and changing the constants of converted files, as a fault would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

Change = Callable[[np.ndarray], np.ndarray | None]
"""A constant in, the changed one out, or None to leave it."""


def change_tflite(path: Path, change: Change) -> int:
    """Apply a change to every float32 constant; returns how many it touched."""
    from ai_edge_litert import schema_py_generated as schema

    from edge_deploy.formats.tflite.file import associated_files, pack

    data = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    touched = 0
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if tensor.type != schema.TensorType.FLOAT32 or buffer.data is None or not len(buffer.data):
            continue
        values = np.frombuffer(bytes(buffer.data), "<f4").reshape(tensor.shape)
        new = change(values.copy())
        if new is not None:
            buffer.data = np.frombuffer(new.astype("<f4").tobytes(), np.uint8)
            touched += 1
    path.write_bytes(pack(model, associated_files(path, data)))
    return touched


def change_onnx(path: Path, change: Change) -> int:
    """The same for an ONNX file."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    touched = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        new = change(numpy_helper.to_array(tensor).copy())
        if new is not None:
            tensor.CopyFrom(numpy_helper.from_array(new.astype(np.float32), tensor.name))
            touched += 1
    onnx.save(model, str(path))
    return touched


def change_tfjs(path: Path, change: Change) -> int:
    """The same for a TF.js model of one shard."""
    (group,) = json.loads(path.read_text())["weightsManifest"]
    (name,) = group["paths"]
    shard = path.with_name(name)
    data, offset, touched = bytearray(shard.read_bytes()), 0, 0
    for weight in group["weights"]:
        count = int(np.prod(weight["shape"], dtype=int))
        size = count * (1 if weight["dtype"] == "bool" else 4)
        if weight["dtype"] == "float32":
            values = np.frombuffer(bytes(data[offset : offset + size]), "<f4")
            new = change(values.reshape(weight["shape"]).copy())
            if new is not None:
                data[offset : offset + size] = new.astype("<f4").tobytes()
                touched += 1
        offset += size
    shard.write_bytes(bytes(data))
    return touched


CHANGES = {"tflite": change_tflite, "onnx": change_onnx, "tfjs": change_tfjs}


def put_hashes_right(folder: Path) -> None:
    """Make the manifest agree with the files, so that only the numbers can tell."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["files"] + [f for e in manifest["artifacts"] for f in e["files"]]:
        data = (folder / entry["path"]).read_bytes()
        entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(manifest))


def main_file(folder: Path, target: str) -> Path:
    """The file of a target that a runtime opens."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (entry,) = [e for e in manifest["artifacts"] if e["target"] == target]
    return folder / entry["files"][0]["path"]
