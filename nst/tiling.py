"""Tiles of a picture too large for one pass, with the results of the whole picture.

Each tile has a core and a window. The cores cover the picture without overlapping. The window is
the core with a margin all around, as wide as the network sees, so that every position of the core
gets the features that it has in the whole picture. Windows begin at multiples of the network's
stride: there, pooling groups the same pixels as in the whole picture. At the border of the picture
a window ends there, and the network pads it as it pads the picture.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A tile along one axis, in pixels: its window `[start, end)` and its core in there."""

    start: int
    end: int
    core_start: int
    core_end: int


Tile = tuple[Span, Span]  # rows and columns
Index = tuple[slice, ...]  # into an array `[N, height, width, …]`


@dataclass
class Grid:
    """The tiles that cover a picture.

    Attributes:
        shape: height and width of the picture, pixels.
        edge: height and width of the cores, pixels; a multiple of `multiple`.
        margin: how far the network sees to each side, pixels; rounded up to a multiple of
            `multiple`.
        multiple: the stride of the deepest layer, pixels; all windows and cores start at multiples.
        ceil: whether the network pools an odd last row or column, too, or drops it.
        tiles: row by row.
    """

    shape: tuple[int, int]
    edge: int
    margin: int
    multiple: int = 1
    ceil: bool = False
    tiles: list[Tile] = field(init=False)

    def __post_init__(self):
        margin = -(-self.margin // self.multiple) * self.multiple
        rows, columns = (_spans(length, self.edge, margin) for length in self.shape)
        self.tiles = [(row, column) for row in rows for column in columns]

    @property
    def whole(self) -> bool:
        """Whether one tile is all there is."""
        return len(self.tiles) == 1

    def positions(self, stride: int) -> tuple[int, ...]:
        """Height and width of the picture's features in a layer of this stride."""
        return tuple(self._count(n, stride) for n in self.shape)

    def window(self, tile: Tile) -> Index:
        """The index of a tile's window in an array `[N, height, width, …]`."""
        return np.s_[:, tile[0].start : tile[0].end, tile[1].start : tile[1].end]

    def cut(self, maps: np.ndarray, tile: Tile, stride: int) -> np.ndarray:
        """A tile's window of a layer's features, which are 0 outside of the core.

        Args:
            maps: features of the whole picture, `[N, h, w, …]`.
            tile: one of `tiles`.
            stride: of the layer, pixels.
        """
        size = (self._count(s.end, stride) - s.start // stride for s in tile)
        window = np.zeros((maps.shape[0], *size, *maps.shape[3:]), maps.dtype)
        inside, place = self.core(tile, stride)
        window[inside] = maps[place]
        return window

    def paste(self, maps: np.ndarray, window: np.ndarray, tile: Tile, stride: int) -> None:
        """Writes the core of a tile's features to its place.

        Args:
            maps: features of the whole picture, `[N, h, w, …]`; changed.
            window: features of the tile's window.
            tile: one of `tiles`.
            stride: of the layer, pixels.
        """
        inside, place = self.core(tile, stride)
        maps[place] = window[inside]

    def core(self, tile: Tile, stride: int = 1) -> tuple[Index, Index]:
        """Indices of a tile's core in its window and in the whole, into arrays `[N, h, w, …]`."""
        inside, place = [slice(None)], [slice(None)]
        for span in tile:
            first = span.core_start // stride
            last = self._count(span.core_end, stride)  # divides, except at the picture's end
            before = span.start // stride
            inside.append(slice(first - before, last - before))
            place.append(slice(first, last))
        return tuple(inside), tuple(place)

    def _count(self, pixels, stride):
        return -(-pixels // stride) if self.ceil else pixels // stride


def _spans(length, edge, margin):
    spans = []
    for start in range(0, length, edge):
        end = min(length, start + edge)
        spans.append(Span(max(0, start - margin), min(length, end + margin), start, end))
    return spans


def shrink(maps: np.ndarray, stride: int, size: tuple[int, int]) -> np.ndarray:
    """The mean of the pixels under each position of a layer.

    Args:
        maps: `[S, H, W]`.
        stride: pixels from one position to the next.
        size: height and width of the layer. If it needs more pixels than there are, the last row
            and column are repeated.

    Returns:
        `[S, *size]`.
    """
    lengths = [n * stride for n in size]
    pads = [(0, max(0, n - own)) for n, own in zip(lengths, maps.shape[1:], strict=True)]
    maps = np.pad(maps, [(0, 0), *pads], mode="edge")[:, : lengths[0], : lengths[1]]
    return maps.reshape(len(maps), size[0], stride, size[1], stride).mean((2, 4))
