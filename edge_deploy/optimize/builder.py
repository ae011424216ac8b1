"""One converted file in one precision: made, described for the manifest, run and judged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from edge_deploy.artifact import artifact
from edge_deploy.artifact.document import part
from edge_deploy.artifact.file_entry import (
    FileEntry,
    PruningEntry,
    QuantizationEntry,
    Requirements,
    TensorEntry,
)
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.errors import ConversionError, UsageError, unknown_option, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.spec import LoadedModel, TensorSpec
from edge_deploy.core.worker.limits import give_memory_back
from edge_deploy.data.calibration import Samples
from edge_deploy.formats.base import FLOAT, Converted, Format, Quantization
from edge_deploy.formats.layers import Layer
from edge_deploy.formats.onnx.export import OPSET, OPSETS
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.optimize.precisions import PrecisionRequest
from edge_deploy.verification.file_check import Checker
from edge_deploy.verification.verdicts import Verdict, blank


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
        model: What was converted, for a format's fallback quantizer; None where it is not there.
    """

    stage: Path
    manifest: Manifest
    checker: Checker
    io: str = "float"
    calibration: Samples | None = None
    keep_float: tuple[str, ...] = ()
    pruned: PruningEntry | None = None
    min_runtime: str = ""
    model: LoadedModel | None = None

    def path(self, file_format: Format, precision: str) -> Path:
        """Where the file that a runtime opens goes."""
        return self.stage / path_of(file_format, self.manifest.name, precision, bool(self.pruned))

    def entry(
        self, file_format: Format, precision: str, source: Converted, keep: Sequence[Layer] = ()
    ) -> FileEntry:
        """Make a file from the float32 one, and give the manifest's form of it.

        Args:
            file_format: Its format.
            precision: Of the new file.
            source: The float32 file.
            keep: Layers that stay float32.

        Raises:
            ConversionError: The quantizer cannot do it, or ``min_runtime`` is too old for it.
        """
        made = source
        if precision != FLOAT:
            path = self.path(file_format, precision)
            path.parent.mkdir(parents=True, exist_ok=True)
            file_format.quantize(source.path, path, self._wanted(precision, keep))
            made = Converted(path, file_format.files(path))
        return self.describe(file_format, precision, made, [layer.name for layer in keep])

    def _wanted(self, precision: str, keep: Sequence[Layer] = ()) -> Quantization:
        io = self.io if precision == "int8" else "float"
        return Quantization(precision, self.calibration, tuple(keep), io, self.min_runtime)

    def fallback_entry(self, file_format: Format, source: Converted) -> FileEntry:
        """Replace a file by the fallback quantizer's, and give the manifest's form of it.

        Raises:
            ConversionError: It cannot do it, or ``min_runtime`` is too old for it.
        """
        fallback = file_format.fallback
        if self.model is None or fallback is None:
            raise ValueError(f"{file_format.name}: no other quantizer can make its files here")
        path = self.path(file_format, fallback.precision)
        fallback.quantize(self.model, source.path, path, self._wanted(fallback.precision))
        made = Converted(path, file_format.files(path))
        entry = self.describe(file_format, fallback.precision, made, ())
        return structs.replace(entry, quantizer=fallback.name)

    def describe(
        self, file_format: Format, precision: str, made: Converted, kept: Sequence[str]
    ) -> FileEntry:
        """The manifest's form of a file that is in the stage.

        Args:
            file_format: Its format.
            precision: Of the file.
            made: The file.
            kept: Names of the layers that are float32 in it.
        """
        info = file_format.describe(made.path)
        self._check_runtime(file_format, made.path, precision, info.needs)
        taken, given = file_format.steps(made.path, precision)
        return FileEntry(
            target=file_format.name,
            precision=precision,
            pruned=self.pruned,
            kept_float=tuple(kept),
            quantizer=file_format.quantizer if precision != FLOAT else None,
            files=artifact.describe_files(self.stage, made.files),
            inputs=tuple(_tensor(spec, taken) for spec in info.inputs),
            outputs=tuple(_tensor(spec, given) for spec in info.outputs),
            ops=tuple(info.ops) if info.ops is not None else None,
            min_runtime=info.min_runtime,
            needs=part(Requirements, info.needs) if info.needs else None,
            verification=None,
        )

    def _check_runtime(
        self, file_format: Format, path: Path, precision: str, needs: Mapping[str, Any] | None
    ) -> None:
        if not (self.min_runtime and needs and file_format.too_new):
            return
        if newer := file_format.too_new(needs, self.min_runtime):
            if precision != FLOAT:
                path.unlink()
            raise ConversionError(
                f"{option('min_runtime', self.min_runtime)}: the {precision} TFLite file needs "
                f"{needs['min_runtime']}, for {', '.join(newer)}. Take another precision (float32, "
                "float16 and int8 need the least), or link a newer runtime."
            )

    def judge(self, file_format: Format, entry: FileEntry) -> list[Verdict]:
        """Run a file that is in the stage, and compare it with the original."""
        # What describing it took, once more.
        give_memory_back(freed=sum(part.bytes for part in entry.files))
        path = self.path(file_format, entry.precision)
        runtime = default_runtime(file_format.name)
        return self.checker.check(runtime, path, blank(runtime, entry))


def path_of(file_format: Format, name: str, precision: str, pruned: bool) -> str:
    """The file that a runtime opens, inside an artifact."""
    return file_format.path(name, f"{precision}_pruned" if pruned else precision)


def _tensor(spec: TensorSpec, steps: Mapping[str, Mapping[str, float]]) -> TensorEntry:
    step = steps.get(spec.name)
    return TensorEntry(
        name=spec.name,
        shape=tuple(spec.shape),
        dtype=spec.dtype,
        quantization=part(QuantizationEntry, step) if step else None,
    )


def check_io(io: str, wish: PrecisionRequest) -> None:
    """Refuse what ``io`` cannot mean.

    Raises:
        UsageError: No such kind of ends, or no file that could have them.
    """
    kinds = ("float", *(kind for one in FORMATS.values() for kind in one.io_types))
    if io not in kinds:
        raise unknown_option("io", io, kinds, "kind of inputs and outputs")
    if io != "float" and not any(
        "int8" in precisions and io in FORMATS[name].io_types
        for name, precisions in wish.by_target.items()
    ):
        raise UsageError(
            f"{option('io', io)} is for TFLite's int8: ask for it with tflite=int8.",
            option="io",
            got=io,
        )


def check_opset(opset: int) -> None:
    """Refuse what is no opset of ONNX that files are written in.

    Raises:
        UsageError: It is below or above those.
    """
    if opset not in OPSETS:
        raise wrong_option(
            "opset",
            opset,
            f"files are written in {OPSETS.start} to {OPSETS.stop - 1}: ONNX Runtime 1.12 of 2022 "
            f"reads {OPSET}, and one that reads an opset reads those before it.",
        )


def check_batch(free: bool, wish: PrecisionRequest) -> None:
    """Refuse a free batch for files that have one anyway.

    Raises:
        UsageError: No TFLite file is asked for.
    """
    if free and "tflite" not in wish.by_target:
        raise UsageError(
            f"{option('free_batch', True)} is for TFLite files, and none is asked for: TF.js and "
            "ONNX files take any number of samples as they are.",
            option="free_batch",
            got=free,
        )


def check_runtime(version: str, wish: PrecisionRequest) -> None:
    """Refuse what ``min_runtime`` cannot mean.

    Raises:
        UsageError: No version of a TensorFlow Lite, or no TFLite file.
    """
    if version and not re.fullmatch(r"[12](\.\d+){1,2}", version):
        raise wrong_option(
            "min_runtime",
            version,
            "name a version of TensorFlow Lite, such as 2.11 (LiteRT 1.0 has what 2.18 has).",
        )
    if version and not any(FORMATS[name].too_new for name in wish.by_target):
        raise UsageError(
            f"{option('min_runtime')} is for TFLite files, and none is asked for.",
            option="min_runtime",
            got=version,
        )
