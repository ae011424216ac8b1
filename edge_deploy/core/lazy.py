"""Heavy modules as names that cost nothing until something of them is asked for.

Modules of several functions that need one take it from here: importing TensorFlow takes
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
tflite_schema: Any = _Lazy("ai_edge_litert.schema_py_generated")
