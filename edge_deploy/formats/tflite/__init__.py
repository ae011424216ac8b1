"""TensorFlow Lite (LiteRT): ``.tflite`` files."""

from __future__ import annotations

from edge_deploy.formats.base import Format
from edge_deploy.formats.tflite.describe import describe, read_metadata
from edge_deploy.formats.tflite.export import convert
from edge_deploy.formats.tflite.runner import open_runner

TARGET = Format(
    name="tflite",
    runtime="litert",
    path=lambda name, precision: f"tflite/{name}_{precision}.tflite",
    convert=convert,
    describe=describe,
    metadata=read_metadata,
    open_runner=open_runner,
    suffixes=(".tflite",),
)
