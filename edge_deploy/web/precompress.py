"""Brotli and gzip beside every file of a site, for servers that send them as they are."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import brotli

from edge_deploy.web.site_writer import Files

# Brotli's last levels cost seconds for each megabyte and win a hundredth.
_QUALITIES = ((200_000, 11), (3_000_000, 9))
_QUALITY_OF_LARGE = 5


def with_compressed(files: Files, *folders: Path) -> Files:
    """The files of a site, each with its ``.br`` and ``.gz``.

    Args:
        files: The site's.
        folders: Where some lie compressed already: the page's, and the site as it is.
    """
    found: Files = {}
    for name, file in files.items():
        found[name] = file
        there = _there(name, file, folders)
        for suffix in (".br", ".gz"):
            made = there.with_name(there.name + suffix) if there else None
            if made is not None and made.is_file():
                found[name + suffix] = made
            else:
                data = file.read_bytes() if isinstance(file, Path) else file
                found[name + suffix] = _brotli(data) if suffix == ".br" else _gzip(data)
    return found


def _there(name: str, file: Path | bytes, folders: Sequence[Path]) -> Path | None:
    """The same file in one of the folders, beside which it may lie compressed."""
    if isinstance(file, Path):
        return file if any(map(file.is_relative_to, folders)) else None
    same = (folder / name for folder in folders if (folder / name).is_file())
    return next((one for one in same if one.read_bytes() == file), None)


def _brotli(data: bytes) -> bytes:
    quality = next((q for size, q in _QUALITIES if len(data) <= size), _QUALITY_OF_LARGE)
    return bytes(brotli.compress(data, quality=quality))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)  # the same bytes each time
