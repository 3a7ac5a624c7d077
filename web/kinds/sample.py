"""Pictures from noise: of a seed, with the styles of another one, or a walk between seeds."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.http import HttpRequest
from django.utils.translation import gettext as _

from experiments.data import clip_writers, pictures
from experiments.metrics.sampling import MAX_SEED
from experiments.model import Run
from web import fields
from web.options import Options
from web.refused import Refused
from web.registry import Entry

MOST = 16  # pictures in a sheet
STOPS = 4  # seeds on a walk
FRAMES = 48
FPS = 12
SHOWN = 256  # pixels that a small picture is enlarged to, at least
WAYS = ("pictures", "mix", "walk")
LEVELS = ("coarse", "middle", "fine")
FIELDS = ("way", "seed", "seed_b", "count", "levels", "truncation")


def read(request: HttpRequest, entry: Entry, folder: Path, options: Options) -> dict[str, Any]:
    """Returns what is to be made; there are no files.

    Raises:
        Refused: a value cannot be used, or not by this model.
    """
    fields.check_names(request, FIELDS)
    values: dict[str, Any] = {
        "way": fields.choice(request, "way", WAYS),
        "seed": fields.whole(request, "seed", 0, 0, MAX_SEED - MOST),
        "seed_b": fields.whole(request, "seed_b", 1, 0, MAX_SEED),
        "count": fields.whole(request, "count", 1, 1, MOST),
        "levels": fields.choice(request, "levels", LEVELS),
        "truncation": fields.number(request, "truncation", 1.0, -1.0, 1.0),
    }
    if not entry.mixes and (values["way"] == "mix" or values["truncation"] != 1):
        raise Refused(_("This model has no styles that could be mixed or truncated."))
    return values


def work(run: Run, folder: Path, values: dict[str, Any], tell: Callable[[float], None]) -> None:
    """Writes the pictures as result.png, or the walk as result.gif."""
    psi = values["truncation"]
    truncation = {} if psi == 1 else {"truncation": psi}
    if values["way"] == "walk":
        _write_walk(run, folder, values, truncation)
        return
    if values["way"] == "mix":
        made = _mixed(run, values, truncation)
    else:
        made = list(
            run.sample(range(values["seed"], values["seed"] + values["count"]), **truncation)
        )
    tell(0.9)
    columns = 3 if values["way"] == "mix" else math.ceil(math.sqrt(len(made)))
    rows = [made[i : i + columns] for i in range(0, len(made), columns)]
    gap = 0 if len(made) == 1 else 2
    sheet = pictures.sheet(rows, gap=gap, scale=_scale(made[0]))
    pictures.write_png(folder / "result.png", sheet)


def _scale(picture):
    """Returns by how much a small picture is enlarged, a whole number."""
    return max(1, SHOWN // max(picture.shape[:2]))


def _write_walk(run, folder, values, truncation):
    from experiments.tasks.animation import walk

    seeds = [values["seed"], values["seed_b"]]
    made = pictures.to_rgb(walk(run, seeds, FRAMES, **truncation))  # GIF has no opacity
    scale = _scale(made[0])
    frames = made.repeat(scale, 1).repeat(scale, 2)
    clip_writers.write_whole(
        folder / "result.gif", lambda file: clip_writers.write_gif(file, frames, FPS)
    )


def _mixed(run, values, truncation):
    """Returns the pictures of both seeds, and the first with styles of the second."""
    from experiments.tasks.figures import STYLES
    from experiments.tasks.seeds import sampler

    ranges = {name: (first, end) for name, first, end in STYLES}
    first, end = ranges[values["levels"]]
    made = sampler(run)
    ws = made.ws([values["seed"], values["seed_b"]], **truncation)
    mixed = np.copy(ws[0])
    mixed[first:end] = ws[1][first:end]
    return list(made.from_ws(np.stack([ws[0], ws[1], mixed])))
