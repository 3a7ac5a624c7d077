"""ProGAN, Karras et al. 2018 (https://arxiv.org/abs/1710.10196).

python -m experiments.run --model=progan
python -m experiments.run --model=progan --preset=paper --dataset=folder:celeba-hq
"""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.generation import Generation, gan_options
from experiments.tasks.imports import discriminator_maps, generator_maps, growing_settings
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from gan import importers
from gan.progan.algorithm import ProGAN
from gan.progan.config import ProGANConfig

_ALGORITHM = {
    #                     paper                     quick            smoke
    "fmap_base":         (8192,                     512,             32),
    "fmap_max":          (512,                      64,              8),
    "latent_size":       (512,                      64,              8),
    "fade_images":       (600_000,                  3_000,           8),
    "stable_images":     (600_000,                  6_000,           8),
    "batch_sizes":       (ProGANConfig.batch_sizes, (),              ("4:8",)),
    "learning_rate":     (1e-3,                     2e-3,            1e-3),
    "ema_decay":         (0.999,                    0.99,            0.9),
}  # fmt: skip
_RUN = {
    #                   paper                quick     smoke
    "data.dataset":     ("folder:celeba-hq",  "faces",  "faces"),
    "data.size":        (1_024,               32,       16),
    "data.load_size":   (1_024,               32,       16),
    "batch_size":       (4,                   8,        4),
    "images":           (12_000_000,          60_000,   48),
    "xla":              (False,               True,     False),
    "log_every":        (10_000,              400,      8),
    "sample_every":     (100_000,             6_000,    24),
    "eval_every":       (500_000,             12_000,   24),
    "eval_images":      (100,                 100,      8),
    "checkpoint_every": (100_000,             6_000,    16),
}  # fmt: skip
PRESETS = presets(
    "progan",
    ProGANConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
)


def build(config: RunConfig, epoch: int, budget: int) -> ProGAN:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: a resolution (`data.size`) that is not a power of two.
    """
    return ProGAN(config.algorithm, **gan_options(config))


MODEL = Model(
    name="progan",
    summary="pictures from noise by a network that grows from 4 pixels up",
    paper="Karras et al. 2018, https://arxiv.org/abs/1710.10196",
    task=Generation(),
    presets=PRESETS,
    build=build,
    imports=(
        Import("progan/generator", importers, ("G",), growing_settings, read=generator_maps),
        Import(
            "progan/discriminator", importers, ("D",), growing_settings, read=discriminator_maps
        ),
    ),
    costs={
        "quick": "some 10 minutes on two CPU cores",
        "paper": "published: 2 weeks on one V100",
    },
)
