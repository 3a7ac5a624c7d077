"""CycleGAN, Zhu et al. 2017 (https://arxiv.org/abs/1703.10593).

python -m experiments.run --model=cyclegan
python -m experiments.run --model=cyclegan --preset=paper --dataset=cycle_gan/horse2zebra
"""

from core.picture_size import as_text
from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.imports import settings
from experiments.tasks.translation import Translation, check_patches
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from gan import importers
from gan.cyclegan.algorithm import CycleGAN
from gan.cyclegan.config import CycleGANConfig

# `paper`: as printed and as the official code of 2017-2020 ran it; both agree, but for the learning
# rate of single epochs (core/schedules.py). `quick`: chosen by trial on the embedded set for five
# minutes on two CPU cores; one halving and smaller patches keep the details of small pictures.
_ALGORITHM = {
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
_RUN = {
    #                   paper                     quick       smoke
    "data.dataset":     ("cycle_gan/horse2zebra",  "seasons",  "seasons"),
    "data.size":        (256,                      64,         32),
    "data.load_size":   (286,                      64,         36),
    "batch_size":       (1,                        1,          2),
    "epochs":           (200,                      0,          0),
    "images":           (0,                        3_000,      16),
    "log_every":        (100,                      40,         2),
    "sample_every":     (2_000,                    1_000,      8),
    "eval_every":       (20_000,                   1_000,      8),
    "eval_images":      (100,                      100,        4),
    "checkpoint_every": (2_000,                    1_000,      4),
}  # fmt: skip
PRESETS = presets(
    "cyclegan",
    CycleGANConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
)


def build(config: RunConfig, epoch: int, budget: int) -> CycleGAN:
    """The algorithm of a configuration.

    The learning rate changes once an epoch, as published, where the length is given in epochs, and
    with every step where it is given in images.

    Args:
        config: the configuration.
        epoch: images in the data set.
        budget: images in all of training.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    _check_size(config.data.sides, config.algorithm)
    stair = epoch if config.epochs else config.batch_size
    return CycleGAN(
        config.algorithm,
        size=config.data.size,
        channels=config.data.channels,
        batch_size=config.batch_size,
        epoch=stair,
        epochs=budget / stair,
        seed=config.seed,
        xla=config.xla,
    )


def _check_size(sides, algorithm):
    """The generator needs whole halvings and two pixels to reflect, the discriminator one patch."""
    multiple = 2**algorithm.n_downsampling
    if any(side % multiple or side < 2 * multiple for side in sides):
        raise ValueError(
            f"data.size={as_text(sides)}: the generator halves a picture "
            f"{algorithm.n_downsampling} times and takes multiples of {multiple} pixels "
            f"from {2 * multiple} up"
        )
    check_patches(sides, algorithm)


MODEL = Model(
    name="cyclegan",
    summary="two kinds of pictures into each other, learned without pairs",
    paper="Zhu et al. 2017, https://arxiv.org/abs/1703.10593",
    task=Translation(),
    presets=PRESETS,
    build=build,
    any_shape=True,
    branches=2,  # the directions A to B and B to A
    imports=(
        Import("cyclegan/resnet_generator", importers, ("G_A", "G_B"), settings),
        Import("cyclegan/patch_discriminator", importers, ("D_A", "D_B"), settings),
    ),
    costs={"quick": "4 to 5 minutes on two fast CPU cores"},
)
