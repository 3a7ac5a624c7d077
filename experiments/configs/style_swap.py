"""Style swap, Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), with its inverse network.

python -m experiments.run --model=style_swap --dataset=folder:content,folder:style
python -m experiments.run --model=style_swap --mode=stylize --content=DIR --style=DIR --output=DIR

Without training, by optimisation of the picture: `style_swap_optimise`.
"""

import numpy as np

from experiments.data.pipeline import DataConfig
from experiments.tasks.stylization import (
    ROLES,
    evaluate_losses,
    features_weights,
    stylize,
    stylize_mode,
    stylized_sheet,
)
from experiments.tasks.video import video_mode
from experiments.training.config import RunConfig, columns
from nst.features import field
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.config import StyleSwapConfig
from nst.style_swap.networks import TAP
from nst.style_swap.stylize import Stylizer
from nst.weights import digest

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "build", "evaluate", "fingerprint",
           "make_stylizer", "sheets", "stylize"]  # fmt: skip

MODES = {"stylize": stylize_mode, "video": video_mode}
OPTIONS = {"weights": "algorithm.weights"}
evaluate = evaluate_losses  # without their weights

# `paper`: rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:9-31 and
# lib/ImageLoaderAsync.lua (pictures squashed to a square), with the instance norm of the network
# that they publish. `quick`: ours, for minutes. Batch norm, because instance norm takes the means
# of a picture away. Total variation is summed over pixels, and hed's features are small: 3e-7 is a
# few hundredths of the loss.
_COLUMNS = {
    #                 paper         quick       smoke
    "weights":       ("imagenet",   "imagenet", "random"),
    "norm":          ("instance",   "batch",    "instance"),
    "init":          ("orthogonal", "grey",     "orthogonal"),
    "tv_weight":     (1e-6,         3e-7,       1e-6),
    "decay":         (1e-4,         3e-4,       1e-4),
}  # fmt: skip


def _preset(name, algorithm, data, **kwargs):
    return RunConfig(model="style_swap", preset=name, algorithm=algorithm, data=data, **kwargs)


_PAPER, _QUICK, _SMOKE = columns(StyleSwapConfig, _COLUMNS)
PRESETS = {
    "paper": _preset(
        "paper",
        _PAPER,
        DataConfig(dataset="folder:content,folder:style", size=256, load_size=256, flip=False),
        batch_size=2,
        images=160_000,
        log_every=200,
        sample_every=8_000,
        eval_every=40_000,
        checkpoint_every=4_000,
    ),
    "quick": _preset(
        "quick",
        _QUICK,
        DataConfig(dataset="photos", size=64, load_size=112, fit="side"),
        batch_size=2,
        images=6_000,
        log_every=100,
        sample_every=1_000,
        eval_every=2_000,
        eval_images=4,
        checkpoint_every=500,
    ),
    "smoke": _preset(
        "smoke",
        _SMOKE,
        DataConfig(dataset="photos", size=32, load_size=32, fit="side"),
        batch_size=2,
        images=8,
        log_every=2,
        sample_every=4,
        eval_every=8,
        eval_images=2,
        checkpoint_every=4,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> StyleSwap:
    """The algorithm of a config; `epoch` and `budget` do not matter, the schedule counts steps.

    Raises:
        InputError: the encoder's weights cannot be had.
        ValueError: crops that the encoder cannot see a whole field of, or smaller than a patch.
    """
    least = max(field("vgg19", TAP).size, field("vgg19", TAP).stride * config.algorithm.patch)
    if config.data.size < least:
        raise ValueError(f"data.size={config.data.size}: {TAP} and its patches see {least} pixels; "
                         f"expected {least} or more")  # fmt: skip
    weights = features_weights(config.algorithm)
    built = StyleSwap(
        config.algorithm,
        weights,
        size=config.data.size,
        batch_size=config.batch_size,
        xla=config.xla,
    )
    built.digest = digest(weights)
    return built


def fingerprint(run) -> dict[str, str]:
    """What the encoder's weights are: checkpoints do not hold them."""
    return {"weights": run.algorithm.digest}


def sheets(algorithm: StyleSwap, dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"stylized": contents x styles}`."""
    return stylized_sheet(make_stylizer(algorithm, config), dataset, config)


def make_stylizer(algorithm: StyleSwap, config: RunConfig) -> Stylizer:
    """The algorithm's run time, made once."""
    if not hasattr(algorithm, "stylizer"):
        options = config.algorithm
        algorithm.stylizer = Stylizer(
            algorithm.encoder,
            algorithm.networks["inverse"],
            algorithm.network,
            patch=options.patch,
            norm=options.norm,
        )
    return algorithm.stylizer
