"""The networks of ``keras.applications``, of both generations, with weights as if trained."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

LIBRARIES = ("keras", "tf_keras")


def names(library: str) -> tuple[str, ...]:
    """All networks of a library, sorted."""
    applications = importlib.import_module(f"{library}.applications")
    return tuple(sorted(name for name in dir(applications) if name[0].isupper()))


def real_model(name: str, side: int | None = None, library: str = "keras") -> Any:
    """A network at a real size, its statistics those of pictures.

    Weights are Keras' own, but for biases, which would be zeros, and the last layer, which spreads
    the answers. Without fitting statistics a deep network amplifies rounding to anything.

    Args:
        name: One of ``names``.
        side: Of the pictures; the network's own where it is None.
        library: One of LIBRARIES.
    """
    keras: Any = importlib.import_module(library)
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    shape = {} if side is None else {"input_shape": (side, side, 3)}
    model = make(weights=None, classes=10, classifier_activation=None, **shape)
    side = model.inputs[0].shape[1]
    if side is None:  # MobileNetV3 says no size; its weights are of pictures of 224
        return real_model(name, 224, library)
    x = pictures(max(2, min(8, 8 * 224**2 // side**2)), side)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        path = str(getattr(weight, "path", weight.name)).partition(":")[0]
        if "gamma" in path and "scale" not in path:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        elif path.endswith(("beta", "bias")):
            weight.assign(rng.normal(0, 0.05, weight.shape))
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(x, training=True)
    logits = np.asarray(model(x))
    last = next(layer for layer in reversed(model.layers) if layer.weights)
    kernel, bias = last.get_weights()
    spread = logits.std(axis=0).mean() / 0.3
    last.set_weights([kernel / spread, (bias - logits.mean(axis=0)) / spread])
    end = keras.layers.Softmax()(model.outputs[0])
    return keras.Model(model.inputs[0], end, name=name.lower())


def pictures(count: int, side: int) -> Any:
    """Pictures of 64 fields, whose colours differ from one picture to the next."""
    fields = np.random.default_rng(7).uniform(0, 255, (count, 8, 8, 3))
    of_field = -(-side // 8)
    whole = fields.repeat(of_field, axis=1).repeat(of_field, axis=2)
    return whole[:, :side, :side].astype(np.float32)
