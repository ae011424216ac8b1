"""The ends of a quantized TFLite file: their names, their steps, and uint8 ones.

MediaPipe and cameras give bytes of 0 to 255, which ai-edge-quantizer does not write. As
TFLiteConverter does, the file's own int8 ends move inside, and a QUANTIZE at each end shifts by
128: the same real numbers, to the bit.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tflite_schema as schema
from edge_deploy.core.messages import option
from edge_deploy.formats.base import Steps
from edge_deploy.formats.tflite.file import ends, operator_name, unpack
from edge_deploy.formats.tflite.requirements import scales

_SHIFT = 128  # int8 -128 .. 127 is uint8 0 .. 255 at the same scale


def to_uint8(model: Any) -> None:
    """Give a model (ModelT) with int8 ends uint8 ones, under the same names.

    Ends that are no int8, such as indices of an embedding, stay.

    Raises:
        ConversionError: No end is int8.
    """
    graph = model.subgraphs[0]
    opcode = _opcode(model)
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
            f"{option('io', 'uint8')}: no input or output of this model is an integer. Take "
            f"{option('io', 'float')}."
        )
    before = [_shift(opcode, new[i], i) for i in map(int, graph.inputs) if i in new]
    after = [_shift(opcode, i, new[i]) for i in map(int, graph.outputs) if i in new]
    graph.operators = [*before, *graph.operators, *after]
    graph.inputs = np.asarray([new.get(int(i), int(i)) for i in graph.inputs], np.int32)
    graph.outputs = np.asarray([new.get(int(i), int(i)) for i in graph.outputs], np.int32)
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = new.get(entry.tensorIndex, entry.tensorIndex)


def _opcode(model: Any) -> int:
    """A QUANTIZE of its own: its version differs from that of others in the file."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _shift(opcode: int, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = opcode
    operator.inputs = np.asarray([source], np.int32)
    operator.outputs = np.asarray([target], np.int32)
    return operator


def keep_names(old: Any, model: Any) -> None:
    """The ends keep the float file's names: the quantizer renames those that it puts before."""
    graph, was = model.subgraphs[0], old.subgraphs[0]
    for now, then in ((graph.inputs, was.inputs), (graph.outputs, was.outputs)):
        wanted = {was.tensors[i].name for i in then}
        for index, tensor in enumerate(graph.tensors):
            if tensor.name in wanted and index not in set(now):
                tensor.name += b"_inner"
        for new, index in zip(now, then, strict=True):
            graph.tensors[new].name = was.tensors[index].name
    signature = model.signatureDefs[0]
    for entries, then, now in (
        (signature.inputs, was.inputs, graph.inputs),
        (signature.outputs, was.outputs, graph.outputs),
    ):
        places = {was.tensors[index].name: new for index, new in zip(then, now, strict=True)}
        for entry in entries:
            entry.tensorIndex = places[entry.name]


def quantization_steps(path: Path) -> tuple[Steps, Steps]:
    """Scale and zero point of the inputs that are integers, and of the outputs that come from some.

    An app needs the first to feed them, a verdict the second to know how coarse answers are.
    """
    model = unpack(path, path.read_bytes())
    steps, (inputs, outputs) = steps_of(model), ends(model)
    return (
        {s.name: steps[s.name] for s in inputs if "int" in s.dtype and s.name in steps},
        {s.name: steps[s.name] for s in outputs if s.name in steps},
    )


def steps_of(model: Any) -> Steps:
    """Scale and zero point of the ends that are integers, or stand next to integers.

    An output that is float again was an integer before the last DEQUANTIZE, a float input is one
    after the first QUANTIZE.
    """
    graph = model.subgraphs[0]
    beside = {}
    for operator in graph.operators:
        name = operator_name(model.operatorCodes[operator.opcodeIndex])
        if name == "DEQUANTIZE":
            beside[operator.outputs[0]] = operator.inputs[0]
        elif name == "QUANTIZE":
            beside[operator.inputs[0]] = operator.outputs[0]
    steps = {}
    signature = model.signatureDefs[0]
    for entry in (*signature.inputs, *signature.outputs):
        tensor = graph.tensors[entry.tensorIndex]
        if not len(scales(tensor)):
            tensor = graph.tensors[beside.get(entry.tensorIndex, entry.tensorIndex)]
        if len(scales(tensor)):
            point = tensor.quantization.zeroPoint
            steps[entry.name.decode()] = {
                "scale": float(scales(tensor)[0]),
                "zero_point": int(point[0]) if point is not None and len(point) else 0,
            }
    return steps
