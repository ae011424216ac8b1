"""What the public functions can be asked for: small groups of options, and one class a function.

Each option is described once, in its group; each is a keyword argument of its function too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import SizeOptions
from edge_deploy.core.errors import wrong_option
from edge_deploy.core.options import Data, Options
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.data.sidecars import DataOptions
from edge_deploy.formats.base import FLOAT
from edge_deploy.formats.registry import FORMATS, default_runtimes
from edge_deploy.optimize.search.search import SearchOptions
from edge_deploy.verification.tolerances import Tolerances
from edge_deploy.web.page_head import PageInfo

ByOutput = Mapping[str, float]
"""Numbers by output name, ``""`` for all outputs."""


@dataclass(frozen=True, kw_only=True)
class BrowserOptions(Options):
    """Where what runs in a page is run.

    Attributes:
        browser: Chromium, Chrome or Edge; without it one in the usual places.
    """

    browser: Path | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(BrowserOptions):
    """How a command works.

    Attributes:
        verbose: Show what TensorFlow and the quantizers print.
    """

    verbose: bool = False


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Options):
    """Where a version goes.

    Attributes:
        name: Of the model; without it the file's.
        version: Of the artifact.
        output: The folder of ``<name>/<version>/``.
        overwrite: Replace a version that exists.
        command: What the manifest tells of how it was made.
    """

    name: str | None = None
    version: str = "1"
    output: Path = Path("artifacts")
    overwrite: bool = False
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions(Options):
    """What integer precisions see the ranges of a model in.

    Attributes:
        calibration: Samples, as for ``reference``; without them the evaluation data.
        strict: Warnings about them, about labels and about how samples are prepared are errors.
    """

    calibration: Data | None = None
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class PruneOptions(Options):
    """What a pruned model is trained on.

    Attributes:
        prune_data: Samples with labels, as for ``reference``; without them it is pruned at once.
        prune_epochs: How often to go through them.
    """

    prune_data: Data | None = None
    prune_epochs: int = 10


@dataclass(frozen=True, kw_only=True)
class CompressOptions(CalibrationOptions):
    """What compressed files are like.

    Attributes:
        io: What int8 files take and give: float, int8 or uint8.
        keep_float: Layers that stay float32; ``auto`` finds the fewest.
    """

    io: str = "float"
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BudgetOptions(Options):
    """What passes.

    Attributes:
        atol: The error that is allowed, for all outputs or by output name.
        rtol: The same, as a share of the output's scale.
        max_drop: Accuracy (or R²) that a compressed file may lose, as a share.
        min_agreement: The share of samples whose winner must stay the same.
    """

    atol: ByOutput = field(default_factory=dict)
    rtol: ByOutput = field(default_factory=dict)
    max_drop: float | None = None
    min_agreement: float | None = None

    @property
    def tolerances(self) -> Tolerances:
        """The same, as verdicts take it.

        Raises:
            UsageError: A share is not one, or an error is below 0.
        """
        for name, allowed in (("atol", self.atol), ("rtol", self.rtol)):
            for value in allowed.values():
                if not 0 <= value < math.inf:
                    raise wrong_option(name, value, "not a number of 0 or more.")
        for name in ("max_drop", "min_agreement"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise wrong_option(name, value, "a share between 0 and 1, such as 0.01.")
        return Tolerances(self.atol, self.rtol, self.max_drop, self.min_agreement)


@dataclass(frozen=True, kw_only=True)
class RuntimeOptions(BrowserOptions):
    """Which files are run, and where.

    Attributes:
        only: Targets: tflite, tfjs, onnx.
        runtimes: litert, ort and tfjs; also litert-web and ort-web.
        backends: Of TF.js: webgl, wasm, webgpu, cpu.
    """

    only: tuple[str, ...] = tuple(FORMATS)
    runtimes: tuple[str, ...] = default_runtimes()
    backends: tuple[str, ...] = ("webgl", "wasm")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(
    LoadOptions, DataOptions, CalibrationOptions, PruneOptions, OutputOptions, RunOptions
):
    """What every conversion of a trained model can be asked for.

    Attributes:
        to: Targets: tflite, tfjs, onnx; without it all that can hold the model.
    """

    to: tuple[str, ...] | None = None

    def targets(self, model: LoadedModel | None = None) -> tuple[str, ...]:
        """What is made: what was named, or all that can hold the model."""
        if self.to is not None:
            return tuple(name for name in FORMATS if name in self.to)
        return tuple(FORMATS) if model is None or model.onnx is None else ("onnx",)


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(ModelOptions, CompressOptions, BudgetOptions):
    """What ``convert`` can be asked for.

    Attributes:
        quantize: Precisions, such as ``float32`` or ``tflite=int8``.
        prune: The share of the weights of a Keras model that become zeros.
        min_runtime: The oldest TensorFlow Lite that must run the files, such as ``2.11``.
        opset: The version of ONNX' operators, 13 to 18: older runtimes need a lower one.
        free_batch: TFLite files take any number of samples at a time, where a runtime can resize
            their inputs; one without it.
        fold_preprocessing: The files take 0-255 pixels, RGB.
        keep_going: Publish the targets that could be converted.
        dry_run: Read and check everything, write nothing.
        cache: Take the files of the same conversion, where it was done before.
    """

    quantize: tuple[str, ...] = (FLOAT,)
    prune: float | None = None
    min_runtime: str = ""
    opset: int = 17
    free_batch: bool = False
    fold_preprocessing: bool = False
    keep_going: bool = False
    dry_run: bool = False
    cache: bool = True


@dataclass(frozen=True, kw_only=True)
class QuantizeOptions(CompressOptions, BudgetOptions, RunOptions, SizeOptions):
    """What ``quantize`` can be asked for.

    Attributes:
        to: Precisions, such as ``int8`` or ``tflite=int8``.
        overwrite: Replace precisions that are there.
        keep_going: Keep the precisions that could be made.
    """

    to: tuple[str, ...]
    overwrite: bool = False
    keep_going: bool = False


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(LoadOptions, RuntimeOptions, BudgetOptions):
    """What ``verify`` can be asked for.

    Attributes:
        against: The original, to answer again: a path or a live model.
        reference: New samples for it, as for ``convert``.
        label_column: Their column (key) of true answers, as for ``convert``.
        report: The folder that the reports go to; without it the artifact.
        seed: By which samples are chosen.
        strict: Warnings about labels and about how samples are prepared fail.
    """

    against: Any = None
    reference: Data | None = None
    label_column: str | None = None
    report: Path | None = None
    seed: int = 0
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class BenchOptions(RuntimeOptions):
    """What ``bench`` can be asked for.

    Attributes:
        seconds: How long to ask each file.
        page: Where the table and the picture go; without it they are not written.
    """

    seconds: float = 1.0
    page: Path | None = None


@dataclass(frozen=True, kw_only=True)
class DemoOptions(Options):
    """What ``build_demo`` can be asked for.

    Attributes:
        host: One of hosting.HOSTS: what that host needs is written beside the page.
        embed: Write ``embed.mjs`` and ``edge-model.mjs``, which put the models in a page of
            somebody else.
        work_offline: Let a service worker keep the site for visits without a network.
        page: What the site says of itself: title, description, author, link, colour.
        runtimes: Of tfjs, litert-web and ort-web, those that the site brings, with the files
            that run in them; without it the ones that the models need to run.
        compare: Bring every runtime that there is a file for, so that visitors can compare.
    """

    host: str | None = None
    embed: bool = False
    work_offline: bool = True
    page: PageInfo | None = None
    runtimes: tuple[str, ...] | None = None
    compare: bool = False


@dataclass(frozen=True, kw_only=True)
class TuneOptions(SearchOptions, ModelOptions):
    """What ``tune`` can be asked for.

    Attributes:
        resume: Go on with a search that did not end.
    """

    version: str = "tuned"
    resume: bool = False


@dataclass(frozen=True, kw_only=True)
class PushOptions(Options):
    """What ``push`` can be asked for.

    Attributes:
        branch: The branch; without it what the host serves, gh-pages where that is not known.
        host: github-pages, hf-space, gitlab-pages or codeberg, whose files are added; without it
            the one that the address names.
        lfs: Send files of more than 10 MB by Git LFS; to hf-space that is done without it, and for
            every file that is no text.
        dry_run: Look, and send nothing.
        force: Go on where others have pushed since; their commits stay in the history.
    """

    branch: str | None = None
    host: str | None = None
    lfs: bool = False
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishOptions(SizeOptions):
    """What ``publish`` can be asked for.

    Attributes:
        channel: Whom the version answers: ``stable`` everybody, ``canary`` a share of the
            visitors, ``shadow`` nobody: it is asked in silence.
        share: Of the visitors, from 0 to 1, where it is a canary; without it a tenth.
        keep: How many versions of a model stay in the site; those that are live do whatever it is.
        by: Who publishes, which the site says to everybody; without it git's ``user.name``.
        reference: Samples that the stable version and a new one are compared with, as for ``diff``.
        label_column: Their column (key) of true answers, as for ``convert``.
        max_drop: Accuracy (or R²) that a new stable version may lose.
        force: Publish what takes or gives something else than the stable version, or is worse.
        report_to: Where the page sends counts of a visit, if its visitor lets it: an address of
            ``edge-deploy collect``. Without it this stays as it is; ``""`` ends it.
    """

    channel: str = "stable"
    share: float | None = None
    keep: int = 5
    by: str | None = None
    reference: Data | None = None
    label_column: str | None = None
    max_drop: float = 0.01
    force: bool = False
    report_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class DiffOptions(SizeOptions):
    """What ``diff`` can be asked for.

    Attributes:
        reference: Samples for both, as for ``convert``; without it those in the new artifact.
        label_column: Their column (key) of true answers, as for ``convert``.
        target: tflite or onnx; without it the first of the two that is there.
        precision: Which of the files; without it float32, or the first that is there.
        max_drop: Accuracy (or R²) that the new version may lose.
        page: The file that a page of it goes to; without it none is written.
    """

    reference: Data | None = None
    label_column: str | None = None
    target: str | None = None
    precision: str | None = None
    max_drop: float | None = None
    page: Path | None = None
