"""Memory is given back where much was taken, and only there."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

from edge_deploy.core.worker.limits import give_memory_back


class _Cycle:
    """What only Python's search for cycles frees."""

    def __init__(self, size: int) -> None:
        self.itself = self
        self.values = np.ones(size, np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is always given back")
@pytest.mark.parametrize(("size", "freed"), [(100_000_000, True), (1_000, False)])
def test_memory_is_given_back_where_much_was_taken(size: int, freed: bool) -> None:
    give_memory_back()
    gc.disable()
    try:
        lost = weakref.ref(_Cycle(size))
        give_memory_back()
        assert (lost() is None) is freed
    finally:
        gc.enable()
        gc.collect()
