"""ONNX: ``.onnx`` files."""

from __future__ import annotations

from edge_deploy.formats.base import Format
from edge_deploy.formats.onnx.describe import describe, read_metadata
from edge_deploy.formats.onnx.export import convert
from edge_deploy.formats.onnx.runner import open_runner

TARGET = Format(
    name="onnx",
    runtime="ort",
    path=lambda name, precision: f"onnx/{name}_{precision}.onnx",
    convert=convert,
    describe=describe,
    metadata=read_metadata,
    open_runner=open_runner,
    suffixes=(".onnx",),
)
