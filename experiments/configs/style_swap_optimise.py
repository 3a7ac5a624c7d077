"""Style swap by optimisation, Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337): no training.

python -m experiments.run --model=style_swap_optimise --content=photo.jpg --style=painting.jpg
"""

from functools import partial

from experiments.data.styles import PictureConfig
from experiments.model import Model
from experiments.tasks.optimisation import StyleOptimisation, build
from experiments.training.presets import prefixed, presets
from nst.style_swap.config import SwapOptimisationConfig
from nst.style_swap.networks import TAP
from nst.style_swap.optimisation import SwapOptimisation

# `paper`: rtqichen/style-swap @ c1a393a2, style-swap.lua:11-32, lib/ContentLossModule.lua,
# lib/TVLossCriterion.lua. Its rate of 0.05 is for pictures in [0, 1], which it clips before every
# iteration: 12.75 levels. Its total variation is the sum of the squares, 1e-7 of it; ours is half
# of that. Its styles are at most 512 pixels large, contents 640. `quick`: average pooling, their
# default before, and more total variation: on hed's features, which are small, the published
# settings leave coloured grain.
_ALGORITHM = {
    #             paper       quick       smoke
    "weights":   ("imagenet", "imagenet", "random"),
    "pooling":   ("max",      "average",  "max"),
    "tv_weight": (2e-7,       2e-6,       2e-7),
}  # fmt: skip
_RUN = {
    #                   paper  quick  smoke
    "data.size":        (640,   320,   48),
    "data.style_scale": (0.8,   0.8,   0.8),
    "images":           (100,   100,   6),
    "log_every":        (10,    10,    1),
    "sample_every":     (25,    25,    3),
    "eval_every":       (100,   100,   6),
    "checkpoint_every": (25,    25,    3),
}  # fmt: skip
PRESETS = presets(
    "style_swap_optimise",
    SwapOptimisationConfig,
    PictureConfig,
    prefixed(_ALGORITHM),
    _RUN,
    fixed={
        "algorithm.normalise": False,
        "algorithm.ceil": True,
        "algorithm.content_layers": (TAP,),
        "algorithm.content_scaling": "mean",
        "algorithm.style_layers": (),
        "algorithm.style_layer_weights": (),
        "algorithm.style_weight": 0.0,
        "algorithm.init": "content",
        "algorithm.optimizer": "adam",
        "algorithm.learning_rate": 0.05 * 255,
    },
)


MODEL = Model(
    name="style_swap_optimise",
    summary="style swap on one photograph, by optimisation",
    paper="Chen & Schmidt 2016, https://arxiv.org/abs/1612.04337",
    task=StyleOptimisation(),
    presets=PRESETS,
    build=partial(build, kind=SwapOptimisation),
)
