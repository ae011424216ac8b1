"""What a model's numbers mean, as scripts and files say it: pictures, padding, classes, threshold.

Each function gives an answer, or a fork where several fit, or nothing where nobody says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.frontends.project.findings import (
    Classes,
    Evidence,
    Findings,
    Padding,
    Picture,
    Strength,
    Threshold,
)
from edge_deploy.frontends.project.inventory import Pictures
from edge_deploy.frontends.project.proposal import cited, either, listed
from edge_deploy.frontends.project.recipe_text import Entry, Fork, Section

T = TypeVar("T", Classes, Padding, Picture, Threshold)

_TF = ("inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet",
       "resnet_v2", "resnet50_v2", "xception")  # fmt: skip
_CAFFE = ("imagenet_utils", "resnet", "resnet50", "vgg16", "vgg19")
_PLAIN = ("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3", "regnet", "resnet_rs")
_PILLOW = {
    "antialias": "lanczos", "bicubic": "bicubic", "bilinear": "bilinear", "box": "box",
    "hamming": "hamming", "lanczos": "lanczos", "linear": "bilinear", "nearest": "nearest",
}  # fmt: skip
_TENSORFLOW = {"bilinear": "tf-bilinear", "nearest": "tf-nearest", "linear": "tf-bilinear"}
_OPENCV = {"linear": "cv2-linear", "nearest": "tf-nearest", "area": "box", "cubic": "bicubic"}
# How a library resizes where nothing is said, and what its names are here.
_RESIZES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "pillow": ("bicubic", _PILLOW),
    "keras": ("nearest", _PILLOW),
    "torchvision": ("bilinear", _PILLOW),
    "tensorflow": ("tf-bilinear", _TENSORFLOW),
    "opencv": ("cv2-linear", _OPENCV),
    "skimage": ("tf-bilinear", {}),
}
_COLOURS = {"rgb": "rgb", "bgr": "bgr", "grey": "gray"}
_ORIGINS = ("argmax", "lookup", "conditions", "threshold", "list", "folder")


def strongest(found: Sequence[T]) -> list[T]:
    """Those of the greatest strength; what training does counts only where nothing else says."""
    most = max((one.strength for one in found), default=Strength.TRAINING)
    return [one for one in found if one.strength == most]


def preprocessing(
    findings: Findings, image: TensorSpec
) -> tuple[Section | Fork | None, tuple[str, ...]]:
    """How pictures become the input.

    Returns:
        The table, and what to check about it.
    """
    readings: dict[str, tuple[Section, Picture]] = {}
    for picture in strongest(findings.pictures):
        section = _of_picture(picture)
        told = repr({key: entry.value for key, entry in section.items()})
        readings.setdefault(told, (section, picture))
    if not readings:
        return None, ()
    if len(readings) == 1:
        section, picture = next(iter(readings.values()))
        return section, _doubts(picture, image)
    question = (
        "how do pictures become the input? "
        f"{either([str(picture.evidence) for _, picture in readings.values()])} do it differently"
    )
    each = tuple((cited(picture.evidence), (section,)) for section, picture in readings.values())
    return Fork(question, each), ()


def open_preprocessing() -> Fork:
    """The question where no script says how pictures are scaled."""
    return Fork(
        "how do pictures become the input? no script says it, and it decides the answers",
        (
            ("pixels of 0 to 1: / 255 in training", ({"scale": Entry(1 / 255)},)),
            (
                "pixels of -1 to 1: preprocess_input of MobileNet, Teachable Machine",
                ({"scale": Entry(1 / 127.5), "offset": Entry(-1.0)},),
            ),
            (
                "pixels of 0 to 255: a Rescaling layer is in the model",
                ({"scale": Entry(1.0)},),
            ),
        ),
    )


def _of_picture(picture: Picture) -> Section:
    section: dict[str, Entry] = {}
    by = {step.action: cited(step.evidence) for step in picture.steps}
    resize = by.get("resize", "")
    if picture.size is not None:
        section["size"] = Entry([picture.size[1], picture.size[0]], resize)
    usual, names = _RESIZES.get(picture.library, ("", {}))
    chosen = names.get(picture.interpolation, usual) if picture.interpolation else usual
    if chosen and (picture.size is not None or resize):
        why = f"{picture.library}'s {picture.interpolation or 'default'}"
        section["resize"] = Entry(chosen, why)
    if "crop" in by:
        section["crop"] = Entry("center", by["crop"])
    if colour := _COLOURS.get(picture.colours):
        section["color"] = Entry(colour, by.get("convert", ""))
    scale, offset = picture.scale, picture.offset
    mean, std = list(picture.mean), list(picture.std)
    why = by.get("scale", "")
    if picture.application:
        why = by.get("preprocess_input", picture.application)
        if picture.application in _TF:
            scale, offset = scale / 127.5, offset / 127.5 - 1.0
        elif picture.application in _CAFFE:
            section["color"] = Entry("bgr", why)
            mean, std = [103.939, 116.779, 123.68], []
        elif picture.application not in _PLAIN:  # densenet, as torchvision
            scale, offset = scale / 255, offset / 255
            mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    section["scale"] = Entry(float(scale), why or "no line scales pixels: 0 to 255")
    if offset:
        section["offset"] = Entry(float(offset), by.get("offset", why))
    if mean:
        section["mean"] = Entry(mean, by.get("normalize", why))
    if std:
        section["std"] = Entry(std, by.get("normalize", why))
    return section


def _doubts(picture: Picture, image: TensorSpec) -> tuple[str, ...]:
    found = []
    usual, names = _RESIZES.get(picture.library, ("", {}))
    if picture.interpolation and names.get(picture.interpolation, None) is None and usual:
        found.append(
            f"{picture.library}'s {picture.interpolation} is not had here: {usual} in its place"
        )
    elif picture.library == "opencv" and picture.interpolation in ("area", "cubic", "nearest"):
        taken = names[picture.interpolation]
        found.append(
            f"OpenCV's {picture.interpolation} chooses pixels otherwise than {taken}, which is "
            "taken here; its linear is had bit for bit"
        )
    elif picture.library == "skimage" and picture.size is not None:
        found.append(f"{picture.library} rounds otherwise when it resizes: by a step of 255 or so")
    if picture.strength == Strength.TRAINING:
        found.append("only training says it: is the app the same?")
    axes = tuple(image.shape[1:3])
    if picture.size and None not in axes and len(axes) == 2:
        size = (picture.size[1], picture.size[0])
        if size != axes:
            found.append(f"the script resizes to {size[0]}x{size[1]}, the model takes {axes}")
    return tuple(found)


def padding(findings: Findings) -> Section | Fork | None:
    """The ``[pad]`` of token ids."""
    readings: dict[str, tuple[dict[str, Entry], Padding]] = {}
    for one in strongest(findings.paddings):
        section: dict[str, Entry] = {}
        why = cited(one.evidence)
        for key, value in (
            ("maxlen", one.maxlen),
            ("padding", one.padding),
            ("truncating", one.truncating),
            ("value", one.value),
        ):
            if value is not None:
                section[key] = Entry(value, why if not section else "")
        readings.setdefault(repr([(k, e.value) for k, e in section.items()]), (section, one))
    if len(readings) > 1:
        places = either([str(one.evidence) for _, one in readings.values()])
        question = f"how are token ids padded? {places} do it differently"
        return Fork(question, tuple((cited(one.evidence), (s,)) for s, one in readings.values()))
    return next((section for section, _ in readings.values() if section), None)


def count_of_classes(spec: ModelSpec) -> int | None:
    """How many classes an only classifier's output has; None where there is none, or several."""
    counts = set()
    for output in spec.outputs:
        if output.kind == "probability":
            counts.add(2)
        elif output.kind == "probabilities" and output.shape[-1]:
            counts.add(int(output.shape[-1]))
        elif output.kind == "class" and output.classes:
            counts.add(len(output.classes))
    return counts.pop() if len(counts) == 1 else None


def named_already(spec: ModelSpec) -> bool:
    """Whether the model tells its classes itself, by more than numbers."""
    told = [output.classes for output in spec.outputs if output.classes]
    return bool(told) and not all(_is_number(name) for names in told for name in names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("True", "False")
    return True


def labels(
    findings: Findings, spec: ModelSpec, pictures: Sequence[Pictures]
) -> tuple[Entry | Fork | None, str]:
    """The names of the classes.

    Returns:
        The key's value, and what to check about it.
    """
    count = count_of_classes(spec)
    if count is None:
        return None, ""
    own = next((output.classes for output in spec.outputs if output.classes), None)
    fitting = []
    for one in findings.classes:
        if (names := _in_order(one, own)) is not None and len(names) == count == len(set(names)):
            fitting.append((one, names))
    if fitting:
        best = max(_rank(one) for one, _ in fitting)
        top: dict[tuple[str, ...], Classes] = {}
        for one, names in fitting:
            if _rank(one) == best:
                top.setdefault(names, one)
        if len(top) == 1:
            names, one = next(iter(top.items()))
            check = "" if one.strength >= Strength.MENTION else "only training says it"
            return Entry(list(names), cited(one.evidence)), check
        places = either([str(one.evidence) for one in top.values()])
        question = f"what are the {count} classes called? {places} name them differently"
        readings = tuple(
            (cited(one.evidence), ({"labels": Entry(list(names))},)) for names, one in top.items()
        )
        return Fork(question, readings), ""
    for border in strongest(findings.thresholds):
        if count == 2 and border.above and border.below and not border.largest:
            return Entry([border.below, border.above], cited(border.evidence)), ""
    folders = {tuple(one.classes) for one in pictures if len(one.classes) == count}
    if len(folders) == 1:
        why = f"the folders of {listed([one.path for one in pictures])}, in Keras' order: sorted"
        return Entry(list(folders.pop()), why), "is this the order that training had?"
    return None, f"nothing names the {count} classes: add labels" if own is None else ""


def _rank(one: Classes) -> tuple[int, int]:
    return int(one.strength), -_ORIGINS.index(one.origin)


def _in_order(one: Classes, own: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names in the order of the model's classes; None where their numbers do not fit."""
    if not one.numbers:
        return one.names
    by_number = {_number(number): name for number, name in zip(one.numbers, one.names, strict=True)}
    for wanted in (own or (), map(str, range(len(one.names)))):
        keys = [_number(key) for key in wanted]
        if keys and set(keys) == set(by_number):
            return tuple(by_number[key] for key in keys)
    return None


def _number(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return str(value)


def threshold(findings: Findings, spec: ModelSpec) -> Entry | Fork | None:
    """From which probability on the answer is the second class, where a script says it."""
    if count_of_classes(spec) != 2:
        return None
    found: dict[float, Threshold] = {}
    for one in strongest(findings.thresholds):
        if not one.largest and 0 < one.value < 1:
            found.setdefault(one.value, one)
    tells = any(output.kind == "class" for output in spec.outputs)
    if not found or (tells and set(found) == {0.5}):
        return None
    if len(found) == 1:
        one = next(iter(found.values()))
        return Entry(one.value, cited(one.evidence))
    places = either([f"{one.value:g} ({one.evidence})" for one in found.values()])
    readings = tuple(
        (cited(one.evidence), ({"threshold": Entry(one.value)},)) for one in found.values()
    )
    return Fork(f"which threshold: {places}?", readings)


_WITH_TOKENS = ("bag_of_words", "lower", "split", "strip")


def not_moved(findings: Findings) -> list[tuple[str, Evidence]]:
    """What is done with a text before it is encoded, and no step does: cleaning, lemmatizers."""
    return [
        (
            f"{one.action.replace('_', ' ')}: {one.detail}" if one.detail else one.action,
            one.evidence,
        )
        for one in findings.texts
        if one.action not in _WITH_TOKENS and one.strength == Strength.PREDICTING
    ]


def as_plain(section: Section) -> dict[str, Any]:
    """The values of a table alone."""
    return {key: entry.value for key, entry in section.items()}
