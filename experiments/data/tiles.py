"""Runs a network on pictures of any size, in tiles if they do not fit into memory.

Beside the picture and the result, there is never more than a band of tiles in memory.
"""

from collections.abc import Callable

import numpy as np

from core.memory import free_memory

TILE, OVERLAP = 512, 64  # side of a tile and overlap of two, pixels
COPIES = 8  # about how many float32 copies of its widest layer a network keeps at once
SHARE = 4  # a picture may take 1 / SHARE of the free memory

Network = Callable[[np.ndarray], np.ndarray]
Convert = Callable[[np.ndarray], np.ndarray]  # of a part `[h, w, C]`


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
    before: Convert = np.asarray,
    after: Convert = np.asarray,
) -> np.ndarray:
    """Returns a network's output for a picture of any size, float32 `[H, W, C]`.

    The picture is extended by mirroring to a size that the network takes. A picture of at most
    `max_pixels` goes through in one piece, others in tiles whose overlaps fade into each other.
    (Instance norm, and batch norm in training mode, then see one tile at a time, so the contrast of
    tiles can differ a little.)

    Args:
        network: a function from float32 `[1, h, w, C]` to an array of the same shape.
        picture: float32 `[H, W, C]`, or what `before` makes that of.
        multiple: the height and width that the network takes are multiples of this, pixels.
        smallest: the lowest height and width that the network takes, pixels.
        channels: see `max_pixels`.
        before: makes what the network takes of a part of the picture, such as floats of uint8.
        after: makes what is returned of a part of the output, such as uint8 of floats.
    """
    height, width = picture.shape[:2]
    rows, columns = (_mirrored(length, multiple, smallest) for length in (height, width))
    if height * width <= max_pixels(channels):
        whole = before(picture[np.ix_(rows, columns)])
        return after(network(whole[None])[0][:height, :width])
    made, end = np.empty(0), 0
    for band in _bands(network, picture, (rows, columns), multiple, before):
        part = after(band[: height - end, :width])
        if not end:
            made = np.empty((height, *part.shape[1:]), part.dtype)
        made[end : end + len(part)] = part
        end += len(part)
    return made


def _mirrored(length, multiple, smallest):
    """Returns the rows (or columns) of a picture that is extended to a size the network takes."""
    pad = max(smallest - length, -length % multiple)
    # a picture of one pixel cannot be mirrored: its pixel is repeated
    return np.pad(np.arange(length), (0, pad), mode="symmetric")


def _bands(network, picture, places, multiple, before):
    """Yields the output from top to bottom, in bands that the tiles below do not change."""
    rows, columns = places
    tops, lefts = (_starts(len(place), multiple) for place in places)
    total = weights = None
    for top, following in zip(tops, [*tops[1:], len(rows)], strict=True):
        band = before(picture[np.ix_(rows[top : top + TILE], columns)])
        total, weights = _below(total, band), _below(weights, band[..., :1])
        for left in lefts:
            window = np.s_[:, left : left + TILE]
            tile = band[window]
            fade = _fade(tile.shape[0])[:, None, None] * _fade(tile.shape[1])[None, :, None]
            total[window] += fade * network(tile[None])[0]
            weights[window] += fade
        done = following - top
        yield total[:done] / weights[:done]
        total, weights = total[done:], weights[done:]


def _below(rest, band):
    """Returns what is left of the band above, with zeros below it, of the shape of a band."""
    sums = np.zeros(band.shape, np.float32)
    if rest is not None:
        sums[: len(rest)] = rest
    return sums


def _starts(length, multiple):
    """Returns the first rows (or columns) of tiles that cover `length` and end exactly with it."""
    last = max(0, length - TILE)
    step = (TILE - OVERLAP) // multiple * multiple
    return sorted({*range(0, last, step), last})


def _fade(length):
    """Returns weights that rise over `OVERLAP` pixels, stay at 1 and fall again, never 0."""
    ramp = (np.arange(length) + 1) / OVERLAP
    return np.minimum(1, np.minimum(ramp, ramp[::-1])).astype(np.float32)
