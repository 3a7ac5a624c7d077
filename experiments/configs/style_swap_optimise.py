"""Style swap by optimisation, Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337): no training.

python -m experiments.run --model=style_swap_optimise --content=photo.jpg --style=painting.jpg
"""

from functools import partial

from experiments.tasks import optimisation
from experiments.tasks.optimisation import (
    OPTIONS,
    ROLES,
    batches,
    evaluate,
    fingerprint,
    finish,
    prepare,
    run_name,
    sheets,
)
from experiments.tasks.stylization import PictureConfig
from experiments.training.config import RunConfig, columns
from nst.style_swap.config import SwapOptimisationConfig
from nst.style_swap.networks import TAP
from nst.style_swap.optimisation import SwapOptimisation

__all__ = ["OPTIONS", "PRESETS", "ROLES", "batches", "build", "evaluate", "fingerprint", "finish",
           "prepare", "run_name", "sheets"]  # fmt: skip

build = partial(optimisation.build, kind=SwapOptimisation)

# `paper`: rtqichen/style-swap @ c1a393a2, style-swap.lua:11-32, lib/ContentLossModule.lua,
# lib/TVLossCriterion.lua. Its rate of 0.05 is for pictures in [0, 1], which it clips before every
# iteration: 12.75 levels. Its total variation is the sum of the squares, 1e-7 of it; ours is half
# of that. Its styles are at most 512 pixels large, contents 640. `quick`: average pooling, their
# default before, and more total variation: on hed's features, which are small, the published
# settings leave coloured grain.
_COLUMNS = {
    #             paper       quick       smoke
    "weights":   ("imagenet", "imagenet", "random"),
    "pooling":   ("max",      "average",  "max"),
    "tv_weight": (2e-7,       2e-6,       2e-7),
}  # fmt: skip
_FIXED = {
    "normalise": False,
    "ceil": True,
    "content_layers": (TAP,),
    "content_scaling": "mean",
    "style_layers": (),
    "style_layer_weights": (),
    "style_weight": 0.0,
    "init": "content",
    "optimizer": "adam",
    "learning_rate": 0.05 * 255,
}


def _preset(name, algorithm, *, size, images, every):
    return RunConfig(
        model="style_swap_optimise",
        preset=name,
        algorithm=algorithm,
        data=PictureConfig(size=size, style_scale=0.8),
        images=images,
        log_every=10 if images > 20 else 1,
        sample_every=every,
        eval_every=images,
        checkpoint_every=every,
    )


_PAPER, _QUICK, _SMOKE = columns(SwapOptimisationConfig, _COLUMNS, _FIXED)
PRESETS = {
    "paper": _preset("paper", _PAPER, size=640, images=100, every=25),
    "quick": _preset("quick", _QUICK, size=320, images=100, every=25),
    "smoke": _preset("smoke", _SMOKE, size=48, images=6, every=3),
}
