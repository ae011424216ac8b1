"""What the page's own check of a file allows: what ``verify`` allowed, and what it found.

web_demo/src/check.js holds answers to it on a visitor's device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core.spec import TensorSpec
from edge_deploy.verification.tolerances import Tolerances, usual_budget


def limits(entry: FileEntry, outputs: Sequence[TensorSpec]) -> dict[str, Any] | None:
    """What each output of a file may be off by, on the page as in the last ``verify``.

    Args:
        entry: The file's, of the manifest.
        outputs: The original's.

    Returns:
        By output: ``rtol`` (a share of the scale, None for anything) and ``atol`` as in
        Tolerance, the ``step`` of an output that is an integer inside, and the ``cost`` of a
        compressed file: ``agreement``, ``mean_error`` and ``snr`` as in Budget (None for anything).
        None where the file must agree by the usual tolerance.
    """
    given = Tolerances.from_json(_given(entry))
    precision, pruned = entry.precision, bool(entry.pruned)
    if given.to_json() is None and usual_budget(precision, pruned) is None:
        return None
    steps = {o.name: o.quantization.scale for o in entry.outputs if o.quantization}
    found = {}
    for output in outputs:
        tolerance = given.of(output.name, precision, pruned)
        budget = given.budget(output.name, precision, pruned)
        free = budget is not None and math.isinf(budget.error)
        found[output.name] = {
            "rtol": None if free else tolerance.rtol,
            "atol": tolerance.atol,
            "step": steps.get(output.name, 0.0),
            "cost": None
            if budget is None
            else {
                "agreement": budget.agreement,
                "mean_error": _finite(budget.mean_error),
                "snr": _finite(budget.snr),
            },
        }
    return found


def refused(entry: FileEntry) -> bool:
    """Whether the last ``verify`` found a compressed file outside its budget wherever it ran.

    The page has few samples and no labels: that a file's accuracy falls it has to be told. Whether
    a float32 file agrees depends on the device, and is seen there.
    """
    compressed = usual_budget(entry.precision, bool(entry.pruned)) is not None
    ran = [row.status for row in entry.verification or () if row.status != "not run"]
    return compressed and bool(ran) and set(ran) == {"fail"}


def _given(entry: FileEntry) -> Mapping[str, Any] | None:
    """The tolerances that the last ``verify`` was given."""
    return (entry.verification[0].tolerances or None) if entry.verification else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
