"""StyleGAN3, Karras et al. 2021 (https://arxiv.org/abs/2106.12423).

python -m experiments.run --model=stylegan3
python -m experiments.run --model=stylegan3 --preset=r256 --dataset=folder:mine
python -m experiments.run --model=stylegan3 --mode=sample --seeds=0-3 --rotate=30 --output=DIR
"""

from experiments.configs.stylegan2 import StyledGeneration
from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.generation import check_classes, gan_options
from experiments.tasks.imports import stylegan2_features, stylegan2_settings, stylegan3_features
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets, renamed
from gan import importers
from gan.stylegan3.algorithm import StyleGAN3
from gan.stylegan3.config import StyleGAN3Config

# Published: NVlabs/stylegan3 @ c233a91, docs/configs.md and train.py:190-275. 1024 pixels: FFHQ;
# 512: AFHQv2, with adaptive augmentation; 256: the ablation on FFHQ-U. R has twice the features and
# begins with blurred pictures; its half-lives and the end of the blur go with the batch.
_ALGORITHM = {
    #                     t256      t512      t1024     r256      r512      r1024
    "config":             ("t",      "t",      "t",      "r",      "r",      "r"),
    "g_channel_base":     (16384,    32768,    32768,    32768,    65536,    65536),
    "g_channel_max":      (512,      512,      512,      1024,     1024,     1024),
    "channel_base":       (16384,    32768,    32768,    16384,    32768,    32768),
    "d_learning_rate":    (2.5e-3,   2e-3,     2e-3,     2.5e-3,   2e-3,     2e-3),
    "r1_gamma":           (1.0,      8.2,      32.8,     1.0,      16.4,     32.8),
    "ema_half_life":      (20_000.0, 10_000.0, 10_000.0, 20_000.0, 10_000.0, 10_000.0),
    "blur_sigma":         (0.0,      0.0,      0.0,      10.0,     10.0,     10.0),
    "blur_images":        (None,     None,     None,     400_000.0, 200_000.0, 200_000.0),
    "augment":            ("none",   "ada",    "none",   "none",   "ada",    "none"),
}  # fmt: skip
_FFHQ = ("folder:ffhq-u", "folder:afhqv2", "folder:ffhq")
_RUN = {
    "data.dataset":       (*_FFHQ, *_FFHQ),
    "data.size":          (256,      512,      1024,     256,      512,      1024),
    "data.load_size":     (256,      512,      1024,     256,      512,      1024),
    "batch_size":         (64,       32,       32,       64,       32,       32),
}  # fmt: skip
_NAMES = ("t256", "t512", "t1024", "r256", "r512", "r1024")
_FIXED = {
    "data.flip": True,
    "data.fit": "crop",
    "images": 25_000_000,
    "precision": "mixed_float16",
    "log_every": 4_000,
    "sample_every": 100_000,
    "eval_every": 1_000_000,
    "checkpoint_every": 100_000,
}

# For two CPU cores; as StyleGAN2's. XLA takes a minute to compile the step and is no faster.
_SMALL = {
    #                     quick      smoke
    "num_layers":         (6,        4),
    "z_dim":              (64,       8),
    "w_dim":              (64,       8),
    "g_channel_base":     (1024,     128),
    "g_channel_max":      (24,       6),
    "channel_base":       (512,      128),
    "channel_max":        (64,       8),
    "mbstd_group_size":   (4,        2),
    "mapping_lrmul":      (0.1,      0.01),
    "g_learning_rate":    (8e-3,     2.5e-3),
    "d_learning_rate":    (8e-3,     2e-3),
    "decay_images":       (24_000,   32),
    "r1_gamma":           (0.5,      1.0),
    "r1_interval":        (4,        16),
    "ema_half_life":      (2_500.0,  16.0),
    "g_conv_clamp":       (0.0,      0.0),
    "conv_clamp":         (0.0,      0.0),
    "augment":            ("none",   "ada"),
    "ada_images":         (500_000,  100),
    "blur_sigma":         (4.0,      1.0),
    "blur_images":        (7_000,    16),
}  # fmt: skip
_SMALL_RUN = {
    #                     quick      smoke
    "data.size":          (32,       16),
    "data.load_size":     (32,       16),
    "batch_size":         (16,       4),
    "images":             (24_000,   32),
    "log_every":          (1_600,    4),
    "sample_every":       (4_000,    16),
    "eval_every":         (12_000,   16),
    "eval_images":        (100,      8),
    "checkpoint_every":   (4_000,    8),
}  # fmt: skip
_KINDS = ("stylegan3", StyleGAN3Config, DataConfig)
PRESETS = presets(*_KINDS, prefixed(_ALGORITHM), _RUN, names=_NAMES, fixed=_FIXED)
PRESETS |= {"paper": renamed(PRESETS["t1024"], "paper")}
PRESETS |= presets(
    *_KINDS,
    prefixed(_SMALL),
    _SMALL_RUN,
    names=("quick", "smoke"),
    fixed={"data.dataset": "faces"},
)


def build(config: RunConfig, epoch: int, budget: int) -> StyleGAN3:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: a resolution that the networks cannot have, or classes without labels.
    """
    check_classes(config)
    return StyleGAN3(config.algorithm, **gan_options(config))


MODEL = Model(
    name="stylegan3",
    summary="StyleGAN3: pictures whose details move and turn with them",
    paper="Karras et al. 2021, https://arxiv.org/abs/2106.12423",
    costs={"quick": "some 16 minutes of one CPU core"},
    task=StyledGeneration(),
    presets=PRESETS,
    build=build,
    imports=(
        Import(
            "stylegan3/generator",
            importers,
            ("G",),
            stylegan2_settings("g_"),
            read=stylegan3_features,
        ),
        Import(
            "stylegan3/discriminator",
            importers,
            ("D",),
            stylegan2_settings("d_"),
            read=stylegan2_features,
        ),
    ),
)
