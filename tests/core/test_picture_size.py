"""Sizes as text, as numbers and in sentences: the height comes first."""

import pytest

from core.picture_size import as_text, in_words, parse, sides


@pytest.mark.parametrize(
    ("given", "size"),
    [("256", 256), (256, 256), ("256x512", (256, 512)), ("8X16", (8, 16)), ([8, 16], (8, 16)),
     ((8, 16), (8, 16)), ("16x16", 16), ([16, 16], 16)],
)  # fmt: skip
def test_what_is_given(given, size):
    assert parse(given) == size
    assert parse(as_text(size)) == size


@pytest.mark.parametrize(
    "given", ["", "256x", "x256", "axb", "1x2x3", "256.0", 256.0, [], [1, 2, 3], [8.0, 16], None]
)
def test_what_is_no_size(given):
    with pytest.raises(ValueError):
        parse(given)


def test_the_height_comes_first():
    assert sides((8, 16)) == (8, 16) and sides(8) == (8, 8)
    assert in_words((8, 16)) == "8 pixels high and 16 wide"
    assert in_words(8) == "8 pixels"
