"""numpy arrays and dtypes from what a file says of them, each checked before it is made.

numpy believes the state of a pickled dtype or array: one that hides that it holds objects makes
numbers into pointers. So no state is ever handed to numpy; a dtype is spelled out again from its
parts, and an array is a copy of exactly as many bytes as its shape and dtype ask for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.core.spec import Array

DEEPEST_DTYPE = 4
_LONGEST_EMPTY = 1 << 24  # an axis of an array without elements, which has no bytes to show for it
_MOST_AXES = 32
_CODE = re.compile(r"[biufcgGSUVOMm?]\d{0,9}")
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns")
_FORGED = "a forged numpy dtype"
_FLAGS_OF_OBJECTS = 63
SCALARS = (
    *("bool", "bool_", "float16", "float32", "float64", "longdouble", "int8", "int16", "int32"),
    *("int64", "intc", "longlong", "uint8", "uint16", "uint32", "uint64", "uintc", "ulonglong"),
    "str_",
)
"""numpy's classes of scalars that a file may name."""


def check_shape(shape: Any) -> tuple[int, ...]:
    """A shape, where it is one.

    Raises:
        ValueError: It is none, or claims what no array has.
    """
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        raise ValueError("an array without a shape")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of shape {str(shape)[:80]}")
    if 0 in shape and max(shape) > _LONGEST_EMPTY:
        raise ValueError(f"an empty array of shape {str(shape)[:80]}")
    return shape


def dtype_of_name(module: str, name: str) -> np.dtype[Any]:
    """The dtype of a class, such as ``numpy.float64`` or ``object``."""
    if module == "numpy" and name in SCALARS:
        return np.dtype(name)
    if module == "builtins" and name in ("object", "float", "int", "bool", "str"):
        return np.dtype(name)
    raise ValueError(f"the dtype {module}.{name}")


def plain_dtype(code: Any, order: Any, size: Any, flags: Any, unit: Any) -> np.dtype[Any]:
    """A dtype without fields, from the parts of its pickled state.

    Args:
        code: What ``numpy.dtype`` is called with, such as ``f8``.
        order: ``<``, ``>``, ``=`` or ``|``.
        size: The bytes of an element of a string dtype, else -1.
        flags: numpy's flags; those of objects tell a dtype of objects.
        unit: Of a time: ``(name, count, 1, 1)``.

    Raises:
        UntrustedError: It is not what numpy itself would write.
    """
    if not isinstance(code, str) or not _CODE.fullmatch(code) or order not in ("<", ">", "=", "|"):
        raise UntrustedError(_FORGED)
    kind = code[0]
    if kind == "O":
        if flags != _FLAGS_OF_OBJECTS:
            raise UntrustedError(_FORGED)
        return np.dtype(object)
    if kind in "Mm":
        return _time(kind, order, unit)
    if kind in "SUV":
        size = size if type(size) is int and size >= 0 else np.dtype(code).itemsize
        if kind == "U" and size % 4:
            raise UntrustedError(_FORGED)
        return np.dtype(f"{kind}{size // 4 if kind == 'U' else size}").newbyteorder(order)
    return np.dtype(code).newbyteorder(order)


def _time(kind: str, order: Any, unit: Any) -> np.dtype[Any]:
    if unit is None:
        return np.dtype(f"{kind}8").newbyteorder(order)
    name, count, *_ = unit if isinstance(unit, tuple) and len(unit) >= 2 else ("", 0)
    name = name.decode("ascii") if isinstance(name, bytes) else name
    if name not in _UNITS or type(count) is not int or not 0 < count < 1 << 31:
        raise UntrustedError(_FORGED)
    return np.dtype(f"{kind}8[{count}{name}]").newbyteorder(order)


def subarray_dtype(base: np.dtype[Any], shape: Any) -> np.dtype[Any]:
    """A dtype whose elements are arrays of another."""
    shape = (shape,) if type(shape) is int else check_shape(shape)
    if base.hasobject or base.itemsize * math.prod(shape) >= 1 << 31:
        raise UntrustedError(_FORGED)
    return np.dtype((base, shape))


def record_dtype(fields: Sequence[tuple[Any, np.dtype[Any], Any]], size: Any) -> np.dtype[Any]:
    """A dtype with fields: each a name, a dtype, and where it starts."""
    if type(size) is not int or not 0 < size < 1 << 31 or not fields:
        raise UntrustedError(_FORGED)
    end = 0
    for name, dtype, start in sorted(fields, key=lambda field: field[2]):
        # Fields that lie over one another are of no use but to look at bytes in two ways.
        if not isinstance(name, str) or dtype.hasobject or type(start) is not int or start < end:
            raise UntrustedError(_FORGED)
        end = start + dtype.itemsize
    names, formats, starts = zip(*fields, strict=True)
    if end > size:
        raise UntrustedError(_FORGED)
    spelled: Any = {"names": names, "formats": formats, "offsets": starts, "itemsize": size}
    return np.dtype(spelled)


def array(data: Any, dtype: np.dtype[Any], shape: Any, *, fortran: bool = False) -> Array:
    """An array, from its bytes, in this machine's byte order.

    Raises:
        ValueError: There are more or fewer bytes than the shape and the dtype ask for, or they
            are no elements of the dtype.
    """
    shape = check_shape(shape)
    if not isinstance(data, (bytes, bytearray)) or dtype.hasobject:
        raise ValueError("an array without its bytes")
    if math.prod(shape) and not dtype.itemsize:
        raise ValueError("an array of elements without bytes")
    if dtype.itemsize * math.prod(shape) != len(data):
        wanted = dtype.itemsize * math.prod(shape)
        raise ValueError(f"an array of {wanted} bytes, of which {len(data)} are there")
    # A copy, since arrays over bytes cannot be written to, and estimators do write.
    made: Array = np.ndarray(shape, dtype, data, order="F" if fortran else "C").copy(order="K")
    return sound(made)


def sound(made: Array) -> Array:
    """An array whose elements are such as numpy itself makes, in this machine's byte order.

    Numpy's C code counts booleans by adding their bytes and makes characters of any number.
    """
    if made.dtype.names is not None:
        for name in made.dtype.names:
            if made[name].dtype.kind in "bUV":
                made[name] = sound(np.ascontiguousarray(made[name]))
    elif made.dtype.kind == "b":
        made = np.not_equal(made.view(np.uint8), 0)
    elif made.dtype.kind == "U" and made.size and made.dtype.itemsize:
        points = np.ascontiguousarray(made).view(
            np.dtype(np.uint32).newbyteorder(made.dtype.byteorder)
        )
        if points.max() > 0x10FFFF:
            raise ValueError("a text of numbers that are no characters")
    return made if made.dtype.isnative else made.astype(made.dtype.newbyteorder("="))


def objects(items: Sequence[Any], shape: Any, *, fortran: bool = False) -> Array:
    """An array of objects."""
    shape = check_shape(shape)
    if len(items) != math.prod(shape):
        raise ValueError(f"an array of {math.prod(shape)} objects, of which {len(items)} are there")
    made: Array = np.empty(len(items), object)
    for index, item in enumerate(items):
        made[index] = item
    return made.reshape(shape, order="F" if fortran else "C")
