"""Pictures of any size go through a network, in tiles where they are large."""

import tracemalloc

import numpy as np
import pytest

from experiments.data import pictures, tiles


def blurred(images):
    """A network that sees two pixels to the right and below."""
    padded = np.pad(images, [(0, 0), (0, 2), (0, 2), (0, 0)], mode="edge")
    return (padded[:, :-2, :-2] + padded[:, 2:, 2:]) / 2


def before(network, picture, *, multiple, smallest):
    """The tiles as they were when all was kept in memory, whose bits are to stay."""
    height, width = picture.shape[:2]
    pads = [(0, max(smallest - n, -n % multiple)) for n in (height, width)]
    padded = np.pad(picture, [*pads, (0, 0)], mode="symmetric")
    total = np.zeros(padded.shape, np.float32)
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in tiles._starts(padded.shape[0], multiple):
        for left in tiles._starts(padded.shape[1], multiple):
            window = np.s_[top : top + tiles.TILE, left : left + tiles.TILE]
            tile = padded[window]
            fade = tiles._fade(tile.shape[0])[:, None, None] * tiles._fade(tile.shape[1])[:, None]
            total[window] += fade * network(tile[None])[0]
            weights[window] += fade
    return (total / weights)[:height, :width]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 32)
    monkeypatch.setattr(tiles, "OVERLAP", 8)
    monkeypatch.setattr(tiles, "max_pixels", lambda channels: 32**2)


SHAPES = [(40, 200), (200, 40), (33, 33), (7, 300), (1, 1100), (100, 101), (64, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multiple", [1, 4])
def test_bands_give_the_bits_of_the_whole(small, shape, multiple):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    sizes = {"multiple": multiple, "smallest": 16}
    found = tiles.tiled(blurred, picture, channels=8, **sizes)
    assert found.shape == picture.shape and found.dtype == np.float32
    assert np.array_equal(found, before(blurred, picture, **sizes))


def unchanged(picture):
    """A uint8 picture after a network that does nothing, in tiles."""
    return tiles.tiled(
        lambda x: x,
        picture,
        multiple=4,
        smallest=16,
        channels=8,
        before=pictures.to_signed,
        after=pictures.from_signed,
    )


@pytest.mark.parametrize("shape", [*SHAPES, (5, 9)])
def test_uint8_is_converted_in_parts(small, shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = unchanged(picture)
    assert found.dtype == np.uint8 and np.array_equal(found, picture)


def test_memory_is_that_of_a_band(small):
    picture = np.zeros((4000, 100, 3), np.uint8)
    tracemalloc.start()
    unchanged(picture)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * picture.nbytes  # the result, and a band
