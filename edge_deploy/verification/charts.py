"""What the reports' charts have in common, and the one of an output's errors.

Templates draw them, as SVG; here values get their places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_deploy.core.messages import Shown, option
from edge_deploy.verification.html_page import render
from edge_deploy.verification.verdicts import OutputVerdict


@dataclass(frozen=True)
class Axis:
    """Where values lie on paper.

    Attributes:
        low: The value at the start; of a logarithmic axis its power of ten.
        high: The same at the end.
        start: The place of low.
        end: The place of high.
        log: Whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value."""
        value = math.log10(value) if self.log else value
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values along it: four to nine, or the digits of each power of ten."""
        if self.log:
            digits = (1, 2, 3, 5, 7) if self.high - self.low < 1.5 else (1, 2, 5)
            powers = range(math.floor(self.low), math.ceil(self.high) + 1)
            values = [digit * 10.0**power for power in powers for digit in digits]
            return [value for value in values if self.low <= math.log10(value) <= self.high]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s for s in (1, 2, 5, 10) if s * power >= rough) * power
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step) + 1)]


def spread_labels(
    dots: Sequence[tuple[float, float, str]], x: Axis, y: Axis
) -> list[tuple[float, float, str]]:
    """Where dots' names stand, in order, without those that would run into one before."""
    labels: list[tuple[float, float, str]] = []
    for at_x, at_y, name in dots:
        wide = 6.6 * len(name)
        left = min(max(at_x - wide / 2, x.start + 4.0), x.end - wide)
        for line in (at_y - 14, at_y + 24, at_y - 30, at_y + 40):
            clear = all(
                abs(line - other) > 14
                or left > start + 6.6 * len(text) + 4
                or left + wide < start - 4
                for start, other, text in labels
            )
            if clear and y.end < line < y.start - 4:
                labels.append((left, line, name))
                break
    return labels


def errors(output: OutputVerdict) -> Markup:
    """The error of each value against the original value, on a logarithmic scale."""
    agreement = f", SNR {output.snr_db:.1f} dB"
    if output.top1_agreement is not None:
        agreement += f", top-1 agreement {output.top1_agreement:.1%}"
    limit = output.limit if math.isfinite(output.limit) else 0.0
    floor = output.scale * 1e-9  # exact answers are drawn on the bottom line
    highest = max([*(error for _, error in output.points), limit or floor, floor * 10])
    values = [value for value, _ in output.points] or [0.0]
    y = Axis(math.log10(floor), math.log10(highest) + 0.3, 184, 12, log=True)
    return render(
        "errors.html.j2",
        label=f"error of {output.name} against the original's value, logarithmic",
        caption=f"{output.name}: max error {output.max_abs_error:.3g}, mean "
        f"{output.mean_abs_error:.3g}, scale {output.scale:.3g}, would pass with "
        f"{option('rtol', Shown(f'{output.needed_rtol:.2g}'))}{agreement}",
        x=Axis(min(values), max(values), 64, 444),
        y=y,
        powers=range(math.ceil(y.low), math.floor(y.high) + 1, 2),
        limit=limit,
        floor=floor,
        points=output.points,
    )
