"""Crops of one picture: where they come from, and that they depend on the seed and number alone."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from experiments.data import zoomed
from experiments.data.config import ZoomedData
from experiments.data.dataset import Dataset, Source
from experiments.data.pipeline import test_images as shown

CONFIG = ZoomedData(size=16, load_size=16, zoom=3.0)


def places(height, width):
    """A picture whose pixels say where they are."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, 0 * x], -1).astype("uint8")


def dataset(a=(60, 90), b=(100, 70)):
    pairs = (("A", places(*a)), ("B", places(*b)))
    sources = {role: Source(role, 1, lambda i, x=x: x) for role, x in pairs}
    return Dataset("folder:mine", sources, sources)


def corners(cut):
    """The place of each crop, of which some are mirrored."""
    return [(int(c[0, 0, 0]), int(min(c[0, 0, 1], c[0, -1, 1]))) for c in cut]


def test_crops_of_a_minibatch_do_not_overlap():
    config, starts, mirrored = replace(CONFIG, zoom=1.0), set(), []
    for number in range(8):
        cut = zoomed.crops(places(100, 80), config, number, 30, (0, 0))
        assert cut.shape == (30, 16, 16, 3) and cut.dtype == np.uint8
        at = corners(cut)
        for (y, x), (v, u) in itertools.combinations(at, 2):  # there are 6 x 5 cells
            assert abs(y - v) >= 16 or abs(x - u) >= 16
        assert len({(y % 16, x % 16) for y, x in at}) == 1
        starts |= {(y % 16, x % 16) for y, x in at}
        mirrored += list(cut[:, 0, 0, 1] > cut[:, 0, -1, 1])
        assert at != sorted(at)
    assert len(starts) > 2
    assert 0.35 < np.mean(mirrored) < 0.65
    plain = zoomed.crops(places(100, 80), replace(config, flip=False), 0, 30, (0, 0))
    assert (plain[:, 0, 0, 1] < plain[:, 0, -1, 1]).all()


def test_all_cells_are_taken_before_one_is_taken_again():
    config = replace(CONFIG, zoom=1.0)
    at = corners(zoomed.crops(places(40, 40), config, 1, 10, (0, 0)))  # 2 x 2 cells
    for i in (0, 4):
        assert len(set(at[i : i + 4])) == 4
    assert len({(y % 16, x % 16) for y, x in at}) > 1  # the next grid starts elsewhere


def slopes(cut):
    """How many pixels of the picture lie in one of a crop, down and across, for each crop."""
    wide = cut.astype(float)[:, 2:-2, 2:-2]
    return np.stack([np.ptp(wide[..., c], (1, 2)) / 11 for c in (0, 1)], 1)


def test_one_zoom_for_a_minibatch_each_side_and_each_domain():
    seen = []
    for number, domain in itertools.product(range(12), range(2)):
        cut = zoomed.crops(places(200, 250), CONFIG, number, 4, (0, domain))
        found = slopes(cut)
        assert np.ptp(found, axis=0).max() < 0.2  # rounded to whole values
        seen.append(found.mean(0))
    seen = np.array(seen)
    assert seen.min() > 0.95 and seen.max() < 3.1 and np.ptp(seen, axis=0).min() > 0.8
    assert np.abs(seen[:, 0] - seen[:, 1]).max() > 0.3  # sides
    assert np.abs(seen[::2] - seen[1::2]).max() > 0.3  # domains


def test_a_picture_is_never_smaller_than_a_crop():
    cut = zoomed.crops(places(16, 20), CONFIG, 0, 3, (0, 0))
    assert cut.shape == (3, 16, 16, 3)


def batches(start, count, seed=5, share=(0, 1)):
    made = zoomed.batches(
        dataset(), CONFIG, size=16, batch_size=4, start=start, seed=seed, share=share
    )
    return [{k: v.numpy() for k, v in next(made).items()} for _ in range(count)]


def test_going_on_anywhere_and_in_parts():
    whole, later = batches(0, 4), batches(8, 2)
    assert whole[0]["A"].shape == (4, 16, 16, 3) and whole[0]["A"].dtype == np.float32
    values = np.concatenate([batch["A"] for batch in whole])
    assert -1 <= values.min() < -0.9 and values.max() <= 1
    for one, two in zip(whole[2:], later, strict=True):
        assert all((one[role] == two[role]).all() for role in "AB")
    assert (whole[0]["A"] != whole[1]["A"]).any()
    assert (whole[0]["A"] != batches(0, 1, seed=6)[0]["A"]).any()
    halves = [batches(0, 1, share=(k, 2))[0]["B"] for k in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), whole[0]["B"])


def test_refusals():
    with pytest.raises(InputError, match=r"\(B\): the picture has a width of 15 and a height of"):
        next(zoomed.batches(dataset(b=(40, 15)), CONFIG, size=16, batch_size=1, start=0,
                            seed=0))  # fmt: skip
    for wrong in ({"size": 8}, {"start": 3}):
        options = {"size": 16, "batch_size": 2, "start": 0, "seed": 0} | wrong
        with pytest.raises(InputError, match="expected 16 and a multiple of the batch size, 2"):
            zoomed.batches(dataset(), CONFIG, **options)
    for zoom in (0.5, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"zoom={zoom}: expected 1 or more"):
            replace(CONFIG, zoom=zoom)


def test_test_images_keep_the_size_of_the_picture():
    assert shown(dataset(), CONFIG, "A", 4).shape == (1, 60, 90, 3)
    assert shown(dataset(), replace(CONFIG, zoom=0.0), "A", 4).shape == (1, 16, 16, 3)
