"""``fold_preprocessing``: the arithmetic on pixels becomes part of the graph.

The app then only decodes, crops and resizes, and feeds 0-255 pixels in the order red, green, blue.
All three targets can: the new graph is what each of them converts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, Function, LoadedModel, ModelSpec
from edge_deploy.data.preprocessing.image import CHANNELS
from edge_deploy.data.sidecars import Sidecars


def fold(model: LoadedModel, side: Sidecars) -> tuple[LoadedModel, Sidecars]:
    """A model that takes pixels, and the preprocessing that is left to do before it.

    Args:
        model: Its spec says which input is the picture; that must be float32.
        side: With the preprocessing of the model.

    Returns:
        The model, and side files whose preprocessing is resizing alone (and greyscale, which is
        8-bit arithmetic).

    Raises:
        UsageError: There is no preprocessing, or the input is of integers.
    """
    if side.preprocessing is None:
        raise wrong_option(
            "fold_preprocessing",
            True,
            "no preprocessing of pictures is known that could be put into the graph. Say it with "
            f"{option('preprocess')}.",
        )
    image = side.preprocessing["image"]
    folded = fold_model(model, image)
    count = CHANNELS[image["color"]]
    left = {
        **image,
        "color": "rgb" if image["color"] == "bgr" else image["color"],
        "scale": 1.0,
        "offset": 0.0,
        "mean": [0.0] * count,
        "std": [1.0] * count,
    }
    return folded, replace(side, preprocessing={"image": left})


def fold_model(model: LoadedModel, image: Mapping[str, Any]) -> LoadedModel:
    """The model whose ``predict``, ``function`` and ``plain`` take 0-255 pixels.

    Raises:
        UsageError: The input is of integers.
    """
    (spec,) = [s for s in model.spec.inputs if s.kind == "image"]
    if spec.dtype != "float32":
        raise wrong_option(
            "fold_preprocessing",
            True,
            f"the input {spec.name!r} is {spec.dtype}, and what is folded gives float32. Leave it "
            "out: the model takes pixels already.",
        )

    def wrapped(function: Function) -> Function:
        return lambda inputs: function({**inputs, spec.name: _in_graph(image, inputs[spec.name])})

    def predict(inputs: Arrays) -> Arrays:
        return model.predict({**inputs, spec.name: normalized(image, inputs[spec.name])})

    return replace(
        model,
        predict=predict,
        function=wrapped(model.function),
        plain=wrapped(model.plain) if model.plain is not None else None,
    )


def normalized(image: Mapping[str, Any], pixels: Array) -> Array:
    """Pixels as the model without folding takes them, each step rounded to float32.

    Args:
        image: The preprocessing that was folded.
        pixels: float32 of the input's shape with a batch axis, 0-255, in RGB order.
    """
    f32 = np.float32
    values = pixels.reshape(len(pixels), *image["size"], CHANNELS[image["color"]])
    if image["color"] == "bgr":
        values = values[..., ::-1]
    values = values.astype(f32) * f32(image["scale"]) + f32(image["offset"])
    values = (values - np.asarray(image["mean"], f32)) / np.asarray(image["std"], f32)
    return np.ascontiguousarray(values.reshape(pixels.shape))


def _in_graph(image: Mapping[str, Any], pixels: Any) -> Any:
    """The same in TensorFlow; what would change nothing is left out."""
    import tensorflow as tf

    means, stds = ([float(v) for v in image[key]] for key in ("mean", "std"))
    uniform = len(set(means)) == len(set(stds)) == 1
    values, channels = pixels, CHANNELS[image["color"]]
    shaped = len(pixels.shape) == 4
    if not shaped and (image["color"] == "bgr" or not uniform):
        values = tf.reshape(values, [-1, *image["size"], channels])
    if image["color"] == "bgr":
        values = tf.gather(values, [2, 1, 0], axis=-1)
    if image["scale"] != 1:
        values = values * tf.constant(image["scale"], tf.float32)
    if image["offset"] != 0:
        values = values + tf.constant(image["offset"], tf.float32)
    if any(means):
        values = values - tf.constant(means[0] if uniform else means, tf.float32)
    if any(std != 1 for std in stds):
        values = values / tf.constant(stds[0] if uniform else stds, tf.float32)
    return values if values is pixels or shaped else tf.reshape(values, tf.shape(pixels))


def check_pixels(what: str, spec: ModelSpec, inputs: Mapping[str, Array]) -> None:
    """Refuse samples that are normalized already: the folded model would do it again.

    Raises:
        UsageError: A picture's numbers are not 0-255 pixels.
    """
    for tensor in spec.inputs:
        values = inputs.get(tensor.name)
        if tensor.kind != "image" or values is None or not values.size:
            continue
        low, high = float(np.min(values)), float(np.max(values))
        if low < 0 or high > 255 or high <= 2:
            raise UsageError(
                f"{what}: {tensor.name!r} has numbers from {low:g} to {high:g}, and with "
                f"{option('fold_preprocessing', True)} the model takes pixels, 0 to 255. Give "
                "pictures, or arrays of pixels."
            )
