"""What our own converters refuse and skl2onnx converts: the same answers, in ONNX alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import VotingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_deploy.core.errors import ConversionError
from edge_deploy.formats.registry import FORMATS
from edge_deploy.frontends.project.behind import with_threshold
from tests.support.three_targets import META, close, in_onnx, read

pytestmark = pytest.mark.slow
ROWS, VALUES = make_regression(80, 4, n_targets=2, noise=3.0, random_state=0)
_, GROUPS = make_classification(80, 4, n_informative=3, n_redundant=0, n_classes=3, random_state=0)
KERNEL = ConstantKernel(2.0) * Matern(1.5) + WhiteKernel(0.1)

CONVERTED: dict[str, Callable[[], Any]] = {
    "GaussianProcessRegressor": lambda: GaussianProcessRegressor(KERNEL, optimizer=None).fit(
        ROWS, VALUES[:, 0]
    ),
    "GaussianProcessRegressor of two values": lambda: GaussianProcessRegressor(
        RBF(2.0), alpha=0.1, normalize_y=True, optimizer=None
    ).fit(ROWS, VALUES),
    "GaussianProcessRegressor behind a scaler": lambda: make_pipeline(
        StandardScaler(), GaussianProcessRegressor(alpha=1e-6)
    ).fit(ROWS * 1000, VALUES[:, 0]),
    "VotingRegressor that holds one": lambda: VotingRegressor(
        [("line", Ridge()), ("process", GaussianProcessRegressor(alpha=0.1))]
    ).fit(ROWS, VALUES[:, 0]),
    "KNeighborsClassifier of words by another metric": lambda: KNeighborsClassifier(p=3).fit(
        ROWS, np.array(["cat", "dog", "owl"])[GROUPS]
    ),
    "KNeighborsClassifier of truth values": lambda: KNeighborsClassifier(p=3).fit(ROWS, GROUPS > 0),
    "KNeighborsRegressor of two values": lambda: KNeighborsRegressor(p=3).fit(ROWS, VALUES),
}


@pytest.mark.parametrize("row", CONVERTED)
def test_what_skl2onnx_converts_gives_the_same_in_onnx(row: str) -> None:
    original = CONVERTED[row]()
    model = read(original)
    x = np.random.default_rng(0).normal(0, 1, (40, 4)).astype(np.float32)
    close(model, in_onnx(model, x), model.predict({"features": x}), 1e-6)
    assert model.onnx is not None and model.onnx.converter.startswith("skl2onnx ")
    assert model.notes == (
        f"{row.split()[0]} is converted by skl2onnx, to ONNX alone: TFLite and TF.js cannot hold "
        "it",
    )
    assert FORMATS["onnx"].describe(Path("model.onnx")).metadata == META
    answers = original.predict(x.astype(np.float64))
    if model.spec.outputs[0].name == "class":
        named = np.array(model.spec.outputs[0].classes)[model.predict({"features": x})["class"]]
        assert named.tolist() == answers.astype(str).tolist()


def test_other_formats_and_steps_behind_it_are_refused_with_a_mend() -> None:
    model = read(CONVERTED["KNeighborsClassifier of truth values"]())
    for target in ("tflite", "tfjs"):
        with pytest.raises(ConversionError, match="to ONNX alone: TFLite and TF"):
            FORMATS[target].export(model, Path(f"model.{target}"), META)
    with pytest.raises(ConversionError, match="nothing can be put behind it"):
        with_threshold(model, 0.4)


def test_what_neither_converts_says_so_of_both() -> None:
    strange = GaussianProcessRegressor(RBF() ** 2, alpha=1.0, optimizer=None).fit(
        ROWS, VALUES[:, 0]
    )
    with pytest.raises(ConversionError) as refused:
        read(strange)
    assert "KernelRidge and SVR, of the same kernel (rbf), are near it" in str(refused.value)
    assert "Nor does skl2onnx, which makes ONNX alone, do it (Unable" in str(refused.value)
    assert "Exponentiation" in str(refused.value)
