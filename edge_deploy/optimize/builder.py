"""One converted file in one precision: made, described for the manifest, run and judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.artifact import artifact
from edge_deploy.core.errors import ConversionError, UsageError
from edge_deploy.core.messages import unknown
from edge_deploy.data.calibration import Samples
from edge_deploy.formats.base import FLOAT, Converted, Format
from edge_deploy.formats.layers import Layer
from edge_deploy.formats.registry import end_steps, make
from edge_deploy.formats.tflite.requirements import too_new
from edge_deploy.optimize.precisions import IO, PrecisionRequest
from edge_deploy.verification.file_check import Checker
from edge_deploy.verification.verdicts import Verdict, blank

QUANTIZER, CONVERTER = "ai-edge-quantizer", "TFLiteConverter"
"""What makes a compressed TFLite file: the second is tried where the first one's int8 fails."""


@dataclass(frozen=True)
class FileBuilder:
    """What all files of one run share.

    Attributes:
        stage: The folder that the files go to, laid out as an artifact.
        manifest: Of the artifact.
        checker: What the files are run and judged by.
        io: What int8 files take and give.
        calibration: For the precisions that need it.
        min_runtime: The TensorFlow Lite that the TFLite files are to run in; any if empty.
        keep_float: Names of layers that stay float32, or ``auto``.
        pruned: The manifest's form of how the model was pruned; None where it was not.
        converter: TFLiteConverter's int8 file from the float32 one, the samples and ``io``; None
            where there is no model to trace.
        progress: Called with a line at each step.
    """

    stage: Path
    manifest: dict[str, Any]
    checker: Checker
    io: str = "float"
    calibration: Samples | None = None
    keep_float: tuple[str, ...] = ()
    pruned: Mapping[str, Any] | None = None
    min_runtime: str = ""
    converter: Callable[[bytes, Samples, str], bytes] | None = None
    progress: Callable[[str], None] = lambda _: None

    def path(self, target: Format, precision: str) -> Path:
        """Where the file that a runtime opens goes."""
        return self.stage / path_of(target, self.manifest["name"], precision, bool(self.pruned))

    def entry(
        self, target: Format, precision: str, source: Converted, keep: Sequence[Layer] = ()
    ) -> dict[str, Any]:
        """Make a file from the float32 one, and give the manifest's form of it.

        Args:
            target: Its format.
            precision: Of the new file.
            source: The float32 file.
            keep: Layers that stay float32.

        Raises:
            ConversionError: The quantizer cannot do it, or ``min_runtime`` is too old for it.
        """
        made = source
        if precision != FLOAT:
            path = self.path(target, precision)
            path.parent.mkdir(parents=True, exist_ok=True)
            io = self.io if precision == "int8" else "float"
            more = (self.calibration, io, keep, self.min_runtime)
            made = make(target.name, source.path, path, precision, *more)
        return self.describe(target, precision, made, [layer.name for layer in keep])

    def converted(self, target: Format, source: Converted) -> dict[str, Any]:
        """Replace the int8 file of TFLite by TFLiteConverter's, and give its manifest's form.

        Raises:
            ConversionError: It cannot do it, or ``min_runtime`` is too old for it.
        """
        path = self.path(target, "int8")
        if self.converter is None or self.calibration is None:
            raise ConversionError("TFLiteConverter needs the model and calibration data.")
        path.write_bytes(self.converter(source.path.read_bytes(), self.calibration, self.io))
        entry = self.describe(target, "int8", Converted(path, (path,)), ())
        return {**entry, "quantizer": CONVERTER}

    def describe(
        self, target: Format, precision: str, made: Converted, kept: Sequence[str]
    ) -> dict[str, Any]:
        """The manifest's form of a file that is in the stage.

        Args:
            target: Its format.
            precision: Of the file.
            made: The file.
            kept: Names of the layers that are float32 in it.
        """
        info = target.describe(made.path)
        if self.min_runtime and info.needs:
            self._check_runtime(made.path, precision, info.needs)
        taken, given = end_steps(target.name, made.path, precision)
        return {
            "target": target.name,
            "precision": precision,
            "pruned": dict(self.pruned) if self.pruned else None,
            "kept_float": list(kept),
            "quantizer": QUANTIZER if target.name == "tflite" and precision != FLOAT else None,
            "files": artifact.describe_files(self.stage, made.files),
            "inputs": [_tensor(spec, taken) for spec in info.inputs],
            "outputs": [_tensor(spec, given) for spec in info.outputs],
            "ops": list(info.ops) if info.ops is not None else None,
            "min_runtime": info.min_runtime,
            "needs": dict(info.needs) if info.needs else None,
            "verification": None,
        }

    def _check_runtime(self, path: Path, precision: str, needs: Mapping[str, Any]) -> None:
        if newer := too_new(needs, self.min_runtime):
            if precision != FLOAT:
                path.unlink()
            raise ConversionError(
                f"--min-runtime {self.min_runtime}: the {precision} TFLite file needs "
                f"{needs['min_runtime']}, for {', '.join(newer)}. Take another precision (float32, "
                "float16 and int8 need the least), or link a newer runtime."
            )

    def judge(self, target: Format, entry: Mapping[str, Any]) -> list[Verdict]:
        """Run a file that is in the stage, and compare it with the original."""
        path = self.path(target, entry["precision"])
        return self.checker.check(target, path, blank(target, entry))


def path_of(target: Format, name: str, precision: str, pruned: bool) -> str:
    """The file that a runtime opens, inside an artifact."""
    return target.path(name, f"{precision}_pruned" if pruned else precision)


def _tensor(spec: Any, steps: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    step = steps.get(spec.name)
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "quantization": dict(step) if step else None,
    }


def check_io(io: str, wish: PrecisionRequest) -> None:
    """Refuse what --io cannot mean.

    Raises:
        UsageError: No such kind of ends, or no file that could have them.
    """
    if io not in IO:
        raise UsageError(f"--io: {unknown(io, IO, 'kind of inputs and outputs')}")
    if io != "float" and "int8" not in wish.by_target.get("tflite", ()):
        raise UsageError(f"--io {io} is for TFLite's int8: ask for it with tflite=int8.")


def check_runtime(version: str, wish: PrecisionRequest) -> None:
    """Refuse what --min-runtime cannot mean.

    Raises:
        UsageError: No version of a TensorFlow Lite, or no TFLite file.
    """
    if version and not re.fullmatch(r"[12](\.\d+){1,2}", version):
        raise UsageError(
            f"--min-runtime {version}: name a version of TensorFlow Lite, such as 2.11 (LiteRT "
            "1.0 has what 2.18 has)."
        )
    if version and "tflite" not in wish.by_target:
        raise UsageError("--min-runtime is for TFLite files, and none is asked for.")
