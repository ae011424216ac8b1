"""Other precisions of an ONNX file, by onnxruntime: .onnx -> .onnx, no TensorFlow."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_deploy.core.dependencies import missing_dependency
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Arrays
from edge_deploy.core.worker import native
from edge_deploy.data.calibration import Samples
from edge_deploy.formats.base import Quantization, Steps
from edge_deploy.formats.layers import Layer, group
from edge_deploy.formats.onnx.layers import operators

STATIC = ("int8",)
"""Precisions whose activations are integers."""

_QUANTIZED = {
    "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear",
    "DequantizeLinear", "DynamicQuantizeLSTM",
}  # fmt: skip


def quantize(source: Path, path: Path, wanted: Quantization) -> None:
    """Write a float32 file in another precision; float inputs and outputs stay float.

    Args:
        source: The float32 file.
        path: The file to write.
        wanted: float16, dynamic or int8; int8 needs calibration data.

    Raises:
        ConversionError: onnxruntime cannot do it, or nothing in the file is quantized.
        MissingDependencyError: onnx is not installed.
    """
    native.opens(source)
    precision = wanted.precision
    try:
        import onnx

        _refuse_trees(onnx, source, precision)
        with _silence(), temporary_folder() as folder:
            made = _make(onnx, source, folder, wanted)
    except ModuleNotFoundError as error:
        raise missing_dependency(error.name, "to quantize", "quantize") from error
    except ConversionError:
        raise
    except Exception as error:
        # onnx and onnxruntime raise ValueError, RuntimeError, TypeError and classes of their own.
        raise ConversionError(
            f"ONNX in {precision}: onnxruntime cannot do it: {first_line(error)}. Leave it out, "
            "or take another precision."
        ) from error
    if precision == "float16":
        changed = any(t.data_type == onnx.TensorProto.FLOAT16 for t in made.graph.initializer)
    else:
        changed = any(node.op_type in _QUANTIZED for node in made.graph.node)
    if not changed:
        raise ConversionError(
            f"ONNX in {precision}: onnxruntime can quantize no operator of this model, so the "
            f"file would be float32 under another name. Leave {precision} out."
        )
    original = onnx.load(str(source))
    _keep(original, made)
    path.write_bytes(made.SerializeToString())


def _refuse_trees(onnx: Any, source: Path, precision: str) -> None:
    """ONNX's operator for trees is float32, and thresholds in fewer bits would flip decisions."""
    nodes = onnx.load(str(source)).graph.node
    if precision == "float16" and any(node.op_type == "TreeEnsembleRegressor" for node in nodes):
        raise ConversionError(
            "ONNX in float16: trees take the wrong branches where thresholds are rounded, and "
            "ONNX's operator for them is float32. Leave float16 out; the file shrinks under gzip."
        )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """onnxruntime advises on the root logger, and onnx warns of its own deprecations."""
    root = logging.getLogger()
    level = root.level
    try:
        warnings.simplefilter("ignore")
        root.setLevel(logging.ERROR)
        yield
    finally:
        root.setLevel(level)


def _make(onnx: Any, source: Path, folder: Path, wanted: Quantization) -> Any:
    if wanted.precision == "float16":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(
            onnx.load(str(source)),
            keep_io_types=True,
            node_block_list=[name for layer in wanted.keep for name in layer.operators],
        )
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    # Folds constants and names shapes; without it weights behind a Reshape stay float.
    quant_pre_process(str(source), str(folder / "ready.onnx"), skip_symbolic_shape=True)
    ready, out = str(folder / "ready.onnx"), str(folder / "out.onnx")
    kept = _nodes(Path(ready), wanted.keep)
    if wanted.precision == "dynamic":
        kinds = {node.op_type for node in onnx.load(ready).graph.node}
        if "Conv" in kinds:
            # ConvInteger has a kernel for weights of one scale only.
            quantize_dynamic(
                ready,
                str(folder / "conv.onnx"),
                op_types_to_quantize=["Conv"],
                weight_type=QuantType.QUInt8,
                nodes_to_exclude=kept,
            )
            ready = str(folder / "conv.onnx")
        quantize_dynamic(
            ready,
            out,
            op_types_to_quantize=["MatMul", "Gemm", "Gather", "LSTM", "EmbedLayerNormalization"],
            weight_type=QuantType.QUInt8,
            per_channel="LSTM" not in kinds,
            nodes_to_exclude=kept,
        )
        return onnx.load(out)
    assert wanted.samples is not None
    # In QDQ form, which every execution provider of ONNX Runtime reads.
    quantize_static(
        ready,
        out,
        _Reader(wanted.samples),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QUInt8,
        per_channel=True,
        # QLinearConv takes one zero point for all channels.
        extra_options={"WeightSymmetric": True},
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=kept,
    )
    return onnx.load(out)


def _nodes(path: Path, keep: Sequence[Layer]) -> list[str]:
    """The nodes of some layers, after onnxruntime has fused and renamed nodes.

    ``quantize_dynamic`` makes of each Gemm a MatMul of another name before it looks at these.
    """
    paths = {layer.path for layer in keep}
    found = group(list(operators(path))) if paths else ()
    names = [name for layer in found if layer.path in paths for name in layer.operators]
    return [*names, *(f"{name}_MatMul" for name in names)]


class _Reader:
    """onnxruntime's CalibrationDataReader: one feed a call, None at the end."""

    def __init__(self, samples: Samples) -> None:
        self._feeds: Iterator[Arrays] = iter(samples)

    def get_next(self) -> Arrays | None:
        return next(self._feeds, None)

    def __iter__(self) -> _Reader:
        return self

    def __next__(self) -> Arrays:
        return next(self._feeds)


def _keep(original: Any, made: Any) -> None:
    """The float file's ends and metadata."""
    for end in ("input", "output"):
        names = [value.name for value in getattr(original.graph, end)]
        if [value.name for value in getattr(made.graph, end)] != names:
            raise ConversionError(f"onnxruntime changed the {end}s of the model.")
        del getattr(made.graph, end)[:]
        getattr(made.graph, end).extend(getattr(original.graph, end))
    made.graph.name = original.graph.name
    del made.metadata_props[:]
    made.metadata_props.extend(original.metadata_props)


def quantization_steps(path: Path) -> tuple[Steps, Steps]:
    """Scale and zero point of the outputs that are dequantized last; inputs are float."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    steps: Steps = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[1] in values:
            scale = numpy_helper.to_array(values[node.input[1]]).ravel()
            point = values.get(node.input[2]) if len(node.input) > 2 else None
            for name in {value.name for value in graph.output} & set(node.output):
                steps[name] = {
                    "scale": float(scale[0]),
                    "zero_point": int(numpy_helper.to_array(point).ravel()[0]) if point else 0,
                }
    return {}, steps
