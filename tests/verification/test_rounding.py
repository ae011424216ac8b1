"""Columns that float32 cannot hold are told, by name, with the mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import edge_deploy

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
NEAR = RNG.normal(size=200)


def converted(first: Any, **options: Any) -> Any:
    """A model of two columns, of which float32 may hold the first or not."""
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"time": first, "near": NEAR})
    y = (x["time"] - x["time"].min()) / np.ptp(x["time"]) + x["near"]
    joblib.dump(make_pipeline(StandardScaler(), LinearRegression()).fit(x, y), "model.joblib")
    x.head(40).to_csv("data.csv", index=False)
    return edge_deploy.convert(
        Path("model.joblib"), reference=Path("data.csv"), to=["onnx"], overwrite=True, **options
    )


SECONDS = 1.7e9 + np.arange(200) * 61.0  # a morning


def test_seconds_since_1970_are_named_with_the_mend() -> None:
    done = converted(SECONDS)
    (told,) = done.warnings
    assert "of 40 rows get another answer from the original itself once column 'time'" in told
    assert "steps of 128" in told
    assert "its least value is 1700000000)" in told
    assert done.passed  # the file is right about what it is asked
    with pytest.raises(edge_deploy.UsageError, match="column 'time'"):
        converted(SECONDS, strict=True)


def test_numbers_that_float32_holds_well_enough_are_no_warning() -> None:
    assert converted(SECONDS - 1.7e9 + 0.1).warnings == ()
