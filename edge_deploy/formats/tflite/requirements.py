"""What a ``.tflite`` file asks of the app that runs it: operators, runtime, memory, work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from edge_deploy.formats.tflite.file import buffer_bytes, operator_name, type_names
from edge_deploy.formats.tflite.gpu_delegate import gpu_delegate
from edge_deploy.formats.tflite.op_versions import Signature, operator_version
from edge_deploy.formats.tflite.runtime_versions import (
    litert_version,
    order,
    runtime_of,
    runtime_version,
)

MIN_RUNTIME = "min_runtime_version"
_FLEX = "Flex"
_BITS = {
    "FLOAT64": 64, "INT64": 64, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "INT16": 16,
    "UINT16": 16, "FLOAT16": 16, "BFLOAT16": 16, "INT8": 8, "UINT8": 8, "BOOL": 8, "INT4": 4,
    "UINT4": 4,
}  # fmt: skip  # others take 32
_CALLS = ("thenSubgraphIndex", "elseSubgraphIndex", "condSubgraphIndex", "bodySubgraphIndex")


def needs(model: Any) -> dict[str, Any]:
    """What a file needs, for the manifest.

    Args:
        model: ModelT.

    Returns:
        ``operators`` (name, version, count and first runtime), ``min_runtime`` (the oldest
        TensorFlow Lite) and ``min_litert``, ``flex`` and ``custom`` (operators that an app must
        link), ``peak_memory_bytes_estimate``, ``multiply_adds`` (None where a loop repeats them),
        and ``gpu`` (see gpu_delegate).
    """
    operators = _operators(model)
    builtin = [(o["name"], o["version"]) for o in operators if o["kind"] == "builtin"]
    floor = (buffer_bytes(model, MIN_RUNTIME) or b"").rstrip(b"\0").decode("ascii", "replace")
    oldest = runtime_version(builtin, floor)
    return {
        "operators": [
            {key: o[key] for key in ("name", "version", "count", "min_runtime")} for o in operators
        ],
        "min_runtime": oldest,
        "min_litert": litert_version(oldest),
        "flex": [o["name"] for o in operators if o["kind"] == "flex"],
        "custom": [o["name"] for o in operators if o["kind"] == "custom"],
        "peak_memory_bytes_estimate": peak_memory(model),
        "multiply_adds": multiply_adds(model),
        "gpu": gpu_delegate(model),
    }


def _operators(model: Any) -> list[dict[str, Any]]:
    """Each operator once, in the newest version that its uses name or their types ask for."""
    found: dict[str, dict[str, Any]] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = operator_name(code)
            kind = "builtin"
            if code.customCode:
                kind = "flex" if name.startswith(_FLEX) else "custom"
            version = code.version
            if kind == "builtin":
                version = max(version, operator_version(name, signature(graph, operator)))
            entry = found.setdefault(name, {"name": name, "version": 0, "count": 0, "kind": kind})
            entry["version"] = max(entry["version"], version)
            entry["count"] += 1
    for entry in found.values():
        entry["min_runtime"] = runtime_of(entry["name"], entry["version"])
    return [found[name] for name in sorted(found)]


def too_new(needed: Mapping[str, Any], runtime: str) -> list[str]:
    """The operators that a runtime does not have, such as ``FULLY_CONNECTED 12 (2.17.0)``."""
    return [
        f"{o['name']} {o['version']} (since {o['min_runtime']})"
        for o in needed["operators"]
        if o["min_runtime"] and order(o["min_runtime"]) > order(runtime)
    ]


def signature(graph: Any, operator: Any) -> Signature:
    """The types of an operator, from which its version follows."""
    types = type_names()
    tensors = [graph.tensors[i] if i >= 0 else None for i in operator.inputs]
    outputs = [graph.tensors[i] for i in operator.outputs]
    every = [scales(tensor) for tensor in (*tensors, *outputs)]
    rescale = 0.0
    if len(tensors) == 2 and all(len(scale) == 1 for scale in every[:3]):
        rescale = float(every[0][0] * every[1][0] / every[2][0])
    return Signature(
        inputs=tuple(types[t.type] if t is not None else "NONE" for t in tensors),
        outputs=tuple(types[t.type] for t in outputs),
        per_channel=any(len(scale) > 1 for scale in every),
        options=operator.builtinOptions,
        rescale=rescale,
    )


def scales(tensor: Any) -> Any:
    """A tensor's scales: none, one, or one a channel."""
    found = tensor.quantization.scale if tensor is not None and tensor.quantization else None
    return found if found is not None else ()


def set_versions(model: Any) -> None:
    """Give each operator the version that its types ask for, and the file its oldest runtime."""
    from edge_deploy.formats.tflite.file import set_buffer

    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            if not code.customCode:
                wanted = operator_version(operator_name(code), signature(graph, operator))
                code.version = max(code.version, wanted)
    text = needs(model)["min_runtime"].encode()
    set_buffer(model, MIN_RUNTIME, text.ljust(16, b"\0"))  # TensorFlow's own is of 16 bytes


def peak_memory(model: Any) -> int:
    """The most bytes that tensors fill at once: an estimate, from the order of the operators.

    A tensor lives from the operator that writes it (an input of the graph: from the start) to the
    last that reads it (an output: to the end). Weights, a delegate's own copies, scratch space of
    the kernels and gaps between tensors are not in it; an axis that is free counts once.
    """
    return _peak(model, model.subgraphs[0])


def _peak(model: Any, graph: Any) -> int:
    count = len(graph.operators or ())
    born: dict[int, int] = {int(i): 0 for i in graph.inputs}
    dies: dict[int, int] = {int(i): 0 for i in graph.inputs}
    inner = [0] * max(count, 1)
    for step, operator in enumerate(graph.operators or ()):
        for index in operator.outputs:
            born.setdefault(int(index), step)
            dies[int(index)] = step
        for index in operator.inputs:
            if int(index) in born:
                dies[int(index)] = step
        calls = {_option(operator, name) for name in _CALLS} - {None}
        inner[step] = max((_peak(model, model.subgraphs[i]) for i in calls), default=0)
    for index in graph.outputs:
        dies[int(index)] = max(count - 1, 0)
    peak = 0
    for step in range(max(count, 1)):
        alive = sum(
            _bytes(graph.tensors[index])
            for index, start in born.items()
            if start <= step <= dies[index]
        )
        peak = max(peak, alive + inner[step])
    return peak


def _option(operator: Any, name: str) -> Any:
    return getattr(operator.builtinOptions, name, None)


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tensor.shape if tensor.shape is not None else ()
    return tuple(max(int(axis), 1) for axis in shape)


def _bytes(tensor: Any) -> int:
    return math.ceil(math.prod(_shape(tensor)) * _BITS.get(type_names()[tensor.type], 32) / 8)


def multiply_adds(model: Any) -> int | None:
    """How many products are summed for one answer, in convolutions and matrix products.

    None where they stand in a loop: how often it turns is not in the file.
    """
    if any(list(_products(model, graph)) for graph in model.subgraphs[1:]):
        return None
    return sum(_products(model, model.subgraphs[0]))


def _products(model: Any, graph: Any) -> Iterator[int]:
    for operator in graph.operators or ():
        name = operator_name(model.operatorCodes[operator.opcodeIndex])
        ends = [_shape(graph.tensors[i]) if i >= 0 else () for i in operator.inputs]
        out = math.prod(_shape(graph.tensors[operator.outputs[0]])) if len(operator.outputs) else 0
        match name:
            case "CONV_2D" | "CONV_3D" if len(ends) > 1:  # weights: out x ... x in, or ... in x out
                each = ends[1][1:] if name == "CONV_2D" else ends[1][:-1]
                yield out * math.prod(each)
            case "DEPTHWISE_CONV_2D":  # weights: 1 x height x width x out
                yield out * math.prod(ends[1][1:3])
            case "FULLY_CONNECTED":  # weights: out x in
                yield out * ends[1][-1]
            case "TRANSPOSE_CONV":  # weights: out x height x width x in; each input is spread
                yield math.prod(ends[2]) * math.prod(ends[1][:3])
            case "BATCH_MATMUL":
                yield out * ends[0][-2 if _option(operator, "adjX") else -1]
            case "UNIDIRECTIONAL_SEQUENCE_LSTM":  # four gates, of the input and of the state
                yield ends[0][-2] * sum(math.prod(shape) for shape in ends[1:9])
