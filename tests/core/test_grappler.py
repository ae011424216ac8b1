"""TensorFlow's optimizer makes the same graph whether it is given the weights or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer

from edge_deploy.core import graph_weights
from edge_deploy.core.grappler import optimize

PASSES = ("pruning", "constfold", "arithmetic", "dependency") * 2
SIDE = 64


def weight(*shape: int) -> tf.Variable:
    return tf.Variable(np.random.default_rng(0).normal(size=shape).astype(np.float32))


DENSE, SECOND = weight(SIDE, 256), weight(256, 256)
FILTERS, DEPTHWISE = weight(3, 3, SIDE, 64), weight(17, 17, SIDE, 1)
VOLUMES, BACK = weight(2, 2, 2, SIDE, 64), weight(3, 3, 64, SIDE)
ROW = weight(256)


def back(x: Any) -> Any:
    return tf.nn.conv2d_transpose(x, BACK, (1, 16, 16, 64), 2)


PICTURE, ROWS = (1, 8, 8, SIDE), (1, SIDE)
# What is computed, of an input of which shape, and how many bytes of weights Grappler is given.
GRAPHS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], int]] = {
    "product": (lambda x: x @ DENSE + ROW, ROWS, 0),
    "products in a row": (lambda x: tf.nn.relu(x @ DENSE) @ SECOND, ROWS, 0),
    "one weight twice": (lambda x: (x @ DENSE) @ SECOND @ SECOND, ROWS, 0),
    "product that is scaled": (lambda x: x @ DENSE * 3.0, ROWS, 1),
    "weight that is scaled": (lambda x: x @ (DENSE * 3.0), ROWS, 1),
    "weight that is added": (lambda x: x[..., None] + DENSE, ROWS, 1),
    "weight alone": (lambda x: x @ DENSE + tf.reduce_sum(SECOND @ SECOND), ROWS, 1),
    "batches": (lambda x: tf.matmul(x[None], DENSE[None]), ROWS, 1),
    "filter": (lambda x: tf.nn.conv2d(x, FILTERS, 1, "SAME"), PICTURE, 0),
    "filter of what is scaled": (lambda x: tf.nn.conv2d(x * 2.0, FILTERS, 1, "SAME"), PICTURE, 1),
    "filter whose answer is scaled": (
        lambda x: tf.reshape(tf.nn.conv2d(x, FILTERS, 1, "SAME"), (1, -1, 64)) * 2.0,
        PICTURE,
        1,
    ),
    "depthwise filter": (
        lambda x: tf.nn.depthwise_conv2d(x, DEPTHWISE, (1, 1, 1, 1), "SAME"),
        PICTURE,
        0,
    ),
    "filter the other way": (back, PICTURE, 0),
    "filter the other way of what is scaled": (lambda x: back(x * 2.0), PICTURE, 1),
    "filter of volumes": (
        lambda x: tf.nn.conv3d(x[:, None], VOLUMES, (1, 1, 1, 1, 1), "SAME"),
        PICTURE,
        0,
    ),
    "table": (lambda x: tf.gather(SECOND, tf.cast(x, tf.int32)), ROWS, 0),
    "table asked by constants": (
        lambda x: x @ tf.gather(SECOND, tf.range(SIDE), axis=0),
        ROWS,
        1,
    ),
    "filter and table": (lambda x: tf.gather(DENSE, tf.cast(x, tf.int32)) @ SECOND, ROWS, 0),
}


def frozen(function: Callable[[Any], Any], shape: tuple[int, ...]) -> tuple[Any, list[str]]:
    signature = tf.TensorSpec(shape, tf.float32, "x")
    concrete = tf.function(lambda x: tf.identity(function(x), "y")).get_concrete_function(signature)
    constant = convert_variables_to_constants_v2(concrete)
    ends = [tensor.op.name for tensor in (*constant.inputs, *constant.outputs)]
    return constant.graph.as_graph_def(), ends


def written(graph_def: Any) -> dict[str, Any]:
    """The nodes by their names, with what they take; a constant is taken for its value."""
    constants = {
        node.name: hashlib.sha256(node.attr["value"].SerializeToString(deterministic=True)).digest()
        for node in graph_def.node
        if node.op == "Const"
    }
    return {
        node.name: (node.op, [constants.get(name, name) for name in node.input], sorted(node.attr))
        for node in graph_def.node
        if node.op != "Const"
    }


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_is_the_same_without_the_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, shape, given = GRAPHS[name]
    graph_def, ends = frozen(function, shape)
    before = graph_def.SerializeToString(deterministic=True)
    sizes: list[int] = []
    ask = tf_optimizer.OptimizeGraph

    def recorded(config: Any, graph: Any) -> Any:
        sizes.append(len(graph.SerializeToString()))
        return ask(config, graph)

    monkeypatch.setattr(tf_optimizer, "OptimizeGraph", recorded)
    without = optimize(graph_def, ends, PASSES, min_graph_nodes=-1)
    monkeypatch.setattr(graph_weights, "_LARGE", 1 << 40)
    whole = optimize(graph_def, ends, PASSES, min_graph_nodes=-1)
    assert written(without) == written(whole)
    light, heavy = sizes
    assert (light >= 1 << 16) is bool(given), sizes
    assert heavy >= 1 << 16
    assert graph_def.SerializeToString(deterministic=True) == before
