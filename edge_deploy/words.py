"""What several messages say alike."""

from __future__ import annotations

import difflib
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
