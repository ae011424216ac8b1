"""TensorFlow.js: graph models, ``model.json`` and its shards."""

from __future__ import annotations

from edge_deploy.formats.base import Format
from edge_deploy.formats.tfjs.describe import describe
from edge_deploy.formats.tfjs.export import convert

TARGET = Format(
    name="tfjs",
    runtime="tfjs",
    path=lambda _, precision: f"tfjs/{precision}/model.json",
    convert=convert,
    describe=describe,
    metadata=lambda path: describe(path).metadata,
    open_runner=None,
    suffixes=("model.json",),
)
