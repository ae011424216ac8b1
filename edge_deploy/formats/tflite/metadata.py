"""What a ``.tflite`` file carries beside the graph, in the form that other tools read.

``TFLITE_METADATA`` is a flatbuffer of its own, of metadata_schema.fbs in tensorflow/tflite-support
(1.1.0, identifier M001); MediaPipe Tasks and ML Kit take normalization and labels from it. The
files that it names lie in a zip behind the model: ``labels.txt``, and our own ``metadata.json``.
Files of before carry that JSON in a buffer named ``edge_deploy``; both are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import TensorSpec
from edge_deploy.formats.base import METADATA_KEY
from edge_deploy.formats.tflite.file import (
    associated_files,
    buffer_bytes,
    drop_buffer,
    pack,
    set_buffer,
)
from edge_deploy.formats.tflite.flatbuffer import Number, Table, union, write

STANDARD = "TFLITE_METADATA"
JSON, LABELS = "metadata.json", "labels.txt"
_RGB, _GRAYSCALE = 1, 2  # ColorSpaceType; there is none for BGR
_AXIS_LABELS, _VALUE_LABELS, _DESCRIPTIONS = 2, 3, 1  # AssociatedFileType
_FEATURE, _IMAGE, _NORMALIZATION = 1, 2, 1  # union members: ContentProperties, ProcessUnitOptions


def finish(
    model: Any,
    metadata: Mapping[str, Any],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
) -> bytes:
    """Serialize a model with its metadata, after a conversion and after every rewrite.

    Args:
        model: ModelT; its older metadata is replaced.
        metadata: What edge-deploy embeds (``manifest.file_metadata``).
        inputs: In the order of the graph, with the model's names and the file's shapes and types.
        outputs: The same.
    """
    drop_buffer(model, METADATA_KEY)
    files = _label_files(metadata, outputs)
    set_buffer(model, STANDARD, _standard(metadata, inputs, outputs, files))
    text = json.dumps(metadata, ensure_ascii=False, indent=1)
    named = {name: "\n".join(lines) + "\n" for name, lines in files.values()}
    every = {**named, JSON: text}
    return pack(model, {name: content.encode() for name, content in every.items()})


def read(path: Path, data: bytes, model: Any) -> dict[str, Any] | None:
    """What edge-deploy embedded; None in somebody else's file.

    Where ``labels.txt`` says other classes than the JSON, its are given: other tools read those.

    Raises:
        ArtifactError: There is some and it is damaged.
    """
    files = associated_files(path, data)
    text = files.get(JSON) or buffer_bytes(model, METADATA_KEY)
    if not text:
        return None
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
        if LABELS in files and isinstance(classes := found.get("classes"), dict):
            lines = files[LABELS].decode().splitlines()
            named = {name: list(lines) for name in classes if len(classes) == 1}
            found = {**found, "classes": named or classes}
        return found
    except ValueError as error:
        raise ArtifactError(
            f"{path}: the metadata in it is damaged ({error}). Convert the model again."
        ) from error


def _label_files(
    metadata: Mapping[str, Any], outputs: Sequence[TensorSpec]
) -> dict[str, tuple[str, list[str]]]:
    """For each output with classes the name of its file of labels, and the lines.

    A file of labels for an axis has a line for each column. One sigmoid has one column, the
    probability of the second class, so its file has that one line, under another name.
    """
    classes: Mapping[str, Sequence[str]] = metadata.get("classes") or {}
    files: dict[str, tuple[str, list[str]]] = {}
    for spec in outputs:
        if spec.name not in classes:
            continue
        lines = [str(line) for line in classes[spec.name]]
        taken = dict(files.values())
        name = LABELS if taken.get(LABELS, lines) == lines else f"labels_{spec.name}.txt"
        files[spec.name] = (name, lines)
        if len(lines) == 2 and _columns(spec) == 1 and not _is_index(spec):
            files[f"{spec.name} axis"] = (f"label_of_{spec.name}.txt", lines[1:])
    return files


def _columns(spec: TensorSpec) -> int | None:
    return spec.shape[-1] if len(spec.shape) > 1 else None


def _is_index(spec: TensorSpec) -> bool:
    return spec.dtype in ("int32", "int64")


def _kind(metadata: Mapping[str, Any], spec: TensorSpec) -> str:
    """What an output means: from the metadata, or, in a file of before, its type."""
    told = (metadata.get("outputs") or {}).get(spec.name)
    return str(told["kind"]) if told else spec.dtype


def _standard(
    metadata: Mapping[str, Any],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    files: Mapping[str, tuple[str, list[str]]],
) -> bytes:
    import flatbuffers

    graph = Table(
        {
            2: [_input(metadata, spec, len(inputs) == 1) for spec in inputs],
            3: [_output(metadata, spec, files) for spec in outputs],
        }
    )
    about = _file(JSON, "name, version, classes, preprocessing, features and source", _DESCRIPTIONS)
    source = metadata.get("source_sha256")
    root = Table(
        {
            0: str(metadata["name"]),
            1: f"Converted by edge-deploy from a file of SHA-256 {source}." if source else None,
            2: str(metadata["version"]),
            3: [graph],
            6: [about],
            7: "1.0.0",  # the oldest parser that knows all of these fields
        }
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(write(builder, root), b"M001")
    return bytes(builder.Output())


def _file(name: str, description: str, kind: int) -> Table:
    return Table({0: name, 1: description, 2: Number(kind)})


def _input(metadata: Mapping[str, Any], spec: TensorSpec, only: bool) -> Table:
    image = (metadata.get("preprocessing") or {}).get("image")
    told = (metadata.get("inputs") or {}).get(spec.name)
    kind = told["kind"] if told else "image" if image and only else "tensor"
    fields: dict[int, Any] = {0: spec.name}
    content = union(_FEATURE, Table({}))
    if kind == "image" and image:
        fields[1] = _picture_text(image)
        mean, std = normalization(image)
        fields[4] = [Table(union(_NORMALIZATION, Table({0: mean, 1: std})))]
        fields[5] = _stats((0 - mean) / std, (255 - mean) / std)
        # A tensor that is no height x width x colour is no picture to other tools, and they know
        # no BGR: better that they refuse it than that they feed it wrongly.
        if len(spec.shape) == 4 and image["color"] in ("rgb", "gray"):
            height, width = image["size"]
            size = Table({0: Number(width, "Uint32"), 1: Number(height, "Uint32")})
            space = _RGB if image["color"] == "rgb" else _GRAYSCALE
            content = union(_IMAGE, Table({0: Number(space), 1: size}))
    elif kind == "table" and (features := metadata.get("features")):
        columns = [column for feature in features for column in _columns_of(feature)]
        fields[1] = "; ".join(dict.fromkeys(text for _, text, _, _ in columns))
        if not any(feature.get("text") for feature in features):  # which is not one number
            fields[2] = [name for name, _, _, _ in columns]
            lows, highs = (np.asarray([c[n] for c in columns], np.float32) for n in (2, 3))
            if np.isfinite(lows).any() or np.isfinite(highs).any():
                fields[5] = _stats(lows, highs)
    return Table({**fields, 3: Table(content)})


def _picture_text(image: Mapping[str, Any]) -> str:
    height, width = image["size"]
    crop = "the centre square, " if image["crop"] == "center" else ""
    return (
        f"A picture: {crop}resized to {height} x {width} ({image['resize']}), {image['color']}, "
        "then normalized."
    )


def normalization(image: Mapping[str, Any]) -> tuple[Any, Any]:
    """Mean and std of ``(pixel - mean) / std`` that say the same as a preprocessing spec.

    ``((x * scale + offset) - mean) / std == (x - (mean - offset) / scale) / (std / scale)``;
    one number where all channels have the same, as MediaPipe asks.
    """
    scale, offset = float(image["scale"]), float(image["offset"])
    means = [(float(m) - offset) / scale for m in image["mean"] or [0.0]]
    stds = [float(s) / scale for s in image["std"] or [1.0]]
    count = max(len(means), len(stds))
    pairs = list(zip(means * (count // len(means)), stds * (count // len(stds)), strict=True))
    if len(set(pairs)) == 1:
        pairs = pairs[:1]
    mean, std = (np.asarray(values, np.float32) for values in zip(*pairs, strict=True))
    return mean, std


def _columns_of(feature: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    """Name, description and range of each number that a feature fills."""
    name, categories = feature["name"], feature.get("categories") or []
    if text := feature.get("text"):
        ways = [text, *text.get("also", ())]
        words = sum(one["buckets"] or one["vocabulary"]["size"] for one in ways)
        return [(name, f"{name}: how often each of {words} words is in it", -np.inf, np.inf)]
    if feature["encode"] == "one-hot":
        text = f"{name}: 1 in the column of its category, else 0"
        return [(f"{name}={category}", text, 0.0, 1.0) for category in categories]
    if feature["encode"] == "ordinal":
        text = f"{name}: the index of {', '.join(map(str, categories))}"
        return [(name, text, 0.0, float(len(categories) - 1))]
    low, high = feature.get("min"), feature.get("max")
    text = name + (f" in {feature['unit']}" if feature.get("unit") else "")
    if low is not None and high is not None:
        text += f", {low:g} to {high:g}"
    return [(name, text, -np.inf if low is None else low, np.inf if high is None else high)]


def _stats(lows: Any, highs: Any) -> Table:
    return Table({0: np.atleast_1d(highs), 1: np.atleast_1d(lows)})


def _output(
    metadata: Mapping[str, Any], spec: TensorSpec, files: Mapping[str, tuple[str, list[str]]]
) -> Table:
    kind = _kind(metadata, spec)
    unit = ((metadata.get("outputs") or {}).get(spec.name) or {}).get("unit")
    texts = {
        "probabilities": "The probability of each class",
        "probability": "The probability of the second class",
        "class": "The index of the class",
        "value": f"The value{f' in {unit}' if unit else ''}",
    }
    fields: dict[int, Any] = {0: spec.name, 1: texts.get(kind)}
    if kind in ("probabilities", "probability"):
        fields[5] = _stats(np.zeros(1), np.ones(1))
    if spec.name in files:
        name, lines = files[spec.name]
        if f"{spec.name} axis" in files:
            one = files[f"{spec.name} axis"][0]
            fields[6] = [
                _file(one, "what the probability is of", _AXIS_LABELS),
                _file(name, "the classes", _DESCRIPTIONS),
            ]
        else:
            axis = _columns(spec) == len(lines) and not _is_index(spec)
            how = _AXIS_LABELS if axis else _VALUE_LABELS
            fields[6] = [_file(name, "the classes, one a line", how)]
    return Table({**fields, 3: Table(union(_FEATURE, Table({})))})


def preprocessing_notes(preprocessing: Mapping[str, Any]) -> list[str]:
    """What MediaPipe Tasks and ML Kit cannot do for a model: they know RGB and one mean and std."""
    image = preprocessing["image"]
    if image["color"] == "bgr" or len(set(image["mean"])) > 1 or len(set(image["std"])) > 1:
        return [
            "MediaPipe Tasks and ML Kit cannot prepare this model's pictures (channels in another "
            f"order, or each with its own mean); with {option('fold_preprocessing', True)} they "
            "need not"
        ]
    return []
