"""Windows over a picture too large for one pass, with exact results.

A window is a tile's core with a margin all around, as wide as the network sees, so that every
position of the core has the features that it has in the whole picture. Cores do not overlap and
cover everything; windows begin on multiples of the network's stride, so that pooling falls in with
that of the whole picture. At the border of the picture, a window has that border.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """One axis of a tile, in pixels: the window `[start, end)` and the core in it."""

    start: int
    end: int
    core_start: int
    core_end: int


Tile = tuple[Span, Span]  # rows and columns


@dataclass
class Grid:
    """The tiles of a picture, row by row.

    Attributes:
        shape: height and width of the picture, pixels.
        edge: of the cores, a multiple of `multiple`.
        margin: pixels that a position sees to each side; rounded up to `multiple`.
        multiple: of all starts: the stride of the deepest layer.
        ceil: odd rows and columns are pooled, too, instead of dropped.
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
        """Height and width of a layer of this stride."""
        return tuple(self._count(n, stride) for n in self.shape)

    def window(self, tile: Tile):
        """The index of a tile's window in `[N, height, width, …]`."""
        return np.s_[:, tile[0].start : tile[0].end, tile[1].start : tile[1].end]

    def cut(self, maps: np.ndarray, tile: Tile, stride: int) -> np.ndarray:
        """The window of a layer's `[N, h, w, …]`, 0 outside of the core."""
        size = (self._count(s.end, stride) - s.start // stride for s in tile)
        window = np.zeros((maps.shape[0], *size, *maps.shape[3:]), maps.dtype)
        inside, place = self.core(tile, stride)
        window[inside] = maps[place]
        return window

    def paste(self, maps: np.ndarray, window: np.ndarray, tile: Tile, stride: int) -> None:
        """Writes the core of a layer's window to its place in `[N, h, w, …]`."""
        inside, place = self.core(tile, stride)
        maps[place] = window[inside]

    def core(self, tile: Tile, stride: int = 1):
        """Indices of a core in its window and in the whole, for `[N, h, w, …]`."""
        inside, place = [slice(None)], [slice(None)]
        for span in tile:
            first = span.core_start // stride
            last = self._count(span.core_end, stride)  # whole but at the end of the picture
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
    """`[S, H, W]` -> `[S, *size]`: the means of the pixels under each position of a layer."""
    lengths = [n * stride for n in size]
    pads = [(0, max(0, n - own)) for n, own in zip(lengths, maps.shape[1:], strict=True)]
    maps = np.pad(maps, [(0, 0), *pads], mode="edge")[:, : lengths[0], : lengths[1]]
    return maps.reshape(len(maps), size[0], stride, size[1], stride).mean((2, 4))
