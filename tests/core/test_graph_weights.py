"""A graph without its weights, and with them again."""

from __future__ import annotations

import numpy as np

from edge_deploy.core.graph import freeze
from edge_deploy.core.graph_weights import put_weights_back, without_weights
from edge_deploy.core.spec import TensorSpec


def test_weights_are_left_out_where_only_shapes_count() -> None:
    import tensorflow as tf

    weights = np.random.default_rng(0).normal(size=(300, 200)).astype(np.float32)
    frozen = freeze(
        lambda tensors: {"y": tensors["x"] @ weights}, (TensorSpec("x", (1, 300), "float32"),)
    )
    assert frozen.graph_def.ByteSize() > weights.nbytes
    light = without_weights(frozen.graph_def)
    assert light.ByteSize() < 2_000
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(light, name="")
    assert graph.as_graph_element(frozen.outputs["y"]).shape == (1, 200)
    put_weights_back(light, frozen.graph_def)
    assert light == frozen.graph_def
