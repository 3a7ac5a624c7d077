"""What a table reads: the recorded scores of runs, and the manifest that names the runs."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock

from core.errors import InputError
from core.files import write_json_whole
from experiments import tables


def recorded(run_dir: Path) -> dict[str, float]:
    """The scores of a run at the end of its training, by name: of its `metrics.jsonl` and, of its
    last checkpoint on its own data set, of its `evaluations.jsonl`.

    Raises:
        InputError: a damaged line; names the file and the line.
    """
    from experiments.training.rundir import read_config, read_lines

    rows, found = read_lines(run_dir / "metrics.jsonl"), {}
    end = _last(rows)
    for row in rows:
        if row["images"] == end:
            found |= {key.removeprefix("metrics/"): value for key, value in row.items()}
    config = read_config(run_dir / "config.json")["config"]
    own = {"images": end, "checkpoint": "last", "dataset": config.get("data.dataset"),
           "size": config.get("data.size")}  # fmt: skip
    for line in read_lines(run_dir / "evaluations.jsonl"):
        if all(line.get(key) == value for key, value in own.items()):
            found |= line["values"]
    return found


def last(run_dir: Path) -> int:
    """How many images the last recorded line of a run's training is of, 0 where there is none.

    Raises:
        InputError: as `recorded`.
    """
    from experiments.training.rundir import read_lines

    return _last(read_lines(run_dir / "metrics.jsonl"))


def _last(rows):
    return max((row["images"] for row in rows), default=0)


def curve(run_dir: Path) -> dict[int, dict[str, float]]:
    """The metrics that a run took in training, by images and name.

    Raises:
        InputError: as `recorded`.
    """
    from experiments.training.rundir import read_lines

    found = {}
    for row in read_lines(run_dir / "metrics.jsonl"):
        own = {k.removeprefix("metrics/"): v for k, v in row.items() if k.startswith("metrics/")}
        if own:
            found.setdefault(row["images"], {}).update(own)
    return found


def spread(runs: Sequence[dict[str, float]], name: str) -> str:
    """ "mean ± sample standard deviation" of a score, with its own n where not all runs have it."""
    values = [scores[name] for scores in runs if scores.get(name) is not None]
    if not values:
        return tables.MISSING
    text = f"{statistics.fmean(values):.4g}"
    text += f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return text + (f" (n = {len(values)})" if len(values) < len(runs) else "")


class Manifest:
    """`<folder>/manifest.json`: which runs feed which cell, and what they were launched with.

    Attributes:
        scale: "small" or "paper".
        own: changes of the configuration in all cells that were given beside the table's.
        cells: run directories of each cell, relative to the folder, or absolute.
    """

    def __init__(self, folder: Path, table, scale: str | None, own: dict[str, Any], *, begin: bool):
        """Args:
        folder: of the table.
        table: `scripts.paper_tables.Table` that it is of.
        scale, own: as given now; must be those that it was begun with. (None, and nothing, will
            do to read it.)
        begin: one, where there is none.

        Raises:
            InputError: there is none, it is damaged or of another table, or begun with another
                scale or other settings.
        """
        self.folder, self.path = Path(folder), Path(folder) / "manifest.json"
        self.table, self.scale, self.own, self.cells = table.name, scale or "small", own, {}
        if self.path.exists():
            self._read(table)
            self._compare(scale, own, begin)
        elif not begin:
            raise InputError(f"--run_dir={folder}: no manifest.json there. Give --launch, or the "
                             "folder of a table that was launched.")  # fmt: skip

    def _read(self, table):
        from experiments.training.rundir import read_json

        content = read_json(self.path)
        try:
            self.table, self.scale = content["table"], content["scale"]
            self.own, self.cells = dict(content["own"]), dict(content["cells"])
            wrong = [cell for cell, names in self.cells.items()
                     if cell not in table.cells() or not all(isinstance(n, str) for n in names)
                     or isinstance(names, str)]  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path}: not the manifest of a table ({error!r}). Restore it, "
                             "or give another --run_dir.") from error  # fmt: skip
        if self.table != table.name or self.scale not in table.scales:
            raise InputError(f"{self.path}: is of the table {self.table} at scale {self.scale}, "
                             f"expected {table.name} at {' or '.join(table.scales)}. Give another "
                             "--run_dir.")  # fmt: skip
        if wrong:
            raise InputError(f"{self.path}, cell {wrong[0]}: expected a list of run directories of "
                             f"some of {', '.join(table.cells())}.")  # fmt: skip

        for cell in self.cells:
            paths = [path.resolve() for path in self.runs(cell)]
            if len(set(paths)) < len(paths):
                raise InputError(f"{self.path}, cell {cell}: names a run twice. Take one out.")

    def _compare(self, scale, own, begin):
        if scale not in (None, self.scale):
            raise InputError(f"--scale={scale}: {self.path} was begun with {self.scale}. Give "
                             "another --run_dir.")  # fmt: skip
        if own != self.own and (own or begin):
            raise InputError(f"{self.path} was begun with {self.own or 'no settings'}, got "
                             f"{own or 'none'}. Give the same, or another --run_dir.")  # fmt: skip

    def add(self, cell: str, name: str) -> None:
        """Notes a finished run, beside those that other launches have noted meanwhile.

        Raises:
            InputError: the file cannot be written, or is damaged.
        """
        try:
            with filelock.FileLock(self.path.with_suffix(".lock")):
                self._add(cell, name)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error}). Make room.") from error

    def _add(self, cell, name):
        from experiments.training.rundir import read_json

        if self.path.exists():
            self.cells = read_json(self.path)["cells"]
        self.cells.setdefault(cell, []).append(name)
        content = {"table": self.table, "scale": self.scale, "own": self.own, "cells": self.cells}
        write_json_whole(self.path, content)

    def runs(self, cell: str) -> list[Path]:
        """The run directories of a cell."""
        return [self.folder / Path(name).expanduser() for name in self.cells.get(cell, [])]
