"""The Korean texts: none is missing, and the compiled file is that of the text file."""

import gettext
import re
from pathlib import Path

WEB = Path(__file__).parents[2] / "web"
FOLDER = WEB / "locale/ko/LC_MESSAGES"


def entries():
    """msgid -> msgstr of the .po file, whose texts are a line each."""
    text = (FOLDER / "django.po").read_text(encoding="utf-8")
    return dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', text, re.MULTILINE))


def test_every_text_has_a_translation():
    assert len(entries()) > 100
    assert [text for text, korean in entries().items() if not korean] == []
    placeholders = re.compile(r"%\(\w+\)[.\d]*[a-z]")
    for text, korean in entries().items():
        assert sorted(placeholders.findall(text)) == sorted(placeholders.findall(korean)), text


def test_the_compiled_file_belongs_to_the_text():
    with open(FOLDER / "django.mo", "rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    assert {k: v for k, v in compiled.items() if k} == entries()


def test_every_text_of_the_pages_is_known():
    known = entries()
    for path in WEB.rglob("*.html"):
        for text in re.findall(r"""{% translate ["']([^"']+)["'] %}""", path.read_text()):
            assert text in known, path
    for path in WEB.rglob("*.py"):
        for text in re.findall(r'\b(?:_|gettext_\w+)\(\s*"([^"]+)"\s*\)', path.read_text()):
            assert text in known, path
