"""The inputs of a comparison, its scores, and what its table and curves hold."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import keras
import numpy as np

from core import engine
from core.errors import InputError
from experiments import api
from experiments.compare.worker import PLAN, digest
from experiments.data import files, pictures
from experiments.data.pipeline import test_images
from experiments.metrics import pairs
from experiments.tables import MISSING
from experiments.tasks.stylization import EMBEDDED, digest_pixels, read, stem
from experiments.tasks.subjects import CONTENT_TAPS, STYLE_TAPS
from experiments.training import checkpoint
from experiments.training.writer import read_metrics
from nst.features import perceptual
from nst.weights import load_weights

SMALLEST = 16  # pixels that the scores need
# what is measured: title and format
MEASURES = {
    "content_term": ("content term", ".4g"),
    "style_term": ("style term", ".4g"),
    "psnr": ("PSNR, dB", ".2f"),
    "ssim": ("SSIM", ".4f"),
    "seconds": ("s / picture", ".3g"),
    "memory": ("peak memory, MiB", ".0f"),
}
FACTS = {"parameters": "parameters", "images": "training images"}


class Row(NamedTuple):
    """An input: `files` by what they are, in the order in which a sheet shows them, and the hash of
    the pixels of its style as it was given, see `experiments.compare.methods.Method.learned`."""

    name: str
    files: dict[str, Path]
    style: str = ""


class Cell(NamedTuple):
    """A picture, uint8 `[H, W, 3]`, the record of how it was made, and its scores."""

    picture: np.ndarray
    record: dict[str, Any]
    scores: dict[str, float]


Column = dict[str, Cell]  # by name of the row


# --- inputs


def stylizing(contents: str, styles: Sequence[str], size: int, folder: Path) -> list[Row]:
    """Every content with every style, written to `folder` at the size of the comparison.

    Args:
        contents: a file, a folder or "photos:NAME".
        styles: likewise, each.
        size: of their longer sides, pixels; 0: their own.

    Raises:
        InputError: pictures that cannot be read, are too small or have the same names; others than
            a comparison in this folder was made with.
    """
    found = {
        "content": _prepared("--content", [contents], size, folder / "content"),
        "style": _prepared("--style", styles, size, folder / "style"),
    }
    rows = [
        Row(f"{content.stem}-{style.stem}", {"content": content, "style": style}, pixels)
        for content in found["content"]
        for style, pixels in found["style"].items()
    ]
    if len({row.name for row in rows}) != len(rows):
        raise InputError("--content, --style: two pairs of names are the same with a '-' between; "
                         "rename a picture.")  # fmt: skip
    return rows


def _prepared(flag, sources, size, folder):
    """`{file: hash of the pixels as they were given}`."""
    names = []
    for source in sources:
        names += [source] if source.startswith(EMBEDDED) else files.inputs(flag, source)[0]
    stems = [stem(str(name)) for name in names]
    if twice := [name for name in stems if stems.count(name) > 1]:
        raise InputError(f"{flag}: several pictures are called '{twice[0]}'; rename them.")
    found = {}
    for name in names:
        picture = read(name)
        pixels = digest_pixels(picture)
        picture = pictures.fit_side(picture, size, max) if size else picture
        if min(picture.shape[:2]) < SMALLEST:
            height, width = picture.shape[:2]
            raise InputError(
                f"{flag}: '{name}' has {width}x{height} pixels here, expected "
                f"{SMALLEST} or more. Leave it out or give a larger --size."
            )
        found[_keep(folder / f"{stem(str(name))}.png", picture)] = pixels
    return found


def _keep(path, picture):
    """Writes an input; once a method has begun, finds out that it is the one that is there."""
    output = path.parents[2]
    if path.exists() and any(output.glob(f"*/{PLAN}")):
        before = pictures.read(path)
        if before.shape != picture.shape or (before != picture).any():
            raise InputError(
                f"the input {path.stem} is not the one of the comparison in {output}: its pixels "
                "or its size differ. Restore it, or give another --output."
            )
    else:
        pictures.write_png(path, picture)
    return path


def translating(config, direction: str, count: int, folder: Path, say) -> list[Row]:
    """Test images of a configuration with the truth where it is known, written to `folder`.

    Args:
        config: RunConfig, of a model that translates.
        direction: "AtoB" or "BtoA".
        count: of the images, evenly spaced.
        say: takes lines for a person.

    Raises:
        InputError: the data set cannot be had; others than before, as of `stylizing`.
    """
    dataset, (source, target) = api.open_data(config, say), (direction[0], direction[-1])
    found = {source: test_images(dataset, config.data, source, count)}
    if len(found[source]) != dataset.test[source].size:
        say(f"--count={count}: {len(found[source])} of {dataset.test[source].size} test images, "
            "evenly spaced")  # fmt: skip
    if dataset.truth:
        found["truth"] = test_images(dataset, config.data, target, count)
    names = [f"{direction}-{i:03d}" for i in range(len(found[source]))]
    return [
        Row(name, {role: _keep(folder / role / f"{name}.png", images[i])
                   for role, images in found.items()})
        for i, name in enumerate(names)
    ]  # fmt: skip


def plan(method, rows: Sequence[Row], folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What `experiments.compare.worker.make` takes.

    Args:
        method: of `experiments.compare.methods`.
        rows: those that it can do.
        folder: for its pictures.
        options: "preset", "changes" and "direction".
    """
    if method.run_dir:
        (path,) = checkpoint.chosen(method.run_dir, method.checkpoint)
        own = {"checkpoint": digest(path), "direction": options["direction"]}
    else:
        own = {"preset": options["preset"], "settings": options["changes"]}
    own |= {
        "backend": keras.backend.backend(),
        "device": engine.describe_devices(),
        "precision": method.config.precision,
    }
    return {
        "folder": str(folder),
        "model": method.config.model,
        "run_dir": str(method.run_dir) if method.run_dir else "",
        "checkpoint": method.checkpoint,
        **options,
        "cells": [_cell(method, row, own) for row in rows],
    }


def _cell(method, row, own):
    roles = {role: path for role, path in row.files.items() if role != "truth"}
    inputs = {k if "style" in roles else "source": str(path) for k, path in roles.items()}
    if method.styles is not None:
        inputs["learned"] = method.learned(roles["style"].stem, row.style)
    digests = {role: digest(path) for role, path in roles.items()}
    return {"name": row.name, "inputs": inputs, "made_from": digests | own}


# --- scores


class Scores:
    """Of pictures by what their input has: a style, or the truth."""

    def __init__(self, weights: str | None):
        """Args:
        weights: of VGG, see `nst.weights.load_weights`; None where there are no styles.

        Raises:
            InputError: they cannot be had.
        """
        self.network = ""
        if weights:
            found = load_weights(weights)
            self.network = f"{found.network} with the weights {weights}"
            self.content = perceptual(found, CONTENT_TAPS)
            self.style = perceptual(found, STYLE_TAPS)

    def __call__(self, row: Row, picture: np.ndarray) -> dict[str, float]:
        """The names are of `MEASURES`."""
        given = {role: pictures.read(path) for role, path in row.files.items()}
        if "style" in given:
            return {
                "content_term": pairs.content_term(self.content, picture, given["content"], "mean"),
                "style_term": pairs.style_term(self.style, picture, given["style"], "johnson"),
            }
        if "truth" not in given:
            return {}
        one, truth = picture[None], given["truth"][None]
        return {"psnr": pairs.psnr(one, truth), "ssim": pairs.ssim(one, truth)}


def common(columns: dict[str, Column], rows: Sequence[Row]) -> list[str]:
    """Names of the rows that all columns have which have any."""
    filled = [column for column in columns.values() if column]
    return [row.name for row in rows if all(row.name in column for column in filled)]


def measures(columns: dict[str, Column]) -> list[str]:
    """Those of `MEASURES` that are taken."""
    cells = [cell for column in columns.values() for cell in column.values()]
    taken = {"seconds", "memory"}.union(*(cell.scores for cell in cells))
    return [key for key in MEASURES if key in taken]


def summary(column: Column, names: Sequence[str]) -> dict[str, float]:
    """A column in numbers: `MEASURES` over the rows `names`, none of them without any, and `FACTS`,
    none of them without a cell."""
    if not column:
        return {}
    found = {name: next(iter(column.values())).record[name] for name in FACTS}
    if not names:
        return found
    cells = [column[name] for name in names]
    found |= {key: float(np.mean([cell.scores[key] for cell in cells])) for key in cells[0].scores}
    found["seconds"] = median(cell.record["seconds"] for cell in cells)
    found["memory"] = max(cell.record["memory"] for cell in cells) / 2**20
    return found


def table(methods, columns: dict[str, Column], rows: Sequence[Row]) -> tuple[list, list]:
    """`(header, rows)`, text."""
    names = common(columns, rows)
    found = {method.name: summary(columns[method.name], names) for method in methods}
    keys = measures(columns)
    header = ["method", *(MEASURES[key][0] for key in keys), *FACTS.values(), "pictures"]
    lines = []
    for method in methods:
        values = found[method.name]
        line = [format(values[k], MEASURES[k][1]) if k in values else MISSING for k in keys]
        facts = {k: values[k] for k in FACTS if k in values}
        if method.run_dir and not facts.get("images"):  # imported
            facts.pop("images", None)
        line += [f"{facts[k]:,}" if k in facts else MISSING for k in FACTS]
        lines.append([method.name, *line, f"{len(columns[method.name])} of {len(rows)}"])
    return header, lines


# --- curves


def curves(method, folder: Path) -> list[tuple[int, dict[str, float]]]:
    """`(images, values by tag)` of the training of a method; of one that optimises (iterations) the
    means over its pictures.

    A tag begins with the model, whose loss it is, but for the metrics of trained runs, which are
    the same for all.
    """
    runs = [method.run_dir] if method.run_dir else sorted((folder / "runs").glob("*"))
    found = {}
    for run_dir in runs:
        for row in read_metrics(run_dir):
            for name in row.keys() - {"images", "time"}:
                same = method.run_dir and name.startswith("metrics/")
                tag = name if same else f"{method.config.model}/{name}"
                found.setdefault(row["images"], {}).setdefault(tag, []).append(row[name])
    return [
        (images, {tag: float(np.mean(values)) for tag, values in tags.items()})
        for images, tags in sorted(found.items())
    ]
