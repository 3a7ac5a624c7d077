"""What the models share that make pictures from noise: sheets, scores, pictures by seed, figures.

Such an algorithm offers

    generator(z), generator(z, labels)  pictures `[N, H, W, 3]`, nominally in [-1, 1], of
                                        z `[N, latent_size]` and int32 `[N]`; with the averaged
                                        weights, if there are any; called with training=False
    latent_size                         numbers in a z
    latent                              how they are distributed: "uniform" (from -1 to 1) or
                                        "normal", which it is where an algorithm does not say
    classes                             how many the labels distinguish, 0 without labels

and a style-based one, whose generator has a `mapping`, also

    generator.mapping(z, [labels,] truncation_psi=1.0)   `ws [N, layers, w_dim]`
    generator.synthesis(ws, noise="const", seed=None)    pictures; noise "const", "random" (drawn
                                                         from a `SeedGenerator`) or "none"
    generator.synthesis.use_styles, .use_noise           what it has of both
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import files, pictures
from experiments.data.pipeline import test_images
from experiments.metrics.sampling import BATCH, chosen_seeds, generate, styling
from experiments.tasks.animation import interpolate_mode
from experiments.tasks.figures import mix_mode, noise_mode, truncation_mode
from experiments.training.imported import check_imported

ROLES = ("image",)
SHEET = 8  # rows and columns of the sheet in training
GRID = 64  # pictures in the grid of --mode=sample, at most


def sheets(algorithm, dataset, config) -> dict[str, np.ndarray]:
    """`{"samples": picture}`: pictures of the same z all through training, a class a column if
    there are few, and a row of test images."""
    columns = algorithm.classes if 2 <= algorithm.classes <= 2 * SHEET else SHEET
    images = list(generate(algorithm, range(SHEET * columns)))
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    rows.append(list(test_images(dataset, config.data, "image", columns)))
    titles = ["generated", *[""] * (SHEET - 1), "real"]
    scale = max(1, 128 // config.data.size)
    return {"samples": pictures.sheet(rows, row_titles=titles, scale=scale)}


def evaluate(algorithm, dataset, config) -> dict[str, float]:
    """Simple scores of `config.eval_images` generated pictures and as many test images.

    `diversity/generated`, `diversity/real`: see `diversity`; the first is much lower after a
    collapse. `colour_distance`: see `colour_distance`. Neither sees whether pictures look real.
    """
    fakes = generate(algorithm, range(max(2, config.eval_images)))
    reals = test_images(dataset, config.data, "image", max(2, config.eval_images))
    return {
        "diversity/generated": diversity(fakes),
        "diversity/real": diversity(reals),
        "colour_distance": colour_distance(fakes, reals),
    }


def diversity(images: np.ndarray) -> float:
    """Root mean square difference of two pictures in 8-bit levels (0 to 255), mean over all pairs
    of uint8 `[N, H, W, 3]`; 0 for a single picture."""
    flat = images.reshape(len(images), -1).astype(np.float32) - 127.5
    squares = np.square(flat).sum(1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    pairs = np.triu_indices(len(flat), 1)
    roots = np.sqrt(np.maximum(distances[pairs], 0) / flat.shape[1])
    return float(roots.mean()) if len(roots) else 0.0


def colour_distance(a: np.ndarray, b: np.ndarray) -> float:
    """How far the red, green and blue of all pixels of `a` are from those of `b`: the
    1-Wasserstein distance of their histograms in 8-bit levels, mean over the three.

    Args:
        a, b: uint8 `[N, H, W, 3]`, not necessarily as many.
    """
    cumulative = [
        np.stack([np.cumsum(np.bincount(x[..., c].ravel(), minlength=256)) / x[..., c].size
                  for c in range(3)]) for x in (a, b)
    ]  # fmt: skip
    return float(np.abs(cumulative[0] - cumulative[1]).sum(1).mean())


def check_ready(run) -> None:
    """Refuses to make pictures with a generator that was not imported."""
    check_imported(run, "G", "pictures")


def sample(
    run,
    seeds: int | Sequence[int] = 16,
    *,
    truncation: float | None = None,
    cutoff: int | None = None,
    label: int | None = None,
) -> np.ndarray:
    """Pictures of a trained run: `generate` for seeds, or for the first so many."""
    check_ready(run)
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    return generate(run.algorithm, seeds, truncation=truncation, cutoff=cutoff, label=label)


def sample_mode(run, flags, say) -> int:
    """`--mode=sample`: `seed0000.png` for each seed, and `grid.png` of the first ones."""
    if flags.count is not None and (flags.count < 1 or flags.seeds):
        raise InputError(f"--count={flags.count}: expected 1 or more, or --seeds in its place.")
    seeds = chosen_seeds(run, flags, f"0-{(flags.count or 16) - 1}")
    files.check_folder(flags.output)
    images, folder = [], Path(flags.output).expanduser()
    for start in range(0, len(seeds), BATCH):
        batch = seeds[start : start + BATCH]
        truncation, cutoff, label = styling(flags)
        made = generate(run.algorithm, batch, truncation=truncation, cutoff=cutoff, label=label)
        for seed, picture in zip(batch, made, strict=True):
            pictures.write_png(folder / f"seed{seed:04}.png", picture)
        images += list(made[: GRID - len(images)])
    columns = math.ceil(math.sqrt(len(images)))
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    pictures.write_png(folder / "grid.png", pictures.sheet(rows))
    say(f"{len(seeds)} pictures and grid.png of {len(images)} written to {folder}")
    return 0


MODES = {
    "sample": sample_mode,
    "mix": mix_mode,
    "interpolate": interpolate_mode,
    "truncation": truncation_mode,
    "noise": noise_mode,
}
