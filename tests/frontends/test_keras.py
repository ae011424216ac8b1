"""Keras files of both generations, read in one process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import load_model
from edge_deploy.frontends.keras import keras_of
from tests.support.models import save, third_party


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_spectral_normalization_of_keras_2_is_read_beside_keras_3(
    suffix: str, tmp_path: Path
) -> None:
    """tf_keras asks TensorFlow for its own parts there, and gets those of Keras 3."""
    keras = keras_of("keras2")
    with third_party():
        x = keras.Input((6,))
        y = keras.layers.SpectralNormalization(keras.layers.Dense(5))(x)
        model = keras.Model(x, y)
        model(np.ones((4, 6), np.float32), training=True)  # moves what it normalizes by
    rows = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    loaded = load_model(save(model, tmp_path / f"model{suffix}"))
    (name,) = (spec.name for spec in loaded.spec.inputs)
    (answer,) = loaded.predict({name: rows}).values()
    np.testing.assert_allclose(answer, model.predict(rows, verbose=0), rtol=1e-6)


def scaled(keras: Any, x: Any) -> Any:
    """What a ConvNeXt ends its blocks with."""
    scale = application_layer(keras, "convnext", "LayerScale")
    drop = application_layer(keras, "convnext", "StochasticDepth")
    return keras.layers.Add()([x, drop(0.1)(scale(0.3, 6)(x))])


def mixed(keras: Any, x: Any) -> Any:
    """What an Inception-ResNet ends its blocks with."""
    return application_layer(keras, "inception_resnet_v2", "CustomScaleLayer")(0.2)([x, x])


def application_layer(keras: Any, network: str, name: str) -> Any:
    module = importlib.import_module(f"{keras.__name__}.src.applications.{network}")
    return getattr(module, name)


@pytest.mark.parametrize("block", [scaled, mixed])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("kind", ["keras2", "keras3"])
def test_layers_that_networks_of_keras_applications_bring_are_known(
    kind: str, suffix: str, block: Callable[[Any, Any], Any], tmp_path: Path
) -> None:
    """Keras itself does not find them by the bare name that an HDF5 file holds."""
    keras = keras_of(kind)
    with third_party():
        x = keras.Input((6,))
        model = keras.Model(x, keras.layers.Dense(2)(block(keras, x)))
    rows = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    loaded = load_model(save(model, tmp_path / f"model{suffix}"))
    (name,) = (spec.name for spec in loaded.spec.inputs)
    (answer,) = loaded.predict({name: rows}).values()
    np.testing.assert_allclose(answer, model.predict(rows, verbose=0), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras2", "keras3"])
def test_a_network_of_a_thousand_layers_is_read(kind: str, tmp_path: Path) -> None:
    """Keras calls itself from one layer to the next, and Python allows 1,000 calls."""
    keras = keras_of(kind)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5_000)
    try:
        with third_party():
            x = end = keras.Input((2,))
            for _ in range(1_000):
                end = keras.layers.Activation("linear")(end)
            path = save(keras.Model(x, end), tmp_path / "model.h5")
    finally:
        sys.setrecursionlimit(before)
    loaded = load_model(path)
    assert sys.getrecursionlimit() == before
    rows = np.float32([[1, 2], [3, 4]])
    (answer,) = loaded.predict({loaded.spec.inputs[0].name: rows}).values()
    np.testing.assert_array_equal(answer, rows)
