"""TensorFlow.js: graph models, ``model.json`` and its shards."""

from __future__ import annotations

from edge_deploy.formats.base import FLOAT, Format, Runtime
from edge_deploy.formats.tfjs import describe, export, layers, quantize

FORMAT = Format(
    name="tfjs",
    path=lambda _, precision: f"tfjs/{precision}/model.json",
    suffixes=("model.json",),
    export=export.export,
    describe=describe.describe,
    metadata=lambda path: describe.describe(path).metadata,
    embed=export.embed,
    precisions=(FLOAT, "float16", "uint16", "uint8"),
    quantize=quantize.quantize,
    files=lambda path: (path, *sorted(path.parent.glob("*.bin"))),
    operators=layers.operators,
    only_storage=True,
)

RUNTIMES = (Runtime("tfjs", "tfjs", in_browser=True, backends=("webgl", "wasm", "webgpu", "cpu")),)
