"""A photograph in the style of one picture or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from experiments.data import pictures
from experiments.model import Run
from nst.controls import COLOURS
from web import fields, uploads
from web.options import Options
from web.refused import Refused
from web.registry import Entry

SIZE = 768  # the longer side of a result, if none is asked for
CONTROLS = ("alpha", "colours", "size", "style_weights")


def read(request: HttpRequest, entry: Entry, folder: Path, options: Options) -> dict[str, Any]:
    """Writes content and styles into the folder of the job; returns the controls.

    Raises:
        Refused: something is missing or cannot be used.
    """
    fields.check_names(request, CONTROLS, ("content", "style"))
    styles = request.FILES.getlist("style")
    if not styles:
        raise Refused(_("style: the picture whose style is wanted is missing."))
    if len(styles) > options.max_styles:
        raise Refused(
            _("style: %(count)d pictures came; at most %(limit)d can be mixed.")
            % {"count": len(styles), "limit": options.max_styles}
        )
    values = controls(request, len(styles), options)
    receive_content(request, folder, values["size"], options)
    for i, style in enumerate(styles):
        what = "style" if len(styles) == 1 else f"style {i + 1}"
        picture = pictures.fit_side(uploads.receive(style, what, options), entry.style_size)
        pictures.write_png(folder / f"style{i}.png", picture)
    return values | {"styles": len(styles)}


def controls(request: HttpRequest, count: int, options: Options) -> dict[str, Any]:
    """Returns what a request says about strength, colours, size and shares of `count` styles."""
    return {
        "alpha": fields.number(request, "alpha", 1.0, 0.0, 1.0),
        "colours": fields.choice(request, "colours", COLOURS),
        "size": fields.whole(request, "size", min(SIZE, options.max_side), 64, options.max_side),
        "style_weights": fields.shares(request, count),
    }


def receive_content(request: HttpRequest, folder: Path, side: int, options: Options) -> None:
    """Writes the content of a request as content.png, its longer side at most `side` pixels.

    Raises:
        Refused: it is missing or cannot be used.
    """
    contents = request.FILES.getlist("content")
    if len(contents) != 1:
        raise Refused(_("content: expected one photograph, got %(n)d.") % {"n": len(contents)})
    picture = uploads.receive(contents[0], "content", options)
    pictures.write_png(folder / "content.png", uploads.limited(picture, side))


def work(run: Run, folder: Path, values: dict[str, Any], tell: Callable[[float], None]) -> None:
    """Writes the stylised content as result.png."""
    styles = [pictures.read(folder / f"style{i}.png") for i in range(values["styles"])]
    write_stylised(run, folder, values, styles, tell)


def write_stylised(
    run: Run,
    folder: Path,
    values: dict[str, Any],
    styles: list,
    tell: Callable[[float], None],
) -> None:
    """Writes the content in some styles, given as `Run.stylize` takes them, as result.png."""
    content = pictures.read(folder / "content.png")
    made = run.stylize(
        content,
        styles,
        alpha=values["alpha"],
        style_weights=values["style_weights"] or None,
        colours=values["colours"],
    )
    tell(0.9)
    pictures.write_png(folder / "result.png", made)
