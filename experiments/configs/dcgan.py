"""DCGAN, Radford et al. 2015 (https://arxiv.org/abs/1511.06434).

python -m experiments.run --model=dcgan
python -m experiments.run --model=dcgan --preset=paper --dataset=folder:lsun-bedrooms
"""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.generation import LabelledGeneration, check_classes, gan_options
from experiments.training.config import RunConfig
from experiments.training.presets import prefixed, presets
from gan.dcgan.algorithm import DCGAN
from gan.dcgan.config import DCGANConfig

_ALGORITHM = {
    #                     paper      quick     smoke
    "latent":            ("uniform", "normal", "normal"),
    "latent_size":       (100,       64,       8),
    "ngf":               (128,       32,       4),
    "ndf":               (128,       32,       4),
    "learning_rate":     (2e-4,      4e-4,     2e-4),
    "ema_half_life":     (0.0,       1000.0,   4.0),
}  # fmt: skip
_RUN = {
    #                   paper       quick       smoke
    "data.dataset":     ("celeb_a",  "faces",    "faces"),
    "data.size":        (64,         32,         16),
    "data.load_size":   (64,         32,         16),
    "data.fit":         ("crop",     "stretch",  "stretch"),
    "data.flip":        (False,      True,       True),
    "batch_size":       (128,        32,         4),
    "epochs":           (25,         0,          0),
    "images":           (0,          150_000,    32),
    "log_every":        (12_800,     800,        4),
    "sample_every":     (128_000,    15_000,     16),
    "eval_every":       (512_000,    15_000,     16),
    "eval_images":      (1_000,      100,        8),
    "checkpoint_every": (128_000,    15_000,     8),
}  # fmt: skip
PRESETS = presets(
    "dcgan",
    DCGANConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
)


def build(config: RunConfig, epoch: int, budget: int) -> DCGAN:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: an image size that the networks cannot have, or classes without labels.
    """
    check_classes(config)
    return DCGAN(config.algorithm, **gan_options(config))


MODEL = Model(
    name="dcgan",
    summary="small pictures from noise, of chosen classes on request; where to start",
    paper="Radford et al. 2015, https://arxiv.org/abs/1511.06434",
    task=LabelledGeneration(),
    presets=PRESETS,
    build=build,
    costs={"quick": "4 to 5 minutes of two CPU cores"},
)
