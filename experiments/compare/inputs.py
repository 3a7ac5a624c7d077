"""Prepares the inputs of a comparison, scores its pictures, and fills its table and curves."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import keras
import numpy as np

from core import engine
from core.errors import InputError
from core.names import plain_name, short_name
from experiments import api
from experiments.compare.methods import Method
from experiments.compare.worker import PLAN, RECORD_SUFFIX, digest
from experiments.data import files, pictures
from experiments.data.pipeline import test_images
from experiments.data.styles import EMBEDDED, digest_pixels, read, stem
from experiments.metrics import pairs
from experiments.metrics.picture_scores import CONTENT_TAPS, STYLE_TAPS
from experiments.model import Say
from experiments.tables import MISSING
from experiments.tasks.vgg import vgg_weights
from experiments.training import checkpoint
from experiments.training.config import RunConfig
from experiments.training.writer import read_metrics
from nst.features import feature_network

SMALLEST = 16  # pixels of a side that the scores need
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
    """An input of a comparison.

    Attributes:
        name: the name of the row.
        files: its picture files by role, in the order in which a sheet shows them.
        style: the hash of the style's pixels before it was resized, see
            `experiments.compare.methods.Method.learned`.
    """

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


def stylizing(contents: str, styles: Sequence[str], size: int, folder: Path, say: Say) -> list[Row]:
    """Returns a row for every content with every style, written to `folder` at the given size.

    Args:
        contents: a file, a folder or "photos:NAME".
        styles: files, folders or "photos:NAME".
        size: the longer side of each picture in pixels; 0 keeps its own size.
        folder: the folder for the pictures.
        say: called with a line on files that are passed over.

    Raises:
        InputError: a picture cannot be read, is too small or has the same name as another, or the
            comparison in this folder was made with other pictures.
    """
    inputs = {
        "content": _prepared("--content", [contents], size, folder / "content", say),
        "style": _prepared("--style", styles, size, folder / "style", say),
    }
    rows = [
        Row(_row_name(content, style), {"content": content, "style": style}, pixels)
        for content in inputs["content"]
        for style, pixels in inputs["style"].items()
    ]
    if len({row.name for row in rows}) != len(rows):
        raise InputError(
            "--content, --style: two pairs of names are the same with a '-' between; "
            "rename a picture."
        )
    return rows


def _row_name(content, style):
    """Returns the name of a row, to which the names of its files add a suffix."""
    return short_name(f"{content.stem}-{style.stem}", RECORD_SUFFIX).removesuffix(RECORD_SUFFIX)


def _prepared(flag, sources, size, folder, say):
    """Writes the pictures of a flag; returns `{file: hash of its pixels before resizing}`."""
    names: list[str | Path] = []
    for source in sources:
        names += [source] if source.startswith(EMBEDDED) else files.inputs(flag, source, say)[0]
    stems = [stem(str(name)) for name in names]
    if twice := [name for name in stems if stems.count(name) > 1]:
        raise InputError(f"{flag}: several pictures are called '{twice[0]}'; rename them.")
    hashes = {}
    for name in names:
        picture = read(name)
        pixels = digest_pixels(picture)
        picture = pictures.fit_side(picture, size, max) if size else picture
        if min(picture.shape[:2]) < SMALLEST:
            height, width = picture.shape[:2]
            raise InputError(
                f"{flag}: '{name}' has {width}x{height} pixels here, expected "
                f"{SMALLEST} or more. Leave it out or give a larger --longer_side."
            )
        file = short_name(plain_name(stem(str(name))), ".png")
        hashes[_keep(folder / file, picture)] = pixels
    return hashes


def _keep(path, picture):
    """Writes an input. Once a method has begun, refuses one that differs from the file there."""
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


def translating(config: RunConfig, direction: str, count: int, folder: Path, say: Say) -> list[Row]:
    """Returns a row for each test image, with its true counterpart where there is one.

    Args:
        config: the configuration of a model that translates.
        direction: "AtoB" or "BtoA".
        count: how many test images, evenly spaced over the test set.
        folder: the folder that the images are written to.
        say: called with each line for the user.

    Raises:
        InputError: the data set is not available, or the comparison in this folder was made with
            other images.
    """
    dataset: Any = api.open_data(config, say)  # a model that translates has one
    source, target = direction[0], direction[-1]
    shown = {source: test_images(dataset, config.data, source, count)}
    if len(shown[source]) != dataset.test[source].size:
        say(
            f"--count={count}: {len(shown[source])} of {dataset.test[source].size} test images, "
            "evenly spaced"
        )
    if dataset.truth:
        shown["truth"] = test_images(dataset, config.data, target, count)
    names = [f"{direction}-{i:03d}" for i in range(len(shown[source]))]
    return [
        Row(
            name,
            {
                role: _keep(folder / role / f"{name}.png", images[i])
                for role, images in shown.items()
            },
        )
        for i, name in enumerate(names)
    ]


def plan(
    method: Method, rows: Sequence[Row], folder: Path, options: dict[str, Any]
) -> dict[str, Any]:
    """Returns the plan of a column, as `experiments.compare.worker.make` takes it.

    Args:
        method: the method of the column.
        rows: the inputs that it can take.
        folder: the folder for its pictures.
        options: a dictionary with "preset", "changes" and "direction".
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
    """Scores pictures against their content and style, or against the true picture."""

    def __init__(self, weights: str | None):
        """Loads the network that the scores need.

        Args:
            weights: the weights of VGG, see `nst.weights.load_weights`; None where the inputs have
                no styles.

        Raises:
            InputError: the weights are not available.
        """
        self.network = ""
        if weights:
            vgg = vgg_weights(weights)
            self.network = f"{vgg.network} with the weights {weights}"
            self.content = feature_network(vgg, CONTENT_TAPS)
            self.style = feature_network(vgg, STYLE_TAPS)

    def __call__(self, row: Row, picture: np.ndarray) -> dict[str, float]:
        """Returns the scores of a picture, uint8 `[H, W, 3]`, by key of `MEASURES`."""
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
    """Returns the names of the rows that every column has, apart from columns without any row."""
    filled = [column for column in columns.values() if column]
    return [row.name for row in rows if all(row.name in column for column in filled)]


def measures(columns: dict[str, Column]) -> list[str]:
    """Returns the keys of `MEASURES` for which at least one cell has a value."""
    cells = [cell for column in columns.values() for cell in column.values()]
    taken = {"seconds", "memory"}.union(*(cell.scores for cell in cells))
    return [key for key in MEASURES if key in taken]


def summary(column: Column, names: Sequence[str]) -> dict[str, float]:
    """Returns the numbers of a column by name.

    Args:
        column: the cells of a method.
        names: the rows to summarise. Without any, the measures are left out.

    Returns:
        Its `FACTS`, and its `MEASURES` over the named rows; empty for a column without cells.
    """
    if not column:
        return {}
    numbers = {name: next(iter(column.values())).record[name] for name in FACTS}
    if not names:
        return numbers
    cells = [column[name] for name in names]
    numbers |= {
        key: float(np.mean([cell.scores[key] for cell in cells])) for key in cells[0].scores
    }
    numbers["seconds"] = median(cell.record["seconds"] for cell in cells)
    numbers["memory"] = max(cell.record["memory"] for cell in cells) / 2**20
    return numbers


def table(
    methods: Sequence[Method], columns: dict[str, Column], rows: Sequence[Row]
) -> tuple[list, list]:
    """Returns `(header, rows)` of the table, as text."""
    names = common(columns, rows)
    summaries = {method.name: summary(columns[method.name], names) for method in methods}
    keys = measures(columns)
    header = ["method", *(MEASURES[key][0] for key in keys), *FACTS.values(), "pictures"]
    lines = []
    for method in methods:
        values = summaries[method.name]
        line = [format(values[k], MEASURES[k][1]) if k in values else MISSING for k in keys]
        facts = {k: values[k] for k in FACTS if k in values}
        if method.run_dir and not facts.get("images"):  # imported
            facts.pop("images", None)
        line += [f"{facts[k]:,}" if k in facts else MISSING for k in FACTS]
        lines.append([method.name, *line, f"{len(columns[method.name])} of {len(rows)}"])
    return header, lines


# --- curves


def curves(method: Method, folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Returns the training curves of a method as a list of `(images, values by tag)`.

    For a method that optimises, images are iterations and the values are means over its pictures.
    The tag of a loss begins with the model that it belongs to. The metrics of trained runs are the
    same for all models, so their tags do not.
    """
    runs = [method.run_dir] if method.run_dir else sorted((folder / "runs").glob("*"))
    series: dict[int, dict[str, list[float]]] = {}
    for run_dir in runs:
        for row in read_metrics(run_dir):
            for name in row.keys() - {"images", "time"}:
                same = method.run_dir and name.startswith("metrics/")
                tag = name if same else f"{method.config.model}/{name}"
                series.setdefault(row["images"], {}).setdefault(tag, []).append(row[name])
    return [
        (images, {tag: float(np.mean(values)) for tag, values in tags.items()})
        for images, tags in sorted(series.items())
    ]
