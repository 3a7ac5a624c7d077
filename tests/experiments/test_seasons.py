"""The embedded summer and winter landscapes: deterministic, aligned, varied, and far apart."""

import numpy as np
import pytest

from core.errors import InputError
from experiments.data.seasons import draw

COUNT = 24


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, np.ndarray]:
    """`COUNT` training scenes at 64 px as floats in 0..1: all summers, all winters."""
    pairs = [draw(index, split="train", size=64) for index in range(COUNT)]
    summer, winter = (np.stack(season) / 255.0 for season in zip(*pairs, strict=True))
    return summer, winter


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return -10 * np.log10(np.mean((one - other) ** 2))


def edges(pictures: np.ndarray) -> np.ndarray:
    """How much each pixel differs from its right and lower neighbours, in the strongest channel."""
    right = np.abs(np.diff(pictures, axis=2))[:, :-1]
    down = np.abs(np.diff(pictures, axis=1))[:, :, :-1]
    return (right + down).max(-1)


@pytest.mark.parametrize("size", [32, 64, 96, 97, 128, 512])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_pair_is_two_rgb_pictures_of_the_size(split, size):
    for picture in draw(3, split=split, size=size):
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert picture.flags.writeable


def test_a_scene_depends_on_split_and_index_alone():
    first = draw(7, split="train", size=64)
    np.random.default_rng(0).uniform()
    draw(8, split="train", size=128)
    np.testing.assert_array_equal(draw(np.int64(7), split="train", size=64), first)


def test_scenes_differ_between_indices_and_between_splits():
    drawn = [draw(i, split=s, size=32)[0] for s in ("train", "test") for i in range(10)]
    for one in range(len(drawn)):
        for other in range(one):
            difference = np.abs(drawn[one].astype(float) - drawn[other]).mean()
            assert difference > 4, (one, other)


@pytest.mark.parametrize("index", range(4))
def test_a_larger_picture_is_a_sharper_version_of_the_same_scene(index):
    small, large = (np.stack(draw(index, split="test", size=size)) / 255 for size in (64, 128))
    shrunk = large.reshape(2, 64, 2, 64, 2, 3).mean((2, 4))
    assert psnr(small, shrunk) > 28


def test_the_seasons_are_far_apart(scenes):
    values = [psnr(*pair) for pair in zip(*scenes, strict=True)]
    assert min(values) > 7
    assert 8 < np.mean(values) < 9.5
    assert max(values) < 12


def test_both_seasons_have_their_edges_at_the_same_places(scenes):
    summer, winter = map(edges, scenes)
    own = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(summer, winter, strict=True)]
    others = np.roll(winter, 1, axis=0)
    foreign = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(summer, others, strict=True)]
    assert min(own) > 0.4
    assert np.mean(own) > np.mean(foreign) + 0.3


def test_what_has_no_season_stays_as_it_is(scenes):
    """Walls, windows, trunks, fences and the sun: a small part of the picture, but never none."""
    summer, winter = scenes
    unchanged = (np.abs(summer - winter).max(-1) < 2 / 255).mean((1, 2))
    assert unchanged.min() > 0.005
    assert unchanged.max() < 0.25


def test_summer_has_a_green_ground_and_winter_a_white_one(scenes):
    summer, winter = (season[:, 52:].mean((0, 1, 2)) for season in scenes)
    assert summer[1] > summer[0] > summer[2]
    assert winter.min() > 0.6
    assert np.ptp(winter) < 0.1


def test_the_sky_is_bluer_than_the_ground_in_both_seasons(scenes):
    for season in scenes:
        blueness = season[..., 2] - season[..., 0]
        assert blueness[:, :16].mean() > blueness[:, 48:].mean() + 0.1


def test_a_pixel_varies_over_the_scenes(scenes):
    for season in scenes:
        assert season.std(axis=0).mean() > 0.08


@pytest.mark.parametrize(
    ("index", "split", "size", "message"),
    [
        (0, "valid", 64, "split 'valid'; expected one of train, test"),
        (0, "train", 31, "size 31; expected 32 to 512 pixels"),
        (0, "train", 513, "size 513; expected 32 to 512 pixels"),
        (0, "train", 64.0, "size 64.0; expected 32 to 512 pixels"),
        (-1, "train", 64, "index -1; expected a whole number, 0 or more"),
        (0.5, "train", 64, "index 0.5; expected a whole number, 0 or more"),
    ],
)
def test_an_impossible_request_is_named(index, split, size, message):
    with pytest.raises(InputError, match=f"got {message}"):
        draw(index, split=split, size=size)
