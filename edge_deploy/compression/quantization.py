"""Which precision each target has, and how a float32 file gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_deploy.compression import onnx, tfjs, tflite, tflite_ends
from edge_deploy.compression.calibration import Samples
from edge_deploy.compression.layers import Layer
from edge_deploy.compression.tflite_ends import Steps
from edge_deploy.errors import UsageError
from edge_deploy.targets.base import Converted
from edge_deploy.words import did_you_mean, unknown

FLOAT = "float32"

PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "tflite": (FLOAT, "float16", "dynamic", "int8", "int16x8", "int4"),
    "tfjs": (FLOAT, "float16", "uint16", "uint8"),
    "onnx": (FLOAT, "float16", "dynamic", "int8"),
}
"""What each target has, in the order in which files are made."""

STATIC: Mapping[str, tuple[str, ...]] = {"tflite": tflite.STATIC, "tfjs": (), "onnx": onnx.STATIC}
"""Those that need calibration data."""

IO = ("float", "int8", "uint8")


@dataclass(frozen=True)
class Wish:
    """Which precisions to make.

    Attributes:
        by_target: Precisions by target, in the table's order.
        notes: What was left out for which target, one line each.
    """

    by_target: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def static(self) -> bool:
        """Whether calibration data are needed."""
        return any(p in STATIC[t] for t, names in self.by_target.items() for p in names)


def parse(flag: str, texts: Sequence[str], targets: Sequence[str]) -> Wish:
    """Read ``float32,int8`` (for every target that has it) and ``tflite=int8`` (for one).

    Args:
        flag: As the user gave it, for messages.
        texts: The parts between the commas.
        targets: The targets that are made.

    Raises:
        UsageError: None of the targets has a precision of that name.
    """
    chosen: dict[str, set[str]] = {target: set() for target in targets}
    notes = []
    for text in texts:
        only, _, name = text.rpartition("=")
        if only and only not in targets:
            raise UsageError(f"{flag} {text}: {unknown(only, targets, 'target of this run')}")
        asked = [only] if only else list(targets)
        having = [target for target in asked if name in PRECISIONS[target]]
        if not having:
            raise UsageError(f"{flag} {text}: {_unknown(name, asked)}")
        for target in having:
            chosen[target].add(name)
        if missing := [target for target in asked if target not in having]:
            notes.append(f"{name} is left out of {', '.join(missing)}: no such precision there")
    if not texts:
        raise UsageError(f"{flag}: no precision is named. {_table(targets)}")
    return Wish(
        {t: tuple(p for p in PRECISIONS[t] if p in chosen[t]) for t in targets if chosen[t]},
        tuple(notes),
    )


def _unknown(name: str, targets: Sequence[str]) -> str:
    known = list(dict.fromkeys(p for target in targets for p in PRECISIONS[target]))
    return f"no target here has this precision.{did_you_mean(name, known)} {_table(targets)}"


def _table(targets: Sequence[str]) -> str:
    return "There are: " + "; ".join(f"{t}: {', '.join(PRECISIONS[t])}" for t in targets) + "."


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
        MissingDependency: The quantizer is not installed.
    """
    makers: dict[str, Callable[[], object]] = {
        "tflite": lambda: path.write_bytes(
            tflite.quantize(source.read_bytes(), precision, samples, io, keep, min_runtime)
        ),
        "tfjs": lambda: tfjs.quantize(source, path, precision, keep),
        "onnx": lambda: onnx.quantize(source, path, precision, samples, keep),
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
    return {}, onnx.output_steps(path)
