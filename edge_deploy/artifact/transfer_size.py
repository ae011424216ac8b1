"""What a file weighs on the way to a visitor, where its host compresses."""

from __future__ import annotations

import gzip
import zlib

# Quality 11 gains 1 % of the size over 5 and takes a hundred times as long; a site compresses
# once for its visitors, an artifact only tells what to expect.
_QUALITY = 5
_LEVEL = 6  # what gzip does unasked
# gzip takes 0.03 s a megabyte of weights: longer than converting a large model.
_LARGE = 2 << 20
_BLOCK, _EVERY = 1 << 16, 8


def gzip_size(data: bytes) -> int:
    """Bytes after gzip; over 2 MB reckoned from an eighth of it, to about a percent."""
    if len(data) <= _LARGE:
        return len(gzip.compress(data, _LEVEL))
    view = memoryview(data)
    # What begins a file is not like its weights, and is counted for itself.
    head, rest = view[:_BLOCK], view[_BLOCK:]
    blocks = [rest[at : at + _BLOCK] for at in range(0, len(rest), _BLOCK * _EVERY)]
    packed, start = sum(map(_packed, blocks)), _packed(head)
    return round(start + packed * len(rest) / sum(map(len, blocks)))


def _packed(block: memoryview) -> int:
    return len(zlib.compress(block, _LEVEL))


def brotli_size(data: bytes) -> int:
    """Bytes after brotli at a middling quality, in whole."""
    import brotli

    return len(brotli.compress(data, quality=_QUALITY))
