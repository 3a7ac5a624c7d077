"""Texture networks for textures, Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417).

python -m experiments.run --model=ulyanov_texture --style=stones.jpg
python -m experiments.run --model=ulyanov_texture --mode=sample --seeds=0-7 --size=512 --output=DIR
"""

from dataclasses import dataclass

from core.bounds import Side
from experiments.model import Model
from experiments.tasks.feed_forward import Builder
from experiments.tasks.textures import TextureNetwork
from experiments.training.presets import prefixed, presets
from nst.ulyanov.algorithm import UlyanovTexture
from nst.ulyanov.config import UlyanovConfig

_FIVE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class TextureConfig:
    """What is made in training."""

    size: Side = 256  # height and width, pixels


# `paper`: branch texture_nets_v1 of DmitryUlyanov/texture_nets, texture_train.lua, as
# vicident/texture_nets @ 3638fb3 has it: 0.1,
# times 0.7 every 200 iterations from the 1000th on (here: from the first on), batches of 16, 1000
# iterations; its README has 1500 and normalises the gradient, which is not done here. The noise has
# 3 channels. `instance`: the same with what 2017 brought. `quick`: ours.
_ALGORITHM = {
    #                    paper        instance    quick        smoke
    "weights":          ("imagenet",  "imagenet", "imagenet",  "random"),
    "network":          ("vgg19",     "vgg19",    "vgg16",     "vgg16"),
    "style_layers":     (_FIVE,       _FIVE[:4],  _FIVE[:4],   _FIVE[:2]),
    "style_weight":     (1.0,         1.0,        1.0,         1.0),
    "style_size":       (256,         256,        128,         64),
    "learning_rate":    (1e-1,        1e-3,       1e-2,        1e-3),
    "decay":            (0.7,         0.8,        0.8,         0.8),
    "decay_every":      (200,         2000,       600,         2),
    "norm":             ("batch",     "instance", "instance",  "instance"),
    "output":           ("linear",    "linear",   "tanh",      "linear"),
    "gamma":            ("uniform",   "uniform",  "ones",      "ones"),
    "slope":            (0.01,        0.0,        0.0,         0.0),
    "scales":           (6,           6,          6,           3),
    "channels":         (8,           8,          8,           2),
}  # fmt: skip
_RUN = {
    #                   paper    instance  quick   smoke
    "data.size":        (256,     256,      128,    32),
    "batch_size":       (16,      1,        1,      2),
    "images":           (16_000,  50_000,   3_000,  8),
    "log_every":        (160,     160,      100,    2),
    "sample_every":     (1_600,   1_600,    500,    4),
    "eval_every":       (4_000,   4_000,    1_000,  8),
    "eval_images":      (4,       4,        4,      2),
    "checkpoint_every": (1_600,   1_600,    500,    4),
}  # fmt: skip
PRESETS = presets(
    "ulyanov_texture",
    UlyanovConfig,
    TextureConfig,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "instance", "quick", "smoke"),
    fixed={
        "algorithm.style": ("photos:gravel",),
        "algorithm.content_layers": (),
        "algorithm.padding": "circular",
    },
)


_BUILDER = Builder(UlyanovTexture)
MODEL = Model(
    name="ulyanov_texture",
    summary="more of one texture from noise, by one network",
    paper="Ulyanov et al. 2016, https://arxiv.org/abs/1603.03417",
    task=TextureNetwork(),
    presets=PRESETS,
    build=_BUILDER.build,
    rebuild=_BUILDER.rebuild,
)
