"""Makes sheets of what AdaIN's controls do: strength, four mixed styles, colours, masks.

    python -m scripts.figure_adain --run_dir=runs/adain/mine --content=photo.jpg \
        --style=a.jpg --style=b.jpg --style=c.jpg --style=d.jpg --output=sheets
"""

import numpy as np
from absl import flags

from core.errors import InputError
from core.paths import user_path
from experiments.cli import FLAGS, say, start

flags.DEFINE_integer("corners", 4, "Pictures along an edge of the interpolation.")
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def corner_weights(row: int, column: int, count: int) -> list[float]:
    """Returns the bilinear weights of four styles, one in each corner of a sheet, at one place.

    Args:
        row: the row of the place, from 0.
        column: its column, from 0.
        count: rows and columns of the sheet.
    """
    y, x = row / (count - 1), column / (count - 1)
    return [(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x]


def _figure():
    from experiments import api
    from experiments.data import files, pictures
    from experiments.data.styles import read

    if not (FLAGS.run_dir and FLAGS.output):
        raise InputError("give the --run_dir of a trained AdaIN, and a folder as --output.")
    if FLAGS.style and len(FLAGS.style) != 4:
        raise InputError(f"--style: {len(FLAGS.style)} given, expected four, one for each corner.")
    if FLAGS.corners < 2:
        raise InputError(f"--corners={FLAGS.corners}: expected 2 or more.")
    files.check_folder(FLAGS.output)
    size = FLAGS.size or 256
    names = FLAGS.style or [f"photos:{n}" for n in ("immunohistochemistry", "hubble_deep_field",
                                                    "retina", "gravel")]  # fmt: skip
    content = pictures.fit_side(read(FLAGS.content or "photos:chelsea"), size)
    styles = [pictures.fit_side(read(name), FLAGS.style_size or 512) for name in names]
    run = api.load(FLAGS.run_dir, say=say)
    sheets = {
        "alpha": _alpha(run, content, styles),
        "corners": _corners(run, content, styles),
        "colours": _colours(run, content, styles),
        "masks": _masks(run, content, styles),
    }
    for name, picture in sheets.items():
        pictures.write_png(user_path(FLAGS.output) / f"{name}.png", picture)
        say(f"{FLAGS.output}/{name}.png")
    return 0


def _thumbnail(style, content):
    from experiments.data import pictures

    return pictures.fit(style, content.shape[:2], "crop")


def _alpha(run, content, styles):
    from experiments.data import pictures

    rows = [
        [_thumbnail(s, content), *(run.stylize(content, [s], alpha=a) for a in ALPHAS)]
        for s in styles
    ]
    return pictures.sheet(rows, ["style", *(f"alpha {a:g}" for a in ALPHAS)])


def _corners(run, content, styles):
    from experiments.data import pictures

    count = FLAGS.corners
    grid = [
        [run.stylize(content, styles, weights=corner_weights(i, k, count)) for k in range(count)]
        for i in range(count)
    ]
    blank = np.full_like(content, 255)
    thumbs = [_thumbnail(s, content) for s in styles]
    grid = [[blank, *row, blank] for row in grid]
    grid[0][0], grid[0][-1], grid[-1][0], grid[-1][-1] = thumbs
    return pictures.sheet(grid)


def _colours(run, content, styles):
    from experiments.data import pictures
    from nst.controls import COLOURS

    rows = [
        [_thumbnail(s, content), *(run.stylize(content, [s], colours=c) for c in COLOURS)]
        for s in styles
    ]
    return pictures.sheet(rows, ["style", *COLOURS])


def _masks(run, content, styles):
    """Returns a sheet: a hard and a soft border of two styles, in the styles' or own colours."""
    from experiments.data import pictures

    width = content.shape[1]
    ramp = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), content.shape[:2])
    rows = []
    for a, b in ((styles[0], styles[1]), (styles[2], styles[3])):
        row = [_thumbnail(a, content), _thumbnail(b, content)]
        for right in ((ramp > 0.5).astype(np.float32), ramp):
            row.append(run.stylize(content, [a, b], masks=[1 - right, right]))
        row.append(
            run.stylize(content, [a, b], masks=[1 - ramp, ramp], colours="luminance", alpha=0.8)
        )
        rows.append(row)
    titles = ["left", "right", "hard mask", "soft mask", "soft, luminance, alpha 0.8"]
    return pictures.sheet(rows, titles)


if __name__ == "__main__":
    start(_figure)
