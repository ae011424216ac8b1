"""Axes that a SavedModel leaves free and its graph does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(3, 2, (5, 9)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)


def product(x: Any, tf: Any) -> Any:
    return tf.matmul(x, tf.constant(KERNEL))


def normalized(x: Any, tf: Any) -> Any:
    """A Normalization: nine means, subtracted from however many columns."""
    return tf.reduce_sum((x - KERNEL[:, :1].T) / (1 + KERNEL[:, 1:2].T ** 2), -1, keepdims=True)


def windows(x: Any, tf: Any) -> Any:
    """Two constants of nine and three rows: three do not fit."""
    return tf.matmul(tf.matmul(x, tf.constant(KERNEL[:, :3])), tf.constant(KERNEL[:3, :]))


def elementwise(x: Any, tf: Any) -> Any:
    return tf.nn.relu(x) * 2.0


def either(x: Any, tf: Any) -> Any:
    """The sum of each row, and constants that say nothing of it."""
    return tf.reduce_sum(x, -1, keepdims=True) + tf.constant(KERNEL[:1, :1])


MODELS: dict[str, tuple[Callable[[Any, Any], Any], int | None]] = {
    "a matrix": (product, 9),
    "means and variances": (normalized, 9),
    "two matrices": (windows, 9),
    "free in truth": (elementwise, None),
    "free in truth, with constants": (either, None),
}


@pytest.mark.parametrize("name", MODELS)
def test_columns_are_taken_from_the_graph(name: str, tmp_path: Path) -> None:
    import tensorflow as tf

    function, expected = MODELS[name]
    spec = tf.TensorSpec((None, None), tf.float32, name="rows")
    traced = tf.function(lambda rows: {"y": function(rows, tf)}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=traced)
    model = edge_deploy.load_model(tmp_path / "net")
    assert model.spec.inputs[0].shape == (None, expected)
    np.testing.assert_allclose(
        model.predict({"rows": X})["y"], np.asarray(function(X, tf)), rtol=1e-5, atol=1e-5
    )


def test_shapes_that_were_given_stand(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec((None, None), tf.float32, name="rows")
    traced = tf.function(lambda rows: {"y": elementwise(rows, tf)}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=traced)
    model = edge_deploy.load_model(tmp_path / "net", input_shapes={"rows": (1, 6)})
    assert model.spec.inputs[0].shape == (1, 6)
