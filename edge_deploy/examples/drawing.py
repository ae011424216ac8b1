"""Pictures drawn with Pillow for the examples that look at pictures.

A figure is drawn in its own units (the head is about 1 across from its middle, y points down)
through a Pen that says where, how large and how tilted it is on the sheet. Everything is drawn
three times too large and shrunk, which smooths the edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image, ImageDraw

Color = tuple[int, int, int]
Point = tuple[float, float]

_OVERSIZE = 3
_BACKDROPS: tuple[tuple[Color, Color], ...] = (
    ((222, 238, 247), (188, 216, 233)),
    ((250, 236, 214), (240, 214, 178)),
    ((226, 240, 217), (186, 217, 176)),
    ((244, 224, 232), (228, 192, 208)),
    ((236, 230, 246), (205, 194, 230)),
    ((247, 245, 238), (222, 216, 202)),
    ((120, 140, 160), (72, 90, 112)),
    ((204, 178, 150), (160, 130, 104)),
)


@dataclass(frozen=True)
class Pen:
    """A drawing surface with a figure's place on it.

    Attributes:
        draw: Pillow's drawing surface.
        x: The figure's middle, in pixels of the oversized sheet.
        y: The same, downwards.
        scale: Pixels of one unit of the figure.
        tilt: Radians that the figure is turned by, clockwise.
    """

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    scale: float
    tilt: float = 0.0

    def place(self, point: Point) -> Point:
        """A point of the figure in pixels of the sheet."""
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        x, y = point[0] * self.scale, point[1] * self.scale
        return (self.x + x * cos - y * sin, self.y + x * sin + y * cos)

    def shape(self, points: Sequence[Point], color: Color) -> None:
        """A filled polygon."""
        self.draw.polygon([self.place(point) for point in points], fill=color)

    def blob(self, points: Sequence[Point], color: Color) -> None:
        """A filled smooth shape through its corners (a closed Catmull-Rom curve)."""
        self.shape(_smooth([points[-1], *points, points[0], points[1]]), color)

    def oval(self, center: Point, radii: Point, color: Color, tilt: float = 0.0) -> None:
        """A filled ellipse, turned by ``tilt`` radians."""
        cos, sin = math.cos(tilt), math.sin(tilt)
        points = []
        for step in range(48):
            angle = math.tau * step / 48
            x, y = radii[0] * math.cos(angle), radii[1] * math.sin(angle)
            points.append((center[0] + x * cos - y * sin, center[1] + x * sin + y * cos))
        self.shape(points, color)

    def stroke(self, points: Sequence[Point], width: float, color: Color) -> None:
        """A smooth line with round ends through the points."""
        path = [points[0], *points, points[-1]]
        pixels = [self.place(point) for point in _smooth(path)]
        thick = max(1, round(width * self.scale))
        self.draw.line(pixels, fill=color, width=thick, joint="curve")
        half = thick / 2
        for x, y in (pixels[0], pixels[-1]):
            self.draw.ellipse((x - half, y - half, x + half, y + half), fill=color)


def mirrored(points: Sequence[Point]) -> list[Point]:
    """The same points on the other side of the figure."""
    return [(-x, y) for x, y in points]


def _smooth(points: Sequence[Point]) -> list[Point]:
    """A Catmull-Rom curve from the second point to the last but one."""
    curve: list[Point] = []
    for a, b, c, d in zip(points, points[1:], points[2:], points[3:], strict=False):
        for step in range(8):
            t = step / 8
            x, y = (
                b[i]
                + 0.5 * t * (c[i] - a[i])
                + t * t * (a[i] - 2.5 * b[i] + 2 * c[i] - 0.5 * d[i])
                + t**3 * (1.5 * (b[i] - c[i]) + 0.5 * (d[i] - a[i]))
                for i in (0, 1)
            )
            curve.append((x, y))
    curve.append(points[-2])
    return curve


def tint(color: Color, amount: float) -> Color:
    """A colour moved towards white (amount > 0) or black (amount < 0)."""
    to = 255 if amount > 0 else 0
    red, green, blue = (round(value + (to - value) * abs(amount)) for value in color)
    return (red, green, blue)


def pick(rng: np.random.Generator, colors: Sequence[Color]) -> Color:
    """One of the colours, slightly changed."""
    color = colors[int(rng.integers(len(colors)))]
    return tint(color, float(rng.uniform(-0.1, 0.1)))


def sheet(rng: np.random.Generator) -> tuple[Image.Image, Pen]:
    """An oversized sheet of a random size with a backdrop, and a Pen for the figure on it."""
    from PIL import Image, ImageDraw

    width, height = (int(rng.integers(low, high)) for low, high in ((250, 330), (230, 310)))
    image = Image.new("RGB", (width * _OVERSIZE, height * _OVERSIZE))
    draw = ImageDraw.Draw(image)
    _backdrop(draw, image.size, rng)
    small = min(image.size)
    pen = Pen(
        draw,
        x=image.width * float(rng.uniform(0.44, 0.56)),
        y=image.height * float(rng.uniform(0.44, 0.52)),
        scale=small * float(rng.uniform(0.24, 0.31)),
        tilt=float(rng.uniform(-0.22, 0.22)),
    )
    return image, pen


def finish(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The sheet at its own size, lit a little brighter or darker, now and then mirrored."""
    from PIL import Image, ImageEnhance, ImageOps

    size = (image.width // _OVERSIZE, image.height // _OVERSIZE)
    small = image.resize(size, Image.Resampling.BOX)
    small = ImageEnhance.Brightness(small).enhance(float(rng.uniform(0.85, 1.1)))
    return ImageOps.mirror(small) if rng.random() < 0.5 else small


def _backdrop(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A wall with a pattern and a floor."""
    width, height = size
    wall, floor = _BACKDROPS[int(rng.integers(len(_BACKDROPS)))]
    draw.rectangle((0, 0, width, height), fill=wall)
    faint = tint(wall, float(rng.uniform(-0.08, -0.03)))
    pattern = int(rng.integers(4))
    pitch = int(width * rng.uniform(0.09, 0.16))
    if pattern == 0:
        for x in range(0, width, pitch):
            draw.rectangle((x, 0, x + pitch // 2, height), fill=faint)
    elif pattern == 1:
        for row, y in enumerate(range(0, height + pitch, pitch)):
            for x in range(-(row % 2) * pitch // 2, width + pitch, pitch):
                dot = pitch // 6
                draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=faint)
    elif pattern == 2:
        for _ in range(7):
            left, top = rng.uniform(0, width), rng.uniform(0, height * 0.7)
            across = width * rng.uniform(0.1, 0.32)
            draw.ellipse((left, top, left + across, top + across), fill=faint)
    horizon = int(height * rng.uniform(0.66, 0.85))
    draw.rectangle((0, horizon, width, height), fill=floor)
    draw.rectangle((0, horizon, width, horizon + height // 90), fill=tint(floor, -0.12))
