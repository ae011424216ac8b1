"""``bench``: size and latency of every file of an artifact in every runtime; no TensorFlow."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from edge_deploy import artifact as artifacts
from edge_deploy import disk
from edge_deploy.artifact import Artifact
from edge_deploy.checking import BrowserHandle, browser_if_any
from edge_deploy.errors import ArtifactError, UsageError
from edge_deploy.quiet import quiet
from edge_deploy.report import STYLE, size_text
from edge_deploy.targets import TARGETS
from edge_deploy.timing import time_runner
from edge_deploy.words import unknown

RUNTIMES: Mapping[str, tuple[str, bool]] = {
    "litert": ("tflite", False),
    "ort": ("onnx", False),
    "tfjs": ("tfjs", True),
    "litert-web": ("tflite", True),
    "ort-web": ("onnx", True),
}
"""What each runtime opens, and whether it is one of a browser."""

BACKENDS = ("webgl", "wasm", "webgpu", "cpu")
_SAME = 0.1  # a difference of less is none: repeated runs differ by as much
_MARK = '<meta name="generator" content="edge-deploy bench">'


@dataclass(frozen=True)
class BenchOptions:
    """What ``bench`` was asked for; the names are those of its flags."""

    only: tuple[str, ...] = tuple(TARGETS)
    runtimes: tuple[str, ...] = ("litert", "ort", "tfjs")
    backends: tuple[str, ...] = ("webgl", "wasm")
    seconds: float = 1.0
    page: Path | None = None
    browser: Path | None = None


@dataclass(frozen=True)
class BenchRow:
    """One file in one runtime.

    Attributes:
        artifact: Name and version.
        path: The file, inside the artifact.
        target: tflite, tfjs or onnx.
        precision: With what was pruned or kept in float.
        runtime: One of RUNTIMES.
        backend: Of a browser's runtime.
        bytes: On disk, all parts of the file.
        gzip_bytes: The same compressed.
        brotli_bytes: The same compressed better.
        first_ms: The first answer, in milliseconds: it may compile or allocate.
        median_ms: Of the answers after it.
        quartiles_ms: Between which the middle half of those lie.
        runs: How many answers were timed.
        against_float: Times as fast as the float32 file in the same runtime; None without one.
        distinct: Whether the middle halves of the two do not overlap.
        reason: Why it was not run; None when it was.
    """

    artifact: str
    path: str
    target: str
    precision: str
    runtime: str
    backend: str | None
    bytes: int
    gzip_bytes: int
    brotli_bytes: int
    first_ms: float | None = None
    median_ms: float | None = None
    quartiles_ms: tuple[float, float] | None = None
    runs: int = 0
    against_float: float | None = None
    distinct: bool = False
    reason: str | None = None

    @property
    def speed(self) -> str:
        """Faster or slower than float32, in words.

        Within a tenth it is neither, nor where the middle halves of the times overlap.
        """
        if self.against_float is None:
            return ""
        if not self.distinct or abs(self.against_float - 1) <= _SAME:
            return "no difference"
        if self.against_float > 1:
            return f"{self.against_float:.2f}× faster"
        return f"{1 / self.against_float:.2f}× slower"


@dataclass(frozen=True)
class Bench:
    """What ``bench`` measured.

    Attributes:
        rows: One a file and runtime.
        page: The page with the picture, where one was asked for.
    """

    rows: tuple[BenchRow, ...]
    page: Path | None

    @property
    def exit_code(self) -> int:
        """0 everything ran, 3 something did not."""
        return 3 if any(row.reason for row in self.rows) else 0


def bench(
    paths: Sequence[Path | str],
    options: BenchOptions = BenchOptions(),
    progress: Callable[[str], None] = lambda _: None,
) -> Bench:
    """Time every file of some artifacts in every runtime, one after another.

    Native runtimes get one thread, as in ``verify``. A browser's times are those of its page,
    with the copies to and from the backend; without a GPU, WebGL and WebGPU are computed by the
    CPU and say nothing about phones.

    Args:
        paths: Artifacts.
        options: Which files, in which runtimes.
        progress: Called with a line for each file.

    Raises:
        UsageError: The request is wrong.
        ArtifactError: An artifact cannot be read.
    """
    found = [artifacts.find(Path(path)) for path in paths]
    jobs = [
        (one, entry, runtime, backend)
        for one in found
        for entry in one.manifest["artifacts"]
        if entry["target"] in options.only
        for runtime, backend in _places(entry["target"], options)
    ]
    _check(options, bool(jobs))
    rows = []
    with browser_if_any(any(RUNTIMES[job[2]][1] for job in jobs), options.browser) as handle:
        for one, entry, runtime, backend in jobs:
            progress(f"{entry['files'][0]['path']} in {runtime} {backend or ''}".strip())
            rows.append(_row(one, entry, runtime, backend, handle, options.seconds))
    compared = tuple(_against_float(row, rows) for row in rows)
    if options.page is not None:
        _write_page(options.page, compared)
    return Bench(compared, options.page)


def _check(options: BenchOptions, any_file: bool) -> None:
    for flag, names, known in (
        ("--only", options.only, tuple(TARGETS)),
        ("--runtime", options.runtimes, tuple(RUNTIMES)),
        ("--backend", options.backends, BACKENDS),
    ):
        if wrong := [name for name in names if name not in known]:
            what = "target" if flag == "--only" else flag[2:]
            raise UsageError(f"{flag}: {unknown(wrong[0], known, what)}")
    if not any_file:
        raise UsageError("No file is left to time: --only and --runtime leave none.")
    if not 0 < options.seconds <= 600:
        raise UsageError(f"--seconds {options.seconds:g}: above 0 and at most 600.")
    page = options.page
    if page is None or not page.exists():
        return
    if page.is_dir() or _MARK not in page.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{page} was not written by bench: it is left alone. Name another.")


def _places(target: str, options: BenchOptions) -> Iterator[tuple[str, str | None]]:
    for runtime in options.runtimes:
        opens, in_page = RUNTIMES.get(runtime, ("", False))
        if opens != target:
            continue
        # LiteRT.js and ONNX Runtime Web are built here with their CPU backend.
        backends = options.backends if runtime == "tfjs" else ("wasm",)
        yield from ((runtime, backend) for backend in backends) if in_page else ((runtime, None),)


def _row(
    one: Artifact,
    entry: Mapping[str, Any],
    runtime: str,
    backend: str | None,
    handle: BrowserHandle,
    seconds: float,
) -> BenchRow:
    row: dict[str, Any] = {
        "artifact": f"{one.name} {one.manifest['version']}",
        "path": entry["files"][0]["path"],
        "target": entry["target"],
        "precision": _precision(entry),
        "runtime": runtime,
        "backend": backend,
        **{
            key: sum(file[key] for file in entry["files"])
            for key in ("bytes", "gzip_bytes", "brotli_bytes")
        },
    }
    path, target = one.main_file(entry), TARGETS[entry["target"]]
    opened: AbstractContextManager[Any]
    try:
        if backend is None:
            assert target.open_runner is not None
            opened = target.open_runner(path)
        elif handle.browser is None:
            return BenchRow(**row, reason=handle.reason)
        else:
            opened = handle.browser.open_file(entry["target"], path, backend, one.spec)
        with quiet(), opened as runner:
            times = [t * 1e3 for t in time_runner(runner, one.spec, one.reference(), seconds)]
    except ArtifactError as error:
        return BenchRow(**row, reason=str(error))
    low, median, high = statistics.quantiles(times[1:], n=4)
    return BenchRow(
        **row, first_ms=times[0], median_ms=median, quartiles_ms=(low, high), runs=len(times)
    )


def _precision(entry: Mapping[str, Any]) -> str:
    pruned, kept = entry["pruned"], entry.get("kept_float") or ()
    text = str(entry["precision"])
    if pruned:
        text += f", {pruned['sparsity']:.0%} zeros"
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


HEADER = (
    "artifact", "file", "runtime", "size", "gzip", "brotli", "first ms", "median ms",
    "than float32",
)  # fmt: skip


def table(rows: Sequence[BenchRow]) -> list[tuple[str, ...]]:
    """The table, for the terminal and the page (see HEADER)."""
    return [
        (
            row.artifact,
            f"{row.target} {row.precision}",
            f"{row.runtime} {row.backend or ''}".strip(),
            size_text(row.bytes),
            size_text(row.gzip_bytes),
            size_text(row.brotli_bytes),
            "not run" if row.first_ms is None else f"{row.first_ms:.3f}",
            "" if row.median_ms is None else f"{row.median_ms:.3f}",
            row.speed,
        )
        for row in rows
    ]


def _write_page(path: Path, rows: Sequence[BenchRow]) -> None:
    head = "".join(f"<th{' class=n' * (n > 2)}>{escape(h)}</th>" for n, h in enumerate(HEADER))
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' * (n > 2)}>{escape(c)}</td>" for n, c in enumerate(cells))
        + "</tr>"
        for cells in table(rows)
    )
    missing = "".join(
        f'<p class="not">{escape(row.path)} in {escape(row.runtime)}: {escape(row.reason)}</p>'
        for row in rows
        if row.reason
    )
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{_MARK}'
        '<title>edge-deploy bench</title><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}{_STYLE}</style></head><body><h1>Size and latency</h1>"
        "<p>One answer at a time on this machine, one thread in native runtimes. Where the "
        "middle halves of two files' times overlap, no difference is claimed. A browser without a "
        "GPU computes WebGL and WebGPU on the CPU: those times say nothing about phones.</p>"
        f"{_bars(rows)}<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"</table></div>{missing}</body></html>\n"
    )
    with disk.writing(path, "--page"):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace_text(path, html)


_STYLE = """
.bars text{font-size:12px;fill:currentColor}.bars .size{fill:#1f6feb}.bars .time{fill:#b26a00}
.bars svg{width:100%;height:auto}
@media (prefers-color-scheme:dark){.bars .size{fill:#6ea8fe}.bars .time{fill:#e3a857}}
"""


def _bars(rows: Sequence[BenchRow]) -> str:
    """Two bars a row: the download, and the median answer on a logarithmic scale."""
    shown = [row for row in rows if row.median_ms]
    if not shown:
        return ""
    line, left, wide, gap = 22, 320, 270, 90
    most = max(row.brotli_bytes for row in shown)
    times = [row.median_ms or 1.0 for row in shown]
    low, high = math.log10(min(times)) - 0.3, math.log10(max(times))
    second = left + wide + gap
    parts = [
        f'<text x="{left}" y="14">download (brotli)</text>'
        f'<text x="{second}" y="14">median answer, logarithmic</text>'
    ]
    for n, (row, ms) in enumerate(zip(shown, times, strict=True)):
        y = 24 + n * line
        size = wide * row.brotli_bytes / most
        span = wide * (math.log10(ms) - low) / ((high - low) or 1.0)
        name = f"{row.target} {row.precision}, {row.runtime} {row.backend or ''}".strip()
        parts.append(
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="size" x="{left}" y="{y}" width="{size:.1f}" height="{line - 6}"/>'
            f'<text x="{left + size + 5:.1f}" y="{y + 13}">{size_text(row.brotli_bytes)}</text>'
            f'<rect class="time" x="{second}" y="{y}" width="{span:.1f}" height="{line - 6}"/>'
            f'<text x="{second + span + 5:.1f}" y="{y + 13}">{ms:.3g} ms</text>'
        )
    height, width = 30 + len(shown) * line, second + wide + gap
    return (
        f'<figure class=bars><svg role="img" aria-label="download and median answer of '
        f'{len(shown)} files" viewBox="0 0 {width} {height}" width="{width}">{"".join(parts)}</svg>'
        "</figure>"
    )
