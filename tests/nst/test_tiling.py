"""Windows, cores and their places, for pictures of any size."""

import numpy as np
import pytest

from nst.tiling import Grid, shrink

RNG = np.random.default_rng(0)
CASES = [  # height, width, edge, margin, multiple
    (37, 53, 16, 5, 4),
    (64, 64, 16, 8, 8),
    (33, 17, 16, 1, 16),
    (7, 100, 24, 30, 8),
    (20, 20, 32, 9, 2),
    *((*map(int, RNG.integers(1, 90, 2)), 8 * k, int(RNG.integers(0, 40)), 8) for k in (1, 2, 5)),
]


@pytest.mark.parametrize(("height", "width", "edge", "margin", "multiple"), CASES)
def test_cores_partition_and_windows_have_their_margin(height, width, edge, margin, multiple):
    grid = Grid((height, width), edge, margin, multiple)
    covered = np.zeros((height, width), int)
    for tile in grid.tiles:
        for span, length in zip(tile, (height, width), strict=True):
            assert 0 <= span.start <= span.core_start < span.core_end <= span.end <= length
            assert span.start % multiple == span.core_start % multiple == 0
            assert span.start == 0 or span.core_start - span.start >= margin
            assert span.end == length or span.end - span.core_end >= margin
            assert span.core_end - span.core_start <= edge
        rows, columns = tile
        covered[rows.core_start : rows.core_end, columns.core_start : columns.core_end] += 1
        inside, place = grid.core(tile)
        picture = RNG.random((1, height, width, 3))
        np.testing.assert_array_equal(picture[grid.window(tile)][inside], picture[place])
    assert np.all(covered == 1)
    assert grid.whole == (max(height, width) <= edge)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("height", "width", "edge", "margin", "multiple"), CASES)
def test_what_is_cut_can_be_pasted(height, width, edge, margin, multiple, ceil):
    grid = Grid((height, width), edge, margin, multiple, ceil)
    for stride in (s for s in (1, 2, 4, 8, 16) if multiple % s == 0):
        shape = grid.positions(stride)
        assert shape == tuple(-(-n // stride) if ceil else n // stride for n in (height, width))
        maps = RNG.random((2, *shape, 3)) + 1
        again, total = np.zeros_like(maps), 0.0
        for tile in grid.tiles:
            window = grid.cut(maps, tile, stride)
            pixels = np.zeros((1, height, width))[grid.window(tile)].shape[1:]
            sizes = tuple(-(-n // stride) if ceil else n // stride for n in pixels)
            assert window.shape == (2, *sizes, 3)  # what the network makes of the window
            total += window.sum()
            grid.paste(again, window, tile, stride)
        np.testing.assert_array_equal(again, maps)
        assert total == pytest.approx(maps.sum())  # 0 outside of the cores


def test_paste_takes_the_core_only():
    grid = Grid((32, 32), 16, 4, 4)
    found = np.zeros((1, 8, 8))
    for i, tile in enumerate(grid.tiles):
        grid.paste(found, np.full_like(grid.cut(found, tile, 4), i), tile, 4)
    np.testing.assert_array_equal(found[0], np.kron([[0, 1], [2, 3]], np.ones((4, 4))))


def test_the_margin_is_rounded_up():
    rows = [tile[0] for tile in Grid((48, 8), 16, 5, 8).tiles]
    assert rows == [(0, 24, 0, 16), (8, 40, 16, 32), (24, 48, 32, 48)]


def test_shrink_is_the_mean_under_each_position():
    maps = RNG.random((2, 7, 9))
    floor = maps[:, :6, :8].reshape(2, 3, 2, 4, 2).mean((2, 4))
    np.testing.assert_allclose(shrink(maps, 2, (3, 4)), floor)
    ceil = shrink(maps, 2, (4, 5))
    np.testing.assert_allclose(ceil[:, :3, :4], floor)
    np.testing.assert_allclose(ceil[:, 3, 0], maps[:, 6, :2].mean(1))
    np.testing.assert_allclose(ceil[:, 3, 4], maps[:, 6, 8])
    np.testing.assert_array_equal(shrink(maps, 1, (7, 9)), maps)
