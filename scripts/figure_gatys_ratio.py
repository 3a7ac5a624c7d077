"""Makes Figure 3 of Gatys et al. 2015 (https://arxiv.org/abs/1508.06576): style layers, weights.

    python -m scripts.figure_gatys_ratio --launch --run_dir=runs/ratio --content=photo.jpg \
        --style=painting.jpg
    python -m scripts.figure_gatys_ratio --run_dir=runs/ratio

The rows use the style of conv1_1 alone, of conv1_1 and conv2_1, and so on to all five layers. The
columns have different ratios alpha / beta, the weight of the content divided by that of the style.
Every cell starts from noise, as the preset `paper` does, and is a run in `<run_dir>`, so the same
command goes on after an interruption. Without --launch, the sheet shows the pictures that are
there; a cell that is not finished stays white and is listed with a dash. `--scale=small` has 320
pixels and 150 iterations, `--scale=paper` 512 and 500; --size and --images change them.
"""

from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments import tables
from experiments.cli import FLAGS, say, start
from scripts import cells, launching
from scripts.paper_tables import SCALES

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
RATIOS = (1e-5, 1e-4, 1e-3, 1e-2)
SIZES = {"small": (320, 150), "paper": (512, 500)}  # pixels, iterations


def name(count: int, ratio: float) -> str:
    """Returns the name of the cell with the first `count` layers and a ratio alpha / beta."""
    return f"{LAYERS[count - 1]}-{ratio:.0e}"


def _figure():
    if FLAGS.launch:
        _launch()
    if launching.prints():
        return 0
    grid = {(c, r): _picture(cells.folder() / name(c, r)) for c, r in _cells()}
    if not any(picture is not None for picture in grid.values()):
        raise InputError(f"--run_dir={FLAGS.run_dir}: no finished cell there. Give --launch.")
    cells.save("ratio", _sheet(grid))
    missing = [name(*cell) for cell, picture in grid.items() if picture is None]
    for cell in missing:
        print(f"{cell}: {tables.MISSING}")
    return 0


def _cells():
    return [(count, ratio) for count in range(1, len(LAYERS) + 1) for ratio in RATIOS]


def _launch():
    known = [name(*cell) for cell in _cells()]
    if unknown := [cell for cell in FLAGS.only if cell not in known]:
        raise InputError(f"--only={unknown[0]}: no such cell. Expected some of {', '.join(known)}.")
    size, iterations = SIZES[FLAGS.scale or SCALES[0]]
    common = {
        "data.size": size if FLAGS.size is None else FLAGS.size,
        "images": FLAGS.images or iterations,
        "algorithm.content_weight": 1.0,
        "algorithm.style_layer_weights": [],
        "eval_every": iterations,
    }
    for count, ratio in _cells():
        if name(count, ratio) not in (FLAGS.only or known):
            continue
        if launching.prints():
            print(launching.command(only=name(count, ratio)))
        else:
            own = {"algorithm.style_layers": LAYERS[:count], "algorithm.style_weight": 1 / ratio}
            cells.optimised("gatys", name(count, ratio), common | own, "paper")


def _picture(run_dir: Path) -> np.ndarray | None:
    """Returns the final picture of a run, uint8 `[H, W, 3]`; None if it has not finished.

    Raises:
        InputError: the folder is not a run directory of gatys.
    """
    from experiments import configs
    from experiments.data import pictures
    from experiments.training.rundir import stored_config

    if not run_dir.exists():
        return None
    config = stored_config(run_dir, configs.find("gatys").presets)
    last = run_dir / "samples" / f"picture-{config.images:09d}.png"
    if not last.exists():
        say(f"{run_dir}: not finished")
        return None
    return pictures.read(last)


def _sheet(grid):
    from experiments.data import pictures

    shape = next(picture.shape for picture in grid.values() if picture is not None)
    blank = np.full(shape, 255, np.uint8)
    rows = [
        [blank if grid[c, r] is None else grid[c, r] for r in RATIOS]
        for c in range(1, len(LAYERS) + 1)
    ]
    return pictures.sheet(
        rows, [f"{ratio:.0e}" for ratio in RATIOS], [f"to {layer}" for layer in LAYERS]
    )


if __name__ == "__main__":
    start(_figure)
