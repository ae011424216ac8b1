"""The original's own rounding is told apart from a converter's error, and hides no fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.spec import Array, LoadOptions, TensorSpec
from edge_deploy.data.reference import Reference
from edge_deploy.frontends.keras import from_live
from edge_deploy.verification.compare import Rounding, compare
from edge_deploy.verification.noise import measure
from edge_deploy.verification.tolerances import DEFAULT
from edge_deploy.verification.verdicts import OutputVerdict
from tests.support.files import change_tflite, main_file, put_hashes_right

RNG = np.random.default_rng(4)
VALUES = RNG.uniform(0.5, 1, (16, 3)).astype(np.float32)
WIDE = 5e-4 * np.ones((16, 3), np.float32)
TIE = np.zeros((16, 3), np.float32)
TIE[3, 1] = 0.2


def judged(given: Array, width: Array | None, kind: str = "tensor") -> OutputVerdict:
    """Against VALUES, of which the original itself is unsure by ``width`` up and down."""
    wanted = VALUES if kind != "class" else (VALUES[:, :1] * 10).astype(np.int32)
    unsure = None if width is None else np.stack([wanted - width, wanted + width], 1)
    spec = TensorSpec("y", (None, wanted.shape[1]), wanted.dtype.name, kind)
    answers = [row[None] for row in given.astype(wanted.dtype)]
    return compare(spec, wanted, answers, DEFAULT.of("y", "float32"), None, Rounding(0.0, unsure))


def off(size: float, *at: int) -> Array:
    changed = VALUES.copy()
    changed[at or ...] += size
    return changed


@pytest.mark.parametrize(
    ("given", "width", "passes"),
    [
        (off(4e-4), None, False),
        (off(4e-4), WIDE, True),
        (off(2e-3), WIDE, True),
        (off(4e-3), WIDE, False),  # beyond four times what the original varies by
        (off(0.03), 100 * WIDE, True),
        (off(0.08), 100 * WIDE, False),  # and beyond a hundredth of the scale in any case
        (off(0.15, 3, 1), TIE, True),
        (off(-0.21, 3, 1), TIE, False),
        (off(0.15, 4, 1), TIE, False),  # another sample than the one the original is unsure of
        (off(0.15, 3, 2), TIE, False),  # or another column
        (off(4e-4), TIE, False),
    ],
)
def test_only_what_the_original_itself_might_have_answered_is_excused(
    given: Array, width: Array | None, passes: bool
) -> None:
    assert judged(given, width).ok is passes


def test_class_is_excused_only_where_the_original_gave_it_too() -> None:
    classes = (VALUES[:, :1] * 10).astype(np.int32)
    unsure = np.zeros((16, 1), np.int32)
    unsure[5] = 1
    for at, by, passes in ((5, 1, True), (5, 2, False), (6, 1, False)):
        given = classes.copy()
        given[at] += by
        assert judged(given, unsure, "class").ok is passes


def layer_norm() -> tuple[Any, Array]:
    import keras

    x = keras.Input((8,))
    model = keras.Model(x, keras.layers.Dense(3)(keras.layers.LayerNormalization()(x)))
    return model, 40_000 + RNG.normal(size=(32, 8))


def wide_inputs() -> tuple[Any, Array]:
    """A dense network of columns far from zero, whose large products cancel."""
    import keras

    x = keras.Input((64,))
    model = keras.Model(x, keras.layers.Dense(4)(keras.layers.Dense(32, "relu")(x)))
    kernel = RNG.normal(size=(64, 32))
    first, second = model.layers[1:]
    first.set_weights([kernel, -1e4 * kernel.sum(axis=0)])
    second.set_weights([RNG.normal(size=(32, 4)), np.zeros(4)])
    return model, 1e4 + RNG.normal(size=(32, 64))


def tied_neighbours() -> tuple[Any, Array]:
    from sklearn.neighbors import KNeighborsRegressor

    grid = np.array([[a, b, c] for a in range(5) for b in range(5) for c in range(5)]) / 10
    model = KNeighborsRegressor(1).fit(grid, RNG.normal(size=len(grid)))
    between = RNG.choice(np.arange(4) / 10 + 0.05, 32)
    return model, np.c_[between, RNG.choice(np.arange(5) / 10, (32, 2))]


def test_a_long_sum_is_measured_in_order_too() -> None:
    """A mean of 65,536 places, which other runtimes add up one after another."""
    import keras

    x = keras.Input((256, 256, 1))
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D(name="y")(x))
    values = RNG.uniform(0, 1, (3, 256, 256, 1)).astype(np.float32)
    loaded = from_live(Path("mean.keras"), model, LoadOptions())
    (name,) = (one.name for one in loaded.spec.inputs)
    data = Reference({name: values}, loaded.predict({name: values}))
    low, high = np.moveaxis(measure(loaded, data)["y"], 1, 0)
    in_order = np.cumsum(values.reshape(3, -1), axis=1, dtype=np.float32)[:, -1:] / 65536
    assert ((low <= in_order) & (in_order <= high)).all()
    assert (high - low > 2e-6).any()  # inputs that move by a step each change it by a tenth of that


@pytest.mark.slow
@pytest.mark.parametrize("make", [layer_norm, wide_inputs, tied_neighbours])
def test_file_passes_that_is_off_by_the_original_s_own_rounding(make: Any, run: Any) -> None:
    model, rows = make()
    if make is tied_neighbours:
        joblib.dump(model, "model.joblib")
        path = Path("model.joblib")
    else:
        model.save("model.keras")
        path = Path("model.keras")
    np.savez("rows.npz", x=rows.astype(np.float32))
    done = edge_deploy.convert(path, reference=Path("rows.npz"), to=["tflite", "onnx"])
    assert done.passed, [v.problems for v in done.verdicts]
    roughest = max(
        (o.max_abs_error / o.scale, o.own_rounding) for v in done.verdicts for o in v.outputs
    )
    assert roughest[0] > 1e-4  # which without the measurement is a failure
    assert roughest[1]
    assert done.artifact is not None
    folder = done.artifact.folder
    # What was measured is in the artifact: the original is not asked again.
    assert run("verify", folder, "--only", "tflite,onnx").code == 0
    assert change_tflite(main_file(folder, "tflite"), lambda values: values * 1.1) > 0
    put_hashes_right(folder)
    assert run("verify", folder, "--only", "tflite").code == 1
