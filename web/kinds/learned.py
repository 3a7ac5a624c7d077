"""A photograph in styles that a network has learned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.http import HttpRequest

from core.errors import InputError
from experiments.data.styles import style_number
from experiments.model import Run
from web import fields
from web.kinds import stylize
from web.options import Options
from web.refused import Refused
from web.registry import Entry


def read(request: HttpRequest, entry: Entry, folder: Path, options: Options) -> dict[str, Any]:
    """Writes the content into the folder of the job; returns the styles and controls.

    Raises:
        Refused: something is missing or cannot be used.
    """
    fields.check_names(request, ("styles", *stylize.CONTROLS), ("content",))
    try:
        styles = [style_number(style, entry.styles) for style in request.POST.getlist("styles")]
    except InputError as error:
        raise Refused(error) from None
    values = stylize.controls(request, len(styles or [0]), options)
    stylize.receive_content(request, folder, values["size"], options)
    return values | {"styles": styles or [0]}


def work(run: Run, folder: Path, values: dict[str, Any], tell: Callable[[float], None]) -> None:
    """Writes the stylised content as result.png."""
    stylize.write_stylised(run, folder, values, values["styles"], tell)
