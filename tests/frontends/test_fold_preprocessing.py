"""--fold-preprocessing: the same answers from 0-255 pixels, in every target."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_deploy import ConvertOptions, convert
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.data.preprocessing.image import parse_preprocess, preprocess_image, with_size
from edge_deploy.formats.tflite.metadata import preprocessing_notes
from edge_deploy.frontends.fold_preprocessing import check_pixels, normalized

slow = pytest.mark.slow
SIZE = (10, 12)

# What is folded, the input's shape, and whether MediaPipe could have prepared it.
CASES = {
    "torch": ((*SIZE, 3), False),
    "caffe": ((*SIZE, 3), False),
    "mobilenet": ((*SIZE, 3), True),
    "teachable-machine": ((*SIZE, 3), True),
    "unit,color=gray,size=10x12": ((120,), True),
    "torch,size=10x12": ((360,), False),
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folding") / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(12):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
        coarse.resize((30 + n, 40), Image.Resampling.BICUBIC).save(folder / f"{n:02d}.png")
    return folder


@pytest.mark.parametrize("preset", CASES)
def test_pixels_normalized_are_what_the_preprocessing_gives(preset: str, pictures: Path) -> None:
    shape, easy = CASES[preset]
    spec = with_size(parse_preprocess(preset), shape)
    image = spec["image"]
    left = {"color": "gray" if image["color"] == "gray" else "rgb", "scale": 1.0, "offset": 0.0}
    count = 1 if image["color"] == "gray" else 3
    plain = {"image": {**image, **left, "mean": [0.0] * count, "std": [1.0] * count}}
    pixels = np.array(Image.open(pictures / "03.png").convert("RGB"))
    before = preprocess_image(spec, pixels, shape)
    after = normalized(image, preprocess_image(plain, pixels, shape)[None])[0]
    np.testing.assert_array_equal(before, after)
    assert (preprocessing_notes(spec) == []) == easy


@slow
@pytest.mark.parametrize("preset", CASES)
def test_a_folded_model_gives_the_same_answers(
    run, pictures: Path, tmp_path: Path, preset: str
) -> None:
    import keras

    shape, _ = CASES[preset]
    keras.utils.set_random_seed(0)
    x = keras.Input(shape, name="picture")
    y = keras.layers.Conv2D(4, 3, activation="relu")(x) if len(shape) == 3 else x
    y = keras.layers.Dense(3, activation="softmax", name="kind")(keras.layers.Flatten()(y))
    keras.Model(x, y).save(tmp_path / "m.keras")
    answers = {}
    targets = ("tflite", "tfjs", "onnx") if preset in ("torch", "caffe") else ("tflite", "onnx")
    for fold in (False, True):
        options = ConvertOptions(
            to=targets,
            output=tmp_path / f"fold{fold}",
            preprocess=preset,
            reference=pictures,
            labels="a,b,c",
            fold_preprocessing=fold,
        )
        done = convert(tmp_path / "m.keras", options)
        assert done.artifact is not None
        assert [v.status for v in done.verdicts] == ["pass"] * len(targets)
        folder = done.artifact.folder
        for target in ("tflite", "onnx"):
            result = run("run", folder, *sorted(pictures.glob("*.png")), "--only", target, "--json")
            kinds = [a["kind"]["probabilities"] for a in json.loads(result.out)["answers"]]
            answers[target, fold] = [[k[label] for label in "abc"] for k in kinds]
    for target in ("tflite", "onnx"):
        np.testing.assert_allclose(answers[target, True], answers[target, False], atol=2e-6)
    assert np.ptp(answers["tflite", True], axis=0).max() > 0.01
    image = done.manifest.preprocessing.image
    assert (image.scale, image.offset, set(image.mean), set(image.std)) == (
        1.0, 0.0, {0.0}, {1.0},
    )  # fmt: skip
    assert image.color == ("gray" if "gray" in preset else "rgb")
    assert done.manifest.folded_preprocessing.image.scale != 0
    again = run("verify", folder, "--only", "tflite,onnx", "--against", tmp_path / "m.keras")
    assert again.code == 0, again


@slow
@pytest.mark.parametrize("preset", ["torch", "teachable-machine"])
def test_a_folded_int8_model_takes_the_bytes_of_a_picture_as_they_are(
    pictures: Path, tmp_path: Path, preset: str
) -> None:
    """With --io uint8 a step of the input is 1 and its zero 0, whatever range the samples had."""
    import keras
    from ai_edge_litert.interpreter import Interpreter

    keras.utils.set_random_seed(0)
    x = keras.Input((*SIZE, 3), name="picture")
    y = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(x))
    keras.Model(x, keras.layers.Dense(3, activation="softmax", name="kind")(y)).save(
        tmp_path / "m.keras"
    )
    options = ConvertOptions(
        to=("tflite",), quantize=("float32", "int8"), io="uint8", output=tmp_path / "out",
        preprocess=preset, reference=pictures, fold_preprocessing=True,
    )  # fmt: skip
    found = convert(tmp_path / "m.keras", options).artifact
    assert found is not None
    (entry,) = [e for e in found.manifest.artifacts if e.precision == "int8"]
    (given,) = entry.inputs
    step = given.quantization
    assert (given.dtype, step.scale, step.zero_point) == ("uint8", 1.0, 0)
    opened = Interpreter(str(found.main_file(entry)))
    opened.allocate_tensors()
    (place,), (end,) = opened.get_input_details(), opened.get_output_details()
    reference = found.reference()
    for pixels, answer in zip(reference.inputs["picture"], reference.outputs["kind"], strict=True):
        opened.set_tensor(place["index"], pixels.astype(np.uint8)[None])
        opened.invoke()
        got = opened.get_tensor(end["index"])[0] / 256
        assert np.abs(got - answer).max() < 0.05


PIXELS = ModelSpec((TensorSpec("picture", (None, 2, 2, 3), "float32", "image"),), ())


@pytest.mark.parametrize(
    ("low", "high", "good"), [(0, 255, True), (12, 250, True), (0, 1, False), (-1, 1, False)]
)
def test_samples_that_are_normalized_already_are_refused(low: int, high: int, good: bool) -> None:
    values = np.linspace(low, high, 24, dtype=np.float32).reshape(2, 2, 2, 3)
    if good:
        check_pixels("data", PIXELS, {"picture": values})
        return
    with pytest.raises(UsageError, match="takes pixels, 0 to 255"):
        check_pixels("data", PIXELS, {"picture": values})


@slow
def test_there_must_be_something_to_fold(run, tmp_path: Path) -> None:
    import keras

    x = keras.Input((4, 4, 3), name="picture")
    keras.Model(x, keras.layers.Flatten()(x)).save(tmp_path / "m.keras")
    result = run("convert", tmp_path / "m.keras", "--fold-preprocessing")
    assert result.code == 2 and "Say it with --preprocess" in result.err
