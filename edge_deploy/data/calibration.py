"""Calibration data: samples that show a quantizer the ranges of a model's activations.

They are read one by one, so that memory does not grow with their number.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, TensorSpec, as_dtype
from edge_deploy.data.readers import read
from edge_deploy.data.reference import Reference, sample

MOST = 200
"""Samples used at most, spread evenly: LiteRT's guide takes 100 to 500 for a whole model."""


@dataclass(frozen=True)
class Samples:
    """Samples of a model's inputs that can be gone through more than once, one at a time.

    Attributes:
        count: How many.
        origin: Where they come from, for messages.
        iterate: Starts anew from the first.
    """

    count: int
    origin: str
    iterate: Callable[[], Iterator[Arrays]] = field(repr=False)

    def __iter__(self) -> Iterator[Arrays]:
        """Each sample with its batch axis, by input name."""
        return self.iterate()


def from_reference(data: Reference, spec: ModelSpec, origin: str) -> Samples:
    """The samples of an artifact's reference or evaluation data."""
    chosen = _spread(data.count)

    def iterate() -> Iterator[Arrays]:
        for index in chosen:
            yield {s.name: sample(data.inputs[s.name], s, index) for s in spec.inputs}

    return Samples(len(chosen), origin, iterate)


def open_samples(
    path: Path,
    spec: ModelSpec,
    features: Sequence[Feature] | None,
    preprocessing: Mapping[str, Any] | None,
) -> Samples:
    """Calibration data of a user, through the model's own preprocessing.

    Args:
        path: DATA: .npz, .npy, .csv or a folder of pictures.
        spec: The model's inputs.
        features: The columns of a table model.
        preprocessing: How pictures become the input.

    Raises:
        UsageError: It is not there, cannot be read, or does not fit the model.
    """
    if path.is_dir() and len(spec.inputs) == 1 and preprocessing is not None:
        return _pictures(path, spec.inputs[0], preprocessing)
    if path.suffix == ".npz" and zipfile.is_zipfile(path):
        return _archive(path, spec)
    if path.suffix == ".npy" and path.is_file() and len(spec.inputs) == 1:
        return _array(path, spec.inputs[0])
    # Tables are small next to the tensors of a network, and everything else is an error there.
    return from_reference(read(path, spec, features, preprocessing), spec, str(path))


def _spread(count: int) -> list[int]:
    if count <= MOST:
        return list(range(count))
    return [int(i) for i in np.linspace(0, count - 1, MOST)]


def _pictures(path: Path, spec: TensorSpec, preprocessing: Mapping[str, Any]) -> Samples:
    from edge_deploy.data.preprocessing.decode import decode_image, picture_files
    from edge_deploy.data.preprocessing.image import preprocess_image

    files = picture_files(path)
    chosen = [files[i] for i in _spread(len(files))]
    shape = tuple(axis or 1 for axis in spec.shape[1:])

    def iterate() -> Iterator[Arrays]:
        for file in chosen:
            tensor = preprocess_image(dict(preprocessing), decode_image(file), shape)
            yield {spec.name: as_dtype(tensor[None], spec.dtype)}

    return Samples(len(chosen), str(path), iterate)


def _array(path: Path, spec: TensorSpec) -> Samples:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"{path}: not a numpy file ({error}).") from error
    _check(path, spec, values.shape, values.dtype)
    chosen = _spread(len(values))

    def iterate() -> Iterator[Arrays]:
        for index in chosen:
            yield {spec.name: _one(np.asarray(values[index]), spec)}

    return Samples(len(chosen), str(path), iterate)


def _archive(path: Path, spec: ModelSpec) -> Samples:
    """An .npz is read along its compressed stream, a row at a time."""
    with zipfile.ZipFile(path) as archive:
        keys = [name.removesuffix(".npy") for name in archive.namelist()]
        found = [key for key in keys if key != "labels"]
        members = {s.name: s.name for s in spec.inputs}
        if len(spec.inputs) == 1 and len(found) == 1:
            members = {spec.inputs[0].name: found[0]}
        elif all(f"in:{s.name}" in keys for s in spec.inputs):
            members = {s.name: f"in:{s.name}" for s in spec.inputs}
        if missing := [name for name, key in members.items() if key not in keys]:
            raise UsageError(
                f"{path}: no array for input {missing[0]!r}; the keys are {', '.join(keys)}, the "
                f"inputs are {', '.join(members)}."
            )
        counts = set()
        for s in spec.inputs:
            with archive.open(f"{members[s.name]}.npy") as stream:
                shape, dtype = _header(path, stream)
            _check(path, s, shape, dtype)
            counts.add(shape[0])
    if len(counts) > 1:
        raise UsageError(f"{path}: the inputs have different numbers of samples: {counts}.")
    chosen = set(_spread(counts.pop()))

    def iterate() -> Iterator[Arrays]:
        with zipfile.ZipFile(path) as archive:
            rows = [_rows(path, archive, members[s.name]) for s in spec.inputs]
            for index, values in enumerate(zip(*rows, strict=True)):
                if index in chosen:
                    yield {
                        s.name: _one(value, s) for s, value in zip(spec.inputs, values, strict=True)
                    }

    return Samples(len(chosen), str(path), iterate)


def _header(path: Path, stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        formats: Any = np.lib.format
        version = formats.read_magic(stream)
        readers = {(1, 0): formats.read_array_header_1_0, (2, 0): formats.read_array_header_2_0}
        shape, fortran, dtype = readers[version](stream)
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path}: holds what is not an array ({error}).") from error
    if fortran and len(shape) > 1:
        raise UsageError(
            f"{path}: an array is stored column by column; save numpy.ascontiguousarray(data)."
        )
    return tuple(shape), dtype


def _rows(path: Path, archive: zipfile.ZipFile, key: str) -> Iterator[Array]:
    with archive.open(f"{key}.npy") as stream:
        shape, dtype = _header(path, stream)
        size = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        for _ in range(shape[0]):
            yield np.frombuffer(stream.read(size), dtype).reshape(shape[1:])


def _check(path: Path, spec: TensorSpec, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    wanted = spec.shape[1:] if spec.batched else spec.shape
    fits = len(shape) == len(wanted) + 1 and all(
        axis in (None, size) for axis, size in zip(wanted, shape[1:], strict=True)
    )
    if dtype.kind not in "fiub" or not fits or not shape[0]:
        shown = " x ".join(["samples", *("any" if axis is None else str(axis) for axis in wanted)])
        raise UsageError(
            f"{path}: input {spec.name!r} is {list(shape)} {dtype}; the model takes {shown} "
            f"{spec.dtype}."
        )


def _one(value: Array, spec: TensorSpec) -> Array:
    return as_dtype(value[None] if spec.batched else value, spec.dtype)
