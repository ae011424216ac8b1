"""How many texts there are, told on where TextVectorization forgets it.

It cuts texts into rows of any length, and by that TensorFlow loses count of the rows. A recurrent
layer behind it becomes one of TFLite's only where it knows that there is one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any


@contextlib.contextmanager
def rows_told(layers: Iterable[Any]) -> Iterator[None]:
    """Have layers that cut texts say how many rows they give, while a model is traced."""
    cutting = [layer for layer in layers if type(layer).__name__ == "TextVectorization"]
    for layer in cutting:
        object.__setattr__(layer, "call", _telling(layer.call))
    try:
        yield
    finally:
        for layer in cutting:
            object.__delattr__(layer, "call")


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    def told(inputs: Any, *more: Any, **keywords: Any) -> Any:
        answer = call(inputs, *more, **keywords)
        rows = getattr(inputs, "shape", None)
        known = getattr(answer, "shape", None)
        if rows and rows[0] == 1 and known is not None and len(known) and known[0] is None:
            answer.set_shape([1, *known[1:]])
        return answer

    return told
