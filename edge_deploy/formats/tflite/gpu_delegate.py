"""Which operators TensorFlow Lite's GPU delegate leaves to the CPU.

The operators that it takes are in ``data/gpu_delegate.json``. The rules here are those of the same
source that hang on types and options; those on single shapes are not all here, so "takes all" is
what these rules say and no promise of a device. TensorFlow's own
``Analyzer.analyze(gpu_compatibility=True)`` does not help: 2.19's wheel is built without the check
and calls every file compatible, one with a WHILE too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_deploy.formats.tflite.file import operator_name, type_names
from edge_deploy.formats.tflite.tables import table

_FLOATS = ("FLOAT32", "FLOAT16")


def gpu_delegate(model: Any) -> dict[str, Any]:
    """Whether the GPU delegate takes every operator.

    Args:
        model: ModelT.

    Returns:
        ``all``, and ``falls_back``: operators that run on the CPU, each with the reason.
    """
    known = table("gpu_delegate")
    found: dict[tuple[str, str], None] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = operator_name(code)
            takes = name in known["custom" if code.customCode else "operators"]
            for reason in _reasons(graph, operator, name) if takes else ("not supported",):
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
