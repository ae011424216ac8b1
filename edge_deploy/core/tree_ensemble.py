"""Ensembles of trees as one operator each, for a format that has one: ONNX's TreeEnsemble.

TensorFlow has no such operator. While ``marking``, a lowering puts a mark of this name into the
graph in its place, and the format's own conversion puts the operator there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from edge_deploy.core.spec import Array

OP = "PyFuncStateless"
"""TensorFlow's operator that stands as a mark; a graph with marks in it is never run."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees, each leaf of which adds to some outputs.

    Attributes:
        tree: The tree of each node; nodes of a tree are side by side, its root first.
        column: The input column that each node looks at.
        threshold: float32; a row goes left where ``x <= threshold``.
        left: The left child, among all nodes; negative at leaves.
        right: The right child.
        missing_left: Whether a missing value goes left.
        leaf: Nodes that are leaves, as often as they add to an output,
        output: the output that each adds to,
        value: and what it adds, float32.
        outputs: How many outputs.
    """

    tree: Array
    column: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    leaf: Array
    output: Array
    value: Array
    outputs: int


_MARKS: ContextVar[dict[str, Ensemble] | None] = ContextVar("marks", default=None)


@contextmanager
def marking() -> Iterator[dict[str, Ensemble]]:
    """Trace with marks; what they stand for is in the dict by the name of their node."""
    marks: dict[str, Ensemble] = {}
    token = _MARKS.set(marks)
    try:
        yield marks
    finally:
        _MARKS.reset(token)


def is_marking() -> bool:
    """Whether the graph that is being traced is to have marks."""
    return _MARKS.get() is not None


def mark(x: Any, ensemble: Ensemble) -> Any:
    """(samples, outputs): a mark for an ensemble of the columns ``x``."""
    import tensorflow as tf

    marks = _MARKS.get()
    assert marks is not None
    name = f"tree_ensemble_{len(marks)}"
    marks[name] = ensemble
    stands_for = tf.numpy_function(_never, [x], x.dtype, stateful=False, name=name)
    return tf.reshape(stands_for, [-1, ensemble.outputs])  # the mark has no shape of its own


def _never(x: Array) -> Array:
    raise NotImplementedError("a mark for an operator of another format was run")
