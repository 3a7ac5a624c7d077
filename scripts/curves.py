"""Draws curves in a picture: a panel with axes, lines of several colours, and a legend."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e", "#6c3483")
_DASH, _GAP = 8, 6  # pixels


class Curve(NamedTuple):
    """A line of a panel.

    Attributes:
        title: what the legend says.
        points: the value at each x.
        colour: a colour of Pillow.
        dashed: whether the line is dashed.
    """

    title: str
    points: Mapping[float, float]
    colour: str
    dashed: bool = False


def panel(
    title: str, across: str, curves: Sequence[Curve], size: tuple[int, int] = (640, 420)
) -> np.ndarray:
    """Returns a picture of curves over a common x from 0 on, values logarithmic, uint8 `[H, W, 3]`.

    Values that are not above 0, or infinite, are left out, and curves without others.

    Args:
        title: what stands above, such as the name of the values.
        across: the name of x.
        curves: the curves.
        size: width and height, pixels.
    """
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    pen.text((60, 8), title, fill="black")
    shown = [curve._replace(points=_positive(curve.points)) for curve in curves]
    shown = [curve for curve in shown if curve.points]
    if shown:
        place = _axes(pen, size, across, shown)
        for i, curve in enumerate(shown):
            _line(pen, [place(x, y) for x, y in sorted(curve.points.items())], curve)
            height = 30 + 14 * i
            _line(pen, [(size[0] - 190, height + 6), (size[0] - 160, height + 6)], curve)
            pen.text((size[0] - 152, height), curve.title, fill="black")
    return np.asarray(image)


def _positive(points):
    return {x: y for x, y in points.items() if 0 < y < math.inf}


def _axes(pen, size, across, curves):
    """Draws the axes with their numbers; returns the function from (x, value) to a place."""
    left, right, top, bottom = 60, size[0] - 200, 30, size[1] - 45
    end = max(x for curve in curves for x in curve.points) or 1
    values = [y for curve in curves for y in curve.points.values()]
    low, high = math.log(min(values)), math.log(max(values))
    scale = (bottom - top) / max(high - low, 1e-9)

    def place(x, value):
        return left + x / end * (right - left), top + (high - math.log(value)) * scale

    pen.line([(left, top), (left, bottom), (right, bottom)], fill="black")
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, value = share * end, math.exp(low + share * (high - low))
        pen.text((place(x, value)[0] - 12, bottom + 6), f"{x:,.0f}", fill="black")
        pen.text((8, place(x, value)[1] - 6), f"{value:.3g}", fill="black")
    pen.text((left, bottom + 24), f"{across}; values logarithmic", fill="black")
    return place


def _line(pen, places, curve):
    """Draws a line through places, dashed all along it if the curve is; a single place as a dot."""
    if len(places) == 1:
        x, y = places[0]
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=curve.colour)
    if not curve.dashed:
        pen.line(places, fill=curve.colour, width=2)
        return
    walked = 0.0
    for (x, y), (to_x, to_y) in zip(places, places[1:], strict=False):
        length = math.hypot(to_x - x, to_y - y)
        for step in range(int(length)):
            if (walked + step) % (_DASH + _GAP) < _DASH:
                a, b = step / length, (step + 1) / length
                ends = [(x + s * (to_x - x), y + s * (to_y - y)) for s in (a, b)]
                pen.line(ends, fill=curve.colour, width=2)
        walked += length
