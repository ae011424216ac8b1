"""The nodes of an ONNX file, for grouping into layers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_deploy.formats.layers import Operator
from edge_deploy.formats.onnx.describe import load_graph


def operators(path: Path) -> Iterable[Operator]:
    import onnx

    graph = load_graph(path)
    constants = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims
    }
    made = {name: node.name for node in graph.node for name in node.output}
    for node in graph.node:
        yield Operator(
            id=node.name,
            label=node.name,
            weights=tuple(name for name in node.input if name in constants),
            before=tuple(made[name] for name in node.input if name in made),
        )
