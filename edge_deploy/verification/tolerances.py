"""What passes: how far a converted file may be from the original, and what a compressed one costs.

The only home of tolerances. A float file must give the original's answers to within 1e-4 of
the output's scale: seventy files converted by hand were off by 2.4e-6 at worst, and a wrong
resize, a swapped column or a lost bias is off by 1e-2 and more, so the line between the two is
a hundredfold wide on either side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.data.reference import Reference

RTOL = 1e-4
"""Fidelity: the largest error allowed of a float32 file, as a share of the output's scale."""


@dataclass(frozen=True)
class Budget:
    """What a compressed file may cost against the uncompressed original.

    Attributes:
        agreement: The least share of samples with the same winner.
        error: The largest error of any element, as a share of the output's scale.
        mean_error: The same on average.
        snr: The least signal-to-noise ratio in decibels.
        drop: How far the task metric (accuracy, R²) may fall, where labels are known.
    """

    agreement: float
    error: float
    mean_error: float
    snr: float
    drop: float


BUDGETS = {
    # 11 significant bits a weight: measured 1e-4 to 3e-3 through MobileNet, agreement 1.
    "float16": Budget(0.995, 0.02, 0.005, 40.0, 0.005),
    # 65,536 levels between a tensor's extremes: as fine as float16 where a tensor is even.
    "uint16": Budget(0.995, 0.02, 0.005, 40.0, 0.005),
    # 256 levels for a whole tensor, without a scale a channel: depthwise kernels suffer most.
    "uint8": Budget(0.95, 0.35, 0.05, 15.0, 0.03),
    # 256 levels a channel, activations rounded at run time: measured 0.004 to 0.04.
    "dynamic": Budget(0.98, 0.15, 0.02, 20.0, 0.01),
    # Activations rounded to 256 levels too, of which a sharp softmax makes a jump now and then.
    "int8": Budget(0.97, 0.25, 0.03, 17.0, 0.02),
    # As dynamic: the weights are the same, the activations all but exact.
    "int16x8": Budget(0.98, 0.15, 0.02, 20.0, 0.01),
    # 16 levels a channel: for large layers that bear it; what is worse than this is of no use.
    "int4": Budget(0.90, 0.5, 0.08, 10.0, 0.05),
}
"""Cost: what each precision may lose by default. A broken file loses far more: swapped columns,
a lost bias or calibration on nonsense leave an SNR of less than 10 dB and the winners to chance.
One sample may always differ: with few samples there is no less."""

PRUNED = Budget(0.95, 1.0, 0.05, 10.0, 0.02)
"""What the zeros may cost besides. Trained anew, a model is another one that is as good: single
answers near a boundary may turn over whole, so the winners, the average and the task count."""


def usual_budget(precision: str, pruned: bool) -> Budget | None:
    """The default budget; that of a pruned file is the sum of both costs, None is no cost."""
    own = BUDGETS.get(precision)
    if not pruned or own is None:
        return PRUNED if pruned else own
    noise = 10 ** (-own.snr / 10) + 10 ** (-PRUNED.snr / 10)
    return Budget(
        agreement=own.agreement + PRUNED.agreement - 1,
        error=own.error + PRUNED.error,
        mean_error=own.mean_error + PRUNED.mean_error,
        snr=-10 * math.log10(noise),
        drop=own.drop + PRUNED.drop,
    )


@dataclass(frozen=True)
class Tolerance:
    """The error that passes: ``atol + rtol * scale`` of the output.

    Attributes:
        rtol: As a share of the output's scale.
        atol: In the output's own unit.
    """

    rtol: float
    atol: float = 0.0


@dataclass(frozen=True)
class Tolerances:
    """What the user set.

    Attributes:
        atol: By output name, "" for all outputs.
        rtol: Likewise, as a share of the output's scale.
        max_drop: How far the task metric of a compressed file may fall.
        min_agreement: The least top-1 agreement of a compressed file. Who sets one of these two
            has set the budget: the defaults for errors and SNR are then not asked.
    """

    atol: Mapping[str, float]
    rtol: Mapping[str, float]
    max_drop: float | None = None
    min_agreement: float | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Tolerances:
        """What to_json gave; a manifest of before has none."""
        return cls(**value) if value else DEFAULT

    def to_json(self) -> dict[str, Any] | None:
        """The manifest's form; None where nothing was set."""
        return None if self == DEFAULT else asdict(self)

    def of(self, output: str, precision: str, pruned: bool = False) -> Tolerance:
        """The tolerance of one output; setting only atol leaves no relative part."""
        atol = self.atol.get(output, self.atol.get(""))
        rtol = self.rtol.get(output, self.rtol.get(""))
        if rtol is None:
            default = usual_budget(precision, pruned)
            usual = RTOL if default is None else default.error
            rtol = usual if atol is None else 0.0
        return Tolerance(rtol, atol or 0.0)

    def budget(self, output: str, precision: str, pruned: bool = False) -> Budget | None:
        """What a compressed file may cost; None for float32, which is judged by fidelity."""
        default = usual_budget(precision, pruned)
        if default is None:
            return None
        mine = self.min_agreement is not None or self.max_drop is not None
        by_error = any(key in table for table in (self.atol, self.rtol) for key in ("", output))
        anything = float("inf")
        return Budget(
            agreement=(self.min_agreement or 0.0) if mine else default.agreement,
            error=anything if mine and not by_error else default.error,
            mean_error=anything if mine or by_error else default.mean_error,
            snr=-anything if mine or by_error else default.snr,
            drop=(anything if self.max_drop is None else self.max_drop) if mine else default.drop,
        )


DEFAULT = Tolerances({}, {})


def check_labels(tolerances: Tolerances, data: Reference) -> None:
    """Refuse a budget for a metric that nothing can be measured by.

    Raises:
        UsageError: ``max_drop`` without labels.
    """
    if tolerances.max_drop is not None and data.labels is None:
        raise UsageError(
            f"{option('max_drop')} needs to know the right answers: give {option('reference')} "
            "data with labels when the model is converted (a key labels, a column label, or class "
            "folders).",
            option="max_drop",
            got=tolerances.max_drop,
        )
