"""TensorFlow Lite (LiteRT) files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.errors import ArtifactError, ConversionError
from edge_deploy.graph import first_line, freeze
from edge_deploy.mends import install
from edge_deploy.quiet import quiet
from edge_deploy.spec import Array, Arrays, LoadedModel, Runner, as_dtype
from edge_deploy.targets.base import Converted, FileInfo, Target
from edge_deploy.targets.tflite_file import SIGNATURE, ends, name_ends, operator_name, unpack
from edge_deploy.targets.tflite_metadata import finish, read
from edge_deploy.targets.tflite_needs import needs


def convert(model: LoadedModel, path: Path, metadata: Mapping[str, Any]) -> Converted:
    """Write a ``.tflite`` file of built-in operators, for one sample at a time.

    The batch is fixed to 1: that is what a phone asks, what recurrent layers need to stay
    within the built-in operators, and what lets a delegate plan its memory.

    Args:
        model: The model.
        path: The file to write.
        metadata: Embedded as JSON.

    Raises:
        ConversionError: Neither the built-in operators nor TensorFlow's own can hold it.
    """
    import tensorflow as tf

    frozen = freeze(model.function, model.spec.inputs, batch=1)
    notes: tuple[str, ...] = ()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen.function])
    try:
        data = converter.convert()
    except Exception as error:
        # The converter raises its own ConverterError, whose base is Exception.
        data = _convert_with_flex(frozen.function, error)
        notes = (
            "NEEDS FLEX: the built-in operators cannot hold this model, so the .tflite uses "
            "TensorFlow's own (Flex). Apps must link the Flex delegate; browsers have none.",
        )
    names = [spec.name for spec in model.spec.inputs], [spec.name for spec in model.spec.outputs]
    file = unpack(path, data)
    name_ends(file, *names)
    path.write_bytes(finish(file, metadata, *ends(file)))
    return Converted(path, (path,), notes)


def _convert_with_flex(function: Any, reason: Exception) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    try:
        return bytes(converter.convert())
    except Exception as error:
        # As above: ConverterError's base is Exception.
        raise ConversionError(
            f"TFLite cannot hold this model: {first_line(reason)}. With TensorFlow's own "
            f"operators neither: {first_line(error)}. Leave it out with --to tfjs,onnx."
        ) from error


def describe(path: Path) -> FileInfo:
    """What a ``.tflite`` file says of itself; reads the file only, no runtime.

    Raises:
        ArtifactError: It is not a TFLite file, or damaged.
    """
    data = path.read_bytes()
    model = unpack(path, data)
    inputs, outputs = ends(model)
    try:
        needed = needs(model)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path}: its graph cannot be followed ({type(error).__name__}: {error}): the file is "
            "damaged, or of a newer schema than ours."
        ) from error
    return FileInfo(
        target="tflite",
        inputs=inputs,
        outputs=outputs,
        ops=tuple(sorted({operator_name(code) for code in model.operatorCodes or ()})),
        min_runtime=needed["min_runtime"],
        metadata=read(path, data, model),
        needs=needed,
    )


def read_metadata(path: Path) -> Mapping[str, Any] | None:
    """What edge-deploy embedded; None in somebody else's file.

    Raises:
        ArtifactError: It is not a TFLite file, or what is embedded is damaged.
    """
    data = path.read_bytes()
    return read(path, data, unpack(path, data))


@contextlib.contextmanager
def open_runner(path: Path) -> Iterator[Runner]:
    """Open a ``.tflite`` file in LiteRT; one interpreter answers all samples in turn.

    Raises:
        ArtifactError: LiteRT cannot open it.
    """
    from ai_edge_litert.interpreter import Interpreter

    unpack(path, path.read_bytes())  # LiteRT reads past the end of a file that was cut
    try:
        with quiet():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        if "Select TensorFlow op" in str(error):
            yield _FlexRunner(path)
            return
        raise ArtifactError(
            f"{path}: LiteRT cannot open this file: {first_line(error)}."
        ) from error
    yield LiteRTRunner(path, interpreter)


class LiteRTRunner:
    """One interpreter: real numbers in and out, also where the file takes and gives integers."""

    def __init__(self, path: Path, interpreter: Any) -> None:
        self._path = path
        self._interpreter = interpreter
        signatures = interpreter.get_signature_list()
        key = SIGNATURE if SIGNATURE in signatures else next(iter(signatures), None)
        self._signature = interpreter.get_signature_runner(key) if key else None

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer one sample.

        Raises:
            ArtifactError: LiteRT cannot run the file.
        """
        try:
            if self._signature is not None:
                details = self._signature.get_input_details()
                feed = {n: _quantized(inputs[n], d) for n, d in details.items()}
                given = self._signature.get_output_details()
                answers = self._signature(**feed)
                return {n: _dequantized(value, given[n]) for n, value in answers.items()}
            return self._by_tensor(inputs)
        except (ValueError, RuntimeError, KeyError) as error:
            raise ArtifactError(
                f"{self._path}: LiteRT cannot run it: {first_line(error)}."
            ) from error

    def _by_tensor(self, inputs: Arrays) -> Arrays:
        """Somebody else's file without a signature: by the names of its tensors."""
        for detail in self._interpreter.get_input_details():
            value = as_dtype(inputs[detail["name"]], detail["dtype"])
            if tuple(detail["shape"]) != value.shape:
                self._interpreter.resize_tensor_input(detail["index"], value.shape)
                self._interpreter.allocate_tensors()
            self._interpreter.set_tensor(detail["index"], value)
        self._interpreter.invoke()
        return {
            detail["name"]: self._interpreter.get_tensor(detail["index"])
            for detail in self._interpreter.get_output_details()
        }


def _quantized(values: Array, detail: Any) -> Array:
    """Real numbers as the integers that an input takes (``real = (integer - zero) * scale``)."""
    scale, zero = detail["quantization"]
    kind = np.dtype(detail["dtype"])
    if not scale or kind.kind not in "iu" or values.dtype.kind != "f":
        return as_dtype(values, kind.name)
    limits = np.iinfo(kind)
    result: Array = np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(kind)
    return result


def _dequantized(values: Array, detail: Any) -> Array:
    scale, zero = detail["quantization"]
    if not scale or values.dtype.kind not in "iu":
        return values
    result: Array = ((values.astype(np.float32) - zero) * np.float32(scale)).astype(np.float32)
    return result


def _FlexRunner(path: Path) -> Runner:
    """Only TensorFlow's own interpreter links the Flex delegate."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ArtifactError(
            f"{path}: this file needs TensorFlow's Flex operators, which LiteRT for Python does "
            f"not have. TensorFlow, which has them, is installed with: {install('convert')}"
        ) from error
    with quiet():
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    return LiteRTRunner(path, interpreter)


TARGET = Target(
    name="tflite",
    runtime="litert",
    path=lambda name, precision: f"tflite/{name}_{precision}.tflite",
    convert=convert,
    describe=describe,
    metadata=read_metadata,
    open_runner=open_runner,
    suffixes=(".tflite",),
)
