"""``bench``: size and latency of every file of an artifact in every runtime; no TensorFlow."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from edge_deploy.api.keywords import BenchKeywords
from edge_deploy.api.options import BenchOptions
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core import atomic_io, log
from edge_deploy.core.errors import ArtifactError, MissingDependencyError, UsageError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.options import as_paths, given, takes
from edge_deploy.core.stdio import quietly
from edge_deploy.formats.registry import RUNTIMES, check_names
from edge_deploy.verification.benchmark_report import MARK, BenchRow, to_html
from edge_deploy.verification.file_check import BrowserSession, browser_if_any
from edge_deploy.verification.latency import time_runner

_log = log.logger(__name__)


@dataclass(frozen=True)
class BenchResult:
    """What ``bench`` measured.

    Attributes:
        rows: One a file and runtime.
        page: The page with the picture, where one was asked for.
    """

    rows: tuple[BenchRow, ...]
    page: Path | None

    @property
    def complete(self) -> bool:
        """Whether every file that was asked for was run."""
        return not any(row.reason for row in self.rows)

    def _repr_html_(self) -> str:
        """The same in a notebook: the picture and the table."""
        return str(to_html(self.rows, "bench_card.html.j2"))


@takes(BenchOptions)
@quietly
def bench(
    paths: Path | str | Sequence[Path | str],
    options: BenchOptions | None = None,
    **keywords: Unpack[BenchKeywords],
) -> BenchResult:
    """Time every file of some artifacts in every runtime, one after another.

    Native runtimes get one thread, as in ``verify``. A browser's times are those of its page,
    with the copies to and from the backend; without a GPU, WebGL and WebGPU are computed by the
    CPU and say nothing about phones.

    Args:
        paths: An artifact, or several.
        options: Which files, in which runtimes.
        **keywords: Fields of ``BenchOptions`` by name, which win over ``options``.

    Raises:
        UsageError: The request is wrong.
        ArtifactError: An artifact cannot be read.
    """
    options = given(BenchOptions, options, keywords, "bench")
    found = [artifact.open_artifact(path) for path in as_paths(paths, "paths")]
    jobs = [
        (one, entry, runtime, backend)
        for one in found
        for entry in one.manifest.artifacts
        if entry.target in options.only
        for runtime, backend in _places(entry.target, options)
    ]
    _check(options, bool(jobs))
    rows = []
    with browser_if_any(
        any(RUNTIMES[job[2]].in_browser for job in jobs), options.browser
    ) as handle:
        for one, entry, runtime, backend in jobs:
            _log.info("%s in %s", entry.path, " ".join(filter(None, (runtime, backend))))
            rows.append(_row(one, entry, runtime, backend, handle, options.seconds))
    compared = tuple(_against_float(row, rows) for row in rows)
    if options.page is not None:
        with atomic_io.writing(options.page, "page"):
            options.page.parent.mkdir(parents=True, exist_ok=True)
            atomic_io.replace_text(options.page, to_html(compared))
    return BenchResult(compared, options.page)


def _check(options: BenchOptions, any_file: bool) -> None:
    check_names(options.only, options.runtimes, options.backends)
    if not any_file:
        raise UsageError(
            f"No file is left to time: {option('only')} and {option('runtimes')} leave none."
        )
    if not 0 < options.seconds <= 600:
        raise wrong_option("seconds", options.seconds, "above 0 and at most 600.")
    page = options.page
    if page is None or not page.exists():
        return
    if page.is_dir() or MARK not in page.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{page} was not written by bench: it is left alone. Name another.")


def _places(target: str, options: BenchOptions) -> Iterator[tuple[str, str | None]]:
    for name in options.runtimes:
        runtime = RUNTIMES.get(name)
        if runtime is None or runtime.format != target:
            continue
        backends = runtime.backends_of(options.backends) if runtime.in_browser else (None,)
        yield from ((name, backend) for backend in backends)


def _row(
    one: Artifact,
    entry: FileEntry,
    runtime: str,
    backend: str | None,
    handle: BrowserSession,
    seconds: float,
) -> BenchRow:
    row: dict[str, Any] = {
        "artifact": f"{one.name} {one.manifest.version}",
        "path": entry.path,
        "target": entry.target,
        "precision": _precision(entry),
        "runtime": runtime,
        "backend": backend,
        "bytes": entry.bytes,
        "gzip_bytes": entry.gzip_bytes,
        "brotli_bytes": entry.brotli_bytes,
    }
    path = one.main_file(entry)
    opened: AbstractContextManager[Any]
    try:
        if backend is None:
            opened = RUNTIMES[runtime].open(path)
        elif handle.browser is None:
            return BenchRow(**row, reason=handle.reason)
        else:
            opened = handle.browser.open_file(entry.target, path, backend, one.spec)
        with opened as runner:
            times = [t * 1e3 for t in time_runner(runner, one.spec, one.reference(), seconds)]
    except (ArtifactError, MissingDependencyError) as error:
        return BenchRow(**row, reason=str(error))
    low, median, high = statistics.quantiles(times[1:], n=4)
    return BenchRow(
        **row, first_ms=times[0], median_ms=median, quartiles_ms=(low, high), runs=len(times)
    )


def _precision(entry: FileEntry) -> str:
    kept, text = entry.kept_float or (), entry.precision
    if entry.pruned:
        text += f", {entry.pruned.sparsity:.0%} zeros"
    return f"{text}, {len(kept)} in float" if kept else text


def _against_float(row: BenchRow, rows: Sequence[BenchRow]) -> BenchRow:
    where = (row.artifact, row.runtime, row.backend)
    for other in rows:
        same = (other.artifact, other.runtime, other.backend) == where
        if not same or other.precision != "float32" or other is row:
            continue
        if row.quartiles_ms and other.quartiles_ms and row.median_ms and other.median_ms:
            (low, high), (least, most) = row.quartiles_ms, other.quartiles_ms
            ratio = other.median_ms / row.median_ms
            return replace(row, against_float=ratio, distinct=high < least or most < low)
    return row
