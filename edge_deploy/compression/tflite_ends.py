"""uint8 inputs and outputs for an int8 TFLite file: what ai-edge-quantizer does not write.

MediaPipe and cameras give bytes of 0 to 255. As TFLiteConverter does, the file's own int8 ends move
inside, and a QUANTIZE at each end shifts by 128: the same real numbers, to the bit.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from edge_deploy.errors import ConversionError

_SHIFT = 128  # int8 -128 .. 127 is uint8 0 .. 255 at the same scale


def to_uint8(model: Any) -> None:
    """Give a model (ModelT) with int8 ends uint8 ones, under the same names.

    Ends that are no int8, such as indices of an embedding, stay.

    Raises:
        ConversionError: No end is int8.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    opcode = _opcode(schema, model)
    new: dict[int, int] = {}
    # An end may be both input and output; it moves once.
    for index in dict.fromkeys([*map(int, graph.inputs), *map(int, graph.outputs)]):
        inner = graph.tensors[index]
        if inner.type != schema.TensorType.INT8 or inner.quantization is None:
            continue
        outer = copy.copy(inner)
        outer.type = schema.TensorType.UINT8
        outer.quantization = copy.copy(inner.quantization)
        outer.quantization.zeroPoint = np.asarray(inner.quantization.zeroPoint) + _SHIFT
        outer.buffer = len(model.buffers)  # one of its own, empty: it holds no weights
        model.buffers.append(schema.BufferT())
        inner.name = inner.name + b"_int8"
        new[index] = len(graph.tensors)
        graph.tensors.append(outer)
    if not new:
        raise ConversionError(
            "--io uint8: no input or output of this model is an integer. Take --io float."
        )
    before = [_shift(schema, opcode, new[i], i) for i in map(int, graph.inputs) if i in new]
    after = [_shift(schema, opcode, i, new[i]) for i in map(int, graph.outputs) if i in new]
    graph.operators = [*before, *graph.operators, *after]
    graph.inputs = np.asarray([new.get(int(i), int(i)) for i in graph.inputs], np.int32)
    graph.outputs = np.asarray([new.get(int(i), int(i)) for i in graph.outputs], np.int32)
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = new.get(entry.tensorIndex, entry.tensorIndex)


def _opcode(schema: Any, model: Any) -> int:
    """A QUANTIZE of its own: its version differs from that of others in the file."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _shift(schema: Any, opcode: int, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = opcode
    operator.inputs = np.asarray([source], np.int32)
    operator.outputs = np.asarray([target], np.int32)
    return operator
