"""Procedural landscapes in summer and in winter: an embedded data set for CycleGAN.

A scene is a function of `(split, index)` and is placed in the unit square, y pointing down, so it
is the same at every size. It is painted once, from back to front, into two maps,

    material (sky, meadow, wall, ...)  and  shade (0 = dark side, 1 = lit side).

Each season is a table from (material, shade) to a colour, which is multiplied by the light of the
time of day. Both seasons share geometry, shades and light, and neither has a random colour of its
own, so each picture determines the other. Choices that seem free are visible in both seasons: the
walls determine the colour of the roof, whose edges stay visible under the snow, and the shade of a
ridge or a crown makes it brighter or darker in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from PIL import Image

from core.errors import InputError

SPLITS = {"train": 0, "test": 1}
SIZES = range(32, 513)

_PALETTE: tuple[tuple[str, ...], ...] = (
    # material      summer: dark, lit       winter: dark, lit
    ("sky",         "#1f6fd6", "#b4def8",   "#86a3d3", "#bccde8"),
    ("sun",         "#ffe07a", "#fffbe0",   "#ffe9a8", "#fffdf0"),
    ("cloud",       "#c9dcee", "#ffffff",   "#b3bccb", "#f3f5f8"),
    ("ridge0",      "#33647f", "#79abae",   "#a3b6d6", "#f0f4fa"),
    ("ridge1",      "#1e5638", "#5f9f52",   "#aabddc", "#f6f9fc"),
    ("ridge2",      "#1d561a", "#6ca632",   "#aec1e0", "#f9fbfe"),
    ("meadow",      "#1d5a0e", "#84bc30",   "#b2c5e4", "#ffffff"),
    ("path",        "#8a6434", "#d6b26c",   "#a3907a", "#e2d2bc"),
    ("water",       "#155896", "#66b0e2",   "#86bac8", "#cdeef0"),
    ("conifer",     "#0a3020", "#2f7a45",   "#1c3f44", "#cbdde2"),
    ("broadleaf",   "#184f0c", "#8cc22c",   "#5d4c48", "#d6c8be"),
    ("wood",        "#3a2415", "#a5794c",   "#3a2415", "#a5794c"),
    ("window",      "#2b3a4c", "#ffd76a",   "#2b3a4c", "#ffd76a"),
    ("wall red",    "#7a1f18", "#c8402e",   "#7a1f18", "#c8402e"),
    ("wall cream",  "#b79a66", "#f7e2b2",   "#b79a66", "#f7e2b2"),
    ("wall ochre",  "#a56a12", "#f2ae38",   "#a56a12", "#f2ae38"),
    ("wall blue",   "#2f4f86", "#6390d0",   "#2f4f86", "#6390d0"),
    ("roof red",    "#2c3038", "#5a6270",   "#b9c9e4", "#f7faff"),
    ("roof cream",  "#8a3218", "#d4603a",   "#b9c9e4", "#f7faff"),
    ("roof ochre",  "#5c2c18", "#a05a38",   "#b9c9e4", "#f7faff"),
    ("roof blue",   "#6b2030", "#b0485a",   "#b9c9e4", "#f7faff"),
)  # fmt: skip
_PALETTE += tuple((f"edge{row[0][4:]}", *row[1:3], *row[1:3]) for row in _PALETTE[-4:])
_ENDS = np.array([[list(bytes.fromhex(end[1:])) for end in row[1:]] for row in _PALETTE], float)
_MATERIAL = {row[0]: code for code, row in enumerate(_PALETTE)}
_WALLS = ("red", "cream", "ochre", "blue")
_SHADES = 256
_SHARE = np.linspace(0, 1, _SHADES)[:, None]
_RAMPS = [_ENDS[:, k, None] * (1 - _SHARE) + _ENDS[:, k + 1, None] * _SHARE for k in (0, 2)]

_DAYLIGHT = np.array((
    # time   tint of everything   glow of the horizon   its share  lamps
    (0.00,   0.94, 0.83, 0.90,    1.00, 0.70, 0.72,     0.85,      0.9),
    (0.25,   1.00, 0.96, 0.95,    1.00, 0.88, 0.80,     0.18,      0.2),
    (0.50,   1.00, 1.00, 1.00,    1.00, 1.00, 1.00,     0.00,      0.1),
    (0.75,   1.00, 0.97, 0.93,    1.00, 0.87, 0.66,     0.18,      0.2),
    (1.00,   0.98, 0.83, 0.74,    1.00, 0.68, 0.42,     0.85,      1.0),
))  # fmt: skip


@dataclass(frozen=True)
class _Light:
    tint: np.ndarray
    glow: np.ndarray
    glow_share: float
    lamps: float
    sun: tuple[float, float]
    side: float  # where the sun is, from -1 (left) to 1 (right)


@dataclass(frozen=True)
class _Thing:
    paint: Callable[[_Canvas, _Thing, _Light], None]
    x: float  # where it stands
    y: float
    size: float
    shadow: float  # the width of its shadow
    variant: tuple[Any, ...]  # numbers that its painter takes


@dataclass(frozen=True)
class _Canvas:
    """The maps of material and shade of a scene to paint on, or views of a part of them."""

    x: np.ndarray
    y: np.ndarray
    material: np.ndarray
    shade: np.ndarray

    def part(self, left: float, top: float, right: float, bottom: float) -> _Canvas:
        pixels, sides = self.x.size, (top, bottom, left, right)
        y0, y1, x0, x1 = (min(max(int(side * pixels + 0.5), 0), pixels) for side in sides)
        area = slice(y0, y1), slice(x0, x1)
        return _Canvas(self.x[:, x0:x1], self.y[y0:y1], self.material[area], self.shade[area])

    def paint(
        self, inside: np.ndarray | np.bool_, material: str, shade: np.ndarray | float
    ) -> None:
        np.copyto(self.material, np.uint8(_MATERIAL[material]), where=inside)
        np.copyto(self.shade, shade, where=inside, casting="same_kind")

    def box(self, material: str, shade: float, *sides: float) -> None:
        self.part(*sides).paint(np.True_, material, shade)


def draw(index: int, *, split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a scene in summer and in winter, uint8 `[size, size, 3]` each, pixel-aligned.

    Args:
        index: the number of the scene.
        split: a key of `SPLITS`.
        size: height and width, pixels.
    """
    _check(index, split, size)
    rng = np.random.default_rng([SPLITS[split], index])
    finer = 3 if size <= 96 else 2
    pixels, light = finer * size, _daylight(rng)
    at = ((np.arange(pixels) + 0.5) / pixels).astype(np.float32)
    material, shade = np.zeros((pixels, pixels), np.uint8), np.zeros((pixels, pixels), np.float32)
    canvas = _Canvas(at[None, :], at[:, None], material, shade)
    _paint_scene(canvas, rng, light)
    levels = np.clip(shade * (_SHADES - 1) + 0.5, 0, _SHADES - 1).astype(np.uint16)
    keys = material.astype(np.uint16) * _SHADES + levels
    summer, winter = (_picture(_table(season, light)[keys], finer) for season in (0, 1))
    return summer, winter


def _picture(colours: np.ndarray, finer: int) -> np.ndarray:
    image = Image.frombuffer("RGBX", colours.shape, colours, "raw", "RGBX", 0, 1)
    return np.asarray(image.reduce(finer))[..., :3].copy()


def _check(index: int, split: str, size: int) -> None:
    if split not in SPLITS:
        raise InputError(f"seasons: got split {split!r}; expected one of {', '.join(SPLITS)}")
    if not isinstance(size, Integral) or size not in SIZES:
        raise InputError(f"seasons: got size {size!r}; expected {SIZES[0]} to {SIZES[-1]} pixels")
    if not isinstance(index, Integral) or index < 0:
        raise InputError(f"seasons: got index {index!r}; expected a whole number, 0 or more")


def _table(season: int, light: _Light) -> np.ndarray:
    """Returns the colour of each (material * 256 + shade level), four bytes in one uint32."""
    colours = _RAMPS[season].copy()
    sky = colours[_MATERIAL["sky"]]
    sky += light.glow_share * _SHARE**2 * (240 * light.glow - sky)
    table = np.full((*colours.shape[:2], 4), 255, np.uint8)
    table[..., :3] = colours * light.tint + 0.5
    return table.reshape(-1, 4).view(np.uint32)[:, 0]


def _daylight(rng: np.random.Generator) -> _Light:
    time = rng.uniform()
    tint, glow, (share, lamps) = np.split(
        [np.interp(time, _DAYLIGHT[:, 0], column) for column in _DAYLIGHT.T[1:]], [3, 6]
    )
    x = 0.1 + 0.8 * time + rng.uniform(-0.06, 0.06)
    y = 0.1 + 1.0 * (time - 0.5) ** 2 + rng.uniform(-0.02, 0.06)
    side = float(np.clip(3 * (x - 0.5), -1, 1))
    return _Light(tint * rng.uniform(0.93, 1.0), glow, share, lamps, (x, y), side)


def _paint_scene(canvas: _Canvas, rng: np.random.Generator, light: _Light) -> None:
    _paint_sky(canvas, rng, light)
    for _ in range(rng.integers(0, 4)):
        _paint_cloud(canvas, rng)
    meadow = _paint_ridges(canvas, rng, light)
    houses = _houses(rng, meadow)
    feature = rng.uniform()
    lake = _paint_lake(canvas, rng) if feature > 0.65 else None
    if feature < 0.4:
        _paint_path(canvas, rng, houses[0])
    trees = [_tree(rng, meadow, houses, lake) for _ in range(rng.integers(4, 21))]
    things = sorted([*houses, *filter(None, trees)], key=lambda thing: thing.y)
    for thing in things:
        _paint_shadow(canvas, thing, light)
    for thing in things:
        thing.paint(canvas, thing, light)
    if not lake and rng.uniform() < 0.5:
        _paint_fence(canvas, rng)


def _paint_sky(canvas: _Canvas, rng: np.random.Generator, light: _Light) -> None:
    sky = canvas.part(0, 0, 1, 0.6)
    distance = (sky.x - light.sun[0]) ** 2 + (sky.y - light.sun[1]) ** 2
    distance /= rng.uniform(0.03, 0.055) ** 2
    sky.shade[:] = 1.7 * sky.y + 0.5 / (1 + 0.15 * distance)
    sky.paint(distance < 1, "sun", 1 - 0.7 * distance)


def _paint_cloud(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Paints four puffs side by side with a flat base."""
    x, y, size = rng.uniform((0.0, 0.06, 0.05), (1.0, 0.3, 0.085))
    middles = x + size * np.array([-1.5, -0.5, 0.55, 1.5])
    radii = size * np.array([0.55, 0.9, 1.0, 0.6]) * rng.uniform(0.8, 1.15, 4)
    area = canvas.part(x - 2.5 * size, y - 1.2 * size, x + 2.5 * size, y + 0.3 * size)
    heights = (radii[:, None] ** 2 - (area.x - middles[:, None]) ** 2).max(0)
    shade = 0.5 + 0.85 * (y - area.y) / size
    area.paint((area.y - y) ** 2 < heights, "cloud", shade)


def _paint_ridges(canvas: _Canvas, rng: np.random.Generator, light: _Light) -> Callable:
    """Paints 2 to 4 ridges, the farthest most jagged, and the meadow.

    Returns:
        A function from (x, depth) to the y of the meadow.
    """
    texture = rng.uniform((4, 12, 0), (16, 45, 6.3), (3, 3)).astype(np.float32)
    middles = np.linspace(rng.uniform(0.33, 0.43), rng.uniform(0.6, 0.68), rng.integers(3, 6))
    for depth, middle in zip(np.linspace(0, 1, len(middles)), middles, strict=True):
        crest = _crest(rng, middle, 1 - 0.7 * depth)
        material = "meadow" if depth == 1 else f"ridge{round(3 * depth)}"
        _paint_ridge(canvas, crest(canvas.x[0]), material, rng.uniform(0.2, 0.45), texture, light)
    return lambda x, depth: (1 - depth) * (crest(x).item() + 0.01) + 0.97 * depth


def _crest(rng: np.random.Generator, middle: float, roughness: float) -> Callable:
    """Returns a smooth random profile, a function from x to y."""
    frequency = np.array([[3], [7], [13], [24]]) * rng.uniform(0.7, 1.4, (4, 1))
    amplitude = np.array([0.05, 0.03, 0.014, 0.006]) * roughness * rng.uniform(0.3, 1.0, 4)
    phase = rng.uniform(0, 6.3, (4, 1))
    return lambda x: middle + amplitude @ np.sin(frequency * x + phase)


def _paint_ridge(canvas, crest, material, shade, texture, light) -> None:
    """Paints a ridge: lit where it slopes towards the sun, fading downwards, gently textured."""
    area = canvas.part(0, crest.min(), 1, 1)
    slope = np.gradient(crest) * crest.size * light.side
    below = area.y - crest.astype(np.float32)
    across, down, phase = texture.T[:, :, None]
    ripples = np.sin(down.T * area.y + 2 * phase.T) @ np.sin(across * area.x + phase)
    fade = np.exp(-7 * np.abs(below)) * (0.35 - 0.8 * slope).astype(np.float32)
    nearer = 0.45 * below if material == "meadow" else 0
    area.paint(below > 0, material, shade + fade + 0.06 * ripples + nearer)


def _paint_path(canvas: _Canvas, rng: np.random.Generator, house: _Thing) -> None:
    end, bend = rng.uniform((0.15, -0.12), (0.85, 0.12))
    area = canvas.part(0, house.y, 1, 1)
    t = (area.y - house.y) / (1 - house.y)
    middle = house.x + (end - house.x) * t**1.5 + bend * np.sin(np.pi * t)
    area.paint(np.abs(area.x - middle) < 0.012 + 0.075 * t**1.3, "path", 0.45 + 0.4 * t)


def _paint_lake(canvas: _Canvas, rng: np.random.Generator) -> tuple[float, ...]:
    x, y, width, height = rng.uniform((0.1, 0.86, 0.2, 0.045), (0.9, 0.93, 0.38, 0.075))
    area = canvas.part(x - width, y - height, x + width, y + height)
    v = (area.y - y) / height
    inside = (np.abs(area.x - x) / width) ** 2.4 + np.abs(v) ** 2.4 < 1
    area.paint(inside, "water", 0.5 - 0.35 * v + 0.1 * np.sin(9 * v))
    return x, y, width, height


def _paint_fence(canvas: _Canvas, rng: np.random.Generator) -> None:
    left, right, bottom = rng.uniform((0.0, 0.45, 0.84), (0.35, 1.0, 0.95))
    for rail in (0.035, 0.065):
        canvas.box("wood", 0.55, left, bottom - rail - 0.012, right, bottom - rail)
    for x in np.arange(left, right, 0.06):
        canvas.box("wood", 0.8, x, bottom - 0.09, x + 0.016, bottom)


def _houses(rng: np.random.Generator, meadow: Callable) -> list[_Thing]:
    """Returns 1 to 3 houses in slots next to each other, so that none hides another."""
    houses = []
    for slot in rng.permutation([0.2, 0.5, 0.8])[: rng.integers(1, 4)]:
        x, depth, scale = rng.uniform((slot - 0.05, 0.12, 0.9), (slot + 0.05, 0.5, 1.15))
        variant = rng.integers(len(_WALLS)), rng.choice([-1, 1])
        y, size = meadow(x, depth), (0.16 + 0.2 * depth) * scale
        houses.append(_Thing(_paint_house, x, y, size, 0.62 * size, variant))
    return houses


def _tree(rng, meadow: Callable, houses: list[_Thing], lake: tuple | None) -> _Thing | None:
    """Returns a tree, moved behind any house that it would cover; None if it is in the lake."""
    x, depth, height, *variant = rng.uniform(
        (0, 0, 0.8, -0.15, 0.8, 3, 3, 0, 0), (1, 1, 1.2, 0.15, 1.15, 5, 5, 6.3, 6.3)
    )
    paint = _paint_conifer if rng.uniform() < 0.55 else _paint_broadleaf
    if any(abs(x - house.x) < 0.75 * house.size for house in houses):
        depth *= 0.12
    y = meadow(x, depth**1.5)
    if lake and abs(x - lake[0]) < lake[2] + 0.05 and abs(y - lake[1]) < lake[3] + 0.02:
        return None
    size = (0.14 + 0.26 * depth**1.5) * height
    return _Thing(paint, x, y, size, 0.3 * size, (*variant,))


def _paint_shadow(canvas: _Canvas, thing: _Thing, light: _Light) -> None:
    width, height = thing.shadow, 0.2 * thing.shadow
    x = thing.x - 0.5 * width * light.side
    area = canvas.part(x - width, thing.y - height, x + width, thing.y + height)
    distance = ((area.x - x) / width) ** 2 + ((area.y - thing.y) / height) ** 2
    area.shade[:] *= 1 - 0.55 * np.clip(2 - 2 * distance, 0, 1)


def _paint_conifer(canvas: _Canvas, tree: _Thing, light: _Light) -> None:
    """Paints three tiers, each lit (or covered with snow) at its top and dark below."""
    x, y, height, shade = tree.x, tree.y, tree.size, tree.variant[0]
    width = 0.24 * height * tree.variant[1]
    canvas.box("wood", 0.15, x - 0.15 * width, y - 0.14 * height, x + 0.15 * width, y)
    area = canvas.part(x - width, y - height, x + width, y - 0.1 * height)
    level = np.clip((area.y - y + height) / (0.9 * height) * 3, 0, 2.999)
    (tier, part), across = np.divmod(level, 1), (area.x - x) / width
    inside = np.abs(across) < 0.21 * tier + (0.5 + 0.04 * tier) * part
    area.paint(inside, "conifer", 0.75 + shade - 0.6 * part + 0.3 * light.side * across)


def _paint_broadleaf(canvas: _Canvas, tree: _Thing, light: _Light) -> None:
    """Paints a trunk and a lumpy crown, lit from above and from the side of the sun."""
    shade, stretch, across, down, phase, phase2 = tree.variant
    x, radius = tree.x, 0.3 * tree.size * stretch
    y, width = tree.y - tree.size + radius, 0.09 * radius + 0.02 * tree.size
    canvas.box("wood", 0.25, x - width, y, x + width, tree.y)
    area = canvas.part(x - 1.2 * radius, y - 1.2 * radius, x + 1.2 * radius, y + 1.2 * radius)
    u, v = (area.x - x) / radius, (area.y - y) / radius
    lumps = np.sin(across * u + phase) * np.sin(down * v + phase2)
    shades = 0.5 + shade + 0.2 * light.side * u - 0.3 * v + 0.18 * lumps
    area.paint(u**2 + v**2 < 1 + 0.2 * lumps, "broadleaf", shades)


def _paint_house(canvas: _Canvas, house: _Thing, light: _Light) -> None:
    """Paints a gable with the door and a long wall with two windows, under one roof."""
    wall, mirror = house.variant
    name, turn = _WALLS[wall], 0.25 * mirror * light.side

    def polygon(material: str, shade: float, *corners: tuple[float, float]) -> None:
        points = (house.size * np.array(corners) * (mirror, -1) + (house.x, house.y)).tolist()
        xs, ys = zip(*points, strict=True)
        area = canvas.part(min(xs), min(ys), max(xs), max(ys))
        sides = [  # for each: on the one (True) or on the other side of it
            (x1 - x0) * (area.y - y0) > (y1 - y0) * (area.x - x0)
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)
        ]
        area.paint(np.all(sides, axis=0) | ~np.any(sides, axis=0), material, shade)

    def box(material: str, shade: float, u0: float, v0: float, u1: float, v1: float) -> None:
        polygon(material, shade, (u0, v0), (u1, v0), (u1, v1), (u0, v1))

    gable = (-0.5, 0), (-0.5, 0.4), (-0.3, 0.74), (-0.1, 0.4), (-0.1, 0)
    box("wall red", 0.2, 0.2, 0.6, 0.3, 0.92)
    box(f"wall {name}", 0.6 + turn, -0.1, 0, 0.5, 0.45)
    polygon(f"wall {name}", 0.6 - turn, *gable)
    polygon(f"roof {name}", 0.7 + turn, (-0.3, 0.8), (-0.06, 0.38), (0.56, 0.38), (0.38, 0.8))
    box(f"edge {name}", 0.5, -0.06, 0.34, 0.56, 0.42)
    for inner, end in ((-0.12, -0.04), (-0.48, -0.56)):
        polygon(f"edge {name}", 0.8, (-0.3, 0.82), (-0.3, 0.7), (inner, 0.34), (end, 0.34))
    polygon(f"edge {name}", 0.8, (0.34, 0.8), (0.4, 0.8), (0.58, 0.34), (0.52, 0.34))
    box("wood", 0.3, -0.36, 0, -0.24, 0.26)
    for u, v in ((0.04, 0.12), (0.28, 0.12), (-0.36, 0.36)):
        box("window", light.lamps, u, v, u + 0.12, v + 0.14)
