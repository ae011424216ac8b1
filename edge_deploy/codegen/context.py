"""What a snippet must know of a model: its file, its tensors, and what goes around them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.manifest import columns_of, preprocessing_of, series_of
from edge_deploy.artifact.selection import tflite_entry
from edge_deploy.codegen.language import KEYWORDS
from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Feature, Series

_LONGEST = 100  # characters of a name in code
_NUMBERS = ("float32", "int32", "int64", "int16", "int8", "uint8")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a ``.tflite`` file.

    Attributes:
        name: Its name in the signature.
        index: Its place among the file's inputs or outputs.
        shape: With the batch axis, which is 1.
        dtype: A numpy dtype name.
        scale: Of an integer tensor that stands for real numbers: ``real = (integer - zero) *
            scale``; None for others.
        zero: The same's zero point.
        kind: As in spec.TensorSpec.
        classes: What the columns of a classifier's output stand for.
        unit: The unit of a regression.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero: int
    kind: str
    classes: tuple[str, ...] | None = None
    unit: str | None = None

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def role(self) -> str:
        """How an answer is read: labels, probability, class, value or tensor."""
        if self.kind == "class" and self.count == 1:
            return "class"
        if self.kind == "probability" and self.classes and self.count == 1:
            return "probability"
        if self.classes and len(self.classes) == self.count and self.kind != "value":
            return "labels"
        return "value" if self.count == 1 else "tensor"


@dataclass(frozen=True)
class TemplateContext:
    """A model as a snippet sees it.

    Attributes:
        name: The model's name.
        version: The artifact's version.
        path: The file that the snippet runs.
        precision: Of that file.
        min_runtime: The oldest TensorFlow Lite runtime that runs it, where that is known.
        inputs: In the file's order.
        outputs: In the file's order.
        image: The preprocessing spec's ``image``, where the input is a picture.
        features: The columns, where the input is a row of a table.
        example: A row that can be asked, where the input is one.
        series: Of what the input is a window, where it is one.
        free_batch: Whether the file takes any number of samples, once its inputs are resized.
    """

    name: str
    version: str
    path: Path
    precision: str
    min_runtime: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    image: Mapping[str, Any] | None
    features: tuple[Feature, ...] | None
    example: Mapping[str, Any] | None
    series: Series | None = None
    free_batch: bool = False

    @property
    def type_name(self) -> str:
        """A name for a class: ``DigitsMlp``."""
        words = re.findall(r"[A-Za-z0-9]+", self.name)
        joined = "".join(word[0].upper() + word[1:] for word in words)
        return joined if joined and not joined[0].isdigit() else f"Model{joined}"

    @property
    def snake(self) -> str:
        """A name for a file or a module: ``digits_mlp``."""
        joined = "_".join(re.findall(r"[a-z0-9]+", self.name.lower()))
        plain = joined and not joined[0].isdigit() and joined not in KEYWORDS
        return joined if plain else f"model_{joined}".rstrip("_")

    @property
    def main_output(self) -> Tensor:
        """The output that ``predict`` gives; the others come from ``run``."""
        order = ("labels", "probability", "class", "value", "tensor")
        return min(self.outputs, key=lambda output: order.index(output.role))

    @property
    def oldest(self) -> tuple[int, int]:
        """The oldest runtime as numbers; (0, 0) where it is not known."""
        found = re.match(r"(\d+)\.(\d+)", self.min_runtime or "")
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def takes(self) -> str:
        """picture, row or tensors."""
        return "picture" if self.image else "row" if self.features else "tensors"


def make(found: Artifact, precision: str | None) -> TemplateContext:
    """What a snippet for an artifact's ``.tflite`` file must know.

    Args:
        found: The artifact.
        precision: Which file; None takes what ``tune`` recommends, else float32.

    Raises:
        UsageError: There is no such file, or its tensors are not numbers.
        ArtifactError: The file is not the one that was converted.
    """
    from edge_deploy.formats.tflite.describe import describe

    entry = tflite_entry(found, precision)
    path = found.main_file(entry)
    if what := found.changed_files().get(path.relative_to(found.folder).as_posix()):
        raise ArtifactError(
            f"{path} {what}. Convert the model again with {option('overwrite', True)}."
        )
    info, spec, manifest = describe(path), found.spec, found.manifest
    linked = [op for op in info.ops or () if op.startswith("Flex")]
    if linked:
        raise UsageError(
            f"{path} needs TensorFlow's own operators ({', '.join(linked)}), which an app must "
            "link by itself; snippets are for built-in operators. `edge-deploy convert` says how "
            "this model can do without them."
        )
    stands_for = quantization(path)
    if not all(math.isfinite(one[0]) for side in stands_for for one in side if one):
        raise ArtifactError(f"{path}: a damaged TFLite file: a scale in it is no number.")
    inputs = _tensors(info.inputs, stands_for[0], spec.inputs)
    outputs = _tensors(info.outputs, stands_for[1], spec.outputs)
    for tensor in (*inputs, *outputs):
        if tensor.dtype not in _NUMBERS:
            raise UsageError(
                f"{path}: {tensor.name} is of {tensor.dtype}; snippets feed and read numbers only."
            )
    for given in info.inputs:
        if None in given.shape[1:]:
            raise UsageError(
                f"{path}: {given.name} leaves its size free, {list(given.shape)}; a snippet "
                f"needs one. Convert the model again with {option('input_shapes')}."
            )
    alone = len(inputs) == 1
    preprocessing = preprocessing_of(manifest) if alone else None
    features = columns_of(manifest) if alone else None
    return TemplateContext(
        name=found.name,
        version=manifest.version,
        path=path,
        precision=entry.precision,
        min_runtime=entry.min_runtime,
        inputs=inputs,
        outputs=outputs,
        image=preprocessing["image"] if preprocessing else None,
        features=features,
        example=rows(found, features)[0] if features else None,
        series=series_of(manifest) if alone else None,
        free_batch=any(None in given.shape[:1] for given in info.inputs),
    )


def rows(found: Artifact, features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Rows to ask, as an app has them: the packaged samples, or one of defaults."""
    samples = found.sample_rows()
    kept = [row for row in samples if all(row.get(f.name) not in (None, "") for f in features)]
    try:
        return [{f.name: _typed(f, row[f.name]) for f in features} for row in kept] or [
            {f.name: _typed(f, _default(f)) for f in features}
        ]
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"{found.folder}: a packaged row holds what its column cannot ({error}). Convert the "
            f"model again with {option('overwrite', True)}."
        ) from error


def _default(feature: Feature) -> Any:
    if feature.default is not None:
        return feature.default
    if feature.categories:
        return feature.categories[0]
    return feature.min if feature.min is not None else "" if feature.kind == "text" else 0


def _typed(feature: Feature, value: Any) -> float | str:
    if feature.encode == "none" and feature.kind != "text":
        return float(value)
    return category(value)


def category(value: Any) -> str:
    """A category as it is listed: 1.0 is ``1``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


Quantizations = list[tuple[float, int] | None]


def quantization(path: Path) -> tuple[Quantizations, Quantizations]:
    """Scale and zero point of a file's integer inputs and outputs, in its order.

    None where the integers stand for themselves.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAs(path.read_bytes()).Subgraphs(0)
    reals = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64)

    def of(index: int) -> tuple[float, int] | None:
        tensor = graph.Tensors(index)
        found = tensor.Quantization()
        # A float tensor may keep the parameters of the integers behind it.
        if tensor.Type() in reals or found is None or not found.ScaleLength():
            return None
        zero = found.ZeroPoint(0) if found.ZeroPointLength() else 0
        return float(found.Scale(0)), int(zero)

    return (
        [of(graph.Inputs(n)) for n in range(graph.InputsLength())],
        [of(graph.Outputs(n)) for n in range(graph.OutputsLength())],
    )


def _tensors(
    described: Sequence[Any], stands_for: Quantizations, specs: Sequence[Any]
) -> tuple[Tensor, ...]:
    known = {spec.name: spec for spec in specs}
    tensors = []
    for index, (tensor, found) in enumerate(zip(described, stands_for, strict=True)):
        spec = known.get(tensor.name, tensor)
        tensors.append(
            Tensor(
                name=tensor.name,
                index=index,
                shape=tuple(1 if axis is None else axis for axis in tensor.shape),
                dtype=tensor.dtype,
                scale=found[0] if found else None,
                zero=found[1] if found else 0,
                kind=spec.kind,
                classes=spec.classes,
                unit=spec.unit,
            )
        )
    return tuple(tensors)


def identifiers(tensors: Sequence[Tensor | Feature], reserved: Sequence[str] = ()) -> list[str]:
    """Names in code for tensors or columns, each another."""
    taken: list[str] = []
    for tensor in tensors:
        name = "_".join(re.findall(r"[A-Za-z0-9]+", tensor.name)) or "input"
        name = (f"input_{name}" if name[0].isdigit() else name)[:_LONGEST]
        while name in taken or name in reserved or name in KEYWORDS:
            name += "_"
        taken.append(name)
    return taken
