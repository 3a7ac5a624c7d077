"""CUT, FastCUT and SinCUT, Park et al. 2020 (https://arxiv.org/abs/2007.15651).

python -m experiments.run --model=cut
python -m experiments.run --model=cut --preset=paper --dataset=cycle_gan/horse2zebra
python -m experiments.run --model=cut --preset=fastcut --dataset=cycle_gan/horse2zebra
python -m experiments.run --model=cut --preset=sincut --dataset=folder:PATH

SinCUT learns from one picture in PATH/trainA and one in PATH/trainB.
It learns one direction a run: `--set algorithm.direction=BtoA` for the other one.
"""

from collections.abc import Mapping
from typing import Any

from core.picture_size import Size, as_text
from experiments.data.config import ZoomedData
from experiments.model import Model
from experiments.tasks.imports import directed, settings
from experiments.tasks.single import SinglesOrSets
from experiments.tasks.translation import check_halvings, check_patches, translator_options
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from gan import importers
from gan.cut.algorithm import CUT
from gan.cut.config import CUTConfig
from gan.cut.single import EPOCH, SinCUT
from gan.stylegan2.blocks import sizes

# `paper`, `fastcut`: as printed and as the official code runs them. `quick`: the pictures, sizes
# and networks of CycleGAN's `quick`; its layers are those at the same places of a smaller
# generator. With blurs, pictures of 64 pixels had echoes of every edge, and 18.9 dB for 20.1.
_ALGORITHM = {
    #                     paper             fastcut           quick            smoke
    "ngf":               (64,               64,               20,              4),
    "n_blocks":          (9,                9,                3,               1),
    "n_downsampling":    (2,                2,                1,               2),
    "antialias":         (True,             True,             False,           True),
    "ndf":               (64,               64,               24,              4),
    "n_layers":          (3,                3,                2,               2),
    "lambda_nce":        (1.0,              10.0,             1.0,             1.0),
    "nce_layers":        ((0, 4, 8, 12, 16), (0, 4, 8, 12, 16), (0, 4, 7, 8), (0, 4, 8, 12)),
    "nce_width":         (256,              256,              64,              8),
    "num_patches":       (256,              256,              256,             16),
    "nce_idt":           (True,             False,            True,            True),
    "flip_equivariance": (False,            True,             False,           False),
    "learning_rate":     (2e-4,             2e-4,             6e-4,            2e-4),
    "decay_from":        (0.5,              0.75,             0.5,             0.5),
    "ema_half_life":     (0.0,              0.0,              200.0,           4.0),
}  # fmt: skip
_HORSES = "cycle_gan/horse2zebra"
_RUN = {
    #                   paper    fastcut   quick      smoke
    "data.dataset":     (_HORSES, _HORSES, "seasons", "seasons"),
    "data.size":        (256,     256,     64,        32),
    "data.load_size":   (286,     286,     64,        36),
    "batch_size":       (1,       1,       1,         2),
    "epochs":           (400,     200,     0,         0),
    "images":           (0,       0,       3_200,     16),
    "log_every":        (100,     100,     40,        2),
    "sample_every":     (2_000,   2_000,   1_000,     8),
    "eval_every":       (20_000,  20_000,  1_000,     8),
    "eval_images":      (100,     100,     100,       4),
    "checkpoint_every": (2_000,   2_000,   1_000,     4),
}  # fmt: skip
# SinCUT: `sincut` as printed and as the official code runs it; `sincut_quick`: smaller crops and
# networks of about a tenth of the size
_SINGLE = {
    #                           sincut     sincut_quick
    "algorithm.ngf":           (10,        2),
    "algorithm.n_blocks":      (6,         4),
    "algorithm.ndf":           (8,         2),
    "algorithm.nce_width":     (256,       64),
    "algorithm.ema_half_life": (0.0,       500.0),
    "data.size":               (64,        32),
    "data.load_size":          (512,       256),
    "images":                  (1_600_000, 16_000),
    "log_every":               (1_600,     160),
    "sample_every":            (20_000,    2_000),
    "eval_every":              (20_000,    4_000),
    "checkpoint_every":        (20_000,    2_000),
}  # fmt: skip
_SINGLES = {
    "algorithm.generator": "stylegan2",
    "algorithm.n_downsampling": 1,
    "algorithm.discriminator": "stylegan2",
    "algorithm.gan_mode": "vanilla",  # which is the non-saturating one
    "algorithm.lambda_nce": 4.0,
    "algorithm.lambda_identity": 1.0,
    "algorithm.lambda_r1": 1.0,
    "algorithm.nce_layers": (0, 2, 4),
    "algorithm.num_patches": 1,
    "algorithm.learning_rate": 2e-3,
    "algorithm.beta_1": 0.0,
    "algorithm.beta_2": 0.99,
    "data.dataset": "seasons",
    "data.zoom": 3.0,
    "batch_size": 16,
    "eval_images": 4,
}
PRESETS = presets(
    "cut",
    CUTConfig,
    ZoomedData,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "fastcut", "quick", "smoke"),
) | presets("cut", CUTConfig, ZoomedData, _SINGLE, names=("sincut", "sincut_quick"), fixed=_SINGLES)


def build(config: RunConfig, epoch: int, budget: int) -> CUT:
    """The algorithm of a configuration, see `translator_options`.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    check_halvings(config.data.sides, config.algorithm.n_downsampling)
    check_patches(config.data.sides, config.algorithm)
    options = translator_options(config, epoch, budget)
    if not config.algorithm.single:
        return CUT(config.algorithm, **options)
    _check_crops(config.data.size)
    # as published; in a shorter or odd training the rate changes with every step
    if config.data.zoom and budget > EPOCH and budget % EPOCH == 0:
        options |= {"epoch": EPOCH, "epochs": budget / EPOCH}
    return SinCUT(config.algorithm, **options)


def _check_crops(size: Size) -> None:
    """Raises ValueError for crops that SinCUT's discriminator cannot halve."""
    try:
        sizes(size)
    except ValueError as error:
        raise ValueError(f"data.size={as_text(size)}: {error}") from error


def _generator_settings(found: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """What a file of a generator says; of the layers compared, those that it has."""
    last = 11 + found["n_blocks"]
    layers = tuple(i for i in PRESETS["paper"].algorithm.nce_layers if i <= last)
    return settings(found) | {"algorithm.nce_layers": layers} | directed(options)


def _discriminator_settings(found: Mapping[str, Any], options: Any) -> dict[str, Any]:
    renamed = {"n_layers" if k == "n_layers_D" else k: v for k, v in found.items()}
    return settings(renamed) | directed(options)


def _mlp_settings(found: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """What a file of the patch MLPs says; the last layer compared is a residual block."""
    widths = found["widths"]
    sizes = {"channels": widths[0], "ngf": widths[-1] // 4, "nce_width": found["netF_nc"]}
    return settings(sizes) | directed(options)


MODEL = Model(
    name="cut",
    summary="one kind of picture into another, learned without pairs, one way",
    paper="Park et al. 2020, https://arxiv.org/abs/2007.15651",
    costs=dict.fromkeys(("quick", "sincut_quick"), "4 minutes on two CPU cores"),
    task=SinglesOrSets(),
    presets=PRESETS,
    build=build,
    any_shape=True,
    imports=(
        Import("cut/generator", importers, ("G",), _generator_settings),
        Import("cut/discriminator", importers, ("D",), _discriminator_settings),
        Import("cut/patch_mlp", importers, ("F",), _mlp_settings),
    ),
)
