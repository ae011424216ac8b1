"""What a file weighs after compression, reckoned from blocks where it is large."""

from __future__ import annotations

import gzip

import brotli
import numpy as np
import pytest

from edge_deploy.artifact.transfer_size import brotli_size, gzip_size


def weights(megabytes: int, *, zeros: float = 0.0) -> bytes:
    """Layers of float32 whose spread differs, a share of them pruned, and a graph before them."""
    rng = np.random.default_rng(0)
    layers = [rng.normal(scale=n + 1, size=1 << 18) for n in range(megabytes)]
    for layer in layers:
        layer[rng.random(layer.size) < zeros] = 0
    return b"node: MatMul " * 999 + np.concatenate(layers).astype(np.float32).tobytes()


@pytest.mark.parametrize("data", [b"", b"a" * 9999, weights(1, zeros=0.7)], ids=len)
def test_small_files_are_weighed_whole(data: bytes) -> None:
    assert gzip_size(data) == len(gzip.compress(data, 6))
    assert brotli_size(data) == len(brotli.compress(data, quality=5))


@pytest.mark.parametrize(
    ("megabytes", "zeros"), [(4, 0.0), (4, 0.8), pytest.param(36, 0.8, marks=pytest.mark.slow)]
)
def test_a_large_file_is_reckoned_to_a_percent(megabytes: int, zeros: float) -> None:
    data = weights(megabytes, zeros=zeros)
    for reckoned, whole in (
        (gzip_size(data), len(gzip.compress(data, 6))),
        (brotli_size(data), len(brotli.compress(data, quality=5))),
    ):
        assert reckoned != whole  # or this tests nothing
        assert reckoned == pytest.approx(whole, rel=0.01)
