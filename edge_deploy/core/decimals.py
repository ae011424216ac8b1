"""Float32 numbers as the decimals that a person types for them."""

from __future__ import annotations

import numpy as np

from edge_deploy.core.spec import Array


def shortest_decimals(values: Array) -> Array:
    """The shortest decimal that each float32 is the nearest to, as float64: 21.77 for its float32.

    It is what a form, a CSV or a script holds where an app holds the float32, and the order of
    numbers stays. Values of other types are as exact as they were given, and stay.

    Args:
        values: Any shape.

    Returns:
        float64, of the same shape.
    """
    if values.dtype != np.float32:
        return values.astype(np.float64)
    known, place = np.unique(values, return_inverse=True)
    return np.asarray(known.astype(str).astype(np.float64)[place].reshape(values.shape))
