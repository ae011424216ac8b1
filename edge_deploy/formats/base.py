"""What a format is and what a runtime is: the two values that a folder of ``formats/`` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.core.spec import LoadedModel, ModelSpec, Runner, TensorSpec
from edge_deploy.data.calibration import Samples
from edge_deploy.data.reference import Reference
from edge_deploy.formats.layers import Layer, LayerError, Operator, group

METADATA_KEY = "edge_deploy"
"""Under this name every file carries its name, version, classes, preprocessing and source."""

FLOAT = "float32"
"""The precision that every format has, and that its others are made from."""

Steps = dict[str, dict[str, float]]
"""By name: how an integer stands for a number, ``(integer - zero_point) * scale``."""


@dataclass(frozen=True)
class Converted:
    """The files of one conversion.

    Attributes:
        path: The file that a runtime opens.
        files: All of them, ``path`` among them.
        notes: What a user should know, one line each.
    """

    path: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileInfo:
    """What a converted file says of itself.

    Attributes:
        target: A key of FORMATS.
        inputs: Its inputs, by the names a runtime gives them.
        outputs: Its outputs.
        ops: The operators in it, sorted; None where only the converter's library can tell.
        min_runtime: The oldest runtime that has all of its operators, where that is known.
        metadata: What edge-deploy embedded, None in somebody else's file.
        needs: What it asks of an app: operator versions, memory, work; None where not known.
    """

    target: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ops: tuple[str, ...] | None
    min_runtime: str | None
    metadata: Mapping[str, Any] | None
    needs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Quantization:
    """The precision that a float32 file is to get, and what making it takes.

    Attributes:
        precision: One that the format has, not float32.
        samples: Calibration data, for the format's static precisions.
        keep: Layers of the file that stay float32.
        io: ``float``, or one of the format's ``io_types``.
        min_runtime: The runtime that the file is to run in; any if empty.
    """

    precision: str
    samples: Samples | None = None
    keep: tuple[Layer, ...] = ()
    io: str = "float"
    min_runtime: str = ""


@dataclass(frozen=True)
class FallbackQuantizer:
    """Another quantizer, tried where the format's own gives a file that is outside its budget.

    Attributes:
        name: As the manifest says it.
        precision: The one that it makes.
        quantize: As the format's own, with the model before it.
    """

    name: str
    precision: str
    quantize: Callable[[LoadedModel, Path, Path, Quantization], None]


def _one_file(path: Path) -> tuple[Path, ...]:
    return (path,)


def _no_operators(path: Path) -> Iterable[Operator]:
    return ()


def _no_steps(path: Path) -> tuple[Steps, Steps]:
    return {}, {}


def _no_notes(preprocessing: Mapping[str, Any]) -> list[str]:
    return []


@dataclass(frozen=True)
class Format:
    """One format: what its files are called, and how they are written and read.

    Attributes:
        name: As in ``--to`` and in the manifest.
        path: Where its file goes in an artifact, from the model's name and the precision.
        suffixes: How a bare file of the format is named.
        export: From a LoadedModel, that path and metadata to embed: writes the file; raises
            ConversionError. ONNX' takes ``opset`` too, TFLite's ``free_batch``.
        describe: Reads what a file says of itself, without TensorFlow.
        metadata: Reads what edge-deploy embedded in it; None in somebody else's file.
        embed: Writes other metadata into a file; without it, files are converted again for that.
        precisions: Those that it has, float32 first, in the order in which files are made.
        quantize: Writes a float32 file (the first path) in another precision (to the second).
        static_precisions: Those whose activations are integers: they need calibration data.
        files: All files of a model, from the one that a runtime opens.
        operators: The operators of a float32 file, in the order in which they run.
        quantization_steps: Scale and zero point by name, of integer inputs and of outputs that
            come from integers, in a file of a static precision.
        layer_errors: The error of each layer of a compressed file, from the float32 file, the
            compressed one, the layers, the model's inputs and samples; None where nothing tells.
        quantizer: What makes the compressed files, where the manifest is to say it.
        fallback: What is tried where that one's file is outside its budget.
        io_types: What int8 files can take and give in place of float32.
        too_new: From what a file needs and the version of a runtime to what is missing there;
            None where runtimes are not told apart by version.
        preprocessing_notes: What apps that read its metadata cannot do of a preprocessing spec.
        only_storage: Whether precisions are of the stored weights alone: the runtime widens them
            as it loads them, and computes in float32.
    """

    name: str
    path: Callable[[str, str], str]
    suffixes: tuple[str, ...]
    export: Callable[..., Converted]
    describe: Callable[[Path], FileInfo]
    metadata: Callable[[Path], Mapping[str, Any] | None]
    precisions: tuple[str, ...]
    quantize: Callable[[Path, Path, Quantization], None]
    embed: Callable[[Path, Mapping[str, Any]], None] | None = None
    static_precisions: tuple[str, ...] = ()
    files: Callable[[Path], tuple[Path, ...]] = _one_file
    operators: Callable[[Path], Iterable[Operator]] = _no_operators
    quantization_steps: Callable[[Path], tuple[Steps, Steps]] = _no_steps
    layer_errors: (
        Callable[[Path, Path, Sequence[Layer], ModelSpec, Reference], tuple[LayerError, ...]] | None
    ) = None
    quantizer: str | None = None
    fallback: FallbackQuantizer | None = None
    io_types: tuple[str, ...] = ()
    too_new: Callable[[Mapping[str, Any], str], list[str]] | None = None
    preprocessing_notes: Callable[[Mapping[str, Any]], list[str]] = _no_notes
    only_storage: bool = False

    def layers(self, path: Path) -> tuple[Layer, ...]:
        """The layers of a float32 file, in the order in which they run."""
        return group(list(self.operators(path)))

    def steps(self, path: Path, precision: str) -> tuple[Steps, Steps]:
        """``quantization_steps`` of a file of any precision: none where it is not static."""
        return self.quantization_steps(path) if precision in self.static_precisions else ({}, {})


Opener = Callable[[Path], AbstractContextManager[Runner]]
"""From a converted file to a runner that answers until the context is left."""


def _needs_browser(path: Path) -> AbstractContextManager[Runner]:
    raise ValueError(f"{path}: its runtime is one of a page; open it with web.browser")


@dataclass(frozen=True)
class Runtime:
    """What runs the files of a format: in this process, or on a page of a browser.

    Attributes:
        name: As in ``--runtime`` and in the manifest.
        format: The name of the format that it opens.
        in_browser: Whether it runs on a page, where web.browser opens it.
        backends: Those that it has in a browser.
        open: Opens a file in this process.
    """

    name: str
    format: str
    in_browser: bool = False
    backends: tuple[str, ...] = ()
    open: Opener = _needs_browser

    def backends_of(self, asked: Sequence[str]) -> Sequence[str]:
        """Those to run of the ones that were asked for; who has only one is not asked."""
        return asked if len(self.backends) > 1 else self.backends
