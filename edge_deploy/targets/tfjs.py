"""TF.js graph models: ``model.json`` and its weight shards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.errors import ArtifactError, ConversionError
from edge_deploy.graph import first_line, freeze, has_control_flow
from edge_deploy.spec import LoadedModel, TensorSpec
from edge_deploy.targets.base import METADATA_KEY, Converted, FileInfo, Target

# TF.js has no 64-bit integers: its converter stores them as 32-bit ones.
_TFJS_TYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_INT64": "int32", "DT_BOOL": "bool"}


def convert(model: LoadedModel, path: Path, metadata: Mapping[str, Any]) -> Converted:
    """Write a graph model: ``model.json`` at ``path`` and 4 MB weight shards beside it.

    Args:
        model: The model.
        path: Where ``model.json`` goes; its folder must exist and be empty.
        metadata: Becomes ``userDefinedMetadata``.

    Raises:
        ConversionError: TF.js has no kernel for an operator; all of them are named.
    """
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    frozen = freeze(model.function, model.spec.inputs)
    if has_control_flow(frozen):
        frozen = freeze(model.function, model.spec.inputs, lower_control_flow=True)
    with tempfile.NamedTemporaryFile(suffix=".pb") as file:
        file.write(frozen.graph_def.SerializeToString())
        file.flush()
        try:
            converter.convert_tf_frozen_model(
                file.name,
                ",".join(tensor.split(":")[0] for tensor in frozen.outputs.values()),
                str(path.parent),
                metadata={METADATA_KEY: dict(metadata)},
            )
        except Exception as error:
            # The converter raises ValueError for operators, Grappler raises anything.
            text = str(error)
            reason = first_line(error)
            if text.startswith("Unsupported Ops"):
                reason = f"it has no kernel for {text.splitlines()[-1]}"
            raise ConversionError(
                f"TF.js cannot hold this model: {reason}. Leave it out with --to tflite,onnx."
            ) from error
    document = json.loads(path.read_text())
    signature: dict[str, dict[str, Any]] = {"inputs": {}, "outputs": {}}
    for kind, specs, tensors in (
        ("inputs", model.spec.inputs, frozen.inputs),
        ("outputs", model.spec.outputs, frozen.outputs),
    ):
        for spec in specs:
            signature[kind][spec.name] = {
                "name": tensors[spec.name],
                "dtype": types_pb2.DataType.Name(tf.as_dtype(spec.dtype).as_datatype_enum),
                "tensorShape": _shape(spec),
            }
    document["signature"] = signature
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return Converted(path, tuple(sorted(path.parent.iterdir())))


def _shape(spec: TensorSpec) -> dict[str, Any]:
    return {"dim": [{"size": str(-1 if axis is None else axis)} for axis in spec.shape]}


def describe(path: Path) -> FileInfo:
    """What a ``model.json`` says of itself.

    Raises:
        ArtifactError: It is not a TF.js graph model.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("format") == "layers-model":
            raise ArtifactError(
                f"{path}: a TF.js layers-model; edge-deploy runs graph models. Convert the Keras "
                "file with `edge-deploy convert`, which writes one."
            )
        nodes = document["modelTopology"]["node"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtifactError(f"{path}: not a TF.js graph model ({first_line(error)}).") from error
    functions = document["modelTopology"].get("library", {}).get("function", [])
    inner = [node for function in functions for node in function.get("nodeDef", [])]
    signature = document.get("signature") or {}
    metadata = (document.get("userDefinedMetadata") or {}).get(METADATA_KEY)
    return FileInfo(
        target="tfjs",
        inputs=_specs(signature.get("inputs", {})),
        outputs=_specs(signature.get("outputs", {})),
        ops=tuple(sorted({node["op"] for node in (*nodes, *inner)})),
        min_runtime=None,
        metadata=metadata,
    )


def _specs(entries: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    specs = []
    for name, entry in entries.items():
        sizes = (int(d.get("size", -1)) for d in entry.get("tensorShape", {}).get("dim", []))
        shape = tuple(None if size < 0 else size for size in sizes)
        specs.append(TensorSpec(name, shape, _TFJS_TYPES.get(entry.get("dtype"), "float32")))
    return tuple(specs)


TARGET = Target(
    name="tfjs",
    runtime="tfjs",
    path=lambda _, precision: f"tfjs/{precision}/model.json",
    convert=convert,
    describe=describe,
    open_runner=None,
    suffixes=("model.json",),
)
