"""Names and errors in messages, and names of files that every program takes."""

import os

import pytest

from core.names import LONGEST, plain_name, reason, short, short_name, shown


def test_one_short_line():
    assert short("conv1.weight") == "conv1.weight"
    assert short("a\nb\x00c\u202e") == "a b c "
    assert short("x" * 60) == "x" * 60 and short("x" * 61) == "x" * 59 + "…"
    assert short(10**50, 8) == "1000000…" and short([1, 2]) == "[1, 2]"
    assert len(short("name" * 10**6, 20)) == 20


def test_an_error_of_a_library():
    assert reason(ValueError("no\nlines")) == "ValueError: no lines"
    assert len(reason(OSError("x" * 5000))) == 200


BYTES = "\udcbb\udcea"  # what a name of the bytes bb ea is in Python


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a b.png", "a b.png"),
        ("겨울 \u200d é 雪", "겨울 \u200d é 雪"),
        (f"{BYTES}.jpg", r"\xbb\xea.jpg"),
        ("a\nb\tc\x1b[31m", r"a\nb\tc\x1b[31m"),
        ("line\u2028end", r"line\u2028end"),
        ("\ud800", r"\ud800"),
    ],
)
def test_shown(name, text):
    assert shown(name) == text
    text.encode()


def test_plain_names_are_kept_and_others_stay_apart():
    for name in ("quick-seasons", "겨울", "a b"):
        assert plain_name(name) == name == short_name(name)
    odd = [plain_name(name) for name in (BYTES, BYTES[::-1], "a\nb", "a\tb", "a-b")]
    assert len(set(odd)) == 5
    for name in odd:
        name.encode()
        assert name.isprintable()


@pytest.mark.parametrize("letter", ["x", "é", "雪", BYTES[0]])
def test_long_names_fit(letter):
    names = [letter * 400 + end for end in "ab"]
    for shorten in (plain_name, lambda name: short_name(name, ".png")):
        short = [shorten(name) for name in names]
        assert len(set(short)) == 2
        for name in short:
            assert LONGEST - 4 < len(os.fsencode(name)) <= LONGEST
    assert short_name("x" * 251, ".png") == "x" * 251 + ".png"
