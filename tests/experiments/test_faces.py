"""The embedded portraits: known factors, smooth in each, the same at every size."""

import numpy as np
import pytest

from core.errors import InputError
from experiments.data import faces
from experiments.data.sources import open_dataset

MIDDLE = np.full(len(faces.FACTORS), 0.5)
EVERY = pytest.mark.parametrize("factor", faces.FACTORS)


def with_factor(factor, value, base=MIDDLE):
    changed = np.array(base, np.float64)
    changed[faces.FACTORS.index(factor)] = value
    return changed


def portraits(count, size, split="train"):
    drawn = [faces.draw(faces.factors(i, split=split), size) for i in range(count)]
    return np.stack(drawn).astype(np.float32)


@pytest.mark.parametrize("size", [16, 32, 64, 97, 128, 256])
def test_a_portrait_is_an_rgb_picture_of_the_size(size):
    picture = faces.draw(faces.factors(3, split="test"), size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    assert picture.flags.c_contiguous and picture.flags.writeable


def test_a_portrait_depends_on_split_and_index_alone():
    first = faces.factors(7, split="train")
    picture = faces.draw(first, 64)
    np.random.default_rng(0).uniform()
    faces.draw(faces.factors(8, split="train"), 128)
    np.testing.assert_array_equal(faces.factors(np.int64(7), split="train"), first)
    np.testing.assert_array_equal(faces.draw(list(first), 64), picture)


def test_factors_are_uniform_and_independent():
    values = np.stack([faces.factors(i, split="train") for i in range(2000)])
    assert values.shape == (2000, 15) and values.dtype == np.float32
    assert 0 <= values.min() < 0.01 and 0.99 < values.max() < 1
    np.testing.assert_allclose(values.mean(0), 0.5, atol=0.03)
    np.testing.assert_allclose(values.std(0), 12**-0.5, atol=0.02)
    correlation = np.corrcoef(values.T) - np.eye(15)
    assert np.abs(correlation).max() < 0.1


def test_splits_have_other_portraits():
    one, two = ({faces.factors(i, split=s).tobytes() for i in range(2000)} for s in faces.SPLITS)
    assert len(one) == len(two) == 2000 and not one & two


def strongest(one, other):
    """The mean change of the hundredth of all pixels that changes most, in levels."""
    change = np.abs(one.astype(float) - other).max(-1)
    return np.sort(change, axis=None)[-change.size // 100 :].mean()


@EVERY
def test_each_factor_changes_the_picture_visibly(factor):
    """From end to end, and between any two of five steps, so that a factor can be read off."""
    for base in (MIDDLE, faces.factors(11, split="test")):
        drawn = [faces.draw(with_factor(factor, v, base), 64) for v in np.linspace(0, 1, 5)]
        assert strongest(drawn[0], drawn[4]) > 50
        for one in range(5):
            for other in range(one):
                assert strongest(drawn[one], drawn[other]) > 18


@EVERY
def test_a_portrait_is_smooth_in_each_factor(factor):
    """A hundredth changes it by little, wherever it begins, and no pixel jumps at less."""
    for base in (MIDDLE, faces.factors(5, split="test")):
        for start in np.linspace(0, 0.99, 7):
            first = faces.draw(with_factor(factor, start, base), 64).astype(float)
            near = faces.draw(with_factor(factor, start + 0.01, base), 64)
            nearer = faces.draw(with_factor(factor, start + 0.0005, base), 64)
            assert np.abs(near - first).mean() < 1.5
            assert np.abs(nearer - first).max() <= 8


@pytest.mark.parametrize("index", range(4))
def test_a_larger_picture_is_a_sharper_version_of_the_same_portrait(index):
    values = faces.factors(index, split="test")
    small, large = (faces.draw(values, size) / 255 for size in (64, 128))
    shrunk = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert -10 * np.log10(np.mean((small - shrunk) ** 2)) > 32


def test_a_face_is_symmetric_when_everything_is_in_the_middle():
    """But for the hairline, the strands and the glint of the eyes."""
    picture = faces.draw(MIDDLE, 128).astype(float)
    assert np.abs(picture - picture[:, ::-1])[64:].mean() < 2


def test_portraits_differ():
    drawn = portraits(12, 32)
    for one in range(12):
        for other in range(one):
            assert np.abs(drawn[one] - drawn[other]).mean() > 8
    assert portraits(200, 16).std(0).mean() > 30


def test_the_class_is_the_colour_of_the_hair():
    place = faces.FACTORS.index("hair_colour")
    labels = [faces.label(with_factor("hair_colour", v)) for v in (0, 0.24, 0.26, 0.6, 0.76, 1)]
    assert labels == [0, 0, 1, 2, 3, 3]
    drawn = [faces.label(faces.factors(i, split="train")) for i in range(400)]
    assert np.bincount(drawn).min() > 70 and len(faces.HAIR) == 4
    assert faces.label(faces.factors(9, split="train")) == int(
        4 * faces.factors(9, split="train")[place]
    )


def test_the_data_set():
    dataset = open_dataset("faces", size=32, roles=("image",), labels=True)
    train, test = dataset.train["image"], dataset.test["image"]
    assert (train.size, test.size) == (10_000, 1_000) and dataset.epoch == 10_000
    assert train.classes == test.classes == ("black", "brown", "red", "blond")
    for split, source in (("train", train), ("test", test)):
        values = faces.factors(17, split=split)
        np.testing.assert_array_equal(source.load(17), faces.draw(values, 32))
        assert source.label(17) == faces.label(values)
    assert dataset.fingerprint()["image"].startswith("10000:")
    assert dataset.fingerprint() == open_dataset("faces", size=64).fingerprint()


@pytest.mark.parametrize(
    ("values", "size", "message"),
    [
        (MIDDLE[:3], 64, "expected 15 numbers in"),
        (MIDDLE + 0.6, 64, "expected 15 numbers in"),
        (np.full(15, np.nan), 64, "expected 15 numbers in"),
        (MIDDLE, 15, "size 15; expected 16 to 256 pixels"),
        (MIDDLE, 257, "size 257; expected 16 to 256 pixels"),
        (MIDDLE, 64.0, "size 64.0; expected 16 to 256 pixels"),
    ],
)
def test_an_impossible_portrait_is_named(values, size, message):
    with pytest.raises(InputError, match=message):
        faces.draw(values, size)


@pytest.mark.parametrize(
    ("index", "split", "message"),
    [
        (0, "valid", "split 'valid'; expected one of train, test"),
        (-1, "train", "index -1; expected a whole number, 0 or more"),
        (0.5, "train", "index 0.5; expected a whole number, 0 or more"),
    ],
)
def test_an_impossible_index_is_named(index, split, message):
    with pytest.raises(InputError, match=f"got {message}"):
        faces.factors(index, split=split)
