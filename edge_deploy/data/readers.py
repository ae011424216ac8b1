"""Reference data: read what the user has, and check it against the inputs.

DATA is ``.npz`` (keys are the input names; one input: any single key; optional ``labels``),
``.npy``, ``.csv`` (a header with the feature names; an optional ``label`` column) or a folder
of pictures (class subfolders allowed). Of a model of several inputs a ``.csv`` has a column for
each: paths of pictures, and numbers.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core import bounds
from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.options import Data, InMemory
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, Series, TensorSpec, as_dtype
from edge_deploy.data import npz
from edge_deploy.data.csv_reader import (
    WHOLE,
    Reading,
    Table,
    chosen,
    missing_label,
    read_csv,
    read_frame,
)
from edge_deploy.data.fields import read_fields
from edge_deploy.data.reference import Reference, class_count
from edge_deploy.data.series_csv import read_windows


def read(
    path: Data,
    spec: ModelSpec,
    features: Sequence[Feature] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    reading: Reading = WHOLE,
    series: Series | None = None,
) -> Reference:
    """Read samples for a model and check them against its inputs.

    Args:
        path: DATA, in one of the forms above; or what a Python caller holds.
        spec: The model's inputs.
        features: The columns of a table model; needed for a CSV with words in it.
        preprocessing: How pictures become the input; needed for a folder.
        reading: Which samples, and what their labels are called.
        series: Of what the input is a window: a CSV is the whole series then.

    Raises:
        UsageError: It is not there, cannot be read, or does not fit the model.
    """
    if reading.label_column and isinstance(path, Path) and path.suffix not in (".csv", ".npz"):
        raise wrong_option(
            "label_column",
            reading.label_column,
            f"{path} has no columns; it is for a .csv, an .npz or a data frame.",
        )
    if series is not None and is_table(path):
        data = read_windows(path, _only_input(path, spec), series, reading)
    elif isinstance(path, InMemory):
        data = _from_memory(path, spec, features, reading)
    elif path.is_dir():
        data = _read_pictures(path, spec, preprocessing, reading)
    elif path.suffix == ".npz":
        data = _read_npz(path, spec, reading)
    elif path.suffix == ".npy":
        _check_there(path)
        data = Reference({_only_input(path, spec).name: npz.read_npy(path)})
    elif path.suffix == ".csv" and len(spec.inputs) > 1:
        data = read_fields(path, spec, preprocessing, reading)
    elif path.suffix == ".csv":
        data = _read_csv(path, spec, features, reading)
    else:
        _check_there(path)
        raise UsageError(f"{path}: reference data is .npz, .npy, .csv or a folder of pictures.")
    data = fitted(path, data, spec, features)
    _check_counts(path, {name: len(array) for name, array in data.inputs.items()})
    data = replace(data, given=data.given or data.count)
    _check_labels(path, data.labels, data.count)
    if reading.limit is None or data.count <= reading.limit:
        return data
    return data.take(chosen(data.count, reading.limit, reading.seed))


def fitted(
    path: Data, data: Reference, spec: ModelSpec, features: Sequence[Feature] | None = None
) -> Reference:
    """Samples in the dtypes of the inputs.

    Raises:
        UsageError: One is of another shape, or holds numbers that its input cannot.
    """
    inputs = {s.name: _fit(path, s, data.inputs[s.name], features) for s in spec.inputs}
    return replace(data, inputs=inputs)


def is_table(path: Data) -> bool:
    """Whether samples are the rows of a table: a CSV, or a data frame."""
    if isinstance(path, InMemory):
        return path.frame is not None
    return path.suffix == ".csv" and path.is_file()


def _check_labels(path: Data, labels: Array | None, count: int) -> None:
    """Refuse labels that are not one a sample."""
    if labels is None:
        return
    if labels.ndim == 0:
        raise UsageError(f"{path}: the labels are one value; give one for each of {count} samples.")
    if len(labels) != count:
        raise UsageError(f"{path}: there are {len(labels)} labels for {count} samples.")


def _check_there(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder.")


def _only_input(path: Data, spec: ModelSpec) -> TensorSpec:
    if len(spec.inputs) == 1:
        return spec.inputs[0]
    names = ", ".join(s.name for s in spec.inputs)
    raise UsageError(
        f"{path}: the model has {len(spec.inputs)} inputs ({names}); give an .npz with a key each, "
        "or a .csv with a column each."
    )


@dataclass(frozen=True)
class Stream:
    """Samples on disk, read one at a time, so that memory does not grow with their number.

    Attributes:
        count: How many there are.
        read: From places, in their order, to each sample with its batch axis, by input name.
    """

    count: int
    read: Callable[[Sequence[int]], Iterator[Arrays]]


def stream(path: Path, spec: ModelSpec, preprocessing: Mapping[str, Any] | None) -> Stream | None:
    """Open samples to be read one at a time: an .npz, an .npy or a folder of pictures.

    Their shapes and dtypes are checked, their values are not.

    Returns:
        The samples; None where a file of this kind is only read whole.

    Raises:
        UsageError: It cannot be read, or does not fit the model.
    """
    if path.is_dir() and len(spec.inputs) == 1 and preprocessing is not None:
        return _stream_pictures(path, spec.inputs[0], preprocessing)
    if path.suffix == ".npz" and path.is_file():
        return _stream_npz(path, spec)
    if path.suffix == ".npy" and path.is_file() and len(spec.inputs) == 1:
        return _stream_npy(path, spec.inputs[0])
    return None


def _stream_pictures(path: Path, spec: TensorSpec, preprocessing: Mapping[str, Any]) -> Stream:
    from edge_deploy.data.preprocessing.decode import picture_files

    files = picture_files(path)

    def read(places: Sequence[int]) -> Iterator[Arrays]:
        for tensor in _decoded([files[place] for place in places], spec, preprocessing):
            yield {spec.name: _batched(tensor, spec)}

    return Stream(len(files), read)


def _stream_npy(path: Path, spec: TensorSpec) -> Stream:
    values = npz.read_npy(path, mapped=True)
    _check_form(path, spec, values.shape, values.dtype)

    def read(places: Sequence[int]) -> Iterator[Arrays]:
        for place in places:
            yield {spec.name: _batched(np.asarray(values[place]), spec)}

    return Stream(len(values), read)


def _stream_npz(path: Path, spec: ModelSpec) -> Stream:
    """An .npz is read along its compressed stream, a row at a time."""
    counts = {}
    with bounds.open_zip(path) as archive:
        keys = [name.removesuffix(".npy") for name in archive.namelist()]
        members = _members(path, [key for key in keys if key != "labels"], spec)
        for s in spec.inputs:
            with _member(path, archive, members[s.name]) as file:
                shape, dtype = _header(path, file, archive.getinfo(f"{members[s.name]}.npy"))
            _check_form(path, s, shape, dtype)
            counts[s.name] = shape[0]
    _check_counts(path, counts)

    def read(places: Sequence[int]) -> Iterator[Arrays]:
        chosen = set(places)
        with bounds.open_zip(path) as archive:
            rows = [_rows(path, archive, members[s.name]) for s in spec.inputs]
            for place, values in enumerate(zip(*rows, strict=True)):
                if place in chosen:
                    pairs = zip(spec.inputs, values, strict=True)
                    yield {s.name: _batched(value, s) for s, value in pairs}

    return Stream(min(counts.values()), read)


@contextlib.contextmanager
def _member(path: Path, archive: zipfile.ZipFile, key: str) -> Iterator[Any]:
    try:
        with archive.open(f"{key}.npy") as file:
            yield file
    except (*bounds.BAD_ZIP, KeyError) as error:
        raise npz.damaged(path, error) from error


def _header(
    path: Path, file: Any, member: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape, dtype, fortran = npz.header(path, file)
    npz.claimed(path, shape, dtype, member.file_size - file.tell())
    if fortran and len(shape) > 1:
        raise UsageError(
            f"{path}: an array is stored column by column; save numpy.ascontiguousarray(data)."
        )
    return shape, dtype


def _rows(path: Path, archive: zipfile.ZipFile, key: str) -> Iterator[Array]:
    with _member(path, archive, key) as file:
        shape, dtype = _header(path, file, archive.getinfo(f"{key}.npy"))
        size = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        for _ in range(shape[0]):
            yield np.frombuffer(file.read(size), dtype).reshape(shape[1:])


def _batched(value: Array, spec: TensorSpec) -> Array:
    return as_dtype(value[None] if spec.batched else value, spec.dtype)


def _members(path: Data, keys: Sequence[str], spec: ModelSpec) -> dict[str, str]:
    """Which array is which input; a single one is the only input's, whatever it is called."""
    names = [s.name for s in spec.inputs]
    if len(names) == 1 and len(keys) == 1:
        return {names[0]: keys[0]}
    if all(f"in:{name}" in keys for name in names):  # an artifact's own reference.npz
        return {name: f"in:{name}" for name in names}
    if missing := [name for name in names if name not in keys]:
        found = ", ".join(keys) or "none"
        raise UsageError(
            f"{path}: no array for input {missing[0]!r}; the keys are {found}, the inputs are "
            f"{', '.join(names)} (a model of one input also takes a file with one array)."
        )
    return {name: name for name in names}


def _read_npz(path: Path, spec: ModelSpec, reading: Reading) -> Reference:
    _check_there(path)
    arrays = npz.read_npz(path)
    return _of_arrays(path, spec, arrays, _popped(path, arrays, reading))


def _popped(path: Data, arrays: dict[str, Array], reading: Reading) -> Array | None:
    """The labels, taken out of arrays by name."""
    key = reading.label_column or "labels"
    if reading.label_column and not reading.unlabelled and key not in arrays:
        raise missing_label(path, key, list(arrays))
    return arrays.pop(key, None)


def _of_arrays(
    path: Data, spec: ModelSpec, arrays: Mapping[str, Array], labels: Array | None
) -> Reference:
    members = _members(path, list(arrays), spec)
    return Reference({name: arrays[key] for name, key in members.items()}, labels=labels)


def _from_memory(
    source: InMemory,
    spec: ModelSpec,
    features: Sequence[Feature] | None,
    reading: Reading,
) -> Reference:
    """Samples that a Python caller holds: arrays, or a data frame."""
    if source.frame is None:
        if "" in source.arrays:
            _only_input(source, spec)
        arrays = dict(source.arrays)
        given = _popped(source, arrays, reading) if reading.label_column else None
        return _of_arrays(source, spec, arrays, source.labels if given is None else given)
    target = _only_input(source, spec)
    labels = source.labels
    _check_labels(source, labels, len(source.frame))
    data = _of_table(read_frame(source, features, reading), spec, target)
    if labels is None:
        return data
    places = chosen(data.given or 0, reading.limit, reading.seed)
    return replace(data, labels=np.asarray(labels)[list(places)], likely=())


def _read_csv(
    path: Path,
    spec: ModelSpec,
    features: Sequence[Feature] | None,
    reading: Reading,
) -> Reference:
    target = _only_input(path, spec)
    if target.kind == "image":
        raise UsageError(
            f"{path}: is a table, and this model takes pictures: give pictures or a folder of "
            "them, or their pixels as an .npz."
        )
    table = read_csv(path, features, reading)
    width = target.shape[-1]
    if features is None and width is not None and table.values.shape[1] == width + 1:
        values = {name: frozenset(row[name] for row in table.rows) for name in table.rows[0]}
        named = next(iter(_likely(values, spec)), list(values)[-1])
        raise UsageError(
            f"{path}: has a column more than the {width} that the model takes. If one holds the "
            f"true answers, name it: {option('label_column', named)}."
        )
    return _of_table(table, spec, target)


def _of_table(table: Table, spec: ModelSpec, target: TensorSpec) -> Reference:
    likely = () if table.labels is not None else _likely(table.others, spec)
    return Reference(
        {target.name: table.values},
        labels=table.labels,
        rows=table.rows,
        given=table.given,
        likely=likely,
        unlabelled=table.gaps,
    )


def _likely(columns: Mapping[str, frozenset[str]], spec: ModelSpec) -> tuple[str, ...]:
    """The columns that hold each class of the model and nothing else."""
    counts = filter(None, map(class_count, spec.outputs))
    known = [set(output.classes) for output in spec.outputs if output.classes]
    known += [{str(index) for index in range(count)} for count in counts]
    return tuple(name for name, values in columns.items() if values in known)


def _read_pictures(
    path: Path,
    spec: ModelSpec,
    preprocessing: Mapping[str, Any] | None,
    reading: Reading,
) -> Reference:
    from edge_deploy.data.preprocessing.decode import picture_files

    target = _only_input(path, spec)
    if preprocessing is None:
        raise UsageError(
            f"{path}: a folder of pictures needs {option('preprocess')}, which says how a picture "
            "becomes the model's input (a preset such as unit, or size=...,scale=...)."
        )
    every = picture_files(path)
    files = [every[place] for place in chosen(len(every), reading.limit, reading.seed)]
    tensors = list(_decoded(files, target, preprocessing))
    classes = sorted({p.parent for p in files if p.parent != path})
    labels = np.asarray([p.parent.name for p in files]) if classes else None
    pictures = tuple(files)
    return Reference(
        {target.name: np.stack(tensors)}, labels=labels, pictures=pictures, given=len(every)
    )


def _decoded(
    files: Sequence[Path], spec: TensorSpec, preprocessing: Mapping[str, Any]
) -> Iterator[Array]:
    from edge_deploy.data.preprocessing.decode import decode_image
    from edge_deploy.data.preprocessing.image import preprocess_image

    shape = tuple(axis or 1 for axis in spec.shape[1:])
    for file in files:
        yield preprocess_image(dict(preprocessing), decode_image(file), shape)


def _gaps(features: Sequence[Feature] | None, width: int) -> Array:
    """Which numbers of a table's rows may be missing."""
    may = [
        f.missing == "nan" and f.encode == "none" for f in features or () for _ in range(f.width)
    ]
    return np.array(may) if len(may) == width else np.zeros(width, bool)


def _check_form(path: Data, spec: TensorSpec, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse samples of another shape or dtype than an input has."""
    wanted = spec.shape[1:] if spec.batched else spec.shape
    shown = " x ".join(["samples", *("any" if axis is None else str(axis) for axis in wanted)])
    if dtype.hasobject or dtype.kind not in "fiub":
        raise UsageError(
            f"{path}: input {spec.name!r} is of dtype {dtype}; the model takes {spec.dtype}."
        )
    fits = len(shape) == len(wanted) + 1 and all(
        axis in (None, size) for axis, size in zip(wanted, shape[1:], strict=True)
    )
    if not fits:
        raise UsageError(
            f"{path}: input {spec.name!r} has shape {list(shape)}; the model takes {shown}."
        )


def _check_counts(path: Data, counts: Mapping[str, int]) -> None:
    if len(set(counts.values())) > 1:
        raise UsageError(f"{path}: the inputs have different numbers of samples: {counts}.")
    if not min(counts.values()):
        raise UsageError(f"{path}: there are no samples in it.")


def _fit(
    path: Data, spec: TensorSpec, values: Array, features: Sequence[Feature] | None = None
) -> Array:
    """One input's samples in its dtype, checked."""
    _check_form(path, spec, values.shape, values.dtype)
    strange = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, bool)
    if strange.any() and values.ndim == 2:
        strange &= ~(np.isnan(values) & _gaps(features, values.shape[1]))
    if strange.any():
        where = np.argwhere(strange)[0]
        raise UsageError(
            f"{path}: input {spec.name!r} has NaN or infinity (first in sample {where[0]}, at "
            f"{list(map(int, where[1:]))}). Fill or drop what is missing."
        )
    result = as_dtype(values, spec.dtype)
    if spec.dtype.startswith(("int", "uint")) and not np.array_equal(result, values):
        raise UsageError(
            f"{path}: input {spec.name!r} holds numbers that {spec.dtype} cannot ({values.dtype} "
            "with fractions, or out of range)."
        )
    return result
