"""Brotli and gzip beside every file of a site, for servers that send them as they are."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import lru_cache
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
        if made := _made(name, file, folders):
            found |= made
        else:
            data = file.read_bytes() if isinstance(file, Path) else file
            found |= {f"{name}.br": _brotli(data), f"{name}.gz": _gzip(data)}
    return found


def _made(name: str, file: Path | bytes, folders: Sequence[Path]) -> dict[str, Path]:
    """The compressed files that lie beside the same file in one of the folders."""
    places = [folder / name for folder in folders]
    if isinstance(file, Path) and any(map(file.is_relative_to, folders)):
        places = [file, *places]
    for place in places:
        made = {name + end: place.with_name(place.name + end) for end in (".br", ".gz")}
        if all(one.is_file() for one in made.values()) and (place == file or _same(place, file)):
            return made
    return {}


def _same(place: Path, file: Path | bytes) -> bool:
    if not place.is_file():
        return False
    return place.read_bytes() == (file.read_bytes() if isinstance(file, Path) else file)


def _brotli(data: bytes) -> bytes:
    size, best = _QUALITIES[0]
    if len(data) <= size:
        return _small(data, best)
    quality = next((q for size, q in _QUALITIES if len(data) <= size), _QUALITY_OF_LARGE)
    return bytes(brotli.compress(data, quality=quality))


@lru_cache(maxsize=64)
def _small(data: bytes, quality: int) -> bytes:
    """Of one program's sites most have the same page and the same kernels."""
    return bytes(brotli.compress(data, quality=quality))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)  # the same bytes each time
