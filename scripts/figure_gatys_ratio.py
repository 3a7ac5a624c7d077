"""Figure 3 of Gatys et al. 2015 (https://arxiv.org/abs/1508.06576): alpha / beta by style layers.

    python -m scripts.figure_gatys_ratio --launch --run_dir=runs/ratio --content=photo.jpg \
        --style=painting.jpg
    python -m scripts.figure_gatys_ratio --run_dir=runs/ratio

Rows: the style of conv1_1 alone, of conv1_1 and 2_1, and so on to all five. Columns: the weight of
the content over that of the style. All start from noise, as the preset `paper` does, and are runs
in `<run_dir>`: the same command goes on with them. Without --launch the sheet is made of the
pictures that are there; a cell that is not finished stays white and is listed with a dash.
`--scale=small` is 320 pixels and 150 iterations (--size, --images), `paper` 512 and 500.
"""

from pathlib import Path

import numpy as np
from absl import app

from core.errors import InputError
from experiments import tables
from experiments.run import FLAGS, command, say
from scripts import cells
from scripts.paper_tables import SCALES

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
RATIOS = (1e-5, 1e-4, 1e-3, 1e-2)
SIZES = {"small": (320, 150), "paper": (512, 500)}  # pixels, iterations


def name(count: int, ratio: float) -> str:
    """Of the cell of the first so many layers."""
    return f"{LAYERS[count - 1]}-{ratio:.0e}"


def _figure():
    if FLAGS.launch:
        _launch()
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
    common = {"data.size": size if FLAGS.size is None else FLAGS.size,
              "images": FLAGS.images or iterations, "algorithm.content_weight": 1.0,
              "algorithm.style_layer_weights": [], "eval_every": iterations}  # fmt: skip
    for count, ratio in _cells():
        if name(count, ratio) in (FLAGS.only or known):
            own = {"algorithm.style_layers": LAYERS[:count], "algorithm.style_weight": 1 / ratio}
            cells.optimised("gatys", name(count, ratio), common | own, "paper")


def _picture(run_dir: Path) -> np.ndarray | None:
    """The picture that a run ended with, uint8 `[H, W, 3]`; None where it has not.

    Raises:
        InputError: a folder that is no run directory of gatys.
    """
    from experiments import api
    from experiments.data import pictures
    from experiments.training.rundir import stored_config

    if not run_dir.exists():
        return None
    config = stored_config(run_dir, api.model_module("gatys").PRESETS)
    last = run_dir / "samples" / f"picture-{config.images:09d}.png"
    if not last.exists():
        say(f"{run_dir}: not finished")
        return None
    return pictures.read(last)


def _sheet(grid):
    from experiments.data import pictures

    shape = next(picture.shape for picture in grid.values() if picture is not None)
    blank = np.full(shape, 255, np.uint8)
    rows = [[blank if grid[c, r] is None else grid[c, r] for r in RATIOS]
            for c in range(1, len(LAYERS) + 1)]  # fmt: skip
    return pictures.sheet(rows, [f"{ratio:.0e}" for ratio in RATIOS],
                          [f"to {layer}" for layer in LAYERS])  # fmt: skip


if __name__ == "__main__":
    app.run(command(_figure))
