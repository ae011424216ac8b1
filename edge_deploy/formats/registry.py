"""The formats edge-deploy converts to. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import unknown
from edge_deploy.data.calibration import Samples
from edge_deploy.formats import onnx, tfjs, tflite
from edge_deploy.formats.base import FLOAT, Converted, Format
from edge_deploy.formats.layers import Layer, Operator, group
from edge_deploy.formats.onnx import quantize as onnx_quantize
from edge_deploy.formats.onnx.layers import operators as onnx_operators
from edge_deploy.formats.tfjs import quantize as tfjs_quantize
from edge_deploy.formats.tfjs.layers import operators as tfjs_operators
from edge_deploy.formats.tflite import quantize as tflite_quantize
from edge_deploy.formats.tflite import quantized_io as tflite_ends
from edge_deploy.formats.tflite.layers import operators as tflite_operators
from edge_deploy.formats.tflite.quantized_io import Steps

TARGETS: dict[str, Format] = {
    "tflite": tflite.TARGET,
    "tfjs": tfjs.TARGET,
    "onnx": onnx.TARGET,
}

IN_PAGE: dict[str, Format] = {
    "tflite": replace(tflite.TARGET, runtime="litert-web", open_runner=None),
    "onnx": replace(onnx.TARGET, runtime="ort-web", open_runner=None),
}
"""The same files in the page's own runtimes, on wasm."""


def runtimes_of(target: str) -> list[Format]:
    """All that can run a format's files: first its own runtime, then the page's."""
    return [TARGETS[target], *([IN_PAGE[target]] if target in IN_PAGE else [])]


BACKENDS = ("webgl", "wasm", "webgpu", "cpu")
"""TensorFlow.js' backends in a browser."""


def check_names(only: Iterable[str], runtimes: Iterable[str], backends: Iterable[str]) -> None:
    """Look at what ``--only``, ``--runtime`` and ``--backend`` were given.

    Raises:
        UsageError: One is the name of none.
    """
    every = [target.runtime for target in (*TARGETS.values(), *IN_PAGE.values())]
    for flag, what, names, known in (
        ("--only", "target", only, list(TARGETS)),
        ("--runtime", "runtime", runtimes, every),
        ("--backend", "backend", backends, list(BACKENDS)),
    ):
        if wrong := [name for name in names if name not in known]:
            raise UsageError(f"{flag}: {unknown(wrong[0], known, what)}")


def target_of(path: Path) -> Format:
    """The target whose file this is, by its name.

    Raises:
        UsageError: No target writes files of that name.
    """
    for target in TARGETS.values():
        if path.name.endswith(target.suffixes):
            return target
    known = ", ".join(suffix for target in TARGETS.values() for suffix in target.suffixes)
    raise UsageError(f"{path}: not a converted file; these end in {known}.")


RUNTIMES: Mapping[str, tuple[str, bool]] = {
    target.runtime: (name, target.open_runner is None)
    for name in TARGETS
    for target in runtimes_of(name)
}
"""What each runtime opens, and whether it is one of a browser."""


def of_file(target: str, path: Path) -> tuple[Layer, ...]:
    """The layers of a float32 file, in the order in which they run.

    Args:
        target: tflite, tfjs or onnx.
        path: The file that a runtime opens.
    """
    readers: dict[str, Callable[[], Iterable[Operator]]] = {
        "tflite": lambda: tflite_operators(path.read_bytes()),
        "onnx": lambda: onnx_operators(path),
        "tfjs": lambda: tfjs_operators(path),
    }
    return group(list(readers[target]()))


PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "tflite": (FLOAT, "float16", "dynamic", "int8", "int16x8", "int4"),
    "tfjs": (FLOAT, "float16", "uint16", "uint8"),
    "onnx": (FLOAT, "float16", "dynamic", "int8"),
}
"""What each target has, in the order in which files are made."""


STATIC: Mapping[str, tuple[str, ...]] = {
    "tflite": tflite_quantize.STATIC,
    "tfjs": (),
    "onnx": onnx_quantize.STATIC,
}
"""Those that need calibration data."""


def make(
    target: str,
    source: Path,
    path: Path,
    precision: str,
    samples: Samples | None,
    io: str = "float",
    keep: Sequence[Layer] = (),
    min_runtime: str = "",
) -> Converted:
    """Write a float32 file of a target in another precision.

    Args:
        target: A key of PRECISIONS.
        source: The float32 file that a runtime opens.
        path: Where the new one goes; its folder must exist.
        precision: One that the target has, not float32.
        samples: Calibration data, for those in STATIC.
        io: ``float``, or ``int8`` or ``uint8`` for a TFLite file that takes and gives integers.
        keep: Layers of ``source`` that stay float32.
        min_runtime: The TensorFlow Lite that a TFLite file is to run in.

    Raises:
        ConversionError: The quantizer cannot do it; nothing is substituted.
        MissingDependencyError: The quantizer is not installed.
    """
    makers: dict[str, Callable[[], object]] = {
        "tflite": lambda: path.write_bytes(
            tflite_quantize.quantize(source.read_bytes(), precision, samples, io, keep, min_runtime)
        ),
        "tfjs": lambda: tfjs_quantize.quantize(source, path, precision, keep),
        "onnx": lambda: onnx_quantize.quantize(source, path, precision, samples, keep),
    }
    makers[target]()
    files = sorted(path.parent.iterdir()) if target == "tfjs" else [path]
    return Converted(path, tuple(files))


def end_steps(target: str, path: Path, precision: str) -> tuple[Steps, Steps]:
    """Scale and zero point by name, of integer inputs and of outputs that come from integers."""
    if precision not in STATIC[target]:
        return {}, {}
    if target == "tflite":
        return tflite_ends.end_steps(path.read_bytes())
    return {}, onnx_quantize.output_steps(path)
