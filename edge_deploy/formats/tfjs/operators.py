"""The graph operators that TF.js has, and the backends that can run each."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Operator:
    """One operator of TensorFlow graphs.

    Attributes:
        attributes: What of its attributes TF.js reads.
        lacking: The backends of webgl, wasm and cpu that have no kernel for it.
    """

    attributes: tuple[str, ...]
    lacking: tuple[str, ...]


@functools.cache
def operators() -> dict[str, Operator]:
    """All of them by name, as tools/write_tfjs_operators.mjs read them from TF.js' packages."""
    text = Path(__file__).with_name("operators.json").read_text(encoding="utf-8")
    return {
        op: Operator(tuple(entry["attributes"]), tuple(entry["lacking"]))
        for op, entry in json.loads(text)["operators"].items()
    }
