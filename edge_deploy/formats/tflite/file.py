"""A ``.tflite`` file as bytes: the flatbuffer, and the zip of files that lies behind it."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import BAD_ZIP, Budget, read_member
from edge_deploy.core.errors import ArtifactError, UntrustedError
from edge_deploy.core.lazy import tflite_schema as schema
from edge_deploy.core.spec import TensorSpec
from edge_deploy.formats.tflite import flex

SIGNATURE = "serving_default"
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # `force_align` of Buffer.data in LiteRT's schema.fbs
_DAMAGED = (
    *(struct.error, IndexError, TypeError, ValueError, AttributeError),
    *(KeyError, OverflowError, MemoryError, RecursionError),
)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same model gives the same bytes


def check(path: Path, data: bytes) -> None:
    """Refuse what is not a whole TFLite file, before a runtime crashes on it.

    Raises:
        ArtifactError: It is none, or its end is missing.
    """
    if data[4:8] != _IDENTIFIER:
        raise ArtifactError(f"{path}: not a TFLite file. Convert the model again.")


def unpack(path: Path, data: bytes) -> Any:
    """The file as objects (ModelT of LiteRT's schema) that can be read and changed.

    Buffers that are stored behind the flatbuffer by an offset, as ai-edge-quantizer and files of
    more than 2 GB have them, are taken in: packing anew makes offsets wrong.

    Raises:
        ArtifactError: It is not a TFLite file, or damaged.
        UntrustedError: It has operators of TensorFlow that do more than compute.
    """
    check(path, data)
    try:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        for buffer in model.buffers or ():
            if buffer.offset and buffer.offset > 1:
                end = buffer.offset + buffer.size
                if end > len(data):
                    raise ValueError("a buffer ends behind the file")
                buffer.data = np.frombuffer(data[buffer.offset : end], np.uint8)
            buffer.offset = buffer.size = 0
        if not model.subgraphs:
            raise ValueError("it has no graph")
        _check_indices(model)
        found = flex.refused(model)
    except _DAMAGED as error:
        # The flatbuffers reader checks nothing: a cut file fails wherever it is read first.
        raise ArtifactError(
            f"{path}: a damaged TFLite file ({error}). Copy it again, or convert the model again."
        ) from error
    if found:
        raise UntrustedError(
            f"{path}: the file does more than compute ({found}), and running it would do that. "
            "Convert the model again, from a source that you trust."
        )
    return model


def _check_indices(model: Any) -> None:
    """Refuse numbers that name nothing: a runtime would read behind its lists.

    Raises:
        IndexError: There is one.
    """

    def within(numbers: Any, count: int, least: int = 0) -> None:
        for number in () if numbers is None else numbers:
            if not least <= number < count:
                raise IndexError(f"it names number {number} of {count}")

    buffers, codes = len(model.buffers or ()), len(model.operatorCodes or ())
    for graph in model.subgraphs:
        tensors = graph.tensors or ()
        within([tensor.buffer for tensor in tensors], max(buffers, 1))
        within([tensor.type for tensor in tensors], max(type_names()) + 1)
        within(graph.inputs, len(tensors))
        within(graph.outputs, len(tensors))
        for operator in graph.operators or ():
            within([operator.opcodeIndex], codes)
            within(operator.inputs, len(tensors), -1)  # -1 is one that is left out
            within(operator.outputs, len(tensors))
    for signature in model.signatureDefs or ():
        within([signature.subgraphIndex], len(model.subgraphs))
        tensors = model.subgraphs[signature.subgraphIndex].tensors or ()
        ends = (*(signature.inputs or ()), *(signature.outputs or ()))
        within([one.tensorIndex for one in ends], len(tensors))
    within([entry.buffer for entry in model.metadata or ()], buffers)


def pack(model: Any, files: Mapping[str, bytes] | None = None) -> bytes:
    """Serialize, with weights aligned as the schema asks and Python's builder does not do.

    Args:
        model: ModelT.
        files: By name; they go into an uncompressed zip behind the flatbuffer, where runtimes do
            not look and readers of TFLite metadata do.
    """
    import flatbuffers

    class AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
        def CreateNumpyVector(self, x: Any) -> Any:
            self.Prep(_ALIGNMENT, x.nbytes)
            return super().CreateNumpyVector(x)

    builder = AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    data = bytes(builder.Output())
    if not files:
        return data
    whole = io.BytesIO(data)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)
    return whole.getvalue()


def associated_files(path: Path, data: bytes) -> dict[str, bytes]:
    """What lies in the zip behind the flatbuffer; empty where there is none.

    Raises:
        ArtifactError: There is one and it is damaged, or becomes more than is read.
    """
    budget = Budget(path, ArtifactError)
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: read_member(archive, name, budget) for name in archive.namelist()}
    except BAD_ZIP as error:
        raise ArtifactError(
            f"{path}: the files behind the model (labels, metadata) are damaged ({error}). Copy it "
            "again, or convert the model again."
        ) from error


@functools.cache
def operator_names() -> dict[int, str]:
    """Built-in operators by number, such as ``CONV_2D``."""
    return {v: k for k, v in vars(schema.BuiltinOperator).items() if k[0].isupper()}


@functools.cache
def type_names() -> dict[int, str]:
    """Tensor types by number, such as ``FLOAT32``."""
    return {v: k for k, v in vars(schema.TensorType).items() if k[0].isupper()}


def operator_name(code: Any) -> str:
    """The name of an OperatorCode(T): built-in, or the custom one's own."""
    if code.customCode:
        return bytes(code.customCode).decode("utf-8", "replace")
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return operator_names().get(number, f"operator {number}")


def buffer_bytes(model: Any, name: str) -> bytes | None:
    """The content of a metadata buffer by its name."""
    for entry in model.metadata or ():
        if entry.name == name.encode():
            data = model.buffers[entry.buffer].data
            return b"" if data is None else np.asarray(data, np.uint8).tobytes()
    return None


def set_buffer(model: Any, name: str, content: bytes) -> None:
    """Write a metadata buffer, a new one where there is none of that name."""
    data = np.frombuffer(content, np.uint8)
    for entry in model.metadata or ():
        if entry.name == name.encode():
            model.buffers[entry.buffer].data = data
            return
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, buffer.data = name.encode(), len(model.buffers), data
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]


def drop_buffer(model: Any, name: str) -> None:
    """Take a metadata entry out; its buffer stays, empty, since others are found by number."""
    for entry in model.metadata or ():
        if entry.name == name.encode():
            model.buffers[entry.buffer].data = None
    model.metadata = [e for e in model.metadata or () if e.name != name.encode()]


def name_ends(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Put the model's own names and one signature into a converter's file.

    Args:
        model: ModelT.
        inputs: In the order of the function that was converted, which the converter keeps.
        outputs: Likewise.
    """
    graph = model.subgraphs[0]

    def named(indices: Any, names: Sequence[str]) -> list[Any]:
        entries = []
        for index, name in zip(indices, names, strict=True):
            entry = schema.TensorMapT()
            entry.name = graph.tensors[index].name = name.encode()
            entry.tensorIndex = int(index)
            entries.append(entry)
        return entries

    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE.encode()
    signature.subgraphIndex = 0
    signature.inputs = named(graph.inputs, inputs)
    signature.outputs = named(graph.outputs, outputs)
    model.signatureDefs = [signature]


def ends(model: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs in the graph's order, by the names that a runtime is asked by."""
    graph = model.subgraphs[0]
    named = {}
    for signature in (model.signatureDefs or ())[:1]:
        entries = [*(signature.inputs or ()), *(signature.outputs or ())]
        named = {entry.tensorIndex: entry.name for entry in entries}

    def spec(index: int) -> TensorSpec:
        tensor = graph.tensors[index]
        shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
        axes = tuple(None if axis < 0 else int(axis) for axis in (() if shape is None else shape))
        name = (named.get(index) or tensor.name or b"").decode("utf-8", "replace")
        return TensorSpec(name, axes, type_names()[tensor.type].lower())

    return tuple(map(spec, graph.inputs)), tuple(map(spec, graph.outputs))
