"""cat-vs-dog: a small CNN of Keras 2 with one sigmoid, on pictures that are drawn here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_deploy.examples.base import Example, Metric, Request
from edge_deploy.examples.drawing import Color, Pen, finish, mirrored, pick, sheet, tint

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Cats and dogs come in the same colours: the shapes have to tell them apart.
_FUR: tuple[Color, ...] = (
    (224, 148, 76),
    (150, 150, 156),
    (74, 70, 74),
    (238, 222, 196),
    (156, 106, 70),
    (246, 244, 240),
)
_CAT_EYES: tuple[Color, ...] = ((146, 190, 84), (226, 186, 62), (112, 176, 200))
_PINK: Color = (236, 150, 150)
_DARK: Color = (44, 36, 36)
_WHITE: Color = (255, 255, 255)


def draw_cat(rng: np.random.Generator) -> Image.Image:
    """A cat: pointed ears, slit eyes, a small pink nose, whiskers."""
    image, pen = sheet(rng)
    fur = pick(rng, _FUR)
    shade, light = tint(fur, -0.22), tint(fur, 0.55)
    _cat_body(pen, fur, light, shade, rng)
    tall = float(rng.uniform(1.25, 1.5))
    for side in (lambda p: list(p), mirrored):
        pen.shape(side([(-0.98, -0.25), (-0.86, -tall), (-0.16, -0.72)]), fur)
        pen.shape(side([(-0.84, -0.5), (-0.79, -tall + 0.27), (-0.36, -0.72)]), tint(_PINK, 0.15))
    face = [(0, -0.84), (0.62, -0.7), (1.0, -0.2), (1.06, 0.28), (0.62, 0.74), (0, 0.86)]
    pen.blob(face + mirrored(face[-2:0:-1]), fur)
    if rng.random() < 0.6:  # a tabby
        for x, low in ((-0.26, -0.46), (0.0, -0.38), (0.26, -0.46)):
            pen.stroke([(x * 0.9, -0.8), (x, low)], 0.085, shade)
        for y in (0.02, 0.22):
            pen.stroke([(-1.0, y), (-0.78, y + 0.04)], 0.075, shade)
            pen.stroke([(1.0, y), (0.78, y + 0.04)], 0.075, shade)
    pen.oval((-0.2, 0.42), (0.3, 0.25), light)
    pen.oval((0.2, 0.42), (0.3, 0.25), light)
    _cat_eyes(pen, rng)
    pen.shape([(-0.13, 0.2), (0.13, 0.2), (0.0, 0.34)], _PINK)
    for side in (lambda p: list(p), mirrored):
        pen.stroke(side([(0.0, 0.34), (0.06, 0.47), (0.2, 0.49), (0.3, 0.42)]), 0.035, _DARK)
        for spread in (-0.14, 0.02, 0.18):
            line = [(0.36, 0.38 + spread * 0.3), (0.86, 0.34 + spread), (1.34, 0.36 + spread * 1.7)]
            pen.stroke(side(line), 0.022, tint(shade, -0.45) if sum(fur) > 330 else _WHITE)
    return finish(image, rng)


def _cat_body(pen: Pen, fur: Color, light: Color, shade: Color, rng: np.random.Generator) -> None:
    swing = float(rng.uniform(-0.2, 0.2))
    tail = [(0.6, 2.1), (1.35, 1.9), (1.55, 1.2 + swing), (1.3, 0.75), (1.42, 0.5)]
    pen.stroke(tail, 0.24, shade)
    pen.blob([(0, 0.4), (0.62, 0.8), (0.86, 1.7), (0.7, 2.4), (-0.7, 2.4), (-0.86, 1.7),
              (-0.62, 0.8)], fur)  # fmt: skip
    pen.oval((0, 1.35), (0.42, 0.6), light)


def _cat_eyes(pen: Pen, rng: np.random.Generator) -> None:
    iris = pick(rng, _CAT_EYES)
    slit = float(rng.uniform(0.045, 0.085))
    for side in (-1, 1):
        pen.oval((side * 0.46, -0.08), (0.27, 0.23), _DARK, side * 0.2)
        pen.oval((side * 0.46, -0.08), (0.235, 0.195), iris, side * 0.2)
        pen.oval((side * 0.46, -0.08), (slit, 0.18), _DARK)
        pen.oval((side * 0.46 + 0.07, -0.16), (0.05, 0.05), _WHITE)


def draw_dog(rng: np.random.Generator) -> Image.Image:
    """A dog: floppy ears, a long snout, a big nose, mostly with its tongue out."""
    image, pen = sheet(rng)
    fur = pick(rng, _FUR)
    ears = tint(fur, -0.38) if sum(fur) > 260 else tint(fur, 0.25)
    light = tint(fur, 0.6)
    pen.blob([(0, 0.5), (0.7, 0.9), (1.0, 1.8), (0.8, 2.4), (-0.8, 2.4), (-1.0, 1.8),
              (-0.7, 0.9)], fur)  # fmt: skip
    pen.oval((0, 1.6), (0.45, 0.62), light)
    _collar(pen, rng)
    face = [(0, -0.92), (0.56, -0.8), (0.82, -0.3), (0.78, 0.3), (0.5, 0.82), (0, 0.98)]
    pen.blob(face + mirrored(face[-2:0:-1]), fur)
    if rng.random() < 0.4:  # a patch about one eye
        pen.oval((0.36, -0.22), (0.34, 0.38), ears)
    hang = float(rng.uniform(0.45, 0.85))
    for side in (lambda p: list(p), mirrored):
        ear = [(0.46, -0.86), (0.9, -0.78), (1.24, -0.2), (1.2, hang), (0.94, hang + 0.1),
               (0.78, 0.1), (0.66, -0.4)]  # fmt: skip
        pen.blob(side(ear), ears)
    pen.oval((0, 0.5), (0.5, 0.42), light)
    pen.blob([(0, -0.7), (0.12, -0.2), (0.26, 0.4), (-0.26, 0.4), (-0.12, -0.2)], light)
    for x in (-0.36, 0.36):
        pen.oval((x, -0.2), (0.17, 0.19), _WHITE)
        pen.oval((x, -0.18), (0.135, 0.155), (88, 56, 36))
        pen.oval((x, -0.18), (0.08, 0.09), _DARK)
        pen.oval((x + 0.05, -0.24), (0.04, 0.04), _WHITE)
    if rng.random() < 0.75:
        long = float(rng.uniform(0.95, 1.2))
        pen.blob([(-0.17, 0.66), (0.17, 0.66), (0.19, long), (0.0, long + 0.1), (-0.19, long)],
            (230, 112, 122))  # fmt: skip
        pen.stroke([(0, 0.7), (0, long - 0.06)], 0.025, (196, 82, 96))
    pen.stroke([(0, 0.4), (0, 0.62)], 0.04, _DARK)
    for side in (lambda p: list(p), mirrored):
        pen.stroke(side([(0, 0.62), (0.16, 0.72), (0.36, 0.64)]), 0.04, _DARK)
    pen.oval((0, 0.28), (0.23, 0.165), _DARK)
    pen.oval((0.06, 0.22), (0.07, 0.035), (150, 144, 148))
    return finish(image, rng)


def _collar(pen: Pen, rng: np.random.Generator) -> None:
    color = pick(rng, ((196, 58, 58), (58, 110, 180), (70, 150, 96)))
    pen.stroke([(-0.62, 0.92), (0, 1.2), (0.62, 0.92)], 0.17, color)
    pen.oval((0, 1.3), (0.13, 0.13), (232, 190, 80))


def _build(folder: Path, request: Request) -> Metric:
    from edge_deploy.examples.pictures import PictureTask, train_pictures

    task = PictureTask(
        name="cat-vs-dog",
        draw={"cat": draw_cat, "dog": draw_dog},
        preset="keras-load-img",
        size=256,
        convolutions=((8, 5, 2), (16, 3, 1), (32, 3, 1), (32, 3, 1)),
        answer=("dog", 1, "sigmoid"),
        loss="binary_crossentropy",
    )
    return train_pictures(task, folder / EXAMPLE.model, request)


EXAMPLE = Example(
    name="cat-vs-dog",
    title="Cat or dog?",
    summary="A small CNN on 256 x 256 pictures with one sigmoid, saved by Keras 2 as .h5.",
    toy="A toy: it has seen only cartoon cats and dogs that edge-deploy drew, and its answers on "
    "photographs mean nothing.",
    model="cat-vs-dog.h5",
    build=_build,
    takes_data=True,
)
