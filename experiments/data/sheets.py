"""Makes contact sheets: pictures in rows and columns, with titles in any script."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from core.errors import InputError
from experiments.data.channels import CHANNELS, to_array, to_image
from experiments.data.fonts import font_for


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    gap: int = 2,
    scale: int = 1,
) -> np.ndarray:
    """Returns a contact sheet: rows of pictures on white, uint8 `[height, width, C]`.

    Args:
        rows: pictures, uint8 `[H, W, C]` of one size. A short row ends in white.
        column_titles: titles on top, in a font that has their letters, see
            `experiments.data.fonts`. A title that is wider than the pictures widens its column.
        row_titles: titles at the left.
        gap: pixels of white between and around the pictures.
        scale: a whole number by which pictures are enlarged.

    Raises:
        InputError: there are no pictures, they have several sizes, or the number of titles is
            wrong.
    """
    shapes = sorted({np.shape(picture) for row in rows for picture in row})
    counts = (row_titles, len(rows)), (column_titles, max(map(len, rows), default=0))
    unequal = any(titles is not None and len(titles) != count for titles, count in counts)
    if len(shapes) != 1 or gap < 0 or scale < 1 or unequal:
        given = f"sizes {shapes}, {gap=}, {scale=} and titles for rows and columns {counts}"
        raise InputError(f"A sheet needs pictures of one size and a title each; got {given}.")
    grid = [[ImageOps.scale(to_image(picture), scale, 0) for picture in row] for row in rows]
    mode = CHANNELS[shapes[0][2]]
    if row_titles is not None:
        grid = [[_text(title, mode), *row] for title, row in zip(row_titles, grid, strict=True)]
    if column_titles is not None:
        corner = [] if row_titles is None else [_text("", mode)]
        grid.insert(0, corner + [_text(title, mode) for title in column_titles])
    return _arrange(grid, gap, mode)


def enlargement(picture: np.ndarray) -> int:
    """Returns the whole number by which a sheet enlarges small pictures, to 128 pixels at most."""
    return max(1, 128 // max(picture.shape[:2]))


def _text(title, mode):
    font, text = font_for(str(title))
    size = max(1, round(font.getbbox(text)[2])), sum(font.getmetrics())
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((0, 0), text, font=font, fill="black")
    return image


def _arrange(grid, gap, mode):
    """Returns a picture of a grid of tiles; the largest tile sets the size of a row or column."""
    columns = range(max(map(len, grid)))
    widths = [max(row[c].width for row in grid if c < len(row)) for c in columns]
    heights = [max((tile.height for tile in row), default=0) for row in grid]
    lefts, tops = (np.cumsum([gap, *(n + gap for n in edges)]) for edges in (widths, heights))
    ground = Image.new(mode, (int(lefts[-1]), int(tops[-1])), "white")
    for top, height, row in zip(tops, heights, grid, strict=False):
        for left, width, tile in zip(lefts, widths, row, strict=False):
            x, y = left + (width - tile.width) // 2, top + (height - tile.height) // 2
            ground.paste(tile, (int(x), int(y)))
    return to_array(ground)
