"""The operators of a TFLite file, for grouping into layers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ArtifactError
from edge_deploy.formats.layers import Operator
from edge_deploy.formats.tflite.file import unpack


def operators(path: Path) -> Iterable[Operator]:
    """Operators by the names of their results, which is what the quantizer's scopes match.

    Raises:
        ArtifactError: The file is damaged.
    """
    try:
        return list(_operators(unpack(path, path.read_bytes())))
    except (IndexError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ArtifactError(
            f"{path}: its graph cannot be followed ({type(error).__name__}: {error}): the file is "
            "damaged, or of a newer schema than ours."
        ) from error


def _operators(model: Any) -> Iterable[Operator]:
    from ai_edge_litert import schema_py_generated as schema

    caller: dict[int, str] = {}
    for number, graph in enumerate(model.subgraphs):
        names = [tensor.name.decode() for tensor in graph.tensors]
        made = {
            index: ";".join(names[i] for i in op.outputs)
            for op in graph.operators
            for index in op.outputs
        }
        for op in graph.operators:
            taken = [int(index) for index in op.inputs if index >= 0]
            constant = [
                names[i]
                for i in taken
                if model.buffers[graph.tensors[i].buffer].data is not None
                and graph.tensors[i].type == schema.TensorType.FLOAT32
            ]
            name = ";".join(names[index] for index in op.outputs)
            options = op.builtinOptions
            for key in ("bodySubgraphIndex", "condSubgraphIndex"):
                if hasattr(options, key):  # a loop: what is in it belongs to its layer
                    caller[getattr(options, key)] = caller.get(number, name)
            yield Operator(
                id=name,
                label=caller.get(number, name),
                weights=tuple(constant),
                before=tuple(made[i] for i in taken if i in made),
            )
