"""Which operators TensorFlow Lite's GPU delegate leaves to the CPU.

The rules are those of ``gpu_compatibility.cc`` (tensorflow/lite/tools/versioning) that hang on the
operator, its types and its options, written as a table of our own; those on single shapes are not
all here, so "takes all" is what these rules say and no promise of a device. TensorFlow's own
``Analyzer.analyze(gpu_compatibility=True)`` does not help: 2.19's wheel is built without the check
and calls every file compatible, one with a WHILE too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_deploy.formats.tflite.file import operator_name, type_names

_NAMES = """\
ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM
DENSIFY DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU
EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER
GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM
MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE
REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT
SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STABLEHLO_CLAMP STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE
TRANSPOSE_CONV
"""
_TAKEN = frozenset(_NAMES.split())
_CUSTOM = frozenset(
    ("Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler")
)
_FLOATS = ("FLOAT32", "FLOAT16")


def gpu_delegate(model: Any) -> dict[str, Any]:
    """Whether the GPU delegate takes every operator.

    Args:
        model: ModelT.

    Returns:
        ``all``, and ``falls_back``: operators that run on the CPU, each with the reason.
    """
    found: dict[tuple[str, str], None] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = operator_name(code)
            known = _CUSTOM if code.customCode else _TAKEN
            for reason in _reasons(graph, operator, name) if name in known else ("not supported",):
                found.setdefault((name, reason))
    rows = [{"name": name, "reason": reason} for name, reason in found]
    return {"all": not rows, "falls_back": rows}


def _reasons(graph: Any, operator: Any, name: str) -> Iterator[str]:
    names = type_names()
    inputs = [graph.tensors[i] for i in operator.inputs if i >= 0]
    types = [names[t.type] for t in inputs]
    ranks = [len(t.shape) if t.shape is not None else 0 for t in inputs]

    def option(key: str) -> Any:
        return getattr(operator.builtinOptions, key, None)

    match name:
        case "GATHER":
            if types[0] == "INT32":
                yield "int32 values"
            if ranks[1] != 1 or types[1] != "INT32":
                yield "indices that are not one row of int32"
        case "CAST" if not {*types, names[graph.tensors[operator.outputs[0]].type]} <= {
            "FLOAT32", "FLOAT16", "INT32", "BOOL",
        }:  # fmt: skip
            yield "other types than float, int32 and bool"
        case "SLICE" | "STRIDED_SLICE":
            if ranks[0] not in (3, 4):
                yield f"a tensor of {ranks[0]} axes"
            if any(option(key) for key in ("ellipsisMask", "newAxisMask", "shrinkAxisMask")):
                yield "an ellipsis, a new or a dropped axis"
        case "SELECT" | "SELECT_V2" if not {*types[1:3]} <= {*_FLOATS}:
            yield "values that are not float"
        case "SOFTMAX" if option("beta") not in (None, 1.0):
            yield "beta is not 1"
        case "DEQUANTIZE" if types[0] == "INT16":
            yield "int16"
        case "ADD" | "MUL" if min(ranks) > 1 and ranks[0] != ranks[1] and {*ranks} != {3, 4}:
            yield f"broadcasting {min(ranks)} axes to {max(ranks)}"
