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
@pytest.mark.parametrize(
    ("size", "freed", "hole"),
    [(100_000_000, True, 0), (100_000_000, True, 110_000_000), (1_000, False, 0)],
)
def test_memory_is_given_back_where_much_was_taken(size: int, freed: bool, hole: int) -> None:
    blocks = [bytearray(50_000) for _ in range(hole // 50_000)]
    end = blocks[-1:]  # what was before it stays with malloc, and is used again
    blocks.clear()
    give_memory_back()
    gc.disable()
    try:
        lost = weakref.ref(_Cycle(size))
        give_memory_back()
        assert (lost() is None) is freed
        assert len(end) == bool(hole)
    finally:
        gc.enable()
        gc.collect()
