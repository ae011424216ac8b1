"""How scripts prepare pictures: Pillow, OpenCV, Keras, TensorFlow, torchvision, scikit-image."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from edge_deploy.frontends.project.findings import Picture, PictureStep, Strength
from edge_deploy.frontends.project.values import (
    Call,
    Notes,
    Reader,
    Value,
    blend,
    flow,
    literal,
    names,
    number,
    plain,
    text,
    whole,
)

_SCALES = (255, 256, 127.5, 128)
_FLAGS = {"IMREAD_GRAYSCALE": "grey", "IMREAD_COLOR": "bgr", "IMREAD_UNCHANGED": ""}
_MODES = {"RGB": "rgb", "L": "grey", "RGBA": "rgb", "1": "grey"}
_PILLOW = {"0": "nearest", "1": "lanczos", "2": "bilinear", "3": "bicubic", "4": "box"}
_LARGEST_SIDE = 100_000


def is_picture(notes: Notes, value: Value) -> bool:
    """Whether something was done to it that is done to pictures."""
    return any(notes.steps[one].picture is not None for one in flow(value))


def arithmetic(
    reader: Reader, kind: type, left: Value, right: Value, node: ast.AST
) -> Value | None:
    """``picture / 255.0``, ``picture * (1 / 255)``, ``picture - 1``; None where it is none."""
    if number(left) is None and number(right) is None:
        if left.answer or not is_picture(reader.notes, left):
            return None
        return _normalized(reader, kind, left, right, node)
    factor, kept, turned = number(right), left, False
    if factor is None:
        factor, kept, turned = number(left) or 0.0, right, True
    if kept.answer or kept.known:
        return None
    pictured = is_picture(reader.notes, kept)
    scale: float | None = None
    offset: float | None = None
    if kind is ast.Div and not turned and factor:
        if not pictured and factor not in (255, 127.5):
            return None
        scale = 1 / factor
    elif kind is ast.Mult and factor:
        if not pictured and not any(abs(factor * one - 1) < 1e-3 for one in _SCALES):
            return None
        scale = factor
    elif kind is ast.Add and pictured:
        offset = factor
    elif kind is ast.Sub and pictured and not turned:
        offset = -factor
    elif kind is ast.Sub and pictured:  # 255 - picture
        done = _note(reader, kept, node, "scale", "numpy", scale=-1.0)
        return _note(reader, done, node, "offset", "numpy", offset=factor)
    else:
        return None
    action = "scale" if scale is not None else "offset"
    return _note(reader, kept, node, action, "numpy", scale=scale, offset=offset)


def _normalized(
    reader: Reader, kind: type, left: Value, right: Value, node: ast.AST
) -> Value | None:
    channels = _floats(right)
    if len(channels) not in (3, 4) or kind not in (ast.Sub, ast.Div):
        return None
    if kind is ast.Sub:
        return _note(reader, left, node, "normalize", "numpy", mean=channels)
    return _note(reader, left, node, "normalize", "numpy", std=channels)


def _note(
    reader: Reader, value: Value, node: ast.AST, action: str, library: str, **more: Any
) -> Value:
    step = PictureStep(action, library, reader.evidence(node), **more)
    name = {"scale": "multiply", "offset": "add"}.get(action, action)
    arguments: tuple[tuple[str, Any], ...] = ()
    if step.size:
        arguments = (("width", step.size[0]), ("height", step.size[1]))
    elif step.scale is not None or step.offset is not None:
        arguments = (("value", step.scale if step.scale is not None else step.offset),)
    elif step.application:
        arguments = (("application", step.application),)
    elif step.colours:
        arguments = (("colours", step.colours),)
    kept = blend([value])
    return reader.step(name, kept, node, picture=step, arguments=arguments)


def _pair(value: Value) -> tuple[int, int] | None:
    found = plain(value)
    if isinstance(found, int) and 0 < found < _LARGEST_SIDE:
        return found, found
    if isinstance(found, tuple) and len(found) in (2, 3):
        first, second = found[0], found[1]
        numbers = all(isinstance(one, (int, float)) for one in (first, second))
        if numbers and 0 < first < _LARGEST_SIDE and 0 < second < _LARGEST_SIDE:
            return int(first), int(second)
    return None


def _turned(value: Value) -> tuple[int, int] | None:
    """(height, width) as (width, height)."""
    found = _pair(value)
    return (found[1], found[0]) if found else None


def _floats(value: Value) -> tuple[float, ...]:
    found = plain(value)
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return (float(found),)
    if isinstance(found, tuple) and all(isinstance(one, (int, float)) for one in found):
        return tuple(float(one) for one in found)[:16]
    return ()


def _filter(value: Value) -> str:
    """An interpolation, in lower case, of ``Image.LANCZOS``, ``cv2.INTER_AREA``, "bilinear"."""
    last = value.dotted.rpartition(".")[2] or text(value) or str(whole(value) or "")
    word = last.lower().removeprefix("inter_")
    names_ = {"antialias": "lanczos", "cubic": "bicubic", "linear": "bilinear"}
    return _PILLOW.get(word, names_.get(word, word))[:20]


def call(call: Call) -> Value | None:
    """What a library's function makes of a picture; None where it is another function."""
    name, last, reader = call.name, call.last, call.reader
    value = call.given(0, "image", "img", "src", "images", "x")

    def note(action: str, library: str, kept: Value = value, **more: Any) -> Value:
        return _note(reader, kept, call.node, action, library, **more)

    if name.startswith("cv2."):
        return _opencv(call, value, note)
    if name.endswith(("Image.open", "image.open")) or name == "PIL.Image.open":
        return note("read", "pillow", call.given(0, "fp"))
    if last == "fromarray" and "Image" in name:
        return note("read", "pillow", call.given(0, "obj"))
    if last == "fit" and "ImageOps" in name:
        kept = note("crop", "pillow")
        size = _pair(call.given(1, "size"))
        mode = _filter(call.given(2, "method"))
        return note("resize", "pillow", kept, size=size, interpolation=mode)
    if last == "grayscale" and "ImageOps" in name:
        return note("convert", "pillow", colours="grey")
    if last == "load_img":
        return _load_img(call, note)
    if last == "preprocess_input":
        parts = name.split(".")
        application = parts[-2] if len(parts) > 1 else ""
        return note("preprocess_input", "keras", application=application)
    if last == "normalize" and "keras" in name:
        return note("standardize", "keras")
    if name.startswith("tensorflow.image.") or (last.startswith("decode_") and ".io." in name):
        return _tensorflow(call, value, note)
    if name.startswith("skimage."):
        return _skimage(call, value, note)
    if name.startswith("torchvision.transforms") or (".transforms." in name and last[0].isupper()):
        return _torchvision(call, note)
    if last in ("Rescaling", "Resizing", "Normalization") and "layers" in name:
        return _layer(call)
    if last == "ImageDataGenerator":
        return _generator(call)
    if last in ("image_dataset_from_directory",):
        return _dataset(call)
    return None


def _opencv(call: Call, value: Value, note: Any) -> Value | None:
    last = call.last
    if last in ("imread", "imdecode"):
        flag = call.given(1, "flags")
        named = flag.dotted.rpartition(".")[2]
        colours = _FLAGS.get(named, "bgr")
        if whole(flag) is not None:
            colours = {0: "grey", 1: "bgr"}.get(whole(flag) or 0, "")
        kept: Value = note("read", "opencv", colours=colours)
        return kept
    if last == "resize":
        mode = _filter(call.given(-1, "interpolation"))
        size = _pair(call.given(1, "dsize"))
        kept = note("resize", "opencv", size=size, interpolation=mode)
        return kept
    if last == "cvtColor":
        code = call.given(1, "code").dotted.rpartition(".")[2]
        target = code.rpartition("2")[2]
        colours = {"RGB": "rgb", "BGR": "bgr", "GRAY": "grey"}.get(target, "")
        if not colours:
            return None
        kept = note("convert", "opencv", colours=colours)
        return kept
    if last == "blobFromImage":
        size = _pair(call.given(2, "size"))
        kept = note("resize", "opencv", size=size) if size else value
        scale = number(call.given(1, "scalefactor"))
        mean = _floats(call.given(3, "mean"))
        if mean and any(mean):
            kept = note("normalize", "opencv", kept, mean=mean)
        return note("scale", "opencv", kept, scale=scale) if scale else kept
    return None


def _load_img(call: Call, note: Any) -> Value:
    grey = text(call.given(-1, "color_mode")) == "grayscale"
    grey = grey or call.given(1, "grayscale").constant is True
    kept: Value = note("read", "keras", call.given(0, "path"), colours="grey" if grey else "rgb")
    size = _turned(call.given(-1, "target_size"))
    if size is None:
        return kept
    mode = text(call.given(-1, "interpolation")) or "nearest"
    done: Value = note("resize", "keras", kept, size=size, interpolation=mode)
    return done


def _tensorflow(call: Call, value: Value, note: Any) -> Value | None:
    last = call.last
    kept: Value
    if last.startswith("decode_"):
        channels = whole(call.given(1, "channels"))
        kept = note("read", "tensorflow", value, colours="grey" if channels == 1 else "rgb")
        return kept
    if last in ("resize", "resize_with_pad", "resize_images", "resize_with_crop_or_pad"):
        size = call.given(1, "size", "target_height")
        pair = _turned(size)
        if size.items is None and whole(size) is not None:
            width = whole(call.given(2, "target_width"))
            pair = (width, whole(size) or 0) if width else pair
        mode = call.given(2, "method")
        if last == "resize_with_pad" or last == "resize_with_crop_or_pad":
            value = note("crop" if "crop" in last else "pad", "tensorflow", value)
            mode = call.given(3, "method")
        word = _filter(mode) or "bilinear"
        kept = note("resize", "tensorflow", value, size=pair, interpolation=word)
        return kept
    if last == "convert_image_dtype":
        kept = note("scale", "tensorflow", value, scale=1 / 255)
        return kept
    if last == "rgb_to_grayscale":
        kept = note("convert", "tensorflow", value, colours="grey")
        return kept
    if last == "per_image_standardization":
        kept = note("standardize", "tensorflow", value)
        return kept
    return None


def _skimage(call: Call, value: Value, note: Any) -> Value | None:
    last = call.last
    kept: Value
    if last == "imread":
        grey = call.given(-1, "as_gray").constant is True
        kept = note("read", "skimage", value, colours="grey" if grey else "rgb")
        return kept
    if last == "resize":
        size = _turned(call.given(1, "output_shape"))
        kept = note("resize", "skimage", value, size=size, interpolation="bilinear")
        if call.given(-1, "preserve_range").constant is True:
            return kept
        kept = note("scale", "skimage", kept, scale=1 / 255)
        return kept
    if last == "rgb2gray":
        kept = note("convert", "skimage", value, colours="grey")
        return kept
    return None


def _torchvision(call: Call, note: Any) -> Value | None:
    """A transform: its steps are in the history of the object, and come to what it is called on."""
    last, empty = call.last, Value(dotted="torchvision.transform")

    def one(action: str, **more: Any) -> Value:
        found: Value = note(action, "torchvision", empty, **more)
        return replace(found, dotted="torchvision.transform")

    if last == "Compose":
        inner = call.given(0, "transforms")
        return replace(blend([inner]), dotted="torchvision.transform")
    if last == "Resize":
        value = call.given(0, "size")
        mode = _filter(call.given(1, "interpolation")) or "bilinear"
        return one("resize", size=_turned(value), interpolation=mode)
    if last == "CenterCrop":
        return one("crop", size=_turned(call.given(0, "size")))
    if last == "ToTensor":
        return one("scale", scale=1 / 255)
    if last == "Grayscale":
        return one("convert", colours="grey")
    if last == "Normalize":
        mean, std = _floats(call.given(0, "mean")), _floats(call.given(1, "std"))
        return one("normalize", mean=mean, std=std)
    return empty


def _layer(call: Call) -> Value | None:
    """A preprocessing layer of Keras: in a model it is in the file; called, it is a step."""
    if call.last == "Rescaling":
        scale = number(call.given(0, "scale"))
        offset = number(call.given(1, "offset"))
        entries = [("scale", literal(scale)), ("offset", literal(offset or 0.0))]
    elif call.last == "Resizing":
        height, width = whole(call.given(0, "height")), whole(call.given(1, "width"))
        entries = [("width", literal(width)), ("height", literal(height))]
    else:
        return None
    return Value(dotted=f"keras.layers.{call.last}", entries=tuple(entries))


def called_layer(call: Call, layer: Value) -> Value:
    """``Rescaling(1/255)(picture)``."""
    value = call.given(0)
    given = {key: one.constant for key, one in layer.entries or ()}
    if layer.dotted.endswith("Rescaling"):
        done = value
        if isinstance(given["scale"], (int, float)):
            done = _note(
                call.reader, done, call.node, "scale", "keras", scale=float(given["scale"])
            )
        if given["offset"]:
            offset = float(given["offset"])
            done = _note(call.reader, done, call.node, "offset", "keras", offset=offset)
        return done
    size = (given["width"], given["height"])
    return _note(call.reader, value, call.node, "resize", "keras", size=size)


def _generator(call: Call) -> Value:
    value = Value(name="")
    rescale = number(call.given(-1, "rescale"))
    done: Value = value
    if rescale:
        done = _note(call.reader, done, call.node, "scale", "keras", scale=rescale)
    function = call.given(-1, "preprocessing_function")
    if function.dotted.endswith("preprocess_input"):
        application = function.dotted.split(".")[-2]
        done = _note(
            call.reader, done, call.node, "preprocess_input", "keras", application=application
        )
    return replace(done, dotted="keras.ImageDataGenerator")


def _dataset(call: Call) -> Value:
    """Keras' image_dataset_from_directory, and flow_from_directory."""
    reader = call.reader
    flowing = call.last == "flow_from_directory"
    folder = text(call.given(0, "directory"))
    size = _turned(call.given(-1, "target_size", "image_size")) or (256, 256)
    mode = text(call.given(-1, "interpolation")) or ("nearest" if flowing else "bilinear")
    grey = text(call.given(-1, "color_mode")) == "grayscale"
    start = blend([call.receiver]) if call.receiver is not None else Value()
    done = _note(reader, start, call.node, "read", "keras", colours="grey" if grey else "rgb")
    library = "keras" if flowing else "tensorflow"
    done = _note(reader, done, call.node, "resize", library, size=size, interpolation=mode)
    found = names(call.given(-1, "classes", "class_names"))
    path = reader.find(folder) if folder else None
    listed = found or (reader.class_folders(path) if path is not None else ())
    if len(listed) > 1:
        reader.notes.add_classes(listed, "folder", "", call.evidence, Strength.TRAINING)
    names_ = literal(listed) if listed else Value()
    entries = (("class_names", names_),)
    return replace(done, dotted="keras.dataset", entries=entries)


def method(call: Call) -> Value | None:
    """What a picture's own method does; None where it is none of a picture."""
    receiver = call.receiver
    if receiver is None:
        return None
    if call.name == "flow_from_directory":
        return _dataset(call)
    if call.name == "convert" and (mode := text(call.given(0, "mode"))) in _MODES:
        return _note(call.reader, receiver, call.node, "convert", "pillow", colours=_MODES[mode])
    if call.name == "resize" and receiver.source is None:
        size = _pair(call.given(0, "size"))
        if size is None and call.given(0).items is None and not call.keywords:
            return blend(call.all) if is_picture(call.reader.notes, receiver) else None
        mode = _filter(call.given(1, "resample"))
        return _note(
            call.reader, receiver, call.node, "resize", "pillow", size=size, interpolation=mode
        )
    if call.name == "thumbnail" and is_picture(call.reader.notes, receiver):
        size = _pair(call.given(0, "size"))
        return _note(call.reader, receiver, call.node, "crop", "pillow", size=size)
    return None


def swapped(reader: Reader, value: Value, node: ast.AST) -> Value | None:
    """``picture[..., ::-1]`` of OpenCV: the other order of colours."""
    colours = ""
    for one in flow(value):
        step = reader.notes.steps[one].picture
        colours = step.colours if step and step.colours else colours
    if colours not in ("rgb", "bgr"):
        return None
    other = "rgb" if colours == "bgr" else "bgr"
    return _note(reader, value, node, "convert", "numpy", colours=other)


def summary(steps: tuple[PictureStep, ...], strength: Strength) -> Picture:
    """What the steps give together."""
    size, colours, mode, library, application = None, "", "", "", ""
    scale, offset = 1.0, 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    evidence = steps[0].evidence
    if any(step.library == "torchvision" for step in steps):
        # Its transforms are written down before there is a picture.
        steps = tuple(sorted(steps, key=lambda step: step.action != "read"))
    for step in steps:
        if step.action == "resize":
            size, mode, library = step.size or size, step.interpolation, step.library
            evidence = step.evidence
        elif step.action == "read" and not library:
            library = step.library
        elif step.action == "crop" and step.size:
            size = step.size
        colours = step.colours or colours
        if step.scale is not None:
            scale, offset = scale * step.scale, offset * step.scale
        if step.offset is not None:
            offset += step.offset
        application = step.application or application
        mean, std = step.mean or mean, step.std or std
    return Picture(
        steps,
        size,
        colours,
        scale,
        offset,
        mode,
        library,
        application,
        mean,
        std,
        evidence,
        strength,
    )
