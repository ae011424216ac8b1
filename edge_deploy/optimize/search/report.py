"""The picture and the table of a search, for report.html: no scripts, no foreign files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.optimize.search.candidates import CandidateResult, front
from edge_deploy.verification.charts import Axis, spread_labels
from edge_deploy.verification.html_page import render

_NAMES = {"size": "download (KB, brotli)", "latency": "median answer (ms)"}

STYLE = """
.tune svg{width:100%;height:auto;max-width:48rem}
.tune text{font-size:12px;fill:currentColor}.tune .axis{stroke:currentColor;stroke-opacity:.35}
.tune .grid{stroke:currentColor;stroke-opacity:.12}
.tune .in{fill:#1f6feb}.tune .out{fill:none;stroke:#b26a00;stroke-width:1.6}
.tune .front{fill:none;stroke:#1f6feb;stroke-width:1.5}.tune .best{fill:none;stroke:#14713d;
stroke-width:2.5}.tune .limit{stroke:#b3261e;stroke-dasharray:6 4}.tune .said{font-weight:600}
@media (prefers-color-scheme:dark){.tune .in{fill:#6ea8fe}.tune .out{stroke:#e3a857}
.tune .front{stroke:#6ea8fe}.tune .best{stroke:#5fd08f}.tune .limit{stroke:#ff8a80}}
"""


def sections(tuning: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The parts of report.html about a search: none where there was none.

    Args:
        tuning: What tuning.json says.
    """
    return () if tuning is None else (_section(tuning),)


def _section(tuning: Mapping[str, Any]) -> str:
    found = [CandidateResult.from_json(one) for one in tuning["candidates"]]
    objective, max_drop = tuning["objective"], tuning["max_drop"]
    return render(
        "search.html.j2",
        "edge_deploy.optimize.search",
        more_style=STYLE,
        count=len(found),
        max_drop=max_drop,
        metric=found[0].metric,
        objective=objective,
        parts=[
            _part(target, [m for m in found if m.candidate.target == target], chosen, tuning)
            for target, chosen in tuning["recommended"].items()
        ],
    )


def _part(
    target: str,
    mine: Sequence[CandidateResult],
    chosen: Mapping[str, Any] | None,
    tuning: Mapping[str, Any],
) -> dict[str, Any]:
    """What the page says of a target."""
    objective, max_drop = tuning["objective"], tuning["max_drop"]
    best = front(mine, objective, max_drop)
    winner = next((m for m in best if chosen and m.candidate.label == chosen["label"]), None)
    timed = any(m.median_ms is not None for m in mine)
    sizes = ("KB, brotli", "of float32", "KB on disk")
    return {
        "target": target,
        "reason": chosen and chosen["reason"],
        "chart": _chart(mine, best, winner, (objective, max_drop)),
        "cost": _NAMES[objective],
        "metric": mine[0].metric,
        "header": ("file", "budget", "", *sizes, mine[0].metric, "drop", *["ms"] * timed),
        "rows": _rows(mine, best, winner, max_drop),
    }


def _rows(
    mine: Sequence[CandidateResult],
    best: Sequence[CandidateResult],
    winner: CandidateResult | None,
    max_drop: float,
) -> list[tuple[str, tuple[str, ...]]]:
    whole = next((m for m in mine if m.candidate.label == "float32"), mine[0])
    timed = any(m.median_ms is not None for m in mine)
    rows = []
    for m in sorted(mine, key=lambda m: m.brotli_bytes):
        kind = "pass" if m.within(max_drop) else "fail"
        cells = (
            m.candidate.words,
            "; ".join(m.problems) or ("within" if kind == "pass" else "over the budget"),
            "★ recommended" if m is winner else "front" if m in best else "",
            f"{m.brotli_bytes / 1000:.1f}",
            f"{m.brotli_bytes / whole.brotli_bytes:.3f}",
            f"{m.bytes / 1000:.1f}",
            f"{m.after:.4f}",
            f"{m.drop:+.4f}",
            *(("" if m.median_ms is None else f"{m.median_ms:.3f}",) if timed else ()),
        )
        rows.append((kind, cells))
    return rows


def _chart(
    mine: Sequence[CandidateResult],
    best: Sequence[CandidateResult],
    winner: CandidateResult | None,
    aim: tuple[str, float],
) -> dict[str, Any]:
    """What the chart's template draws: axes, and the places of dots on them."""
    (objective, max_drop), before = aim, mine[0].before
    unit = 1000.0 if objective == "size" else 1.0
    costs = {m.candidate: m.cost(objective) / unit for m in mine}
    shown = [m for m in mine if math.isfinite(costs[m.candidate]) and costs[m.candidate] > 0]
    logs = [math.log10(costs[m.candidate]) for m in shown]
    limit = before - max_drop
    top = max([before, *(m.after for m in shown if not m.problems)])
    # Four budgets below the original, or five points: what is far worse only has to be seen so.
    floor = max(min(m.after for m in shown), before - max(4 * max_drop, 0.05))
    floor = min(floor, limit)
    pad = (top - floor) * 0.08 or 0.01
    x = Axis(min(logs) - 0.06, max(logs) + 0.06, 70, 736, log=True)
    y = Axis(floor - pad, top + pad, 328, 22)

    def place(m: CandidateResult) -> tuple[float, float]:
        return x.at(costs[m.candidate]), y.at(max(m.after, y.low))

    names = sorted(best, key=lambda m: m is not winner)
    return {
        "x": x,
        "y": y,
        "limit": limit,
        "count": len(shown),
        "line": [place(m) for m in best],
        "dots": [
            (
                m.within(max_drop),
                m in best,
                *place(m),
                f"{m.candidate.words}: {costs[m.candidate]:.4g}, {m.metric} {m.after:.4f}",
            )
            for m in sorted(shown, key=lambda m: m in best)
        ],
        "ring": place(winner) if winner else None,
        "chosen": winner.candidate.words if winner else None,
        "labels": spread_labels([(*place(m), m.candidate.words) for m in names], x, y),
    }
