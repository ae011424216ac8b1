"""What several messages say alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(got: str, known: Iterable[str], what: str) -> str:
    """``no target is called 'tflit'. Did you mean tflite? There are: ...``."""
    names = list(known)
    close = difflib.get_close_matches(got, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"no {what} is called {got!r}.{hint} There are: {', '.join(names)}."
