"""The picture and the table of a search, for report.html: no scripts, no foreign files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_deploy.optimize.search.candidates import CandidateResult, front

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 380, 70, 24, 22, 52
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
    body = [
        "<h2>The search</h2>",
        f"<p>{len(found)} files were made and measured; the budget is a drop of {max_drop:g} in "
        f"{escape(found[0].metric)}, the aim the least {escape(_aim(objective))}. "
        "Sizes and answers are the same in every run with the same seed, times are not.</p>",
    ]
    for target, chosen in tuning["recommended"].items():
        mine = [m for m in found if m.candidate.target == target]
        best = front(mine, objective, max_drop)
        body.append(f"<h2>{escape(target)}</h2>")
        body.append(
            f"<p><b>Recommended: {escape(chosen['reason'])}.</b></p>"
            if chosen
            else '<p class="fail">No file of this target stays within the budget.</p>'
        )
        winner = next((m for m in best if chosen and m.candidate.label == chosen["label"]), None)
        body.append(_figure(target, mine, best, winner, objective, max_drop))
        body.append(_table(mine, best, winner, max_drop))
    return f"<style>{STYLE}</style><section class=tune>{''.join(body)}</section>"


def _aim(objective: str) -> str:
    return "download" if objective == "size" else "time of an answer"


def _table(
    mine: Sequence[CandidateResult],
    best: Sequence[CandidateResult],
    winner: CandidateResult | None,
    max_drop: float,
) -> str:
    whole = next((m for m in mine if m.candidate.label == "float32"), mine[0])
    timed = any(m.median_ms is not None for m in mine)
    rows = []
    for m in sorted(mine, key=lambda m: m.brotli_bytes):
        kind = "pass" if m.within(max_drop) else "fail"
        state = "; ".join(m.problems) or ("within" if kind == "pass" else "over the budget")
        mark = "★ recommended" if m is winner else "front" if m in best else ""
        cells = (
            f"<td>{escape(m.candidate.words)}</td><td class={kind}>{escape(state)}</td>"
            f"<td>{mark}</td><td class=n>{m.brotli_bytes / 1000:.1f}</td>"
            f"<td class=n>{m.brotli_bytes / whole.brotli_bytes:.3f}</td>"
            f"<td class=n>{m.bytes / 1000:.1f}</td><td class=n>{m.after:.4f}</td>"
            f"<td class=n>{m.drop:+.4f}</td>"
        )
        if timed:
            cells += f"<td class=n>{'' if m.median_ms is None else f'{m.median_ms:.3f}'}</td>"
        rows.append(f"<tr>{cells}</tr>")
    head = (
        "<th>file</th><th>budget</th><th></th><th class=n>KB, brotli</th>"
        "<th class=n>of float32</th>"
        f"<th class=n>KB on disk</th><th class=n>{escape(whole.metric)}</th><th class=n>drop</th>"
        + ("<th class=n>ms</th>" if timed else "")
    )
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _figure(
    target: str,
    mine: Sequence[CandidateResult],
    best: Sequence[CandidateResult],
    winner: CandidateResult | None,
    objective: str,
    max_drop: float,
) -> str:
    caption = (
        f"{target}: {_NAMES[objective]} against {mine[0].metric}. Every file a dot: filled is "
        "within the budget, hollow is not; the line is the front, the ring the recommendation. "
        "Dots at the bottom edge are worse than the scale shows; each dot's name is its tooltip."
    )
    drawn = _svg(target, mine, best, winner, objective, max_drop)
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def _svg(
    target: str,
    mine: Sequence[CandidateResult],
    best: Sequence[CandidateResult],
    winner: CandidateResult | None,
    objective: str,
    max_drop: float,
) -> str:
    unit = 1000.0 if objective == "size" else 1.0
    shown = [m for m in mine if math.isfinite(m.cost(objective)) and m.cost(objective) > 0]
    costs = [m.cost(objective) / unit for m in shown]
    low, high = math.log10(min(costs)) - 0.06, math.log10(max(costs)) + 0.06
    limit = mine[0].before - max_drop
    top = max([mine[0].before, *(m.after for m in shown if not m.problems)])
    # Four budgets below the original, or five points: what is far worse only has to be seen so.
    floor = max(min(m.after for m in shown), mine[0].before - max(4 * max_drop, 0.05))
    floor = min(floor, limit)
    pad = (top - floor) * 0.08 or 0.01
    top, bottom = top + pad, floor - pad

    def across(m: CandidateResult) -> float:
        share = (math.log10(m.cost(objective) / unit) - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def level(value: float) -> float:
        share = (max(value, bottom) - bottom) / (top - bottom)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)

    parts = [_axes(low, high, bottom, top, level), _limit_line(level(limit), limit)]
    points = [f"{across(m):.1f},{level(m.after):.1f}" for m in best]
    parts.append(f'<polyline class="front" points="{" ".join(points)}"/>')
    for m in sorted(shown, key=lambda m: m in best):
        kind, size = ("in", 6 if m in best else 4) if m.within(max_drop) else ("out", 4)
        tip = f"{m.candidate.words}: {m.cost(objective) / unit:.4g}, {m.metric} {m.after:.4f}"
        parts.append(
            f'<circle class="{kind}" cx="{across(m):.1f}" cy="{level(m.after):.1f}" r="{size}">'
            f"<title>{escape(tip)}</title></circle>"
        )
    if winner is not None:
        x, y = across(winner), level(winner.after)
        parts.append(f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="11"/>')
    parts.extend(_labels([(m, across(m), level(m.after)) for m in best], winner))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    metric = mine[0].metric
    parts.append(
        f'<text x="{middle:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{_NAMES[objective]}, '
        f'logarithmic</text><text x="14" y="{_TOP - 8}">{escape(metric)}</text>'
    )
    label = f"{target}: {_NAMES[objective]} against {metric} of {len(shown)} files"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _limit_line(y: float, limit: float) -> str:
    return (
        f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_WIDTH - _RIGHT}" y="{y + 15:.1f}" text-anchor="end">budget {limit:.4g}</text>'
    )


def _axes(low: float, high: float, bottom: float, top: float, level: Any) -> str:
    base, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{base}" y2="{base}"/>'
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{base}"/>'
    ]
    step = _step(top - bottom)
    value = math.ceil(bottom / step) * step
    while value <= top:
        y = level(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
        value += step
    for power in range(math.floor(low), math.ceil(high) + 1):
        for digit in (1, 2, 3, 5, 7) if high - low < 1.5 else (1, 2, 5):
            place = power + math.log10(digit)
            if low <= place <= high:
                x = _LEFT + (place - low) / (high - low) * (right - _LEFT)
                parts.append(
                    f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{base}"/>'
                    f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">'
                    f"{digit * 10.0**power:g}</text>"
                )
    return "".join(parts)


def _step(span: float) -> float:
    """A round distance of grid lines, of which four to nine fit."""
    rough = span / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(s for s in (1, 2, 5, 10) if s * power >= rough) * power)


def _labels(
    best: Sequence[tuple[CandidateResult, float, float]], winner: CandidateResult | None
) -> list[str]:
    """Names of the front's dots, where they do not run into one another."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for m, x, y in sorted(best, key=lambda entry: entry[0] is not winner):
        text = m.candidate.words
        wide = 6.6 * len(text)
        for down in (-14.0, 24.0, -30.0, 40.0):
            left = min(max(x - wide / 2, _LEFT + 4), _WIDTH - _RIGHT - wide)
            line = y + down
            clear = all(
                abs(line - other) > 14 or left > end + 4 or left + wide < start - 4
                for start, end, other in taken
            )
            if clear and _TOP < line < _HEIGHT - _BOTTOM - 4:
                taken.append((left, left + wide, line))
                kind = ' class="said"' if m is winner else ""
                parts.append(f'<text{kind} x="{left:.1f}" y="{line:.1f}">{escape(text)}</text>')
                break
    return parts
