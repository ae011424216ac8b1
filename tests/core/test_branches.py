"""Conditions whose answer is known before a graph runs, and those whose is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from edge_deploy.core.graph import as_function, freeze
from edge_deploy.core.spec import TensorSpec

Shape = tuple[int | None, ...]


def by_size(x: Any) -> Any:
    return tf.cond(
        tf.shape(x)[1] >= 4, lambda: x[:, :4], lambda: tf.pad(x, [[0, 0], [0, 4]])[:, :4]
    )


def by_sizes(x: Any) -> Any:
    """As CenterCrop asks."""
    room = tf.shape(x)[1] - 4
    sure = tf.reduce_all((room >= 0, tf.rank(x) == 2))
    return tf.cond(sure, lambda: x[:, :4] * 2.0, lambda: tf.zeros_like(x)[:, :4])


def by_training(x: Any) -> Any:
    """As RandomCrop asks, whose branch for training draws numbers."""
    training = tf.constant(False)
    sure = tf.reduce_all((training, tf.shape(x)[1] >= 4))
    return tf.cond(sure, lambda: x + tf.random.uniform(tf.shape(x)), lambda: x * 2.0)


def within_another(x: Any) -> Any:
    return tf.cond(tf.shape(x)[1] < 4, lambda: -x, lambda: by_sizes(x))


def by_value(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)


def by_whole_shape(x: Any) -> Any:
    """An ellipsis takes all sizes, the batch among them."""
    return tf.cond(tf.reduce_all(tf.shape(x)[...] > 2), lambda: x, lambda: -x)


def by_batch(x: Any) -> Any:
    return tf.cond(tf.shape(x)[0] > 2, lambda: x, lambda: -x)


@pytest.mark.parametrize(
    ("function", "shape", "left"),
    [
        pytest.param(by_size, (None, 6), False, id="known size"),
        pytest.param(by_size, (None, 3), False, id="known size, other branch"),
        pytest.param(by_size, (None, None), True, id="free size"),
        pytest.param(by_sizes, (None, 6), False, id="several sizes"),
        pytest.param(by_training, (None, 6), False, id="training"),
        pytest.param(by_training, (None, None), False, id="training, free size"),
        pytest.param(within_another, (None, 6), False, id="one within another"),
        pytest.param(by_value, (None, 6), True, id="the values"),
        pytest.param(by_whole_shape, (None, 6), True, id="all sizes"),
        pytest.param(by_batch, (None, 6), True, id="the batch, which is free"),
    ],
)
def test_only_a_known_condition_is_taken_out(function: Any, shape: Shape, left: bool) -> None:
    traced = tf.function(lambda tensors: {"y": function(tensors["x"])})
    frozen = freeze(traced, (TensorSpec("x", shape, "float32"),))
    found = {node.op for node in frozen.graph_def.node} & {"If", "StatelessIf"}
    assert bool(found) == left
    sizes = {"(None, 3)": (3,)}.get(str(shape), (6, 5))
    for size in sizes if None in shape[1:] else sizes[:1]:
        for batch in (1, 3):
            x = np.random.default_rng(0).normal(size=(batch, size)).astype(np.float32)
            (answer,) = as_function(frozen)(tf.constant(x))
            np.testing.assert_array_equal(answer, function(tf.constant(x)))
