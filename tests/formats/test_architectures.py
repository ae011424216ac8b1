"""The architectures that people train on, and the parts they are made of, in every runtime."""

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

from edge_deploy import build_demo, convert, load_model
from edge_deploy.artifact.artifact import describe_files, open_artifact, write_manifest
from edge_deploy.core.spec import Arrays, LoadedModel, Runner
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.web.browser import Browser
from edge_deploy.web.server import address, start
from tests.conftest import Run
from tests.support.models import randomize, save, third_party

pytestmark = pytest.mark.slow

META = {"name": "model", "version": "1"}
PICTURE = (8, 8, 6)
Layers = Callable[[Any, Any], Any]
"""From a Keras and a tensor to the tensor behind some layers."""


def relu6_gate(keras: Any, x: Any) -> Any:
    """Keras' own hard sigmoid of MobileNetV3."""
    return keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def batch_norm(keras: Any, x: Any) -> Any:
    x = keras.layers.Conv2D(5, 3, use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))


def one_number(keras: Any, x: Any) -> Any:
    return relu6_gate(keras, keras.layers.Conv2D(5, 3, use_bias=False)(x))


def one_number_depthwise(keras: Any, x: Any) -> Any:
    return relu6_gate(keras, keras.layers.DepthwiseConv2D(3, use_bias=False)(x))


def hard_swish(keras: Any, x: Any) -> Any:
    x = keras.layers.Conv2D(5, 3)(x)
    return x * relu6_gate(keras, x)


def residual(keras: Any, x: Any) -> Any:
    left, right = (keras.layers.Conv2D(5, 3, use_bias=False)(x) for _ in range(2))
    return keras.layers.ReLU()(keras.layers.Add()([left, right]))


def squeezed(keras: Any, x: Any) -> Any:
    """A sum behind a convolution that is larger than the convolution's result."""
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    return keras.layers.Conv2D(6, 1, use_bias=False)(mean) + x


def positions(keras: Any, x: Any) -> Any:
    """What a vision transformer adds to its patches: another number at each place."""
    patches = keras.layers.Conv2D(5, 4, strides=4, use_bias=False)(x)
    return patches + np.random.default_rng(1).normal(size=(1, 2, 2, 5)).astype(np.float32)


def one_filter(keras: Any, x: Any) -> Any:
    offsets = np.array([1.0, -2.0, 3.0], np.float32)
    return keras.layers.Conv2D(1, 3, use_bias=False)(x) + offsets


def dense_one_number(keras: Any, x: Any) -> Any:
    return relu6_gate(keras, keras.layers.Dense(5, use_bias=False)(keras.layers.Flatten()(x)))


def transposed(keras: Any, x: Any) -> Any:
    x = keras.layers.Conv2DTranspose(5, 3, strides=2, activation="relu")(x)
    x = keras.layers.Conv2DTranspose(4, 2, use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))


def small_unet(keras: Any, x: Any) -> Any:
    layers = keras.layers
    top = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    low = layers.Conv2D(8, 3, padding="same", use_bias=False)(layers.MaxPooling2D()(top))
    low = layers.ReLU()(layers.BatchNormalization()(low))
    up = layers.Conv2DTranspose(4, 2, strides=2, padding="same")(low)
    joined = layers.Concatenate()([top, up])
    return layers.Conv2D(1, 1, activation="sigmoid")(layers.BatchNormalization()(joined))


def padded_pool(keras: Any, x: Any) -> Any:
    """How ResNet50V2 begins: zeros around what may be below zero, and the largest of them."""
    x = keras.layers.ZeroPadding2D(1)(keras.layers.Conv2D(5, 3)(x))
    return keras.layers.MaxPooling2D(3, strides=2)(x)


def conv_lstm(keras: Any, x: Any) -> Any:
    steps = keras.layers.Reshape((4, 4, 4, 6))(x)
    return keras.layers.ConvLSTM2D(5, 3, padding="same", return_sequences=True)(steps)


def groups(keras: Any, x: Any) -> Any:
    x = keras.layers.Conv2D(10, 3, groups=2, padding="same", activation="relu")(x)
    return keras.layers.Conv2D(15, 3, strides=2, groups=5)(x)


def a_group_a_channel(keras: Any, x: Any) -> Any:
    x = keras.layers.Conv2D(12, 3, groups=6, activation="relu")(x)
    return keras.layers.Conv2D(12, 3, groups=12, padding="same", dilation_rate=2)(x)


def groups_of_one_axis(keras: Any, x: Any) -> Any:
    x = keras.layers.Reshape((64, 6))(x)
    return keras.layers.Conv1D(9, 5, groups=3, strides=2, activation="relu")(x)


def groups_of_three_axes(keras: Any, x: Any) -> Any:
    x = keras.layers.Reshape((4, 4, 4, 6))(x)
    return keras.layers.Conv3D(9, 2, groups=3, activation="relu")(x)


def grouped_and_normalized(keras: Any, x: Any) -> Any:
    """A block of a ResNeXt or RegNet."""
    y = keras.layers.Conv2D(8, 1, use_bias=False)(x)
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(y))
    y = keras.layers.Conv2D(8, 3, padding="same", groups=4, use_bias=False)(y)
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(y))
    y = keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 1, use_bias=False)(y))
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def convnext(keras: Any, x: Any) -> Any:
    y = keras.layers.Conv2D(6, 7, padding="same", groups=6)(x)
    y = keras.layers.LayerNormalization(epsilon=1e-6)(y)
    y = keras.layers.Dense(24, activation="gelu")(y)
    return keras.layers.Add()([x, keras.layers.Dense(6)(y)])


def activations(keras: Any, x: Any) -> Any:
    """One behind each of several convolutions: Grappler fuses some, TF.js' converter others."""
    layers = keras.layers
    made = [layers.Conv2D(4, 3, activation=name)(x) for name in ("tanh", "elu", "sigmoid", "gelu")]
    made += [layers.Conv2D(4, 3, activation=name)(x) for name in ("swish", "selu", "softplus")]
    made.append(layers.LeakyReLU()(layers.Conv2D(4, 3)(x)))
    made.append(layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(4, 3)(x)))
    made.append(layers.PReLU()(layers.Conv2D(4, 3)(x)))
    return layers.Concatenate()(made)


def dense_activations(keras: Any, x: Any) -> Any:
    layers, flat = keras.layers, keras.layers.Flatten()(x)
    names = ("tanh", "elu", "sigmoid", "gelu", "swish", "selu", "softplus", "relu")
    return layers.Concatenate()([layers.Dense(4, activation=name)(flat) for name in names])


PARTS: tuple[Layers, ...] = (
    batch_norm, one_number, one_number_depthwise, hard_swish, residual, squeezed, positions,
    one_filter, dense_one_number, transposed, small_unet, padded_pool, conv_lstm,
    groups, a_group_a_channel, groups_of_one_axis, groups_of_three_axes, grouped_and_normalized,
    convnext, activations, dense_activations,
)  # fmt: skip
# TensorFlow Lite has no grouped Conv3D, and neither has TensorFlow, which it falls back to.
WITHOUT_TFLITE = {groups_of_three_axes}


def keras_of(generation: int) -> Any:
    if generation == 2:
        import tf_keras

        return tf_keras
    import keras

    return keras


def built(part: Layers, generation: int, folder: Path) -> LoadedModel:
    """The part as a saved model, read as a user's."""
    keras = keras_of(generation)
    with third_party():
        x = keras.Input(PICTURE, name="x")
        model = keras.Model(x, part(keras, x), name="part")
    randomize(model)
    return load_model(save(model, folder / ("part.h5" if generation == 2 else "part.keras")))


def worst(model: LoadedModel, runner: Runner, x: Arrays, batch: int) -> float:
    """The largest error of answers to batches of a size, as a share of the output's scale."""
    count = len(next(iter(x.values())))
    found = 0.0
    want = model.predict(x)
    for first in range(0, count, batch):
        part = slice(first, first + batch)
        answers = runner.predict({name: values[part] for name, values in x.items()})
        for name, values in want.items():
            assert answers[name].shape == values[part].shape
            error = np.abs(answers[name] - values[part]).max() / np.abs(values).max()
            assert not np.isnan(error)
            found = max(found, float(error))
    return found


CASES = [(part, 3) for part in PARTS]
# What Keras 2 writes otherwise: fused batch normalization, calls, its own gelu.
CASES += [
    (part, 2)
    for part in (batch_norm, transposed, groups, a_group_a_channel, grouped_and_normalized)
]
CASES += [(activations, 2), (dense_activations, 2)]


@pytest.mark.parametrize(
    ("part", "generation"), CASES, ids=[f"{part.__name__}-keras{n}" for part, n in CASES]
)
def test_part_answers_everywhere(
    part: Layers, generation: int, tmp_path: Path, browser: Browser
) -> None:
    model = built(part, generation, tmp_path)
    x = {"x": np.random.default_rng(2).normal(size=(3, *PICTURE)).astype(np.float32)}
    path = tmp_path / "tfjs" / "model.json"
    path.parent.mkdir()
    FORMATS["tfjs"].export(model, path, META)
    for backend in ("wasm", "webgl", "cpu"):
        with browser.open_file("tfjs", path, backend, model.spec) as page:
            for batch in (1, 3):
                assert worst(model, page, x, batch) < 1e-5, (backend, batch)
    for target, batches in (("onnx", (1, 3)), ("tflite", (1,))):
        if target == "tflite" and part in WITHOUT_TFLITE:
            continue
        FORMATS[target].export(model, tmp_path / target, META)
        with default_runtime(target).open(tmp_path / target) as runner:
            for batch in batches:
                assert worst(model, runner, x, batch) < 1e-5, (target, batch)


SIDE = 160


def real_model(name: str) -> Any:
    """An architecture of keras.applications at a real size, its statistics those of pictures.

    Weights are Keras' own, but for biases, which would be zeros, and the last layer, which spreads
    the answers. Without fitting statistics a deep network amplifies rounding to anything.
    """
    import keras

    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    shape = (SIDE, SIDE, 3)
    model = make(weights=None, input_shape=shape, classes=10, classifier_activation=None)
    x = pictures(8)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "gamma" in weight.path and "scale" not in weight.path:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        elif weight.path.endswith(("beta", "bias")):
            weight.assign(rng.normal(0, 0.05, weight.shape))
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(x, training=True)
    logits = model(x).numpy()
    last = next(layer for layer in reversed(model.layers) if layer.weights)
    kernel, bias = last.get_weights()
    spread = logits.std(axis=0).mean() / 0.3
    last.set_weights([kernel / spread, (bias - logits.mean(axis=0)) / spread])
    return keras.Model(model.input, keras.layers.Softmax()(model.output), name=name.lower())


def pictures(count: int) -> Any:
    """Pictures of 64 fields, whose colours differ from one picture to the next."""
    fields = np.random.default_rng(7).uniform(0, 255, (count, 8, 8, 3))
    return fields.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2).astype(np.float32)


# The larger ones (ResNet50V2, Xception, ConvNeXtTiny) are of the parts above, and take 10 GB.
SMALLEST = ("MobileNetV3Small", "MobileNetV2", "EfficientNetB0", "EfficientNetV2B0")


@pytest.mark.parametrize("name", SMALLEST)
def test_architecture_passes_in_every_runtime(name: str, tmp_path: Path) -> None:
    data = tmp_path / "pictures.npz"
    np.savez(data, x=pictures(2))
    path = save(real_model(name), tmp_path / f"{name}.keras")
    made = convert(path, reference=data, output=tmp_path / "artifacts")
    assert {(v.runtime, v.backend): v.problems for v in made.verdicts} == {
        ("litert", None): (),
        ("tfjs", "wasm"): (),
        ("ort", None): (),
    }
    shutil.rmtree(tmp_path)


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
            site = build_demo([artifact], tmp_path / "site", embed=True).folder
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
