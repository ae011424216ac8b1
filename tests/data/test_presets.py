"""Presets in the words of the training code: the same pixels as that code gives."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.preprocessing.image import TRAINED, parse_preprocess, preprocess_image

pytestmark = pytest.mark.slow

READERS = ("flow-from-directory", "image-dataset-from-directory")
LIBRARIES = ("opencv", "torchvision")
SHAPE = (40, 30, 3)
SIZES = {
    "linear": (61, 83),
    "enlarged": (7, 5),
    "halved": (80, 60),
    "half_as_high": (80, 83),
    "narrow": (41, 1),
    "same": (40, 30),
}
"""Of the pictures that OpenCV was given; a half of both sides is another function there."""


def written(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    (folder / "cats").mkdir()
    Image.fromarray(pixels).save(folder / "cats" / "a.png")
    return folder / "cats" / "a.png"


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in (*READERS, *LIBRARIES)])
def test_application_gives_the_same(name: str) -> None:
    module = importlib.import_module(f"keras.applications.{name.replace('-', '_')}")
    pixels = np.random.default_rng(1).integers(0, 256, SHAPE, dtype=np.uint8)
    wanted = module.preprocess_input(pixels.astype(np.float32)[None].copy())[0]
    given = preprocess_image(parse_preprocess(name.replace("-", "_")), pixels, SHAPE)
    np.testing.assert_allclose(given, np.asarray(wanted), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", SIZES)
def test_opencv_gives_the_bits_of_cv2(name: str) -> None:
    """What cv2.resize 4.10 and 5.0 made of these pixels, blue first; both the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZES[name], 3), dtype=np.uint8)
    with np.load(Path(__file__).with_name("opencv.npz")) as stored:
        wanted = stored[name]
    given = preprocess_image(parse_preprocess("opencv,scale=1"), pixels, SHAPE)
    np.testing.assert_array_equal(given, wanted)


def test_torchvision_gives_the_bits_of_its_own_arithmetic() -> None:
    """transforms.Resize of a PIL picture is Pillow's bilinear, as torchvision's source has it."""
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(pixels).resize(SHAPE[1::-1], Image.Resampling.BILINEAR))
    mean, std = (np.array(n, np.float32) for n in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    given = preprocess_image(parse_preprocess("torchvision"), pixels, SHAPE)
    wanted = (small.astype(np.float32) / np.float32(255) - mean) / std
    np.testing.assert_allclose(given, wanted, rtol=0, atol=5e-7)


@pytest.mark.parametrize("name", READERS)
def test_reader_gives_the_same_pixels(name: str, tmp_path: Path) -> None:
    file = written(tmp_path)
    if name == "flow-from-directory":
        from tf_keras.preprocessing.image import ImageDataGenerator

        wanted = next(ImageDataGenerator().flow_from_directory(tmp_path, target_size=SHAPE[:2]))[0]
    else:
        import keras

        data = keras.utils.image_dataset_from_directory(tmp_path, image_size=SHAPE[:2], labels=None)
        wanted = next(iter(data)).numpy()
    given = preprocess_image(parse_preprocess(name), decode_image(file), SHAPE)
    np.testing.assert_array_equal(given, wanted[0])
