"""Reads the recorded scores of runs, and the manifest that says which runs a table is made of."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock

from core.errors import InputError
from core.files import read_json, write_json_whole
from core.paths import user_path
from experiments import tables


def recorded(run_dir: Path) -> dict[str, float]:
    """Returns the scores of a run at the end of its training, by name.

    They are read from `metrics.jsonl`, and from the lines of `evaluations.jsonl` that were measured
    with the last checkpoint on the run's own data set.

    Raises:
        InputError: a line is damaged; the message names the file and the line.
    """
    from experiments.training.declared import check_evaluation
    from experiments.training.rundir import read_config, read_lines

    rows, scores = read_lines(run_dir / "metrics.jsonl"), {}
    end = _last(rows)
    for row in rows:
        if row["images"] == end:
            scores |= {key.removeprefix("metrics/"): value for key, value in row.items()}
    config = read_config(run_dir / "config.json")["config"]
    own = {
        "images": end,
        "checkpoint": "last",
        "dataset": config.get("data.dataset"),
        "size": config.get("data.size"),
    }
    for line in read_lines(run_dir / "evaluations.jsonl", check_evaluation):
        if all(line.get(key) == value for key, value in own.items()):
            scores |= line["values"]
    return scores


def last(run_dir: Path) -> int:
    """Returns the count of images in the last line that a run's training recorded, 0 without any.

    Raises:
        InputError: see `recorded`.
    """
    from experiments.training.rundir import read_lines

    return _last(read_lines(run_dir / "metrics.jsonl"))


def _last(rows):
    return max((row["images"] for row in rows), default=0)


def curve(run_dir: Path) -> dict[int, dict[str, float]]:
    """Returns the metrics that a run took during training, by count of images and name.

    Raises:
        InputError: see `recorded`.
    """
    from experiments.training.rundir import read_lines

    by_images = {}
    for row in read_lines(run_dir / "metrics.jsonl"):
        own = {k.removeprefix("metrics/"): v for k, v in row.items() if k.startswith("metrics/")}
        if own:
            by_images.setdefault(row["images"], {}).update(own)
    return by_images


def spread(runs: Sequence[dict[str, float]], name: str) -> str:
    """Returns "mean ± sample standard deviation" of a score; adds n if not all runs have it."""
    values = [scores[name] for scores in runs if scores.get(name) is not None]
    if not values:
        return tables.MISSING
    text = f"{statistics.fmean(values):.4g}"
    if len(values) > 1:
        finite = all(map(math.isfinite, values))
        text += f" ± {statistics.stdev(values) if finite else math.nan:.2g}"
    return text + (f" (n = {len(values)})" if len(values) < len(runs) else "")


class Manifest:
    """The file `manifest.json`: which runs belong to which cell, and how they were launched.

    Attributes:
        scale: "small" or "paper".
        own: changes of the configuration for all cells, given by flags and not by the table.
        cells: the run directories of each cell, relative to the folder of the table or absolute.
    """

    def __init__(self, folder: Path, table, scale: str | None, own: dict[str, Any], *, begin: bool):
        """Reads the manifest of a folder, or begins one.

        Args:
            folder: the folder of the table.
            table: its `scripts.paper_tables.Table`.
            scale: the scale that is asked for, which must be that of the manifest; None accepts
                any.
            own: the changes that are asked for, which must be those of the manifest; empty accepts
                any if nothing is launched.
            begin: begin a manifest if there is none.

        Raises:
            InputError: there is no manifest, it is damaged or belongs to another table, or it was
                begun with another scale or other settings.
        """
        self.folder, self.path = Path(folder), Path(folder) / "manifest.json"
        self.table, self.scale, self.own, self.cells = table.name, scale or "small", own, {}
        if self.path.exists():
            self._read(table)
            self._compare(scale, own, begin)
        elif not begin:
            raise InputError(
                f"--run_dir={folder}: no manifest.json there. Give --launch, or the "
                "folder of a table that was launched."
            )

    def _read(self, table):
        content = read_json(self.path)
        try:
            self.table, self.scale = str(content["table"]), str(content["scale"])
            self.own, self.cells = dict(content["own"]), dict(content["cells"])
            wrong = [
                cell
                for cell, names in self.cells.items()
                if cell not in table.cells()
                or not all(isinstance(n, str) for n in names)
                or isinstance(names, str)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.path}: not the manifest of a table ({error!r}). Restore it, "
                "or give another --run_dir."
            ) from error
        if self.table != table.name or self.scale not in table.scales:
            raise InputError(
                f"{self.path}: is of the table {self.table} at scale {self.scale}, "
                f"expected {table.name} at {' or '.join(table.scales)}. Give another "
                "--run_dir."
            )
        if wrong:
            raise InputError(
                f"{self.path}, cell {wrong[0]}: expected a list of run directories of "
                f"some of {', '.join(table.cells())}."
            )

        for cell in self.cells:
            paths = [path.resolve() for path in self.runs(cell)]
            if len(set(paths)) < len(paths):
                raise InputError(f"{self.path}, cell {cell}: names a run twice. Take one out.")

    def _compare(self, scale, own, begin):
        if scale not in (None, self.scale):
            raise InputError(
                f"--scale={scale}: {self.path} was begun with {self.scale}. Give another --run_dir."
            )
        if own != self.own and (own or begin):
            raise InputError(
                f"{self.path} was begun with {self.own or 'no settings'}, got "
                f"{own or 'none'}. Give the same, or another --run_dir."
            )

    def add(self, cell: str, name: str) -> None:
        """Adds a finished run, and keeps the runs that other launches have added meanwhile.

        Args:
            cell: the cell of the run.
            name: its directory, relative to the folder or absolute.

        Raises:
            InputError: the file cannot be written, or is damaged.
        """
        try:
            with filelock.FileLock(self.path.with_suffix(".lock")):
                self._add(cell, name)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error}). Make room.") from error

    def _add(self, cell, name):
        if self.path.exists():
            self.cells = read_json(self.path)["cells"]
        self.cells.setdefault(cell, []).append(name)
        content = {"table": self.table, "scale": self.scale, "own": self.own, "cells": self.cells}
        write_json_whole(self.path, content)

    def runs(self, cell: str) -> list[Path]:
        """Returns the run directories of a cell."""
        return [self.folder / user_path(name) for name in self.cells.get(cell, [])]
