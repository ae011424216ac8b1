"""Keras files of both generations, read in one process."""

from __future__ import annotations

from pathlib import Path

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
