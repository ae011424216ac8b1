"""What an ONNX file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import parse_json
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import TensorSpec
from edge_deploy.core.worker import native
from edge_deploy.formats.base import METADATA_KEY, FileInfo
from edge_deploy.formats.onnx import external_data

_ONNX_TYPES = {"float": "float32", "double": "float64"}


def describe(path: Path) -> FileInfo:
    """What an ``.onnx`` file says of itself, as ONNX Runtime reads it.

    The operators are listed only where the ``onnx`` package is installed.

    Raises:
        ArtifactError: ONNX Runtime cannot open it.
    """
    session = open_session(path, as_it_is=True)
    return FileInfo(
        target="onnx",
        inputs=tuple(tensor_spec(value) for value in session.get_inputs()),
        outputs=tuple(tensor_spec(value) for value in session.get_outputs()),
        ops=_ops(path),
        min_runtime=None,
        metadata=_metadata(path, session),
    )


def read_metadata(path: Path) -> Mapping[str, Any] | None:
    """What edge-deploy embedded, without the ``onnx`` package that listing operators takes."""
    return _metadata(path, open_session(path, as_it_is=True))


def _metadata(path: Path, session: Any) -> Mapping[str, Any] | None:
    try:
        embedded = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        found = parse_json(embedded) if embedded else None
        if not isinstance(found, dict | None):
            raise ValueError(f"it is a {type(found).__name__}")
    except ValueError as error:  # a UnicodeDecodeError is one
        raise ArtifactError(
            f"{path}: the metadata in it is damaged ({error}). Convert the model again."
        ) from error
    return found


def _ops(path: Path) -> tuple[str, ...] | None:
    try:
        graph = load_graph(path)
    except ImportError:
        return None
    return tuple(sorted({node.op_type for node in graph.node}))


def load_graph(path: Path) -> Any:
    """The graph of a file, as the ``onnx`` package reads it.

    Raises:
        ArtifactError: It is damaged.
    """
    import onnx
    from google.protobuf.message import DecodeError

    native.opens(path)
    external_data.check(path)
    try:
        return onnx.load(str(path)).graph
    except (DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: a damaged ONNX file ({first_line(error)}).") from error


def tensor_spec(value: Any) -> TensorSpec:
    """An input or output of a session; free axes have a name there, and are None here."""
    inner = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(axis if isinstance(axis, int) else None for axis in value.shape)
    return TensorSpec(value.name, shape, _ONNX_TYPES.get(inner, inner))


def open_session(path: Path, as_it_is: bool = False) -> Any:
    """A session of ONNX Runtime on the CPU, with one thread.

    Args:
        path: The file.
        as_it_is: Leave out ONNX Runtime's own optimizations, for one that is asked about itself
            and answers nothing.

    Raises:
        ArtifactError: ONNX Runtime cannot open the file.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    native.opens(path)
    external_data.check(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a file that cannot be opened raises, it need not also print
    options.intra_op_num_threads = 1
    if as_it_is:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's exceptions share no public base but Exception.
        raise ArtifactError(
            f"{path}: ONNX Runtime cannot open this file: {first_line(error)}."
        ) from error
