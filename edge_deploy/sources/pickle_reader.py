"""Two readers of pickle and joblib streams: one that only looks, one that builds what is listed.

Both are Python's own unpickler and not C's, so that every opcode that calls something can be
held to the lists. joblib puts the bytes of an array into the stream behind a mark, and an array
of objects as a second pickle behind it: both are read here, since joblib reads the second one
by its own rules.
"""

from __future__ import annotations

import copyreg
import importlib
import math
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import numpy as np

from edge_deploy.errors import UntrustedError
from edge_deploy.sources import former
from edge_deploy.sources.pickle_names import ARRAY_IN_FILE, BUILDERS, LISTED, Global, normal
from edge_deploy.spec import Array

_Base: Any = pickle._Unpickler
_NO_OBJECTS = 0b111  # numpy's flags: holds references, is pickled as a list, is a pointer
_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")


@dataclass
class Contents:
    """What a pickle would do, as far as it can be read.

    Attributes:
        names: Every global it names, in order, by today's module names.
        called: Those of ``names`` that it calls.
        holds: The global that made the object it gives, or a word for a plain value.
        versions: The scikit-learn versions written in it.
        tricks: What it does that no estimator's pickle does, in words.
        problem: Why it could not be read to its end, else None.
    """

    names: list[Global] = field(default_factory=list)
    called: set[Global] = field(default_factory=set)
    holds: Global | str = "nothing"
    versions: list[str] = field(default_factory=list)
    tricks: list[str] = field(default_factory=list)
    problem: Exception | None = None


class _ArrayInFile:
    """joblib's NumpyArrayWrapper, as far as it is needed to find the array's bytes."""


class _Unpickler(_Base):  # type: ignore[misc]
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
            return _ArrayInFile
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
        if isinstance(target, _ArrayInFile):
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


def _encode(text: str, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    """``_codecs.encode`` for byte strings of protocols 0 to 2, and for no other codec."""
    if not isinstance(text, str) or encoding not in _ENCODINGS:
        raise UntrustedError(f"the codec {encoding}")
    return text.encode(encoding, errors)


def _reconstructor(cls: Any, base: Any, state: Any) -> Any:
    """``copyreg._reconstructor`` for plain objects and containers."""
    if base not in (object, dict, list, tuple, set, int, float, str):
        raise UntrustedError("the constructor of another class")
    return copyreg._reconstructor(cls, base, state)  # type: ignore[attr-defined]


_OWN: dict[Global, Callable[..., Any]] = {
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): _reconstructor,
}


class _Stub:
    """Stands for an object of a class that is named; does nothing, whatever is done to it."""

    wanted: Global = ("", "")

    def __new__(cls, *_: Any, **__: Any) -> _Stub:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def _nothing(self, *_: Any, **__: Any) -> None:
        pass

    __setitem__ = append = extend = add = update = _nothing


class _Scanner(_Unpickler):
    """Goes through a pickle with stubs in place of all it names, and notes what it would do."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)

    def __init__(self, stream: BinaryIO, found: Contents) -> None:
        super().__init__(stream)
        self.found = found

    def resolve(self, wanted: Global) -> Any:
        self.found.names.append(wanted)
        if wanted == ("numpy", "dtype"):
            return np.dtype
        if wanted == ("_codecs", "encode"):
            return _encode
        if wanted == ("copyreg", "_reconstructor"):
            return lambda cls, *_: cls.__new__(cls)
        return type(wanted[1], (_Stub,), {"wanted": wanted})

    def check_call(self, function: Any) -> None:
        if isinstance(function, type) and issubclass(function, _Stub):
            self.found.called.add(function.wanted)
        elif isinstance(function, _Stub):
            raise UntrustedError(f"a call of an object of {'.'.join(function.wanted)}")

    def load_build(self) -> None:
        target, state = self.stack[-2], self.stack[-1]
        if not isinstance(target, _Stub):
            _Unpickler.load_build(self)
            return
        if isinstance(state, dict) and isinstance(state.get("_sklearn_version"), str):
            self.found.versions.append(state["_sklearn_version"])
        self.stack.pop()

    dispatch[pickle.BUILD[0]] = load_build

    def objects_in_file(self, shape: tuple[int, ...]) -> Any:
        return _Scanner(self.stream, self.found).load()

    def numbers_in_file(self, dtype: np.dtype[Any], count: int) -> Any:
        size, start = dtype.itemsize * count, self.stream.tell()
        end = self.stream.seek(0, 2)
        if start + size > end:
            raise EOFError(f"an array of {size} bytes, of which {end - start} are there")
        self.stream.seek(start + size)


def scan(stream: BinaryIO) -> Contents:
    """What a pickle names, calls and holds, without importing or calling any of it."""
    found = Contents()
    try:
        root = _Scanner(stream, found).load()
    except Exception as error:
        # The stream is anybody's: a malformed one makes the unpickler raise anything.
        if isinstance(error, UntrustedError):
            found.tricks.append(str(error))
        found.problem = error
        return found
    if isinstance(root, _Stub):
        found.holds = root.wanted
    elif isinstance(root, type) and issubclass(root, _Stub):
        found.holds = f"the name {'.'.join(root.wanted)} alone"
    else:
        found.holds = type(root).__name__
    return found


class _Reader(_Unpickler):
    """Builds what a pickle holds, of listed parts alone.

    The scan has been through the same stream before; what is checked here holds even where
    the two should ever read it differently.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)

    def __init__(self, stream: BinaryIO, gone: Collection[Global]) -> None:
        super().__init__(stream)
        self.callable: list[Any] = []
        self.gone = gone

    def resolve(self, wanted: Global) -> Any:
        if wanted in self.gone:
            self.callable.append(former.stand_in(*wanted))
            return self.callable[-1]
        if wanted == ("numpy", "memmap"):
            return np.ndarray
        if wanted not in LISTED:
            raise UntrustedError(".".join(wanted))
        module, name = wanted
        if np.lib.NumpyVersion(np.__version__) < "2.0.0":
            module = module.replace("numpy._core.", "numpy.core.")
        found = _OWN.get(wanted) or getattr(importlib.import_module(module), name)
        if wanted in BUILDERS:
            self.callable.append(found)
        return found

    def check_call(self, function: Any) -> None:
        if function is not _ArrayInFile and not any(function is one for one in self.callable):
            raise UntrustedError("a call of what it was not to call")

    def load_build(self) -> None:
        target = self.stack[-2]
        self.stack[-1] = former.state_of_today(target, self.stack[-1])
        _Unpickler.load_build(self)
        former.complete(target)

    dispatch[pickle.BUILD[0]] = load_build

    def objects_in_file(self, shape: tuple[int, ...]) -> Any:
        inner = _Reader(self.stream, self.gone).load()
        if not isinstance(inner, np.ndarray):
            raise pickle.UnpicklingError("an array of objects that is none")
        return inner.reshape(shape)

    def numbers_in_file(self, dtype: np.dtype[Any], count: int) -> Any:
        data = self.stream.read(dtype.itemsize * count)
        # A copy, since arrays over bytes cannot be written to, and estimators do write.
        flat: Array = np.ndarray(count, dtype, data).copy()
        return flat if flat.dtype.isnative else flat.astype(flat.dtype.newbyteorder("="))


def read(stream: BinaryIO, gone: Collection[Global] = ()) -> Any:
    """The object that a pickle holds, built of listed parts alone.

    Args:
        stream: The pickle.
        gone: What it names and scikit-learn no longer has; stand-ins take its place, which hold
            its data and do nothing.
    """
    return _Reader(stream, gone).load()
