"""Makes tables of papers from recorded runs: launches the runs of a table, and reads them.

    python -m scripts.table_cyclegan_losses --launch --scale=small --seeds=0,1
    python -m scripts.table_cyclegan_losses

A table is declared by its rows with the changes of the configuration that each makes, the presets
and metrics of its scales, and the published figures. `--launch` trains
`<run_dir>/<cell>/seed<n>` for each cell and seed, all cells of a seed before the next seed. It
writes into `<run_dir>/manifest.json` which runs belong to which cell. The same command again goes
on where the last one stopped, and skips cells in the manifest. `--launch=print` prints the command
of each cell in place of training it: they are independent, may run at the same time on machines
that share the folder, and each adds its run to the manifest. Without `--launch`, nothing is
trained: the scores at the end of training are read from `metrics.jsonl` and `evaluations.jsonl` of
the runs in the manifest. Both ways write the table beside the manifest as Markdown, CSV and LaTeX.

A run that was trained elsewhere can be added to the manifest by hand; it must have the
configuration of the cell. `--dataset`, `--images`, `--precision`, `--set` and `--metrics_weights`
hold for all cells.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from core.errors import InputError
from core.paths import user_path
from experiments import tables
from experiments.cli import FLAGS, say, start
from scripts import launching
from scripts.records import Manifest, last, recorded, spread

SEEDS = "0,1"
SCALES = ("small", "paper")
FREE = ("seed", "backend", "precision", "xla")  # may differ between runs
launching.define()
flags.DEFINE_enum(
    "scale",
    None,
    SCALES,
    "How large the runs are: small (two CPU cores, under two hours for a table with two seeds) or "
    "paper. Default: the scale of the manifest, or small.",
)
flags.DEFINE_list("only", [], "Launch only these cells, separated by commas.")


class Column(NamedTuple):
    """A column with a measured score.

    Attributes:
        title: the title of the column.
        value: the name of a recorded score, such as "psnr/AtoB". `{name}` in it stands for the
            word `name` of the row.
    """

    title: str
    value: str


class Scale(NamedTuple):
    """How a table is run.

    Attributes:
        preset: the preset that all cells start from.
        changes: changes of the preset for all cells, by dotted key.
        metrics: the metrics that are taken when training ends; `{name}` is as in `Column`.
        columns: the measured columns of the table.
    """

    preset: str
    changes: dict[str, Any]
    metrics: tuple[str, ...]
    columns: tuple[Column, ...]


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        title: the title of the row in the paper.
        cell: the folder of its runs, which rows may share; empty if this code cannot run the row.
        changes: its changes of the configuration, by dotted key.
        published: the figures of the paper.
        words: what `{name}` stands for in the names of its scores.
        scaled: further changes, by scale.
        model: the model that it trains, where that is not the table's.
    """

    title: str
    cell: str
    changes: dict[str, Any]
    published: tuple[str, ...]
    words: dict[str, str] = {}  # noqa: RUF012 not changed
    scaled: dict[str, dict[str, Any]] = {}  # noqa: RUF012 not changed
    model: str = ""


class Table(NamedTuple):
    """A table of a paper.

    Attributes:
        name: the name of its files.
        model: the model that the rows train, unless they name another.
        head: the title of the first column.
        rows: the rows of the table.
        scales: how it is run, by name of the scale.
        published: the titles of the columns with published figures.
        notes: the text below the table.
        measure: a function of (run, metrics, folder of networks) that records scores which are not
            metrics with a name; None if there are none.
    """

    name: str
    model: str
    head: str
    rows: tuple[Row, ...]
    scales: dict[str, Scale]
    published: tuple[str, ...]
    notes: str
    measure: Callable | None = None

    def cells(self) -> dict[str, list[Row]]:
        """Returns the rows of each cell."""
        by_cell = {}
        for row in self.rows:
            if row.cell:
                by_cell.setdefault(row.cell, []).append(row)
        return by_cell

    def model_of(self, cell: str) -> str:
        """Returns the name of the model that a cell trains."""
        return self.cells()[cell][0].model or self.model


def main(table: Table) -> None:
    """Runs the command of a table, with the flags of the command line."""
    start(lambda: run(table))


def run(table: Table) -> int:
    """Launches the runs if asked to, and prints the table; returns the exit status."""
    folder = user_path(FLAGS.run_dir or f"runs/tables/{table.name}")
    check_flags()
    if FLAGS.scale not in (None, *table.scales):
        raise InputError(f"--scale={FLAGS.scale}: this table has {' and '.join(table.scales)}.")
    manifest = Manifest(folder, table, FLAGS.scale, given(), begin=FLAGS.launch)
    if FLAGS.launch:
        launch(table, manifest)
    if launching.prints():
        return 0
    print(tables.write(folder, table.name, *rendered(table, manifest)))
    return 0


def check_flags() -> None:
    """Refuses flags that choose what is launched when nothing is launched.

    Raises:
        InputError: `--only` or `--seeds` without `--launch`.
    """
    for name in () if FLAGS.launch else ("only", "seeds"):
        if value := FLAGS[name].value:
            raise InputError(
                f"--{name}={value}: chooses what is launched. Give --launch, or leave it out."
            )


def given() -> dict[str, Any]:
    """Returns the changes that the flags make to all cells, by dotted key."""
    from experiments.training.config import parse_assignments

    own = {"data.dataset": FLAGS.dataset, "images": FLAGS.images, "precision": FLAGS.precision}
    return {k: v for k, v in own.items() if v is not None} | parse_assignments(FLAGS.set)


# --- launching


def configuration(table: Table, cell: str, scale: str, seed: int, own: dict[str, Any]):
    """Returns the configuration of a cell, with the metrics of its rows.

    Args:
        table: the table.
        cell: the name of the cell.
        scale: the name of the scale.
        seed: the seed of the run.
        own: further changes for all cells, as `given` returns them.

    Raises:
        InputError: the model does not take a change.
    """
    from experiments import api

    chosen, rows = table.scales[scale], table.cells()[cell]
    changes = chosen.changes | rows[0].changes | rows[0].scaled.get(scale, {}) | own
    changes |= {"seed": seed, "metrics": metrics(table, cell, scale)}
    changes |= {"metrics_weights": FLAGS.metric_networks} if FLAGS.metric_networks else {}
    return api.make_config(table.model_of(cell), chosen.preset, changes)


def metrics(table: Table, cell: str, scale: str) -> list[str]:
    """Returns the metrics that the rows of a cell need."""
    names = table.scales[scale].metrics
    return list(
        dict.fromkeys(name.format_map(row.words) for row in table.cells()[cell] for name in names)
    )


def launch(table: Table, manifest: Manifest) -> None:
    """Trains and measures the cells that are not yet in the manifest, or prints their commands.

    Raises:
        InputError: a cell is unknown, `--set` changes a setting in which the rows differ, or a run
            cannot be trained.
        Interrupted: a signal came; the current run was saved.
    """
    from experiments.tasks.seeds import parse_seeds

    known, seeds = table.cells(), parse_seeds(FLAGS.seeds or SEEDS)
    if unknown := [cell for cell in FLAGS.only if cell not in known]:
        raise InputError(f"--only={unknown[0]}: no such cell. Expected some of {', '.join(known)}.")
    _check_own(table, manifest)
    jobs = [(cell, seed) for seed in seeds for cell in FLAGS.only or known]
    configs = {job: configuration(table, *_at(job, manifest), manifest.own) for job in jobs}
    for number, (cell, seed) in enumerate(jobs, 1):
        name = f"{cell}/seed{seed}"
        if name in manifest.cells.get(cell, []):
            say(f"--- {name}: is there")
            continue
        if launching.prints():
            print(launching.command(only=cell, seeds=seed))
            continue
        say(f"--- {name}, {number} of {len(jobs)}")
        _launch(table, manifest, cell, configs[cell, seed], manifest.folder / name)
        manifest.add(cell, name)


def _at(job, manifest):
    cell, seed = job
    return cell, manifest.scale, seed


def _check_own(table, manifest):
    rows = {key for row in table.rows for key in row.changes}
    rows |= {key for row in table.rows for key in row.scaled.get(manifest.scale, {})} - {"images"}
    if taken := sorted(rows & set(manifest.own) | {"seed", "metrics"} & set(manifest.own)):
        raise InputError(
            f"--set {taken[0]}: is what the cells of this table differ in. Leave it out."
        )


def _launch(table, manifest, cell, config, path):
    """Trains a cell, or goes on with it, and takes the scores that are still missing."""
    from experiments import api

    trained = api.train_config(config, path, devices=FLAGS.devices, say=say)
    scores = recorded(path)
    missing = [
        m
        for m in config.metrics
        if not any(v == m or v.startswith((f"{m}_", f"{m}/")) for v in scores)
    ]
    if missing:
        try:
            trained.measure(missing, folder=FLAGS.metric_networks, say=say)
        except InputError as error:  # such as SWD of pictures of a single colour
            say(f"left out: {error}")
    if table.measure:
        table.measure(trained, table.scales[manifest.scale].metrics, FLAGS.metric_networks)
    del trained
    gc.collect()  # frees networks that refer to each other


# --- reading


def check_run(table: Table, manifest: Manifest, cell: str, run_dir: Path) -> None:
    """Refuses a run that is not a finished run of the cell.

    Raises:
        InputError: it is not a run directory, has another configuration than the cell, or was
            trained on fewer images.
    """
    from experiments import configs
    from experiments.training.config import differences, flatten
    from experiments.training.rundir import stored_config

    where = f"{manifest.path}, cell {cell}"
    try:
        stored = stored_config(run_dir, configs.find(table.model_of(cell)).presets)
        expected = configuration(table, cell, manifest.scale, stored.seed, manifest.own)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    lines = differences(flatten(expected), flatten(stored))
    if other := [line for line in lines if line.partition(":")[0] not in FREE]:
        raise InputError(
            f"{where}: {run_dir} was trained with another configuration (expected -> found):",
            lines=other,
        )
    if (end := last(run_dir)) < (stored.images or 1):
        raise InputError(
            f"{where}: {run_dir} is not finished: {end:,} of {stored.images or '?'} "
            "images. Go on with it, or take it out."
        )


def rendered(table: Table, manifest: Manifest) -> tuple[list[str], list[list[str]], str]:
    """Returns `(header, rows, notes)` of the table.

    A row has mean and sample standard deviation of each score, the number of runs, the published
    figures, and the names of the runs.
    """
    columns, scores = table.scales[manifest.scale].columns, {}
    for cell in table.cells():
        for run_dir in manifest.runs(cell):
            check_run(table, manifest, cell, run_dir)
        scores[cell] = [recorded(run_dir) for run_dir in manifest.runs(cell)]
    header = [table.head, *(column.title for column in columns), "n", *table.published, "runs"]
    rows = []
    for row in table.rows:
        runs = scores.get(row.cell, [])
        measured = [spread(runs, column.value.format_map(row.words)) for column in columns]
        names = " ".join(manifest.cells.get(row.cell, [])) or tables.MISSING
        rows.append([row.title, *measured, str(len(runs)), *row.published, names])
    return header, rows, notes(table, manifest)


def notes(table: Table, manifest: Manifest) -> str:
    """Returns the text below a table: how it was made, and what the table says of itself."""
    own = "".join(f", {key}={value}" for key, value in manifest.own.items())
    return (
        f"Mean ± sample standard deviation of n runs, scale {manifest.scale}{own}. {table.notes} "
        f"{tables.MISSING}: not run, not recorded, or not published."
    )
