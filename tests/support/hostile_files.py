"""Converted files that pass every check of ours, and crash their runtime or hold it for ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec import structs

from edge_deploy.artifact.artifact import describe_files, write_manifest
from edge_deploy.artifact.document import to_document
from edge_deploy.formats.tflite import file as tflite
from tests.formats.test_hostile_files import sound_tflite
from tests.support import manifests


def crashing_tflite() -> bytes:
    """It gives its input no shape, which LiteRT looks up all the same."""
    from ai_edge_litert import schema_py_generated as schema

    model = sound_tflite()
    code, (operator,) = model.operatorCodes[0], model.subgraphs[0].operators
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    operator.inputs = np.array([0, -1], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    return tflite.pack(model)


def endless_tflite() -> bytes:
    """A loop while true is true."""
    from ai_edge_litert import schema_py_generated as schema

    model = sound_tflite()
    (operator,) = model.subgraphs[0].operators
    loop = schema.OperatorCodeT()
    loop.builtinCode = loop.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
    model.operatorCodes.append(loop)
    always, body = sound_tflite().subgraphs[0], sound_tflite().subgraphs[0]
    truth = schema.BufferT()
    truth.data = np.array([1], np.uint8)
    model.buffers.append(truth)
    answer = always.tensors[1]
    answer.type, answer.shape, answer.buffer = schema.TensorType.BOOL, np.array([1], np.int32), 1
    always.operators = []
    operator.opcodeIndex = 1
    operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
    operator.builtinOptions = schema.WhileOptionsT()
    operator.builtinOptions.condSubgraphIndex = 1
    operator.builtinOptions.bodySubgraphIndex = 2
    model.subgraphs += [always, body]
    return tflite.pack(model)


def artifact_of(data: bytes, folder: Path, target: str = "tflite", version: str = "1") -> Path:
    """An artifact of a file, with fitting hashes."""
    (folder / target).mkdir(parents=True)
    path = folder / target / f"m_float32.{target}"
    path.write_bytes(data)
    values = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    np.savez(folder / "reference.npz", **{"in:x": values, "out:y": values})
    (file,) = describe_files(folder, [path])
    entry = manifests.file_entry(target=target, files=[to_document(file)])
    ends = [{**manifests.tensor(name), "kind": "table", "shape": [None, 4]} for name in "xy"]
    for end in ends:
        del end["quantization"]
    outputs = [{**ends[1], "kind": "tensor", "classes": None, "unit": None}]
    made = manifests.manifest(inputs=ends[:1], outputs=outputs, files=[])
    write_manifest(folder, structs.replace(made, artifacts=(entry,), version=version))
    return folder


def slow_onnx() -> bytes:
    """ONNX Runtime works out what is constant when it opens a file: here, for minutes."""
    from onnx import TensorProto, helper

    size = helper.make_tensor("size", TensorProto.INT64, [2], [6000, 6000])
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(99)]
    nodes += [helper.make_node("ReduceMax", ["m99"], ["top"], keepdims=0)]
    nodes += [helper.make_node("Add", ["x", "top"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy")
    graph = helper.make_graph(nodes, "slow", [x], [y], [size])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made: bytes = model.SerializeToString()
    return made
