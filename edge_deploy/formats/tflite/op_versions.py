"""What a TFLite file must say of itself, so that an old runtime refuses it rather than lies.

A runtime opens a file when it has each operator in the version that the file names; the version
stands for the types that the kernel takes. ai-edge-quantizer changes the types and leaves the
versions. The rules are those of TensorFlow's ``op_version.cc``
(tensorflow/compiler/mlir/lite/tools/versioning), for the operators whose types a quantizer
changes: those that hang on the type of one input are in ``data/op_versions.json``, the others here;
runtime_versions.py has the runtimes. We differ in two places, where TensorFlow's rules let
an old runtime run a file that it has no kernel for:

- int16 activations with int8 weights: TensorFlow compares with int16 weights and finds 1; the
  kernels came with CONV_2D 4, DEPTHWISE_CONV_2D 5, FULLY_CONNECTED 7 (all 2.3.0).
- float activations with int4 weights: TensorFlow has no rule; FULLY_CONNECTED takes them from
  12 (2.17.0) and CONV_2D from 8 (2.15.0). tflite-runtime 2.14 answers nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_deploy.formats.tflite.tables import table


@dataclass(frozen=True)
class Signature:
    """The types of one operator, as the rules ask for them.

    Attributes:
        inputs: Tensor types by name; an input that is left out is ``NONE``.
        outputs: The same of the outputs.
        per_channel: Whether the weights have a scale a channel.
        options: The operator's built-in options, by the schema's names.
        rescale: input scales multiplied, by the output's: of MUL.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    per_channel: bool = False
    options: Any = None
    rescale: float = 0.0

    def types(self) -> tuple[str, str]:
        """Of the activations and of the weights."""
        return self.inputs[0], self.inputs[1] if len(self.inputs) > 1 else "NONE"

    def option(self, name: str) -> Any:
        """An option's value, None where the operator has no such option."""
        return getattr(self.options, name, None)


def _conv(op: Signature) -> int:
    match op.types():
        case ("INT16", "INT8" | "INT16"):
            return 8 if op.option("quantizedBiasType") else 4
        case ("INT8", "INT8"):
            return 3
        case ("INT8", "INT4"):
            return 7
        case ("FLOAT32", "INT8"):
            return 5 if op.per_channel else 2
        case ("FLOAT32", "INT4"):
            return 8
    return 1


def _depthwise(op: Signature) -> int:
    match op.types():
        case ("INT16", "INT8" | "INT16"):
            return 5
        case ("INT8", "INT8"):
            return 3
        case (_, "INT4"):
            return 7
        case ("FLOAT32", "INT8"):
            return 6 if op.per_channel else 4
    dilated = (op.option("dilationWFactor") or 1, op.option("dilationHFactor") or 1) != (1, 1)
    return 2 if dilated else 1


def _fully_connected(op: Signature) -> int:
    match op.types():
        case ("INT16", "INT4"):
            return 13
        case ("FLOAT32", "INT4"):
            return 12
        case ("FLOAT32", "INT8") if op.per_channel:
            return 12
        case ("INT16", "INT8" | "INT16"):
            return 11 if op.option("quantizedBiasType") else 7
        case ("INT8", "INT4"):
            return 10
    if len(op.inputs) == 2:
        return 6
    if op.option("keepNumDims"):
        return 5
    match op.types():
        case ("INT8", "INT8"):
            return 4
        case ("FLOAT32", "INT8"):
            return 9 if op.option("asymmetricQuantizeInputs") else 3
    return 1


def _transpose_conv(op: Signature) -> int:
    if op.inputs[2:3] == ("INT16",):
        return 5 if op.option("quantizedBiasType") else 3
    if op.option("fusedActivationFunction"):
        return 4
    if len(op.inputs) == 4 and op.inputs[3] != "NONE":
        return 3
    return 2 if op.inputs[1] in ("INT8", "INT4") else 1


def _mul(op: Signature) -> int:
    if op.inputs[0] == "INT16":
        return 4
    if op.inputs[0] == "INT8":
        return 3 if op.rescale >= 1 else 2
    return 1


def _dequantize(op: Signature) -> int:
    if op.inputs[0] == "INT8":
        return 5 if op.per_channel else 2
    return {"INT4": 6, "INT16": 3, "FLOAT16": 3}.get(op.inputs[0], 1)


def _quantize(op: Signature) -> int:
    if "INT4" in (op.inputs[0], op.outputs[0]):
        return 4
    return 3 if op.per_channel else 2 if op.outputs[0] == "INT16" else 1


def _embedding(op: Signature) -> int:
    return 4 if op.inputs[1] == "INT4" or op.per_channel else 1


def _lstm(op: Signature) -> int:
    match (op.inputs[0], op.inputs[2]):
        case ("INT16", "INT8"):
            return 5
        case ("FLOAT32", "INT8" | "INT4"):
            return 3 if op.option("asymmetricQuantizeInputs") else 2
    return 1


def _batch_matmul(op: Signature) -> int:
    hybrid = op.types() == ("FLOAT32", "INT8") and op.option("asymmetricQuantizeInputs")
    return 4 if hybrid else {"INT16": 3, "INT8": 2}.get(op.inputs[0], 1)


_RULES: dict[str, Callable[[Signature], int]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _batch_matmul,
    "EMBEDDING_LOOKUP": _embedding,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "MUL": _mul,
    "DEQUANTIZE": _dequantize,
    "QUANTIZE": _quantize,
}


def operator_version(name: str, op: Signature) -> int:
    """The oldest version of an operator whose kernel takes these types.

    Args:
        name: As in the schema, such as ``CONV_2D``.
        op: Its types.
    """
    if not op.inputs:
        return 1
    if rule := _RULES.get(name):
        return rule(op)
    versions: Mapping[str, int] = table("op_versions")["by_input"].get(name, {})
    return versions.get(op.inputs[versions.get("input", 0)], 1)
