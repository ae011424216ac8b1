"""Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.

    pip install "ai-edge-litert>=2.1" "numpy>=1.26" "pillow>=10.1"
    python teachable_machine.py PICTURE...

Teachable-machine_float32.tflite lies beside this file.
Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
Made by edge-deploy 0.1.0.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

MODEL = Path(__file__).with_name("Teachable-machine_float32.tflite")
LABELS = ['cat', 'dog "$x"']
HEIGHT, WIDTH = 6, 9


def decode(path):
    """A picture's pixels: uint8 (height, width, 3), turned as its EXIF says, on white."""
    picture = Image.open(path)
    if picture.format != "WEBP":  # browsers do not turn those
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits of grey
        gray = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.array(picture.convert("RGB"))


def _fit_box(pixels, size):
    """What ``ImageOps.fit`` keeps."""
    height, width = pixels.shape[:2]
    ratio, wanted = width / height, size[1] / size[0]
    box_width = wanted * height if ratio > wanted else float(width)
    box_height = width / wanted if ratio < wanted else float(height)
    left, top = (width - box_width) * 0.5, (height - box_height) * 0.5
    return left, top, left + box_width, top + box_height


def down_first(old, size):
    """Whether Pillow 13 resizes down the picture before across, from (h, w) to (h, w)."""
    return size[0] < old[0] and 2 * (old[1] - size[1]) < old[0] - size[0]


def resize(pixels):
    """Pillow's lanczos, one axis after the other as Pillow 13 does it."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = _fit_box(pixels, (HEIGHT, WIDTH))
    picture, method = Image.fromarray(pixels), Image.Resampling.LANCZOS
    for axis in (1, 0) if down_first((height, width), (HEIGHT, WIDTH)) else (0, 1):
        width, height = picture.size
        if axis == 0:
            picture = picture.resize((WIDTH, height), method, box=(left, 0, right, height))
        else:
            picture = picture.resize((width, HEIGHT), method, box=(0, top, width, bottom))
    return np.array(picture)


def preprocess(pixels):
    """Pixels as the model takes them: float32 (1, 6, 9, 3)."""
    pixels = resize(pixels)
    values = pixels.astype(np.float32)
    values = values * np.float32(0.00784313725490196)
    values = values + np.float32(-1.0)
    return values.reshape((1, 6, 9, 3))


class TeachableMachine:
    """The model; it may be asked many times, by one thread at a time."""

    def __init__(self, path=MODEL):
        self._interpreter = Interpreter(model_path=str(path))
        self._ask = self._interpreter.get_signature_runner()

    def run(self, picture):
        """Tensors in and out.

        Takes picture float32 1 x 6 x 9 x 3;
        gives a dict with probabilities float32 1 x 2.
        """
        outputs = self._ask(
            picture=np.asarray(np.reshape(picture, (1, 6, 9, 3)), np.float32),
        )
        return {
            'probabilities': outputs['probabilities'],
        }

    def predict(self, picture):
        """Each label's share, the largest first."""
        shares = self.run(preprocess(decode(picture)))['probabilities'].ravel().tolist()
        return dict(sorted(zip(LABELS, shares), key=lambda pair: -pair[1]))


if __name__ == "__main__":
    model = TeachableMachine()
    for path in sys.argv[1:]:
        print(path, model.predict(path))
