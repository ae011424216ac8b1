"""TFLite files in LiteRT."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.dependencies import install, pip_install
from edge_deploy.core.errors import ArtifactError, MissingDependencyError
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import Array, Arrays, Runner, as_dtype
from edge_deploy.core.worker import native
from edge_deploy.formats.tflite.file import SIGNATURE, unpack


@contextlib.contextmanager
def open_runner(path: Path) -> Iterator[Runner]:
    """Open a ``.tflite`` file in LiteRT; one interpreter answers all samples in turn.

    Raises:
        ArtifactError: LiteRT cannot open it.
        MissingDependencyError: It needs TensorFlow, which is not installed.
    """
    from ai_edge_litert.interpreter import Interpreter

    native.opens(path)
    # LiteRT reads past the end of a file that was cut.
    unpack(path, read_bytes(path, ArtifactError))
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        if "Select TensorFlow op" in str(error):
            yield _flex_runner(path)
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
        """Answer one sample, or several where the file leaves the batch free.

        Raises:
            ArtifactError: LiteRT cannot run the file, or it takes one sample at a time.
        """
        try:
            if self._signature is not None:
                details = self._signature.get_input_details()
                self._check_batch(inputs, details)
                feed = {n: _quantized(inputs[n], d) for n, d in details.items()}
                given = self._signature.get_output_details()
                answers = self._signature(**feed)
                return {n: _dequantized(value, given[n]) for n, value in answers.items()}
            return self._by_tensor(inputs)
        except (ValueError, RuntimeError, KeyError) as error:
            raise ArtifactError(
                f"{self._path}: LiteRT cannot run it: {first_line(error)}."
            ) from error

    def _check_batch(self, inputs: Arrays, details: Mapping[str, Any]) -> None:
        """LiteRT resizes any input, and a file for one sample then answers anything."""
        for name, detail in details.items():
            fixed, count = list(detail["shape_signature"][:1]), inputs[name].shape[:1]
            if fixed == [1] and count > (1,):
                raise ArtifactError(
                    f"{self._path}: takes one sample at a time, and got {count[0]}. A file that "
                    f"takes several is made with {option('free_batch', True)}."
                )

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


def _flex_runner(path: Path) -> Runner:
    """TensorFlow's own interpreter links the Flex delegate; that of 2.21 no longer does."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: this file needs TensorFlow's Flex operators, which LiteRT for Python does "
            f"not have. TensorFlow, which has them, is installed with: {install('convert')}"
        ) from error
    interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=1)
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        raise MissingDependencyError(
            f"{path}: this file needs TensorFlow's Flex operators, which the interpreter of "
            f"TensorFlow {tf.__version__} cannot run. That of 2.19 can, on Python 3.11 and 3.12: "
            f"{pip_install('tensorflow==2.19.*', 'tf-keras==2.19.*')}"
        ) from error
    return LiteRTRunner(path, interpreter)
