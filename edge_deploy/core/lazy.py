"""TensorFlow as a name that costs nothing until something of it is asked for.

Modules of many small functions that need it take ``tf`` from here: importing TensorFlow takes
seconds, and a light install has none.
"""

from __future__ import annotations

import importlib
from typing import Any


class _Lazy:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


tf: Any = _Lazy("tensorflow")
