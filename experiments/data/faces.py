"""Procedural portraits with known factors: an embedded data set for GANs.

A portrait is a function of its `FACTORS`, which are numbers in [0, 1], and changes smoothly with
each of them. So it can be measured exactly what a GAN disentangles. A portrait is painted from back
to front in a plane whose y points down. Edges are softened over the width of a pixel, so it is the
same at every size. The classes are the colours of the hair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from numbers import Integral

import numpy as np

from core.errors import InputError

SPLITS = {"train": 0, "test": 1}
SIZES = range(16, 257)
_LEFT, _TOP, _WIDTH = -0.88, -0.86, 1.76  # the visible part of the plane
_NECK = 0.5  # the height at which the head turns when it tilts
HAIR = ("black", "brown", "red", "blond")  # classes: quarters of the factor hair_colour


@dataclass(frozen=True)
class Factors:
    """What a portrait looks like; 0.5 is the middle of each."""

    yaw: float  # the head turns to the left .. right
    tilt: float  # it leans to the left .. right
    width: float  # narrow .. wide face
    skin: float  # dark .. fair
    hair_colour: float  # black .. brown .. red .. blond
    hair_length: float  # short .. over the shoulders
    fringe: float  # high forehead .. hair down to the brows
    brows: float  # drawn together .. raised
    eyes: float  # narrow .. wide open
    gaze: float  # to the left .. right
    smile: float  # frown .. smile
    mouth: float  # closed .. open
    light: float  # from the left .. right
    background: float  # red .. yellow .. green .. blue .. violet
    clothes: float  # blue .. green .. sand .. red


FACTORS = tuple(f.name for f in fields(Factors))


def _colours(*codes: str) -> np.ndarray:
    return np.array([list(bytes.fromhex(code[1:])) for code in codes], np.float32) / 255


_SKIN = _colours("#613c29", "#8f5d3f", "#bd8158", "#e5b18a", "#f8d7bf")
_HAIR = _colours("#1b1619", "#5a3620", "#b4461b", "#ecc365")
_BACKGROUND = _colours("#e58a7d", "#f0c97f", "#a9cf8c", "#76c3bd", "#7fa6dd", "#b290d4")
_CLOTHES = _colours("#2f4a7c", "#2f7a6b", "#c9b48c", "#a83b3f")
_WHITE, _LIPS, _INSIDE, _LID, _IRIS, _PUPIL = _colours(
    "#ffffff", "#b04a4e", "#4a1519", "#2a1a18", "#3f7a8c", "#14110f"
)


def factors(index: int, *, split: str) -> np.ndarray:
    """Returns the factors of a portrait in the order of `FACTORS`, float32 `[15]` in [0, 1).

    They are independent and uniform. Each split has its own random stream.

    Args:
        index: the number of the portrait.
        split: a key of `SPLITS`.

    Raises:
        InputError: the split does not exist.
    """
    if split not in SPLITS:
        raise InputError(f"faces: got split {split!r}; expected one of {', '.join(SPLITS)}")
    if not isinstance(index, Integral) or index < 0:
        raise InputError(f"faces: got index {index!r}; expected a whole number, 0 or more")
    return np.random.default_rng([SPLITS[split], index]).random(len(FACTORS), np.float32)


def label(factors: Sequence[float] | np.ndarray) -> int:
    """Returns the class of a portrait: the quarter of [0, 1] that its factor hair_colour is in."""
    return min(int(factors[FACTORS.index("hair_colour")] * len(HAIR)), len(HAIR) - 1)


def draw(factors: Sequence[float] | np.ndarray, size: int) -> np.ndarray:
    """Returns the portrait with these factors, uint8 `[size, size, 3]`.

    Args:
        factors: a number in [0, 1] for each of `FACTORS`.
        size: height and width in pixels, one of `SIZES`.

    Raises:
        InputError: the factors are not such numbers, or the size is not in `SIZES`.
    """
    values = np.asarray(factors, np.float64)
    if values.shape != (len(FACTORS),) or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"faces: got factors {values}; expected {len(FACTORS)} numbers in [0, 1]")
    if not isinstance(size, Integral) or size not in SIZES:
        raise InputError(f"faces: got size {size!r}; expected {SIZES[0]} to {SIZES[-1]} pixels")
    face, pixels = _Face(Factors(*values.tolist())), np.empty((3, size, size), np.float32)
    body = _Canvas(*_grid(int(size)), pixels, _WIDTH / size)
    head = body.turned(face.tilt)
    _paint_background(body, face)
    _paint_back_hair(head, face)
    _paint_body(body, face)
    _paint_head(head, face)
    for side in (-1, 1):
        _paint_eye(head, face, side)
    _paint_nose(head, face)
    _paint_mouth(head, face)
    _paint_front_hair(head, face)
    for side in (-1, 1):
        _paint_brow(head, face, side)
    levels = np.minimum(np.maximum(pixels, 0), 1) * 255 + np.float32(0.5)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


@lru_cache(maxsize=4)
def _grid(size):
    at = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(_WIDTH / size)
    return (at + _LEFT)[None, :], (at + _TOP)[:, None]


class _Face:
    """The measures and colours of a portrait, computed from its factors."""

    def __init__(self, f: Factors):
        self.yaw, self.tilt = 1.1 * (f.yaw - 0.5), 0.5 * (f.tilt - 0.5)
        self.radius = 0.37 + 0.13 * f.width
        self.length, self.fringe = f.hair_length, f.fringe
        self.brows, self.gaze = 2 * f.brows - 1, 2 * f.gaze - 1
        self.smile = 1.7 * f.smile - 0.7
        self.eyes, self.mouth = 0.5 + 0.95 * f.eyes, f.mouth
        across, up = 2.3 * (f.light - 0.5), 0.4
        norm = math.hypot(1, up)
        self.light = math.sin(across) / norm, -up / norm, math.cos(across) / norm
        self.skin, self.hair = _between(_SKIN, f.skin), _between(_HAIR, f.hair_colour, bands=True)
        self.background = _between(_BACKGROUND, f.background)
        self.clothes = _between(_CLOTHES, f.clothes)

    def place(self, azimuth: float, out: float = 1.02) -> tuple[float, float]:
        """Returns the x of a point on the turned head, and how much narrower it looks there.

        Args:
            azimuth: the angle of the point on the head in radians, 0 in the middle of the face.
            out: its distance from the axis of the head, in radii.
        """
        angle = azimuth + self.yaw
        return out * self.radius * math.sin(angle), math.cos(angle) / math.cos(azimuth)


def _between(colours, share, bands=False):
    """Returns the colour at a share of the way through a row of colours.

    With `bands`, every colour is the middle of a band, and all bands have the same width.
    """
    at = share * len(colours) - 0.5 if bands else share * (len(colours) - 1)
    at = min(max(at, 0), len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    return colours[low] + np.float32(at - low) * (colours[low + 1] - colours[low])


@dataclass(frozen=True)
class _Canvas:
    """The colours `[3, H, W]` of a picture or a part of it to paint on, and its coordinates."""

    x: np.ndarray
    y: np.ndarray
    pixels: np.ndarray
    pixel: float  # the width of a pixel
    turn: tuple[float, float] = (1.0, 0.0)  # cosine and sine of the turn about the neck

    def turned(self, angle: float) -> _Canvas:
        cos, sin = math.cos(angle), math.sin(angle)
        y = self.y - _NECK
        x, y = cos * self.x + sin * y, cos * y - sin * self.x + _NECK
        return _Canvas(x, y, self.pixels, self.pixel, (cos, sin))

    def around(self, x: float, y: float, reach: float) -> _Canvas:
        """Returns the square part of the picture that reaches `reach` to each side of a point."""
        (cos, sin), y, size = self.turn, y - _NECK, len(self.x)
        sides = []
        for middle in (sin * x + cos * y + _NECK - _TOP, cos * x - sin * y - _LEFT):
            ends = ((middle + way * reach) / self.pixel for way in (-1, 1))
            sides.append(slice(*(min(max(round(end + 0.5), 0), size) for end in ends)))
        area = tuple(sides)
        pixels = self.pixels[:, area[0], area[1]]
        return _Canvas(self.x[area], self.y[area], pixels, self.pixel, self.turn)

    def inside(self, distance: np.ndarray) -> np.ndarray:
        """Returns how much of each pixel a shape covers, from 0 to 1.

        Args:
            distance: the signed distance of each pixel to its edge, negative inside the shape.
        """
        return np.minimum(np.maximum(0.5 - distance / self.pixel, 0), 1)

    def ellipse(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """Returns how much of each pixel an ellipse covers; width and height are half axes."""
        return self.inside(_oval((self.x - x) / width, (self.y - y) / height, width, height))

    def paint(self, cover: np.ndarray, colour: np.ndarray) -> None:
        """Paints a colour, `[3]` or `[3, H, W]`, over the picture where `cover` says."""
        colour = colour if np.ndim(colour) == 3 else np.reshape(colour, (3, 1, 1))
        self.pixels[:] += cover * (colour - self.pixels)


def _oval(u, v, width, height):
    """Returns the approximate distance to the ellipse u^2 + v^2 = 1; u, v are in half axes."""
    r = np.sqrt(u * u + v * v) + np.float32(1e-6)
    slope = np.sqrt((u / width) ** 2 + (v / height) ** 2) + np.float32(1e-6)
    return (r - 1) * r / slope


def _lit(colour, light, u, v, ambient=0.5):
    """Returns how a colour `[3]` looks on a lit ball at (u, v), which are in radii."""
    depth = np.sqrt(np.maximum(1 - u * u - v * v, 0))
    shine = np.maximum(0.5 + 0.5 * (light[0] * u + light[1] * v + light[2] * depth), 0)
    dark = colour * np.array([0.52, 0.40, 0.42], np.float32)
    share = ambient + (1.12 - ambient) * shine
    return dark[:, None, None] + share * (1.03 * colour - dark)[:, None, None]


def _paint_background(canvas, face):
    """Paints a background that is lighter behind the head and on the side of the light."""
    glow = np.exp(-1.2 * ((canvas.x - 0.6 * face.light[0]) ** 2 + (canvas.y + 0.3) ** 2))
    shade = (0.62 + 0.43 * glow)[None]
    canvas.pixels[:] = face.background[:, None, None] * shade + 0.10 * glow


def _paint_body(canvas, face):
    """Paints shoulders, the neck in the shadow of the head, and a collar."""
    shoulders = canvas.inside(_oval(canvas.x / 0.86, (canvas.y - 1.1) / 0.56, 0.86, 0.56))
    u = canvas.x / 0.95
    canvas.paint(shoulders, _lit(face.clothes, face.light, u, 0.6 * (canvas.y - 1.0), 0.3))
    collar = canvas.ellipse(0, 0.66, 0.24, 0.17)
    rim = canvas.ellipse(0, 0.67, 0.275, 0.2) * shoulders
    canvas.paint(rim, 0.75 * face.clothes)
    width = 0.15 + 0.22 * face.radius * np.maximum(canvas.y - 0.5, 0) ** 2
    neck = canvas.inside(np.maximum(np.abs(canvas.x) - width, np.abs(canvas.y - 0.4) - 0.3))
    skin = _lit(face.skin, face.light, canvas.x / 0.24, 0 * canvas.y)
    under = canvas.y - 0.5 - 0.1 * face.light[0] * canvas.x / 0.15
    shadow = 1 - 0.38 * np.minimum(np.maximum(1 - under / 0.16, 0), 1)
    canvas.paint(np.maximum(collar, neck), skin * shadow)


def _paint_head(canvas, face):
    """Paints ears, and an egg whose narrower end, the chin, turns with the face."""
    x, y, turned = canvas.x, canvas.y, math.sin(face.yaw)
    bare = min(max(1.4 - 2 * face.length, 0), 1)  # long hair covers the ears
    for side in (-1, 1):
        at = side * (face.radius + 0.01) - 0.07 * turned
        ear = canvas.around(at, 0.0, 0.16)
        ear.paint(bare * ear.ellipse(at, 0.0, 0.06, 0.1), 0.86 * face.skin)
        ear.paint(0.5 * bare * ear.ellipse(at + 0.01 * side, 0.0, 0.03, 0.06), 0.6 * face.skin)
    below = np.maximum(y + 0.1, 0)
    width = face.radius * (1 - 0.55 * below**2 - 0.1 * below)
    u, v = (x - 0.22 * turned * below) / width, (y + 0.1) / 0.56
    cover = canvas.inside(_oval(u, v, face.radius, 0.56))
    skin = _lit(face.skin, face.light, 0.94 * u, 0.94 * v)
    for azimuth in (-0.6, 0.6):  # cheeks
        at, ratio = face.place(azimuth, 0.92)
        near = ((x - at) / (0.1 * ratio + 0.02)) ** 2 + ((y - 0.13) / 0.08) ** 2
        skin[1:] *= 1 - 0.12 * np.exp(-near)
    canvas.paint(cover, skin)


def _paint_eye(canvas, face, side):
    x, ratio = face.place(0.44 * side)
    y, width, height = -0.04, 0.105 * ratio, 0.05 * face.eyes
    eye = canvas.around(x, y, 0.2)
    u, v = (eye.x - x) / width, (eye.y - y) / height
    lens = (np.abs(v) + u * u - 1) * height / np.sqrt(1 + (2 * u * height / width) ** 2)
    eye.paint(0.35 * eye.ellipse(x, y, 1.35 * width, 1.9 * height), 0.62 * face.skin)
    white = eye.inside(lens)
    eye.paint(white, 0.96 * _WHITE)
    at = x + 0.5 * width * face.gaze
    eye.paint(white * eye.ellipse(at, y, 0.052 * ratio, 0.052), _IRIS)
    eye.paint(white * eye.ellipse(at, y, 0.025 * ratio, 0.025), _PUPIL)
    glint = at + 0.02 * ratio * (1 if face.light[0] > 0 else -1), y - 0.018
    eye.paint(0.9 * white * eye.ellipse(*glint, 0.013, 0.013), _WHITE)
    eye.paint(white * np.minimum(np.maximum(-0.55 - v, 0), 0.4), _LID)  # the shadow of the lid
    upper = np.minimum(np.maximum(0.4 - v, 0), 1)
    eye.paint(eye.inside(np.abs(lens) - 0.013 * upper) * np.minimum(3 * upper, 1), _LID)


def _paint_brow(canvas, face, side):
    """Paints an arch that is thinner at its outer end; its inner end falls or rises."""
    x, ratio = face.place(0.47 * side)
    y, width = -0.185 - 0.03 * face.brows, 0.125 * ratio
    brow = canvas.around(x, y, 0.25)
    u = side * (brow.x - x) / width  # -1 inside .. 1 outside
    line = y + 0.035 * u * u + 0.05 * face.brows * u - 0.015
    thick = 0.022 - 0.009 * u
    distance = np.maximum(np.abs(brow.y - line) - thick, (np.abs(u) - 1) * width)
    brow.paint(brow.inside(distance), 0.45 * face.hair + 0.1 * face.skin)


def _paint_nose(canvas, face):
    """Paints a ridge, lit from one side, that ends in a ball over two nostrils."""
    root, tip = face.place(0, 0.95)[0], face.place(0, 1.28)[0]
    nose = canvas.around(tip, 0.04, 0.3)
    t = (nose.y + 0.08) / 0.22  # 0 between the eyes .. 1 at the tip
    middle = root + (tip - root) * np.minimum(np.maximum(t, 0), 1)
    u = (nose.x - middle) / (0.035 + 0.03 * np.minimum(np.maximum(t, 0), 1))
    ridge = np.exp(-(u**4)) * np.minimum(np.maximum(1.6 * t + 0.25, 0), 1)
    ridge = ridge * np.minimum(np.maximum((1.15 - t) / 0.2, 0), 1)
    side = np.maximum(-face.light[0] * u, 0)
    nose.paint(np.minimum(0.75 * ridge * side, 1), 0.55 * face.skin)
    nose.paint(0.35 * ridge * np.exp(-2 * (u - 0.3 * face.light[0]) ** 2), 1.12 * face.skin)
    nose.paint(0.5 * nose.ellipse(tip, 0.158, 0.075, 0.022), 0.55 * face.skin)
    nose.paint(
        nose.ellipse(tip, 0.125, 0.062, 0.042),
        _lit(face.skin, face.light, (nose.x - tip) / 0.07, (nose.y - 0.125) / 0.05),
    )
    for way in (-1, 1):
        nose.paint(0.75 * nose.ellipse(tip + 0.033 * way, 0.155, 0.016, 0.01), 0.3 * face.skin)


def _paint_mouth(canvas, face):
    x, ratio = face.place(0, 1.06)
    y, width = 0.275, (0.18 + 0.025 * face.smile) * ratio
    mouth = canvas.around(x, y, 0.3)
    u = (mouth.x - x) / width
    bow = np.maximum(1 - u * u, 0)
    line = y + 0.1 * face.smile * (bow - 0.6)
    gap = (0.008 + 0.13 * face.mouth) * bow
    top, bottom = line - 0.25 * gap, line + 0.75 * gap
    ends = (np.abs(u) - 1) * width

    def between(upper, lower):
        return mouth.inside(np.maximum(np.maximum(upper - mouth.y, mouth.y - lower), ends))

    thick = np.sqrt(bow)
    dip = 0.012 * np.exp(-20 * u * u)
    lips = 0.62 * _LIPS + 0.38 * face.skin
    mouth.paint(between(top - 0.03 * thick + dip, line + 0.01), 0.86 * lips)
    mouth.paint(between(line, bottom + 0.042 * thick), lips)
    mouth.paint(between(top - 0.004, bottom + 0.004), _INSIDE)
    teeth = np.minimum(top + 0.028, bottom)
    mouth.paint(min(5 * face.mouth, 1) * between(top, teeth), 0.95 * _WHITE)


def _hair(canvas, face, cover):
    """Paints hair that is lit like a ball, with a band of shine and strands."""
    u, v = canvas.x / (face.radius + 0.1), (canvas.y + 0.15) / 0.66
    colour = _lit(face.hair, face.light, 0.9 * u, 0.9 * v, 0.42)
    strands = np.sin(26 * u + 3 * v) * np.sin(9 * u - 2 * v + 1)
    shine = np.exp(-14 * (v + 0.72 - 0.3 * u * u) ** 2) * (0.75 + 0.5 * face.light[0] * u)
    canvas.paint(cover, colour * (1 + 0.1 * strands) + 0.16 * shine)


def _paint_back_hair(canvas, face):
    """Paints the hair behind the head: round if short, down over the shoulders if long."""
    at, wide = -0.06 * math.sin(face.yaw), face.radius + 0.07
    x, y = canvas.x - at, canvas.y
    low = 0.22 + 0.36 * min(3 * face.length, 1)  # below the ears
    cap = _oval(x / wide, (y + 0.16) / np.where(y < -0.16, 0.58, low), wide, 0.5)
    end, corner = -0.1 + 1.05 * face.length, 0.2
    across = np.abs(x) - wide - 0.10 * face.length * np.maximum(y + 0.1, 0) + corner
    down = y - end + corner  # from the cap on
    long = np.hypot(np.maximum(across, 0), np.maximum(down, 0)) - corner
    below = np.minimum(np.maximum(1 + (y + 0.16) / 0.1, 0), 1)
    _hair(canvas, face, np.maximum(canvas.inside(cap), below * canvas.inside(long)))


def _paint_front_hair(canvas, face):
    """Paints the hair from the crown to the hairline, which turns with the face."""
    x, y, turned = canvas.x, canvas.y, math.sin(face.yaw)
    wide = face.radius + 0.06
    crown = _oval((x + 0.03 * turned) / wide, (y + 0.15) / 0.575, wide, 0.575)
    u = (x - 0.7 * face.radius * turned) / face.radius
    side = np.minimum(u * u, 1.6) ** 2
    line = -0.53 + 0.33 * face.fringe + (0.42 + 0.3 * face.length) * side + 0.09 * u
    line = line + 0.014 * np.sin(17 * u)
    distance = (y - line) / np.sqrt(1 + 2.5 * side)
    _hair(canvas, face, canvas.inside(np.maximum(crown, distance)))
