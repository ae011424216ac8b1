"""The architectures that people train on in every runtime, and a page whose file fails."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from edge_deploy import build_demo, convert
from edge_deploy.artifact.artifact import describe_files, open_artifact, write_manifest
from edge_deploy.web.browser import Browser
from edge_deploy.web.server import address, start
from tests.conftest import Run
from tests.support.architectures import pictures, real_model
from tests.support.models import randomize, save

pytestmark = pytest.mark.slow

PICTURE = (8, 8, 6)

SIDE = 96

# All others, at their own sizes: make zoo. What they are made of stands in tfjs/test_rewrites.py.
SMALLEST = ("MobileNetV3Small", "EfficientNetB0")


@pytest.mark.parametrize("name", SMALLEST)
def test_architecture_passes_in_every_runtime(name: str, tmp_path: Path) -> None:
    data = tmp_path / "pictures.npz"
    np.savez(data, x=pictures(2, SIDE))
    path = save(real_model(name, SIDE), tmp_path / f"{name}.keras")
    made = convert(path, reference=data, output=tmp_path / "artifacts")
    assert {(v.runtime, v.backend): v.problems for v in made.verdicts} == {
        ("litert", None): (),
        ("tfjs", "wasm"): (),
        ("ort", None): (),
    }
    shutil.rmtree(tmp_path)


def vision_transformer(k: Any, x: Any) -> Any:
    layers, ops = k.layers, k.ops
    patches = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(x))
    y = patches + layers.Embedding(16, 8)(ops.arange(16))
    z = layers.LayerNormalization()(y)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 4)(z, z)])
    z = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(y))
    y = layers.Add()([y, layers.Dense(8)(z)])
    return layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(y))


def encoder_decoder(k: Any, words: Any, so_far: Any) -> Any:
    layers = k.layers
    x, y = (layers.Embedding(9, 8, mask_zero=True)(ids) for ids in (words, so_far))
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    own = layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)
    y = layers.LayerNormalization()(layers.Add()([y, own]))
    y = layers.LayerNormalization()(layers.Add()([y, layers.MultiHeadAttention(2, 4)(y, x)]))
    return layers.Dense(9, activation="softmax")(y)


def convolutional_recurrent(k: Any, x: Any) -> Any:
    """What reads a line of text; the decoding stands outside."""
    layers = k.layers
    maps = layers.MaxPooling2D((4, 2))(layers.Conv2D(6, 3, padding="same", activation="relu")(x))
    steps = layers.Reshape((8, 24))(layers.Permute((2, 1, 3))(maps))
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(steps)
    return layers.Dense(5, activation="softmax")(both)


def generator(k: Any, noise: Any) -> Any:
    layers = k.layers
    y = layers.Reshape((4, 4, 6))(layers.Dense(96, use_bias=False)(noise))
    y = layers.LeakyReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=False)(y)
    y = layers.LeakyReLU()(layers.BatchNormalization()(y))
    return layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(y)


def detector(k: Any, x: Any) -> tuple[Any, Any]:
    """Boxes and scores of two scales of maps, as SSD's heads give them."""
    layers, maps = k.layers, [k.layers.Conv2D(6, 3, strides=2, activation="relu")(x)]
    maps.append(layers.Conv2D(8, 3, strides=2, activation="relu")(maps[0]))
    boxes = [layers.Reshape((-1, 4))(layers.Conv2D(2 * 4, 3, padding="same")(m)) for m in maps]
    scores = [layers.Reshape((-1, 3))(layers.Conv2D(2 * 3, 3, padding="same")(m)) for m in maps]
    return (
        layers.Concatenate(axis=1)(boxes),
        layers.Softmax()(layers.Concatenate(axis=1)(scores)),
    )


def test_small_architectures_pass_in_every_runtime(tmp_path: Path) -> None:
    """All in one model of four inputs and a dict of outputs: they cost one conversion."""
    import keras

    x = keras.Input((16, 16, 3), name="x")
    noise = keras.Input((8,), name="noise")
    words, so_far = (keras.Input((6,), dtype="int32", name=n) for n in ("words", "so_far"))
    boxes, scores = detector(keras, x)
    ends = {
        "boxes": boxes,
        "scores": scores,
        "patches": vision_transformer(keras, x),
        "letters": convolutional_recurrent(keras, x),
        "picture": generator(keras, noise),
        "next": encoder_decoder(keras, words, so_far),
    }
    model = keras.Model([x, noise, words, so_far], ends, name="architectures")
    randomize(model)
    rng = np.random.default_rng(0)
    data = tmp_path / "data.npz"
    ids = {name: rng.integers(1, 9, (3, 6)).astype(np.int32) for name in ("words", "so_far")}
    ids["words"][0, 4:] = ids["so_far"][1, 2:] = 0  # padding
    floats = {one.name: rng.normal(size=(3, *one.shape[1:])) for one in (x, noise)}
    np.savez(data, **ids, **{name: a.astype(np.float32) for name, a in floats.items()})
    made = convert(save(model, tmp_path / "all.keras"), reference=data, output=tmp_path / "made")
    assert made.artifact is not None
    assert {output.name for output in made.artifact.spec.outputs} == set(ends)
    assert [verdict.problems for verdict in made.verdicts] == [(), (), ()]
    assert {verdict.runtime: verdict.batches for verdict in made.verdicts} == {
        "litert": (1,), "tfjs": (1, 3), "ort": (1, 3),
    }  # fmt: skip


def small_model(folder: Path) -> Path:
    """A model with a bias, converted for all runtimes."""
    import keras

    x = keras.Input(PICTURE, name="x")
    hidden = keras.layers.Conv2D(5, 3, activation="relu", name="hidden")(x)
    end = keras.layers.Dense(3, name="end")(keras.layers.Flatten()(hidden))
    model = keras.Model(x, end, name="small")
    randomize(model)
    made = convert(save(model, folder / "small.keras"), output=folder / "made")
    assert made.passed and made.artifact
    return made.artifact.folder


Spoil = Callable[[list[dict[str, Any]], bytearray], None]


def rank_4(weights: list[dict[str, Any]], data: bytearray) -> None:
    """What wasm cannot run: a bias of four axes in a fused convolution."""
    (bias,) = (weight for weight in weights if weight["shape"] == [5])
    bias["shape"] = [1, 1, 1, 5]


def wrong(weights: list[dict[str, Any]], data: bytearray) -> None:
    """What every backend computes wrongly: another bias at the end."""
    place = 0
    for weight in weights:
        size = 4 * int(np.prod(weight["shape"]))
        if weight["shape"] == [3] and weight["dtype"] == "float32":
            data[place : place + size] = np.full(3, 99, "<f4").tobytes()
        place += size


def spoilt(artifact: Path, spoil: Spoil) -> Path:
    """The artifact with another TF.js file, whose hashes are those of the manifest."""
    path = artifact / "tfjs" / "float32" / "model.json"
    shard = path.with_name("group1-shard1of1.bin")
    document, data = json.loads(path.read_text()), bytearray(shard.read_bytes())
    spoil(document["weightsManifest"][0]["weights"], data)
    path.write_text(json.dumps(document))
    shard.write_bytes(data)
    manifest = open_artifact(artifact).manifest
    entries = tuple(
        structs.replace(entry, files=describe_files(artifact, [path, shard]))
        if entry.target == "tfjs"
        else entry
        for entry in manifest.artifacts
    )
    write_manifest(artifact, structs.replace(manifest, artifacts=entries))
    return artifact


def only_tfjs(artifact: Path) -> Path:
    manifest = open_artifact(artifact).manifest
    for entry in manifest.artifacts:
        if entry.target != "tfjs":
            for file in entry.files:
                (artifact / file.path).unlink()
    kept = tuple(entry for entry in manifest.artifacts if entry.target == "tfjs")
    write_manifest(artifact, structs.replace(manifest, artifacts=kept))
    return artifact


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("small"))


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small, tmp_path / "small" / "1")


Shown = Callable[..., dict[str, str]]


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Shown]:
    """Build a site and open it without a GPU: what the page says of itself, and its words."""
    with ExitStack() as stack:

        def show(artifact: Path, query: str = "") -> dict[str, str]:
            site = build_demo([artifact], tmp_path / "site", embed=True, compare=True).folder
            server = start(site)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            page = browser.new_page(service_workers="block")
            stack.callback(page.close)
            page.goto(f"{address(server)}?lang=en{query}")
            page.wait_for_selector(
                "html[data-state=ready], html[data-state=error]", state="attached", timeout=60_000
            )
            said = dict(page.evaluate("({...document.documentElement.dataset})"))
            chosen = {f"#{name}": page.input_value(f"#{name}") for name in ("file", "backend")}
            words = {
                f"#{name}": page.inner_text(f"#{name}") for name in ("note", "status", "facts")
            }
            embedded = (
                page.evaluate(
                    """async (url) => (await (await import(url)).load()).backend""",
                    f"{address(server)}embed.mjs",
                )
                if said["state"] == "ready" and not query
                else ""
            )
            return {**said, **chosen, **words, "embedded": embedded}

        yield show


def test_page_takes_another_backend_where_one_cannot_run(shown: Shown, copy: Path) -> None:
    said = shown(spoilt(only_tfjs(copy), rank_4))
    assert (said["state"], said["backend"], said["check"]) == ("ready", "cpu", "pass")
    assert "so plain JavaScript (CPU) is used" in said["#note"]
    assert said["embedded"] == "cpu"


@pytest.mark.parametrize("spoil", [rank_4, wrong], ids=lambda spoil: spoil.__name__)
def test_page_takes_another_runtime_s_file(shown: Shown, copy: Path, spoil: Spoil) -> None:
    said = shown(spoilt(copy, spoil))
    assert (said["state"], said["backend"], said["check"]) == ("ready", "wasm", "pass")
    assert said["file"] == said["#file"] == "tflite/small_float32.tflite"
    assert said["#backend"] == "auto"
    assert said["#note"].startswith("TF.js float32 gave wrong answers or did not start here")
    assert said["#note"].endswith("so TFLite float32 is used.")
    assert said["embedded"] == "wasm"


def test_file_that_does_not_run_gets_no_advice_on_its_numbers(copy: Path, run: Run) -> None:
    result = run("quantize", spoilt(copy, rank_4), "--to", "tfjs=float16", "--json")
    assert result.code == 1
    (verdict,) = json.loads(result.out)["verdicts"]
    assert "only supports rank-1 bias" in verdict["problems"][0]
    assert verdict["advice"] == []
