"""ProGAN, Karras et al. 2018 (https://arxiv.org/abs/1710.10196).

python -m experiments.run --model=progan
python -m experiments.run --model=progan --preset=paper --dataset=folder:celeba-hq
"""

from experiments.data.pipeline import DataConfig
from experiments.tasks.generation import MODES, ROLES, check_ready, evaluate, sample, sheets
from experiments.training.config import RunConfig, columns
from gan.progan.algorithm import ProGAN
from gan.progan.config import ProGANConfig

__all__ = ["MODES", "PRESETS", "ROLES", "build", "check_ready", "evaluate", "sample", "sheets"]

# `paper`: config.py of the official code, "Preset v2, 1 GPU" with CelebA-HQ (512 px and above run
# with the batch of 4). `quick`: chosen by trial on the embedded set for eight minutes on two cores.
_PRESETS = ("paper", "quick", "smoke")
_COLUMNS = {
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
_ALGORITHM = dict(zip(_PRESETS, columns(ProGANConfig, _COLUMNS), strict=True))

PRESETS = {
    "paper": RunConfig(
        model="progan",
        preset="paper",
        algorithm=_ALGORITHM["paper"],
        data=DataConfig(dataset="folder:celeba-hq", size=1024, load_size=1024),
        batch_size=4,
        images=12_000_000,
        log_every=10_000,
        sample_every=100_000,
        eval_every=500_000,
        checkpoint_every=100_000,
    ),
    "quick": RunConfig(
        model="progan",
        preset="quick",
        algorithm=_ALGORITHM["quick"],
        data=DataConfig(dataset="faces", size=32, load_size=32),
        batch_size=8,
        images=60_000,
        xla=True,  # many small operations: nearly twice as fast here
        log_every=400,
        sample_every=6_000,
        eval_every=12_000,
        checkpoint_every=6_000,
    ),
    "smoke": RunConfig(
        model="progan",
        preset="smoke",
        algorithm=_ALGORITHM["smoke"],
        data=DataConfig(dataset="faces", size=16, load_size=16),
        batch_size=4,
        images=48,
        log_every=8,
        sample_every=24,
        eval_every=24,
        eval_images=8,
        checkpoint_every=16,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> ProGAN:
    """The algorithm of a config; the length of training does not change it.

    Raises:
        ValueError: a resolution (`data.size`) that is not a power of two.
    """
    return ProGAN(
        config.algorithm,
        size=config.data.size,
        batch_size=config.batch_size,
        seed=config.seed,
        xla=config.xla,
    )
