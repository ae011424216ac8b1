"""Reference data: read what the user has, and check it against the inputs.

DATA is ``.npz`` (keys are the input names; one input: any single key; optional ``labels``),
``.npy``, ``.csv`` (a header with the feature names; an optional ``label`` column) or a folder
of pictures (class subfolders allowed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Feature, ModelSpec, TensorSpec, as_dtype
from edge_deploy.data.csv_reader import chosen, read_csv
from edge_deploy.data.reference import Reference


def read(
    path: Path,
    spec: ModelSpec,
    features: Sequence[Feature] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Reference:
    """Read samples for a model and check them against its inputs.

    Args:
        path: DATA, in one of the forms above.
        spec: The model's inputs.
        features: The columns of a table model; needed for a CSV with words in it.
        preprocessing: How pictures become the input; needed for a folder.
        limit: How many samples are wanted; None for all.
        seed: By which they are chosen, where there are more: files are often sorted by class.

    Raises:
        UsageError: It is not there, cannot be read, or does not fit the model.
    """
    if path.is_dir():
        data = _read_pictures(path, spec, preprocessing, limit, seed)
    elif path.suffix == ".npz":
        data = _read_npz(path, spec)
    elif path.suffix == ".npy":
        data = Reference({_only_input(path, spec).name: _load_array(path)})
    elif path.suffix == ".csv":
        data = _read_csv(path, spec, features, limit, seed)
    elif not path.exists():
        raise UsageError(f"{path}: no such file or folder.")
    else:
        raise UsageError(f"{path}: reference data is .npz, .npy, .csv or a folder of pictures.")
    inputs = {s.name: _fit(path, s, data.inputs[s.name], features) for s in spec.inputs}
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(f"{path}: the inputs have different numbers of samples: {counts}.")
    if not min(counts.values()):
        raise UsageError(f"{path}: there are no samples in it.")
    data = replace(data, inputs=inputs, given=data.given or data.count)
    if limit is None or data.count <= limit:
        return data
    return data.take(chosen(data.count, limit, seed))


def _only_input(path: Path, spec: ModelSpec) -> TensorSpec:
    if len(spec.inputs) == 1:
        return spec.inputs[0]
    names = ", ".join(s.name for s in spec.inputs)
    raise UsageError(
        f"{path}: the model has {len(spec.inputs)} inputs ({names}); give an .npz with a key each."
    )


def _load_array(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        if "Object arrays" in str(error):
            raise UsageError(
                f"{path}: holds an object array, which is not a tensor (rows of different length, "
                "or text?). Save it as numbers: np.asarray(data, dtype='float32')."
            ) from error
        # numpy takes anything without its own magic bytes for a pickle, and says so.
        raise UsageError(f"{path}: not a numpy file; save it with numpy.save.") from error
    except (OSError, EOFError) as error:
        raise UsageError(f"{path}: cannot be read ({error}).") from error


def _read_npz(path: Path, spec: ModelSpec) -> Reference:
    import zipfile

    if not path.exists():
        raise UsageError(f"{path}: no such file or folder.")
    try:
        with zipfile.ZipFile(path) as archive:
            archive.testzip()
        with _load_array(path) as loaded:
            arrays = {key: loaded[key] for key in loaded.files}
    except ValueError as error:
        raise UsageError(
            f"{path}: holds an object array, which is not a tensor. Save each as numbers: "
            "np.asarray(data, dtype='float32')."
        ) from error
    except zipfile.BadZipFile as error:
        raise UsageError(f"{path}: the .npz is damaged ({error}).") from error
    labels = arrays.pop("labels", None)
    names = [s.name for s in spec.inputs]
    if len(names) == 1 and len(arrays) == 1:
        arrays = {names[0]: next(iter(arrays.values()))}
    if missing := [name for name in names if name not in arrays]:
        found = ", ".join(arrays) or "none"
        raise UsageError(
            f"{path}: no array for input {missing[0]!r}; the keys are {found}, the inputs are "
            f"{', '.join(names)} (a model of one input also takes a file with one array)."
        )
    return Reference({name: arrays[name] for name in names}, labels=labels)


def _read_csv(
    path: Path,
    spec: ModelSpec,
    features: Sequence[Feature] | None,
    limit: int | None,
    seed: int,
) -> Reference:
    target = _only_input(path, spec)
    if target.kind == "image":
        raise UsageError(
            f"{path}: is a table, and this model takes pictures: give pictures or a folder of "
            "them, or their pixels as an .npz."
        )
    table = read_csv(path, features, limit, seed)
    return Reference(
        {target.name: table.values}, labels=table.labels, rows=table.rows, given=table.given
    )


def _read_pictures(
    path: Path,
    spec: ModelSpec,
    preprocessing: Mapping[str, Any] | None,
    limit: int | None,
    seed: int,
) -> Reference:
    from edge_deploy.data.preprocessing.decode import decode_image, picture_files
    from edge_deploy.data.preprocessing.image import preprocess_image

    target = _only_input(path, spec)
    if preprocessing is None:
        raise UsageError(
            f"{path}: a folder of pictures needs {option('preprocess')}, which says how a picture "
            "becomes the model's input (a preset such as unit, or size=...,scale=...)."
        )
    every = picture_files(path)
    files = [every[place] for place in chosen(len(every), limit, seed)]
    shape = tuple(axis or 1 for axis in target.shape[1:])
    tensors = [preprocess_image(dict(preprocessing), decode_image(p), shape) for p in files]
    classes = sorted({p.parent for p in files if p.parent != path})
    labels = np.asarray([p.parent.name for p in files]) if classes else None
    pictures = tuple(files)
    return Reference(
        {target.name: np.stack(tensors)}, labels=labels, pictures=pictures, given=len(every)
    )


def _gaps(features: Sequence[Feature] | None, width: int) -> Array:
    """Which numbers of a table's rows may be missing."""
    may = [
        f.missing == "nan" and f.encode == "none" for f in features or () for _ in range(f.width)
    ]
    return np.array(may) if len(may) == width else np.zeros(width, bool)


def _fit(
    path: Path, spec: TensorSpec, values: Array, features: Sequence[Feature] | None = None
) -> Array:
    """One input's samples in its dtype, checked."""
    wanted = spec.shape[1:] if spec.batched else spec.shape
    shown = " x ".join(["samples", *("any" if axis is None else str(axis) for axis in wanted)])
    if values.dtype.hasobject or values.dtype.kind not in "fiub":
        raise UsageError(
            f"{path}: input {spec.name!r} is of dtype {values.dtype}; the model takes {spec.dtype}."
        )
    fits = values.ndim == len(wanted) + 1 and all(
        axis in (None, size) for axis, size in zip(wanted, values.shape[1:], strict=True)
    )
    if not fits:
        raise UsageError(
            f"{path}: input {spec.name!r} has shape {list(values.shape)}; the model takes {shown}."
        )
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
