"""R3GAN, Huang et al. 2024 (https://arxiv.org/abs/2501.05441).

python -m experiments.run --model=r3gan
python -m experiments.run --model=r3gan --preset=ffhq64 --dataset=folder:ffhq
"""

from collections.abc import Mapping
from typing import Any

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.generation import LabelledGeneration, check_classes, gan_options
from experiments.tasks.imports import settings
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets, renamed
from gan import importers
from gan.r3gan.algorithm import R3GAN
from gan.r3gan.config import R3GANConfig

# Published: brownvc/R3GAN @ 19a7ddf, train.py. Flips are part of the augmentation.
_ALGORITHM = {
    #                     cifar10          ffhq64                 ffhq256
    "widths":             ((768,) * 4,     (*[768] * 4, 384),     (*[768] * 4, 384, 192, 96)),
    "cardinality":        ((96,) * 4,      (*[96] * 4, 48),       (*[96] * 4, 48, 24, 12)),
    "blocks":             ((2,) * 4,       (2,) * 5,              (2,) * 7),
    "low_precision_stages": (3,            4,                     4),
    "classes":            (10,             0,                     0),
    "decay_images":       (20_000_000,     20_000_000,            20_000_000),
    "gamma":              (0.05,           2.0,                   150.0),
    "gamma_end":          (0.005,          0.2,                   15.0),
    "p_end":              (0.55,           0.3,                   0.3),
    "ema_half_life_end":  (5_000_000.0,    500_000.0,             500_000.0),
}  # fmt: skip
_RUN = {
    "data.dataset":       ("cifar10",      "folder:ffhq",         "folder:ffhq"),
    "data.labels":        (True,           False,                 False),
    "data.size":          (32,             64,                    256),
    "data.load_size":     (32,             64,                    256),
    "batch_size":         (512,            256,                   256),
}  # fmt: skip
_IMAGENET = {
    #                     imagenet32       imagenet64
    "widths":             ((1536,) * 4,    (1536,) * 5),
    "cardinality":        ((96,) * 4,      (96,) * 5),
    "blocks":             ((2,) * 4,       (2,) * 5),
    "low_precision_stages": (3,            4),
    "classes":            (1000,           1000),
    "decay_images":       (200_000_000,    200_000_000),
    "gamma":              (0.5,            1.0),
    "gamma_end":          (0.05,           0.1),
    "p_end":              (0.5,            0.4),
    "ema_half_life_end":  (50_000_000.0,   50_000_000.0),
}  # fmt: skip
_IMAGENET_RUN = {
    "data.dataset":       ("folder:imagenet", "folder:imagenet"),
    "data.labels":        (True,           True),
    "data.size":          (32,             64),
    "data.load_size":     (32,             64),
    "batch_size":         (4096,           4096),
}  # fmt: skip
_PUBLISHED = {
    "data.flip": False,
    "data.fit": "crop",
    "precision": "mixed_bfloat16",
    "log_every": 16_384,
    "sample_every": 200_000,
    "eval_every": 1_000_000,
    "checkpoint_every": 200_000,
}

# For two CPU cores: narrow networks, and rates for batches of eight.
_SMALL = {
    #                     quick                  smoke
    "widths":             ((64, 64, 32, 16),     (8, 8, 4)),
    "cardinality":        ((8, 8, 4, 2),         (4, 4, 2)),
    "blocks":             ((1, 1, 1, 1),         (1, 1, 1)),
    "noise_dim":          (64,                   8),
    "condition_dim":      (64,                   4),
    "decay_images":       (40_000,               32),
    "learning_rate":      (2e-3,                 2e-3),
    "learning_rate_end":  (5e-4,                 5e-4),
    "gamma":              (0.5,                  1.0),
    "gamma_end":          (0.05,                 0.1),
    "p_end":              (0.0,                  0.3),
    "ema_half_life_end":  (5_000.0,              16.0),
}  # fmt: skip
_SMALL_RUN = {
    #                     quick      smoke
    "data.size":          (32,       16),
    "data.load_size":     (32,       16),
    "batch_size":         (8,        4),
    "images":             (40_000,   32),
    "log_every":          (800,      4),
    "sample_every":       (6_000,    16),
    "eval_every":         (12_000,   16),
    "eval_images":        (100,      8),
    "checkpoint_every":   (6_000,    8),
}  # fmt: skip
_KINDS = ("r3gan", R3GANConfig, DataConfig)
PRESETS = presets(
    *_KINDS,
    prefixed(_ALGORITHM),
    _RUN,
    names=("cifar10", "ffhq64", "ffhq256"),
    fixed=_PUBLISHED | {"images": 20_000_000},
)
PRESETS = {"paper": renamed(PRESETS["ffhq256"], "paper")} | PRESETS
PRESETS |= presets(
    *_KINDS,
    prefixed(_IMAGENET),
    _IMAGENET_RUN,
    names=("imagenet32", "imagenet64"),
    fixed=_PUBLISHED | {"images": 200_000_000},
)
PRESETS |= presets(
    *_KINDS,
    prefixed(_SMALL),
    _SMALL_RUN,
    names=("quick", "smoke"),
    fixed={"data.dataset": "faces"},
)


def imported(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the settings of a run that the sizes of the authors' networks imply."""
    names = {
        "algorithm.img_resolution": "data.size",
        "algorithm.c_dim": "algorithm.classes",
        "algorithm.condition_embedding_dim_G": "algorithm.condition_dim",
    }
    given = {names.get(key, key): value for key, value in settings(found).items()}
    given.pop("algorithm.condition_embedding_dim_D", None)  # that of the first width
    if not given.get("algorithm.condition_dim", 1):
        del given["algorithm.condition_dim"]
    labels = bool(given["algorithm.classes"])
    given |= {"data.labels": labels, "data.load_size": given["data.size"]}
    return given | {"precision": "float32"}


def build(config: RunConfig, epoch: int, budget: int) -> R3GAN:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: a size that has not as many stages, or classes without labels.
    """
    check_classes(config)
    return R3GAN(config.algorithm, **gan_options(config))


def _import(kind: str, network: str) -> Import:
    return Import(f"r3gan/{kind}", importers, (network,), imported, preset="cifar10")


MODEL = Model(
    name="r3gan",
    summary="pictures from noise by a simple loss without tricks, of chosen classes on request",
    paper="Huang et al. 2024, https://arxiv.org/abs/2501.05441",
    costs={"quick": "10 minutes on two CPU cores, 14 on slow ones"},
    task=LabelledGeneration(),
    presets=PRESETS,
    build=build,
    imports=(
        _import("generator", "G"),
        _import("raw_generator", "raw_G"),
        _import("discriminator", "D"),
    ),
)
