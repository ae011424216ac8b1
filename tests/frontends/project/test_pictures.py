"""How a script prepares a picture: size, scale, colours, filter, in each library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_deploy.frontends.project.findings import Findings, Strength

Read = Callable[..., Findings]
OPEN = "i = Image.open(f)\n"

# What differs from a picture of which nothing is said.
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "Pillow": (
        OPEN + "x = np.array(i.convert('RGB').resize((10, 20))) / 255.0",
        {"size": (10, 20), "colours": "rgb", "scale": 1 / 255, "library": "pillow"},
    ),
    "Pillow, grey": (
        OPEN + "x = np.array(i.convert('L').resize((28, 28))).reshape(1, 28, 28, 1) / 255",
        {"size": (28, 28), "colours": "grey", "scale": 1 / 255, "library": "pillow"},
    ),
    "Pillow, a filter": (
        OPEN + "x = i.resize((10, 20), Image.Resampling.LANCZOS)",
        {"size": (10, 20), "interpolation": "lanczos", "library": "pillow"},
    ),
    "Pillow, an old filter": (
        OPEN + "x = i.resize((10, 20), Image.ANTIALIAS)",
        {"size": (10, 20), "interpolation": "lanczos", "library": "pillow"},
    ),
    "Teachable Machine": (
        OPEN + "i = ImageOps.fit(i, (224, 224), Image.Resampling.LANCZOS)\n"
        "d = np.ndarray(shape=(1, 224, 224, 3), dtype=np.float32)\n"
        "d[0] = (np.asarray(i).astype(np.float32) / 127.5) - 1\nx = d",
        {
            "size": (224, 224),
            "interpolation": "lanczos",
            "scale": 1 / 127.5,
            "offset": -1.0,
            "library": "pillow",
        },
    ),
    "OpenCV": (
        "i = cv2.resize(cv2.imread(f), (10, 20))\nx = np.expand_dims(i, 0)",
        {"size": (10, 20), "colours": "bgr", "library": "opencv"},
    ),
    "OpenCV, turned": (
        "i = cv2.cvtColor(cv2.imread(f), cv2.COLOR_BGR2RGB)\nx = cv2.resize(i, (10, 20))",
        {"size": (10, 20), "colours": "rgb", "library": "opencv"},
    ),
    "OpenCV, turned by a slice": (
        "i = cv2.imread(f)[:, :, ::-1]\nx = cv2.resize(i, (10, 20))",
        {"size": (10, 20), "colours": "rgb", "library": "opencv"},
    ),
    "OpenCV, turned by dots": (
        "i = cv2.imread(f)[..., ::-1]\nx = cv2.resize(i, (10, 20))",
        {"size": (10, 20), "colours": "rgb", "library": "opencv"},
    ),
    "OpenCV, grey by a number": (
        "x = cv2.resize(cv2.imread(f, 0), (48, 48), interpolation=cv2.INTER_AREA)",
        {"size": (48, 48), "colours": "grey", "interpolation": "area", "library": "opencv"},
    ),
    "OpenCV, grey by a name": (
        "i = cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_GRAYSCALE)\n"
        "x = cv2.resize(i, (48, 48))",
        {"size": (48, 48), "colours": "grey", "library": "opencv"},
    ),
    "OpenCV, a frame": (
        "g = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)\nfor (a, b, c, d) in find(g):\n"
        "    r = cv2.resize(g[b:b + d, a:a + c], (48, 48))\n    x = r.astype('float') / 255.0",
        {"size": (48, 48), "colours": "grey", "scale": 1 / 255, "library": "opencv"},
    ),
    "OpenCV, a blob": (
        "x = cv2.dnn.blobFromImage(i, 1 / 255.0, (30, 40))",
        {"size": (30, 40), "scale": 1 / 255, "library": "opencv"},
    ),
    "Keras": (
        "i = tf.keras.utils.load_img(f, target_size=(20, 10))\nx = tf.keras.utils.img_to_array(i)",
        {"size": (10, 20), "colours": "rgb", "interpolation": "nearest", "library": "keras"},
    ),
    "Keras, more": (
        "from tensorflow.keras.preprocessing import image\n"
        "x = image.load_img(f, target_size=(20, 10), color_mode='grayscale',"
        " interpolation='bilinear')",
        {"size": (10, 20), "colours": "grey", "interpolation": "bilinear", "library": "keras"},
    ),
    "TensorFlow": (
        "i = tf.io.decode_jpeg(tf.io.read_file(f), channels=3)\ni = tf.image.resize(i, [20, 10])\n"
        "x = tf.cast(i, tf.float32) / 127.5 - 1.0",
        {
            "size": (10, 20),
            "colours": "rgb",
            "interpolation": "bilinear",
            "scale": 1 / 127.5,
            "offset": -1.0,
            "library": "tensorflow",
        },
    ),
    "TensorFlow, a method": (
        "x = tf.image.resize(f, (20, 10), method='nearest')",
        {"size": (10, 20), "interpolation": "nearest", "library": "tensorflow"},
    ),
    "TensorFlow, a dtype": (
        "x = tf.image.resize(tf.image.convert_image_dtype(f, tf.float32), (20, 10))",
        {"size": (10, 20), "interpolation": "bilinear", "scale": 1 / 255, "library": "tensorflow"},
    ),
    "an application": (
        "from tensorflow.keras.applications.mobilenet_v2 import preprocess_input\n"
        + OPEN
        + "x = preprocess_input(np.array(i.resize((10, 20))))",
        {"size": (10, 20), "library": "pillow", "application": "mobilenet_v2"},
    ),
    "an application by another name": (
        "from keras.applications.resnet50 import preprocess_input as pp\n"
        + OPEN
        + "x = pp(np.array(i.resize((10, 20))))",
        {"size": (10, 20), "library": "pillow", "application": "resnet50"},
    ),
    "an application's module": (
        "from tensorflow.keras.applications import efficientnet\n"
        + OPEN
        + "x = efficientnet.preprocess_input(np.array(i.resize((10, 20))))",
        {"size": (10, 20), "library": "pillow", "application": "efficientnet"},
    ),
    "an application in full": (
        OPEN + "x = tf.keras.applications.vgg16.preprocess_input(np.array(i.resize((10, 20))))",
        {"size": (10, 20), "library": "pillow", "application": "vgg16"},
    ),
    "a layer": (
        "r = tf.keras.layers.Rescaling(1.0 / 127.5, offset=-1)\nx = r(cv2.resize(i, (10, 20)))",
        {"size": (10, 20), "scale": 1 / 127.5, "offset": -1.0, "library": "opencv"},
    ),
    "torchvision": (
        "from torchvision import transforms as T\n"
        "t = T.Compose([T.Resize((20, 10)), T.ToTensor(), T.Normalize([0.5] * 3, [0.25] * 3)])\n"
        + OPEN
        + "x = t(i).unsqueeze(0)",
        {
            "size": (10, 20),
            "scale": 1 / 255,
            "interpolation": "bilinear",
            "library": "torchvision",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.25, 0.25, 0.25),
        },
    ),
    "scikit-image": (
        "from skimage import io, transform\nx = transform.resize(io.imread(f), (20, 10))",
        {
            "size": (10, 20),
            "colours": "rgb",
            "scale": 1 / 255,
            "interpolation": "bilinear",
            "library": "skimage",
        },
    ),
    "a factor": (
        OPEN + "x = np.array(i.resize((10, 20))) * (1.0 / 255)",
        {"size": (10, 20), "scale": 1 / 255, "library": "pillow"},
    ),
    "a middle": (
        OPEN + "x = (np.array(i.resize((10, 20))) - 127.5) / 127.5",
        {"size": (10, 20), "scale": 1 / 127.5, "offset": -1.0, "library": "pillow"},
    ),
    "in place": (
        OPEN + "x = np.array(i.resize((10, 20)), dtype='float32')\nx /= 255.0",
        {"size": (10, 20), "scale": 1 / 255, "library": "pillow"},
    ),
    "white on black": (
        OPEN + "x = (255 - np.array(i.resize((10, 20)))) / 255",
        {"size": (10, 20), "scale": -1 / 255, "offset": 1.0, "library": "pillow"},
    ),
    "a mean a channel": (
        OPEN
        + "a = np.array(i.resize((10, 20))) / 255\nx = (a - [0.1, 0.2, 0.3]) / [0.4, 0.5, 0.6]",
        {
            "size": (10, 20),
            "scale": 1 / 255,
            "library": "pillow",
            "mean": (0.1, 0.2, 0.3),
            "std": (0.4, 0.5, 0.6),
        },
    ),
    "constants": (
        "WIDTH, HEIGHT = 10, 2 * 10\nSIZE = (WIDTH, HEIGHT)\ndef prepare(p, size=SIZE):\n"
        "    i = Image.open(p)\n    i = i.resize(size)\n    return np.asarray(i) / 255.0\n"
        "x = prepare(f)",
        {"size": (10, 20), "scale": 1 / 255, "library": "pillow"},
    ),
    "a branch": (
        OPEN + "if i.mode != 'RGB':\n    i = i.convert('RGB')\nx = i.resize((10, 20))",
        {"size": (10, 20), "colours": "rgb", "library": "pillow"},
    ),
    "a size that is not said": (OPEN + "x = i.resize(size_of(m))", {"library": "pillow"}),
    "no resize": (OPEN + "x = np.array(i) / 255", {"scale": 1 / 255, "library": "pillow"}),
}
PLAIN: dict[str, Any] = {
    "size": None,
    "colours": "",
    "scale": 1.0,
    "offset": 0.0,
    "interpolation": "",
    "library": "",
    "application": "",
    "mean": (),
    "std": (),
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_steps_of_a_picture_are_found_and_summed(used: Read, name: str) -> None:
    source, expected = PICTURES[name]
    (one,) = used(source + "\nm.predict(x)").pictures
    got = {key: getattr(one, key) for key in PLAIN}
    numbers = ("scale", "offset")
    assert {key: got.pop(key) for key in numbers} == pytest.approx(
        {key: {**PLAIN, **expected}[key] for key in numbers}
    )
    assert got == {key: value for key, value in {**PLAIN, **expected}.items() if key in got}
    assert one.strength is Strength.PREDICTING


def test_the_line_of_the_resize_is_the_evidence(used: Read) -> None:
    (one,) = used("i = Image.open(f)\ni = i.resize((9, 8))\nm.predict(np.array(i) / 255)").pictures
    assert one.evidence.text == "i = i.resize((9, 8))"
    assert [step.action for step in one.steps] == ["read", "resize", "scale"]


def test_training_and_prediction_that_differ_are_both_given_the_prediction_first(
    read: Read,
) -> None:
    found = read(
        "import cv2\nfrom keras.models import load_model\nm = load_model('m.h5')\n"
        "m.predict(cv2.resize(cv2.imread(f), (64, 64)) / 255)\n",
        train_dot_py="from keras.preprocessing.image import ImageDataGenerator\n"
        "g = ImageDataGenerator(rescale=1. / 255, zoom_range=0.2)\n"
        "d = g.flow_from_directory('t', target_size=(32, 48), color_mode='grayscale')\nn.fit(d)\n",
    )
    shown = [(one.size, one.colours, one.scale, one.strength.name) for one in found.pictures]
    assert shown == [
        ((64, 64), "bgr", 1 / 255, "PREDICTING"),
        ((48, 32), "grey", 1 / 255, "TRAINING"),
    ]


@pytest.mark.parametrize(
    "source", ["y = m.predict(x) / 255", "p = m.predict(x)[0] * 100", "z = 3 / 255"]
)
def test_numbers_that_are_no_picture_are_none(used: Read, source: str) -> None:
    assert used(source).pictures == ()
