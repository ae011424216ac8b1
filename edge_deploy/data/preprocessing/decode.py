"""Picture files as pixels, the same as a browser's."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import open_file
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
# What Pillow's readers raise of damaged files, which check little of what they read.
_BAD_PICTURE = (
    *(OSError, ValueError, SyntaxError, struct.error, EOFError, OverflowError),
    *(IndexError, KeyError, TypeError, AttributeError, zlib.error, MemoryError),
)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")


def is_picture(path: Path) -> bool:
    """Whether a file is called as pictures are."""
    return path.suffix.lower() in SUFFIXES


def picture_files(folder: Path) -> list[Path]:
    """All pictures in a folder and below, by name.

    Raises:
        UsageError: There are none.
    """
    found = sorted(filter(is_picture, folder.rglob("*")))
    if not found:
        raise UsageError(f"{folder}: there are no pictures in it ({', '.join(SUFFIXES)}).")
    return found


def decode_image(source: Path | bytes) -> Array:
    """A picture's pixels as a browser shows them: uint8 (h, w, 3).

    Raises:
        UsageError: It is not there or not a picture.
    """
    from PIL import ImageOps

    with _opened(source) as picture:
        picture.load()
        # Chromium turns JPEG and PNG by their EXIF orientation, but not WebP.
        upright = picture if picture.format == "WEBP" else ImageOps.exif_transpose(picture)
        return _rgb(upright)


def pixels(path: Path) -> int:
    """How many pixels a picture has; they are not decoded.

    Raises:
        UsageError: It is not there or not a picture.
    """
    with _opened(path) as picture:
        return int(picture.width * picture.height)


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[Any]:
    from PIL import Image

    where = source if isinstance(source, Path) else "picture"
    if isinstance(source, Path) and not source.exists():
        raise UsageError(f"{where}: no such file.")
    try:
        with (
            open_file(source) if isinstance(source, Path) else io.BytesIO(source) as file,
            warnings.catch_warnings(),
        ):
            # Pillow warns of pictures from 90 megapixels on and refuses them from 180 on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Others run programs (PostScript) or are no pictures to a browser.
            with Image.open(file, formats=_FORMATS) as opened:
                yield opened
    except Image.DecompressionBombError as error:
        raise UsageError(
            f"{where}: has more pixels than are read (about 180 million). Make it smaller."
        ) from error
    except _BAD_PICTURE as error:
        raise UsageError(
            f"{where}: cannot be read as a picture ({error}). Save it again as PNG or JPEG."
        ) from error


def _rgb(picture: Any) -> Array:
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow's convert would clip them
        gray = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        picture = Image.alpha_composite(white, rgba)
    return np.array(picture.convert("RGB"))
