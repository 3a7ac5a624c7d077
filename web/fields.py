"""Reads the fields of a request; says in one sentence what is wrong with one."""

import math
from collections.abc import Iterable, Sequence

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.names import hint
from web.refused import Refused

ALWAYS = ("csrfmiddlewaretoken", "model")


def check_names(request: HttpRequest, fields: Iterable[str], files: Iterable[str] = ()) -> None:
    """Refuses fields that would be ignored, such as misspelled ones.

    Raises:
        Refused: names the field and the nearest one that there is.
    """
    for given, known in ((request.POST, [*fields, *ALWAYS]), (request.FILES, list(files))):
        for name in given:
            if name not in known:
                raise Refused(
                    _("%(name)s: there is no such field here.") % {"name": name[:40]}
                    + hint(name, known)
                )


def number(request: HttpRequest, name: str, default: float, low: float, high: float) -> float:
    """Returns a field as a number from `low` to `high`.

    Raises:
        Refused: it is none.
    """
    text = request.POST.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Refused(
            _("%(name)s: expected a number from %(low)g to %(high)g, got “%(text)s”.")
            % {"name": name, "low": low, "high": high, "text": text[:40]}
        )
    return value


def whole(request: HttpRequest, name: str, default: int, low: int, high: int) -> int:
    """Returns a field as a whole number, see `number`."""
    text = request.POST.get(name, "").strip()
    if text and not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise Refused(
            _("%(name)s: expected a whole number, got “%(text)s”.")
            % {"name": name, "text": text[:40]}
        )
    value = int(text) if text else default
    if not low <= value <= high:
        raise Refused(
            _("%(name)s: expected a whole number from %(low)d to %(high)d, got %(text)s.")
            % {"name": name, "low": low, "high": high, "text": text}
        )
    return value


def choice(request: HttpRequest, name: str, choices: Sequence[str]) -> str:
    """Returns a field that is one of some words; the first is the default.

    Raises:
        Refused: it is another word.
    """
    text = request.POST.get(name, "").strip() or choices[0]
    if text not in choices:
        raise Refused(
            _("%(name)s: expected one of %(choices)s, got “%(text)s”.")
            % {"name": name, "choices": ", ".join(choices), "text": text[:40]}
        )
    return text


def shares(request: HttpRequest, count: int) -> list[float]:
    """Returns `style_weights`, a number from 0 up for each of `count` styles; [] for equal shares.

    Raises:
        Refused: there are not as many, or they cannot be used.
    """
    text = request.POST.get("style_weights", "").strip()
    if not text:
        return []
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    usable = all(math.isfinite(value) and value >= 0 for value in values)
    if len(values) != count or not usable or sum(values) <= 0:
        raise Refused(
            _(
                "style_weights: expected a number from 0 up for each of %(count)d styles, "
                "separated by commas and not all 0, got “%(text)s”."
            )
            % {"count": count, "text": text[:80]}
        )
    return values
