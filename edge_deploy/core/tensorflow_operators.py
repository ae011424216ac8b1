"""Which of TensorFlow's operators compute and do nothing else.

The list is ``tensorflow_operators.json``, written by ``tools/write_allow_lists.py``. Where a
stranger's file names operators that TensorFlow would run, those on it may run and no others.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def _listed() -> dict[str, list[str]]:
    text = files("edge_deploy.core").joinpath("tensorflow_operators.json").read_text("utf-8")
    operators: dict[str, list[str]] = json.loads(text)["operators"]
    return operators


@cache
def computing() -> frozenset[str]:
    """Every operator of the list: those with state of the model's own are among them."""
    return frozenset(name for names in _listed().values() for name in names)


@cache
def stateless() -> frozenset[str]:
    """Those whose answer depends on their operands alone."""
    return frozenset(_listed()["stateless"])


def to_terminal(stream: bytes) -> bool:
    """Whether a PrintV2 into ``stream`` prints for people to see, and not into a file."""
    return stream == b"stderr" or stream.startswith(b"log(")
