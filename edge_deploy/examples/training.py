"""Training that gives the same weights for the same seed, without touching global seeds.

Both generations of Keras draw initial weights and the order of the samples from global state.
Here numpy draws both, so that a call leaves the process as it was. Every layer has a name,
and every optimizer: Keras numbers those without one by how many the process has made before.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array


def initialize(model: Any, rng: np.random.Generator) -> None:
    """Give a model's kernels He-normal values and its biases zeros."""
    for layer in model.layers:
        if not layer.trainable_weights:
            continue  # a Normalization layer holds statistics, not weights
        weights = [np.zeros(w.shape, np.float32) for w in layer.get_weights()]
        for number, weight in enumerate(weights):
            if weight.ndim > 1:
                deviation = math.sqrt(2 / math.prod(weight.shape[:-1]))
                drawn = rng.normal(0.0, deviation, tuple(weight.shape))
                weights[number] = np.asarray(drawn, np.float32)
        layer.set_weights(weights)


def fit(
    model: Any, x: Array, y: Array, rng: np.random.Generator, *, epochs: int, batch: int
) -> None:
    """Train a compiled model, the samples in a new order each epoch."""
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            model.train_on_batch(x[chosen], y[chosen])


def save(model: Any, path: Path) -> None:
    """Save a Keras model in the format of its suffix."""
    with warnings.catch_warnings():
        # Keras calls HDF5 legacy; that is the format people have, and what this is an example of.
        warnings.simplefilter("ignore", UserWarning)
        # Keras 3 reads TensorFlow 2.19's tensors in a way that numpy 2 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.save(str(path))


def held_out(count: int, rng: np.random.Generator, share: float = 0.2) -> tuple[Array, Array]:
    """Indices to train on, and indices to keep for the measurement."""
    order = rng.permutation(count)
    kept = max(1, round(count * share))
    return order[kept:], order[:kept]


def r2(truth: Array, predicted: Array) -> float:
    """The share of the variance that is explained: 1 is perfect, 0 no better than the mean."""
    rest = np.sum((truth - predicted) ** 2)
    return float(1 - rest / np.sum((truth - truth.mean()) ** 2))
