"""A page that stylises in the browser: static files, the runtime, and styles with their numbers."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from core.tensors import to_numpy
from experiments.data import pictures
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.runtime import FILES, copy_runtime

STATIC = ("index.html", "page.css", "page.js", "pictures.js", "worker.js", "offline.js")
STYLES = "styles.json"  # beside a folder of small pictures
THUMBNAIL = 160  # height and width of these, pixels
PAGE = (*STATIC, *FILES, STYLES, "styles")


def write_page(parts: Sequence[Part], folder: Path, options: Options) -> None:
    """Writes all but the networks.

    Args:
        parts: a style to its numbers, and a content with numbers to a picture.
        folder: has the networks.
        options: has the styles.
    """
    source = resources.files(__package__) / "page"
    for name in STATIC:
        (folder / name).write_bytes((source / name).read_bytes())
    copy_runtime(folder)
    describe, slot = assemble(parts[0]), parts[0].inputs[0]
    (folder / "styles").mkdir()
    rows = []
    for i, (name, picture) in enumerate(options.styles):
        made = describe({slot.name: pictures.to_unit(picture)[None]}, training=False)
        numbers = to_numpy(made[parts[0].output.name])[0]
        shown, place = pictures.fit(picture, THUMBNAIL, "crop"), f"styles/{i}.jpg"
        Image.fromarray(shown).save(folder / place, quality=85)
        rows.append({"name": name, "picture": place, "numbers": _short(numbers)})
    text = json.dumps({"side": slot.side, "styles": rows}, ensure_ascii=False)
    (folder / STYLES).write_text(text, encoding="utf-8")


def _short(numbers: np.ndarray) -> list[float]:
    """Numbers that JSON writes with as many digits as float32 has."""
    return [float(f"{x:.9g}") for x in numbers.tolist()]
