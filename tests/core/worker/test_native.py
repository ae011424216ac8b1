"""No command hands a file to a native library outside of the cage."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import edge_deploy
from edge_deploy.core.spec import LoadOptions
from edge_deploy.core.worker import native
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.onnx import describe
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.formats.tflite import layer_errors
from edge_deploy.frontends.load import load_model

NATIVE = ("ai_edge_litert.interpreter", "ai_edge_quantizer", "onnxruntime", "tensorflow.lite")
WRITERS = {"formats/onnx/export.py", "frontends/sklearn/onnx_only.py"}
"""What these open, they have just written."""


def opens(path: Path) -> bool:
    """Whether a module has a library read a converted file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if call in ("onnx.load", "tf.lite.Interpreter") or any(
            name == one or name.startswith(f"{one}.") for name in names for one in NATIVE
        ):
            return True
    return False


def test_every_module_that_opens_converted_files_has_a_door() -> None:
    root = Path(edge_deploy.__file__).parent
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if opens(path)}
    doors = {name for name in found if "native.opens(" in (root / name).read_text()}
    assert len(doors) == 5
    assert found - doors == WRITERS


def layers_of(path: Path) -> None:
    with layer_errors._keeping(path):
        pass


def runtime(name: str) -> Callable[[Path], object]:
    return lambda path: RUNTIMES[name].open(path).__enter__()


def quantize(name: str) -> Callable[[Path], object]:
    def made(path: Path) -> object:
        make = FORMATS[name].quantize
        assert make is not None
        return make(path, path.with_name("out"), Quantization("float16"))

    return made


DOORS: dict[str, Callable[[Path], object]] = {
    "litert": runtime("litert"),
    "ort": runtime("ort"),
    "layers": layers_of,
    "onnx": describe.load_graph,
    "inspect": describe.describe,
    "metadata": describe.read_metadata,
    "tflite to float16": quantize("tflite"),
    "onnx to float16": quantize("onnx"),
    "model": lambda path: load_model(path, LoadOptions()),
}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_shut_until_the_command_is(name: str) -> None:
    path = Path("model.h5" if name == "model" else "file")
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))
    with native.held(), pytest.raises(RuntimeError, match="outside of the cage"):
        DOORS[name](path)
