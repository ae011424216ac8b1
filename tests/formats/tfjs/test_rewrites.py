"""Parts of models that are rewritten for TF.js: each on webgl, wasm and cpu, in batches of 1 and 3.

WebGL compiles its programs for every shape, on a processor here: it is asked a batch of 3, and one
of 1 in `make zoo`.

All parts are outputs of one model, so that they cost one conversion and three pages. ONNX and
TensorFlow Lite answer the same rows: what is rewritten for one is a trap for another.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import load_model
from edge_deploy.core.spec import Array, Arrays, LoadedModel, Runner
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.formats.tfjs.rewrites import Graph
from edge_deploy.formats.tfjs.rewrites.encodings import write_one_hot
from edge_deploy.web.browser import Browser
from tests.support.models import randomize, save, third_party

pytestmark = pytest.mark.slow

META = {"name": "model", "version": "1"}
PICTURE = (8, 8, 6)
BATCHES = (1, 3)
BATCHES_OF = {"tflite": (1,)} | ({} if os.environ.get("EDGE_DEPLOY_ZOO") else {"webgl": (3,)})
BACKENDS = ("webgl", "wasm", "cpu")
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


def volume(keras: Any, x: Any) -> Any:
    return keras.layers.Reshape((4, 4, 4, 6))(x)


def channels_first(keras: Any, x: Any) -> Any:
    return keras.layers.Permute((3, 1, 2))(x)


def channels_first_convolutions(keras: Any, x: Any) -> Any:
    layers, y = keras.layers, channels_first(keras, x)
    own = {"data_format": "channels_first"}
    y = layers.Conv2D(5, 3, strides=2, padding="same", activation="relu", **own)(y)
    y = layers.BatchNormalization(axis=1)(layers.DepthwiseConv2D(2, **own)(y))
    y = layers.ReLU()(layers.SeparableConv2D(4, 2, **own)(y))
    return layers.Conv2DTranspose(3, 3, strides=2, padding="same", **own)(y)


def channels_first_pools(keras: Any, x: Any) -> Any:
    layers, own = keras.layers, {"data_format": "channels_first"}
    y = layers.Conv2D(4, 3, padding="same", **own)(channels_first(keras, x))
    y = layers.AveragePooling2D(2, **own)(layers.MaxPooling2D(3, strides=1, **own)(y))
    return layers.ZeroPadding2D(1, **own)(layers.UpSampling2D(2, **own)(y))


def channels_first_of_one_axis(keras: Any, x: Any) -> Any:
    layers, own = keras.layers, {"data_format": "channels_first"}
    y = layers.Conv1D(5, 3, activation="relu", **own)(layers.Reshape((6, 64))(x))
    return layers.MaxPooling1D(2, **own)(y)


def channels_first_of_three_axes(keras: Any, x: Any) -> Any:
    y = keras.layers.Permute((4, 1, 2, 3))(volume(keras, x))
    return keras.layers.Conv3D(5, 2, activation="relu", data_format="channels_first")(y)


def select_of_five_axes(keras: Any, x: Any) -> Any:
    y = volume(keras, x)
    last = keras.ops.sum(y, axis=(1, 2, 3), keepdims=True)
    return keras.ops.where(y > 0, keras.ops.where(last > 0, y, 0.5), y * 0.25)


def select_of_six_axes(keras: Any, x: Any) -> Any:
    y = keras.layers.Reshape((2, 2, 4, 4, 6))(x)
    return keras.ops.where(y > 0, y, keras.ops.exp(y))


def transposed_volume(keras: Any, x: Any) -> Any:
    layers, y = keras.layers, volume(keras, x)
    y = layers.Conv3DTranspose(5, 3, strides=2, padding="same", activation="relu")(y)
    return layers.Conv3DTranspose(3, 2, strides=(1, 2, 1))(y)


def bicubic(keras: Any, x: Any) -> Any:
    smaller = keras.layers.Resizing(13, 5, interpolation="bicubic")(x)
    return keras.layers.UpSampling2D(2, interpolation="bicubic")(smaller)


def steps(keras: Any, x: Any) -> Any:
    return keras.layers.Discretization([-0.5, 0.0, 0.7])(x)


def softsign(keras: Any, x: Any) -> Any:
    return keras.layers.Activation("softsign")(keras.layers.Dense(4)(x))


def exponentials(keras: Any, x: Any) -> Any:
    ops = keras.ops
    made = (keras.activations.celu(x, 0.7), ops.expm1(x), ops.log1p(ops.abs(x)))
    return ops.concatenate(made, axis=-1)


def padded_volume(keras: Any, x: Any) -> Any:
    return keras.layers.ZeroPadding3D((1, (2, 1), (0, 3)))(volume(keras, x))


def pooled_volume(keras: Any, x: Any) -> Any:
    """Windows of numbers below zero among them."""
    layers, y = keras.layers, volume(keras, x) - 2.0
    y = layers.MaxPooling3D(2, strides=1, padding="same")(y)
    return layers.AdaptiveMaxPooling3D((2, 3, 2))(y)


def causal_attention(keras: Any, x: Any) -> Any:
    y = keras.layers.Reshape((64, 6))(x)
    return keras.layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)


def causal_attention_of_any_length(keras: Any, x: Any) -> Any:
    y = keras.layers.Reshape((-1, 6))(x)
    return keras.layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)


def sparsemax(keras: Any, x: Any) -> Any:
    """Running sums along the last of four axes."""
    return keras.layers.Activation("sparsemax")(x)


def spectrum(keras: Any, x: Any) -> Any:
    parts = keras.ops.rfft(keras.layers.Reshape((6, 64))(x))
    return keras.ops.concatenate(parts, axis=-1)


def long_integers(keras: Any, x: Any) -> Any:
    whole = keras.ops.cast(keras.ops.abs(x) * 3, "int64")
    known = keras.layers.Flatten()(keras.ops.minimum(whole, 9))
    return keras.layers.Embedding(10, 4)(known)


def one_hot(keras: Any, x: Any) -> Any:
    whole = keras.ops.cast(keras.ops.abs(x), "int32")
    return keras.ops.concatenate([keras.ops.one_hot(whole, 6, axis=axis) for axis in (-1, 3)], -1)


def layer_norm(keras: Any, x: Any) -> Any:
    """Of Keras 2: batch normalization of the other axes, by their own means."""
    whole = keras.layers.LayerNormalization()(x)
    steps = keras.layers.LayerNormalization()(keras.layers.Reshape((16, 24))(x))
    return keras.layers.Add()([whole, keras.layers.Reshape((8, 8, 6))(steps)])


def group_norm(keras: Any, x: Any) -> Any:
    return keras.layers.GroupNormalization(2)(x)


def cropped(keras: Any, x: Any) -> Any:
    """Asks the picture's size when it runs, and asserts it."""
    return keras.layers.CenterCrop(5, 4)(x)


def cropped_in_training(keras: Any, x: Any) -> Any:
    """Asks whether it is trained when it runs, and draws numbers then."""
    return keras.layers.RandomCrop(5, 4)(x)


PARTS: tuple[Layers, ...] = (
    batch_norm, one_number, one_number_depthwise, hard_swish, residual, squeezed, positions,
    one_filter, dense_one_number, transposed, small_unet, padded_pool, conv_lstm,
    groups, a_group_a_channel, groups_of_one_axis, groups_of_three_axes, grouped_and_normalized,
    convnext, activations, dense_activations,
    # Written otherwise for all targets, in core/operator_rewrites.py.
    bicubic, steps, softsign, exponentials, pooled_volume, spectrum,
)  # fmt: skip
# What is rewritten for TF.js alone.
OF_TFJS: tuple[Layers, ...] = (
    channels_first_convolutions, channels_first_pools, channels_first_of_one_axis,
    channels_first_of_three_axes, select_of_five_axes, select_of_six_axes, transposed_volume,
    padded_volume, causal_attention, causal_attention_of_any_length, sparsemax, long_integers,
    one_hot,
)  # fmt: skip
OF_GENERATION = {
    3: (*PARTS, *OF_TFJS),
    # What Keras 2 writes otherwise: fused batch normalization, calls, its own gelu.
    2: (batch_norm, transposed, groups, a_group_a_channel, grouped_and_normalized, activations,
        dense_activations, steps, layer_norm, group_norm, cropped, cropped_in_training),
}  # fmt: skip
# TensorFlow Lite has no grouped Conv3D, and neither has TensorFlow, which it falls back to.
LACKING = {"onnx": OF_TFJS, "tflite": (groups_of_three_axes, *OF_TFJS)}


def keras_of(generation: int) -> Any:
    if generation == 2:
        import tf_keras

        return tf_keras
    import keras

    return keras


def built(parts: Sequence[Layers], generation: int, folder: Path) -> LoadedModel:
    """Parts as the outputs of a saved model, read as a user's."""
    keras = keras_of(generation)
    with third_party():
        x = keras.Input(PICTURE, name="x")
        ends = [
            keras.layers.Activation("linear", name=f"{p.__name__}_end")(p(keras, x)) for p in parts
        ]
        model = keras.Model(x, ends, name="parts")
    randomize(model)
    return load_model(save(model, folder / ("parts.h5" if generation == 2 else "parts.keras")))


def asked(runner: Runner, x: Array, batch: int) -> Arrays:
    """The answers to samples in batches of a size."""
    found = [runner.predict({"x": x[n : n + batch]}) for n in range(0, len(x), batch)]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


@pytest.fixture(scope="module")
def errors(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Callable[[int, str], dict[str, float]]:
    """From a generation of Keras and a place to run in to the largest error of each part."""
    x = np.random.default_rng(2).normal(size=(max(BATCHES), *PICTURE)).astype(np.float32)

    @functools.cache
    def model_of(generation: int, parts: tuple[Layers, ...]) -> tuple[LoadedModel, Path, Arrays]:
        folder = tmp_path_factory.mktemp("parts")
        model = built(parts, generation, folder)
        return model, folder, model.predict({"x": x})

    @functools.cache
    def errors_of(generation: int, place: str) -> dict[str, float]:
        parts = tuple(p for p in OF_GENERATION[generation] if p not in LACKING.get(place, ()))
        model, folder, want = model_of(generation, parts)
        target = "tfjs" if place in BACKENDS else place
        path = folder / target / "model.json"
        if not path.parent.exists():
            path.parent.mkdir()
            FORMATS[target].export(model, path, META)
        opened = (
            browser.open_file(target, path, place, model.spec)
            if place in BACKENDS
            else default_runtime(target).open(path)
        )
        found = {part.__name__: 0.0 for part in parts}
        with opened as runner:
            for batch in BATCHES_OF.get(place, BATCHES):
                answers = asked(runner, x, batch)
                for part, (name, values) in zip(parts, want.items(), strict=True):
                    assert answers[name].shape == values.shape, (place, batch, name)
                    error = np.abs(answers[name] - values).max() / np.abs(values).max()
                    found[part.__name__] = max(found[part.__name__], float(error))
        return found

    return errors_of


@pytest.mark.parametrize(
    ("place", "generation", "part"),
    [
        pytest.param(place, generation, part, id=f"{part.__name__}-keras{generation}-{place}")
        for place in (*BACKENDS, "onnx", "tflite")
        for generation, parts in OF_GENERATION.items()
        for part in parts
        if part not in LACKING.get(place, ())
    ],
)
def test_part_answers_as_keras_does(
    errors: Callable[[int, str], dict[str, float]], place: str, generation: int, part: Layers
) -> None:
    assert errors(generation, place)[part.__name__] < 1e-5


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize(("values", "axis"), [((1, 0), -1), ((0.5, -2.0), 1), ((0, 1), 0)])
def test_one_hot_of_other_values_and_axes(
    values: tuple[float, float], axis: int, kind: str
) -> None:
    import tensorflow as tf

    index = np.array([[0, 2, 7], [3, 1, 0]]).astype(kind)
    with tf.Graph().as_default() as graph:
        given = tf.compat.v1.placeholder(kind, (None, 3), name="x")
        tf.identity(tf.one_hot(given, 4, *values, axis=axis, dtype="float32"), name="y")
    graph_def = graph.as_graph_def(add_shapes=True)
    with tf.compat.v1.Session(graph=graph) as session:
        want = session.run("y:0", {"x:0": index})
    write_one_hot(Graph(graph_def, ["x", "y"]))
    with tf.Graph().as_default() as again:
        tf.graph_util.import_graph_def(graph_def, name="")
    assert "OneHot" not in {op.type for op in again.get_operations()}
    with tf.compat.v1.Session(graph=again) as session:
        np.testing.assert_array_equal(session.run("y:0", {"x:0": index}), want)
