"""Picture files as pixels, the same as a browser's."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Array

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
    from PIL import Image, ImageOps

    where = source if isinstance(source, Path) else "picture"
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures from 90 megapixels on and refuses them from 180 on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(source if isinstance(source, Path) else io.BytesIO(source))
        with opened:
            opened.load()
            # Chromium turns JPEG and PNG by their EXIF orientation, but not WebP.
            upright = opened if opened.format == "WEBP" else ImageOps.exif_transpose(opened)
            return _rgb(upright)
    except Image.DecompressionBombError as error:
        raise UsageError(
            f"{where}: has more pixels than are read (about 180 million). Make it smaller."
        ) from error
    except FileNotFoundError:
        raise UsageError(f"{where}: no such file.") from None
    except (OSError, ValueError, SyntaxError) as error:
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
