"""Small TF.js graph models, written by hand: no TensorFlow needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_model(
    folder: Path,
    inputs: Sequence[tuple[str, str, int]],
    nodes: Sequence[tuple[str, str, Sequence[str]]],
    weights: Mapping[str, NDArray[Any]],
    outputs: Sequence[str] | None = None,
) -> Path:
    """Write model.json and its weights; without ``outputs`` the last node is the only one.

    Args:
        folder: Where to.
        inputs: Name, TensorFlow type and width of each.
        nodes: Name, op and inputs of each node.
        weights: Constants by name, of float32 or int32.
        outputs: Nodes that are outputs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {name: kind for name, kind, _ in inputs}
    graph: list[dict[str, Any]] = [
        {"name": name, "op": "Placeholder",
         "attr": {"dtype": {"type": kind}, "shape": {"shape": {"dim": [{"size": "-1"},
                                                                      {"size": str(width)}]}}}}
        for name, kind, width in inputs
    ]  # fmt: skip
    for name, array in weights.items():
        shape = {"dim": [{"size": str(n)} for n in array.shape]}
        kind = {"f": "DT_FLOAT", "i": "DT_INT32"}[array.dtype.kind]
        graph.append(
            {"name": name, "op": "Const",
             "attr": {"dtype": {"type": kind},
                      "value": {"tensor": {"dtype": kind, "tensorShape": shape}}}}
        )  # fmt: skip
    graph += [
        {"name": name, "op": op, "input": list(sources),
         "attr": {"T": {"type": kinds.get(sources[0], "DT_FLOAT")}}}
        for name, op, sources in nodes
    ]  # fmt: skip
    data = b"".join(np.ascontiguousarray(w).tobytes() for w in weights.values())
    (folder / "group1-shard1of1.bin").write_bytes(data)
    entries = [
        {"name": n, "shape": list(w.shape), "dtype": w.dtype.name} for n, w in weights.items()
    ]
    last = outputs or [nodes[-1][0]]
    document = {
        "format": "graph-model",
        "generatedBy": "tests",
        "signature": {
            "inputs": {name: {"name": f"{name}:0", "dtype": kind} for name, kind, _ in inputs},
            "outputs": {name: {"name": f"{name}:0"} for name in last},
        },
        "modelTopology": {"node": graph, "versions": {"producer": 1}},
        "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": entries}],
    }
    path = folder / "model.json"
    path.write_text(json.dumps(document))
    return path


def dense(folder: Path) -> tuple[Path, Callable[[Any], NDArray[np.float32]]]:
    """``y = x @ w + b`` with three inputs and two outputs, and the same in numpy."""
    rng = np.random.default_rng(5)
    w = rng.normal(size=(3, 2)).astype(np.float32)
    b = rng.normal(size=2).astype(np.float32)
    nodes = [("product", "MatMul", ["x", "w"]), ("y", "AddV2", ["product", "b"])]
    path = write_model(folder, [("x", "DT_FLOAT", 3)], nodes, {"w": w, "b": b})
    return path, lambda x: np.asarray(x, np.float32) @ w + b
