"""A picture of an output's errors: each against the original's value, on a logarithmic scale."""

from __future__ import annotations

import math
from html import escape

from edge_deploy.core.messages import Shown, option
from edge_deploy.verification.verdicts import OutputVerdict

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 460, 220, 64, 36


def figure(output: OutputVerdict) -> str:
    """The error of each value against the original value, on a logarithmic scale."""
    agreement = f", SNR {output.snr_db:.1f} dB"
    if output.top1_agreement is not None:
        agreement += f", top-1 agreement {output.top1_agreement:.1%}"
    caption = (
        f"{output.name}: max error {output.max_abs_error:.3g}, mean {output.mean_abs_error:.3g}, "
        f"scale {output.scale:.3g}, would pass with "
        f"{option('rtol', Shown(f'{output.needed_rtol:.2g}'))}{agreement}"
    )
    return f"<figure>{_drawn(output)}<figcaption>{escape(caption)}</figcaption></figure>"


def _drawn(output: OutputVerdict) -> str:
    limit = output.limit if math.isfinite(output.limit) else 0.0
    floor = output.scale * 1e-9  # exact answers are drawn on the bottom line
    errors = [max(error, floor) for _, error in output.points] or [floor]
    low, high = math.log10(floor), math.log10(max(*errors, limit or floor, floor * 10)) + 0.3
    xs = [x for x, _ in output.points] or [0.0]
    left, right = min(xs), max(xs)
    span = (right - left) or 1.0

    def across(x: float) -> float:
        return _LEFT + (x - left) / span * (_WIDTH - _LEFT - 16)

    def down(error: float) -> float:
        share = (math.log10(max(error, floor)) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - 12)

    dots = "".join(
        f'<circle cx="{across(x):.1f}" cy="{down(e):.1f}" r="2.2" '
        f'fill="{"#b3261e" if e > (limit or math.inf) else "#2f6fde"}" fill-opacity=".6"/>'
        for x, e in output.points
    )
    line = ""
    if limit > 0:
        y = down(limit)
        line = (
            f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="#b3261e" '
            f'stroke-dasharray="5 4"/><text x="{_WIDTH - 8}" y="{y - 4:.1f}" text-anchor="end" '
            f'font-size="11" fill="#b3261e">allowed {limit:.1e}</text>'
        )
    ticks = "".join(
        f'<text x="{_LEFT - 6}" y="{down(10.0**p) + 4:.1f}" text-anchor="end" font-size="11" '
        f'fill="currentColor">1e{p}</text>'
        for p in range(math.ceil(low), math.floor(high) + 1, 2)
    )
    base = _HEIGHT - _BOTTOM
    label = f"error of {output.name} against the original's value, logarithmic"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{ticks}{line}{dots}'
        f'<text x="{_LEFT}" y="{base + 16}" font-size="11" fill="currentColor">{left:.3g}</text>'
        f'<text x="{_WIDTH - 16}" y="{base + 16}" text-anchor="end" font-size="11" '
        f'fill="currentColor">{right:.3g}</text><text x="{(_WIDTH + _LEFT) / 2:.0f}" '
        f'y="{base + 30}" text-anchor="middle" font-size="11" fill="currentColor">original value'
        "</text></svg>"
    )
