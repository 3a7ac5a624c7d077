"""pix2pix, Isola et al. 2017 (https://arxiv.org/abs/1611.07004).

python -m experiments.run --model=pix2pix
python -m experiments.run --model=pix2pix --preset=paper --dataset=folder:facades \
    --set algorithm.direction=BtoA

It learns from pairs, one direction a run: `--set algorithm.direction=BtoA` for the other one. (The
paper's facades have the photograph at the left, A, and learn to make it from the labels, B.)
"""

from core.picture_size import as_text
from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.imports import directed, settings, settings_of_pairs
from experiments.tasks.pairs import PairedTranslation
from experiments.tasks.translation import check_patches, translator_options
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from gan import importers
from gan.pix2pix.algorithm import Pix2Pix
from gan.pix2pix.config import Pix2PixConfig

# `paper`: as printed and as the official code runs it. `quick`: chosen by trial on the embedded set
# for five minutes on two CPU cores.
_ALGORITHM = {
    #                     paper     quick     smoke
    "ngf":               (64,       32,       4),
    "num_downs":         (8,        6,        5),
    "ndf":               (64,       32,       4),
    "n_layers":          (3,        2,        2),
    "learning_rate":     (2e-4,     6e-4,     2e-4),
}  # fmt: skip
_RUN = {
    #                   paper              quick              smoke
    "data.dataset":     ("folder:facades",  "seasons_paired",  "seasons_paired"),
    "data.size":        (256,               64,                32),
    "data.load_size":   (286,               64,                36),
    "data.paired":      (True,              True,              True),
    "batch_size":       (1,                 1,                 2),
    "epochs":           (200,               0,                 0),
    "images":           (0,                 4_000,             16),
    "log_every":        (100,               40,                2),
    "sample_every":     (2_000,             1_000,             8),
    "eval_every":       (20_000,            1_000,             8),
    "eval_images":      (100,               100,               4),
    "checkpoint_every": (2_000,             1_000,             4),
}  # fmt: skip
PRESETS = presets(
    "pix2pix",
    Pix2PixConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
)


def build(config: RunConfig, epoch: int, budget: int) -> Pix2Pix:
    """The algorithm of a configuration, see `translator_options`.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    _check_size(config.data.sides, config.algorithm)
    return Pix2Pix(config.algorithm, **translator_options(config, epoch, budget))


def _check_size(sides, algorithm):
    """The U-Net needs whole halvings, the discriminator one patch."""
    downs = algorithm.num_downs
    if any(side % 2**downs for side in sides):
        raise ValueError(
            f"data.size={as_text(sides)}: a U-Net of {downs} halvings takes multiples of "
            f"{2**downs} pixels; change data.size (and data.load_size) or "
            "algorithm.num_downs (from 5 up)"
        )
    check_patches(sides, algorithm)


def _generator_settings(found, options):
    """What a file of a generator says, and which direction it was trained in."""
    return settings(found) | directed(options)


def _discriminator_settings(found, options):
    """What a file of a discriminator says, and which direction it was trained in."""
    return settings_of_pairs(found) | directed(options)


MODEL = Model(
    name="pix2pix",
    summary="one kind of picture into another, learned from pairs",
    paper="Isola et al. 2017, https://arxiv.org/abs/1611.07004",
    task=PairedTranslation(),
    presets=PRESETS,
    build=build,
    any_shape=True,
    changeable=("algorithm.test_mode",),  # how a trained generator is used
    imports=(
        Import("pix2pix/unet_generator", importers, ("G",), _generator_settings),
        Import("pix2pix/patch_discriminator", importers, ("D",), _discriminator_settings),
    ),
    costs={"quick": "4 to 5 minutes of two CPU cores"},
)
