"""Models that compute in 16-bit floats, written in float32.

Mixed precision makes training on GPUs quicker. Runtimes on phones and in browsers use float32
(TF.js has nothing narrower), so a graph of halves is written in that, which is nearer to what the
layers mean. How far the original's own answers are from that is measured where a file is judged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.core.spec import Arrays, Function, LoadedModel, TensorSpec

HALVES = ("float16", "bfloat16")


def widen_halves(graph_def: Any) -> bool:
    """Write every 16-bit float of a graph as a float32, in place.

    Args:
        graph_def: A frozen GraphDef; casts to and from halves become casts to what is there.

    Returns:
        Whether there was any.
    """
    halves = {tf.as_dtype(name).as_datatype_enum for name in HALVES}
    single = tf.float32.as_datatype_enum
    found = False
    inner = [node for one in graph_def.library.function for node in one.node_def]
    for node in (*graph_def.node, *inner):
        for attribute in node.attr.values():
            if attribute.type in halves:
                attribute.type, found = single, True
            for n, kind in enumerate(attribute.list.type):
                if kind in halves:
                    attribute.list.type[n], found = single, True
            if attribute.HasField("tensor") and attribute.tensor.dtype in halves:
                values = tf.make_ndarray(attribute.tensor).astype(np.float32)
                attribute.tensor.CopyFrom(tf.make_tensor_proto(values))
    for one in graph_def.library.function:
        for argument in (*one.signature.input_arg, *one.signature.output_arg):
            if argument.type in halves:
                argument.type = single
    return found


def with_float32_ends(model: LoadedModel) -> LoadedModel:
    """A model whose inputs and outputs are float32 where they were 16-bit floats.

    Args:
        model: Any model.

    Returns:
        The same one where there are none.
    """
    spec = model.spec
    narrow = {one.name: one.dtype for one in spec.inputs if one.dtype in HALVES}
    if not narrow and not any(one.dtype in HALVES for one in spec.outputs):
        return model

    def function_of(inner: Function) -> Function:
        def function(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
            given = {n: tf.cast(t, narrow[n]) if n in narrow else t for n, t in tensors.items()}
            return {name: _in_float32(tensor) for name, tensor in inner(given).items()}

        return function

    def predict(inputs: Arrays) -> Arrays:
        given = {
            name: array.astype(tf.as_dtype(narrow[name]).as_numpy_dtype)
            if name in narrow
            else array
            for name, array in inputs.items()
        }
        return {
            name: array.astype(np.float32) if array.dtype.name in HALVES else array
            for name, array in model.predict(given).items()
        }

    return dataclasses.replace(
        model,
        spec=dataclasses.replace(
            spec,
            inputs=tuple(map(_widened, spec.inputs)),
            outputs=tuple(map(_widened, spec.outputs)),
        ),
        function=function_of(model.function),
        plain=None if model.plain is None else function_of(model.plain),
        predict=predict,
    )


def _in_float32(tensor: Any) -> Any:
    return tf.cast(tensor, tf.float32) if tensor.dtype.name in HALVES else tensor


def _widened(spec: TensorSpec) -> TensorSpec:
    return dataclasses.replace(spec, dtype="float32") if spec.dtype in HALVES else spec
