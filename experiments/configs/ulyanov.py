"""Texture networks for stylisation, Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417).

python -m experiments.run --model=ulyanov --dataset=folder:photos --style=painting.jpg
python -m experiments.run --model=ulyanov --mode=stylize --content=DIR --output=DIR
"""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.feed_forward import Builder, LearnedStyles
from experiments.training.presets import prefixed, presets
from nst.ulyanov.algorithm import Ulyanov
from nst.ulyanov.config import UlyanovConfig

_FOUR = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


# `paper`: DmitryUlyanov/texture_nets @ aad2cc6, train.lua, with the noise of the papers, which this
# code leaves out of stylisation: --set algorithm.noise=0. `v1`: its branch texture_nets_v1,
# stylization_train.lua, with batch norm; its batch size is 16 there and 4 in the documentation of
# pystiche_papers. Its README also normalises the gradient of each loss (-normalize_gradients),
# which is off by default there and not done here. `quick`: ours; with one picture a step there are
# more steps in its minutes, and "tanh" reaches the colours at once.
_ALGORITHM = {
    #                    paper        v1                    quick         smoke
    "weights":          ("imagenet",  "imagenet",           "imagenet",   "random"),
    "network":          ("vgg19",     "vgg19",              "vgg16",      "vgg16"),
    "content_layers":   (("relu4_2",), ("relu4_2",),        ("relu4_2",), ("relu2_1",)),
    "content_weight":   (1.0,         0.6,                  1.0,          1.0),
    "style_layers":     (_FOUR,       (*_FOUR, "relu5_1"),  _FOUR,        _FOUR[:2]),
    "style_weight":     (1.0,         1e3,                  2.0,          1.0),
    "style_size":       (256,         256,                  192,          64),
    "learning_rate":    (1e-3,        1e-1,                 1e-2,         1e-3),
    "decay_every":      (2000,        300,                  800,          2),
    "norm":             ("instance",  "batch",              "instance",   "instance"),
    "padding":          ("replicate", "circular",           "replicate",  "replicate"),
    "output":           ("linear",    "linear",             "tanh",       "linear"),
    "gamma":            ("uniform",   "uniform",            "ones",       "ones"),
    "slope":            (0.0,         0.01,                 0.0,          0.0),
    "scales":           (6,           6,                    6,            3),
    "channels":         (8,           8,                    8,            2),
}  # fmt: skip
_RUN = {
    #                   paper         v1            quick      smoke
    "data.dataset":     ("coco/2014",  "coco/2014",  "photos",  "photos"),
    "data.size":        (256,          256,          96,        32),
    "data.load_size":   (256,          256,          112,       40),
    "data.fit":         ("side",       "side",       "side",    "side"),
    "data.flip":        (False,        False,        True,      True),
    "batch_size":       (1,            4,            1,         2),
    "images":           (50_000,       12_000,       4_000,     8),
    "log_every":        (100,          100,          100,       2),
    "sample_every":     (1_000,        800,          1_000,     4),
    "eval_every":       (10_000,       4_000,        2_000,     8),
    "eval_images":      (100,          100,          4,         2),
    "checkpoint_every": (1_000,        800,          500,       4),
}  # fmt: skip
PRESETS = presets(
    "ulyanov",
    UlyanovConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "v1", "quick", "smoke"),
)


_BUILDER = Builder(Ulyanov)
MODEL = Model(
    name="ulyanov",
    summary="one style, by a network with noise at six scales",
    paper="Ulyanov et al. 2016, https://arxiv.org/abs/1603.03417",
    costs={"quick": "16 to 21 minutes of one CPU core"},
    task=LearnedStyles(),
    presets=PRESETS,
    build=_BUILDER.build,
    rebuild=_BUILDER.rebuild,
)
