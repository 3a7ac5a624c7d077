"""Texture synthesis, Gatys et al. 2015 (https://arxiv.org/abs/1505.07376).

python -m experiments.run --model=texture --style=stones.jpg --size=256 --output=more.png
"""

from experiments.tasks import optimisation
from experiments.tasks.optimisation import (
    ROLES,
    batches,
    build,
    evaluate,
    fingerprint,
    finish,
    prepare,
    run_name,
    sheets,
)
from experiments.tasks.stylization import PictureConfig
from experiments.training.config import RunConfig, columns
from nst.gatys.config import GatysConfig

__all__ = ["OPTIONS", "PRESETS", "ROLES", "batches", "build", "evaluate", "fingerprint", "finish",
           "prepare", "run_name", "sheets"]  # fmt: skip

OPTIONS = {flag: key for flag, key in optimisation.OPTIONS.items() if flag != "content"}

# What the paper calls conv1_1 is relu1_1 here: Caffe applies that ReLU in place.
_LAYERS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")

# `paper`: leongatys/DeepTextures @ 289dfe6, Example.ipynb and ImageSyn.py: 1e9 for each layer of
# the rescaled VGG, noise of one 8-bit level, SciPy's L-BFGS-B with 20 corrections, then the
# source's histogram. It bounds values by the source's least and largest; here they are 0 and 255.
_COLUMNS = {
    #                  paper      quick      smoke
    "weights":        ("imagenet", "imagenet", "random"),
    "style_layers":   (_LAYERS,   _LAYERS,   _LAYERS[:2]),
    "style_weight":   (1e9,       1e9,       1e9),
    "noise_scale":    (1.0,       1.0,       64.0),
    "memory":         (20,        20,        20),
}  # fmt: skip


def _preset(name, algorithm, *, size, images, every):
    return RunConfig(
        model="texture",
        preset=name,
        algorithm=algorithm,
        data=PictureConfig(content="", style=("photos:gravel",), size=size, colours="histogram"),
        images=images,
        log_every=10 if images > 20 else 1,
        sample_every=every,
        eval_every=images,
        checkpoint_every=every,
    )


_FIXED = {"content_layers": (), "style_layer_weights": (), "init": "noise"}
_PAPER, _QUICK, _SMOKE = columns(GatysConfig, _COLUMNS, _FIXED)
PRESETS = {
    "paper": _preset("paper", _PAPER, size=256, images=2000, every=200),
    "quick": _preset("quick", _QUICK, size=256, images=200, every=50),
    "smoke": _preset("smoke", _SMOKE, size=48, images=6, every=3),
}
