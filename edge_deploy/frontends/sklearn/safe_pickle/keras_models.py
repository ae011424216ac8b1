"""Keras models in pickles: their own file, taken out without calling what would open it.

Keras 3 writes ``Model._unpickle_model(BytesIO(file))``, and Keras 2 a call of
``deserialize_model_from_bytecode(file)``: in both the file is a ``.keras`` archive, which is read
later as every other one, with all its checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_PACKAGES = ("keras", "tf_keras", "tensorflow")


@dataclass(frozen=True)
class KerasFile:
    """A Keras model as the bytes of its file."""

    data: bytes


def taken_out(function: Any, arguments: Any) -> tuple[KerasFile, tuple[Any, ...]] | None:
    """The file that a call would open.

    Args:
        function: A record of what is called.
        arguments: A tuple of records.

    Returns:
        The file, and the records of the globals that the call needs; None of any other call.
    """
    if not isinstance(arguments, tuple) or len(arguments) != 1:
        return None
    (given,) = arguments
    name = _name(function)
    if name is not None:
        known = name[1] == "deserialize_model_from_bytecode" and _is_keras(name[0])
        return (KerasFile(given), (function,)) if known and isinstance(given, bytes) else None
    inner = getattr(function, "arguments", None)
    if _name(getattr(function, "function", None)) != ("builtins", "getattr"):
        return None
    if not isinstance(inner, tuple) or len(inner) != 2 or inner[1] != "_unpickle_model":
        return None
    kind = _name(inner[0])
    data = _buffer(given)
    if kind is None or not _is_keras(kind[0]) or data is None:
        return None
    return KerasFile(data), (function.function, inner[0], given.function)


def _name(record: Any) -> tuple[str, str] | None:
    found = getattr(record, "name", None)
    return found if isinstance(found, tuple) and len(found) == 2 else None


def _is_keras(module: str) -> bool:
    return module.partition(".")[0] in _PACKAGES


def _buffer(record: Any) -> bytes | None:
    """The bytes of a BytesIO."""
    if _name(getattr(record, "function", None)) != ("_io", "BytesIO") or record.arguments:
        return None
    state = record.state[0] if record.state else None
    if isinstance(state, tuple) and len(state) == 3 and isinstance(state[0], bytes):
        return state[0]
    return None
