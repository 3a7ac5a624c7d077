"""CycleGAN, Zhu et al. 2017 (https://arxiv.org/abs/1703.10593).

python -m experiments.run --model=cyclegan
python -m experiments.run --model=cyclegan --preset=paper --dataset=cycle_gan/horse2zebra
"""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.imports import settings
from experiments.tasks.translation import (
    Translation,
    check_halvings,
    check_patches,
    translator_options,
)
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
    "ngf":               (64,       20,       4),
    "n_blocks":          (9,        3,        1),
    "n_downsampling":    (2,        1,        2),
    "ndf":               (64,       24,       4),
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
    "images":           (0,                        3_200,      16),
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
    """The algorithm of a configuration, see `translator_options`.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    check_halvings(config.data.sides, config.algorithm.n_downsampling)
    check_patches(config.data.sides, config.algorithm)
    return CycleGAN(config.algorithm, **translator_options(config, epoch, budget))


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
    costs={"quick": "5 minutes on two CPU cores, 8 to 11 on slow ones"},
)
