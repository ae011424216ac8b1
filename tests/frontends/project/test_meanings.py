"""Pictures, padding, classes, thresholds as scripts say them; two that differ are a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.frontends.project import meanings
from edge_deploy.frontends.project.inventory import Pictures
from edge_deploy.frontends.project.recipe_text import Entry, Fork
from edge_deploy.frontends.project.script_reader import read_scripts

IMAGE = TensorSpec("x", (None, 64, 64, 3), "float32", "image")
ROW = TensorSpec("x", (None, 3), "float32", "table")
TF, UNIT = 1 / 127.5, 1 / 255


def spec(kind: str, width: int, *classes: str, taking: TensorSpec = ROW) -> ModelSpec:
    output = TensorSpec("y", (None, width), "float32", kind, classes or None)
    return ModelSpec((taking,), (output,))


def findings(*scripts: str):
    """What scripts say, each of which loads a model and ends with its answer ``p``."""
    Path("p").mkdir(exist_ok=True)
    Path("p/model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    for number, script in enumerate(scripts):
        head = (
            "import numpy as np, cv2, tensorflow as tf\nfrom PIL import Image\n"
            "from tensorflow.keras.models import load_model\n"
            "from tensorflow.keras.preprocessing import image\n"
            "from tensorflow.keras.preprocessing.sequence import pad_sequences\n"
            "model = load_model('model.h5')\n"
        )
        Path(f"p/app{number}.py").write_text(head + script)
    return read_scripts(Path("p"))


PILLOW = "i = Image.open('a.png').convert('RGB').resize((64, 32))\n"
ASK = "p = model.predict(np.expand_dims(i, 0))\n"
PICTURES = [
    # between opening a picture and asking the model -> the table
    (f"{PILLOW}i = np.array(i) / 255.0\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": UNIT}),
    (f"{PILLOW}i = np.array(i)\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": 1.0}),
    (f"{PILLOW}i = np.array(i) / 127.5 - 1\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": TF, "offset": -1.0}),
    ("i = Image.open('a.png').convert('L')\n"
     "i = np.array(i.resize((28, 28), Image.LANCZOS)) / 255\n",
     {"size": [28, 28], "resize": "lanczos", "color": "gray", "scale": UNIT}),
    ("i = image.load_img('a.png', target_size=(64, 32))\ni = image.img_to_array(i) / 255\n",
     {"size": [64, 32], "resize": "nearest", "color": "rgb", "scale": UNIT}),
    ("i = cv2.resize(cv2.imread('a.png'), (64, 32))\ni = i / 255.0\n",
     {"size": [32, 64], "resize": "cv2-linear", "color": "bgr", "scale": UNIT}),
    ("i = tf.image.resize(tf.io.decode_image(tf.io.read_file('a.png')), [64, 32]) / 255.0\n",
     {"size": [64, 32], "resize": "tf-bilinear", "color": "rgb", "scale": UNIT}),
    ("from tensorflow.keras.applications.mobilenet_v2 import preprocess_input\n"
     f"{PILLOW}i = preprocess_input(np.array(i))\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": TF, "offset": -1.0}),
    ("from tensorflow.keras.applications.vgg16 import preprocess_input\n"
     f"{PILLOW}i = preprocess_input(np.array(i))\n",
     {"size": [32, 64], "resize": "bicubic", "color": "bgr", "scale": 1.0,
      "mean": [103.939, 116.779, 123.68]}),
    ("from tensorflow.keras.applications.densenet import preprocess_input\n"
     f"{PILLOW}i = preprocess_input(np.array(i))\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": UNIT,
      "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}),
    ("from tensorflow.keras.applications.efficientnet import preprocess_input\n"
     f"{PILLOW}i = preprocess_input(np.array(i))\n",
     {"size": [32, 64], "resize": "bicubic", "color": "rgb", "scale": 1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("script", "table"), PICTURES, ids=range(len(PICTURES)))
def test_a_script_says_how_a_picture_becomes_the_input(script: str, table: dict) -> None:
    from edge_deploy.data.preprocessing.image import check

    found, _ = meanings.preprocessing(findings(script + ASK), IMAGE)
    assert isinstance(found, dict)
    told = {key: entry.value for key, entry in found.items()}
    assert told == {
        key: pytest.approx(value) if isinstance(value, float | list) else value
        for key, value in table.items()
    }
    check({"image": told})


def test_pictures_prepared_in_two_ways_are_a_question() -> None:
    one, other = f"{PILLOW}i = np.array(i) / 255.0\n{ASK}", f"{PILLOW}i = np.array(i)\n{ASK}"
    found, _ = meanings.preprocessing(findings(one, other), IMAGE)
    assert isinstance(found, Fork)
    assert "app0.py" in found.question and "app1.py" in found.question
    assert [tables[0]["scale"].value for _, tables in found.readings] == [pytest.approx(UNIT), 1.0]


def test_without_a_script_pictures_are_a_question() -> None:
    assert meanings.preprocessing(findings(), IMAGE) == (None, ())
    fork = meanings.open_preprocessing()
    assert [tables[0]["scale"].value for _, tables in fork.readings] == [UNIT, TF, 1.0]


PADS = [
    ("maxlen=20", {"maxlen": 20}),
    ("maxlen=20, padding='post', truncating='post'",
     {"maxlen": 20, "padding": "post", "truncating": "post"}),
    ("20, padding='pre', value=1", {"maxlen": 20, "padding": "pre", "value": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "table"), PADS)
def test_padding_is_what_the_script_calls(arguments: str, table: dict) -> None:
    script = f"p = model.predict(pad_sequences([[1, 2]], {arguments}))\n"
    found = meanings.padding(findings(script))
    assert isinstance(found, dict)
    assert {key: entry.value for key, entry in found.items()} == table


def test_two_paddings_are_a_question() -> None:
    scripts = [f"p = model.predict(pad_sequences([[1]], maxlen={n}))\n" for n in (20, 30)]
    found = meanings.padding(findings(*scripts))
    assert isinstance(found, Fork)
    assert [tables[0]["maxlen"].value for _, tables in found.readings] == [20, 30]


P = "p = model.predict(np.array([[1, 2, 3]]))\n"
NAMED = [
    # the script behind the model's answer, the model's output -> the labels
    (P + "names = ['a', 'b', 'c']\nprint(names[np.argmax(p)])\n", spec("probabilities", 3), "abc"),
    (P + "names = {0: 'a', 1: 'b', 2: 'c'}\nprint(names[np.argmax(p)])\n",
     spec("probabilities", 3), "abc"),
    (P + "names = {1: 'a', 0: 'b'}\nprint(names[np.argmax(p)])\n", spec("probabilities", 2), "ba"),
    (P + "print('a' if p[0][0] > 0.5 else 'b')\n", spec("probability", 1), "ba"),
    (P + "names = ['a', 'b']\nprint(names[np.argmax(p)])\n", spec("probabilities", 3), None),
    (P + "names = ['a', 'b', 'b']\nprint(names[np.argmax(p)])\n", spec("probabilities", 3), None),
    (P + "names = ['a', 'b', 'c']\nprint(names[np.argmax(p)])\n", spec("value", 1), None),
]  # fmt: skip


@pytest.mark.parametrize(("script", "model", "names"), NAMED, ids=range(len(NAMED)))
def test_classes_are_called_as_the_script_calls_them(
    script: str, model: ModelSpec, names: str | None
) -> None:
    found, _ = meanings.labels(findings(script), model, ())
    assert (found if names is None else getattr(found, "value", found)) == (names and list(names))


def test_two_lists_of_classes_are_a_question() -> None:
    scripts = [f"{P}print({names}[np.argmax(p)])\n" for names in (["a", "b"], ["b", "a"])]
    found, _ = meanings.labels(findings(*scripts), spec("probabilities", 2), ())
    assert isinstance(found, Fork) and "name them differently" in found.question
    assert [tables[0]["labels"].value for _, tables in found.readings] == [["a", "b"], ["b", "a"]]


def test_folders_of_pictures_name_classes_where_nothing_else_does() -> None:
    folders = (Pictures("data", {"cat": 1, "dog": 2}),)
    found, check = meanings.labels(findings(), spec("probabilities", 2), folders)
    assert isinstance(found, Entry) and found.value == ["cat", "dog"]
    assert "order" in check


def test_numbers_of_classes_are_those_of_the_model() -> None:
    script = f"{P}names = {{2: 'b', 1: 'a', 3: 'c'}}\nprint(names[p[0]])\n"
    found, _ = meanings.labels(findings(script), spec("probabilities", 3, "1", "2", "3"), ())
    assert isinstance(found, Entry) and found.value == ["a", "b", "c"]


@pytest.mark.parametrize(("classes", "named"), [(("0", "1"), False), (("no", "yes"), True)])
def test_numbers_are_no_names(classes: tuple[str, ...], named: bool) -> None:
    assert meanings.named_already(spec("class", 1, *classes)) is named


BORDERS = [
    ("print('a' if p[0][0] > 0.35 else 'b')\n", spec("probability", 1), 0.35),
    ("print('a' if p[0][0] > 0.5 else 'b')\n", spec("probability", 1), 0.5),
    ("print('a' if p[0][0] > 0.5 else 'b')\n", spec("value", 1), None),
    ("print('a' if p[0][0] > 30 else 'b')\n", spec("probability", 1), None),
    ("print('sure' if p.max() > 0.8 else 'unsure')\n", spec("probabilities", 3), None),
]


@pytest.mark.parametrize(("script", "model", "value"), BORDERS, ids=range(len(BORDERS)))
def test_a_threshold_is_that_of_the_script(
    script: str, model: ModelSpec, value: float | None
) -> None:
    found = meanings.threshold(findings(P + script), model)
    assert (found if value is None else getattr(found, "value", found)) == value


def test_two_thresholds_are_a_question() -> None:
    scripts = [f"{P}print('a' if p[0][0] > {n} else 'b')\n" for n in (0.3, 0.4)]
    found = meanings.threshold(findings(*scripts), spec("probability", 1))
    assert isinstance(found, Fork) and "0.3" in found.question and "0.4" in found.question
