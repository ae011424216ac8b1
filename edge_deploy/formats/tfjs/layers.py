"""The nodes of a TF.js graph model, for grouping into layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_deploy.formats.layers import Layer, Operator
from edge_deploy.formats.tfjs.describe import nodes


def operators(path: Path) -> Iterable[Operator]:
    found = nodes(path)
    constants = {
        node["name"]
        for node in found
        if node["op"] == "Const" and node["attr"]["dtype"]["type"] == "DT_FLOAT"
    }
    for node in found:
        if node["op"] not in ("Const", "Placeholder"):
            taken = [name.lstrip("^").split(":")[0] for name in node.get("input", ())]
            yield Operator(
                id=node["name"],
                label=node["name"],
                weights=tuple(name for name in taken if name in constants),
                before=tuple(name for name in taken if name not in constants),
            )


def weights_of(path: Path, kept: Sequence[Layer]) -> frozenset[str]:
    """Names of the weights that the operators of some layers take."""
    names = {name for layer in kept for name in layer.operators}
    return frozenset(w for op in operators(path) if op.id in names for w in op.weights)
