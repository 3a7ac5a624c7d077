"""Makes the strips of Figure 1 of StyleGAN3's paper, which show texture that sticks to pixels.

    python -m scripts.figure_texture_sticking --generators=runs/stylegan2/mine,runs/stylegan3/mine \
        --output=strips.png

A strip is one column of the pictures of a walk through w, from left to right as time goes by. What
moves with the picture draws slanted lines; what sticks to the pixels, such as hair, horizontal
ones. Each run has a row: its first picture with the column marked in red, then the strip.

`--seeds` (default 0-3) are the stations of the walk, `--frames` (default 256) its length,
`--column` (default 0.5) is where the column is, as part of the width.

Source: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 1 and Figure 1.
"""

import numpy as np
from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS, say, start

FRAMES, SEEDS, COLUMN = 256, "0-3", 0.5
HEIGHT = 256  # strips of smaller pictures are enlarged by a whole number, up to this; pixels

flags.DEFINE_list("generators", [], "Directories of the runs to compare, separated by commas.")
flags.DEFINE_float("column", COLUMN, "Where the column of pixels is, as part of the width.")


def strip(frames: np.ndarray, column: int) -> np.ndarray:
    """Returns a column of the frames over time, uint8 `[H, frames, 3]`.

    Args:
        frames: the pictures, uint8 `[frames, H, W, 3]`.
        column: the number of the column, from 0 on.
    """
    return frames[:, :, column].swapaxes(0, 1)


def marked(picture: np.ndarray, column: int) -> np.ndarray:
    """Returns a picture, uint8 `[H, W, 3]`, with a column in red."""
    picture = picture.copy()
    picture[:, column] = (255, 0, 0)
    return picture


def _figure() -> int:
    from experiments import api
    from experiments.data import files, pictures

    if not FLAGS.output or not FLAGS.generators:
        raise InputError(
            "--generators, --output: give the runs to compare, and a file for the figure."
        )
    if not 0 <= FLAGS.column <= 1:
        raise InputError(f"--column={FLAGS.column:g}: expected 0 (left) to 1 (right).")
    if FLAGS.frames is not None and FLAGS.frames < 2:
        raise InputError(f"--frames={FLAGS.frames}: expected two or more.")
    target = files.output_file(FLAGS.output, "strips")
    runs = [api.load(run_dir) for run_dir in FLAGS.generators]
    pictures.write_png(target, _stacked([_row(run) for run in runs]))
    say(f"{len(runs)} strips of {FLAGS.frames or FRAMES} frames -> {target}")
    return 0


def _row(run):
    """The first picture and the strip of a run, side by side, about `HEIGHT` pixels high."""
    from experiments.data import pictures
    from experiments.tasks.animation import walk
    from experiments.tasks.seeds import chosen_seeds, controls

    if not hasattr(run.algorithm, "has_styles"):
        raise InputError(
            f"--generators={run.run_dir}: {run.config.model} makes no pictures from noise."
        )
    seeds = chosen_seeds(run, FLAGS, FLAGS.seeds or SEEDS)
    frames = pictures.to_rgb(walk(run, seeds, FLAGS.frames or FRAMES, **controls(FLAGS)))
    column = round(FLAGS.column * (frames.shape[2] - 1))
    scale = max(1, HEIGHT // frames.shape[1])
    first = marked(frames[0], column).repeat(scale, axis=1)
    # time is not enlarged, so that lines stay as steep in all rows
    return np.hstack([first, strip(frames, column)]).repeat(scale, axis=0)


def _stacked(rows):
    """Rows of pictures one above the other, on white, `[H, W, 3]`."""
    width = max(row.shape[1] for row in rows)
    parts = []
    for row in rows:
        beside = ((0, 4), (0, width - row.shape[1]), (0, 0))
        parts.append(np.pad(row, beside, constant_values=255))
    return np.vstack(parts)[:-4]


if __name__ == "__main__":
    start(_figure)
