"""A model asked in float64 and with its sums in order: against what numpy gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from edge_deploy.core.arithmetic import predict_in_float64, predict_in_sequence
from edge_deploy.core.spec import Array, ModelSpec, TensorSpec

Shape = tuple[int, ...]


def spec(*shape: int) -> ModelSpec:
    given = (TensorSpec("x", (None, *shape), "float32"),)
    return ModelSpec(given, (TensorSpec("y", (None, None), "float32"),))


def asked(call: Any) -> Any:
    return tf.function(lambda tensors: {"y": call(tensors["x"])})


def last_of(values: Array) -> Array:
    """The sum of each row in float32, one number after another."""
    return np.asarray(np.cumsum(values, axis=1, dtype=np.float32)[:, -1])


ROWS = np.random.default_rng(1).uniform(0, 1, (3, 40, 50, 2)).astype(np.float32)
FLAT = ROWS.reshape(3, 2000, 2)
MEAN = last_of(FLAT) / np.float32(2000)
ALL = last_of(ROWS.reshape(3, -1))[:, None]


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda x: tf.reduce_sum(x, (1, 2)), last_of(FLAT)),
        (lambda x: tf.reduce_mean(x, (2, 1)), MEAN),
        (lambda x: tf.reduce_mean(x, (1, 2), keepdims=True)[:, 0, 0], MEAN),
        (lambda x: tf.reduce_sum(tf.reshape(x, (-1, 4000)), -1)[:, None], ALL),
        (lambda x: tf.reduce_sum(tf.transpose(x, (0, 3, 1, 2)), (2, 3)), last_of(FLAT)),
    ],
    ids=["sum", "mean", "with its axes", "last axis", "channels first"],
)  # fmt: skip
def test_a_long_sum_is_taken_in_order(call: Any, want: Array) -> None:
    found = predict_in_sequence(asked(call), spec(40, 50, 2), {"x": ROWS})
    assert found is not None
    np.testing.assert_allclose(found["y"], want, rtol=1e-7)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tf.reduce_sum(x, 3)[:, 0],
        lambda x: tf.reduce_sum(x, (1, 3)),
        lambda x: tf.reduce_max(x, (1, 2)),
        lambda x: tf.reduce_sum(x, (0, 1, 2))[None],
    ],
    ids=["short", "axes apart", "no sum", "over the batch"],
)
def test_other_sums_stay_as_they_are(call: Any) -> None:
    assert predict_in_sequence(asked(call), spec(40, 50, 2), {"x": ROWS}) is None


def test_float64_has_no_rounding_of_float32() -> None:
    x = np.float32([[1e8, 1.0, -1e8]])
    found = predict_in_float64(asked(lambda x: x[:, :1] + x[:, 1:2] + x[:, 2:]), spec(3), {"x": x})
    assert found is not None
    assert found["y"].tolist() == [[1.0]]
