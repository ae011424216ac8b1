"""Which samples of the reference are packaged for a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_deploy.artifact.samples import places
from edge_deploy.data.reference import Reference


def of(labels: Any, count: int | None = None) -> Reference:
    made = None if labels is None else np.asarray(labels)
    size = len(labels) if count is None else count
    return Reference({"x": np.zeros((size, 1), np.float32)}, labels=made)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (of([0] * 28 + [1] * 4), [0, 1, 2, 3, 4, 5, 6, 7, 28, 29, 30, 31]),
        (of([0, 1] * 4), list(range(8))),
        (of(["b"] * 20 + ["a", "c"]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21]),
        (of(list(range(32))), list(range(0, 24, 2))),  # more classes than there is room for
        (of(np.linspace(0, 1, 32)), list(range(0, 24, 2))),  # values
        (of(None, 32), list(range(0, 24, 2))),
        (of(None, 5), [0, 1, 2, 3, 4]),
        (of([0, 1, 2] * 4 + [0] * 20), list(range(12))),
        (of([0]), [0]),
    ],
)
def test_places_are_balanced_over_the_classes(reference: Reference, expected: list[int]) -> None:
    assert list(places(reference)) == expected
