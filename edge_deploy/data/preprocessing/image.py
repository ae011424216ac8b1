"""How a picture becomes a model's input: one JSON spec, run here and in the page, bit by bit.

    {"image": {"size": [h, w], "crop": ..., "resize": ..., "color": ...,
               "scale": s, "offset": o, "mean": [...], "std": [...]}}

Decode, crop, resize (float32 for tf-bilinear, else 8-bit), colour, and then
``y = f32(f32(f32(f32(x * scale) + offset) - mean) / std)``, each step rounded to float32.
web_demo/src/preprocess.js and resize.js do the same; tests/page/test_pixels.py holds the two at a
difference of exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError, unknown_option, wrong_option
from edge_deploy.core.messages import option, unknown
from edge_deploy.core.spec import Array

CROPS = ("none", "center")
PILLOW = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
RESIZES = (*PILLOW, "tf-bilinear", "tf-nearest", "cv2-linear")
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}

# What a preset leaves open (size, colour) is filled in from the model's input by with_size.
_OPEN: dict[str, Any] = {
    "size": None,
    "crop": "none",
    "resize": "bilinear",
    "color": None,
    "scale": 1.0,
    "offset": 0.0,
    "mean": None,
    "std": None,
}
_IMAGENET: dict[str, Any] = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_CHANGES: dict[str, dict[str, Any]] = {
    "keras-load-img": {"resize": "nearest", "scale": 1 / 255},
    "unit": {"resize": "bicubic", "scale": 1 / 255},
    "teachable-machine": {
        "crop": "center",
        "resize": "lanczos",
        "scale": 1 / 127.5,
        "offset": -1.0,
    },
    "mobilenet": {"resize": "tf-bilinear", "scale": 1 / 127.5, "offset": -1.0},
    "caffe": {"resize": "tf-bilinear", "color": "bgr", "mean": [103.939, 116.779, 123.68]},
    "torch": {"resize": "bilinear", "color": "rgb", "scale": 1 / 255, **_IMAGENET},
}
PRESETS = {name: {"image": {**_OPEN, **changes}} for name, changes in _CHANGES.items()}

_SCALED = {"resize": "tf-bilinear", "scale": 1 / 127.5, "offset": -1.0}
_PLAIN = {"resize": "tf-bilinear"}
_TORCH = {"resize": "tf-bilinear", "color": "rgb", "scale": 1 / 255, **_IMAGENET}
_OF_MODULES = {
    "densenet": (_TORCH, "scaled by ImageNet's mean and deviation"),
    **dict.fromkeys(
        ("inception-resnet-v2", "inception-v3", "mobilenet-v2", "nasnet", "resnet-v2", "xception"),
        (_SCALED, "scaled from -1 to 1"),
    ),
    **dict.fromkeys(
        ("convnext", "efficientnet", "efficientnet-v2", "mobilenet-v3"),
        (_PLAIN, "0 to 255: the model scales itself"),
    ),
    **dict.fromkeys(
        ("resnet", "resnet50", "vgg16", "vgg19"),
        (_CHANGES["caffe"], "BGR less ImageNet's mean"),
    ),
}
# Beside PRESETS, which are all tried where another does better: these say the same in the words of
# the training code.
TRAINED: dict[str, tuple[dict[str, Any], str]] = {
    "image-dataset-from-directory": (
        {"image": {**_OPEN, **_PLAIN}},
        "`keras.utils.image_dataset_from_directory`, of a model that scales itself",
    ),
    "flow-from-directory": (
        {"image": {**_OPEN, "resize": "nearest"}},
        "`ImageDataGenerator().flow_from_directory` or `load_img`, without `rescale`",
    ),
    "opencv": (
        {"image": {**_OPEN, "resize": "cv2-linear", "color": "bgr", "scale": 1 / 255}},
        "`cv2.imread`, `cv2.resize`, then `/ 255`, without `cvtColor` (after it `color=rgb`): "
        "bit for bit as on x86, a grey picture within a level; area and cubic are other functions",
    ),
    "torchvision": (
        {"image": {**_OPEN, **_CHANGES["torch"]}},
        "`transforms.Resize((h, w))` of a PIL picture, `ToTensor`, `Normalize` with ImageNet's "
        "numbers; after `Resize(256)` and `CenterCrop(224)`, `crop=center` is the nearest",
    ),
    **{
        name: (
            {"image": {**_OPEN, **changes}},
            f"`keras.applications.{name.replace('-', '_')}.preprocess_input`: {words}; after "
            "`load_img`, `resize=nearest`",
        )
        for name, (changes, words) in sorted(_OF_MODULES.items())
    },
}
"""Presets by what a model was trained with, and what that is; underscores are hyphens here."""


def takes_pixels(image: Mapping[str, Any]) -> bool:
    """Whether pixels reach the model as they are, 0 to 255: folded, or scaled by the model."""
    plain = (image["scale"], image["offset"]) == (1, 0)
    return plain and set(image["mean"]) == {0} and set(image["std"]) == {1}


def parse_preprocess(text: str) -> dict[str, Any]:
    """Read ``--preprocess``: a preset, ``key=value,...``, or a preset and then overrides.

    Args:
        text: Such as ``unit``, ``torch,size=224x224`` or
            ``size=28x28,color=gray,scale=1/255,mean=0.5``.

    Raises:
        UsageError: A name, a key or a value is not known.
    """
    first, *rest = [part.strip() for part in text.split(",")]
    image: dict[str, Any] = {}
    if "=" in first:
        rest = [first, *rest]
    elif first in PRESETS:
        image = dict(PRESETS[first]["image"])
    elif (named := first.replace("_", "-")) in TRAINED:
        image = dict(TRAINED[named][0]["image"])
    else:
        raise unknown_option("preprocess", first, (*PRESETS, *TRAINED), "preset")
    key = ""
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals and key in ("mean", "std"):
            image[key].append(_number(key, part))  # mean=1,2,3
            continue
        key = name.strip()
        if not equals or key not in _OPEN:
            raise unknown_option("preprocess", key, _OPEN, "key")
        image[key] = _value(key, value.strip())
    return check({"image": image})


def _value(key: str, text: str) -> Any:
    if key == "size":
        parts = text.lower().split("x")
        if len(parts) == 2 and all(part.isdecimal() for part in parts):
            return [int(part) for part in parts]
        raise wrong_option(
            "preprocess",
            text,
            "write height x width, such as size=224x224.",
            shown=f"size={text}",
        )
    if key in ("mean", "std"):
        return [_number(key, part) for part in text.split(":")]
    return _number(key, text) if key in ("scale", "offset") else text


def _number(key: str, text: str) -> float:
    over, _, under = text.partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        raise wrong_option(
            "preprocess", text, "not a number (0.5, or 1/255).", shown=f"{key}={text}"
        ) from None


def _unknown(where: str, got: str, known: Mapping[str, Any] | Sequence[str], what: str) -> str:
    return f"{where}: {unknown(got, known, what)}"


def check(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Check a spec and fill in what it leaves to the defaults.

    Args:
        spec: ``{"image": {...}}``; size and colour may be null until with_size fills them.

    Raises:
        UsageError: It is of another form, or a value is not known.
    """
    image = spec.get("image") if isinstance(spec, Mapping) else None
    if not isinstance(image, Mapping) or set(spec) != {"image"}:
        raise UsageError('preprocessing: must be {"image": {...}} with size, resize, scale, ….')
    for key in image:
        if key not in _OPEN:
            raise UsageError(_unknown("preprocessing", str(key), _OPEN, "key"))
    full = {**_OPEN, **image}
    for key, known in (("crop", CROPS), ("resize", RESIZES), ("color", tuple(CHANNELS))):
        if full[key] not in known and not (key == "color" and full[key] is None):
            raise UsageError(_unknown(f"preprocessing {key}", str(full[key]), known, key))
    size = full["size"]
    if size is not None and not (_is_list(size, int) and len(size) == 2 and min(size) > 0):
        raise UsageError(f"preprocessing size {size!r}: must be [height, width], or null.")
    full["size"] = None if size is None else list(size)
    for key in ("scale", "offset"):
        if not _is_list([full[key]], (int, float)):
            raise UsageError(f"preprocessing {key} {full[key]!r}: must be a number.")
        full[key] = float(full[key])
    channels = CHANNELS.get(full["color"] or "")
    for key, default in (("mean", 0.0), ("std", 1.0)):
        full[key] = _per_channel(key, full[key], channels, default)
    if full["std"] is not None and 0 in full["std"]:
        raise UsageError("preprocessing std: has a 0, which nothing can be divided by.")
    return {"image": full}


def _per_channel(key: str, values: Any, channels: int | None, default: float) -> list[float] | None:
    if values is None:
        return None if channels is None else [default] * channels
    if not _is_list(values, (int, float)) or not values:
        raise UsageError(f"preprocessing {key} {values!r}: must be a list of numbers, or null.")
    numbers = [float(value) for value in values]
    if channels is None:
        return numbers
    if len(numbers) == 1:
        return numbers * channels
    if len(numbers) != channels:
        raise UsageError(
            f"preprocessing {key} has {len(numbers)} numbers for {channels} colour channels; give "
            f"{channels}, or one for all."
        )
    return numbers


def _is_list(value: Any, kind: type[Any] | tuple[type[Any], ...]) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(v, kind) and not isinstance(v, bool) and abs(v) < math.inf for v in value
    )


def with_size(spec: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """The spec with size and colour spelled out, as the model's input has them.

    Args:
        spec: A spec, checked or not.
        shape: The input without its batch axis: (h, w, 3), (h, w, 1), (h, w) or flat; an axis
            of 1 stands for one that the model leaves free.

    Raises:
        UsageError: The input cannot be a picture of that size and colour.
    """
    image = check(spec)["image"]
    size, color = image["size"], image["color"]
    rest = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (1, 2, 3) or (len(shape) == 3 and rest not in (1, 3)):
        raise UsageError(
            f"preprocessing: an input of shape {list(shape)} cannot be a picture; it must be "
            "height x width x 1 or 3, height x width, or flat."
        )
    if size is None:
        if len(shape) == 1 or tuple(shape[:2]) == (1, 1):
            raise UsageError(
                f"preprocessing: an input of shape {list(shape)} does not say how large pictures "
                f"are. Add size=HEIGHTxWIDTH to {option('preprocess')}."
            )
        size = list(shape[:2])
    if color is None:
        count = shape[0] // (size[0] * size[1]) if len(shape) == 1 else rest
        color = "rgb" if count == 3 else "gray"
    full = check({"image": {**image, "size": size, "color": color}})
    _final_shape(full["image"], shape)
    return full


def _final_shape(image: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    own = (*image["size"], CHANNELS[image["color"]])
    if len(shape) == 3 and tuple(shape[:2]) == (1, 1):
        shape = (own[0], own[1], shape[2])  # the model leaves the size free
    agrees = len(shape) == 1 or tuple(shape) in (own, own[:2])
    if not agrees or math.prod(shape) != math.prod(own):
        raise UsageError(
            f"preprocessing makes {' x '.join(map(str, own))} ({image['color']}), the model takes "
            f"{' x '.join(map(str, shape))}. Mend size or color, or leave them out."
        )
    return tuple(shape)


def preprocess_image(spec: Mapping[str, Any], pixels: Array, shape: tuple[int, ...]) -> Array:
    """A decoded picture as the model's input.

    Args:
        spec: A preprocessing spec.
        pixels: uint8 (h, w, 3).
        shape: The input without its batch axis.

    Returns:
        float32 of that shape.

    Raises:
        UsageError: The spec is wrong or does not fit the shape.
    """
    from edge_deploy.data.preprocessing.resize import resize

    image = with_size(spec, shape)["image"]
    height, width = image["size"]
    resized = resize(pixels, (height, width), image["resize"], image["crop"] == "center")
    values = _color(resized, image["color"])
    f32 = np.float32
    values = values.astype(f32) * f32(image["scale"]) + f32(image["offset"])
    values = (values - np.asarray(image["mean"], f32)) / np.asarray(image["std"], f32)
    return np.ascontiguousarray(values.astype(f32).reshape(_final_shape(image, shape)))


def _color(pixels: Array, color: str) -> Array:
    if color == "rgb":
        return pixels
    if color == "bgr":
        return pixels[:, :, ::-1]
    if pixels.dtype == np.uint8:  # as Pillow's convert("L")
        red, green, blue = (pixels[:, :, c].astype(np.int32) for c in range(3))
        luma: Array = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
        return luma[:, :, None]
    weights = np.asarray([0.2989, 0.587, 0.114], np.float32)  # as tf.image.rgb_to_grayscale
    weighted = pixels * weights
    total: Array = weighted[:, :, 0] + weighted[:, :, 1] + weighted[:, :, 2]
    return total[:, :, None]
