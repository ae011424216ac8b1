"""Brotli and gzip beside every file of a site, for servers that send them as they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import brotli

from edge_deploy.web.site_writer import Files

# Brotli's last levels cost seconds for each megabyte and win a hundredth.
_QUALITIES = ((200_000, 11), (3_000_000, 9))
_QUALITY_OF_LARGE = 5


def with_compressed(files: Files, shell: Path) -> Files:
    """The files of a site, each with its ``.br`` and ``.gz``.

    Args:
        files: The site's.
        shell: The page's folder: what its build has compressed already is taken from there.
    """
    found: Files = {}
    for name, file in files.items():
        found[name] = file
        for suffix in (".br", ".gz"):
            made = file.with_name(file.name + suffix) if isinstance(file, Path) else None
            if made is not None and made.is_relative_to(shell) and made.is_file():
                found[name + suffix] = made
            else:
                data = file.read_bytes() if isinstance(file, Path) else file
                found[name + suffix] = _brotli(data) if suffix == ".br" else _gzip(data)
    return found


def _brotli(data: bytes) -> bytes:
    quality = next((q for size, q in _QUALITIES if len(data) <= size), _QUALITY_OF_LARGE)
    return bytes(brotli.compress(data, quality=quality))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)  # the same bytes each time
