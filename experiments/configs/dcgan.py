"""DCGAN, Radford et al. 2015 (https://arxiv.org/abs/1511.06434).

python -m experiments.run --model=dcgan
python -m experiments.run --model=dcgan --preset=paper --dataset=folder:lsun-bedrooms
"""

from core.errors import InputError
from experiments.data.pipeline import DataConfig
from experiments.tasks.generation import MODES, ROLES, check_ready, evaluate, sample, sheets
from experiments.training.config import RunConfig, columns
from gan.dcgan.algorithm import DCGAN
from gan.dcgan.config import DCGANConfig

__all__ = ["MODES", "PRESETS", "ROLES", "build", "check_data", "check_ready", "evaluate", "sample",
           "sheets"]  # fmt: skip

# `paper`: section 4 and the authors' code for faces (25 epochs, 128 channels, uniform z). `quick`:
# chosen by trial on the embedded set for five minutes on two CPU cores.
_PRESETS = ("paper", "quick", "smoke")
_COLUMNS = {
    #                     paper      quick     smoke
    "latent":            ("uniform", "normal", "normal"),
    "latent_size":       (100,       64,       8),
    "ngf":               (128,       32,       4),
    "ndf":               (128,       32,       4),
    "learning_rate":     (2e-4,      4e-4,     2e-4),
    "ema_half_life":     (0.0,       1000.0,   4.0),
}  # fmt: skip
_ALGORITHM = dict(zip(_PRESETS, columns(DCGANConfig, _COLUMNS), strict=True))

PRESETS = {
    "paper": RunConfig(
        model="dcgan",
        preset="paper",
        algorithm=_ALGORITHM["paper"],
        data=DataConfig(dataset="celeb_a", size=64, load_size=64, fit="crop", flip=False),
        batch_size=128,
        epochs=25,
        log_every=12_800,
        sample_every=128_000,
        eval_every=512_000,
        eval_images=1000,
        checkpoint_every=128_000,
    ),
    "quick": RunConfig(
        model="dcgan",
        preset="quick",
        algorithm=_ALGORITHM["quick"],
        data=DataConfig(dataset="faces", size=32, load_size=32),
        batch_size=32,
        images=150_000,
        log_every=800,
        sample_every=15_000,
        eval_every=15_000,
        checkpoint_every=15_000,
    ),
    "smoke": RunConfig(
        model="dcgan",
        preset="smoke",
        algorithm=_ALGORITHM["smoke"],
        data=DataConfig(dataset="faces", size=16, load_size=16),
        batch_size=4,
        images=32,
        log_every=4,
        sample_every=16,
        eval_every=16,
        eval_images=8,
        checkpoint_every=8,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> DCGAN:
    """The algorithm of a config; the length of training does not change it.

    Raises:
        ValueError: an image size that the networks cannot have, or classes without labels.
    """
    if config.algorithm.classes and not config.data.labels:
        raise ValueError(
            f"algorithm.classes={config.algorithm.classes} needs the labels of the images: give "
            "--set data.labels=true and a data set with classes"
        )
    return DCGAN(
        config.algorithm,
        size=config.data.size,
        batch_size=config.batch_size,
        seed=config.seed,
        xla=config.xla,
    )


def check_data(config: RunConfig, dataset) -> None:
    """Refuses a data set with another number of classes than `algorithm.classes`.

    Raises:
        InputError: names both numbers.
    """
    expected = config.algorithm.classes
    found = len(dataset.labelled.classes) if expected else 0
    if found != expected:
        raise InputError(
            f"--dataset={dataset.name}: has {found} classes, algorithm.classes is {expected}. Give "
            f"--set algorithm.classes={found}."
        )
