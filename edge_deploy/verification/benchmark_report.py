"""What ``bench`` measured, as a table and as a page with a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edge_deploy.core.messages import size_text
from edge_deploy.verification.html_page import STYLE

MARK = '<meta name="generator" content="edge-deploy bench">'
"""By which a page of ours is known: no other file is overwritten."""

_SAME = 0.1  # a difference of less is none: repeated runs differ by as much


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


def to_html(rows: Sequence[BenchRow]) -> str:
    """The page: a picture and the table, without scripts or foreign files."""
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
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{MARK}'
        '<title>edge-deploy bench</title><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}{_STYLE}</style></head><body><h1>Size and latency</h1>"
        "<p>One answer at a time on this machine, one thread in native runtimes. Where the "
        "middle halves of two files' times overlap, no difference is claimed. A browser without a "
        "GPU computes WebGL and WebGPU on the CPU: those times say nothing about phones.</p>"
        f"{_bars(rows)}<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"</table></div>{missing}</body></html>\n"
    )


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
