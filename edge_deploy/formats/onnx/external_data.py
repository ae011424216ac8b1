"""Where an ONNX file says that its weights lie: read before a library follows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.protobuf import fields

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
        found = fields(message)
        if kind == "entry":
            texts = {number: bytes(value).decode("utf-8", "replace") for number, value in found}
            if texts.get(1) == "location":
                yield texts.get(2, "")
            continue
        inner = _INNER[kind]
        queue += [(inner[number], value) for number, value in found if number in inner]
