"""Makes the cells of a figure. Each is a run, so that an interrupted figure can go on."""

from pathlib import Path

import numpy as np

from core.errors import InputError
from core.paths import user_path
from experiments.cli import FLAGS, say


def optimised(model: str, name: str, changes: dict, preset: str | None = None) -> np.ndarray:
    """Runs gatys or texture for a cell; returns the final picture, uint8 `[H, W, 3]`.

    The flags --content, --style, --preset (where `preset` is not given), --images, --size,
    --weights, --precision, --seed and --set hold for every cell.

    Args:
        model: "gatys" or "texture".
        name: the name of the cell; it runs in `<run_dir>/<name>`.
        changes: changes of the configuration for this cell, by dotted key.
        preset: the preset to start from; None for that of --preset.
    """
    from experiments import api
    from experiments.data.pictures import from_unit
    from experiments.tasks.optimisation import result
    from experiments.training.config import parse_assignments

    common = {
        "data.content": FLAGS.content,
        "data.style": FLAGS.style or None,
        "data.size": FLAGS.size if FLAGS.longer_side is None else FLAGS.longer_side,
        "images": FLAGS.images,
        "precision": FLAGS.precision,
        "seed": FLAGS.seed,
        "algorithm.weights": FLAGS.vgg_weights,
    }
    common = {key: value for key, value in common.items() if value is not None}
    changes = common | changes | parse_assignments(FLAGS.set)
    config = api.make_config(model, preset or FLAGS.preset, changes)
    say(f"--- {name}")
    run = api.train_config(config, folder() / name, say=say)
    return result(run) if model == "texture" else from_unit(run.algorithm.picture())


def folder() -> Path:
    """Returns the folder of the figure, which `--run_dir` gives.

    Raises:
        InputError: `--run_dir` is not given.
    """
    if not FLAGS.run_dir:
        raise InputError("--run_dir: give the folder of the figure, such as runs/figure1.")
    return user_path(FLAGS.run_dir)


def save(name: str, picture: np.ndarray) -> None:
    """Writes a picture, uint8 `[H, W, 3]`, to `<run_dir>/<name>.png`."""
    from experiments.data import pictures

    pictures.write_png(folder() / f"{name}.png", picture)
    say(f"{folder() / name}.png")
