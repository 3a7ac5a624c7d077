"""CycleGAN, Zhu et al. 2017 (https://arxiv.org/abs/1703.10593).

python -m experiments.run --model=cyclegan
python -m experiments.run --model=cyclegan --preset=paper --dataset=cycle_gan/horse2zebra
"""

from experiments.data.pipeline import DataConfig
from experiments.tasks.translation import MODES, ROLES, check_patches, check_ready, evaluate, sheets
from experiments.tasks.translation import translate_picture as translate
from experiments.training.config import RunConfig
from gan.cyclegan.algorithm import CycleGAN
from gan.cyclegan.config import CycleGANConfig

__all__ = ["BRANCHES", "MODES", "PRESETS", "ROLES", "build", "check_ready", "evaluate", "sheets",
           "translate"]  # fmt: skip

BRANCHES = 2  # the directions A to B and B to A

# `paper`: as printed and as the official code of 2017-2020 ran it; both agree, but for the learning
# rate of single epochs (core/schedules.py). `quick`: chosen by trial on the embedded set for five
# minutes on two CPU cores; one halving and smaller patches keep the details of small pictures.
_COLUMNS = {
    #                     paper     quick     smoke
    "ngf":               (64,       24,       4),
    "n_blocks":          (9,        4,        1),
    "n_downsampling":    (2,        1,        2),
    "ndf":               (64,       32,       4),
    "n_layers":          (3,        2,        2),
    "pool_size":         (50,       50,       4),
    "learning_rate":     (2e-4,     6e-4,     2e-4),
    "ema_half_life":     (0.0,      200.0,    4.0),
}  # fmt: skip


def _algorithm(column):
    return CycleGANConfig(**{key: row[column] for key, row in _COLUMNS.items()})


PRESETS = {
    "paper": RunConfig(
        model="cyclegan",
        preset="paper",
        algorithm=_algorithm(0),
        data=DataConfig(dataset="cycle_gan/horse2zebra", size=256, load_size=286),
        batch_size=1,
        epochs=200,
        log_every=100,
        sample_every=2_000,
        eval_every=20_000,
        checkpoint_every=2_000,
    ),
    "quick": RunConfig(
        model="cyclegan",
        preset="quick",
        algorithm=_algorithm(1),
        data=DataConfig(dataset="seasons", size=64, load_size=64),
        batch_size=1,
        images=3_000,
        log_every=40,
        sample_every=1_000,
        eval_every=1_000,
        checkpoint_every=1_000,
    ),
    "smoke": RunConfig(
        model="cyclegan",
        preset="smoke",
        algorithm=_algorithm(2),
        data=DataConfig(dataset="seasons", size=32, load_size=36),
        batch_size=2,
        images=16,
        log_every=2,
        sample_every=8,
        eval_every=8,
        eval_images=4,
        checkpoint_every=4,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> CycleGAN:
    """The algorithm of a config, for a data set of `epoch` images and `budget` images in all.

    The learning rate changes once an epoch, as published, where the length is given in epochs, and
    with every step where it is given in images.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    _check_size(config.data.size, config.algorithm)
    stair = epoch if config.epochs else config.batch_size
    return CycleGAN(
        config.algorithm,
        size=config.data.size,
        batch_size=config.batch_size,
        epoch=stair,
        epochs=budget / stair,
        seed=config.seed,
        xla=config.xla,
    )


def _check_size(size, algorithm):
    """The generator needs whole halvings and two pixels to reflect, the discriminator one patch."""
    multiple = 2**algorithm.n_downsampling
    if size % multiple or size < 2 * multiple:
        raise ValueError(
            f"data.size={size}: the generator halves a picture {algorithm.n_downsampling} times "
            f"and takes multiples of {multiple} pixels from {2 * multiple} up"
        )
    check_patches(size, algorithm)
