"""Scalers around a model of windows: real units in and out, and what the series is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from edge_deploy.core.spec import LoadOptions, Series
from edge_deploy.frontends.project.chain import load
from edge_deploy.frontends.project.files import open_parts

pytestmark = pytest.mark.slow

NAMES = ["Open", "Close", "Volume"]
VALUES = np.random.default_rng(0).normal([100, 120, 9000], [5, 9, 700], (80, 3)).round(1)
ONE, ALL = Series(("Close",), target="Close"), Series(tuple(NAMES))
PLAIN = Series(("x0",), target="x0")
SERIES: dict[str, tuple[tuple[int, ...], list[str] | int, str, str, Series]] = {
    "one": ((6, 1), ["Close"], "MinMaxScaler", "before.pkl", ONE),
    "no names": ((6, 1), 1, "MinMaxScaler", "before.pkl", PLAIN),
    "along the other axis": ((1, 6), 1, "MinMaxScaler", "before.pkl", PLAIN),
    "in a row": ((6,), 1, "StandardScaler", "before.pkl", PLAIN),
    "any number of steps": ((None, 1), 1, "RobustScaler", "before.pkl", PLAIN),
    "three, one picked": (
        (6, 3), NAMES, "StandardScaler", "before.pkl@Close", Series(tuple(NAMES), target="Close"),
    ),
    "three without names": (
        (6, 3), 3, "MinMaxScaler", "before.pkl@1", Series(("x0", "x1", "x2"), target="x1"),
    ),
    "a scaler of the target": ((6, 3), NAMES, "StandardScaler", "behind.pkl", ALL),
    "nothing behind": ((6, 3), NAMES, "StandardScaler", "", ALL),
}  # fmt: skip


def network(shape: tuple[int | None, ...]) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = keras.Input(shape, name="window")
    return keras.Model(x, layers.Dense(1, name="next")(layers.GRU(3)(x) if shape[1:] else x))


@pytest.mark.parametrize("case", SERIES)
def test_a_window_is_taken_and_forecast_in_real_units(case: str) -> None:
    import pandas as pd
    import tensorflow as tf
    from sklearn import preprocessing

    shape, named, kind, behind, series = SERIES[case]
    width = named if isinstance(named, int) else len(named)
    table = (
        VALUES[:, :width] if isinstance(named, int) else pd.DataFrame(VALUES, None, NAMES)[named]
    )
    scaler = getattr(preprocessing, kind)().fit(table)
    target = preprocessing.MinMaxScaler().fit(VALUES[:, :1])
    joblib.dump(scaler, "before.pkl")
    joblib.dump(target, "behind.pkl")
    model = network(shape)
    model.save("model.keras")
    given = ["before.pkl", "model.keras", *([behind] if behind else [])]
    loaded = load(open_parts(given, LoadOptions(), Path("live")), LoadOptions())
    assert loaded.series == series
    windows = np.asarray(table[:48], np.float32).reshape(8, *(axis or 6 for axis in shape))
    scaled = scaler.transform(table[:48]).reshape(windows.shape)
    said = np.asarray(model(scaled.astype(np.float32)))
    if behind == "behind.pkl":
        wanted = target.inverse_transform(said)
    elif behind:
        place = series.channels.index(series.target or "")
        filled = np.zeros((len(said), width))
        filled[:, place] = said[:, 0]
        wanted = np.asarray(scaler.inverse_transform(filled))[:, place : place + 1]
    else:
        wanted = said
    given_back = tf.function(loaded.function)({"window": tf.constant(windows)})["next"]
    for found in (loaded.predict({"window": windows})["next"], given_back.numpy()):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5 * np.abs(wanted).max())
