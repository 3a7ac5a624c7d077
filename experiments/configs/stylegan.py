"""StyleGAN, Karras et al. 2019 (https://arxiv.org/abs/1812.04948).

python -m experiments.run --model=stylegan
python -m experiments.run --model=stylegan --preset=paper --dataset=folder:ffhq
python -m experiments.run --model=stylegan --mode=mix --output=figures
"""

import dataclasses

from experiments.data.pipeline import DataConfig
from experiments.tasks.generation import MODES, ROLES, check_ready, evaluate, sample, sheets
from experiments.training.config import RunConfig, columns
from gan.stylegan.algorithm import StyleGAN
from gan.stylegan.config import StyleGANConfig

__all__ = ["MODES", "PRESETS", "ROLES", "build", "check_ready", "evaluate", "sample", "sheets"]

# The paper's Table 1 for FFHQ. A is ProGAN's networks and hyper-parameters, B tunes them and
# filters at resampling, C to F change a part each; F is `paper`. (B to F: train.py:60-65 of the
# official code. That A is trained with WGAN-GP and B to F with R1: section 2.1 of the paper.)
_TABLE_1 = {
    #                    A           B           C           D           E           F
    "blur":             (False,      True,       True,       True,       True,       True),
    "start_resolution": (4,          8,          8,          8,          8,          8),
    "gan_mode":         ("wgan",     "vanilla",  "vanilla",  "vanilla",  "vanilla",  "vanilla"),
    "penalty":          ("wgan_gp",  "r1",       "r1",       "r1",       "r1",       "r1"),
    "drift":            (1e-3,       0.0,        0.0,        0.0,        0.0,        0.0),
    "ema_decay":        (0.999,      0.0,        0.0,        0.0,        0.0,        0.0),
    "ema_half_life":    (0.0,        10_000.0,   10_000.0,   10_000.0,   10_000.0,   10_000.0),
    "mapping_layers":   (0,          0,          8,          8,          8,          8),
    "use_styles":       (False,      False,      True,       True,       True,       True),
    "const_input":      (False,      False,      False,      True,       True,       True),
    "use_noise":        (False,      False,      False,      False,      True,       True),
    "style_mixing":     (0.0,        0.0,        0.0,        0.0,        0.0,        0.9),
}  # fmt: skip
_NAMES = [f"config_{letter}" for letter in "abcdef"]
_IMAGES = {"config_a": 12_000_000}  # the others 25 million: B is "longer training", too

# for two CPU cores; `quick` was chosen by trial on the embedded set for eight minutes
_SMALL = {
    #                    quick        smoke
    "fmap_base":        (512,         32),
    "fmap_max":         (64,          8),
    "latent_size":      (64,          8),
    "w_dim":            (64,          8),
    "mapping_fmaps":    (64,          8),
    "mapping_layers":   (4,           2),
    "fade_images":      (4_000,       8),
    "stable_images":    (8_000,       8),
    "batch_sizes":      ((),          ("8:8",)),
    "learning_rate":    (2e-3,        1e-3),
    "penalty_weight":   (5.0,         10.0),
    "ema_half_life":    (1_000.0,     16.0),
}  # fmt: skip


def _published(name, algorithm):
    return RunConfig(
        model="stylegan",
        preset=name,
        algorithm=algorithm,
        data=DataConfig(dataset="folder:ffhq", size=1024, load_size=1024),
        batch_size=32,
        images=_IMAGES.get(name, 25_000_000),
        log_every=10_000,
        sample_every=100_000,
        eval_every=1_000_000,
        checkpoint_every=100_000,
    )


def _small(name, algorithm, size, **numbers):
    data = DataConfig(dataset="faces", size=size, load_size=size)
    return RunConfig(model="stylegan", preset=name, algorithm=algorithm, data=data, **numbers)


_quick, _smoke = columns(StyleGANConfig, _SMALL)
PRESETS = {
    name: _published(name, algorithm)
    for name, algorithm in zip(_NAMES, columns(StyleGANConfig, _TABLE_1), strict=True)
}
PRESETS |= {
    "paper": dataclasses.replace(PRESETS["config_f"], preset="paper"),
    "quick": _small("quick", _quick, 32, batch_size=8, images=60_000, log_every=400, xla=True,
                    sample_every=6_000, eval_every=12_000, checkpoint_every=6_000),
    "smoke": _small("smoke", _smoke, 16, batch_size=4, images=48, log_every=8, sample_every=24,
                    eval_every=24, eval_images=8, checkpoint_every=16),
}  # fmt: skip


def build(config: RunConfig, *, epoch: int, budget: int) -> StyleGAN:
    """The algorithm of a config; the length of training does not change it.

    Raises:
        ValueError: a resolution (`data.size`) that is not a power of two.
    """
    return StyleGAN(
        config.algorithm,
        size=config.data.size,
        batch_size=config.batch_size,
        seed=config.seed,
        xla=config.xla,
    )
