"""Functions that a frozen graph calls, written out where they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# What keeps TensorFlow's inliner from a function.
_KEPT_APART = ("_XlaMustCompile", "_noinline", "api_implements")


def inline_calls(graph_def: Any, ends: Sequence[str]) -> Any:
    """A graph without calls of functions, which no browser runtime has and tf2onnx translates.

    Keras wraps a grouped convolution in a function for XLA to compile (Keras 2 leaves a
    ``PartitionedCall``, Keras 3 a ``StatefulPartitionedCall``), and TensorFlow leaves alone what
    XLA must compile. Loops and branches stay, with the functions that they are made of.

    Args:
        graph_def: A frozen GraphDef.
        ends: Tensors or nodes whose names must stay: the inputs and outputs.

    Returns:
        The same object where nothing is called; else a new one, with the shapes that the calls
        hid in ``_output_shapes``.
    """
    inner = (node for function in graph_def.library.function for node in function.node_def)
    if not any(node.op in _CALLS for nodes in (graph_def.node, inner) for node in nodes):
        return graph_def
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
    from tensorflow.python.grappler import tf_optimizer

    meta_graph = meta_graph_pb2.MetaGraphDef()
    meta_graph.graph_def.CopyFrom(graph_def)
    functions = meta_graph.graph_def.library.function
    called = [node for node in meta_graph.graph_def.node if node.op in _CALLS]
    for holder in (*functions, *(node for f in functions for node in f.node_def), *called):
        for key in _KEPT_APART:
            holder.attr.pop(key, None)
    meta_graph.collection_def["train_op"].node_list.value.extend(ends)  # Grappler's fetches
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1  # small graphs too
    options.optimizers.append("function")
    options.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    written = tf_optimizer.OptimizeGraph(config, meta_graph)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(written, name="")
    return graph.as_graph_def(add_shapes=True)
