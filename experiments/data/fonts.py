"""Finds a font that has the letters of a title, in whatever script it is.

Pillow's own font has little more than ASCII. For other letters an installed font is looked for: by
fontconfig where it is there, and among the fonts that systems bring.
"""

import subprocess
import unicodedata
from functools import lru_cache
from typing import Any

from PIL import ImageFont

SIZE = 14  # of titles, pixels
MISSING = "\U0010fffe"  # a character that no font has
SYSTEM = (  # Pillow looks for these where systems keep fonts
    *("NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf", "NanumGothic.ttf", "UnDotum.ttf"),
    *("AppleSDGothicNeo.ttc", "AppleGothic.ttf", "malgun.ttf", "gulim.ttc", "msgothic.ttc"),
    *("msyh.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "Arial Unicode.ttf", "arialuni.ttf"),
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "segoeui.ttf", "arial.ttf", "unifont.otf"),
)


def font_for(title: str) -> tuple[Any, str]:
    """Returns a font and the text that it shows for a title, in one line.

    Where no installed font has all letters, those that Pillow's font lacks are written by their
    number, such as `\\uc0b0`.
    """
    text = unicodedata.normalize("NFC", " ".join(title.split()))
    own = ImageFont.load_default(SIZE)
    letters = "".join(sorted({c for c in text if not c.isascii()}))
    if not text.isprintable():
        return own, _escaped(text)
    font = own if _has(own, letters) else _installed(letters)
    return (own, _escaped(text)) if font is None else (font, text)


def _escaped(text):
    plain = (c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(plain)


@lru_cache(maxsize=256)
def _installed(letters: str) -> Any:
    """Returns an installed font that has some letters; None if there is none."""
    for path in (*_by_fontconfig(letters), *SYSTEM):
        try:
            font = ImageFont.truetype(path, SIZE)
            if _has(font, letters):
                return font
        except (OSError, ValueError):
            continue
    return None


def _by_fontconfig(letters):
    """Returns the files of fonts that have some letters, as `fc-list` knows them."""
    charset = " ".join(f"{ord(letter):x}" for letter in letters)
    command = ["fc-list", f":charset={charset}", "file"]
    try:
        listed = subprocess.run(command, capture_output=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    paths = (line.strip().rstrip(":") for line in listed.decode(errors="replace").splitlines())
    return sorted(path for path in paths if path.lower().endswith((".ttf", ".ttc", ".otf")))[:20]


def _has(font, letters):
    """Returns whether a font has all of some letters, by what it draws for those it lacks."""
    box = _drawn(font, MISSING)
    return all(_drawn(font, letter) != box for letter in letters)


def _drawn(font, letter):
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
