"""Trained models as people have them: builders that write the files the tests convert.

Each builder takes a folder, writes one model into it (with what lies beside such a model) and
returns its path. Weights are drawn from seed 0, so that outputs vary with inputs and every run
writes the same numbers. Keras files are here, the others in other_models.py, broken ones in
bad_models.py.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.other_models import (
    saved_model_one_other_signature,
    saved_model_two_signatures,
    sklearn_024_pickle,
    sklearn_pipeline_joblib,
)

SEED = 0


@contextmanager
def third_party() -> Iterator[None]:
    """Building and saving with Keras, which warn of their own old formats and old calls."""
    with warnings.catch_warnings():
        # "You are saving your model as an HDF5 file", "The model was not compiled".
        warnings.simplefilter("ignore", UserWarning)
        # Keras 3 reads TensorFlow 2.19's tensors in a way that numpy 2 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def flex_verdict() -> str:
    """What a right file with TensorFlow's own operators is found: 2.21 cannot run it."""
    import tensorflow as tf

    return "pass" if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21) else "not run"


def save(model: Any, path: Path) -> Path:
    """Save a Keras model of either generation in the format of the suffix."""
    with third_party():
        model.save(str(path))
    return path


def randomize(model: Any) -> None:
    """Give every weight a value that matters, batch-norm statistics and biases too."""
    rng = np.random.default_rng(SEED)
    values = []
    for weight in model.weights:
        name = str(getattr(weight, "path", weight.name))
        shape = tuple(weight.shape)
        if "int" in str(weight.dtype):
            value = np.zeros(shape)  # a seed, a step counter
        elif "variance" in name:
            value = rng.uniform(0.5, 1.5, shape)
        elif "gamma" in name:
            value = rng.uniform(0.8, 1.2, shape)
        elif len(shape) > 1:
            fan_in = shape[0] * shape[1] if "depthwise" in name else np.prod(shape[:-1])
            value = rng.normal(0, np.sqrt(2 / fan_in), shape)
        else:
            value = rng.normal(0, 0.1, shape)
        values.append(np.asarray(value, np.float32))
    model.set_weights(values)


def edit_h5(path: Path, edit: Callable[[dict[str, Any]], None], version: str | None = None) -> None:
    """Edit the configuration and the Keras version that an HDF5 file carries."""
    import h5py

    with h5py.File(path, "r+", locking=False) as file:
        config = json.loads(file.attrs["model_config"])
        edit(config)
        file.attrs["model_config"] = json.dumps(config)
        if version is not None:
            file.attrs["keras_version"] = version
            if "model_weights" in file:
                file["model_weights"].attrs["keras_version"] = version


def as_before_213(config: Any) -> None:
    """Take out what Keras writes since 2.13: where a class is from, and the shapes it was built on.

    Keras 3 chooses its reader by these: without them it fails where it fails on real old files.
    """
    for value in config.values() if isinstance(config, dict) else config:
        if isinstance(value, dict | list):
            as_before_213(value)
    if isinstance(config, dict) and "class_name" in config:
        for key in ("module", "registered_name", "build_config"):
            config.pop(key, None)


def teachable_machine_h5(folder: Path) -> Path:
    """Teachable Machine's Keras export: MobileNetV2 alpha 0.35 in nested Sequentials, Keras 2.4."""
    import tf_keras

    with third_party():
        base = tf_keras.applications.MobileNetV2(
            input_shape=(224, 224, 3), alpha=0.35, include_top=False, weights=None
        )
        features = tf_keras.Sequential(
            [base, tf_keras.layers.GlobalAveragePooling2D(name="global_average_pooling")],
            name="sequential_1",
        )
        head = tf_keras.Sequential(
            [
                tf_keras.layers.Dense(100, activation="relu", name="dense_Dense1"),
                tf_keras.layers.Dense(2, activation="softmax", use_bias=False, name="dense_Dense2"),
            ],
            name="sequential_3",
        )
        model = tf_keras.Sequential([features, head], name="sequential_4")
        model.build((None, 224, 224, 3))
    randomize(model)
    path = save(model, folder / "keras_model.h5")
    edit_h5(path, as_before_213, version="2.4.0")
    (folder / "labels.txt").write_text("0 Cat\n1 Dog\n", encoding="utf-8")
    return path


def teachable_machine_zip(folder: Path) -> Path:
    """The same as it is downloaded."""
    path = folder / "converted_keras.zip"
    model = teachable_machine_h5(folder)
    with zipfile.ZipFile(path, "w") as archive:
        for file in (model, folder / "labels.txt"):
            archive.write(file, file.name)
            file.unlink()
    return path


def lstm_h5(folder: Path) -> Path:
    """Two LSTM layers as TF 2.7 saved them, with ``time_major`` in the configuration."""
    import tf_keras

    model = tf_keras.Sequential(
        [
            tf_keras.layers.Input((20, 3), name="history"),
            tf_keras.layers.LSTM(16, return_sequences=True, name="lstm"),
            tf_keras.layers.LSTM(16, name="lstm_1"),
            tf_keras.layers.Dense(1, name="forecast"),
        ],
        name="lstm_model",
    )
    randomize(model)
    path = save(model, folder / "lstm.h5")

    def as_in_27(config: dict[str, Any]) -> None:
        as_before_213(config)
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "LSTM":
                layer["config"]["time_major"] = False

    edit_h5(path, as_in_27, version="2.7.0")
    return path


def hdf5_named_keras(folder: Path) -> Path:
    """An HDF5 file that its author named ``.keras``."""
    import tf_keras

    model = tf_keras.Sequential(
        [
            tf_keras.layers.Input((4,), name="measures"),
            tf_keras.layers.Dense(8, activation="relu"),
            tf_keras.layers.Dense(3, activation="softmax", name="species"),
        ],
        name="iris",
    )
    randomize(model)
    saved = save(model, folder / "iris.h5")
    return saved.rename(folder / "iris.keras")


def unknown_optimizer_h5(folder: Path) -> Path:
    """A model that was compiled with an optimizer which no Keras of today knows, with state."""
    import h5py
    import tf_keras

    model = tf_keras.Sequential(
        [
            tf_keras.layers.Input((4,), name="x"),
            tf_keras.layers.Dense(8, activation="tanh"),
            tf_keras.layers.Dense(1, activation="sigmoid", name="chance"),
        ],
        name="old_optimizer",
    )
    randomize(model)
    model.compile(tf_keras.optimizers.legacy.Adam(1e-3), "binary_crossentropy")
    rng = np.random.default_rng(SEED)
    model.train_on_batch(rng.normal(size=(8, 4)).astype("f4"), rng.integers(0, 2, (8, 1)))
    path = save(model, folder / "old_optimizer.h5")
    with h5py.File(path, "r+", locking=False) as file:
        training = json.loads(file.attrs["training_config"])
        training["optimizer_config"] = {
            "class_name": "AdaBound",  # of the package keras-adabound, 2019
            "config": {"lr": 1e-3, "final_lr": 0.1, "decay": 0.0, "name": "AdaBound"},
        }
        file.attrs["training_config"] = json.dumps(training)
        file.attrs["keras_version"] = "2.2.4"
    return path


def text_gru_h5(folder: Path) -> Path:
    """A text model with two inputs: int32 tokens for an embedding and a GRU, and three floats."""
    import tf_keras

    layers = tf_keras.layers
    tokens = layers.Input((12,), dtype="int32", name="tokens")
    extra = layers.Input((3,), name="extra")
    embedded = layers.Embedding(200, 16, name="embedding")(tokens)
    state = layers.GRU(12, name="gru")(embedded)
    joined = layers.Concatenate()([state, extra])
    topic = layers.Dense(4, activation="softmax", name="topic")(joined)
    model = tf_keras.Model([tokens, extra], topic, name="text_gru")
    randomize(model)
    path = save(model, folder / "text_gru.h5")
    edit_h5(path, as_before_213, version="2.6.0")
    return path


def autoencoder_h5(folder: Path) -> Path:
    """A convolutional autoencoder that enlarges with UpSampling2D."""
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((28, 28, 1), name="picture"),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.UpSampling2D(),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.UpSampling2D(interpolation="bilinear"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="restored"),
        ],
        name="autoencoder",
    )
    randomize(model)
    return save(model, folder / "autoencoder.h5")


def _two_inputs(outputs: int) -> Any:
    import keras

    width = keras.layers.Input((5,), name="width")
    height = keras.layers.Input((3,), name="height")
    joined = keras.layers.Concatenate()(
        [
            keras.layers.Dense(8, activation="relu")(width),
            keras.layers.Dense(8, activation="relu")(height),
        ]
    )
    ends = [
        keras.layers.Dense(3, activation="softmax", name="kind")(joined),
        keras.layers.Dense(1, name="area")(joined),
    ]
    model = keras.Model([width, height], ends[:outputs], name="two_inputs")
    randomize(model)
    return model


def two_inputs_keras(folder: Path) -> Path:
    """A functional model of Keras 3 with two inputs."""
    return save(_two_inputs(outputs=1), folder / "two_inputs.keras")


def two_inputs_two_outputs_keras(folder: Path) -> Path:
    """The same with two outputs, probabilities and a value."""
    return save(_two_inputs(outputs=2), folder / "two_outputs.keras")


def attention_keras(folder: Path) -> Path:
    """Tokens through an embedding, self-attention (einsum) and a gelu (erfc), in Keras 3."""
    import keras

    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(500, 16)(tokens)
    x = keras.layers.Add()([x, keras.layers.MultiHeadAttention(2, 8)(x, x)])
    x = keras.layers.Dense(16, activation="gelu")(keras.layers.LayerNormalization()(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(tokens, keras.layers.Dense(3, activation="softmax", name="topic")(x))
    randomize(model)
    return save(model, folder / "attention.keras")


GOOD: dict[str, Callable[[Path], Path]] = {
    builder.__name__: builder
    for builder in (
        teachable_machine_h5,
        teachable_machine_zip,
        lstm_h5,
        hdf5_named_keras,
        unknown_optimizer_h5,
        text_gru_h5,
        autoencoder_h5,
        two_inputs_keras,
        two_inputs_two_outputs_keras,
        attention_keras,
        saved_model_two_signatures,
        saved_model_one_other_signature,
        sklearn_024_pickle,
        sklearn_pipeline_joblib,
    )
}
"""Every builder whose file converts without an option."""
