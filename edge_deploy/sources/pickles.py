"""Pickle and joblib files, read behind an allow-list of names.

A pickle is a program: it calls what it names. So all names in it are read first, without
running it, and again while it is loaded; one that is not on the list ends the reading.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from edge_deploy.errors import SourceError, UntrustedError
from edge_deploy.graph import first_line
from edge_deploy.sources.pickle_names import allowed

_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    ImportError,
    OSError,
    zlib.error,
    MemoryError,
    UnicodeDecodeError,
    OverflowError,
)


def load_pickle(path: Path, trust: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Read a pickle or joblib file, compressed or not.

    Args:
        path: The file.
        trust: Load whatever it names, and so run whatever code it brings.

    Returns:
        The object, and notes on versions.

    Raises:
        UntrustedError: It names something that is not on the list; nothing of it was run.
        SourceError: It is damaged, or names a class that is no longer there.
    """
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = _read(path, None if trust else allowed)
        except UntrustedError:
            raise
        except _BROKEN as error:
            raise SourceError(_explain(path, error)) from error
    for warning in caught:
        message: Any = warning.message
        if type(message).__name__ == "InconsistentVersionWarning":
            saved, here = message.original_sklearn_version, message.current_sklearn_version
            notes.append(f"saved by scikit-learn {saved}, read by {here}")
    if trust:
        notes.append("loaded with --trust-pickle: whatever code the file brings was run")
    return value, tuple(dict.fromkeys(notes))


def _explain(path: Path, error: BaseException) -> str:
    reason = first_line(error)
    gone = isinstance(error, (ImportError, AttributeError)) and (
        "Can't get attribute" in reason or "No module named" in reason or "has no" in reason
    )
    if gone:
        import sklearn

        return (
            f"{path}: holds a class that scikit-learn {sklearn.__version__} no longer has "
            f"({reason}). Load it with the scikit-learn that saved it, and save it again from a "
            "newer one."
        )
    if "incompatible dtype" in reason:
        return (
            f"{path}: its trees were saved by a scikit-learn before 1.3, which today's cannot "
            "read. Load it with the scikit-learn that saved it, and save it again from a newer one."
        )
    return f"{path}: not a pickle that can be read ({reason}). Save or download it again."


def _read(path: Path, permit: Callable[[str, str], bool] | None) -> Any:
    from joblib import numpy_pickle_utils

    unpickler = _unpickler(permit)
    with path.open("rb") as raw:
        opened = numpy_pickle_utils._validate_fileobject_and_memmap(raw, str(path), None)
        with opened as (file, _):
            if isinstance(file, str):  # joblib 0.9 and older: arrays in files beside it
                raise pickle.UnpicklingError("a joblib file of before 0.10")
            data = file.read()
    if permit is not None:
        _scan(path, data, permit)
    stream = io.BytesIO(data)
    return unpickler(str(path), stream).load()


def _unpickler(permit: Callable[[str, str], bool] | None) -> Any:
    """joblib's unpickler, which also reads plain pickles, with names held to the list."""
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

    class Wrapper(NumpyArrayWrapper):  # type: ignore[misc]
        """An array in the file; joblib reads one of objects by a bare, unguarded pickle.load."""

        def read_array(self, unpickler: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.dtype.hasobject:
                return super().read_array(unpickler, *args, **kwargs)
            array = Unpickler(unpickler.filename, unpickler.file_handle).load()
            array.shape = self.shape
            return array

    class Unpickler(NumpyUnpickler):  # type: ignore[misc]
        def __init__(self, filename: str, file: Any) -> None:
            super().__init__(filename, file, ensure_native_byte_order=True)

        def find_class(self, module: str, name: str) -> Any:
            if module == "joblib.numpy_pickle" and name == "NumpyArrayWrapper":
                return Wrapper
            if permit is not None and ("." in name or not permit(module, name)):
                raise UntrustedError(_refusal(self.filename, [f"{module}.{name}"]))
            found = super().find_class(module, name)
            if permit is not None and not _is_plain(module, found):
                raise UntrustedError(_refusal(self.filename, [f"{module}.{name}"]))
            return found

        def persistent_load(self, pid: Any) -> Any:
            raise pickle.UnpicklingError("it refers to objects outside the file")

        # A BUILD on a class would change the class for the whole process.
        dispatch: ClassVar[dict[int, Any]] = dict(NumpyUnpickler.dispatch)

        def load_build(self) -> None:
            if isinstance(self.stack[-2], type):
                raise UntrustedError(_refusal(self.filename, ["a change to a class"]))
            NumpyUnpickler.load_build(self)

        dispatch[pickle.BUILD[0]] = load_build

    return Unpickler


def _is_plain(module: str, found: Any) -> bool:
    """An sklearn name must be a class: a function of that name would be called."""
    return not module.startswith("sklearn.") or isinstance(found, type) or module.endswith("_tree")


def _scan(path: Path, data: bytes, permit: Callable[[str, str], bool]) -> None:
    """Refuse by name before anything is loaded, with all the names at once."""
    refused = sorted({f"{m}.{n}" for m, n in _globals(data) if "." in n or not permit(m, n)})
    if refused:
        raise UntrustedError(_refusal(str(path), refused))


def _globals(data: bytes) -> Iterator[tuple[str, str]]:
    """The globals of the first pickle in the data, as far as it can be followed.

    joblib writes raw arrays between opcodes, where this ends; the reader's own check goes on.
    """
    strings: list[str] = []
    memo: dict[int, str] = {}
    try:
        for opcode, found, _ in pickletools.genops(data):
            argument: Any = found
            if opcode.name in ("GLOBAL", "INST"):
                module, _, name = str(argument).partition(" ")
                yield module, name
            elif opcode.name == "STACK_GLOBAL":
                if len(strings) >= 2:
                    yield strings[-2], strings[-1]
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = strings[-1] if strings else ""
            elif opcode.name in ("BINPUT", "LONG_BINPUT", "PUT"):
                memo[int(argument)] = strings[-1] if strings else ""
            elif opcode.name in ("BINGET", "LONG_BINGET", "GET"):
                strings.append(memo.get(int(argument), ""))
            elif isinstance(argument, str):
                strings.append(argument)
    except (ValueError, EOFError, IndexError, UnicodeDecodeError):
        return


def _refusal(where: str, names: list[str]) -> str:
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    keras = any(name.startswith(("keras.", "tensorflow.", "tf_keras.")) for name in names)
    own = any(name.startswith("__main__.") for name in names)
    hint = ""
    if keras:
        hint = " It holds a Keras model: save that with model.save('model.keras') instead."
    elif own:
        hint = " Classes of __main__ are somebody's own code, which is not in the file."
    return (
        f"{where}: the pickle names what no scikit-learn model needs, and loading it would run "
        f"it: {shown}. Nothing was run.{hint} If you trust its author, add --trust-pickle."
    )
