"""Resizing as Pillow, TensorFlow and OpenCV do it, without the latter two.

web_demo/src/resize.js is the same in JavaScript.
"""

from __future__ import annotations

import numpy as np

from edge_deploy.core.spec import Array


def resize(pixels: Array, size: tuple[int, int], method: str, center_crop: bool) -> Array:
    """Resize a picture.

    Args:
        pixels: uint8 (h, w, 3).
        size: Height and width that are wanted.
        method: One of preprocessing.RESIZES.
        center_crop: First cut the largest centred part with the wanted aspect: for Pillow's
            filters as ``ImageOps.fit`` (to a fraction of a pixel), for the others as Keras'
            ``smart_resize`` (whole pixels).

    Returns:
        (h, w, 3) of uint8; of float32 for tf-bilinear.
    """
    if method in _OTHERS:
        return _OTHERS[method](_smart_crop(pixels, size) if center_crop else pixels, size)
    from PIL import Image

    height, width = pixels.shape[:2]
    left, top, right, bottom = _fit_box(pixels, size) if center_crop else (0, 0, width, height)
    picture, filter_ = Image.fromarray(pixels), Image.Resampling[method.upper()]
    if method == "nearest":
        box = (left, top, right, bottom)
        return np.array(picture.resize((size[1], size[0]), filter_, box=box))
    # One axis after the other, because it matters which comes first and Pillow 12 and 13 choose
    # otherwise; this is the choice of 13, whichever is installed.
    for axis in (1, 0) if down_first(pixels.shape[:2], size) else (0, 1):
        width, height = picture.size
        if axis == 0:
            picture = picture.resize((size[1], height), filter_, box=(left, 0, right, height))
        else:
            picture = picture.resize((width, size[0]), filter_, box=(0, top, width, bottom))
    return np.array(picture)


def down_first(old: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether Pillow 13 resizes down the picture before across, from (h, w) to (h, w)."""
    return size[0] < old[0] and 2 * (old[1] - size[1]) < old[0] - size[0]


def _fit_box(pixels: Array, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """What ``ImageOps.fit`` keeps."""
    height, width = pixels.shape[:2]
    ratio, wanted = width / height, size[1] / size[0]
    box_width = wanted * height if ratio > wanted else float(width)
    box_height = width / wanted if ratio < wanted else float(height)
    left, top = (width - box_width) * 0.5, (height - box_height) * 0.5
    return left, top, left + box_width, top + box_height


def _smart_crop(pixels: Array, size: tuple[int, int]) -> Array:
    height, width = pixels.shape[:2]
    new_height = max(1, min(height, int(width * size[0] / size[1])))
    new_width = max(1, min(width, int(height * size[1] / size[0])))
    top, left = int((height - new_height) / 2), int((width - new_width) / 2)
    return pixels[top : top + new_height, left : left + new_width]


def _tf_nearest(pixels: Array, size: tuple[int, int]) -> Array:
    rows, columns = (
        np.minimum(np.floor(_centers(n, old)), old - 1).astype(np.int64)
        for n, old in zip(size, pixels.shape[:2], strict=True)
    )
    taken: Array = pixels[rows][:, columns]
    return taken


def _tf_bilinear(pixels: Array, size: tuple[int, int]) -> Array:
    """Each step in float32 and in TensorFlow's order: across, then down."""
    values = pixels.astype(np.float32)
    if pixels.shape[:2] == size:
        return values
    top, bottom, down = _weights(size[0], pixels.shape[0])
    left, right, across = _weights(size[1], pixels.shape[1])
    rows = []
    for index in (top, bottom):
        line = values[index]
        a, b = line[:, left], line[:, right]
        rows.append(a + (b - a) * across[None, :, None])
    upper, lower = rows
    mixed: Array = upper + (lower - upper) * down[:, None, None]
    return mixed


def _centers(size: int, old: int) -> Array:
    scale = np.float32(old) / np.float32(size)
    return (np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale


def _weights(size: int, old: int) -> tuple[Array, Array, Array]:
    place = _centers(size, old) - np.float32(0.5)
    floor = np.floor(place)
    low = np.maximum(floor, 0).astype(np.int64)
    high = np.minimum(np.ceil(place), old - 1).astype(np.int64)
    return low, high, place - floor


def _cv2_linear(pixels: Array, size: tuple[int, int]) -> Array:
    """OpenCV's INTER_LINEAR of bytes, in whole numbers; a half of both sides is its INTER_AREA."""
    height, width = pixels.shape[:2]
    values = pixels.astype(np.int32)
    if (height, width) == (2 * size[0], 2 * size[1]):
        pairs = values[::2] + values[1::2]
        mean: Array = (pairs[:, ::2] + pairs[:, 1::2] + 2) >> 2
        return mean.astype(np.uint8)
    left, a, b = _cv2_weights(size[1], width)
    inside = (left >= 0) & (left < width - 1)  # beyond an edge, all of its weight is the edge's
    a, b = np.where(inside, a, 2048)[:, None], np.where(inside, b, 0)[:, None]
    lines = values[:, left.clip(0, width - 1)] * a + values[:, (left + 1).clip(0, width - 1)] * b
    lines >>= 4
    top, a, b = _cv2_weights(size[0], height)
    upper = (lines[top.clip(0, height - 1)] * a[:, None, None]) >> 16
    lower = (lines[(top + 1).clip(0, height - 1)] * b[:, None, None]) >> 16
    mixed: Array = (upper + lower + 2) >> 2
    return mixed.astype(np.uint8)


def _cv2_weights(size: int, old: int) -> tuple[Array, Array, Array]:
    """The first of the two old pixels of each wanted one, and both weights, of 2048 parts."""
    place = ((np.arange(size) + 0.5) * (1 / (size / old)) - 0.5).astype(np.float32)
    first = np.floor(place)
    share = place - first
    weights = [np.rint(part * 2048).astype(np.int32) for part in (np.float32(1) - share, share)]
    return first.astype(np.int64), weights[0], weights[1]


_OTHERS = {"tf-bilinear": _tf_bilinear, "tf-nearest": _tf_nearest, "cv2-linear": _cv2_linear}
