"""Tables of papers from recorded runs: what launches the runs of a table, and what reads them.

    python -m scripts.table_cyclegan_losses --launch --scale=small --seeds=0,1
    python -m scripts.table_cyclegan_losses

A table is a declaration: its rows with what each changes of the configuration, the presets and
metrics of its scales, and the published figures. `--launch` trains `<run_dir>/<cell>/seed<n>` for
each cell and seed, all cells of a seed before the next seed, and writes into
`<run_dir>/manifest.json` which runs feed which cell. The same command again goes on where the last
one stopped; cells in the manifest are skipped. Without `--launch` the recorded files of the runs in
the manifest are read, nothing else: `metrics.jsonl` and `evaluations.jsonl`, what they say of the
end of training. Either writes the table beside the manifest as Markdown, CSV and LaTeX.

A run that was trained elsewhere can be named in the manifest; its configuration must be that of the
cell. `--dataset`, `--images`, `--precision`, `--set` and `--metrics_weights` hold for all cells.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from absl import app, flags

from core.errors import InputError
from experiments import tables
from experiments.run import FLAGS, command, say
from scripts.records import Manifest, last, recorded, spread

SEEDS = "0,1"
SCALES = ("small", "paper")
FREE = ("seed", "backend", "precision", "xla")  # may differ between the runs of a table
flags.DEFINE_bool("launch", False, "Train what is not there yet; else only read.")
flags.DEFINE_enum("scale", None, SCALES, "Of the runs: small (two CPU cores, under two "
                  "hours for a table with two seeds) or paper. Default: that of the manifest, or "
                  "small.")  # fmt: skip
flags.DEFINE_list("only", [], "Launch only these cells, separated by commas.")


class Column(NamedTuple):
    """A measured column.

    Attributes:
        title: of the column.
        value: a recorded score, such as "psnr/AtoB"; `{name}` in it is one of the row's words.
    """

    title: str
    value: str


class Scale(NamedTuple):
    """How a table is run.

    Attributes:
        preset: that all cells start from.
        changes: of it, in all cells.
        metrics: taken when training ends; `{name}` as in columns.
        columns: what is shown.
    """

    preset: str
    changes: dict[str, Any]
    metrics: tuple[str, ...]
    columns: tuple[Column, ...]


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        title: as the paper has it.
        cell: the folder of its runs; rows may share one. Empty: this code cannot run it.
        changes: of the configuration.
        published: figures of the paper.
        words: for the names of its scores.
        scaled: further changes, by scale.
    """

    title: str
    cell: str
    changes: dict[str, Any]
    published: tuple[str, ...]
    words: dict[str, str] = {}  # noqa: RUF012 not changed
    scaled: dict[str, dict[str, Any]] = {}  # noqa: RUF012 not changed


class Table(NamedTuple):
    """A table of a paper.

    Attributes:
        name: of its files.
        model: that all rows train.
        head: title of the first column.
        rows, scales: what is run.
        published: titles of the columns of published figures.
        notes: that stand below it.
        measure: `(run, metrics, folder of networks)`: records scores that no metric's name stands
            for. None: there are none.
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
        """The rows of each cell."""
        found = {}
        for row in self.rows:
            if row.cell:
                found.setdefault(row.cell, []).append(row)
        return found


def main(table: Table) -> None:
    """The program of a table."""
    app.run(command(lambda: run(table)))


def run(table: Table) -> int:
    """Launches what is asked for, and prints the table; returns the exit status."""
    folder = Path(FLAGS.run_dir or f"runs/tables/{table.name}").expanduser()
    check_flags()
    manifest = Manifest(folder, table, FLAGS.scale, given(), begin=FLAGS.launch)
    if FLAGS.launch:
        launch(table, manifest)
    print(tables.write(folder, table.name, *rendered(table, manifest)))
    return 0


def check_flags() -> None:
    """Refuses flags that choose what is launched where nothing is.

    Raises:
        InputError: `--only` or `--seeds` without `--launch`.
    """
    for name in () if FLAGS.launch else ("only", "seeds"):
        if value := FLAGS[name].value:
            raise InputError(f"--{name}={value}: chooses what is launched. Give --launch, or leave "
                             "it out.")  # fmt: skip


def given() -> dict[str, Any]:
    """Changes of all cells, as the flags give them."""
    from experiments.training.config import parse_assignments

    own = {"data.dataset": FLAGS.dataset, "images": FLAGS.images, "precision": FLAGS.precision}
    return {k: v for k, v in own.items() if v is not None} | parse_assignments(FLAGS.set)


# --- launching


def configuration(table: Table, cell: str, scale: str, seed: int, own: dict[str, Any]):
    """The configuration of a cell, with the metrics of its rows.

    Raises:
        InputError: a change that the model does not take.
    """
    from experiments import api

    chosen, rows = table.scales[scale], table.cells()[cell]
    changes = chosen.changes | rows[0].changes | rows[0].scaled.get(scale, {}) | own
    changes |= {"seed": seed, "metrics": metrics(table, cell, scale)}
    changes |= {"metrics_weights": FLAGS.metrics_weights} if FLAGS.metrics_weights else {}
    return api.make_config(table.model, chosen.preset, changes)


def metrics(table: Table, cell: str, scale: str) -> list[str]:
    """The metrics that the rows of a cell need."""
    names = table.scales[scale].metrics
    return list(dict.fromkeys(
        name.format_map(row.words) for row in table.cells()[cell] for name in names
    ))  # fmt: skip


def launch(table: Table, manifest: Manifest) -> None:
    """Trains and measures the cells that the manifest does not have.

    Raises:
        InputError: an unknown cell, settings that the rows differ in, or what the runs refuse.
        Interrupted: a signal came; what was running was saved.
    """
    from experiments.metrics.sampling import parse_seeds

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
        raise InputError(f"--set {taken[0]}: is what the cells of this table differ in. Leave it "
                         "out.")  # fmt: skip


def _launch(table, manifest, cell, config, path):
    """Trains a cell, or goes on with it, and takes the scores that training has not taken."""
    from experiments import api

    trained = api.train_config(config, path, devices=FLAGS.devices, say=say)
    found = recorded(path)
    missing = [m for m in config.metrics
               if not any(v == m or v.startswith((f"{m}_", f"{m}/")) for v in found)]  # fmt: skip
    if missing:
        try:
            trained.measure(missing, weights=FLAGS.metrics_weights, say=say)
        except InputError as error:  # such as SWD of pictures of a single colour
            say(f"left out: {error}")
    if table.measure:
        table.measure(trained, table.scales[manifest.scale].metrics, FLAGS.metrics_weights)
    del trained
    gc.collect()  # networks refer to each other


# --- reading


def check_run(table: Table, manifest: Manifest, cell: str, run_dir: Path) -> None:
    """Refuses what is not a finished run of the cell.

    Raises:
        InputError: no run directory, a configuration that is not the cell's, or fewer images.
    """
    from experiments import api
    from experiments.training.config import differences, flatten
    from experiments.training.rundir import stored_config

    where = f"{manifest.path}, cell {cell}"
    try:
        stored = stored_config(run_dir, api.model_module(table.model).PRESETS)
        expected = configuration(table, cell, manifest.scale, stored.seed, manifest.own)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    lines = differences(flatten(expected), flatten(stored))
    if other := [line for line in lines if line.partition(":")[0] not in FREE]:
        raise InputError(f"{where}: {run_dir} was trained with another configuration (expected -> "
                         "found):\n  " + "\n  ".join(other))  # fmt: skip
    if (end := last(run_dir)) < (stored.images or 1):
        raise InputError(f"{where}: {run_dir} is not finished: {end:,} of {stored.images or '?'} "
                         "images. Go on with it, or take it out.")  # fmt: skip


def rendered(table: Table, manifest: Manifest) -> tuple[list[str], list[list[str]], str]:
    """`(header, rows, notes)`: mean and sample standard deviation of each score, how many runs,
    the published figures, and which runs."""
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
    return header, rows, _notes(table, manifest)


def _notes(table, manifest):
    own = "".join(f", {key}={value}" for key, value in manifest.own.items())
    return (
        f"Mean ± sample standard deviation of n runs, scale {manifest.scale}{own}. {table.notes} "
        f"{tables.MISSING}: not run, not recorded, or not published."
    )
