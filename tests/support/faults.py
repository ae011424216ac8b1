"""Faults put into converted files on purpose: where their numbers lie, and what is done to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array

_WIDTHS = {"float32": 4, "int32": 4, "bool": 1, "uint8": 1, "uint16": 2, "float16": 2}


@dataclass(frozen=True)
class Constant:
    """Numbers of a model in one of its files.

    Attributes:
        file: The file.
        name: Of the tensor.
        dtype: As they are stored, such as ``float16`` or ``int8``.
        shape: As the format has it.
        offset: Where they begin in the file.
    """

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def read(self) -> Array:
        data = self.file.read_bytes()
        count = int(np.prod(self.shape, dtype=int))
        values = np.frombuffer(data, np.dtype(self.dtype).newbyteorder("<"), count, self.offset)
        return values.reshape(self.shape).copy()

    def write(self, values: Array) -> None:
        data = bytearray(self.file.read_bytes())
        raw = np.ascontiguousarray(values).tobytes()
        data[self.offset : self.offset + len(raw)] = raw
        self.file.write_bytes(bytes(data))


def in_tflite(path: Path) -> list[Constant]:
    """Weights of any float type, and the integers of quantized ones."""
    from ai_edge_litert import schema_py_generated as schema

    from edge_deploy.formats.tflite.file import unpack

    kinds = {
        schema.TensorType.FLOAT32: "float32",
        schema.TensorType.FLOAT16: "float16",
        schema.TensorType.INT8: "int8",
        schema.TensorType.INT32: "int32",
        schema.TensorType.INT64: "int64",
    }
    data = path.read_bytes()
    model = unpack(path, data)
    found = []
    for tensor in model.subgraphs[0].tensors:
        raw = model.buffers[tensor.buffer].data
        kind = kinds.get(tensor.type)
        if raw is None or not len(raw) or kind is None or not len(tensor.shape):
            continue
        scaled = tensor.quantization is not None and tensor.quantization.scale is not None
        if kind.startswith("int") and not scaled:
            continue  # shapes and axes
        at = data.find(bytes(raw))
        if at >= 0:
            name = tensor.name.decode()
            found.append(Constant(path, name, kind, tuple(map(int, tensor.shape)), at))
    return found


def in_onnx(path: Path) -> list[Constant]:
    import onnx

    kinds = {
        onnx.TensorProto.FLOAT: "float32",
        onnx.TensorProto.FLOAT16: "float16",
        onnx.TensorProto.INT8: "int8",
        onnx.TensorProto.UINT8: "uint8",
    }
    data = path.read_bytes()
    found = []
    for tensor in onnx.load(str(path)).graph.initializer:
        kind, raw = kinds.get(tensor.data_type), tensor.raw_data
        if kind and raw and (at := data.find(raw)) >= 0 and data.count(raw) == 1:
            found.append(Constant(path, tensor.name, kind, tuple(tensor.dims), at))
    return found


def in_tfjs(path: Path) -> list[Constant]:
    """The weights of a model of one shard a group."""
    found = []
    for group in json.loads(path.read_text())["weightsManifest"]:
        offset = 0
        for weight in group["weights"]:
            stored = weight.get("quantization", {}).get("dtype", weight["dtype"])
            shape = tuple(weight["shape"])
            if weight["dtype"] == "float32" and shape:
                file = path.with_name(group["paths"][0])
                found.append(Constant(file, weight["name"], stored, shape, offset))
            offset += int(np.prod(shape, dtype=int)) * _WIDTHS[stored]
    return found


CONSTANTS: dict[str, Callable[[Path], list[Constant]]] = {
    "tflite": in_tflite, "onnx": in_onnx, "tfjs": in_tfjs,
}  # fmt: skip


def _axis(values: Array, rng: np.random.Generator) -> int:
    wide = [n for n, size in enumerate(values.shape) if size > 1]
    return int(rng.choice(wide)) if wide else 0


def _one(values: Array, rng: np.random.Generator) -> tuple[Any, ...]:
    """One slice across an axis."""
    axis = _axis(values, rng)
    return (slice(None),) * axis + (int(rng.integers(values.shape[axis])),)


def scaled(values: Array, rng: np.random.Generator) -> Array:
    """One channel times 1.1."""
    at = _one(values, rng)
    more = values[at].astype(np.float64) * 1.1
    if values.dtype.kind in "iu":
        ends = np.iinfo(values.dtype)
        more = np.clip(np.round(more), ends.min, ends.max)
    values[at] = more
    return values


def zeroed(values: Array, rng: np.random.Generator) -> Array:
    """One row is nothing."""
    values[_one(values, rng)] = 0
    return values


def swapped(values: Array, rng: np.random.Generator) -> Array:
    """Two channels change places."""
    axis = _axis(values, rng)
    if values.shape[axis] < 2:
        return values
    one, other = rng.choice(values.shape[axis], 2, replace=False)
    order = np.arange(values.shape[axis])
    order[[one, other]] = order[[other, one]]
    return np.take(values, order, axis)


def negated(values: Array, rng: np.random.Generator) -> Array:
    """One channel has the other sign."""
    at = _one(values, rng)
    values[at] = -values[at].astype(np.float64) if values.dtype.kind == "f" else ~values[at]
    return values


def flipped(values: Array, rng: np.random.Generator) -> Array:
    """The second highest bit of the largest number: of a float, its exponent's."""
    flat = values.reshape(-1)
    at = int(np.abs(flat.astype(np.float64)).argmax())
    raw = flat[at : at + 1].view(f"<u{flat.itemsize}")
    raw ^= raw.dtype.type(1 << (8 * flat.itemsize - 2))
    return values


KINDS = (scaled, zeroed, swapped, negated, flipped)


def faults(constants: Sequence[Constant], seed: int) -> Iterator[tuple[str, Constant, Array]]:
    """Every kind of fault in every constant that it changes: what it is, where, the new numbers."""
    rng = np.random.default_rng(seed)
    for constant in constants:
        before = constant.read()
        for kind in KINDS:
            with np.errstate(over="ignore"):
                after = kind(before.copy(), rng)
            if after.tobytes() != before.tobytes():
                yield kind.__name__, constant, after
