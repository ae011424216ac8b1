"""What TensorFlow Lite's runtimes know, as tables: JSON files with the source and date of each."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@functools.cache
def table(name: str) -> Mapping[str, Any]:
    """A file of ``data/``, read when it is first asked for."""
    path = Path(__file__).parent / "data" / f"{name}.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
