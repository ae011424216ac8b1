"""Which precision each target has, and how a float32 file gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_deploy.core.errors import wrong_option
from edge_deploy.core.messages import did_you_mean, unknown
from edge_deploy.formats.registry import FORMATS


@dataclass(frozen=True)
class PrecisionRequest:
    """Which precisions to make.

    Attributes:
        by_target: Precisions by target, in the table's order.
        notes: What was left out for which target, one line each.
    """

    by_target: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def static(self) -> bool:
        """Whether calibration data are needed."""
        return any(
            p in FORMATS[t].static_precisions for t, names in self.by_target.items() for p in names
        )


def parse(asked: str, texts: Sequence[str], targets: Sequence[str]) -> PrecisionRequest:
    """Read ``float32,int8`` (for every target that has it) and ``tflite=int8`` (for one).

    Args:
        asked: The name of the option that was given, for messages.
        texts: The parts between the commas.
        targets: The targets that are made.

    Raises:
        UsageError: None of the targets has a precision of that name.
    """
    chosen: dict[str, set[str]] = {target: set() for target in targets}
    notes = []
    for text in texts:
        only, _, name = text.rpartition("=")
        if only and only not in targets:
            raise wrong_option(asked, text, unknown(only, targets, "target of this run"))
        wanted = [only] if only else list(targets)
        having = [target for target in wanted if name in FORMATS[target].precisions]
        if not having:
            raise wrong_option(asked, text, _unknown(name, wanted))
        for target in having:
            chosen[target].add(name)
        if missing := [target for target in wanted if target not in having]:
            notes.append(f"{name} is left out of {', '.join(missing)}: no such precision there")
    if not texts:
        raise wrong_option(asked, texts, f"no precision is named. {_table(targets)}", shown=...)
    return PrecisionRequest(
        {
            t: tuple(p for p in FORMATS[t].precisions if p in chosen[t])
            for t in targets
            if chosen[t]
        },
        tuple(notes),
    )


def _unknown(name: str, targets: Sequence[str]) -> str:
    known = list(dict.fromkeys(p for target in targets for p in FORMATS[target].precisions))
    return f"no target here has this precision.{did_you_mean(name, known)} {_table(targets)}"


def _table(targets: Sequence[str]) -> str:
    return (
        "There are: " + "; ".join(f"{t}: {', '.join(FORMATS[t].precisions)}" for t in targets) + "."
    )
