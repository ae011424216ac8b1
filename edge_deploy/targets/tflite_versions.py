"""What a TFLite file must say of itself, so that an old runtime refuses it rather than lies.

A runtime opens a file when it has each operator in the version that the file names; the version
stands for the types that the kernel takes. ai-edge-quantizer changes the types and leaves the
versions. The rules are those of TensorFlow's ``op_version.cc``, the runtimes those of
``runtime_version.cc`` (tensorflow/compiler/mlir/lite/tools/versioning), for the operators
whose types a quantizer changes. We differ in two places, where TensorFlow's rules let an old
runtime run a file that it has no kernel for:

- int16 activations with int8 weights: TensorFlow compares with int16 weights and finds 1; the
  kernels came with CONV_2D 4, DEPTHWISE_CONV_2D 5, FULLY_CONNECTED 7 (all 2.3.0).
- float activations with int4 weights: TensorFlow has no rule; FULLY_CONNECTED takes them from
  12 (2.17.0) and CONV_2D from 8 (2.15.0). tflite-runtime 2.14 answers nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


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


def _by_input(int8: int, int16: int, index: int = 0, int4: int = 1) -> Callable[[Signature], int]:
    """A version by the type of one input alone."""
    versions = {"INT8": int8, "INT16": int16, "INT4": int4}
    return lambda op: versions.get(op.inputs[index], 1)


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
    "GATHER": _by_input(2, 4, int4=7),
    "TRANSPOSE": _by_input(2, 5, int4=7),
    "SPLIT": _by_input(2, 4, index=1),
    "BROADCAST_TO": _by_input(3, 3),
    "ADD": _by_input(2, 3),
    "SUB": _by_input(2, 5),
    "GATHER_ND": _by_input(1, 3),
    "ABS": _by_input(2, 3),
    "EQUAL": _by_input(2, 5),
    "NOT_EQUAL": _by_input(2, 4),
    "LEAKY_RELU": _by_input(1, 2),
    "GELU": _by_input(2, 1),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), _by_input(2, 4)),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _by_input(2, 4)),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SLICE"), _by_input(2, 4)),
    "UNPACK": _by_input(2, 4),
    **dict.fromkeys(
        (
            "MAX_POOL_2D", "AVERAGE_POOL_2D", "TANH", "LOGISTIC", "RELU", "RELU6", "SOFTMAX",
            "MEAN", "MIRROR_PAD", "REDUCE_MAX", "REDUCE_MIN", "RSQRT", "PAD", "PADV2",
            "CONCATENATION", "PACK", "LESS", "GREATER_EQUAL", "TOPK_V2",
        ),
        _by_input(2, 3),
    ),
    **dict.fromkeys(("EXP", "LOG", "REDUCE_PROD", "SQRT"), _by_input(2, 2)),
    **dict.fromkeys(
        (
            "L2_NORMALIZATION", "ARG_MAX", "ARG_MIN", "SELECT", "SPACE_TO_DEPTH", "SPLIT_V",
            "SUM", "LOG_SOFTMAX", "GREATER", "LESS_EQUAL", "SQUARED_DIFFERENCE",
            "DEPTH_TO_SPACE", "STRIDED_SLICE",
        ),
        _by_input(2, 1),
    ),
    **dict.fromkeys(("TILE", "REVERSE_V2"), _by_input(3, 1)),
}  # fmt: skip

_SINCE_2_3 = "2.3.0"
_RUNTIMES: dict[str, dict[int, str]] = {
    "CONV_2D": {2: "1.14.0", 3: "1.14.0", 4: _SINCE_2_3, 5: "2.4.0", 6: "2.9.0", 7: "2.11.0",
                8: "2.15.0"},
    "DEPTHWISE_CONV_2D": {2: "1.12.0", 3: "1.14.0", 4: "2.2.0", 5: _SINCE_2_3, 6: _SINCE_2_3,
                          7: "2.11.0"},
    "FULLY_CONNECTED": {2: "1.10.0", 3: "1.14.0", 4: "1.14.0", 5: "2.0.0", 6: "2.1.0",
                        7: _SINCE_2_3, 8: _SINCE_2_3, 9: _SINCE_2_3, 10: "2.11.0", 11: "2.15.0",
                        12: "2.17.0", 13: "2.18.0", 14: "2.21.0"},
    "TRANSPOSE_CONV": {1: "1.9.0", 2: "2.2.0", 3: _SINCE_2_3, 4: "2.13.0", 5: "2.15.0"},
    "BATCH_MATMUL": {1: _SINCE_2_3, 2: _SINCE_2_3, 3: "2.4.0", 4: "2.5.0"},
    "EMBEDDING_LOOKUP": {1: "1.13.0", 2: "1.14.0", 3: "1.14.0", 4: "2.18.0"},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {1: "1.13.1", 2: "1.14.0", 3: _SINCE_2_3, 4: "2.12.0"},
    "MUL": {2: "1.14.0", 3: "1.15.0", 4: _SINCE_2_3, 5: "2.6.0", 6: "2.11.0", 7: "2.13.0"},
    "DEQUANTIZE": {1: "1.13.1", 2: "1.14.0", 3: "1.15.0", 4: "2.2.0", 5: "2.7.0", 6: "2.18.0"},
    "QUANTIZE": {1: "1.14.0", 2: "1.15.0", 3: "2.7.0", 4: "2.21.0"},
    "GATHER": {2: "1.14.0", 3: "1.15.0", 4: "2.4.0", 5: "2.5.0", 6: "2.13.0", 7: "2.15.0"},
    "TRANSPOSE": {2: "1.14.0", 3: "1.15.0", 4: _SINCE_2_3, 5: "2.4.0", 6: "2.12.0", 7: "2.14.4"},
    "SPLIT": {2: "1.14.0", 3: "1.14.0", 4: _SINCE_2_3},
    "BROADCAST_TO": {2: "2.5.0", 3: "2.5.0"},
    "ADD": {2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.13.0"},
    "SUB": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.4.0", 5: "2.4.0"},
    "GATHER_ND": {2: _SINCE_2_3, 3: "2.5.0", 4: "2.13.0", 5: "2.16.0"},
    "ABS": {2: "2.4.0", 3: "2.5.0", 4: "2.6.0", 5: "2.12.0"},
    "EQUAL": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.13.0", 5: "2.21.0"},
    "NOT_EQUAL": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.21.0"},
    "LEAKY_RELU": {1: "1.13.1", 2: _SINCE_2_3},
    "GELU": {1: "2.9.0", 2: "2.9.0"},
    "MAXIMUM": {2: "1.14.0", 3: _SINCE_2_3, 4: _SINCE_2_3},
    "MINIMUM": {2: "1.14.0", 3: _SINCE_2_3, 4: _SINCE_2_3},
    "RESIZE_BILINEAR": {2: "1.14.0", 3: "2.2.0", 4: "2.5.0"},
    "RESIZE_NEAREST_NEIGHBOR": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.4.0"},
    "SPACE_TO_BATCH_ND": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.12.0"},
    "BATCH_TO_SPACE_ND": {2: "1.14.0", 3: _SINCE_2_3, 4: "2.12.0"},
    "SLICE": {2: "1.14.0", 3: "1.14.0", 4: "2.4.0", 5: "2.5.0"},
    "UNPACK": {2: "1.14.0", 3: "2.2.0", 4: _SINCE_2_3},
    "MEAN": {2: "1.14.0", 3: "2.4.0"},
    "PAD": {2: "1.14.0", 3: "2.4.0", 4: "2.6.0"},
    "PADV2": {2: "1.14.0", 3: "2.4.0", 4: "2.6.0"},
    "RELU": {2: "2.1.0", 3: "2.5.0"},
    "RELU6": {2: "1.14.0", 3: "2.5.0"},
    "REDUCE_MAX": {2: "1.14.0", 3: "2.5.0"},
    "REDUCE_MIN": {2: "1.14.0", 3: "2.5.0"},
    "RSQRT": {2: "2.5.0", 3: "2.15.0"},
    "MIRROR_PAD": {2: _SINCE_2_3, 3: "2.12.0"},
    "LESS": {2: "1.14.0", 3: "2.13.0"},
    "GREATER_EQUAL": {2: "1.14.0", 3: "2.13.0"},
    "TOPK_V2": {2: "1.14.0", 3: "2.13.0"},
    "EXP": {2: "2.12.0"},
    "LOG": {2: "2.15.0"},
    "SQRT": {2: "2.21.0"},
    "SUM": {2: "1.15.0"},
    "SPLIT_V": {2: _SINCE_2_3},
    "SQUARED_DIFFERENCE": {2: "2.5.0"},
    "DEPTH_TO_SPACE": {2: "2.5.0"},
    "TILE": {2: "2.2.0", 3: "2.8.0"},
    "REVERSE_V2": {2: "2.2.0", 3: "2.5.0"},
    "STRIDED_SLICE": {2: "1.14.0", 3: "2.1.0", 4: "2.2.0", 5: "2.5.0", 6: "2.6.0", 8: "2.14.0"},
    **{
        name: {2: "1.14.0", 3: _SINCE_2_3}
        for name in (
            "MAX_POOL_2D", "AVERAGE_POOL_2D", "TANH", "LOGISTIC", "SOFTMAX", "CONCATENATION",
            "PACK",
        )
    },
}  # fmt: skip


def operator_version(name: str, op: Signature) -> int:
    """The oldest version of an operator whose kernel takes these types.

    Args:
        name: As in the schema, such as ``CONV_2D``.
        op: Its types.
    """
    rule = _RULES.get(name)
    return rule(op) if rule is not None and op.inputs else 1


def runtime_version(operators: Sequence[tuple[str, int]], floor: str) -> str:
    """The oldest runtime that has all operators in these versions.

    Args:
        operators: Names and versions.
        floor: What the file named before its types were changed.
    """
    found = [_RUNTIMES.get(name, {}).get(version, "") for name, version in operators]
    return max((floor, *found), key=_order)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
