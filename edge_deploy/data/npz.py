"""Arrays of ``.npz`` and ``.npy`` files: what they claim is compared with what is there first."""

from __future__ import annotations

import io
import math
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge_deploy.core import bounds
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.spec import Array, Arrays

_MAGIC = b"\x93NUMPY"
_CHUNK = 1 << 24
# numpy reads the text of a header by Python's own parser.
_MALFORMED = (ValueError, KeyError, TypeError, SyntaxError, tokenize.TokenError)


def read_npz(path: Path, error: type[EdgeDeployError] = UsageError) -> Arrays:
    """The arrays of an archive, by key.

    Raises:
        EdgeDeployError: Of the class that was given: it is damaged, holds objects, or becomes
            more than is read.
    """
    budget = bounds.Budget(path, error)
    arrays = {}
    with bounds.open_zip(path, error) as archive:
        for member in archive.infolist():
            try:
                with archive.open(member) as file:
                    shape, dtype, fortran = header(path, file, error)
                    size = claimed(path, shape, dtype, member.file_size - file.tell(), error)
                    budget.take(size)
                    data = _read(file, size)
            except bounds.BAD_ZIP as failed:
                raise damaged(path, failed, error) from failed
            if len(data) < size:
                raise damaged(path, f"{member.filename} ends early", error)
            key = member.filename.removesuffix(".npy")
            arrays[key] = _shaped(np.frombuffer(data, dtype), shape, fortran)
    return arrays


def read_npy(path: Path, *, mapped: bool = False, error: type[EdgeDeployError] = UsageError) -> Any:
    """The array of a ``.npy`` file.

    Args:
        path: The file.
        mapped: Leave it on disk, and read what is asked for.
        error: What is raised.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    with bounds.open_file(path, error) as file:
        there = bounds.check_file(path, error).st_size
        shape, dtype, fortran = header(path, file, error)
        size = claimed(path, shape, dtype, there - file.tell(), error)
        if mapped and size:
            order: Any = "F" if fortran else "C"
            return np.memmap(path, dtype, "r", file.tell(), shape, order)
        return _shaped(np.frombuffer(_read(file, size), dtype), shape, fortran)


def header(
    path: Path, file: Any, error: type[EdgeDeployError] = UsageError
) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, dtype and whether it is stored column by column, of an array that begins here.

    Raises:
        EdgeDeployError: Of the class that was given: it is none, or one of objects.
    """
    start = file.read(len(_MAGIC) + 2)
    if not start.startswith(_MAGIC):
        raise error(f"{path}: not a numpy file; save it with numpy.save or numpy.savez.")
    readers: Any = np.lib.format
    try:
        version = readers.read_magic(io.BytesIO(start))
        read = {(1, 0): readers.read_array_header_1_0, (2, 0): readers.read_array_header_2_0}
        shape, fortran, dtype = read[version](file)
    except (*_MALFORMED, MemoryError, RecursionError) as failed:
        raise error(f"{path}: holds what is not an array ({str(failed)[:200]}).") from failed
    if dtype.hasobject:
        raise error(
            f"{path}: holds an object array, which is not a tensor (rows of different length, or "
            "text?). Save it as numbers: np.asarray(data, dtype='float32')."
        )
    return tuple(shape), dtype, fortran


def claimed(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    there: int,
    error: type[EdgeDeployError] = UsageError,
) -> int:
    """How many bytes an array has, no more than are there.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    size = math.prod(shape) * dtype.itemsize
    # Rows of nothing take no bytes, and yet are gone through one by one.
    unfit = min(shape, default=0) < 0 or dtype.itemsize < 1  # of huge texts it overflows
    if unfit or max(size, *shape[:1], 0) > there:
        raise error(
            f"{path}: an array of shape {list(shape)} and {dtype} would take {size:,} bytes, and "
            f"{there:,} are there. Save it again."
        )
    return size


def damaged(path: Path, why: object, error: type[EdgeDeployError] = UsageError) -> EdgeDeployError:
    """The error for an archive that cannot be read to its end."""
    return error(f"{path}: the .npz is damaged ({why}). Save or copy it again.")


def _read(file: BinaryIO | Any, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size and (part := file.read(min(_CHUNK, size - len(data)))):
        data += part
    return data


def _shaped(values: Array, shape: tuple[int, ...], fortran: bool) -> Array:
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
