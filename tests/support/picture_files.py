"""Picture files of every kind that people drop on a page, made with Pillow and by hand."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Bytes8 = NDArray[np.uint8]
_ORIENTATION = 0x0112


def scene(height: int, width: int, seed: int = 0) -> Bytes8:
    """Smooth colours with edges and noise, so that filters and chroma have work to do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    waves = [128 + 100 * np.sin(x / (5 + 4 * c) + y / (11 - 3 * c)) for c in range(3)]
    picture = np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))
    picture[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 60)
    return picture.clip(0, 255).astype(np.uint8)


def _saved(picture: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()


def _photo(height: int = 83, width: int = 121) -> Image.Image:
    return Image.fromarray(scene(height, width))


def _with_alpha() -> Image.Image:
    """Every pair of a grey level and an alpha, beside the scene with the scene's own alpha."""
    level, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pairs = np.stack([level, 255 - level, level, alpha], -1)
    right = np.concatenate([scene(256, 100), scene(256, 100, seed=1)[:, :, :1]], -1)
    return Image.fromarray(np.concatenate([pairs, right], 1))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return exif


def _swapping_profile() -> bytes:
    """An ICC profile that takes red for green: who applies it gets other pixels."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tEmP").replace(b"gXYZ", b"rXYZ").replace(b"tEmP", b"gXYZ")


def _png(samples: NDArray[Any], color_type: int, chunks: bytes = b"") -> bytes:
    """A PNG of 16 bits a sample, which Pillow writes for grey only."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    height, width = samples.shape[:2]
    rows = samples.astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunks + chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def _wide(channels: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 65536, (41, 67, channels), dtype=np.uint16)


def _animation() -> bytes:
    second = Image.fromarray(scene(61, 47, seed=2))
    return _saved(
        Image.fromarray(scene(61, 47)), "GIF", save_all=True, append_images=[second], duration=40
    )


def _clear_gif() -> bytes:
    return _saved(_photo().quantize(30), "GIF", transparency=4)


KINDS: dict[str, Callable[[], bytes]] = {
    "jpeg 4:4:4": lambda: _saved(_photo(), "JPEG", subsampling=0, quality=92),
    "jpeg 4:2:2": lambda: _saved(_photo(), "JPEG", subsampling=1, quality=88),
    "jpeg 4:2:0": lambda: _saved(_photo(), "JPEG", subsampling=2, quality=80),
    "jpeg 4:2:0, wide": lambda: _saved(_photo(97, 301), "JPEG", subsampling=2, quality=30),
    "jpeg progressive": lambda: _saved(_photo(), "JPEG", progressive=True, quality=85),
    "jpeg grey": lambda: _saved(_photo().convert("L"), "JPEG"),
    "jpeg cmyk": lambda: _saved(_photo().convert("CMYK"), "JPEG"),
    "jpeg icc": lambda: _saved(_photo(), "JPEG", icc_profile=_swapping_profile()),
    "png": lambda: _saved(_photo(), "PNG"),
    "png 1 x 1": lambda: _saved(_photo(1, 1), "PNG"),
    "png 1 x 9": lambda: _saved(_photo(1, 9), "PNG"),
    "png large": lambda: _saved(_photo(611, 433), "PNG"),
    "png alpha": lambda: _saved(_with_alpha(), "PNG"),
    "png grey": lambda: _saved(_photo().convert("L"), "PNG"),
    "png grey, alpha": lambda: _saved(_with_alpha().convert("LA"), "PNG"),
    "png black and white": lambda: _saved(_photo().convert("1"), "PNG"),
    "png palette": lambda: _saved(_photo().quantize(17), "PNG"),
    "png palette of 3": lambda: _saved(_photo().quantize(3), "PNG"),
    "png palette, clear colour": lambda: _saved(_photo().quantize(17), "PNG", transparency=3),
    "png palette, alphas": lambda: _saved(
        _photo().quantize(17), "PNG", transparency=bytes(range(0, 255, 15))
    ),
    "png clear colour": lambda: _saved(_photo(), "PNG", transparency=(250, 20, 60)),
    "png grey, clear level": lambda: _saved(_photo().convert("L"), "PNG", transparency=120),
    "png icc": lambda: _saved(_photo(), "PNG", icc_profile=_swapping_profile()),
    "png 16 bit grey": lambda: _png(_wide(1), 0),
    "png 16 bit": lambda: _png(_wide(3), 2),
    "png 16 bit grey, alpha": lambda: _png(_wide(2), 4),
    "png 16 bit, alpha": lambda: _png(_wide(4), 6),
    "webp lossy": lambda: _saved(_photo(), "WEBP", quality=70),
    "webp lossless": lambda: _saved(_photo(), "WEBP", lossless=True),
    "webp lossless, alpha": lambda: _saved(_with_alpha(), "WEBP", lossless=True, exact=True),
    "webp lossy, alpha": lambda: _saved(_with_alpha(), "WEBP", quality=80),
    "webp icc": lambda: _saved(_photo(), "WEBP", lossless=True, icc_profile=_swapping_profile()),
    "webp exif 6": lambda: _saved(_photo(), "WEBP", lossless=True, exif=_exif(6)),
    "gif": lambda: _saved(_photo(), "GIF"),
    "gif clear colour": _clear_gif,
    "gif animated": _animation,
    "bmp": lambda: _saved(_photo(), "BMP"),
    "bmp palette": lambda: _saved(_photo().quantize(200), "BMP"),
    "bmp grey": lambda: _saved(_photo().convert("L"), "BMP"),
    "bmp black and white": lambda: _saved(_photo().convert("1"), "BMP"),
    **{
        f"jpeg exif {n}": lambda n=n: _saved(_photo(), "JPEG", exif=_exif(n))  # type: ignore[misc]
        for n in range(1, 9)
    },
    **{
        f"png exif {n}": lambda n=n: _saved(_photo(), "PNG", exif=_exif(n))  # type: ignore[misc]
        for n in range(1, 9)
    },
}
