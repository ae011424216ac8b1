"""A converted file, as manifest.json says it: its bytes, its tensors, its needs, its verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from edge_deploy.artifact.document import (
    Count,
    Dtype,
    InnerPath,
    Number,
    Part,
    Positive,
    Scale,
    Sha256,
    Share,
)
from edge_deploy.artifact.performance import PerformanceEntry
from edge_deploy.formats.registry import FORMATS, is_converted


def _quantizers() -> list[str]:
    """What makes the compressed files of formats that tell it."""
    named = [(one.quantizer, one.fallback and one.fallback.name) for one in FORMATS.values()]
    return [name for names in named for name in names if name]


Format = Annotated[str, Meta(extra_json_schema={"enum": list(FORMATS)})]


Quantizer = Annotated[str, Meta(extra_json_schema={"enum": _quantizers()})]


class FilePart(Part, frozen=True, kw_only=True):
    """A file that belongs to a converted model, the one that a runtime opens first.

    Attributes:
        path: Inside the version's folder.
        bytes: Its size.
        gzip_bytes: What a download takes from a host that compresses with gzip; of a file over
            2 MB to about a percent.
        brotli_bytes: The same with brotli.
        sha256: Of its content.
    """

    path: InnerPath
    bytes: Positive
    gzip_bytes: Positive
    brotli_bytes: Positive
    sha256: Sha256


class QuantizationEntry(Part, frozen=True, kw_only=True):
    """What an integer stands for: ``number = (integer - zero_point) * scale``.

    Attributes:
        scale: The distance of neighbouring numbers.
        zero_point: The integer that is 0.
    """

    scale: Scale
    zero_point: int


class TensorEntry(Part, frozen=True, kw_only=True):
    """An input or output of a converted file, as the file has it.

    Attributes:
        name: The name that a runtime gives it.
        shape: With the batch axis first; null is a free axis.
        dtype: A numpy dtype name.
        quantization: Of an integer that stands for a number; null for others.
    """

    name: str
    shape: tuple[Count | None, ...]
    dtype: Dtype
    quantization: QuantizationEntry | None


class PruningEntry(Part, frozen=True, kw_only=True):
    """How the model was pruned.

    Attributes:
        sparsity: The share of zeros in its kernels.
        asked: The share that was asked for.
        epoch: After which epoch of training the weights are; null where it was pruned at once.
    """

    sparsity: Share
    asked: Share
    epoch: Count | None


class OperatorEntry(Part, frozen=True, kw_only=True):
    """An operator that a TFLite file uses.

    Attributes:
        name: Such as ``CONV_2D``.
        version: The newest version of it that is used.
        count: How often.
        min_runtime: The first TensorFlow Lite that has it; null where that is not known.
    """

    name: str
    version: Positive
    count: Positive
    min_runtime: str | None


class GpuFallback(Part, frozen=True, kw_only=True):
    """An operator that the GPU delegate leaves to the CPU.

    Attributes:
        name: Of the operator.
        reason: In words.
    """

    name: str
    reason: str


class GpuEntry(Part, frozen=True, kw_only=True):
    """What TensorFlow Lite's GPU delegate takes of a file.

    Attributes:
        all: Whether it takes all.
        falls_back: What it leaves.
    """

    all: bool
    falls_back: tuple[GpuFallback, ...]


class Requirements(Part, frozen=True, kw_only=True):
    """What a TFLite file asks of the app that runs it.

    Attributes:
        operators: Those in it, by name.
        min_runtime: The oldest TensorFlow Lite that has all of them.
        min_litert: The oldest LiteRT; null where every LiteRT has them.
        flex: TensorFlow's own operators, which the app must link.
        custom: Operators of somebody else, which it must link too.
        peak_memory_bytes_estimate: The most bytes that tensors fill at once.
        multiply_adds: Of one answer; null where a loop repeats them.
        gpu: What the GPU delegate takes; null where that is not known.
    """

    operators: tuple[OperatorEntry, ...]
    min_runtime: str
    min_litert: str | None
    flex: tuple[str, ...]
    custom: tuple[str, ...]
    peak_memory_bytes_estimate: Count
    multiply_adds: Count | None
    gpu: GpuEntry | None


class VerdictRow(Part, frozen=True, kw_only=True):
    """The last verdict on a file in one runtime; report.json has the evidence.

    Attributes:
        runtime: ``litert``, ``ort``, ``tfjs``, ``litert-web`` or ``ort-web``.
        backend: What computed in a browser: ``webgl``, ``wasm``, ``webgpu`` or ``cpu``.
        status: ``pass``, ``fail`` or ``not run``.
        samples: How many were compared.
        reason: Why it was not run; null where it was.
        problems: What is wrong, in words.
        median_ms: Median milliseconds of the model's own answer to one sample, by a clock beside
            the model; the first answer is left out.
        batches: Sizes of batches that it answers: 1, and 3 where the file and the runtime take
            several samples in one call; absent in manifests of before.
        tolerances: What ``--atol``, ``--rtol``, ``--max-drop`` and ``--min-agreement`` said; null
            for the defaults.
        max_abs_error: The largest difference of any output.
        performance: How good the file's answers are by the true labels; absent where there are
            none.
    """

    runtime: str
    backend: str | None
    status: str
    samples: int
    reason: str | None
    problems: tuple[str, ...]
    median_ms: Number | None
    batches: tuple[Positive, ...] | UnsetType = UNSET
    tolerances: dict[str, Any] | UnsetType | None = UNSET
    max_abs_error: Number | None
    performance: PerformanceEntry | UnsetType = UNSET


class FileEntry(Part, frozen=True, kw_only=True):
    """A converted model: one format in one precision.

    Attributes:
        target: Its format.
        precision: Of its weights and activations.
        pruned: How it was pruned; null where it was not.
        kept_float: Layers that stay float32 in a quantized file.
        quantizer: What made a compressed TFLite file; null for other files.
        files: The one that a runtime opens, and the shards of TF.js.
        inputs: As the file has them.
        outputs: As the file has them.
        ops: The operators in it, sorted; null where only the converter's library can tell.
        min_runtime: The oldest runtime that has all of them; null where that is not known.
        needs: What a TFLite file asks of an app; null for other files.
        verification: The last verdicts, one a runtime and backend; null until there are some.
    """

    target: Format
    precision: str
    pruned: PruningEntry | None
    kept_float: tuple[str, ...] | UnsetType = UNSET
    quantizer: Quantizer | UnsetType | None = UNSET
    files: Annotated[tuple[FilePart, ...], Meta(min_length=1)]
    inputs: tuple[TensorEntry, ...]
    outputs: tuple[TensorEntry, ...]
    ops: tuple[str, ...] | None
    min_runtime: str | None
    needs: Requirements | UnsetType | None = UNSET
    verification: tuple[VerdictRow, ...] | None

    def __post_init__(self) -> None:
        for key, value, known in (
            ("target", self.target, list(FORMATS)),
            ("quantizer", self.quantizer, _quantizers()),
        ):
            if value and value not in known:
                raise ValueError(f".{key}: is {value!r}, none of {', '.join(known)}")

    @property
    def path(self) -> str:
        """The file that a runtime opens, which no other entry has."""
        paths = [file.path for file in self.files]
        return next((path for path in paths if is_converted(Path(path))), paths[0])

    @property
    def bytes(self) -> int:
        """What all of its files weigh."""
        return sum(file.bytes for file in self.files)

    @property
    def gzip_bytes(self) -> int:
        """The same on the way from a host that compresses with gzip."""
        return sum(file.gzip_bytes for file in self.files)

    @property
    def brotli_bytes(self) -> int:
        """The same with brotli."""
        return sum(file.brotli_bytes for file in self.files)
