"""digits-mlp: the 784-300-100-10 network of Keras 3, on real handwriting.

scikit-learn brings 1,797 handwritten digits of 8 x 8 pixels. They are enlarged to 20 x 20 and
put in the middle of 28 x 28, white on black, as MNIST's are. For training each is also shifted,
enlarged and turned a little, as a hand on a screen does.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import option
from edge_deploy.examples.base import Example, Metric, Request

if TYPE_CHECKING:
    from edge_deploy.core.spec import Array

DIGITS = 1797
_COPIES = 3
_SHOWN = 3  # held-out pictures of each class that become the reference
_TIMEOUT = 30.0
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
# bilinear: what a page can do with a large canvas, exactly as here.
_PREPROCESSING = "size=28x28,resize=bilinear,color=gray,scale=1/255"


def _build(folder: Path, request: Request) -> Metric:
    import numpy as np

    from edge_deploy.examples import folders, training

    rng = np.random.default_rng(request.seed)
    fashion = request.dataset == "fashion-mnist"
    pixels, classes, test_pixels, test_classes = _fashion() if fashion else _held_out(rng)
    labels = _CLOTHES if fashion else tuple(str(digit) for digit in range(10))

    x, test_x = as_inputs(pixels), as_inputs(test_pixels)
    model = train(x, classes, rng, epochs=2 if fashion else 10)
    found = model.predict(test_x, verbose=0).argmax(axis=1)
    training.save(model, folder / EXAMPLE.model)
    folders.write_labels(folder, labels)
    folders.write_json(folder / "preprocessing.json", _spec())
    _write_reference(folder / "reference", labels, test_pixels, test_classes)
    return Metric("accuracy", float(np.mean(found == test_classes)))


def train(x: Array, classes: Array, rng: Any, epochs: int = 10) -> Any:
    """The network, trained on pictures of (n, 28, 28) between 0 and 1."""
    import keras

    from edge_deploy.examples import training

    model = keras.Sequential(
        [
            keras.layers.Input((28, 28), name="picture"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(300, activation="relu", name="hidden_1"),
            keras.layers.Dense(100, activation="relu", name="hidden_2"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="digits_mlp",
    )
    training.initialize(model, rng)
    model.compile(keras.optimizers.Adam(1e-3, name="adam"), "sparse_categorical_crossentropy")
    training.fit(model, x, classes, rng, epochs=epochs, batch=64)
    return model


def _spec() -> dict[str, Any]:
    from edge_deploy.data.preprocessing import image as preprocessing

    return preprocessing.with_size(preprocessing.parse_preprocess(_PREPROCESSING), (28, 28))


def as_inputs(pixels: Array) -> Array:
    """Grey pictures as the model takes them, by the way of every picture that it is asked."""
    import numpy as np

    from edge_deploy.data.preprocessing.image import preprocess_image

    spec = _spec()
    return np.stack(
        [preprocess_image(spec, np.repeat(p[:, :, None], 3, axis=2), (28, 28)) for p in pixels]
    )


def _held_out(rng: Any) -> tuple[Array, Array, Array, Array]:
    from edge_deploy.examples.training import held_out

    return divided(rng, *held_out(DIGITS, rng))


def divided(rng: Any, train: Array, test: Array) -> tuple[Array, Array, Array, Array]:
    """Digits to train on, moved ones among them, and others: uint8 (n, 28, 28) and their classes.

    Args:
        rng: Moves those to train on.
        train: Indices of those.
        test: Indices of the others.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    still = np.stack([_enlarge(image) for image in data.images])
    moved = [
        _enlarge(
            data.images[i],
            size=float(rng.uniform(17, 24)),
            angle=float(rng.uniform(-12, 12)),
            shift=(float(rng.uniform(-2, 2)), float(rng.uniform(-2, 2))),
        )
        for _ in range(_COPIES)
        for i in train
    ]
    pixels = np.concatenate([still[train], np.stack(moved)])
    classes = np.tile(data.target[train], _COPIES + 1)
    return pixels, classes, still[test], data.target[test]


def _enlarge(
    image: Array, size: float = 20.0, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Array:
    """An 8 x 8 digit of 0 to 16 as 28 x 28 of 0 to 255: ``size`` pixels large, moved, turned."""
    import math

    import numpy as np
    from PIL import Image

    # Enlarged well first, so that turning does not make it jagged.
    values = np.clip(image * (255 / 16), 0, 255).astype(np.uint8)
    large = Image.fromarray(np.pad(values, 4)).resize((128, 128), Image.Resampling.BICUBIC)
    per = 8 / size * 8  # pixels of the large picture for one of the small
    cos, sin = math.cos(math.radians(angle)) * per, math.sin(math.radians(angle)) * per
    x, y = 14 + shift[0], 14 + shift[1]
    matrix = (cos, sin, 64 - cos * x - sin * y, -sin, cos, 64 + sin * x - cos * y)
    small = large.transform(
        (28, 28), Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )
    # Enlarging blurs; a steeper slope gives back the edge of a pen.
    sharp = np.clip((np.asarray(small, np.float32) - 127.5) * 1.5 + 127.5, 0, 255)
    sharp[np.asarray(small) < 16] = 0
    return sharp.astype(np.uint8)


def _fashion() -> tuple[Array, Array, Array, Array]:
    import keras

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)  # Keras sets none: a network that drops packets would hang
    try:
        (x, y), (test_x, test_y) = keras.datasets.fashion_mnist.load_data()
    except Exception as error:
        # Keras wraps some network errors in a plain Exception and lets others through.
        raise EdgeDeployError(
            f"{option('dataset', 'fashion-mnist')}: cannot be downloaded "
            f"({str(error).splitlines()[0]}). Try again where a network allows it, or leave "
            f"{option('dataset')} out: digits needs no network."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return x, y, test_x, test_y


def _write_reference(folder: Path, labels: tuple[str, ...], pixels: Array, classes: Array) -> None:
    import numpy as np

    from edge_deploy.examples.pictures import write_pictures

    for number, label in enumerate(labels):
        chosen = [pixels[i] for i in np.flatnonzero(classes == number)[:_SHOWN]]
        # "T-shirt/top" cannot name a folder
        name = label.replace("/", " or ")
        write_pictures(folder / name, chosen, name)


EXAMPLE = Example(
    name="digits-mlp",
    title="Which digit is it?",
    summary="The 784-300-100-10 network of Keras 3 on scikit-learn's handwritten digits, 28 x 28.",
    toy="Small, but real handwriting: 1,797 digits by 13 people, the held-out ones by the same "
    "people. It knows digits in the middle, white on black, and takes all else for digits.",
    model="digits-mlp.keras",
    build=_build,
    datasets=("digits", "fashion-mnist"),
)
