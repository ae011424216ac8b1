"""Smaller weight storage for TF.js files: model.json and shards -> the same, no TensorFlow.

TF.js widens the weights to float32 when it loads them: this makes the download smaller and
changes nothing after it. The format is that of ``WeightsManifestEntry.quantization`` in
tfjs-core's ``io/types.ts``: float16 as it is, uint8 and uint16 as ``value * scale + min``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.tfjs.describe import NOT_AS_WRITTEN, read_document
from edge_deploy.formats.tfjs.layers import weights_of
from edge_deploy.formats.tfjs.writer import write_json, write_shards

_SMALL = 256  # fewer elements, biases mostly, save nothing and cost precision
_BYTES = {"float32": 4, "int32": 4, "uint8": 1, "bool": 1, "complex64": 8}


def quantize(source: Path, path: Path, wanted: Quantization) -> None:
    """Write ``model.json`` and shards with narrower weights.

    Args:
        source: The float32 ``model.json``.
        path: The ``model.json`` to write; its folder must exist.
        wanted: float16, uint16 or uint8, and the layers whose weights stay float32.

    Raises:
        ArtifactError: The shards do not hold what ``model.json`` says.
    """
    document = read_document(source)
    try:
        entries, parts = _weights(document, source, wanted)
    except (*NOT_AS_WRITTEN, OSError) as error:
        raise ArtifactError(
            f"{source}: its weights cannot be read ({first_line(error)}). Convert it again."
        ) from error
    names = write_shards(path, parts, sum(map(len, parts)))
    document["weightsManifest"] = [{"paths": names, "weights": entries}]
    write_json(path, document)


def _weights(
    document: dict[str, Any], source: Path, wanted: Quantization
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """What the manifest says of each weight from now on, and its bytes."""
    entries: list[dict[str, Any]] = []
    parts: list[bytes] = []
    kept = weights_of(source, wanted.keep)
    for group in document["weightsManifest"]:
        data = b"".join(read_bytes(source.with_name(n), ArtifactError) for n in group["paths"])
        offset = 0
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"], dtype=np.int64))
            if entry["dtype"] not in _BYTES or "quantization" in entry:
                raise ArtifactError(
                    f"{source}: weight {entry['name']!r} is {entry['dtype']}, not plain float32 "
                    "storage. Convert the model again."
                )
            size = count * _BYTES[entry["dtype"]]
            raw = data[offset : offset + size]
            if size < 0 or len(raw) != size:
                raise ArtifactError(f"{source}: its shards are too short. Convert it again.")
            offset += size
            wide = entry["dtype"] != "float32" or entry["name"] in kept
            if not wide and (count >= _SMALL or wanted.precision == "float16"):
                raw, entry = _narrow(np.frombuffer(raw, "<f4"), entry, wanted.precision)
            entries.append(entry)
            parts.append(raw)
    return entries, parts


def _narrow(values: Array, entry: dict[str, Any], precision: str) -> tuple[bytes, dict[str, Any]]:
    if precision == "float16":
        if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            return values.tobytes(), entry  # would become infinite
        narrowed = values.astype("<f2").tobytes()
        return narrowed, {
            **entry,
            "quantization": {"dtype": "float16", "original_dtype": "float32"},
        }
    levels = 2 ** (8 if precision == "uint8" else 16) - 1
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all() or low == high:
        return values.tobytes(), entry
    scale = (high - low) / levels
    if low < 0 < high:  # zero stays zero: pruned weights and paddings rely on it
        zero = round(-low / scale)
        low = -zero * scale
    numbers = np.clip(np.rint((values.astype(np.float64) - low) / scale), 0, levels)
    quantization = {
        "dtype": precision, "scale": scale, "min": low, "original_dtype": "float32",
    }  # fmt: skip
    return (
        numbers.astype("<u1" if precision == "uint8" else "<u2").tobytes(),
        {**entry, "quantization": quantization},
    )
