"""What the public functions can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edge_deploy.core.spec import LoadOptions
from edge_deploy.formats.base import FLOAT
from edge_deploy.formats.registry import FORMATS, default_runtimes
from edge_deploy.optimize.search.search import SPARSITIES
from edge_deploy.verification.tolerances import DEFAULT, Tolerances


@dataclass(frozen=True)
class BenchOptions:
    """What ``bench`` was asked for; the names are those of its flags."""

    only: tuple[str, ...] = tuple(FORMATS)
    runtimes: tuple[str, ...] = default_runtimes()
    backends: tuple[str, ...] = ("webgl", "wasm")
    seconds: float = 1.0
    page: Path | None = None
    browser: Path | None = None


@dataclass(frozen=True)
class ConvertOptions:
    """What ``convert`` was asked for; the names are those of its flags."""

    to: tuple[str, ...] = tuple(FORMATS)
    name: str | None = None
    version: str = "1"
    output: Path = Path("artifacts")
    overwrite: bool = False
    keep_going: bool = False
    dry_run: bool = False
    labels: str | None = None
    features: Path | None = None
    preprocess: str | None = None
    reference: Path | None = None
    samples: int = 1000
    quantize: tuple[str, ...] = (FLOAT,)
    io: str = "float"
    min_runtime: str = ""
    fold_preprocessing: bool = False
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()
    prune: float | None = None
    prune_data: Path | None = None
    prune_epochs: int = 10
    tolerances: Tolerances = DEFAULT
    strict: bool = False
    seed: int = 0
    browser: Path | None = None
    verbose: bool = False
    command: str = ""
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True)
class QuantizeOptions:
    """What ``quantize`` was asked for; the names are those of its flags."""

    to: tuple[str, ...]
    io: str = "float"
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()
    tolerances: Tolerances = DEFAULT
    strict: bool = False
    overwrite: bool = False
    keep_going: bool = False
    browser: Path | None = None
    verbose: bool = False


@dataclass(frozen=True)
class VerifyOptions:
    """What ``verify`` was asked for; the names are those of its flags."""

    only: tuple[str, ...] = tuple(FORMATS)
    runtimes: tuple[str, ...] = default_runtimes()
    backends: tuple[str, ...] = ("webgl", "wasm")
    against: Path | None = None
    reference: Path | None = None
    tolerances: Tolerances = DEFAULT
    report: Path | None = None
    browser: Path | None = None
    samples: int = 32
    seed: int = 0
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True)
class TuneOptions:
    """What ``tune`` was asked for.

    Attributes:
        max_drop: How far the task metric (accuracy, R²; without labels the agreement with the
            original) may fall, as a share.
        objective: ``size`` (brotli bytes, what is downloaded) or ``latency`` (LiteRT, ONNX
            Runtime, or TF.js on wasm, on this machine).
        executor: ``loky``, ``dask`` or ``ray``.
        jobs: Candidates at a time on this machine; None for one a core.
        resume: Go on with a search that did not end.
        sparsities: Shares of weights to prune; a model that is no Keras file is not pruned.
        convert: Everything else, as for ``convert``: targets, data, ``prune_data``, seed, output.
    """

    max_drop: float = 0.01
    objective: str = "size"
    executor: str = "loky"
    jobs: int | None = None
    resume: bool = False
    sparsities: tuple[float, ...] = SPARSITIES
    convert: ConvertOptions = field(default_factory=ConvertOptions)
