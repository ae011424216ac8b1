"""Two readers of pickle and joblib streams: one that only looks, one that builds what is listed.

What both share, and what neither ever does, is in unpickler.py.
"""

from __future__ import annotations

import copyreg
import importlib
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat import stand_ins, upgrade
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import BUILDERS, LISTED, Global
from edge_deploy.frontends.sklearn.safe_pickle.unpickler import ArrayInFile, Unpickler

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


class _Scanner(Unpickler):
    """Goes through a pickle with stubs in place of all it names, and notes what it would do."""

    dispatch: ClassVar[dict[int, Any]] = dict(Unpickler.dispatch)

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
            Unpickler.load_build(self)
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


class _Reader(Unpickler):
    """Builds what a pickle holds, of listed parts alone.

    The scan has been through the same stream before; what is checked here holds even where
    the two should ever read it differently.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(Unpickler.dispatch)

    def __init__(self, stream: BinaryIO, gone: Collection[Global]) -> None:
        super().__init__(stream)
        self.callable: list[Any] = []
        self.gone = gone

    def resolve(self, wanted: Global) -> Any:
        if wanted in self.gone:
            self.callable.append(stand_ins.stand_in(*wanted))
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
        if function is not ArrayInFile and not any(function is one for one in self.callable):
            raise UntrustedError("a call of what it was not to call")

    def load_build(self) -> None:
        target = self.stack[-2]
        self.stack[-1] = upgrade.state_of_today(target, self.stack[-1])
        Unpickler.load_build(self)
        upgrade.complete(target)

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
