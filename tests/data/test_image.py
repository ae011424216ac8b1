"""Preprocessing in Python: the spec, the decoder, and Pillow's and TensorFlow's own results."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge_deploy.core.errors import UsageError
from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.preprocessing.image import (
    PILLOW,
    PRESETS,
    check,
    parse_preprocess,
    preprocess_image,
    with_size,
)
from edge_deploy.data.preprocessing.resize import resize

RNG = np.random.default_rng(7)
SIZES = [
    ((37, 53), (128, 128)),
    ((500, 333), (224, 224)),
    ((91, 91), (97, 113)),
    ((3, 1), (5, 7)),
    ((300, 150), (40, 21)),
    ((150, 300), (40, 245)),
    ((60, 60), (60, 60)),
]


def noise(size: tuple[int, int]) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_spells_out_every_value_when_the_size_is_known(name: str) -> None:
    image = with_size(parse_preprocess(name), (224, 200, 3))["image"]
    assert image["size"] == [224, 200]
    assert len(image["mean"]) == len(image["std"]) == 3
    assert None not in image.values()
    assert check({"image": image}) == {"image": image}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unit", {"resize": "bicubic", "scale": 1 / 255}),
        ("unit,size=28x20,color=gray", {"size": [28, 20], "color": "gray", "mean": [0.0]}),
        ("scale=1/127.5,offset=-1", {"scale": 1 / 127.5, "offset": -1.0, "resize": "bilinear"}),
        ("color=rgb,mean=1,2,3,std=4:5:6", {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}),
        ("torch, resize=lanczos", {"resize": "lanczos", "std": [0.229, 0.224, 0.225]}),
        ("color=bgr,mean=7", {"mean": [7.0, 7.0, 7.0]}),
    ],
)
def test_text_is_read(text: str, expected: dict[str, Any]) -> None:
    image = parse_preprocess(text)["image"]
    assert {key: image[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mobilnet", "Did you mean mobilenet"),
        ("unit,sise=3x3", "Did you mean size"),
        ("resize=bicubi", "Did you mean bicubic"),
        ("size=224", "height x width"),
        ("size=0x4", "must be"),
        ("scale=big", "not a number"),
        ("scale=1/0", "not a number"),
        ("scale=nan", "must be a number"),
        ("color=rgb,mean=1:2", "has 2 numbers for 3"),
        ("std=0,color=gray", "has a 0"),
        ("crop=middle", "no crop is called"),
        ("unit,unit", "no key is called"),
        ("", "no preset is called"),
    ],
)
def test_wrong_text_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_preprocess(text)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "must be"),
        ({"images": {}}, "must be"),
        ({"image": {}, "audio": {}}, "must be"),
        ({"image": {"size": [1, True]}}, "size"),
        ({"image": {"size": "224"}}, "size"),
        ({"image": {"scale": "1/255"}}, "scale"),
        ({"image": {"mean": []}}, "mean"),
        ({"image": {"zoom": 2}}, "no key is called 'zoom'"),
    ],
)
def test_wrong_spec_is_told(spec: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(spec)


@pytest.mark.parametrize(
    ("shape", "size", "color"),
    [
        ((28, 28, 1), [28, 28], "gray"),
        ((28, 20), [28, 20], "gray"),
        ((64, 32, 3), [64, 32], "rgb"),
    ],
)
def test_size_and_colour_come_from_the_input(
    shape: tuple[int, ...], size: list[int], color: str
) -> None:
    image = with_size(PRESETS["unit"], shape)["image"]
    assert (image["size"], image["color"]) == (size, color)


@pytest.mark.parametrize(
    ("text", "shape", "words"),
    [
        ("unit", (784,), "does not say how large"),
        ("unit", (1, 1, 3), "does not say how large"),
        ("unit", (3, 224, 224), "cannot be a picture"),
        ("unit", (10, 20, 20, 3), "cannot be a picture"),
        ("unit,color=rgb", (28, 28, 1), "makes 28 x 28 x 3"),
        ("unit,size=32x32", (28, 28, 1), "makes 32 x 32 x 1"),
        ("unit,size=20x20", (784,), "makes 20 x 20 x 1"),
    ],
)
def test_input_that_does_not_fit_is_told(text: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        with_size(parse_preprocess(text), shape)


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
def test_values_take_the_shape_of_the_input(shape: tuple[int, ...]) -> None:
    spec = parse_preprocess("size=28x28,color=gray,scale=1/255")
    values = preprocess_image(spec, noise((50, 40)), shape)
    assert values.shape == shape
    assert values.dtype == np.float32


def test_values_are_rounded_after_each_step() -> None:
    spec = parse_preprocess("torch,size=4x4")
    pixels = noise((4, 4))
    f32 = np.float32
    mean, std = np.asarray([0.485, 0.456, 0.406], f32), np.asarray([0.229, 0.224, 0.225], f32)
    expected = (pixels.astype(f32) * f32(1 / 255) + f32(0) - mean) / std
    assert np.array_equal(preprocess_image(spec, pixels, (4, 4, 3)), expected)


@pytest.mark.parametrize("method", PILLOW)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_resize_is_pillow_s(method: str, old: tuple[int, int], new: tuple[int, int]) -> None:
    pixels = noise(old)
    picture, filter_ = Image.fromarray(pixels), Image.Resampling[method.upper()]
    wanted = (new[1], new[0])
    assert np.array_equal(resize(pixels, new, method, False), picture.resize(wanted, filter_))
    fitted = ImageOps.fit(picture, wanted, filter_)
    assert np.array_equal(resize(pixels, new, method, True), fitted)


def test_resize_is_tensorflow_s() -> None:
    keras = pytest.importorskip("keras")
    import tensorflow as tf

    for old, new in SIZES:
        pixels = noise(old)
        for method in ("bilinear", "nearest"):
            expected = tf.image.resize(pixels, new, method).numpy()
            assert np.array_equal(resize(pixels, new, f"tf-{method}", False), expected), (old, new)
        cropped = keras.preprocessing.image.smart_resize(pixels.astype(np.float32), new)
        assert np.array_equal(resize(pixels, new, "tf-bilinear", True), cropped), (old, new)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_transparent_pixels_stand_on_white() -> None:
    file = saved(Image.new("RGBA", (3, 2), (200, 0, 0, 0)), "PNG")
    assert decode_image(file).tolist() == [[[255, 255, 255]] * 3] * 2


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    wide = Image.fromarray(np.asarray([[0, 255, 256, 65535]], np.uint16))
    assert decode_image(saved(wide, "PNG"))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(("kind", "turned"), [("JPEG", True), ("PNG", True), ("WEBP", False)])
def test_exif_turns_what_a_browser_turns(kind: str, turned: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    shape = decode_image(saved(Image.new("RGB", (8, 4)), kind, exif=exif)).shape
    assert shape == ((8, 4, 3) if turned else (4, 8, 3))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n\0\0"])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cat\.jpg: cannot be read as a picture"):
        decode_image(path)
    with pytest.raises(UsageError, match="no such file"):
        decode_image(tmp_path / "missing.jpg")


def test_picture_of_too_many_pixels_is_told() -> None:
    size = struct.pack(">II", 20_000, 20_000)
    data = saved(Image.new("RGB", (1, 1)), "PNG")
    header = b"IHDR" + size + data[24:29]
    data = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    with pytest.raises(UsageError, match="picture: has more pixels than are read"):
        decode_image(data)


def test_truncated_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(saved(Image.fromarray(noise((90, 90))), "JPEG")[:2000])
    with pytest.raises(UsageError, match="cannot be read as a picture"):
        decode_image(path)
