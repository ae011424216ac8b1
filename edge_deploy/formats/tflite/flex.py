"""TensorFlow's own operators within a ``.tflite`` file, looked at before anything runs them.

Flex runs whatever operator the file describes, one that writes files too; and where TensorFlow is
loaded, every interpreter of LiteRT in the process runs Flex.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.protobuf import fields
from edge_deploy.core.tensorflow_operators import computing, to_terminal

_PREFIX = b"Flex"
_WIDTHS = (1, 2, 4, 8)
# Field numbers: those of a NodeDef, which ones are its operator and an attribute, and within that.
_NODE, _OP, _ATTRIBUTE = range(1, 8), 2, 5
_KEY, _VALUE, _TEXT = 1, 2, 2


def refused(model: Any) -> str | None:
    """What a file would do beyond computing, in words; None where it only computes.

    Args:
        model: ModelT.

    Raises:
        ValueError: An operator is not described as TensorFlow describes one.
        IndexError: The same.
    """
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            name = bytes(model.operatorCodes[operator.opcodeIndex].customCode or b"")
            if name.startswith(_PREFIX) and (found := _refused(name, operator)):
                return found
    return None


def _refused(name: bytes, operator: Any) -> str | None:
    options = operator.customOptions
    read = _read(np.asarray([] if options is None else options, np.uint8).tobytes())
    # Options that lie behind the flatbuffer are read in place of these.
    if read is None or (operator.largeCustomOptionsOffset or 0) > 1:
        raise ValueError(f"{name.decode('utf-8', 'replace')} is not described as TensorFlow does")
    said, node = read[0], list(fields(memoryview(read[1])))
    if not all(number in _NODE for number, _ in node):
        raise ValueError("an operator of TensorFlow is described by what TensorFlow does not know")
    ops = [bytes(value) for number, value in node if number == _OP]
    if ops != [said] or name != _PREFIX + said:
        return f"{name.decode('utf-8', 'replace')} is another operator, {ops!r}"
    op = said.decode("utf-8", "replace")
    if op in computing() or (op == "PrintV2" and all(map(to_terminal, _streams(node)))):
        return None
    return f"the operator {op}"


def _streams(node: list[tuple[int, memoryview]]) -> list[bytes]:
    """Where a PrintV2 prints, if its description says so at all."""
    attributes = [list(fields(value)) for number, value in node if number == _ATTRIBUTE]
    if not all(number in (_KEY, _VALUE) for one in attributes for number, _ in one):
        raise ValueError("an attribute of PrintV2 is not described as TensorFlow does")
    return [
        bytes(text)
        for one in attributes
        if any(number == _KEY and bytes(value) == b"output_stream" for number, value in one)
        for number, value in one
        if number == _VALUE
        for inner, text in fields(value)
        if inner == _TEXT
    ]


def _read(data: bytes) -> tuple[bytes, bytes] | None:
    """The name and the NodeDef in an operator's options: a FlexBuffer of two texts.

    It is taken where writing the two gives the same bytes, and is something else where not, so
    that no two readers can see two things in it.
    """
    name = data[1 : 1 + data[0]] if data else b""
    for width in _WIDTHS:
        start = -(-(len(name) + 2) // width) * width + width
        node = data[start : start + int.from_bytes(data[start - width : start], "little")]
        if written(name, node) == data:
            return name, node
    return None


def written(name: bytes, node: bytes) -> bytes:
    """The options of an operator, as TensorFlow writes them."""
    from flatbuffers import flexbuffers

    builder = flexbuffers.Builder()
    with builder.Vector():
        for text in (name, node):
            builder.String(_Text(text))
    return bytes(builder.Finish())


class _Text(bytes):
    """Bytes where the builder of FlexBuffers would have a text that it encodes."""

    def encode(self, _: str) -> bytes:
        return self
