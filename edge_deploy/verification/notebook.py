"""Results as a notebook shows them: verdicts with bars, and size against accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.messages import size_text
from edge_deploy.verification import report
from edge_deploy.verification.charts import Axis, spread_labels
from edge_deploy.verification.html_page import render
from edge_deploy.verification.verdicts import Verdict

_BAR = 70  # pixels of the longest one
_BAR_OF = Markup('<i class="bar {}" style="width:{}px"></i>{}')
_LEAST = 1e-3  # of what is allowed: an error below is drawn as this


def card(
    manifest: Manifest,
    verdicts: Sequence[Verdict],
    notes: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    sections: Sequence[str] = (),
) -> str:
    """The verdicts on an artifact's files, as a part of somebody else's page.

    Args:
        manifest: Of the artifact.
        verdicts: On its files.
        notes: What the user should know.
        failed: What could not be made, with the reason.
        sections: HTML that comes before the table.
    """
    sizes = {entry.path: entry.brotli_bytes or entry.bytes for entry in manifest.artifacts}
    largest = max(sizes.values(), default=0)
    rows = [
        (verdict.status.split()[0], _with_bars(cells, verdict, sizes, largest))
        for verdict, cells in zip(verdicts, report.rows(manifest, verdicts), strict=True)
    ]
    html = render(
        "notebook.html.j2",
        title=f"{manifest.name} {manifest.version}".rstrip(),
        notes=notes,
        failed=dict(failed or {}),
        sections=sections,
        header=report.HEADER,
        rows=rows,
        problems=[
            (f"{v.path} ({v.runtime}{f' {v.backend}' if v.backend else ''})", [*v.problems])
            for v in verdicts
            if v.problems
        ],
        chart=_chart(verdicts, sizes),
    )
    return str(html)


def _with_bars(
    cells: tuple[str, ...], verdict: Verdict, sizes: Mapping[str, int], largest: int
) -> list[str]:
    """A row of the report with bars for what is downloaded and for the error that is allowed."""
    result: list[str] = list(cells)
    place = report.HEADER.index("brotli")
    if result[place] and largest:
        result[place] = _bar("size", sizes.get(verdict.path, 0) / largest, result[place])
    place = report.HEADER.index("max error")
    worst = max(verdict.outputs, key=lambda o: o.needed_rtol, default=None)
    if worst is not None and math.isfinite(worst.limit) and worst.limit > 0:
        share = worst.max_abs_error / worst.limit
        share = share if math.isfinite(share) else 1.0
        # On a logarithmic scale: an error of a thousandth and one of a hundredth look different.
        long = 1 + math.log10(max(share, _LEAST)) / -math.log10(_LEAST)
        result[place] = _bar("over" if share > 1 else "error", min(long, 1.0), result[place])
    return result


def _bar(kind: str, share: float, text: str) -> Markup:
    return _BAR_OF.format(kind, round(_BAR * share), text)


def _chart(verdicts: Sequence[Verdict], sizes: Mapping[str, int]) -> dict[str, Any] | None:
    """Size against accuracy, a dot a file; None where fewer than two files have both numbers."""
    dots: dict[str, tuple[float, float, str, str]] = {}
    tasks = {v.path: v.task for v in verdicts if v.task}
    name = next((task.name for task in tasks.values()), "agreement with the original")
    for verdict in verdicts:
        size, kept = sizes.get(verdict.path), _accuracy(verdict, bool(tasks))
        if size and kept is not None:
            what = f"{verdict.target} {report.precision_text(verdict)}"
            dots.setdefault(verdict.path, (size / 1000, kept, what, verdict.status.split()[0]))
    if len(dots) < 2:
        return None
    values = list(dots.values())
    logs = [math.log10(size) for size, *_ in values]
    heights = [height for _, height, *_ in values]
    pad = (max(heights) - min(heights)) * 0.1 or 0.01
    x = Axis(min(logs) - 0.1, max(logs) + 0.1, 70, 620, log=True)
    y = Axis(min(heights) - pad, max(heights) + pad, 210, 16)
    placed = [(x.at(size), y.at(height), what) for size, height, what, _ in values]
    points = [
        (x.at(size), y.at(height), f"{what}: {size_text(round(size * 1000))}, {name} {height:.4f}",
         status)
        for size, height, what, status in values
    ]  # fmt: skip
    return {"name": name, "x": x, "y": y, "points": points, "labels": spread_labels(placed, x, y)}


def _accuracy(verdict: Verdict, labelled: bool) -> float | None:
    """The task metric of a file; without labels the share of samples with the same winner."""
    if labelled:
        return verdict.task.after if verdict.task else None
    kept = [o.top1_agreement for o in verdict.outputs if o.top1_agreement is not None]
    return min(kept) if kept else None
