"""Where an ONNX file says that its weights lie: read before a library follows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError

# Messages inside of messages, by their field's number in onnx.proto.
_INNER = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}


def check(path: Path) -> None:
    """Refuse a file whose weights lie elsewhere than beside it.

    Raises:
        ArtifactError: It does, is no ONNX file, or is none that is read.
    """
    data = bounds.read_bytes(path, ArtifactError)
    try:
        places = set(_locations(data))
    except (ValueError, IndexError) as error:
        raise ArtifactError(f"{path}: not a whole ONNX file. Convert the model again.") from error
    for place in sorted(places):
        inner = PurePosixPath(place.replace("\\", "/"))
        outside = inner.is_absolute() or ".." in inner.parts or ":" in place or "\0" in place
        end = Path(os.path.realpath(path.parent / inner)) if not outside else path
        if outside or not end.is_relative_to(path.parent.resolve()):
            raise ArtifactError(
                f"{path}: says that its weights are in {place[:200]!r}, which is no file beside "
                "it. Save the model with its weights inside."
            )
        bounds.check_file(path.parent / inner, ArtifactError)


def _locations(data: bytes) -> Iterator[str]:
    """The files that tensors name, wherever in the model they are."""
    queue: list[tuple[str, memoryview]] = [("model", memoryview(data))]
    while queue:
        kind, message = queue.pop()
        fields = _fields(message)
        if kind == "entry":
            texts = {number: bytes(value).decode("utf-8", "replace") for number, value in fields}
            if texts.get(1) == "location":
                yield texts.get(2, "")
            continue
        inner = _INNER[kind]
        queue += [(inner[number], value) for number, value in fields if number in inner]


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that have a length, by number.

    Raises:
        ValueError: It is none.
        IndexError: It ends early.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            _, at = _varint(message, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field ends behind its message")
            yield key >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {wire}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
