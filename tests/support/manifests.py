"""Manifests of an artifact that is not there: a small one, and one with every key."""

from __future__ import annotations

from typing import Any

from edge_deploy.artifact.document import read
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import SCHEMA, Manifest

_SHA = "0" * 64


def part(path: str, sha256: str = _SHA) -> dict[str, Any]:
    """A file of an entry."""
    return {"path": path, "bytes": 4, "gzip_bytes": 3, "brotli_bytes": 2, "sha256": sha256}


def tensor(name: str, quantization: dict[str, Any] | None = None) -> dict[str, Any]:
    """An input or output of a file."""
    return {"name": name, "shape": [None, 2], "dtype": "float32", "quantization": quantization}


def row(**changes: Any) -> dict[str, Any]:
    """A verdict that passed."""
    return {
        "runtime": "litert",
        "backend": None,
        "status": "pass",
        "samples": 4,
        "reason": None,
        "problems": [],
        "median_ms": 0.5,
        "tolerances": None,
        "max_abs_error": 1e-7,
        **changes,
    }


def file_document(**changes: Any) -> dict[str, Any]:
    """An entry of ``artifacts``."""
    return {
        "target": "tflite",
        "precision": "float32",
        "pruned": None,
        "kept_float": [],
        "quantizer": None,
        "files": [part("tflite/m_float32.tflite")],
        "inputs": [tensor("x")],
        "outputs": [tensor("y")],
        "ops": ["ADD"],
        "min_runtime": None,
        "needs": None,
        "verification": None,
        **changes,
    }


def file_entry(**changes: Any) -> FileEntry:
    """The same, read."""
    return read(FileEntry, file_document(**changes))


def source(file: str) -> dict[str, Any]:
    """A trained model."""
    told = {"kind": "keras2", "framework": "keras", "parameters": 3}
    return {"file": file, "sha256": _SHA, **told}


def document(**changes: Any) -> dict[str, Any]:
    """A manifest of one float32 file."""
    return {
        "schema": SCHEMA,
        "name": "m",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "command": "edge-deploy convert m.h5",
        "source": source("m.h5"),
        "inputs": [{"name": "x", "shape": [None, 2], "dtype": "float32", "kind": "table"}],
        "outputs": [
            {
                "name": "y",
                "shape": [None, 2],
                "dtype": "float32",
                "kind": "probabilities",
                "classes": ["a", "b"],
                "unit": None,
            }
        ],
        "preprocessing": None,
        "folded_preprocessing": None,
        "features": None,
        "series": None,
        "reference": {"samples": 4, "origin": "user", "answers": "original", "given": 90},
        "artifacts": [file_document()],
        "files": [{"path": "labels.txt", "bytes": 4, "sha256": _SHA}],
        "tools": {"edge-deploy": "0.1.0"},
        **changes,
    }


def manifest(**changes: Any) -> Manifest:
    """The same, read."""
    return read(Manifest, document(**changes))


_IMAGE = {
    "size": [4, 4],
    "crop": "none",
    "resize": "nearest",
    "color": "gray",
    "scale": 1.0,
    "offset": 0.0,
    "mean": [0.0],
    "std": [1],
}
_TEXT = {
    "analyzer": "word",
    "lowercase": True,
    "strip_accents": None,
    "token_pattern": r"(?u)\b\w+\b",
    "portable_pattern": r"[\p{L}\p{N}_]+",
    "ngram_range": [1, 2],
    "stop_words": [],
    "vocabulary": ["bad", "good", "grün"],
    "buckets": None,
    "signed": False,
    "binary": True,
}
_SERIES = {"channels": ["Close"], "steps": 60, "unit": "USD", "target": "Close", "horizon": 1}
_NUMBER = {
    "name": "age",
    "kind": "number",
    "min": 0,
    "max": 99.5,
    "step": None,
    "default": 40,
    "unit": "years",
    "categories": None,
    "encode": "none",
    "missing": "error",
    "unknown": "error",
    "text": None,
}


def full() -> dict[str, Any]:
    """A manifest with something under every key."""
    needs = {
        "operators": [{"name": "ADD", "version": 1, "count": 2, "min_runtime": "1.5.0"}],
        "min_runtime": "1.5.0",
        "min_litert": None,
        "flex": [],
        "custom": ["Own"],
        "peak_memory_bytes_estimate": 8,
        "multiply_adds": None,
        "gpu": {"all": False, "falls_back": [{"name": "Own", "reason": "not supported"}]},
    }
    small = file_document(
        precision="int8",
        pruned={"sparsity": 0.8, "asked": 1, "epoch": None},
        kept_float=["dense"],
        quantizer="ai-edge-quantizer",
        files=[part("tflite/m_int8.tflite")],
        outputs=[tensor("y", {"scale": 0.5, "zero_point": -3})],
        needs=needs,
        verification=[row(tolerances={"atol": {"": 0.1}, "rtol": {}})],
    )
    nothing = dict.fromkeys(("min", "max", "default", "unit"))
    column = {**_NUMBER, **nothing, "name": "pet", "kind": "category", "categories": ["no", "yes"]}
    text = {**_TEXT, "also": [_TEXT]}
    words = {**_NUMBER, **nothing, "name": "words", "kind": "text", "text": text}
    return document(
        preprocessing={"image": _IMAGE},
        folded_preprocessing={"image": _IMAGE},
        features=[_NUMBER, {**column, "encode": "one-hot"}, words],
        series=_SERIES,
        artifacts=[file_document(), small],
    )
