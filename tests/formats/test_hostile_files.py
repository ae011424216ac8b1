"""Converted files that name what is not theirs: refused before a runtime follows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import ArtifactError
from edge_deploy.formats.onnx import external_data
from edge_deploy.formats.tflite import file as tflite


def onnx_file(path: Path, location: str, where: str = "graph") -> Path:
    """A sum with weights that lie in another file."""
    import onnx
    from onnx import TensorProto, helper

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    initializers = [weights]
    if where == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=weights))
        initializers = []
    elif where == "branch":
        inner = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "b", [], [
            helper.make_tensor_value_info("z", TensorProto.FLOAT, [4])
        ], [weights])  # fmt: skip
        one = helper.make_tensor("c", TensorProto.BOOL, [], [True])
        nodes = [
            helper.make_node("Constant", [], ["c"], value=one),
            helper.make_node("If", ["c"], ["v"], then_branch=inner, else_branch=inner),
            helper.make_node("Add", ["x", "v"], ["y"]),
        ]
        initializers = []
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    assert onnx.load(str(path), load_external_data=False).graph.name == "g"
    return path


@pytest.mark.parametrize("where", ["graph", "constant", "branch"])
@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin",
                                      "..\\secret.bin", "C:\\secret.bin", "link.bin"])  # fmt: skip
def test_onnx_weights_that_lie_elsewhere_are_not_read(
    location: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.full(4, 42, "<f4").tobytes())
    (folder := tmp_path / "model").mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = onnx_file(folder / "a.onnx", location, where)
    with pytest.raises(ArtifactError, match="says that its weights are in") as refused:
        edge_deploy.inspect(path)
    assert "Save the model with its weights inside" in str(refused.value)


def test_onnx_weights_beside_the_file_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.full(4, 42, "<f4").tobytes())
    path = onnx_file(tmp_path / "a.onnx", "w.bin")
    external_data.check(path)
    assert edge_deploy.inspect(path)["target"] == "onnx"


@pytest.mark.parametrize("data", [b"\x3a\xff", b"\xff" * 30, b"\x0b", b"\x3a\x80\x80\x80\x80\x10a"])
def test_onnx_file_that_is_cut_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(ArtifactError):
        edge_deploy.inspect(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    "name",
    ["../secret.bin", "/etc/hostname", "a/b.bin", "..\\b.bin", "..", "", "C:b.bin", "link.bin", 7],
)
def test_shards_that_lie_elsewhere_are_not_read(name: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (folder := tmp_path / "model").mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    document = {
        "format": "graph-model",
        "modelTopology": {"node": []},
        "weightsManifest": [
            {"paths": [name], "weights": [{"name": "w", "shape": [4], "dtype": "float32"}]}
        ],
    }
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match=r"no file beside it|not a TF.js graph model"):
        edge_deploy.inspect(folder / "model.json")


def sound_tflite() -> Any:
    """One operator between two tensors."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    for name in (b"x", b"y"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, np.array([1, 4], np.int32)
        graph.tensors = [*(graph.tensors or []), tensor]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = np.array([0], np.int32), np.array([1], np.int32)
    graph.inputs, graph.outputs, graph.operators = operator.inputs, operator.outputs, [operator]
    model.subgraphs = [graph]
    tflite.name_ends(model, ["x"], ["y"])
    return model


def _set(value: Any, *path: str | int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        for key in path[:-1]:
            model = model[key] if isinstance(key, int) else getattr(model, key)
        setattr(model, str(path[-1]), value)

    return change


FAR = np.array([10**6], np.int32)
BROKEN: dict[str, Callable[[Any], None]] = {
    "input": _set(FAR, "subgraphs", 0, "inputs"),
    "output": _set(-FAR, "subgraphs", 0, "outputs"),
    "operator's input": _set(FAR, "subgraphs", 0, "operators", 0, "inputs"),
    "operator's output": _set(-FAR, "subgraphs", 0, "operators", 0, "outputs"),
    "operator": _set(9, "subgraphs", 0, "operators", 0, "opcodeIndex"),
    "buffer": _set(9, "subgraphs", 0, "tensors", 0, "buffer"),
    "type": _set(99, "subgraphs", 0, "tensors", 0, "type"),
    "signature's graph": _set(7, "signatureDefs", 0, "subgraphIndex"),
    "signature's tensor": _set(7, "signatureDefs", 0, "inputs", 0, "tensorIndex"),
    "no tensors": _set(None, "subgraphs", 0, "tensors"),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_tflite_file_that_names_nothing_is_refused(
    change: Callable[[Any], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(tflite.pack(sound_tflite()))
    assert edge_deploy.inspect(path)["ops"] == ["TANH"]
    change(model := sound_tflite())
    path.write_bytes(tflite.pack(model))
    with pytest.raises(ArtifactError, match="a damaged TFLite file"):
        edge_deploy.inspect(path)


def test_tflite_offsets_out_of_the_file_are_refused(tmp_path: Path) -> None:
    """Every 4 bytes of a small file in turn point far away: an answer or a refusal, no crash."""
    data = tflite.pack(sound_tflite())
    path = tmp_path / "a.tflite"
    for at in range(0, len(data) - 4, 4):
        if at == 4:  # what a TFLite file begins with
            continue
        for far in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x10\x00\x00"):
            path.write_bytes(data[:at] + far + data[at + 4 :])
            try:
                tflite.ends(tflite.unpack(path, path.read_bytes()))
            except ArtifactError as refused:
                assert "damaged TFLite file" in str(refused)
