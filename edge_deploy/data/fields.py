"""Samples of a model of several inputs, as people write them: a picture's file beside numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data.csv_reader import Reading, labels_of, missing_label, read_rows
from edge_deploy.data.preprocessing.encoding import parse_number
from edge_deploy.data.reference import Reference


def read_fields(
    path: Path, spec: ModelSpec, preprocessing: Mapping[str, Any] | None, reading: Reading
) -> Reference:
    """Read a CSV that has a column for each input: the paths of pictures, and numbers.

    Args:
        path: The CSV; the paths in it start from its folder.
        spec: The model's inputs.
        preprocessing: How pictures become their input; None where there are none.
        reading: What the column of the true answers is called.

    Raises:
        UsageError: A column is not there, or a value is none of its input.
    """
    rows = read_rows(path)
    if not rows:
        raise UsageError(f"{path}: there are no rows under the header.")
    label = reading.label_column or "label"
    if reading.label_column and not reading.unlabelled and label not in rows[0]:
        raise missing_label(path, label, list(rows[0]))
    labels = labels_of([row[label] for row in rows]) if label in rows[0] else None
    told = [(f"{path}: row {n + 1}", row) for n, row in enumerate(rows)]
    return of_fields(told, spec, preprocessing, path.parent, labels)


def of_fields(
    rows: Sequence[tuple[str, Mapping[str, str]]],
    spec: ModelSpec,
    preprocessing: Mapping[str, Any] | None,
    folder: Path,
    labels: Array | None = None,
) -> Reference:
    """Samples of which each input is told in words.

    Args:
        rows: Where each stands, and what is given by the input's name.
        spec: The model's inputs.
        preprocessing: As for ``read_fields``.
        folder: Where paths start from.
        labels: The true answers.

    Raises:
        UsageError: As ``read_fields``.
    """
    pictures = [s.name for s in spec.inputs if s.kind == "image" and preprocessing is not None]
    columns: dict[str, list[Array]] = {s.name: [] for s in spec.inputs}
    for where, row in rows:
        for s in spec.inputs:
            if s.name not in row:
                given = ", ".join(name for name in row if name) or "nothing"
                raise UsageError(
                    f"{where}: has nothing for the input {s.name!r}, but {given}; the inputs are "
                    f"{', '.join(one.name for one in spec.inputs)}."
                )
            if s.name in pictures and preprocessing is not None:
                value = _picture(where, folder / row[s.name], s, preprocessing)
            else:
                value = _numbers(where, row[s.name], s)
            columns[s.name].append(value)
    return Reference({name: np.stack(found) for name, found in columns.items()}, labels=labels)


def _picture(where: str, path: Path, spec: TensorSpec, preprocessing: Mapping[str, Any]) -> Array:
    from edge_deploy.data.preprocessing.decode import decode_image
    from edge_deploy.data.preprocessing.image import preprocess_image

    if not path.is_file():
        raise UsageError(f"{where}, {spec.name!r}: {path}: no such picture.")
    shape = tuple(axis or 1 for axis in spec.shape[1:])
    return preprocess_image(dict(preprocessing), decode_image(path), shape)


def _numbers(where: str, text: str, spec: TensorSpec) -> Array:
    """Numbers between blanks, commas or semicolons, in the order of the input's axes."""
    shape = spec.shape[1:] if spec.batched else spec.shape
    sizes = [axis for axis in shape if axis is not None]
    if len(sizes) < len(shape):
        raise UsageError(
            f"{where}: the input {spec.name!r} takes any number of values "
            f"({list(shape)}), which no field can hold: give an .npz."
        )
    words = [word for word in re.split(r"[\s,;]+", text.strip().strip("[]")) if word]
    values = [parse_number(word) for word in words]
    if None in values:
        raise UsageError(f"{where}, {spec.name!r}: {words[values.index(None)]!r} is no number.")
    if len(values) != math.prod(sizes):
        raise UsageError(
            f"{where}, {spec.name!r}: has {len(values)} numbers, the input takes "
            f"{math.prod(sizes)}, with blanks between them."
        )
    return np.asarray(values, np.float64).reshape(sizes)
