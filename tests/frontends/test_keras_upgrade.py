"""Files of Keras 1 and of Keras 2.0, made of today's with the words and weights of then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import SourceError
from edge_deploy.frontends.keras_upgrade import upgrade

pytestmark = pytest.mark.slow

Layers = list[dict[str, Any]]
"""Layers of a configuration, to be changed."""


def recurrent(k: Any) -> Any:
    layers = [k.layers.GRU(4, reset_after=False, return_sequences=True), k.layers.LSTM(3)]
    return k.Sequential([k.Input((5, 3)), *layers, k.layers.Dense(2)])


def convolutions(k: Any) -> Any:
    x = k.Input((8, 8, 3))
    y = k.layers.Conv2D(4, (3, 2), strides=2, padding="same", activation="relu")(x)
    y = k.layers.Dropout(0.5)(k.layers.BatchNormalization()(y))
    y = k.layers.Conv2DTranspose(2, 3, use_bias=False)(k.layers.MaxPooling2D(2)(y))
    return k.Model(x, k.layers.GlobalAveragePooling2D()(y))


def merged(k: Any) -> Any:
    x = k.Input((4,))
    first, second = k.layers.Dense(3)(x), k.layers.Dense(3)(x)
    both = [k.layers.Concatenate()([first, second])]
    both += [kind()([first, second]) for kind in (k.layers.Add, k.layers.Multiply)]
    both += [k.layers.Dot(1, normalize=True)([first, second])]
    return k.Model(x, both)


def words(k: Any) -> Any:
    layers = [k.layers.Embedding(12, 4), k.layers.Conv1D(3, 2), k.layers.MaxPooling1D(2)]
    return k.Sequential([k.Input((6,)), *layers, k.layers.Flatten(), k.layers.Dense(1)])


def keras_2_0(layers: Layers) -> None:
    for one in layers:
        one["config"].pop("reset_after", None)
        one["config"].pop("time_major", None)


_THEN = {
    "units": "output_dim",
    "filters": "nb_filter",
    "padding": "border_mode",
    "use_bias": "bias",
    "rate": "p",
    "recurrent_activation": "inner_activation",
    "dropout": "dropout_W",
    "recurrent_dropout": "dropout_U",
}
_KEPT = ("name", "trainable", "activation", "batch_input_shape", "epsilon", "momentum", "axis")
_RECURRENT = ("return_sequences", "go_backwards", "stateful", "unroll")
_MODES = {"Concatenate": "concat", "Add": "sum", "Multiply": "mul", "Dot": "cos"}


def keras_1(layers: Layers) -> None:
    """The same layers in the words of Keras 1.2."""
    for one in layers:
        kind, now = one["class_name"], one["config"]
        if kind in _MODES:
            made = {"name": now["name"], "mode": _MODES[kind], "mode_type": "raw", "arguments": {}}
            one.update(class_name="Merge", config={**made, "concat_axis": -1, "dot_axes": 1})
            continue
        if kind == "InputLayer":
            continue
        then = {key: now[key] for key in (*_KEPT, *_RECURRENT) if key in now}
        then |= {new: now[key] for key, new in _THEN.items() if key in now}
        then |= {"init": "glorot_uniform", "W_regularizer": None, "b_constraint": None}
        if kind in ("Conv2D", "Conv2DTranspose"):
            then["nb_row"], then["nb_col"] = now["kernel_size"]
            then |= {"subsample": now["strides"], "dim_ordering": "tf"}
            one["class_name"] = "Convolution2D" if kind == "Conv2D" else "Deconvolution2D"
            then |= {"output_shape": [None, 4, 4, 2]} if kind == "Conv2DTranspose" else {}
        elif kind == "Conv1D":
            then |= {"filter_length": now["kernel_size"][0], "subsample_length": 1}
            one["class_name"] = "Convolution1D"
        elif kind == "MaxPooling1D":
            then |= {"pool_length": 2, "stride": 2}
        elif kind == "MaxPooling2D":
            then |= {"pool_size": [2, 2], "strides": [2, 2], "dim_ordering": "tf"}
        elif kind == "GlobalAveragePooling2D":
            then["dim_ordering"] = "tf"
        elif kind == "Embedding":
            then |= {"input_dim": 12, "output_dim": 4, "input_length": None, "dropout": 0.0}
        elif kind in ("GRU", "LSTM"):
            then |= {"inner_init": "orthogonal", "consume_less": "cpu", "input_dim": None}
            then |= {"forget_bias_init": "one"} if kind == "LSTM" else {}
        elif kind == "BatchNormalization":
            then |= {"mode": 0, "gamma_regularizer": None}
        elif kind == "Dense":
            then["input_dim"] = None
        one["config"] = then


def gates(group: Any, order: tuple[int, ...]) -> None:
    """The weights of a recurrent layer as Keras 1 kept them: three arrays for each gate."""
    names = [
        name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]
    ]
    arrays = [np.split(group[name][()], len(order), axis=-1) for name in names]
    for name in names:
        del group[name]
    made = [f"w_{n}" for n in range(3 * len(order))]
    for n, place in enumerate(order):
        for m, parts in enumerate(arrays):
            group[made[3 * n + m]] = parts[place]
    group.attrs["weight_names"] = [name.encode() for name in made]


def weights_of_keras_1(file: Any) -> None:
    weights = file["model_weights"]
    for name in weights:
        if name.startswith("lstm"):
            gates(weights[name], (0, 2, 1, 3))  # i, c, f, o
        elif name.startswith("gru"):
            gates(weights[name], (0, 1, 2))
        elif name.startswith(("conv1d", "conv2d_transpose")):
            (kernel, *_) = weights[name].attrs["weight_names"]
            kernel = kernel.decode() if isinstance(kernel, bytes) else kernel
            values = weights[name][kernel][()]
            del weights[name][kernel]
            is_1d = name.startswith("conv1d")
            weights[name][kernel] = values[:, None] if is_1d else values.transpose(0, 1, 3, 2)


def as_then(model: Any, path: Path, change: Callable[[Layers], None], version: str) -> None:
    """Save a model as the Keras of a version did."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        for one in layers:
            one.pop("module", None)
            one.pop("registered_name", None)
            one.pop("build_config", None)
        if config["class_name"] == "Sequential":  # a list, the first of which has the shape
            shape = layers.pop(0)["config"]["batch_input_shape"]
            layers[0]["config"]["batch_input_shape"] = shape
            config["config"] = layers
        else:
            config["class_name"] = "Model"
        change(layers)
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
        file["model_weights"].attrs["keras_version"] = version
        if version.startswith("1"):
            weights_of_keras_1(file)


ROWS: dict[str, tuple[Callable[[Any], Any], Callable[[Layers], None], str]] = {
    "GRU of Keras 2.0": (recurrent, keras_2_0, "2.0.5"),
    "recurrent layers of Keras 1": (recurrent, keras_1, "1.2.2"),
    "convolutions of Keras 1": (convolutions, keras_1, "1.1.0"),
    "merges of Keras 1": (merged, keras_1, "1.2.2"),
    "words of Keras 1": (words, keras_1, "1.0.8"),
}


@pytest.mark.parametrize("name", ROWS)
def test_old_file_answers_as_it_did(name: str, tmp_path: Path) -> None:
    import tf_keras

    build, change, version = ROWS[name]
    model = build(tf_keras)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, one.shape) for one in model.get_weights()])
    as_then(model, tmp_path / "old.h5", change, version)
    x = rng.integers(0, 12, size=(3, *model.input_shape[1:])).astype(np.float32)
    want = model.predict_on_batch(x)
    found = edge_deploy.load_model(tmp_path / "old.h5")
    got = found.predict({found.spec.inputs[0].name: x})
    for mine, theirs in zip(got.values(), want if isinstance(want, list) else [want], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


REFUSED = {
    "Merge of models": (layer("Merge", mode="concat", layers=[{}]), "a Merge of whole models"),
    "Merge by a function": (layer("Merge", mode="<lambda>"), "a Merge by '<lambda>'"),
    "normalization by sample": (layer("BatchNormalization", mode=1), "of mode 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_layer_today_is_told(name: str) -> None:
    config, words = REFUSED[name]
    with pytest.raises(SourceError, match=words):
        upgrade({"config": [config]}, SourceError)


@pytest.mark.parametrize(
    "config",
    [
        layer("Dense", units=2, activation="relu"),
        layer("Gate", p=0.5, stride=2, bias=True),  # the author's own
        layer("GRU", units=2, reset_after=True),
        layer("ZeroPadding2D", padding=5),
        ["text", 1, None],
    ],
)
def test_what_is_of_today_stays(config: Any) -> None:
    assert upgrade(config, SourceError) == config


def test_activation_that_was_a_lambda_is_told(tmp_path: Path) -> None:
    import tf_keras

    def change(layers: Layers) -> None:
        layers[0]["config"]["activation"] = "<lambda>"

    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3, name="gate")])
    as_then(model, tmp_path / "old.h5", change, "2.4.0")
    with pytest.raises(SourceError, match=r"'gate' is a <lambda>.*named function.*custom_objects"):
        edge_deploy.load_model(tmp_path / "old.h5")
