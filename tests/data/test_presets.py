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
SHAPE = (40, 30, 3)


def written(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    (folder / "cats").mkdir()
    Image.fromarray(pixels).save(folder / "cats" / "a.png")
    return folder / "cats" / "a.png"


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in READERS])
def test_application_gives_the_same(name: str) -> None:
    module = importlib.import_module(f"keras.applications.{name.replace('-', '_')}")
    pixels = np.random.default_rng(1).integers(0, 256, SHAPE, dtype=np.uint8)
    wanted = module.preprocess_input(pixels.astype(np.float32)[None].copy())[0]
    given = preprocess_image(parse_preprocess(name.replace("-", "_")), pixels, SHAPE)
    np.testing.assert_allclose(given, np.asarray(wanted), rtol=2e-6, atol=2e-6)


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
