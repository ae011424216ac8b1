"""What a manifest says is what the samples were made by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edge_deploy
from edge_deploy.artifact.artifact import open_artifact
from edge_deploy.verification.integrity import preparation_failures
from tests.support.files import put_hashes_right
from tests.support.picture_files import scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tf_keras as keras

    folder = tmp_path_factory.mktemp("pictures")
    for n in range(30):
        (folder / "data" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(40, 50, n)).save(folder / "data" / "ab"[n % 2] / f"{n}.png")
    x = keras.Input((16, 16, 3))
    y = keras.layers.Dense(2, "softmax")(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(x, y).save(folder / "model.keras")
    done = edge_deploy.convert(
        folder / "model.keras",
        reference=folder / "data",
        preprocess="unit",
        to=["onnx"],
        output=folder,
    )
    assert done.artifact is not None
    return done.artifact.folder


@pytest.mark.parametrize(
    ("key", "value", "fails"),
    [
        ("scale", 1 / 255, False),
        ("scale", 1 / 127.5, True),
        ("offset", -1.0, True),
        ("mean", [0.485, 0.456, 0.406], True),
        ("std", [0.229, 0.224, 0.225], True),
    ],
)
def test_changed_constant_of_the_preprocessing_is_seen(
    made: Path, key: str, value: Any, fails: bool
) -> None:
    path = made / "manifest.json"
    before = path.read_text()
    manifest = json.loads(before)
    manifest["preprocessing"]["image"][key] = value
    path.write_text(json.dumps(manifest))
    put_hashes_right(made)
    try:
        found = open_artifact(made)
        told = preparation_failures(found, found.reference())
    finally:
        path.write_text(before)
    assert bool(told) is fails
    assert all(text.startswith("preprocessing in the manifest: samples/") for text in told)


@pytest.mark.parametrize("places", [[999], [0], [*range(13)]])
def test_places_that_are_not_those_of_the_pictures_are_told(made: Path, places: list[int]) -> None:
    path = made / "manifest.json"
    before = path.read_text()
    manifest = json.loads(before)
    manifest["reference"]["shown"] = places
    path.write_text(json.dumps(manifest))
    try:
        found = open_artifact(made)
        told = preparation_failures(found, found.reference())
    finally:
        path.write_text(before)
    assert len(told) == 1 and "pictures, and the manifest tells of" in told[0]
