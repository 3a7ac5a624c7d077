"""Texture networks for textures, Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417).

python -m experiments.run --model=ulyanov_texture --style=stones.jpg
python -m experiments.run --model=ulyanov_texture --mode=sample --seeds=0-7 --size=512 --output=DIR
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import files, pictures
from experiments.metrics.sampling import parse_seeds
from experiments.tasks.feed_forward import (
    OPTIONS,
    assemble,
    check_ready,
    fingerprint,
    perceptual,
    read_styles,
    run_label,
)
from experiments.tasks.optimisation import batches
from experiments.tasks.stylization import stem, to_uint8
from experiments.tasks.translation import max_pixels
from experiments.training.config import RunConfig, columns
from nst.ulyanov.algorithm import UlyanovTexture
from nst.ulyanov.config import UlyanovConfig

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "TAKES", "batches", "build", "check_ready",
           "evaluate", "fingerprint", "rebuild", "run_name", "sample", "sheets"]  # fmt: skip

ROLES = ()  # no data set
TAKES = {"sample": ("size",)}
SHEET = 3  # textures beside the style

_FIVE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# `paper`: branch texture_nets_v1 of DmitryUlyanov/texture_nets, texture_train.lua, as
# vicident/texture_nets @ 3638fb3 has it: 0.1,
# times 0.7 every 200 iterations from the 1000th on (here: from the first on), batches of 16, 1000
# iterations; its README has 1500 and normalises the gradient, which is not done here. The noise has
# 3 channels. `instance`: the same with what 2017 brought. `quick`: ours.
_COLUMNS = {
    #                    paper        instance    quick        smoke
    "weights":          ("imagenet",  "imagenet", "imagenet",  "random"),
    "network":          ("vgg19",     "vgg19",    "vgg16",     "vgg16"),
    "style_layers":     (_FIVE,       _FIVE[:4],  _FIVE[:4],   _FIVE[:2]),
    "style_weight":     (1.0,         1.0,        1.0,         1.0),
    "style_size":       (256,         256,        128,         64),
    "learning_rate":    (1e-1,        1e-3,       1e-2,        1e-3),
    "decay":            (0.7,         0.8,        0.8,         0.8),
    "decay_every":      (200,         2000,       600,         2),
    "norm":             ("batch",     "instance", "instance",  "instance"),
    "output":           ("linear",    "linear",   "tanh",      "linear"),
    "gamma":            ("uniform",   "uniform",  "ones",      "ones"),
    "slope":            (0.01,        0.0,        0.0,         0.0),
    "scales":           (6,           6,          6,           3),
    "channels":         (8,           8,          8,           2),
}  # fmt: skip


@dataclass(frozen=True)
class TextureConfig:
    """What is made in training."""

    size: int = 256  # height and width, pixels


def _preset(name, algorithm, size, **kwargs):
    data = TextureConfig(size)
    return RunConfig(model="ulyanov_texture", preset=name, algorithm=algorithm, data=data, **kwargs)


_FIXED = {"style": ("photos:gravel",), "content_layers": (), "padding": "circular"}
_PAPER, _INSTANCE, _QUICK, _SMOKE = columns(UlyanovConfig, _COLUMNS, _FIXED)
_LONG = {"log_every": 160, "sample_every": 1_600, "eval_every": 4_000, "checkpoint_every": 1_600,
         "eval_images": 4}  # fmt: skip
_SHORT = {"log_every": 100, "sample_every": 500, "eval_every": 1_000, "checkpoint_every": 500,
          "eval_images": 4}  # fmt: skip
_TINY = {"log_every": 2, "sample_every": 4, "eval_every": 8, "checkpoint_every": 4,
         "eval_images": 2}  # fmt: skip
PRESETS = {
    "paper": _preset("paper", _PAPER, 256, batch_size=16, images=16_000, **_LONG),
    "instance": _preset("instance", _INSTANCE, 256, images=50_000, **_LONG),
    "quick": _preset("quick", _QUICK, 128, images=3_000, **_SHORT),
    "smoke": _preset("smoke", _SMOKE, 32, batch_size=2, images=8, **_TINY),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> UlyanovTexture:
    """The algorithm of a config; `epoch` and `budget` do not matter.

    Raises:
        InputError: VGG's weights or the style cannot be had.
        ValueError: a size that is no multiple of what the scales need; no noise.
    """
    return _build(config, perceptual(config.algorithm))


def rebuild(config: RunConfig) -> UlyanovTexture:
    """The algorithm without what only training needs."""
    return _build(config, None)


def _build(config, loss):
    return assemble(UlyanovTexture, config, loss, seed=config.seed)


def run_name(config: RunConfig, preset: RunConfig) -> str:
    """`<preset>-<style>[-seed<n>]`."""
    return f"{config.preset}-{run_label(config)}" + (f"-seed{config.seed}" if config.seed else "")


def evaluate(algorithm: UlyanovTexture, dataset, config: RunConfig) -> dict[str, float]:
    """The losses, without their weights, of textures of the first seeds: means."""
    size = config.data.size
    rows = [
        algorithm.perceptual.terms(algorithm.texture(seed, size, size)[None])
        for seed in range(config.eval_images)
    ]
    return {
        f"test/{name}": float(np.mean([np.asarray(row[name]) for row in rows])) for name in rows[0]
    }


def sheets(algorithm: UlyanovTexture, dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"textures": the style and textures of the first seeds, of its size}`."""
    style = to_uint8(read_styles(config.algorithm)[0])
    made = [to_uint8(algorithm.texture(seed, *style.shape[:2])) for seed in range(SHEET)]
    titles = [stem(config.algorithm.style[0]), *(f"seed {seed}" for seed in range(SHEET))]
    return {"textures": pictures.sheet([[style, *made]], titles)}


def sample(run, seeds: int | Sequence[int] = 16, *, size: int | None = None) -> np.ndarray:
    """Textures of a trained run, uint8 `[N, size, size, 3]`, of seeds or of the first so many.

    Args:
        run: trained.
        seeds: from 0 to 2**32 - 1; a texture is a function of its seed and the size.
        size: height and width, pixels, any; None: the size in training.

    Raises:
        InputError: no seeds, or a size that is not above 0 or does not fit into memory.
    """
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    size = run.config.data.size if size is None else size
    if not 0 < size**2 <= max_pixels(run.algorithm.width):
        raise InputError(f"size {size}: expected 1 to {int(max_pixels(run.algorithm.width)**0.5)} "
                         "pixels, what fits into the free memory.")  # fmt: skip
    if not len(seeds) or not all(0 <= seed < 2**32 for seed in seeds):
        raise InputError(f"seeds {list(seeds)}: expected one or more, from 0 to {2**32 - 1}.")
    return np.stack([to_uint8(run.algorithm.texture(seed, size, size)) for seed in seeds])


def sample_mode(run, flags, say) -> int:
    """`--mode=sample`: `seed0000.png` for each seed."""
    for name in ("truncation", "truncation_cutoff", "label"):
        if getattr(flags, name) is not None:
            raise InputError(f"--{name}: not an option of textures. Leave it out.")
    if flags.count is not None and (flags.count < 1 or flags.seeds):
        raise InputError(f"--count={flags.count}: expected 1 or more, or --seeds in its place.")
    seeds = parse_seeds(flags.seeds or f"0-{(flags.count or 16) - 1}")
    files.check_folder(flags.output)
    folder = Path(flags.output).expanduser()
    for seed in seeds:
        (picture,) = sample(run, [seed], size=flags.size or None)
        pictures.write_png(folder / f"seed{seed:04}.png", picture)
    say(f"{len(seeds)} pictures written to {folder}")
    return 0


MODES = {"sample": sample_mode}
