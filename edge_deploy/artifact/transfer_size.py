"""What a file weighs on the way to a visitor, where its host compresses."""

from __future__ import annotations

import zlib
from collections.abc import Callable

# Quality 11 gains 1 % of the size over 5 and takes a hundred times as long; a site compresses
# once for its visitors, an artifact only tells what to expect.
_QUALITY = 5
_LEVEL = 6  # what gzip does unasked
# Both take 0.02 to 0.03 s a megabyte of weights: longer than converting a large model.
_GZIP_ENDS = 12  # bytes that gzip's header and trailer have more than zlib's
_LARGE = 2 << 20
_BLOCK, _EVERY = 1 << 16, 8
_MOST = 64  # blocks


def gzip_size(data: bytes) -> int:
    """Bytes after gzip; over 2 MB reckoned from an eighth of it or 4 MB, to about a percent."""
    return _reckoned(data, lambda part: len(zlib.compress(part, _LEVEL)), _GZIP_ENDS)


def brotli_size(data: bytes) -> int:
    """Bytes after brotli at a middling quality, reckoned as those after gzip are."""
    import brotli

    return _reckoned(data, lambda part: len(brotli.compress(part, quality=_QUALITY)))


def _reckoned(data: bytes, pack: Callable[[memoryview], int], ends: int = 0) -> int:
    view = memoryview(data)
    if len(data) <= _LARGE:
        return pack(view) + ends
    # What begins a file is not like its weights, and is counted for itself.
    head, rest = view[:_BLOCK], view[_BLOCK:]
    every = max(_EVERY, len(rest) // (_BLOCK * _MOST))
    blocks = [rest[at : at + _BLOCK] for at in range(0, len(rest), _BLOCK * every)]
    return round(pack(head) + sum(map(pack, blocks)) * len(rest) / sum(map(len, blocks)))
