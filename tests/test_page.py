"""The page in a real Chromium: pixels bit by bit, models number by number, faults in words."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tfjs_files import dense, write_model

from edge_deploy.browser import Browser, open_browser
from edge_deploy.errors import ArtifactError
from edge_deploy.preprocessing import RESIZES, decode_image, preprocess_image
from edge_deploy.spec import ModelSpec, TensorSpec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Any]:
    opened = browser.new_page()
    opened.goto(f"{browser.url}harness.html")
    opened.wait_for_selector("html[data-state=ready]", state="attached")
    yield opened
    opened.close()


def scene(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth colours with edges and noise, so that filters and chroma have work to do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    waves = [128 + 100 * np.sin(x / (5 + 4 * c) + y / (11 - 3 * c)) for c in range(3)]
    picture = np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))
    picture[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 60)
    return picture.clip(0, 255).astype(np.uint8)


def encoded(kind: str) -> bytes:
    """A picture file of that kind."""
    picture = Image.fromarray(scene(83, 121))
    file = io.BytesIO()
    match kind:
        case "jpeg 4:4:4":
            picture.save(file, "JPEG", subsampling=0, quality=92)
        case "jpeg 4:2:0":
            picture.save(file, "JPEG", subsampling=2, quality=80)
        case "jpeg progressive":
            picture.save(file, "JPEG", progressive=True, quality=85)
        case "jpeg gray":
            picture.convert("L").save(file, "JPEG")
        case "jpeg cmyk":
            picture.convert("CMYK").save(file, "JPEG")
        case "png":
            picture.save(file, "PNG")
        case "png alpha":
            alpha = Image.fromarray(scene(83, 121, seed=1)[:, :, 0])
            picture.putalpha(alpha)
            picture.save(file, "PNG")
        case "png palette":
            picture.quantize(17).save(file, "PNG")
        case "png palette transparent":
            picture.quantize(17).save(file, "PNG", transparency=3)
        case "png gray 16 bit":
            wide = scene(83, 121)[:, :, 0].astype(np.uint16) * 257 + 91
            Image.fromarray(wide.clip(0, 65535).astype(np.uint16)).save(file, "PNG")
        case "webp turned, lossless":
            exif = Image.Exif()
            exif[0x0112] = 6
            picture.save(file, "WEBP", lossless=True, exif=exif)
        case _:
            exif = Image.Exif()
            exif[0x0112] = int(kind.split()[-1])
            picture.save(file, kind.split()[0].upper(), exif=exif)
    return file.getvalue()


KINDS = [
    "jpeg 4:4:4",
    "jpeg 4:2:0",
    "jpeg progressive",
    "jpeg gray",
    "jpeg cmyk",
    "png",
    "png alpha",
    "png palette",
    "png palette transparent",
    "png gray 16 bit",
    "webp turned, lossless",
    *(f"jpeg exif {n}" for n in range(2, 9)),
    "png exif 6",
]

IN_PAGE = """async ([file, specs]) => {
  const {decode, preprocess} = await import(new URL('src/preprocess.js', location));
  const {fromBase64, toBase64} = await import(new URL('src/arrays.js', location));
  const picture = await decode(new Blob([fromBase64(file, 'uint8 bytes')]));
  const results = specs.map((spec) => toBase64(preprocess(spec, picture)));
  return [toBase64(picture.data), picture.height, picture.width, results];
}"""


def in_page(page: Any, file: bytes, specs: list[dict[str, Any]]) -> Any:
    script = IN_PAGE.replace(
        "fromBase64(file, 'uint8 bytes')", "Uint8Array.from(atob(file), (c) => c.charCodeAt(0))"
    )
    data, height, width, results = page.evaluate(script, [base64.b64encode(file).decode(), specs])
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3)
    return pixels, [np.frombuffer(base64.b64decode(r), np.float32) for r in results]


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_pixels_are_those_of_python(page: Any, kind: str) -> None:
    file = encoded(kind)
    pixels, _ = in_page(page, file, [])
    expected = decode_image(file)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() == 0


SIZES = [(128, 128), (97, 113), (31, 17), (83, 121), (200, 90), (1, 1)]
COLORS = [
    {"color": "rgb", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.2, 0.3, 0.4]},
    {"color": "bgr", "mean": [103.939, 116.779, 123.68]},
    {"color": "gray", "scale": 1 / 127.5, "offset": -1.0},
]


@pytest.mark.parametrize("crop", ["none", "center"])
@pytest.mark.parametrize("resize", RESIZES)
def test_preprocessed_values_are_those_of_python(page: Any, resize: str, crop: str) -> None:
    rows = list(itertools.product(SIZES, COLORS))
    specs = [
        {"image": {"crop": crop, "resize": resize, "scale": 1.0, "offset": 0.0, **color,
                   "size": list(size)}}
        for size, color in rows
    ]  # fmt: skip
    for kind in ("png", "jpeg exif 6"):
        file = encoded(kind)
        _, results = in_page(page, file, specs)
        for (size, color), spec, mine in zip(rows, specs, results, strict=True):
            shape = (*size, 1 if color["color"] == "gray" else 3)
            expected = preprocess_image(spec, decode_image(file), shape)
            assert np.array_equal(mine, expected.ravel()), (kind, size, color["color"])


SPEC = ModelSpec((TensorSpec("x", (None, 3), "float32"),), (TensorSpec("y", (None, 2), "float32"),))
SAMPLE = {"x": np.asarray([[1.0, -2.0, 0.5]], np.float32)}


@pytest.mark.parametrize("backend", ["webgl", "wasm", "cpu", "webgpu"])
def test_answers_are_the_original_s(browser: Browser, tmp_path: Path, backend: str) -> None:
    model, predict = dense(tmp_path)
    with browser.open_tfjs(model, backend, SPEC) as runner:
        answer = runner.predict(SAMPLE)["y"]
        assert np.abs(answer - predict(SAMPLE["x"])).max() <= 1e-6
        held = runner.live_tensors()  # type: ignore[attr-defined]
        for _ in range(5):
            runner.predict(SAMPLE)
        assert runner.live_tensors() == held  # type: ignore[attr-defined]


@pytest.mark.parametrize("signature", ["other names", "none", "empty"])
def test_bare_file_is_wired_in_order_when_its_names_are_others(
    browser: Browser, tmp_path: Path, signature: str
) -> None:
    model, predict = dense(tmp_path)
    document = json.loads(model.read_text())
    entry = document.pop("signature")
    if signature == "other names":
        document["signature"] = {
            "inputs": {"dense_input:0": entry["inputs"]["x"]},
            "outputs": {"Identity:0": entry["outputs"]["y"]},
        }
    elif signature == "empty":
        document["signature"] = {}
    model.write_text(json.dumps(document))
    with browser.open_tfjs(model, "wasm", SPEC) as runner:
        assert np.abs(runner.predict(SAMPLE)["y"] - predict(SAMPLE["x"])).max() <= 1e-6


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("int64", [[3, -4]]), ("int32", [[3, 4]]), ("uint8", [[3, 255]]), ("bool", [[True, False]])],
)
def test_integers_and_booleans_come_back_as_they_are(
    browser: Browser, tmp_path: Path, dtype: str, values: list[list[int]]
) -> None:
    kind = "DT_BOOL" if dtype == "bool" else "DT_INT32"
    model = write_model(tmp_path, [("x", kind, 2)], [("y", "Identity", ["x"])], {})
    spec = ModelSpec((TensorSpec("x", (None, 2), dtype),), (TensorSpec("y", (None, 2), dtype),))
    with browser.open_tfjs(model, "wasm", spec) as runner:
        answer = runner.predict({"x": np.asarray(values, dtype)})["y"]
    assert answer.dtype == dtype
    assert answer.tolist() == values


def cut(folder: Path) -> None:
    weights = folder / "group1-shard1of1.bin"
    weights.write_bytes(weights.read_bytes()[:-4])


def page_for_weights(folder: Path) -> None:
    (folder / "group1-shard1of1.bin").unlink()
    (folder / "weights.html").write_text("<!doctype html>" + " " * 100)
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("group1-shard1of1.bin", "weights.html"))


def layers_model(folder: Path) -> None:
    document = {"format": "layers-model", "modelTopology": {"model_config": {}}}
    (folder / "model.json").write_text(json.dumps(document))


def unknown_op(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"MatMul"', '"Conjure"'))


FAULTS = [
    (lambda f: (f / "group1-shard1of1.bin").unlink(), r"group1-shard1of1.bin .*HTTP 404"),
    (cut, r"have 28 bytes, model.json says 32"),
    (page_for_weights, "a web page instead of weights"),
    (layers_model, "layers-model"),
    (unknown_op, "Conjure"),
    (lambda f: (f / "model.json").write_text("<html>"), "is not JSON"),
    (lambda f: (f / "model.json").write_text("{}"), "not a TF.js graph model"),
    (lambda f: (f / "model.json").unlink(), "no such file"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_fault_is_told_in_words(browser: Browser, tmp_path: Path, fault: Any, words: str) -> None:
    model, _ = dense(tmp_path)
    fault(tmp_path)
    with (
        pytest.raises(ArtifactError, match=words) as caught,
        browser.open_tfjs(model, "wasm", SPEC) as runner,
    ):
        runner.predict(SAMPLE)
    assert str(model) in str(caught.value)


def test_wrong_shape_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    model, _ = dense(tmp_path)
    wrong = {"x": np.zeros((1, 4), np.float32)}
    with browser.open_tfjs(model, "wasm", SPEC) as runner, pytest.raises(ArtifactError, match="4"):
        runner.predict(wrong)


def test_other_number_of_outputs_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    model, _ = dense(tmp_path)
    two = (TensorSpec("y", (None, 2), "float32"), TensorSpec("z", (None, 2), "float32"))
    with (
        pytest.raises(ArtifactError, match=r"1 outputs \(y\), the original has 2"),
        browser.open_tfjs(model, "wasm", ModelSpec(SPEC.inputs, two)),
    ):
        pass


def test_model_in_a_folder_with_any_name_runs(browser: Browser, tmp_path: Path) -> None:
    source, predict = dense(tmp_path / "plain")
    folder = tmp_path / 'né "3" 猫 #1?'
    shutil.copytree(source.parent, folder)
    with browser.open_tfjs(folder / "model.json", "wasm", SPEC) as runner:
        answer = runner.predict(SAMPLE)["y"]
    assert math.isclose(answer[0, 0], predict(SAMPLE["x"])[0, 0], rel_tol=1e-5)
