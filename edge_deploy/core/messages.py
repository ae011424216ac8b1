"""What several messages say alike."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


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
