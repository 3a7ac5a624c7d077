"""Neural style transfer by optimisation, Gatys et al. 2016 (https://arxiv.org/abs/1508.06576).

python -m experiments.run --model=gatys --content=photo.jpg --style=painting.jpg --output=out.png
"""

from experiments.data.styles import PictureConfig
from experiments.model import Model
from experiments.tasks.optimisation import StyleOptimisation, build
from experiments.training.presets import prefixed, presets
from nst.gatys.config import GatysConfig

_CONV = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_RELU = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_FIFTH = (0.2,) * 5
_PER_CHANNEL = tuple(1 / c**2 for c in (64, 128, 256, 512, 512))


# `paper`: equations 1 to 7 as printed, with the ratio of 1e-3 of its section 2.3 and its average
# pooling, on rescaled filters as the authors had. The others are codes, with numbers of their own.
# `gatys`: leongatys/PytorchNeuralStyleTransfer @ be6c8e2, `johnson`: jcjohnson/neural-style @
# 07c4b82 (its style is 50 times weaker), `course`: as taught in lectures. All but `paper` see
# layers after their ReLU, as the codes do, or before it, as the lectures do. Pictures stay in
# [0, 1] here; the codes let them leave it and clip at the end.
_ALGORITHM = {
    #                         paper     gatys         johnson   course     quick      smoke
    "normalise":             (True,     False,        False,    False,     False,      False),
    "pooling":               ("average", "max",       "average", "average", "average", "average"),
    "content_layers":        (("conv4_2",), ("relu4_2",), ("relu4_2",), ("conv4_2",), ("relu4_2",),
                              ("relu2_2",)),
    "content_weight":        (1.0,      1.0,          5.0,      10.0,      5.0,       5.0),
    "content_scaling":       ("paper",  "mean",       "mean",   "course",  "mean",    "mean"),
    "style_layers":          (_CONV,    _RELU,        _RELU,    _CONV,     _RELU,     _RELU[:2]),
    "style_layer_weights":   (_FIFTH,   _PER_CHANNEL, (),       _FIFTH,    (),        ()),
    "style_weight":          (1e3,      1e3,          1e2,      40.0,      1e2,       1e2),
    "style_scaling":         ("paper",  "gatys",      "johnson", "paper",  "johnson", "johnson"),
    "tv_weight":             (0.0,      0.0,          1e-3,     0.0,       0.0,       1e-3),
    "init":                  ("noise",  "content",    "noise",  "content", "content", "noise"),
    "noise":                 ("normal", "normal",     "normal", "uniform", "normal",  "normal"),
    "noise_scale":           (64.0,     64.0,         1e-3,     20.0,      64.0,      64.0),
    "noise_ratio":           (0.0,      0.0,          0.0,      0.6,       0.0,       0.0),
    "optimizer":             ("lbfgs",  "lbfgs",      "lbfgs",  "adam",    "lbfgs",   "lbfgs"),
    "learning_rate":         (10.0,     10.0,         10.0,     2.0,       10.0,      10.0),
    "memory":                (20,       100,          100,      20,        20,        20),
    "weights":               ("imagenet", "imagenet", "imagenet", "imagenet", "imagenet", "random"),
}  # fmt: skip
_RUN = {
    #                   paper  gatys  johnson  course  quick  smoke
    "data.size":        (512,   512,   512,     400,    320,   48),
    "images":           (500,   500,   1_000,   200,    200,   6),
    "log_every":        (10,    10,    10,      10,     10,    1),
    "sample_every":     (100,   100,   100,     50,     50,    3),
    "eval_every":       (500,   500,   1_000,   200,    200,   6),
    "checkpoint_every": (100,   100,   100,     50,     50,    3),
}  # fmt: skip
PRESETS = presets(
    "gatys",
    GatysConfig,
    PictureConfig,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "gatys", "johnson", "course", "quick", "smoke"),
)


MODEL = Model(
    name="gatys",
    summary="the style of a painting on a photograph, by optimisation",
    paper="Gatys et al. 2016, https://arxiv.org/abs/1508.06576",
    task=StyleOptimisation(),
    presets=PRESETS,
    build=build,
    costs={"quick": "some 2 minutes on two fast CPU cores"},
)
