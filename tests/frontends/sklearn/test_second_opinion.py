"""skl2onnx as the second opinion: two converters, written apart, and scikit-learn say the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError
from edge_deploy.frontends.sklearn import onnx_only
from edge_deploy.frontends.sklearn.converters import steps
from edge_deploy.frontends.sklearn.loader import from_object
from tests.support.sklearn_models import COMPOUND, FAMILIES, TRANSFORMED, TREES, UNUSUAL

pytestmark = pytest.mark.slow
ROWS: dict[str, Callable[[], Any]] = {**TREES, **FAMILIES, **TRANSFORMED, **COMPOUND, **UNUSUAL}
CANNOT: tuple[str, ...] = ()
WRONG: dict[str, str] = {}


@pytest.mark.parametrize("row", ROWS)
def test_two_converters_agree(row: str) -> None:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is of an earlier version warns
        original = ROWS[row]()
        model = from_object(Path("model.pkl"), original)
        width = int(model.spec.inputs[0].shape[1] or 0)
        x = np.abs(np.random.default_rng(5).normal(0, 1, (40, width))).astype(np.float32)
        want = model.predict({"features": x})
        try:
            theirs = onnx_only.convert(steps(original), width, ConversionError("."))
            got = onnx_only.run(theirs, x)
        except Exception as error:
            print("CANNOT", row, str(error)[:200])
            assert row in CANNOT
            return
    ours = {
        name: tensor.numpy()
        for name, tensor in model.function({"features": tf.constant(x)}).items()
    }
    for spec in theirs.outputs:
        scale = max(float(np.abs(want[spec.name]).max()), 1e-6)
        for who, answer in (("ours", ours), ("theirs", got)):
            off = float(np.abs(answer[spec.name].astype(float) - want[spec.name]).max()) / scale
            if spec.kind == "class":
                off = float((answer[spec.name] != want[spec.name]).mean())
            print("OFF" if off > 1e-5 else "fine", row, who, spec.name, off)
