"""Converted files that are no longer what was written: one message, whatever is wrong in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import inspect
from edge_deploy.core.errors import ArtifactError
from edge_deploy.formats.base import METADATA_KEY, Quantization
from edge_deploy.formats.registry import FORMATS, format_of


def tfjs(edit: Callable[[dict[str, Any]], object] = lambda document: None) -> Path:
    """A graph of one constant and its answer, after an edit."""
    nodes = [
        {"name": "w", "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}}},
        {"name": "y", "op": "Identity", "input": ["w"]},
    ]
    weights = [{"name": "w", "shape": [2], "dtype": "float32"}]
    document = {
        "format": "graph-model",
        "modelTopology": {"node": nodes, "library": {"function": []}},
        "signature": {"inputs": {}, "outputs": {"y": {"tensorShape": {"dim": [{"size": "2"}]}}}},
        "weightsManifest": [{"paths": ["a.bin"], "weights": weights}],
        "userDefinedMetadata": {METADATA_KEY: {"name": "m"}},
    }
    edit(document)
    Path("a.bin").write_bytes(np.ones(2, "<f4").tobytes())
    path = Path("model.json")
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _put(*keys: str | int, to: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return edit


def _nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(500):
        value = [value]
    return value


TOPOLOGY = {
    "no topology": lambda d: d.pop("modelTopology"),
    "topology a list": _put("modelTopology", to=[]),
    "nodes a number": _put("modelTopology", "node", to=7),
    "a node without operator": lambda d: d["modelTopology"]["node"][0].pop("op"),
    "a node that is text": _put("modelTopology", "node", 0, to="Const"),
    "a name that is null": _put("modelTopology", "node", 0, "name", to=None),
    "an operator that is a list": _put("modelTopology", "node", 1, "op", to=[]),
    "inputs of a number": _put("modelTopology", "node", 1, "input", to=7),
    "a constant without type": lambda d: d["modelTopology"]["node"][0]["attr"].pop("dtype"),
    "NaN": _put("modelTopology", "version", to=float("nan")),
    "nested deep": _put("modelTopology", "version", to=_nested()),
}
ENDS = {
    "functions a number": _put("modelTopology", "library", "function", to=7),
    "library a list": _put("modelTopology", "library", to=[1]),
    "signature a text": _put("signature", to="y"),
    "an output that is null": _put("signature", "outputs", "y", to=None),
    "a size in words": _put("signature", "outputs", "y", "tensorShape", "dim", 0, "size", to="two"),
    "metadata a list": _put("userDefinedMetadata", METADATA_KEY, to=[1]),
}


@pytest.mark.parametrize("edit", {**TOPOLOGY, **ENDS}.values(), ids={**TOPOLOGY, **ENDS})
def test_a_damaged_model_json_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    path = tfjs(edit)
    with pytest.raises(ArtifactError, match=r"model\.json: (not a TF\.js|cannot be read as JSON)"):
        inspect(path)


@pytest.mark.parametrize("edit", TOPOLOGY.values(), ids=TOPOLOGY)
def test_its_layers_are_not_listed(edit: Callable[[dict[str, Any]], object]) -> None:
    path = tfjs(edit)
    with pytest.raises(ArtifactError):
        list(FORMATS["tfjs"].operators(path))


SHARDS = {
    "no weights": lambda d: d.pop("weightsManifest"),
    "paths null": _put("weightsManifest", 0, "paths", to=None),
    "a path that climbs": _put("weightsManifest", 0, "paths", to=["../a.bin"]),
    "a path that is not there": _put("weightsManifest", 0, "paths", to=["b.bin"]),
    "a shape in words": _put("weightsManifest", 0, "weights", 0, "shape", to="two"),
    "a shape below 0": _put("weightsManifest", 0, "weights", 0, "shape", to=[-2]),
    "a weight without name": lambda d: d["weightsManifest"][0]["weights"][0].pop("name"),
}


@pytest.mark.parametrize("edit", SHARDS.values(), ids=SHARDS)
def test_its_weights_are_not_narrowed(edit: Callable[[dict[str, Any]], object]) -> None:
    Path("out").mkdir()
    FORMATS["tfjs"].quantize(tfjs(), Path("out/model.json"), Quantization("float16"))
    Path("out/model.json").unlink()
    with pytest.raises(ArtifactError):
        FORMATS["tfjs"].quantize(tfjs(edit), Path("out/model.json"), Quantization("float16"))
    assert not Path("out/model.json").exists()


def onnx(metadata: str | bytes) -> Path:
    """A graph of one operator that carries some metadata."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    model = helper.make_model(
        helper.make_graph([node], "g", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    helper.set_model_props(model, {METADATA_KEY: "@" * len(metadata)})
    raw = metadata if isinstance(metadata, bytes) else metadata.encode()
    path = Path("m.onnx")
    path.write_bytes(model.SerializeToString().replace(b"@" * len(raw), raw))
    return path


@pytest.mark.parametrize(
    "metadata", ["{", "[1]", '{"a": NaN}', "[" * 5000, b'"\xff\xfe"'], ids=lambda m: str(m)[:9]
)
def test_damaged_metadata_of_an_onnx_file_is_refused(metadata: str | bytes) -> None:
    assert inspect(onnx('{"name": "m"}'))["metadata"] == {"name": "m"}
    with pytest.raises(ArtifactError, match="the metadata in it is damaged"):
        inspect(onnx(metadata))


def tflite(edit: Callable[[Any], object] = lambda model: None) -> Path:
    """A graph of one operator, after an edit of its tables."""
    from ai_edge_litert import schema_py_generated as schema

    from edge_deploy.formats.tflite.file import pack

    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), None
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    graph.tensors = []
    for name in (b"x", b"y"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 2], 0, 0
        graph.tensors.append(tensor)
    op.inputs, op.outputs, op.opcodeIndex = [0], [1], 0
    graph.inputs, graph.outputs, graph.operators = [0], [1], [op]
    model.version, model.operatorCodes = 3, [code]
    model.subgraphs, model.buffers = [graph], [schema.BufferT()]
    edit(model)
    path = Path("m.tflite")
    path.write_bytes(pack(model))
    return path


GRAPHS = {
    "a type of tomorrow": lambda m: setattr(m.subgraphs[0].tensors[1], "type", 99),
    "an input that is not there": lambda m: setattr(m.subgraphs[0], "inputs", [7]),
    "no inputs": lambda m: setattr(m.subgraphs[0], "inputs", None),
    "an operator that is not there": lambda m: setattr(
        m.subgraphs[0].operators[0], "opcodeIndex", 7
    ),
    "a buffer that is not there": lambda m: setattr(m.subgraphs[0].tensors[0], "buffer", 7),
    "a result that is not there": lambda m: setattr(m.subgraphs[0].operators[0], "outputs", [7]),
    "no tensors": lambda m: setattr(m.subgraphs[0], "tensors", None),
}


@pytest.mark.parametrize("edit", GRAPHS.values(), ids=GRAPHS)
def test_a_tflite_graph_that_cannot_be_followed_is_refused(edit: Callable[[Any], object]) -> None:
    assert [spec["name"] for spec in inspect(tflite())["inputs"]] == ["x"]
    path = tflite(edit)
    refused = 0
    for ask in (inspect, lambda path: list(format_of(path).operators(path))):
        try:
            ask(path)
        except ArtifactError:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    "behind",
    [b"PK\5\6" + bytes(8) + b"\xff" * 8 + bytes(2), b"PK\3\4labels.txt"],
    ids=["a directory before the start", "a member alone"],
)
def test_a_damaged_archive_behind_a_tflite_file_is_refused_or_no_archive(behind: bytes) -> None:
    path = tflite()
    path.write_bytes(path.read_bytes() + behind)
    try:
        found = inspect(path)
    except ArtifactError as error:
        assert "the files behind the model" in str(error)
    else:
        assert found["metadata"] is None


def test_a_shard_that_is_a_link_to_itself_is_refused() -> None:
    path = tfjs()
    Path("a.bin").unlink()
    Path("a.bin").symlink_to("a.bin")
    with pytest.raises(ArtifactError, match=r"a\.bin: cannot be read"):
        inspect(path)
