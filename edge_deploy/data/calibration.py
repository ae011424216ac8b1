"""Calibration data: samples that show a quantizer the ranges of a model's activations.

They are read one by one, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.options import Data
from edge_deploy.core.spec import Arrays, Feature, ModelSpec, Series
from edge_deploy.data.csv_reader import Reading
from edge_deploy.data.readers import read, stream
from edge_deploy.data.reference import Reference, sample

MOST = 200
"""Samples used at most, spread evenly: LiteRT's guide takes 100 to 500 for a whole model."""


@dataclass(frozen=True)
class Samples:
    """Samples of a model's inputs that can be gone through more than once, one at a time.

    Attributes:
        count: How many.
        origin: Where they come from, for messages.
        iterate: Starts anew from the first.
    """

    count: int
    origin: str
    iterate: Callable[[], Iterator[Arrays]] = field(repr=False)

    def __iter__(self) -> Iterator[Arrays]:
        """Each sample with its batch axis, by input name."""
        return self.iterate()


def from_reference(data: Reference, spec: ModelSpec, origin: str) -> Samples:
    """The samples of an artifact's reference or evaluation data."""
    chosen = _spread(data.count)

    def iterate() -> Iterator[Arrays]:
        for index in chosen:
            yield {s.name: sample(data.inputs[s.name], s, index) for s in spec.inputs}

    return Samples(len(chosen), origin, iterate)


def open_samples(
    path: Data,
    spec: ModelSpec,
    features: Sequence[Feature] | None,
    preprocessing: Mapping[str, Any] | None,
    label_column: str | None = None,
    series: Series | None = None,
) -> Samples:
    """Calibration data of a user, through the model's own preprocessing.

    Args:
        path: DATA: .npz, .npy, .csv or a folder of pictures; or what a Python caller holds.
        spec: The model's inputs.
        features: The columns of a table model.
        preprocessing: How pictures become the input.
        label_column: Where true answers stand, if there are any.
        series: Of what the input is a window.

    Raises:
        UsageError: It is not there, cannot be read, or does not fit the model.
    """
    if isinstance(path, Path) and (found := stream(path, spec, preprocessing)) is not None:
        chosen = _spread(found.count)
        return Samples(len(chosen), str(path), lambda: found.read(chosen))
    # Tables are small next to the tensors of a network, and everything else is an error there.
    reading = Reading(label_column=label_column, unlabelled=True)
    data = read(path, spec, features, preprocessing, reading, series)
    return from_reference(data, spec, str(path))


def _spread(count: int) -> list[int]:
    if count <= MOST:
        return list(range(count))
    return [int(i) for i in np.linspace(0, count - 1, MOST)]
