"""Runs a network on pictures of any size, in tiles if they do not fit into memory."""

from collections.abc import Callable

import numpy as np

from core.memory import free_memory

TILE, OVERLAP = 512, 64  # side of a tile and overlap of two, pixels
COPIES = 8  # about how many float32 copies of its widest layer a network keeps at once
SHARE = 4  # a picture may take 1 / SHARE of the free memory

Network = Callable[[np.ndarray], np.ndarray]


def max_pixels(channels: int) -> int:
    """Returns how many pixels a picture may have to go through a network in one piece.

    Args:
        channels: the channels of the widest layer that has the size of the picture.
    """
    budget = free_memory() // SHARE
    return max(TILE**2, budget // (channels * 4 * COPIES))


def tiled(
    network: Network,
    picture: np.ndarray,
    *,
    multiple: int,
    smallest: int,
    channels: int,
) -> np.ndarray:
    """Returns a network's output for a picture of any size, float32 `[H, W, C]`.

    The picture is extended by mirroring to a size that the network takes. A picture of at most
    `max_pixels` goes through in one piece, others in tiles whose overlaps fade into each other.
    (Instance norm, and batch norm in training mode, then see one tile at a time, so the contrast of
    tiles can differ a little.)

    Args:
        network: a function from float32 `[1, h, w, C]` to an array of the same shape.
        picture: float32 `[H, W, C]`.
        multiple: the height and width that the network takes are multiples of this, pixels.
        smallest: the lowest height and width that the network takes, pixels.
        channels: see `max_pixels`.
    """
    height, width = picture.shape[:2]
    padded = _pad(picture, multiple, smallest)
    if height * width <= max_pixels(channels):
        return network(padded[None])[0][:height, :width]
    total = np.zeros(padded.shape, np.float32)
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in _starts(padded.shape[0], multiple):
        for left in _starts(padded.shape[1], multiple):
            window = np.s_[top : top + TILE, left : left + TILE]
            tile = padded[window]
            fade = _fade(tile.shape[0])[:, None, None] * _fade(tile.shape[1])[None, :, None]
            total[window] += fade * network(tile[None])[0]
            weights[window] += fade
    return (total / weights)[:height, :width]


def _pad(picture, multiple, smallest):
    """Returns a picture extended by mirroring to a size that the network takes."""
    pads = [(0, max(smallest - n, -n % multiple)) for n in picture.shape[:2]]
    # a picture of one pixel cannot be mirrored: its pixel is repeated
    return np.pad(picture, [*pads, (0, 0)], mode="symmetric")


def _starts(length, multiple):
    """Returns the first rows (or columns) of tiles that cover `length` and end exactly with it."""
    last = max(0, length - TILE)
    step = (TILE - OVERLAP) // multiple * multiple
    return sorted({*range(0, last, step), last})


def _fade(length):
    """Returns weights that rise over `OVERLAP` pixels, stay at 1 and fall again, never 0."""
    ramp = (np.arange(length) + 1) / OVERLAP
    return np.minimum(1, np.minimum(ramp, ramp[::-1])).astype(np.float32)
