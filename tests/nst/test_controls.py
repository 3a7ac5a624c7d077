"""Shares of styles, masks and colours: what every method accepts and refuses."""

import numpy as np
import pytest

from nst.controls import (
    COLOURS,
    check_colours,
    check_masks,
    colour_result,
    colour_style,
    style_shares,
)

RNG = np.random.default_rng(0)
STYLE = RNG.uniform(0, 0.4, (12, 20, 3)).astype("float32")
CONTENT = (RNG.uniform(0, 0.3, (31, 17, 3)) + (0.4, 0.5, 0.6)).astype("float32")


@pytest.mark.parametrize(
    ("count", "weights", "shares"),
    [
        (1, None, [1]),
        (4, None, [0.25] * 4),
        (2, [], [0.5, 0.5]),
        (2, (3, 1), [0.75, 0.25]),
        (3, np.array([0, 0, 7.0]), [0, 0, 1]),
    ],
)
def test_shares_sum_to_1(count, weights, shares):
    np.testing.assert_allclose(style_shares(count, weights), shares, rtol=1e-12)


@pytest.mark.parametrize(
    ("count", "weights", "message"),
    [
        (2, (1,), "1 style weights for 2 styles"),
        (1, (1, 2), "2 style weights for 1 styles"),
        (2, (0, 0), "style weights 0, 0: expected numbers from 0 up that do not sum to zero"),
        (2, (2, -1), "style weights 2, -1"),
        (2, (1, float("inf")), "style weights 1, inf"),
        (0, None, "style"),
    ],
)
def test_shares_that_cannot_be(count, weights, message):
    with pytest.raises(ValueError, match=message):
        style_shares(count, weights)


def test_masks_are_one_for_each_style_and_let_something_through():
    grey = np.full((4, 5), 0.1)
    check_masks([grey, grey], 2)
    with pytest.raises(ValueError, match="1 masks for 2 styles: expected one for each style"):
        check_masks([grey], 2)
    with pytest.raises(ValueError, match="mask 2 is black everywhere"):
        check_masks([grey, 0 * grey], 2)
    for bad in (np.inf, np.nan, 2.0):
        with pytest.raises(ValueError, match="mask 2: .*, expected 0 to 1"):
            check_masks([grey, bad + grey], 2)


def test_colours_by_name():
    for colours in COLOURS:
        check_colours(colours)
    with pytest.raises(ValueError, match="colours='corel': expected one of style, luminance"):
        check_colours("corel")


@pytest.mark.parametrize("colours", COLOURS)
def test_what_comes_before_and_what_after(colours):
    """The style's colours are changed beforehand or the result's afterwards, never both."""
    before = colour_style(STYLE, CONTENT, colours)
    assert before.shape == STYLE.shape and before.min() >= 0 and before.max() <= 1
    result = RNG.uniform(0.2, 0.8, CONTENT.shape).astype("float32")
    after = colour_result(result, CONTENT, colours)
    assert np.array_equal(after, result) == (colours != "luminance")
    if colours in ("style", "luminance"):
        assert np.array_equal(before, STYLE)
    else:
        np.testing.assert_allclose(before.mean((0, 1)), CONTENT.mean((0, 1)), atol=0.01)
        np.testing.assert_allclose(before.std((0, 1)), CONTENT.std((0, 1)), rtol=0.05)
