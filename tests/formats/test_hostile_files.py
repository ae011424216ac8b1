"""Converted files that name what is not theirs: refused before a runtime follows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import ArtifactError, UntrustedError
from edge_deploy.formats.onnx import external_data
from edge_deploy.formats.tflite import file as tflite
from edge_deploy.formats.tflite import flex


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


def proto(*parts: tuple[int, bytes]) -> bytes:
    """A message of fields with a length."""
    return b"".join(bytes([number << 3 | 2, len(value)]) + value for number, value in parts)


def node_def(op: str, *more: tuple[int, bytes]) -> bytes:
    return proto((1, b"odd"), (2, op.encode()), (3, b"file"), (3, b"text"), *more)


def printing(stream: bytes) -> bytes:
    value = proto((1, b"output_stream"), (2, proto((2, stream))))
    return flex.written(b"PrintV2", node_def("PrintV2", (5, value)))


def flex_file(path: Path, name: str, options: bytes, behind: int = 0) -> Path:
    """An operator of TensorFlow that takes the name MARKER and a text."""
    from ai_edge_litert import schema_py_generated as schema

    model = sound_tflite()
    graph = model.subgraphs[0]
    for text in (b"MARKER", b"x"):
        buffer, tensor = schema.BufferT(), schema.TensorT()
        packed = np.array([1, 12, 12 + len(text)], "<i4").tobytes() + text
        buffer.data = np.frombuffer(packed, np.uint8)
        tensor.name, tensor.shape = text, np.array([], np.int32)
        tensor.type, tensor.buffer = schema.TensorType.STRING, len(model.buffers)
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name.encode(), 1
    operator.customOptions = np.frombuffer(options, np.uint8)
    operator.largeCustomOptionsOffset = behind
    operator.opcodeIndex = len(model.operatorCodes)
    operator.inputs, operator.outputs = np.array([2, 3], np.int32), np.array([], np.int32)
    model.operatorCodes.append(code)
    graph.operators.append(operator)
    path.write_bytes(tflite.pack(model))
    return path


WRITES = flex.written(b"WriteFile", node_def("WriteFile"))
PLAIN = flex.written(b"Lgamma", node_def("Lgamma"))
FLEX: dict[str, tuple[str, bytes, str]] = {
    "an operator that writes": ("FlexWriteFile", WRITES, "the operator WriteFile"),
    "under another's name": ("FlexLgamma", WRITES, "FlexLgamma is another operator"),
    "under two names": (
        "FlexLgamma", flex.written(b"Lgamma", node_def("WriteFile")), "is another operator"
    ),
    "two operators": (
        "FlexLgamma", flex.written(b"Lgamma", node_def("Lgamma", (2, b"WriteFile"))),
        "is another operator",
    ),
    "a field of no NodeDef": (
        "FlexLgamma", flex.written(b"Lgamma", node_def("Lgamma", (9, b""))), "does not know"
    ),
    "a print into a file": ("FlexPrintV2", printing(b"file://MARKER"), "the operator PrintV2"),
    "bytes in front": ("FlexLgamma", bytes(8) + PLAIN, "is not described as"),
    "bytes behind": ("FlexLgamma", PLAIN + b"\0", "is not described as"),
    "no options": ("FlexLgamma", b"", "is not described as"),
}  # fmt: skip


@pytest.mark.parametrize("row", FLEX)
def test_operators_of_tensorflow_in_a_tflite_file_only_compute(row: str, tmp_path: Path) -> None:
    name, options, words = FLEX[row]
    path = flex_file(tmp_path / "a.tflite", name, options)
    with pytest.raises((ArtifactError, UntrustedError), match=words):
        edge_deploy.inspect(path)


def test_options_behind_a_tflite_file_are_refused(tmp_path: Path) -> None:
    path = flex_file(tmp_path / "a.tflite", "FlexLgamma", PLAIN, behind=64)
    with pytest.raises(ArtifactError, match="is not described as"):
        edge_deploy.inspect(path)


@pytest.mark.parametrize(
    ("name", "options"), [("FlexLgamma", PLAIN), ("FlexPrintV2", printing(b"stderr"))]
)
def test_operators_of_tensorflow_that_compute_are_read(
    name: str, options: bytes, tmp_path: Path
) -> None:
    assert name in edge_deploy.inspect(flex_file(tmp_path / "a.tflite", name, options))["ops"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_an_interpreter_of_tensorflow_would_write(tmp_path: Path) -> None:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(
        model_path=str(flex_file(tmp_path / "a.tflite", "FlexLgamma", WRITES))
    )
    try:
        interpreter.allocate_tensors()
    except RuntimeError:
        pytest.skip("this TensorFlow has no Flex")
    interpreter.invoke()
    assert Path("MARKER").read_text() == "x"
