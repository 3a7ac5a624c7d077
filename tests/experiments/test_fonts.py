"""Titles of sheets in scripts that Pillow's own font lacks."""

import numpy as np
import pytest

from experiments.data import fonts, pictures

BLACK = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def no_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_by_fontconfig", lambda letters: [])
    monkeypatch.setattr(fonts, "SYSTEM", ())
    fonts._installed.cache_clear()
    yield
    fonts._installed.cache_clear()


def test_ascii_is_shown_in_pillows_font():
    font, text = fonts.font_for("  A to  B\n(25%)")
    assert text == "A to B (25%)" and font.getname() == fonts.font_for("x")[0].getname()


@pytest.mark.parametrize("title", ["산과 강", "여름 to 겨울", "森の写真", "Größe", "лес", "Ελλάδα"])
def test_a_title_is_in_a_font_that_has_its_letters_or_escaped(title):
    font, text = fonts.font_for(title)
    assert text == title or text.isascii()
    assert fonts._has(font, "".join(c for c in text if c != " "))


def test_without_a_font_letters_are_written_by_number(no_fonts):
    assert fonts.font_for("산 A")[1] == "\\uc0b0 A"
    sheet = pictures.sheet([[BLACK]], ["산 A"])
    assert np.array_equal(sheet, pictures.sheet([[BLACK]], ["\\uc0b0 A"]))


def test_parts_of_letters_are_put_together():
    import unicodedata

    apart = unicodedata.normalize("NFD", "산")
    assert fonts.font_for(apart)[1] == fonts.font_for("산")[1]


@pytest.mark.parametrize("title", ["\udcbb\udcea", "a\u200bb", "\U0010fffd", "a\x07b"])
def test_what_is_no_letter_is_written_by_number(title):
    _, text = fonts.font_for(title)
    assert text.isascii() and text.isprintable() and "\\" in text
    assert pictures.sheet([[BLACK]], [title]).shape[2] == 3


def test_a_font_without_a_letter_is_told():
    assert not fonts._has(fonts.font_for("x")[0], "A산")
    assert fonts._has(fonts.font_for("x")[0], "Ax")
