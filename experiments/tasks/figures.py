"""The figures of the StyleGAN paper: mixed styles, truncation, and what noise changes.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), Figures 3, 4 and 8.
"""

import keras
import numpy as np
from scipy.ndimage import uniform_filter

from core.errors import InputError
from experiments.data import files, pictures
from experiments.metrics.sampling import (
    BATCH,
    chosen_seeds,
    has_styles,
    in_batches,
    styling,
    synthesize,
    ws,
)

STYLES = (("coarse", 0, 4), ("middle", 4, 8), ("fine", 8, None))  # 4-8, 16-32 and 64 px and above
PSIS = (1.0, 0.7, 0.5, 0.3, 0.0, -0.5, -1.0)
REALISATIONS, CROPS = 100, 4  # of noise


def styled(run, mode: str):
    """The generator of a style-based model.

    Raises:
        InputError: it has no styles.
    """
    if not has_styles(run.algorithm.generator):
        raise InputError(f"--mode={mode}: this {run.config.model} has no styles. Give the "
                         "--run_dir of a style-based model.")  # fmt: skip
    return run.algorithm.generator


def mix_mode(run, flags, say) -> int:
    """`--mode=mix`: rows of A's pictures with coarse, middle or fine styles of B, the columns.

    Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), Figure 3.
    """
    generator = styled(run, "mix")
    seeds = chosen_seeds(run, flags, "0-2"), chosen_seeds(run, flags, "3-8", "seeds_b")
    target = files.output_file(flags.output, "mix")
    a, b = (ws(run.algorithm, s, *styling(flags)) for s in seeds)
    own = synthesize(generator, a)
    rows, titles = [[np.full_like(own[0], 255), *synthesize(generator, b)]], [""]
    for name, first, end in STYLES:
        if first >= a.shape[1]:
            continue
        for seed, styles, picture in zip(seeds[0], a, own, strict=True):
            mixed = np.repeat(styles[None], len(b), axis=0)
            mixed[:, first:end] = b[:, first:end]
            rows.append([picture, *synthesize(generator, mixed)])
            titles.append(f"A {seed}, {name} of B")
    columns = ["A", *(f"B {seed}" for seed in seeds[1])]
    _write_figure(target, say, rows, columns, titles)
    return 0


def truncation_mode(run, flags, say) -> int:
    """`--mode=truncation`: a row for each seed, a column for each psi; psi 0 is the mean.

    Source: Karras et al. 2019, Figure 8.
    """
    generator = styled(run, "truncation")
    seeds = chosen_seeds(run, flags, "0-3")
    target = files.output_file(flags.output, "truncation")
    columns = [
        synthesize(generator, ws(run.algorithm, seeds, psi, label=flags.label)) for psi in PSIS
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    titles = [f"psi {psi:g}" for psi in PSIS], [f"seed {seed}" for seed in seeds]
    _write_figure(target, say, rows, *titles)
    return 0


def noise_mode(run, flags, say) -> int:
    """`--mode=noise`: a row for each seed: the picture, its part that noise changes most under some
    realisations of noise, and the standard deviation of every pixel over a hundred.

    Source: Karras et al. 2019, Figure 4.
    """
    generator = styled(run, "noise")
    if not generator.synthesis.use_noise:
        raise InputError(f"--mode=noise: this {run.config.model} was trained without noise inputs.")
    seeds = chosen_seeds(run, flags, "0-2")
    target = files.output_file(flags.output, "noise")
    styles = ws(run.algorithm, seeds, *styling(flags))
    found = [_realisations(generator, style) for style in styles]
    top = max(float(deviation.max()) for _, deviation in found) or 1.0
    rows = []
    for picture, (examples, deviation) in zip(synthesize(generator, styles), found, strict=True):
        grey = pictures.to_uint8(2 * deviation / top - 1)
        crops = _crops(examples, deviation)
        rows.append([picture, *crops, np.repeat(grey[..., None], 3, axis=2)])
    columns = ["picture", *[""] * CROPS, f"std, white {top:.1f}"]
    columns[1] = "realisations"
    _write_figure(target, say, rows, columns, [f"seed {seed}" for seed in seeds])
    return 0


def _realisations(generator, style):
    """Some pictures of one w under different noise, uint8 `[CROPS, H, W, 3]`, and the standard
    deviation of each pixel over `REALISATIONS`, mean square over the channels, 8-bit levels."""
    seed = keras.random.SeedGenerator(0)
    many = np.repeat(style[None], REALISATIONS, axis=0)
    total = squares = 0.0
    examples = None
    for start in range(0, REALISATIONS, BATCH):
        rows = many[start : start + BATCH]
        made = in_batches(lambda r: generator.synthesis(r, noise="random", seed=seed), rows)
        examples = pictures.to_uint8(made[:CROPS]) if examples is None else examples
        made = np.clip(made, -1, 1).astype(np.float64) * 127.5
        total, squares = total + made.sum(0), squares + np.square(made).sum(0)
    variance = squares / REALISATIONS - np.square(total / REALISATIONS)
    return examples, np.sqrt(np.maximum(variance.mean(2), 0))


def _crops(examples, deviation):
    """A quarter of the edge, where the deviation is largest, enlarged to the picture's size."""
    size = len(deviation)
    edge = max(1, size // 4)
    middle = np.unravel_index(uniform_filter(deviation, edge).argmax(), deviation.shape)
    top, left = (int(np.clip(m - edge // 2, 0, size - edge)) for m in middle)
    parts = examples[:, top : top + edge, left : left + edge]
    return [pictures.fit(part, size, "stretch", resample=0) for part in parts]


def _write_figure(target, say, rows, column_titles, row_titles):
    scale = max(1, 128 // rows[0][0].shape[0])
    picture = pictures.sheet(rows, column_titles, row_titles, scale=scale)
    pictures.write_png(target, picture)
    say(f"written: {target}")
