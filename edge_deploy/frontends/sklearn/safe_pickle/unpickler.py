"""The unpickler that both readers of pickles share: where arrays lie, and what is never done.

It is Python's own and not C's, so that every opcode that calls something can be held to the
lists. joblib puts the bytes of an array into the stream behind a mark, and an array of objects as
a second pickle behind it: both are read here, since joblib reads the second one by its own rules.
"""

from __future__ import annotations

import math
import pickle
from typing import Any, BinaryIO, ClassVar

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import ARRAY_IN_FILE, normal

_Base: Any = pickle._Unpickler
_NO_OBJECTS = 0b111  # numpy's flags: holds references, is pickled as a list, is a pointer


class ArrayInFile:
    """joblib's NumpyArrayWrapper, as far as it is needed to find the array's bytes."""


class Unpickler(_Base):  # type: ignore[misc]
    """What both readers share: where arrays lie, and what is never done.

    Each adds ``resolve`` (a global), ``check_call`` (of what an opcode calls), and
    ``objects_in_file`` and ``numbers_in_file`` (an array in the stream).
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_Base.dispatch)

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.stream = stream

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ARRAY_IN_FILE:
            return ArrayInFile
        return self.resolve(normal(module, name))

    def get_extension(self, code: int) -> None:
        raise UntrustedError("an entry of the extension registry")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")

    def _instantiate(self, klass: Any, k: Any) -> None:
        self.check_call(klass)
        super()._instantiate(klass, k)

    def load_reduce(self) -> None:
        self.check_call(self.stack[-2])
        _Base.load_reduce(self)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_build(self) -> None:
        target = self.stack[-2]
        if isinstance(target, ArrayInFile):
            self.stack[-2:] = [self.array_in_file(self.stack[-1])]
        elif isinstance(target, np.dtype):
            self.stack[-2:] = [self.built_dtype(target, self.stack[-1])]
        elif isinstance(target, type) or hasattr(target, "__code__"):
            raise UntrustedError("a change to a class or a function")
        else:
            _Base.load_build(self)

    dispatch[pickle.BUILD[0]] = load_build

    def built_dtype(self, plain: np.dtype[Any], state: Any) -> np.dtype[Any]:
        """A dtype with its state, in a copy: the one it is made from may be numpy's own.

        numpy believes the state; one that hides that it holds objects makes numbers into
        pointers, so only dtypes that are what numpy itself would make are let through.
        """
        built: Any = np.dtype(plain, copy=True)
        built.__setstate__(state)
        if not _is_sound(built):
            raise UntrustedError("a forged numpy dtype")
        for key in [key for key, value in self.memo.items() if value is plain]:
            self.memo[key] = built
        return built  # type: ignore[no-any-return]

    def array_in_file(self, state: dict[str, Any]) -> Any:
        dtype, shape = state["dtype"], tuple(int(n) for n in state["shape"])
        if not isinstance(dtype, np.dtype) or min(shape, default=0) < 0:
            raise pickle.UnpicklingError("an array without a dtype or a shape")
        if dtype.hasobject:
            return self.objects_in_file(shape)
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        flat = self.numbers_in_file(dtype, math.prod(shape))
        if flat is None or state["order"] != "F":
            return flat if flat is None else flat.reshape(shape)
        return flat.reshape(shape[::-1]).transpose()


def _is_sound(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is what numpy would make of its parts."""
    if dtype.char == "O":
        return dtype.flags == np.dtype("O").flags
    if dtype.flags & _NO_OBJECTS:
        return False
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        size = base.itemsize * math.prod(shape)
        return _is_sound(base) and base.char != "O" and dtype.itemsize == size
    if dtype.fields is not None:
        parts = [(part[0], part[1]) for part in dtype.fields.values()]
        return all(
            _is_sound(part) and part.char != "O" and 0 <= at <= dtype.itemsize - part.itemsize
            for part, at in parts
        )
    if dtype.kind in "SUV":
        return dtype.itemsize >= 0 and (dtype.kind != "U" or dtype.itemsize % 4 == 0)
    return dtype.itemsize == np.dtype(dtype.char).itemsize
