"""What several messages say alike, and how they name an option.

A message names an option by ``option("overwrite", True)``: a Python caller reads
``overwrite=True``. Who calls from elsewhere says once how it is written there: the command line
runs everything within ``written_for`` its own style, and a shell's user reads ``--overwrite``.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How a caller writes what messages ask for.

    Attributes:
        option: From an option's name in Python and its value (``...`` for none in particular).
        call: From a function's name, its arguments and its options, which are written already.
    """

    option: Callable[[str, object], str]
    call: Callable[[str, Sequence[object], Sequence[str]], str]


class Shown(str):
    """A number with as many digits as it is to be shown with."""


def _keyword(name: str, value: object) -> str:
    return f"{name}={_literal(value)}"


def _call(name: str, arguments: Sequence[object], options: Sequence[str]) -> str:
    return f"{name}({', '.join([*map(_literal, arguments), *options])})"


def _literal(value: object) -> str:
    if value is ...:
        return "..."
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    plain = isinstance(value, bool | int | tuple | None)
    return str(value) if plain or isinstance(value, Shown) else repr(str(value))


PYTHON = Style(_keyword, _call)
_style: ContextVar[Style] = ContextVar("style", default=PYTHON)


@contextlib.contextmanager
def written_for(style: Style) -> Iterator[None]:
    """Write the options in all messages that are made in the body as its caller does."""
    before = _style.set(style)
    try:
        yield
    finally:
        _style.reset(before)


def option(name: str, value: object = ...) -> str:
    """``overwrite=True`` in Python, ``--overwrite`` on the command line.

    Args:
        name: The option's name in Python.
        value: What it was given or should be; left out, the option alone is named.
    """
    return _style.get().option(name, value)


def call(name: str, *arguments: object, **options: object) -> str:
    """``quantize('a/1', to='int8')`` in Python, ``edge-deploy quantize a/1 --to int8``."""
    style = _style.get()
    return style.call(name, arguments, [style.option(*one) for one in options.items()])


def in_shell(*words: object) -> str:
    """Words as a command to paste into a shell; on Windows into cmd.exe or PowerShell."""
    texts = [str(word) for word in words]
    if sys.platform != "win32":
        return shlex.join(texts)
    return " ".join(t if re.fullmatch(r"[\w.:/\\=,+-]+", t) else f'"{t}"' for t in texts)


def unknown(got: str, known: Iterable[str], what: str) -> str:
    """``no target is called 'tflit'. Did you mean tflite? There are: ...``."""
    names = list(known)
    return f"no {what} is called {got!r}.{did_you_mean(got, names)} There are: {', '.join(names)}."


def did_you_mean(got: str, known: Iterable[str], words: str = "Did you mean {}?") -> str:
    """`` Did you mean tflite?``, or nothing where no name is near."""
    close = difflib.get_close_matches(got, list(known), 1, 0.5)
    return f" {words.format(close[0])}" if close else ""


def samples(count: int, given: int | None, origin: str) -> str:
    """``32 of 5,000 user reference samples``; ``given`` is how many the user's data had."""
    of = f" of {given:,}" if given is not None and given > count else ""
    return f"{count:,}{of} {origin} reference samples"


def times(count: int) -> str:
    """``once``, ``2 times``."""
    return "once" if count == 1 else f"{count} times"


def first_line(error: BaseException) -> str:
    """The first line of a foreign error that says something, shortened, without its full stop.

    Keras puts where before what and colours the terminal, TensorFlow names its nodes.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m|\{\{.*?\}\} ?| \[Op:\w+\]", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered when calling")]
    for line in telling or lines:
        return line[:300].rstrip(".")
    return type(error).__name__


def size_text(count: int | None) -> str:
    """Bytes as people read them (1 KB is 1,000 bytes)."""
    if count is None:
        return ""
    for unit, size in (("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
