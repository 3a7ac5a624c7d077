"""The schedule of progressive growing."""

import numpy as np
import pytest
from keras import ops

from core.phases import Stage
from gan.growth import by_resolution, faded_in, schedule, without_new_detail


def test_published_schedule():
    stages = schedule(16, 4, fade=600, stable=400, batch_size=8, batch_sizes={4: 128, 8: 64})
    assert stages == [
        Stage(128, 4, 0, 400),
        Stage(64, 8, 400, 1000),
        Stage(64, 8, 1000, 1400),
        Stage(8, 16, 1400, 2000),
        Stage(8, 16, 2000, None),
    ]


@pytest.mark.parametrize(
    ("fade", "stable", "expected"),
    [
        (0, 5, [Stage(2, 4, 0, 5), Stage(2, 8, 5, None)]),
        (5, 0, [Stage(2, 8, 0, 5), Stage(2, 8, 5, None)]),
        (0, 0, [Stage(2, 8, 0, None)]),
    ],
    ids=["at once", "never stable", "no growing"],
)
def test_parts_without_images_are_left_out(fade, stable, expected):
    assert schedule(8, 4, fade=fade, stable=stable, batch_size=2, batch_sizes={}) == expected


def test_fading():
    stages = schedule(8, 4, fade=10, stable=20, batch_size=2, batch_sizes={})
    assert faded_in(7, stages, 4, start=4, fade=10) == 1.0
    assert values(stages, (20, 25, 30, 99)) == [0, 0.5, 1, 1]


def test_a_first_level_without_images_still_fades():
    stages = schedule(8, 4, fade=10, stable=0, batch_size=2, batch_sizes={})
    assert values(stages, (0, 5, 10)) == [0, 0.5, 1]


def values(stages, images):
    faded = [faded_in(i, stages, 8, start=4, fade=10) for i in images]
    return [float(ops.convert_to_numpy(value)) for value in faded]


def test_detail_of_a_new_level_fades_in():
    images = np.float32(np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 3)))
    means = images.reshape(2, 2, 2, 2, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    for fade in (0.0, 0.25, 1.0):
        faded = ops.convert_to_numpy(without_new_detail(images, ops.convert_to_tensor(fade)))
        np.testing.assert_allclose(faded, means + fade * (images - means), atol=1e-6)
    assert without_new_detail(images, 1.0) is images  # nothing fades


def test_numbers_by_resolution():
    assert by_resolution(("4:8", "128:0.0015"), "x") == {4: 8.0, 128: 0.0015}
    assert by_resolution(("4:8",), "x", int) == {4: 8}
    for wrong in ("4", "4:", "x:3", "4:0", "4:-1", "4:inf", "4:nan", "6:1", "2:1", "8:1,8:2"):
        with pytest.raises(ValueError, match="expected resolution:number"):
            by_resolution(tuple(wrong.split(",")), "x")
    with pytest.raises(ValueError, match="expected resolution:whole number"):
        by_resolution(("4:0.5",), "x", int)
