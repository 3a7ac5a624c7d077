"""StyleGAN, Karras et al. 2019 (https://arxiv.org/abs/1812.04948).

python -m experiments.run --model=stylegan
python -m experiments.run --model=stylegan --preset=paper --dataset=folder:ffhq
python -m experiments.run --model=stylegan --mode=mix --output=figures
"""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.generation import Generation, gan_options
from experiments.tasks.imports import discriminator_maps, generator_maps, growing_settings
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets, renamed
from gan import importers
from gan.stylegan.algorithm import StyleGAN
from gan.stylegan.config import StyleGANConfig

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
_PUBLISHED = {
    "data.dataset": "folder:ffhq",
    "data.size": 1024,
    "data.load_size": 1024,
    "batch_size": 32,
    "log_every": 10_000,
    "sample_every": 100_000,
    "eval_every": 1_000_000,
    "checkpoint_every": 100_000,
}
# B is "longer training", too
_LENGTHS = {"images": (12_000_000, *[25_000_000] * 5)}

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
_SMALL_RUN = {
    #                    quick        smoke
    "data.size":        (32,          16),
    "data.load_size":   (32,          16),
    "batch_size":       (8,           4),
    "images":           (60_000,      48),
    "xla":              (True,        False),  # many small operations: nearly twice as fast
    "log_every":        (400,         8),
    "sample_every":     (6_000,       24),
    "eval_every":       (12_000,      24),
    "eval_images":      (None,        8),
    "checkpoint_every": (6_000,       16),
}  # fmt: skip
_KINDS = ("stylegan", StyleGANConfig, DataConfig)
PRESETS = presets(*_KINDS, prefixed(_TABLE_1), _LENGTHS, names=_NAMES, fixed=_PUBLISHED)
PRESETS |= {"paper": renamed(PRESETS["config_f"], "paper")}
PRESETS |= presets(
    *_KINDS,
    prefixed(_SMALL),
    _SMALL_RUN,
    names=("quick", "smoke"),
    fixed={"data.dataset": "faces"},
)


def build(config: RunConfig, epoch: int, budget: int) -> StyleGAN:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: a resolution (`data.size`) that is not a power of two.
    """
    return StyleGAN(config.algorithm, **gan_options(config))


MODEL = Model(
    name="stylegan",
    summary="pictures from noise with a style for each resolution: mix, truncate, walk",
    paper="Karras et al. 2019, https://arxiv.org/abs/1812.04948",
    task=Generation(),
    presets=PRESETS,
    build=build,
    imports=(
        Import("stylegan/generator", importers, ("G",), growing_settings, read=generator_maps),
        Import(
            "stylegan/discriminator", importers, ("D",), growing_settings, read=discriminator_maps
        ),
    ),
    costs={
        "quick": "8 to 10 minutes on two CPU cores",
        "paper": "published: 6.6 days on 8 V100, 41 on one",
    },
)
