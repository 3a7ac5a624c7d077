"""Colours against an oracle, by their statistics, and on pictures without contrast."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from nst import colour

GOLDEN = Path(__file__).parents[1] / "golden" / "adain_terms.npz"
RNG = np.random.default_rng(0)
MIX = np.array([[1.0, 0.3, 0.1], [0.0, 0.8, 0.5], [-0.3, 0.2, 0.6]])  # correlates the channels
FUNCTIONS = {
    "luminance": colour.luminance_transfer,
    **{mode: lambda p, r, mode=mode: colour.match_colour(p, r, mode) for mode in colour.MODES},
    "coral": colour.coral,
    "histogram": colour.match_histogram,
}
OF_ANY_SIZE = {name: f for name, f in FUNCTIONS.items() if name != "luminance"}


def noise(height=13, width=17, spread=0.1, mean=(0.4, 0.5, 0.6)):
    """Correlated colours around `mean`, none near 0 or 1."""
    return mean + spread * RNG.uniform(-1, 1, (height, width, 3)) @ MIX


def flat(picture):
    return np.float64(picture).reshape(-1, 3)


def covariance(picture):
    return np.cov(flat(picture), rowvar=False, bias=True)


def grey(values):
    return np.repeat(values[..., None], 3, axis=2)


PLAIN = {  # without contrast, or with one colour axis alone
    "black": np.zeros((6, 7, 3)),
    "white": np.ones((6, 7, 3)),
    "one colour": np.full((6, 7, 3), [0.1, 0.7, 0.3]),  # whose mean is off by rounding
    "grey": grey(RNG.uniform(0, 1, (6, 7))),
    "red": RNG.uniform(0, 1, (6, 7, 1)) * [1, 0, 0],
    "colours": RNG.uniform(0, 1, (6, 7, 3)),
}


def test_coral_oracle():
    """2e-6: with biased standard deviations it is 9e-6."""
    with np.load(GOLDEN) as golden:
        source, target, expected = (
            golden[f"coral_{name}"].transpose(1, 2, 0) for name in ("source", "target", "output")
        )
    found = colour.coral(source, target, clip=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    assert expected.min() < -0.1  # so that clipping shows
    np.testing.assert_array_equal(colour.coral(source, target), np.clip(found, 0, 1))


def test_coral_scales_with_the_sizes():
    """As in its sources: sums over the pixels, not means."""
    picture, reference = noise(40, 40, 0.2), noise(80, 80)
    found = colour.coral(picture, reference, clip=False)
    np.testing.assert_allclose(covariance(found), 4 * covariance(reference), rtol=0.02, atol=2e-4)
    found = colour.coral(picture, reference[:40, :40], clip=False)
    expected = covariance(reference[:40, :40])
    np.testing.assert_allclose(covariance(found), expected, rtol=0.02, atol=5e-5)


def test_luminance_transfer():
    stylised, content = noise(), noise(mean=(0.6, 0.5, 0.4))
    found = np.float64(colour.luminance_transfer(stylised, content))
    assert found.min() > 0.01  # nothing clipped
    assert found.max() < 0.99
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found @ luma, stylised @ luma, rtol=0, atol=1e-6)
    blue, red = [-0.147, -0.289, 0.436], [0.615, -0.515, -0.1]  # U and V, to three digits
    for chroma in (blue, red):
        assert np.abs(stylised @ chroma - content @ chroma).max() > 0.1
        np.testing.assert_allclose(found @ chroma, content @ chroma, rtol=0, atol=1e-6)


def test_luminance_transfer_of_another_size():
    with pytest.raises(ValueError, match=r"\(4, 5, 3\), content \(5, 4, 3\)"):
        colour.luminance_transfer(noise(4, 5), noise(5, 4))


@pytest.mark.parametrize("mode", colour.MODES)
def test_match_colour(mode):
    """The mean, the covariance but for epsilon, and the map's own mark."""
    picture, reference = noise(mean=(0.5, 0.3, 0.5)), noise(9, 8, 0.12)[..., [2, 0, 1]]
    found = colour.match_colour(picture, reference, mode)
    assert found.min() > 0.01  # nothing clipped
    assert found.max() < 0.99
    np.testing.assert_allclose(flat(found).mean(0), flat(reference).mean(0), rtol=0, atol=1e-6)
    assert np.abs(covariance(picture) - covariance(reference)).max() > 1e-3
    centred = [flat(p) - flat(p).mean(0) for p in (picture, found)]
    matrix = np.linalg.lstsq(*centred, rcond=None)[0].T
    np.testing.assert_allclose(covariance(found), covariance(reference), rtol=0, atol=1e-4)
    found, expected = covariance(found) + 1e-5 * matrix @ matrix.T, covariance(reference)
    np.testing.assert_allclose(found, expected + 1e-5 * np.eye(3), rtol=0, atol=1e-7)
    values, vectors = np.linalg.eigh(covariance(picture) + 1e-5 * np.eye(3))
    root = vectors * np.sqrt(values) @ vectors.T
    lower = np.abs(np.triu(matrix, 1)).max() < 1e-5
    assert lower == (mode == "cholesky")
    for name, symmetric in (("symmetric", matrix), ("pca", matrix @ root)):
        assert np.allclose(symmetric, symmetric.T, rtol=0, atol=1e-5) == (mode == name)


def test_match_colour_defaults_to_cholesky():
    pictures = noise(), noise(9, 8)
    expected = colour.match_colour(*pictures, "cholesky")
    np.testing.assert_array_equal(colour.match_colour(*pictures), expected)


def test_match_colour_in_an_unknown_mode():
    with pytest.raises(ValueError, match="mode='chol': expected one of cholesky, pca, symmetric"):
        colour.match_colour(noise(), noise(), "chol")


def test_match_histogram():
    picture, reference = noise(), noise(mean=(0.6, 0.4, 0.5))
    found = flat(colour.match_histogram(picture, reference))
    np.testing.assert_allclose(np.sort(found, 0), np.sort(flat(reference), 0), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(np.argsort(found, 0), np.argsort(flat(picture), 0))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_changes_where_both_are_the_same(name):
    picture = RNG.uniform(0, 1, (9, 11, 3)) ** [1, 2, 3]
    np.testing.assert_allclose(FUNCTIONS[name](picture, picture), picture, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_reference_of_another_size(name):
    picture, reference = noise(13, 17, mean=(0.5, 0.5, 0.3)), noise(31, 6)
    found = OF_ANY_SIZE[name](picture, reference)
    assert found.shape == picture.shape
    tolerance = 0.01 if name == "histogram" else 1e-6  # whose quantiles are interpolated
    expected = flat(reference).mean(0)
    np.testing.assert_allclose(flat(found).mean(0), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("reference", PLAIN)
@pytest.mark.parametrize("picture", PLAIN)
def test_plain_pictures(picture, reference, dtype, name):
    given = [PLAIN[key].astype(dtype) for key in (picture, reference)]
    copies = [p.copy() for p in given]
    found = FUNCTIONS[name](*given)
    assert found.dtype == np.float32
    assert found.shape == given[0].shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    for before, after in zip(copies, given, strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", [*colour.MODES, "coral"])
def test_one_colour_becomes_the_mean(name):
    reference = noise()
    for picture in (PLAIN["one colour"], PLAIN["one colour"][:1, :1]):
        found = FUNCTIONS[name](picture, reference)
        expected = np.broadcast_to(flat(reference).mean(0), picture.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


BAD = {
    "grey": (np.zeros((4, 5)), r"float64 \(4, 5\), expected floats \[H, W, 3\]"),
    "alpha": (np.zeros((4, 5, 4)), r"\(4, 5, 4\)"),
    "batch": (np.zeros((1, 4, 5, 3)), r"\(1, 4, 5, 3\)"),
    "empty": (np.zeros((0, 5, 3)), r"\(0, 5, 3\)"),
    "uint8": (np.zeros((4, 5, 3), np.uint8), "uint8"),
    "levels": (np.full((4, 5, 3), 255.0), r"255 to 255, expected \[0, 1\]"),
    "signed": (np.full((4, 5, 3), -1.0), "-1 to -1"),
    "nan": (np.full((4, 5, 3), np.nan), "nan"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("bad", BAD)
def test_not_a_picture(bad, name):
    picture, message = BAD[bad]
    for given in ((picture, PLAIN["colours"]), (PLAIN["colours"], picture)):
        with pytest.raises(InputError, match=message):
            FUNCTIONS[name](*given)
