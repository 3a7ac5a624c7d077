"""Texture networks for stylisation, Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417).

python -m experiments.run --model=ulyanov --dataset=folder:photos --style=painting.jpg
python -m experiments.run --model=ulyanov --mode=stylize --content=DIR --output=DIR
"""

from experiments.data.pipeline import DataConfig
from experiments.tasks.feed_forward import (
    MODES,
    OPTIONS,
    ROLES,
    assemble,
    check_ready,
    evaluate,
    fingerprint,
    learned_styles,
    make_stylizer,
    perceptual,
    run_label,
    sheets,
    stylize,
)
from experiments.training.config import RunConfig, columns
from nst.ulyanov.algorithm import Ulyanov
from nst.ulyanov.config import UlyanovConfig

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "build", "check_ready", "evaluate",
           "fingerprint", "learned_styles", "make_stylizer", "rebuild", "run_label", "sheets",
           "stylize"]  # fmt: skip

_FOUR = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

# `paper`: DmitryUlyanov/texture_nets @ aad2cc6, train.lua, with the noise of the papers, which this
# code leaves out of stylisation: --set algorithm.noise=0. `v1`: its branch texture_nets_v1,
# stylization_train.lua, with batch norm; its batch size is 16 there and 4 in the documentation of
# pystiche_papers. Its README also normalises the gradient of each loss (-normalize_gradients),
# which is off by default there and not done here. `quick`: ours; with one picture a step there are
# more steps in its minutes, and "tanh" reaches the colours at once.
_COLUMNS = {
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


def _preset(name, algorithm, data, **kwargs):
    return RunConfig(model="ulyanov", preset=name, algorithm=algorithm, data=data, **kwargs)


_PAPER, _V1, _QUICK, _SMOKE = columns(UlyanovConfig, _COLUMNS)
_DATA = DataConfig(dataset="coco/2014", size=256, load_size=256, fit="side", flip=False)
PRESETS = {
    "paper": _preset(
        "paper",
        _PAPER,
        _DATA,
        images=50_000,
        log_every=100,
        sample_every=1_000,
        eval_every=10_000,
        checkpoint_every=1_000,
    ),
    "v1": _preset(
        "v1",
        _V1,
        _DATA,
        batch_size=4,
        images=12_000,
        log_every=100,
        sample_every=800,
        eval_every=4_000,
        checkpoint_every=800,
    ),
    "quick": _preset(
        "quick",
        _QUICK,
        DataConfig(dataset="photos", size=96, load_size=112, fit="side"),
        images=4_000,
        log_every=100,
        sample_every=1_000,
        eval_every=2_000,
        eval_images=4,
        checkpoint_every=500,
    ),
    "smoke": _preset(
        "smoke",
        _SMOKE,
        DataConfig(dataset="photos", size=32, load_size=40, fit="side"),
        batch_size=2,
        images=8,
        log_every=2,
        sample_every=4,
        eval_every=8,
        eval_images=2,
        checkpoint_every=4,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> Ulyanov:
    """The algorithm of a config; `epoch` and `budget` do not matter.

    Raises:
        InputError: VGG's weights or the style cannot be had.
        ValueError: crops that are no multiple of what the scales need.
    """
    return _build(config, perceptual(config.algorithm))


def rebuild(config: RunConfig) -> Ulyanov:
    """The algorithm without what only training needs."""
    return _build(config, None)


def _build(config, loss):
    return assemble(Ulyanov, config, loss, seed=config.seed)
