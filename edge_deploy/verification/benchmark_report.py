"""What ``bench`` measured, as a table and as a page with a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_deploy.core.messages import size_text
from edge_deploy.verification.charts import Axis
from edge_deploy.verification.html_page import render

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


_STYLE = """
.bars text{font-size:12px;fill:currentColor}.bars .size{fill:#1f6feb}.bars .time{fill:#b26a00}
.bars svg{width:100%;height:auto}
@media (prefers-color-scheme:dark){.bars .size{fill:#6ea8fe}.bars .time{fill:#e3a857}}
"""


def to_html(rows: Sequence[BenchRow], template: str = "bench.html.j2") -> str:
    """The page: a picture and the table, without scripts or foreign files.

    Args:
        rows: What was measured.
        template: ``bench_card.html.j2`` is the same as a part of a notebook.
    """
    bars = [
        (
            f"{row.target} {row.precision}, {row.runtime} {row.backend or ''}".strip(),
            row.brotli_bytes,
            size_text(row.brotli_bytes),
            row.median_ms,
        )
        for row in rows
        if row.median_ms
    ]
    times = [math.log10(ms) for *_, ms in bars] or [0.0]
    return render(
        template,
        mark=Markup(MARK),
        more_style=_STYLE,
        bars=bars,
        size=Axis(0, max((size for _, size, *_ in bars), default=0), 0, 270),
        time=Axis(min(times) - 0.3, max(times), 0, 270, log=True),
        header=HEADER,
        rows=[("", cells) for cells in table(rows)],
        missing=[row for row in rows if row.reason],
    )
