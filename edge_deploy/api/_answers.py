"""What ``run`` hands back: answers, how good they are, and a table of them beside their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.atomic_io import replace_text
from edge_deploy.core.errors import EdgeDeployError, UsageError, wrong_option
from edge_deploy.core.log import NOTES
from edge_deploy.core.spec import Array, ModelSpec
from edge_deploy.data.reference import Reference, with_class_indices
from edge_deploy.verification.metrics import Score, outputs_of, score


@dataclass(frozen=True)
class Prediction:
    """One sample's answer.

    Attributes:
        source: Where the sample came from: a file, a file and row, or the pairs.
        outputs: By output name, in the form of the output's kind: ``label`` and
            ``probabilities`` (largest first), ``value`` and ``unit``, or plain ``values``. What
            comes next in a series has ``target``, the channel, too; an output that has a name for
            people has ``called``.
    """

    source: str
    outputs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Wish:
    """What may be asked for besides answers.

    Attributes:
        label_column: The column (of an .npz, the key) of the true answers; None for the usual one.
        every: Ask about every window of a series that is followed by its true answer, and not
            about the last rows.
    """

    label_column: str | None = None
    every: bool = False


PLAIN = Wish()


@dataclass(frozen=True, eq=False)
class Answers:
    """All answers of a call.

    Attributes:
        predictions: One a sample.
        rows: The rows of the tables that were asked, with all of their columns; of other samples
            where they came from.
        spec: What the model gives.
        score: How good the answers are, where the true ones were there.
    """

    predictions: tuple[Prediction, ...]
    rows: tuple[Mapping[str, str], ...]
    spec: ModelSpec
    score: Score | None = None


def scored(
    spec: ModelSpec, data: Reference, raw: Mapping[str, Sequence[Array]], named: bool
) -> Score | None:
    """How good answers are by the true ones that came with the samples.

    Args:
        spec: What the model gives.
        data: The samples.
        raw: By output name, an array a sample.
        named: Whether somebody said where the true answers stand: what is wrong with them is an
            error then, else a note.

    Returns:
        None where there are none, or they belong to no output.

    Raises:
        UsageError: They are no classes of the model.
    """
    if data.labels is None:
        return None
    try:
        known = with_class_indices(data, spec)
        outputs = outputs_of(spec, known.labels)
        if not outputs or known.labels is None:
            raise UsageError(
                f"the true answers do not fit what the model gives. {known.unlabelled}".strip()
            )
    except UsageError as error:
        if named:
            raise
        NOTES.warning("no score: %s", error)
        return None
    answers = {
        output.name: np.concatenate([one.reshape(1, -1) for one in raw[output.name]])
        for output in outputs
    }
    return score(outputs, answers, known.labels)


def check_output(path: Path, inputs: Sequence[str]) -> None:
    """Refuse what answers cannot be written to, before anything is asked.

    Raises:
        UsageError: It is no .csv, or one of the inputs.
    """
    if path.suffix != ".csv":
        raise wrong_option("output", path, "answers are written as a .csv.")
    if any(Path(one).exists() and path.exists() and path.samefile(one) for one in inputs):
        raise wrong_option("output", path, "is one of the inputs; name another file.")
    if not path.parent.is_dir():
        raise wrong_option("output", path, f"there is no folder {path.parent}.")


def write_answers(path: Path, answers: Answers) -> None:
    """A CSV of the rows, each with its answer beside it, in UTF-8 as spreadsheets know it.

    Raises:
        EdgeDeployError: It cannot be written.
    """
    rows = [
        {**row, **_columns(answers.spec, one)}
        for row, one in zip(answers.rows, answers.predictions, strict=True)
    ]
    header = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        replace_text(path, "\ufeff" + text.getvalue())
    except OSError as error:
        raise EdgeDeployError(f"{path}: cannot be written ({error}).") from error


def _columns(spec: ModelSpec, answer: Prediction) -> dict[str, Any]:
    """An answer as cells, called as the page calls them."""
    cells: dict[str, Any] = {}
    for output in spec.outputs:
        found = answer.outputs[output.name]
        name = f"predicted_{output.label or output.name}"
        if "label" in found:
            # A class may be called as its shares are, and with a threshold is not their winner.
            told = found["label"] if output.kind == "class" else cells.get(name, found["label"])
            cells[name] = told
            shares = found.get("probabilities", {})
            order = output.classes or sorted(shares, key=lambda one: (len(one), one))
            cells |= {f"{name}: {label}": shares[label] for label in order if label in shares}
        elif "value" in found:
            cells[name] = found["value"]
        else:
            flat = np.asarray(found["values"]).ravel().tolist()
            names = found.get("names")
            cells |= {
                f"predicted_{names[n]}" if names else f"{name}[{n}]": value
                for n, value in enumerate(flat)
            }
    return cells


def joined(parts: Sequence[Reference], spec: ModelSpec) -> Reference:
    """Samples of several files; their true answers where all of them have some."""
    inputs = {s.name: np.concatenate([part.inputs[s.name] for part in parts]) for s in spec.inputs}
    labels = [part.labels for part in parts]
    known = [one for one in labels if one is not None]
    together = Reference(inputs, rows=tuple(row for part in parts for row in part.rows))
    if len(known) < len(labels) or len({one.ndim for one in known}) > 1:
        return together
    return replace(together, labels=np.concatenate(known))
