"""A format of one folder: the weights of a linear model, as JSON, and a runtime of three lines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import ArtifactError, ConversionError
from edge_deploy.core.spec import Arrays, LoadedModel, Runner, TensorSpec
from edge_deploy.formats.base import FLOAT, Converted, FileInfo, Format, Quantization, Runtime


def export(model: LoadedModel, path: Path, metadata: Mapping[str, Any]) -> Converted:
    """Write the weights, which the model's answers to zeros and ones give away.

    Raises:
        ConversionError: The model is not linear.
    """
    (taken,), (given,) = model.spec.inputs, model.spec.outputs

    def answer(rows: np.ndarray) -> np.ndarray:
        values = model.predict({taken.name: rows.astype(taken.dtype)})[given.name]
        return values.reshape(len(rows), -1).astype(np.float64)

    width = taken.shape[-1] or 0
    bias = answer(np.zeros((1, width)))
    weights = answer(np.eye(width)) - bias
    twice = answer(np.full((1, width), 2.0))
    if not np.allclose(twice, 2 * weights.sum(axis=0) + bias, rtol=1e-4):
        raise ConversionError("Linear JSON cannot hold this model: it is not linear.")
    document = {
        "input": [taken.name, taken.shape, taken.dtype],
        "output": [given.name, given.shape, given.dtype],
        "weights": weights.tolist(),
        "bias": bias[0].tolist(),
        "metadata": metadata,
    }
    path.write_text(json.dumps(document))
    return Converted(path, (path,))


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise ArtifactError(f"{path}: not a linear model in JSON. Convert it again.") from error


def describe(path: Path) -> FileInfo:
    document = _read(path)
    taken, given = (
        TensorSpec(name, tuple(shape), dtype)
        for name, shape, dtype in (document["input"], document["output"])
    )
    return FileInfo(
        target="linear",
        inputs=(taken,),
        outputs=(given,),
        ops=("Linear",),
        min_runtime=None,
        metadata=document["metadata"],
    )


def quantize(source: Path, path: Path, wanted: Quantization) -> None:
    """``decimal5`` rounds the weights to five decimals, ``decimal0`` to none."""
    decimals = int(wanted.precision.removeprefix("decimal"))
    document = _read(source)
    document["weights"] = np.round(document["weights"], decimals).tolist()
    path.write_text(json.dumps(document))


class _Runner:
    def __init__(self, path: Path) -> None:
        self._file, info = _read(path), describe(path)
        (self._taken,), (self._given,) = info.inputs, info.outputs

    def predict(self, inputs: Arrays) -> Arrays:
        values = inputs[self._taken.name] @ np.array(self._file["weights"]) + self._file["bias"]
        shape = [-1 if size is None else size for size in self._given.shape]
        return {self._given.name: values.reshape(shape).astype(self._given.dtype)}


@contextlib.contextmanager
def open_runner(path: Path) -> Iterator[Runner]:
    yield _Runner(path)


FORMAT = Format(
    name="linear",
    path=lambda name, precision: f"linear/{name}_{precision}.linear",
    suffixes=(".linear",),
    export=export,
    describe=describe,
    metadata=lambda path: describe(path).metadata,
    precisions=(FLOAT, "decimal5", "decimal0"),
    quantize=quantize,
)

RUNTIMES = (Runtime("json", "linear", open=open_runner),)
