"""Models of 16-bit floats in every runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_deploy import convert
from tests.support.models import randomize, save

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_model_of_halves_passes_in_every_runtime(policy: str, tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    x = layers.Input((8, 8, 3), name="x", dtype="float16" if policy == "float16" else "float32")
    y = layers.Conv2D(5, 3, activation="relu", dtype=policy)(x)
    y = layers.DepthwiseConv2D(3, dtype=policy)(layers.BatchNormalization(dtype=policy)(y))
    y = layers.Dense(4, activation="softmax", dtype=policy)(layers.Flatten(dtype=policy)(y))
    model = keras.Model(x, y, name="halves")
    randomize(model)
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(6, 8, 8, 3)).astype(np.float32))
    path = save(model, tmp_path / "halves.keras")
    made = convert(path, reference=tmp_path / "data.npz", output=tmp_path / "artifacts")
    assert {(v.runtime, v.backend): v.problems for v in made.verdicts} == {
        ("litert", None): (),
        ("tfjs", "wasm"): (),
        ("ort", None): (),
    }
    assert made.artifact
    ends = (*made.artifact.manifest.inputs, *made.artifact.manifest.outputs)
    assert {end.dtype for end in ends} == {"float32"}
