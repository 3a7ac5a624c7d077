"""Makes figures of the StyleGAN paper: mixed styles, truncation, and what noise changes.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), Figures 3, 4 and 8.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues
from scipy.ndimage import uniform_filter

from core.errors import InputError
from experiments.data import files, pictures
from experiments.metrics.sampling import Sampler
from experiments.model import Run, Say
from experiments.tasks.seeds import (
    check_styles,
    check_together,
    chosen_classes,
    chosen_seeds,
    chosen_ws,
    controls,
    sampler,
)

STYLES = (("coarse", 0, 4), ("middle", 4, 8), ("fine", 8, None))  # 4-8, 16-32 and 64 px and above
PSIS = (1.0, 0.7, 0.5, 0.3, 0.0, -0.5, -1.0)
REALISATIONS, CROPS = 100, 4  # realisations of noise: how many are drawn, how many are shown


def mix_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=mix`; returns the exit status.

    The sheet has a row for each picture of A and a column for each picture of B. A cell is A's
    picture with the coarse, middle or fine styles of B.

    Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), Figure 3.
    """
    check_styles(run, "--mode=mix")
    names, a = chosen_ws(run, flags, flags.seeds or "0-2", ("seeds",))
    seeds_b = chosen_seeds(run, flags, flags.seeds_b or "3-8", "--seeds_b")
    check_together(run, (3 * len(a) + 1) * (len(seeds_b) + 1), "--seeds, --w, --seeds_b")
    target = files.output_file(flags.output, "mix")
    made = sampler(run)
    b = made.ws(seeds_b, **controls(flags))
    own = made.from_ws(a)
    rows, titles = [[np.full_like(own[0], 255), *made.from_ws(b)]], [""]
    for name, first, end in STYLES:
        if first >= a.shape[1]:
            continue
        for title, styles, picture in zip(names, a, own, strict=True):
            mixed = np.repeat(styles[None], len(b), axis=0)
            mixed[:, first:end] = b[:, first:end]
            rows.append([picture, *made.from_ws(mixed)])
            titles.append(f"A {title.removeprefix('seed ')}, {name} of B")
    columns = ["A", *(f"B {seed}" for seed in seeds_b)]
    write_figure(target, say, rows, columns, titles)
    return 0


def truncation_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=truncation`; returns the exit status.

    The sheet has a row for each seed and a column for each psi. At psi 0 all pictures are the mean.

    Source: Karras et al. 2019, Figure 8.
    """
    check_styles(run, "--mode=truncation")
    seeds = chosen_seeds(run, flags, flags.seeds or "0-3")
    classes = chosen_classes(flags)
    check_together(run, len(seeds) * len(PSIS), "--seeds")
    target = files.output_file(flags.output, "truncation")
    made = sampler(run)
    columns = [made.from_ws(made.ws(seeds, truncation=psi, label=classes)) for psi in PSIS]
    rows = [list(row) for row in zip(*columns, strict=True)]
    titles = [f"psi {psi:g}" for psi in PSIS], [f"seed {seed}" for seed in seeds]
    write_figure(target, say, rows, *titles)
    return 0


def noise_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=noise`; returns the exit status.

    The sheet has a row for each seed: the picture, the part that noise changes most with several
    realisations of noise, and the standard deviation of every pixel over a hundred realisations.

    Source: Karras et al. 2019, Figure 4.
    """
    check_styles(run, "--mode=noise")
    if not run.algorithm.has_noise:
        raise InputError(f"--mode=noise: this {run.config.model} was trained without noise inputs.")
    seeds = chosen_seeds(run, flags, flags.seeds or "0-2")
    check_together(run, len(seeds) * (CROPS + 2), "--seeds")
    target = files.output_file(flags.output, "noise")
    made = sampler(run)
    styles = made.ws(seeds, **controls(flags))
    noisy = [realisations(made, style) for style in styles]
    top = max(float(deviation.max()) for _, deviation in noisy) or 1.0
    rows = []
    for picture, (examples, deviation) in zip(made.from_ws(styles), noisy, strict=True):
        grey = pictures.from_signed(2 * deviation / top - 1)
        crops = most_varied(examples, deviation)
        grey = pictures.in_channels(grey[..., None], picture.shape[2])
        rows.append([picture, *crops, grey])
    columns = ["picture", "realisations", *[""] * (CROPS - 1), f"std, white {top:.1f}"]
    write_figure(target, say, rows, columns, [f"seed {seed}" for seed in seeds])
    return 0


def realisations(
    made: Sampler, style: np.ndarray, count: int = REALISATIONS
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what noise changes in the picture of one w.

    Args:
        made: the sampler.
        style: the styles of the picture, `[layers, w_dim]`.
        count: how many realisations of noise are drawn.

    Returns:
        Pictures with different noise, uint8 `[CROPS, H, W, C]`, and the standard deviation of each
        pixel over all realisations, `[H, W]`, in 8-bit levels (root mean square over the channels).
    """
    many = np.repeat(style[None], count, axis=0)
    total = squares = np.float64(0)
    examples: Any = None  # of the first batch
    for start in range(0, count, made.batch):
        images = made.raw_from_ws(many[start : start + made.batch], "random", seed=start)
        examples = pictures.from_signed(images[:CROPS]) if examples is None else examples
        levels = np.clip(images, -1, 1).astype(np.float64) * 127.5
        total, squares = total + levels.sum(0), squares + np.square(levels).sum(0)
    variance = squares / count - np.square(total / count)
    return examples, np.sqrt(np.maximum(variance.mean(2), 0))


def most_varied(examples: np.ndarray, deviation: np.ndarray) -> list[np.ndarray]:
    """Returns the part of each picture where all vary most, enlarged to the size of the picture.

    The sides of the part are a quarter of the picture's.

    Args:
        examples: pictures, uint8 `[N, H, W, C]`.
        deviation: how much each pixel varies, `[H, W]`.
    """
    shape = deviation.shape
    edges = [max(1, side // 4) for side in shape]
    middle = np.unravel_index(uniform_filter(deviation, edges).argmax(), shape)
    top, left = (
        int(np.clip(m - edge // 2, 0, side - edge))
        for m, edge, side in zip(middle, edges, shape, strict=True)
    )
    parts = examples[:, top : top + edges[0], left : left + edges[1]]
    return [pictures.fit(part, shape, "stretch", resample=0) for part in parts]


def write_figure(
    target: Path,
    say: Say,
    rows: Sequence[Sequence[np.ndarray]],
    column_titles: Sequence[str],
    row_titles: Sequence[str],
) -> None:
    """Writes rows of pictures with titles, enlarged if they are small, and says where."""
    scale = pictures.enlargement(rows[0][0])
    picture = pictures.sheet(rows, column_titles, row_titles, scale=scale)
    pictures.write_png(target, picture)
    say(f"written: {target}")
