"""Heavy modules as names that cost nothing until something of them is asked for.

Modules of several functions that need one take it from here: importing TensorFlow takes
seconds, and a light install has none.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any


class _Lazy:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if self._name not in sys.modules:
            with importing():
                importlib.import_module(self._name)
        return getattr(importlib.import_module(self._name), attribute)


tf: Any = _Lazy("tensorflow")
tflite_schema: Any = _Lazy("ai_edge_litert.schema_py_generated")


@contextlib.contextmanager
def importing(unless_own: Sequence[str] = ()) -> Iterator[None]:
    """Import a large library within the body without looking for garbage among what stays.

    TensorFlow makes a million objects that live as long as the process, and Python looks through
    them again and again, which is a fifth of the time that importing takes.

    A caged child, which is a process of ours alone, never looks through them again either, and
    does without optional packages that the library would only import for its users.

    Args:
        unless_own: Packages that are told to be missing there, while the body runs.
    """
    from edge_deploy.core.worker import process

    own = process.channel() is not None
    missing = [name for name in unless_own if own and name not in sys.modules]
    was = gc.isenabled()
    gc.disable()
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    modules |= dict.fromkeys(missing)  # None: importing it is a ModuleNotFoundError
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
        if own:
            gc.freeze()
        if was:
            gc.enable()
