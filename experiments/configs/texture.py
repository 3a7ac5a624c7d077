"""Texture synthesis, Gatys et al. 2015 (https://arxiv.org/abs/1505.07376).

python -m experiments.run --model=texture --style=stones.jpg --size=256 --output=more.png
"""

from experiments.data.styles import PictureConfig
from experiments.model import Model
from experiments.tasks.optimisation import Texture, build
from experiments.training.presets import prefixed, presets
from nst.gatys.config import GatysConfig

# What the paper calls conv1_1 is relu1_1 here: Caffe applies that ReLU in place.
_LAYERS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")


# `paper`: leongatys/DeepTextures @ 289dfe6, Example.ipynb and ImageSyn.py: 1e9 for each layer of
# the rescaled VGG, noise of one 8-bit level, SciPy's L-BFGS-B with 20 corrections, then the
# source's histogram. It bounds values by the source's least and largest; here they are 0 and 255.
_ALGORITHM = {
    #                  paper      quick      smoke
    "weights":        ("imagenet", "imagenet", "random"),
    "style_layers":   (_LAYERS,   _LAYERS,   _LAYERS[:2]),
    "style_weight":   (1e9,       1e9,       1e9),
    "noise_scale":    (1.0,       1.0,       64.0),
    "memory":         (20,        20,        20),
}  # fmt: skip
_RUN = {
    #                   paper                quick                smoke
    "data.content":     ("",                  "",                  ""),
    "data.style":       (("photos:gravel",),  ("photos:gravel",),  ("photos:gravel",)),
    "data.size":        (256,                 256,                 48),
    "data.colours":     ("histogram",         "histogram",         "histogram"),
    "images":           (2_000,               200,                 6),
    "log_every":        (10,                  10,                  1),
    "sample_every":     (200,                 50,                  3),
    "eval_every":       (2_000,               200,                 6),
    "checkpoint_every": (200,                 50,                  3),
}  # fmt: skip
PRESETS = presets(
    "texture",
    GatysConfig,
    PictureConfig,
    prefixed(_ALGORITHM),
    _RUN,
    fixed={
        "algorithm.content_layers": (),
        "algorithm.style_layer_weights": (),
        "algorithm.init": "noise",
    },
)


MODEL = Model(
    name="texture",
    summary="more of a texture, by optimisation",
    paper="Gatys et al. 2015, https://arxiv.org/abs/1505.07376",
    task=Texture(),
    presets=PRESETS,
    build=build,
)
