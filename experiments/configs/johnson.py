"""One network for one style, Johnson et al. 2016 (https://arxiv.org/abs/1603.08155).

python -m experiments.run --model=johnson --dataset=folder:photos --style=painting.jpg
python -m experiments.run --model=johnson --mode=stylize --content=DIR --output=DIR
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
from nst.johnson.algorithm import Johnson
from nst.johnson.config import JohnsonConfig

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "build", "check_ready", "evaluate",
           "fingerprint", "learned_styles", "make_stylizer", "rebuild", "run_label", "sheets",
           "stylize"]  # fmt: skip

_FNS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")

# `paper`: jcjohnson/fast-neural-style @ 813c834, whose content layer is relu3_3 where the paper has
# relu2_2; its instance norm came after the paper, which has batch norm: --set algorithm.norm=batch.
# `pytorch`: pytorch/examples @ 77f55b9, whose weights are for torchvision's VGG-16: with its file
# give --weights=vgg16-397923af.pth; others, which see levels, are a thousand times more style. Both
# style weights are of Gram matrices divided by C * H * W. `quick`: ours.
_COLUMNS = {
    #                    paper         pytorch       quick         smoke
    "weights":          ("imagenet",   "imagenet",   "imagenet",   "random"),
    "content_layers":   (("relu3_3",), ("relu2_2",), ("relu3_3",), ("relu2_1",)),
    "content_weight":   (1.0,          1e5,          1.0,          1.0),
    "style_layers":     (_FNS,         _FNS,         _FNS,         ("relu1_1", "relu2_1")),
    "style_weight":     (5.0,          1e10,         1.0,          5.0),
    "learning_rate":    (1e-3,         1e-3,         3e-4,         1e-3),
    "tv_weight":        (1e-6,         0.0,          1e-6,         0.0),
    "style_size":       (256,          256,          192,          64),
    "padding":          ("start",      "reflect",    "reflect",    "reflect"),
    "upsampling":       ("transposed", "nearest",    "nearest",    "nearest"),
    "output":           ("tanh",       "linear",     "tanh",       "linear"),
    "gamma":            ("uniform",    "ones",       "ones",       "ones"),
    "width":            (1.0,          1.0,          0.5,          0.25),
}  # fmt: skip


def _preset(name, algorithm, data, **kwargs):
    return RunConfig(model="johnson", preset=name, algorithm=algorithm, data=data, **kwargs)


_PAPER, _PYTORCH, _QUICK, _SMOKE = columns(JohnsonConfig, _COLUMNS)
_DATA = DataConfig(dataset="coco/2014", size=256, load_size=256, fit="crop", flip=False)
_LONG = {"batch_size": 4, "log_every": 400, "sample_every": 4_000, "eval_every": 16_000,
         "checkpoint_every": 4_000}  # fmt: skip
PRESETS = {
    "paper": _preset("paper", _PAPER, _DATA, images=160_000, **_LONG),
    "pytorch": _preset("pytorch", _PYTORCH, _DATA, epochs=2, **_LONG),
    "quick": _preset(
        "quick",
        _QUICK,
        DataConfig(dataset="photos", size=96, load_size=128, fit="side"),
        batch_size=1,
        images=10_000,
        log_every=100,
        sample_every=2_000,
        eval_every=4_000,
        eval_images=4,
        checkpoint_every=1_000,
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


def build(config: RunConfig, *, epoch: int, budget: int) -> Johnson:
    """The algorithm of a config; `epoch` and `budget` do not matter.

    Raises:
        InputError: VGG's weights or the style cannot be had.
    """
    return _build(config, perceptual(config.algorithm))


def rebuild(config: RunConfig) -> Johnson:
    """The algorithm without what only training needs."""
    return _build(config, None)


def _build(config, loss):
    return assemble(Johnson, config, loss)
