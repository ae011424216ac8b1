"""chihuahua-vs-muffin: a small CNN of Keras 2 with a softmax of two, on pictures drawn here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from edge_deploy.examples.base import Example, Metric, Request
from edge_deploy.examples.drawing import Color, Pen, Point, finish, mirrored, pick, sheet, tint

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Dogs and dough share their colours, eyes and berries too: that is the joke.
_DOUGH: tuple[Color, ...] = ((222, 172, 112), (206, 150, 92), (236, 200, 148), (186, 128, 78))
_BERRY: Color = (46, 40, 62)
_SHINE: Color = (240, 240, 250)


def draw_chihuahua(rng: np.random.Generator) -> Image.Image:
    """A chihuahua's face: huge ears, round dark eyes, a small dark nose."""
    image, pen = sheet(rng)
    fur = pick(rng, _DOUGH)
    shade, light = tint(fur, -0.25), tint(fur, 0.5)
    pen.blob([(0, 0.4), (0.5, 0.8), (0.7, 1.6), (0.6, 2.4), (-0.6, 2.4), (-0.7, 1.6),
              (-0.5, 0.8)], fur)  # fmt: skip
    pen.oval((0, 1.55), (0.36, 0.6), light)
    wide, tall = float(rng.uniform(1.15, 1.5)), float(rng.uniform(0.95, 1.35))
    for side in (lambda p: list(p), mirrored):
        ear: list[Point] = [(0.3, -0.7), (wide * 0.75, -tall), (wide, -tall * 0.86), (0.95, -0.1)]
        pen.blob(side(ear), fur)
        middle = (0.72, -0.62)
        inner = [((x - middle[0]) * 0.62 + middle[0], (y - middle[1]) * 0.62 + middle[1])
                 for x, y in ear]  # fmt: skip
        pen.blob(side(inner), tint((226, 160, 146), float(rng.uniform(0, 0.25))))
    face: list[Point] = [(0, -0.86), (0.6, -0.7), (0.94, -0.14), (0.78, 0.4), (0.34, 0.8), (0, 0.9)]
    pen.blob(face + mirrored(face[-2:0:-1]), fur)
    if rng.random() < 0.5:  # a pale blaze
        pen.blob([(0, -0.8), (0.13, -0.4), (0.16, 0.3), (-0.16, 0.3), (-0.13, -0.4)], light)
    pen.oval((0, 0.5), (0.38, 0.33), light)
    size = float(rng.uniform(0.2, 0.26))
    for x in (-0.42, 0.42):
        pen.oval((x, -0.06), (size + 0.05, size + 0.05), shade)
        pen.oval((x, -0.06), (size, size), _BERRY)
        pen.oval((x + 0.07, -0.15), (0.06, 0.06), _SHINE)
        pen.oval((x - 0.08, 0.04), (0.03, 0.03), _SHINE)
        pen.stroke([(x * 1.35, -0.42), (x, -0.49), (x * 0.65, -0.43)], 0.05, shade)
    pen.oval((0, 0.34), (0.17, 0.125), _BERRY)
    pen.oval((0.04, 0.3), (0.05, 0.025), (150, 146, 160))
    pen.stroke([(0, 0.44), (0, 0.58)], 0.035, _BERRY)
    for side in (lambda p: list(p), mirrored):
        pen.stroke(side([(0, 0.58), (0.12, 0.66), (0.27, 0.58)]), 0.035, _BERRY)
    if rng.random() < 0.4:
        pen.blob([(-0.1, 0.64), (0.1, 0.64), (0.1, 0.82), (0, 0.9), (-0.1, 0.82)], (232, 116, 126))
    return finish(image, rng)


def draw_muffin(rng: np.random.Generator) -> Image.Image:
    """A blueberry muffin, from the side or from above."""
    image, pen = sheet(rng)
    dough = pick(rng, _DOUGH)
    if rng.random() < 0.65:
        _from_the_side(pen, dough, rng)
    else:
        _from_above(pen, dough, rng)
    return finish(image, rng)


def _from_the_side(pen: Pen, dough: Color, rng: np.random.Generator) -> None:
    paper = pick(rng, ((240, 236, 226), (196, 92, 92), (108, 150, 190), (150, 104, 72)))
    pen.oval((0, 1.34), (1.1, 0.16), (96, 88, 84))
    pen.shape([(-1.0, 0.2), (1.0, 0.2), (0.74, 1.34), (-0.74, 1.34)], paper)
    for pleat in range(-5, 6):
        top, low = pleat * 0.19, pleat * 0.14
        pen.stroke([(top, 0.25), (low, 1.3)], 0.045, tint(paper, -0.18))
    dome: list[Point] = [(0, -0.92), (0.66, -0.76), (1.12, -0.22), (1.16, 0.22), (0.7, 0.34)]
    low_edge: list[Point] = [(0.25, 0.26), (-0.2, 0.36)]
    pen.blob(dome + low_edge + mirrored(dome[:0:-1]), dough)
    pen.blob([(-0.5, -0.66), (0.0, -0.8), (0.45, -0.68), (0.2, -0.55), (-0.25, -0.5)],
         tint(dough, 0.22))  # fmt: skip
    _crumbs(pen, dough, (0.85, 0.42), -0.18, rng)
    _berries(pen, dough, [(-0.5, -0.24), (0.42, -0.3), (-0.02, 0.02), (0.8, 0.02), (-0.86, 0.08),
                          (0.05, -0.6)], rng)  # fmt: skip


def _from_above(pen: Pen, dough: Color, rng: np.random.Generator) -> None:
    paper = pick(rng, ((240, 236, 226), (176, 120, 80), (206, 110, 110)))
    edge: list[Point] = []
    for step in range(48):
        radius = 1.2 if step % 2 else 1.1
        edge.append(
            (radius * math.cos(math.tau * step / 48), radius * math.sin(math.tau * step / 48))
        )
    pen.shape([(x + 0.06, y + 0.1) for x, y in edge], (96, 88, 84))
    pen.shape(edge, paper)
    pen.oval((0, 0), (1.0, 0.98), tint(dough, -0.16))
    pen.oval((-0.02, -0.03), (0.94, 0.91), dough)
    pen.oval((-0.22, -0.28), (0.46, 0.36), tint(dough, 0.16))
    _crumbs(pen, dough, (0.8, 0.75), 0.0, rng)
    _berries(pen, dough, [(-0.42, -0.12), (0.42, -0.16), (0.02, 0.36), (-0.36, 0.52), (0.5, 0.46),
                          (0.04, -0.56)], rng)  # fmt: skip


def _crumbs(pen: Pen, dough: Color, reach: Point, y: float, rng: np.random.Generator) -> None:
    for _ in range(34):
        angle, far = rng.uniform(0, math.tau), math.sqrt(rng.uniform(0, 1))
        at = (float(reach[0] * far * math.cos(angle)), float(y + reach[1] * far * math.sin(angle)))
        pen.oval(at, (0.03, 0.022), tint(dough, float(rng.choice([-0.22, -0.12, 0.35]))))


def _berries(pen: Pen, dough: Color, places: list[Point], rng: np.random.Generator) -> None:
    count = int(rng.integers(3, len(places) + 1))
    for x, y in places[:count]:
        at = (x + float(rng.uniform(-0.07, 0.07)), y + float(rng.uniform(-0.07, 0.07)))
        size = float(rng.uniform(0.15, 0.23))
        pen.oval((at[0], at[1] + 0.02), (size + 0.05, size * 0.92 + 0.05), tint(dough, -0.3))
        pen.oval(at, (size, size * 0.92), pick(rng, (_BERRY, (62, 58, 104))))
        pen.oval((at[0] + 0.06, at[1] - 0.07), (0.045, 0.04), _SHINE)


def _build(folder: Path, request: Request) -> Metric:
    from edge_deploy.examples.pictures import PictureTask, train_pictures

    task = PictureTask(
        name="chihuahua-vs-muffin",
        draw={"chihuahua": draw_chihuahua, "muffin": draw_muffin},
        preset="unit",
        size=128,
        convolutions=((16, 3, 1), (16, 3, 1), (32, 3, 1), (32, 3, 1)),
        answer=("probabilities", 2, "softmax"),
        loss="sparse_categorical_crossentropy",
    )
    return train_pictures(task, folder / EXAMPLE.model, request)


EXAMPLE = Example(
    name="chihuahua-vs-muffin",
    title="Chihuahua or muffin?",
    summary="A small CNN on 128 x 128 pictures with a softmax of two, saved by Keras 2 as .h5.",
    toy="A toy: it has seen only the chihuahuas and muffins that edge-deploy drew, and its answers "
    "on photographs mean nothing.",
    model="chihuahua-vs-muffin.h5",
    build=_build,
    takes_data=True,
)
