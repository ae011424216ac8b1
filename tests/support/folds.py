"""digits-mlp in five folds: every one of the 1,797 digits is answered by a model that never saw it.

tests/benchmarks/bench_folds.py does them all and prints the table; a test does one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_deploy import ConvertOptions, Verdict, convert
from edge_deploy.examples import digits_mlp, training

FOLDS = 5
PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8", "int4")


@dataclass(frozen=True)
class Row:
    """One kind of file over all folds.

    Attributes:
        target: tflite or onnx.
        precision: Of the file.
        pruned: Whether it is of the pruned model.
        samples: How many digits were asked.
        changed: Answers that are not the original's.
        before: Share of right answers of the original.
        after: The same of the file.
    """

    target: str
    precision: str
    pruned: bool
    samples: int
    changed: int
    before: float
    after: float


def digits(
    folder: Path, seed: int = 0, precisions: Sequence[str] = PRECISIONS, folds: int = FOLDS
) -> list[Row]:
    """Train, convert, prune and ask for the first ``folds`` folds; the counts over these."""
    order = np.random.default_rng(seed).permutation(digits_mlp.DIGITS)
    found: dict[tuple[str, str, bool], list[Verdict]] = {}
    for number, test in enumerate(np.array_split(order, FOLDS)[:folds]):
        rng = np.random.default_rng(seed + number)
        train = np.setdiff1d(order, test)
        pixels, classes, *held = digits_mlp.divided(rng, train, test)
        x = digits_mlp.as_inputs(pixels)
        model = digits_mlp.train(x, classes, rng)
        path = folder / f"fold_{number}.keras"
        training.save(model, path)
        np.savez(folder / "train.npz", picture=x, labels=classes)
        np.savez(folder / "held.npz", picture=digits_mlp.as_inputs(held[0]), labels=held[1])
        for prune in (None, 0.8):
            options = ConvertOptions(
                to=("tflite", "onnx"),
                version="1" if prune is None else "2",
                output=folder,
                labels=",".join("0123456789"),
                reference=folder / "held.npz",
                calibration=folder / "train.npz",
                quantize=tuple(precisions),
                prune=prune,
                prune_data=None if prune is None else folder / "train.npz",
                seed=seed,
            )
            for verdict in convert(path, options).verdicts:
                key = verdict.target, verdict.precision, prune is not None
                found.setdefault(key, []).append(verdict)
    return [_row(*key, verdicts) for key, verdicts in found.items()]


def _row(target: str, precision: str, pruned: bool, verdicts: list[Verdict]) -> Row:
    samples = sum(v.samples for v in verdicts)
    changed = sum(round((1 - (v.outputs[0].top1_agreement or 0)) * v.samples) for v in verdicts)
    tasks = [(v.task, v.samples) for v in verdicts if v.task is not None]
    before = sum(task.before * n for task, n in tasks) / max(1, sum(n for _, n in tasks))
    after = sum(task.after * n for task, n in tasks) / max(1, sum(n for _, n in tasks))
    return Row(target, precision, pruned, samples, changed, before, after)
