"""The golden table of pixels: the page's numbers are Python's, difference exactly 0."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.preprocessing.image import CROPS, RESIZES, preprocess_image
from edge_deploy.web.browser import Browser
from tests.support.picture_files import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Any]:
    opened = browser.new_page()
    opened.goto(f"{browser.url}harness.html")
    opened.wait_for_selector("html[data-state=ready]", state="attached")
    yield opened
    opened.close()


@cache
def file_of(kind: str) -> bytes:
    return KINDS[kind]()


IN_PAGE = """async ([file, specs]) => {
  const {decode, preprocess} = await import(new URL('src/preprocess.js', location));
  const {toBase64} = await import(new URL('src/arrays.js', location));
  const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
  const picture = await decode(new Blob([bytes]));
  const results = specs.map((spec) => toBase64(preprocess(spec, picture)));
  return [toBase64(picture.data), picture.height, picture.width, results];
}"""


def in_page(page: Any, file: bytes, specs: list[dict[str, Any]]) -> Any:
    encoded = base64.b64encode(file).decode()
    data, height, width, results = page.evaluate(IN_PAGE, [encoded, specs])
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3)
    return pixels, [np.frombuffer(base64.b64decode(r), np.float32) for r in results]


# The colours take turns, so that each meets every resize, crop and kind of file.
COLORS = itertools.cycle(
    [
        {"color": "rgb", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.2, 0.3, 0.4]},
        {"color": "bgr", "mean": [103.939, 116.779, 123.68]},
        {"color": "gray", "scale": 1 / 127.5, "offset": -1.0},
        {"color": "rgb", "scale": 1.0},
        {"color": "gray", "mean": [0.1307], "std": [0.3081], "scale": 1 / 255},
    ]
)
SIZES = itertools.cycle([(97, 113), (31, 17), (64, 64), (83, 121), (150, 45), (1, 1), (3, 200)])
SPECS = {
    kind: [
        {"image": {"scale": 1.0, "offset": 0.0, **next(COLORS), "size": list(next(SIZES)),
                   "crop": crop, "resize": resize}}
        for crop, resize in itertools.product(CROPS, RESIZES)
    ]
    for kind in KINDS
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_python(page: Any, kind: str) -> None:
    pixels, results = in_page(page, file_of(kind), SPECS[kind])
    expected = decode_image(file_of(kind))
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() == 0
    for spec, mine in zip(SPECS[kind], results, strict=True):
        shape = (*spec["image"]["size"], 1 if spec["image"]["color"] == "gray" else 3)
        theirs = preprocess_image(spec, expected, shape).ravel()
        assert np.array_equal(mine, theirs), spec["image"]


BIG = [(224, 224), (97, 113), (31, 17), (200, 90), (611, 433), (700, 500), (1, 1)]


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("resize", RESIZES)
def test_numbers_are_those_of_python_at_every_size(page: Any, resize: str, crop: str) -> None:
    specs = [
        {"image": {"crop": crop, "resize": resize, "scale": 1 / 255, "offset": 0.0,
                   "color": "rgb", "size": list(size)}}
        for size in BIG
    ]  # fmt: skip
    for kind in ("png large", "png 1 x 9"):
        _, results = in_page(page, file_of(kind), specs)
        for spec, mine in zip(specs, results, strict=True):
            shape = (*spec["image"]["size"], 3)
            expected = preprocess_image(spec, decode_image(file_of(kind)), shape)
            assert np.array_equal(mine, expected.ravel()), (kind, shape)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("icc")])
def test_profile_would_change_the_picture_if_it_were_applied(page: Any, kind: str) -> None:
    """That the profiles of the table are real: a page that applies them sees other pixels."""
    script = """async (file) => {
      const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const {pixelsOf} = await import(new URL('src/preprocess.js', location));
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      canvas.getContext('2d').drawImage(bitmap, 0, 0);
      return Array.from(pixelsOf(canvas).data);
    }"""
    applied = page.evaluate(script, base64.b64encode(file_of(kind)).decode())
    ignored = decode_image(file_of(kind)).ravel()
    assert np.abs(np.asarray(applied, int) - ignored).max() > 50
