"""The files that a model is made of, one by one: where a difference begins, and which does harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.artifact.performance import WarningEntry
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import Arrays, LoadedModel, ModelStep
from edge_deploy.data.reference import Reference
from edge_deploy.verification.metrics import performance
from edge_deploy.verification.verdicts import Verdict

_MOST = 200
_FEW = 20  # labelled samples below which nothing is said
_SHARE = 1e-4  # of the numbers' size: far above float32's rounding, far below a wrong step
_BETTER = {"accuracy": 0.05, "R²": 0.1}


def first_difference(model: LoadedModel, inputs: Arrays, rows: Sequence[Mapping[str, Any]]) -> str:
    """Say at which step the graph and the original part; empty where it has no steps.

    Args:
        model: The model with its steps.
        inputs: Samples.
        rows: The same as a person gave them.
    """
    told = [step for step in model.steps if step.original and step.lowered]
    if len(told) < 2:
        return ""
    before = ""
    for step in told:
        error, size = _difference(step, inputs, rows)
        if error > _SHARE * max(size, 1e-9):
            return (
                f"the difference begins at {step.name} ({step.does}): the graph gives other "
                f"numbers behind it (by up to {error:.2g}, of {size:.2g}){before}"
            )
        before = f"; behind {step.name}, before it, they are the same"
    return (
        f"all {len(told)} steps give the same in the graph as in the original "
        f"({', '.join(step.name for step in told)}): the difference begins in the converted file"
    )


def with_first_step(
    rows: list[Verdict], model: LoadedModel | None, data: Reference
) -> list[Verdict]:
    """Failed verdicts with the step of the model at which the difference begins.

    Compressed files are meant to differ: of those nothing is said.
    """
    failed = [row for row in rows if row.status == "fail" and not row.compressed]
    if model is None or not model.steps or not failed:
        return rows
    text = first_difference(model, data.inputs, data.rows)
    if not text:
        return rows
    return [replace(row, failures=(*row.failures, text)) if row in failed else row for row in rows]


def _difference(
    step: ModelStep, inputs: Arrays, rows: Sequence[Mapping[str, Any]]
) -> tuple[float, float]:
    assert step.original is not None and step.lowered is not None
    wanted = np.asarray(step.original(inputs, rows), np.float64)
    found = np.asarray(step.lowered(inputs), np.float64).reshape(wanted.shape)
    if not wanted.size:
        return 0.0, 0.0
    return float(np.nanmax(np.abs(found - wanted))), float(np.nanmax(np.abs(wanted)))


def harmful_steps(model: LoadedModel, data: Reference) -> tuple[WarningEntry, ...]:
    """Steps without which the model does better: of another model, or done twice.

    Args:
        model: The model with its steps.
        data: Samples with the model's answers and, where known, the true ones.
    """
    candidates = [step for step in model.steps if step.left_out is not None]
    if not candidates or data.labels is None or data.count < _FEW or data.origin == "synthetic":
        return ()
    chosen = np.unique(np.linspace(0, data.count - 1, min(data.count, _MOST)).astype(np.int64))
    few = data.take([int(place) for place in chosen])
    usual = performance(model.spec, few)
    measure = next((name for name in _BETTER if usual and name in usual.values), None)
    if usual is None or measure is None:
        return ()
    now = float(usual.values[measure])
    best: tuple[float, ModelStep] | None = None
    for step in candidates:
        assert step.left_out is not None
        try:
            with step.left_out():
                answers = model.ask(few.inputs, few.rows)
        except EdgeDeployError:
            continue  # without it nothing fits
        found = performance(model.spec, replace(few, outputs=answers))
        then = float(found.values[measure]) if found and measure in found.values else now
        if then > now + _BETTER[measure] and (best is None or then > best[0]):
            best = then, step
    if best is None:
        return ()
    then, step = best
    shown = (f"{then:.2f}", f"{now:.2f}")
    if measure == "accuracy":
        shown = (f"{then:.1%}", f"{now:.1%}")
    text = (
        f"the model does better without {step.name} ({measure} {shown[0]} instead of {shown[1]}, "
        f"of {few.count} samples): its numbers are scaled twice, or it is another model's"
    )
    return (WarningEntry(kind="step", text=text),)
