"""The cells of a figure: each a run of its own, so that an interrupted figure goes on."""

from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.run import FLAGS, say


def optimised(model: str, name: str, changes: dict, preset: str | None = None) -> np.ndarray:
    """The picture that a run of gatys or texture ends with, uint8 `[H, W, 3]`.

    The flags --content, --style, --preset (where `preset` is not given), --images, --size,
    --weights, --precision, --seed and --set hold for every cell.

    Args:
        model: "gatys" or "texture".
        name: of the cell; it runs in `<run_dir>/<name>`.
        changes: leaves of the configuration that make this cell.
    """
    from experiments import api
    from experiments.tasks.optimisation import result
    from experiments.tasks.stylization import to_uint8
    from experiments.training.config import parse_assignments

    common = {"data.content": FLAGS.content, "data.style": FLAGS.style or None,
              "data.size": FLAGS.size, "images": FLAGS.images, "precision": FLAGS.precision,
              "seed": FLAGS.seed, "algorithm.weights": FLAGS.weights}  # fmt: skip
    common = {key: value for key, value in common.items() if value is not None}
    changes = common | changes | parse_assignments(FLAGS.set)
    config = api.make_config(model, preset or FLAGS.preset, changes)
    say(f"--- {name}")
    run = api.train_config(config, folder() / name, say=say)
    return result(run) if model == "texture" else to_uint8(run.algorithm.picture())


def folder() -> Path:
    """Of the figure: `--run_dir`.

    Raises:
        InputError: it is not given.
    """
    if not FLAGS.run_dir:
        raise InputError("--run_dir: give the folder of the figure, such as runs/figure1.")
    return Path(FLAGS.run_dir).expanduser()


def save(name: str, picture: np.ndarray) -> None:
    """Writes `<run_dir>/<name>.png`."""
    from experiments.data import pictures

    pictures.write_png(folder() / f"{name}.png", picture)
    say(f"{folder() / name}.png")
