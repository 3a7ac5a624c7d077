"""A picture of one kind as one of another kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.http import HttpRequest

from experiments.data import pictures
from experiments.model import Run
from web import fields
from web.kinds import stylize
from web.options import Options
from web.registry import Entry


def read(request: HttpRequest, entry: Entry, folder: Path, options: Options) -> dict[str, Any]:
    """Writes the picture into the folder of the job; returns the direction.

    Raises:
        Refused: something is missing or cannot be used.
    """
    fields.check_names(request, ("direction", "size"), ("content",))
    direction = fields.choice(request, "direction", entry.directions)
    largest = options.max_side
    side = fields.whole(request, "size", min(stylize.SIZE, largest), 64, largest)
    stylize.receive_content(request, folder, side, options)
    return {"direction": direction}


def work(run: Run, folder: Path, values: dict[str, Any], tell: Callable[[float], None]) -> None:
    """Writes the translated picture as result.png."""
    made = run.translate(pictures.read(folder / "content.png"), values["direction"])
    tell(0.9)
    pictures.write_png(folder / "result.png", made)
