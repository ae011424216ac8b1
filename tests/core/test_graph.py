"""Functions that cannot become one frozen graph."""

from __future__ import annotations

from typing import Any

import pytest

from edge_deploy.core import graph
from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.graph import freeze
from edge_deploy.core.spec import TensorSpec

pytestmark = pytest.mark.slow


def of_a_free_axis(x: Any) -> Any:
    return x * float(x.shape[1])


def in_python(x: Any) -> Any:
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(lambda a: a, [x], tf.float32), x.shape)


class Counting:
    """A model that remembers how often it was asked."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.count = tf.Variable(0.0)

    def __call__(self, x: Any) -> Any:
        return x + self.count.assign_add(1.0)


REFUSED = {
    "free axis": (lambda: of_a_free_axis, SourceError, "cannot trace the model: .* say its size"),
    "python": (lambda: in_python, ConversionError, r"calls Python when it answers \(PyFunc\)"),
    "state": (Counting, ConversionError, r"changes its own variables .*AssignAddVariableOp"),
}


def test_more_weights_than_a_graph_holds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    weights = tf.Variable(tf.zeros((1000, 300)))
    monkeypatch.setattr(graph, "_MOST", 1_000_000)  # in place of 2 GB
    with pytest.raises(ConversionError, match=r"has 0\.00 GB of weights.*Make it smaller"):
        freeze(
            lambda tensors: {"y": tensors["x"] @ weights}, (TensorSpec("x", (1, 1000), "float32"),)
        )


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_frozen_is_told(row: str) -> None:
    build, error, words = REFUSED[row]
    model = build()
    with pytest.raises(error, match=words):
        freeze(lambda tensors: {"y": model(tensors["x"])}, (TensorSpec("x", (1, None), "float32"),))


def with_a_default(x: Any) -> Any:
    import tensorflow as tf

    return x * tf.compat.v1.placeholder_with_default(tf.constant(2.0), ())


def of_a_sure_shape(x: Any) -> Any:
    import tensorflow as tf

    return tf.ensure_shape(x * 2.0, (None, 3))


@pytest.mark.parametrize("model", [with_a_default, of_a_sure_shape])
def test_what_passes_its_input_on_is_no_operator_of_its_own(model: Any) -> None:
    """TF.js stops on EnsureShape, and no format has placeholders with defaults."""
    import numpy as np
    import tensorflow as tf

    frozen = freeze(
        lambda tensors: {"y": model(tensors["x"])}, (TensorSpec("x", (1, 3), "float32"),)
    )
    assert {node.op for node in frozen.graph_def.node} <= {
        "Placeholder",
        "Const",
        "Mul",
        "Identity",
    }
    imported = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(frozen.graph_def, name=""), []
    )
    answer = imported.prune(frozen.inputs["x"], frozen.outputs["y"])
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(answer(tf.constant(x)), 2 * x)


def test_the_graphs_of_a_model_go_with_it() -> None:
    """They are as large as the model, and a process may convert many."""
    import gc
    import weakref

    import tensorflow as tf

    weights = tf.Variable(tf.ones((300, 200)))

    def function(tensors: Any) -> Any:
        return {"y": tensors["x"] @ weights}

    inputs = (TensorSpec("x", (None, 300), "float32"),)
    frozen = freeze(function, inputs)
    assert freeze(function, inputs) is frozen
    known = weakref.ref(function)
    del function
    gc.collect()
    assert known() is None
