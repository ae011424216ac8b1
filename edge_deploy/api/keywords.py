"""The options of the public functions as keyword arguments, in the types that callers may give.

``options.py`` says what each means and what it becomes; a test holds the two equal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from edge_deploy.core.spec import LoadKeywords, SizeKeywords
from edge_deploy.web.page_head import PageInfo

AnyPath = str | os.PathLike[str]
Names = str | Sequence[str]
AnyData = Any
"""A path, an array, a dict of arrays, a data frame, or a pair of one of these and its labels."""


class DataKeywords(TypedDict, total=False):
    """``DataOptions``."""

    reference: AnyData
    samples: int
    label_column: str | None
    labels: AnyPath | Sequence[str] | None
    features: AnyPath | Sequence[Mapping[str, Any]] | Mapping[str, Any] | None
    preprocess: str | None
    seed: int


class BrowserKeywords(TypedDict, total=False):
    """``BrowserOptions``."""

    browser: AnyPath | None


class RunKeywords(BrowserKeywords, total=False):
    """``RunOptions``."""

    verbose: bool


class OutputKeywords(TypedDict, total=False):
    """``OutputOptions``."""

    name: str | None
    version: str
    output: AnyPath
    overwrite: bool
    command: str


class CalibrationKeywords(TypedDict, total=False):
    """``CalibrationOptions``."""

    calibration: AnyData
    strict: bool


class PruneKeywords(TypedDict, total=False):
    """``PruneOptions``."""

    prune_data: AnyData
    prune_epochs: int


class CompressKeywords(CalibrationKeywords, total=False):
    """``CompressOptions``."""

    io: str
    keep_float: Names


class BudgetKeywords(TypedDict, total=False):
    """``BudgetOptions``."""

    atol: float | Mapping[str, float]
    rtol: float | Mapping[str, float]
    max_drop: float | None
    min_agreement: float | None


class RuntimeKeywords(BrowserKeywords, total=False):
    """``RuntimeOptions``."""

    only: Names
    runtimes: Names
    backends: Names


class ModelKeywords(
    LoadKeywords,
    DataKeywords,
    CalibrationKeywords,
    PruneKeywords,
    OutputKeywords,
    RunKeywords,
    total=False,
):
    """``ModelOptions``."""

    to: Names | None


class ConvertKeywords(ModelKeywords, CompressKeywords, BudgetKeywords, total=False):
    """``ConvertOptions``."""

    quantize: Names
    prune: float | None
    min_runtime: str
    opset: int
    free_batch: bool
    fold_preprocessing: bool
    keep_going: bool
    dry_run: bool
    cache: bool


class QuantizeKeywords(CompressKeywords, BudgetKeywords, RunKeywords, SizeKeywords, total=False):
    """``QuantizeOptions``."""

    to: Names
    overwrite: bool
    keep_going: bool


class VerifyKeywords(LoadKeywords, RuntimeKeywords, BudgetKeywords, total=False):
    """``VerifyOptions``."""

    against: Any
    reference: AnyData
    label_column: str | None
    report: AnyPath | None
    seed: int
    strict: bool


class BenchKeywords(RuntimeKeywords, total=False):
    """``BenchOptions``."""

    seconds: float
    page: AnyPath | None


class DemoKeywords(TypedDict, total=False):
    """``DemoOptions``."""

    host: str | None
    embed: bool
    work_offline: bool
    page: PageInfo | None
    runtimes: Names | None
    compare: bool


class SearchKeywords(TypedDict, total=False):
    """``SearchOptions``."""

    max_drop: float
    objective: str
    executor: str
    jobs: int | None
    sparsities: Sequence[float]


class TuneKeywords(SearchKeywords, ModelKeywords, total=False):
    """``TuneOptions``."""

    resume: bool


class PushKeywords(TypedDict, total=False):
    """``PushOptions``."""

    branch: str | None
    host: str | None
    lfs: bool
    dry_run: bool
    force: bool


class PublishKeywords(SizeKeywords, total=False):
    """``PublishOptions``."""

    channel: str
    share: float | None
    keep: int
    by: str | None
    reference: AnyData
    label_column: str | None
    max_drop: float
    force: bool
    report_to: str | None


class DiffKeywords(SizeKeywords, total=False):
    """``DiffOptions``."""

    reference: AnyData
    label_column: str | None
    target: str | None
    precision: str | None
    max_drop: float | None
    page: AnyPath | None
