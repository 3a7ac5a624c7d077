"""AdaIN, Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868).

python -m experiments.run --model=adain --dataset=folder:content,folder:style
python -m experiments.run --model=adain --mode=stylize --content=DIR --style=DIR --output=DIR
python -m experiments.run --model=adain --mode=video --content=MP4|DIR --style=FILE --output=MP4|DIR
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
from nst.adain.algorithm import AdaIN
from nst.adain.config import AdaINConfig
from nst.adain.stylize import Stylizer
from nst.weights import digest

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "build", "evaluate", "fingerprint",
           "make_stylizer", "sheets", "stylize"]  # fmt: skip

MODES = {"stylize": stylize_mode, "video": video_mode}
OPTIONS = {"weights": "algorithm.weights"}
evaluate = evaluate_losses  # without their weights

# `paper`: xunhuang1995/AdaIN-style @ 6d8ac28, whose default style weight of 0.01 is that of its
# decoder-content-similar.t7; 0.1 is that of decoder.t7. Its VGG is rescaled: with their file give
# --weights=vgg_normalised.pth --set algorithm.normalise=false. `pytorch`: naoto0804/pytorch-AdaIN @
# 47950d0, which squashes pictures to a square instead of keeping their aspect. `quick`: ours, to
# see the decoder learn in minutes: colours come first with "mean", which weighs relu1_1 most, and a
# rate of 1e-3 killed the ReLUs after 7,000 steps.
_COLUMNS = {
    #                    paper       pytorch     quick       smoke
    "weights":          ("imagenet", "imagenet", "imagenet", "random"),
    "normalise":        (True,       True,       True,       False),
    "init":             ("torch",    "torch",    "he",       "torch"),
    "style_weight":     (1e-2,       10.0,       3.0,        1e-2),
    "style_reduction":  ("sum",      "mean",     "mean",     "sum"),
    "unbiased":         (False,      True,       False,      False),
    "style_epsilon":    (0.0,        1e-5,       1e-5,       1e-5),
    "output_epsilon":   (1e-6,       1e-5,       1e-5,       1e-5),
    "learning_rate":    (1e-4,       1e-4,       2e-4,       1e-4),
    "decay":            (5e-5,       5e-5,       1e-4,       5e-5),
}  # fmt: skip


def _preset(name, algorithm, data, **kwargs):
    return RunConfig(model="adain", preset=name, algorithm=algorithm, data=data, **kwargs)


_PUBLISHED = {"dataset": "folder:content,folder:style", "size": 256, "load_size": 512}
_PAPER, _PYTORCH, _QUICK, _SMOKE = columns(AdaINConfig, _COLUMNS)
_LONG = {"batch_size": 8, "images": 160_000 * 8, "log_every": 800, "sample_every": 8_000,
         "eval_every": 40_000, "checkpoint_every": 8_000}  # fmt: skip
PRESETS = {
    "paper": _preset("paper", _PAPER, DataConfig(**_PUBLISHED, fit="side", flip=False), **_LONG),
    "pytorch": _preset(
        "pytorch", _PYTORCH, DataConfig(**_PUBLISHED, fit="stretch", flip=False), **_LONG
    ),
    "quick": _preset(
        "quick",
        _QUICK,
        DataConfig(dataset="photos", size=96, load_size=144, fit="side"),
        batch_size=4,
        images=6_000,
        log_every=100,
        sample_every=2_000,
        eval_every=2_000,
        eval_images=4,
        checkpoint_every=1_000,
    ),
    "smoke": _preset(
        "smoke",
        _SMOKE,
        DataConfig(dataset="photos", size=72, load_size=72, fit="side"),
        batch_size=2,
        images=8,
        log_every=2,
        sample_every=4,
        eval_every=8,
        eval_images=2,
        checkpoint_every=4,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> AdaIN:
    """The algorithm of a config; `epoch` and `budget` do not matter, the schedule counts steps.

    Raises:
        InputError: the encoder's weights cannot be had.
        ValueError: crops that the encoder cannot see a whole field of.
    """
    if config.data.size < 68:
        raise ValueError(f"data.size={config.data.size}: relu4_1 sees 68 pixels; expected 68 or "
                         "more")  # fmt: skip
    weights = features_weights(config.algorithm)
    built = AdaIN(
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


def sheets(algorithm: AdaIN, dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"stylized": contents x styles}`."""
    return stylized_sheet(make_stylizer(algorithm, config), dataset, config)


def make_stylizer(algorithm: AdaIN, config: RunConfig) -> Stylizer:
    """The algorithm's run time, made once."""
    if not hasattr(algorithm, "stylizer"):
        options = config.algorithm
        algorithm.stylizer = Stylizer(
            algorithm.encoder,
            algorithm.networks["decoder"],
            algorithm.network,
            style_epsilon=options.style_epsilon,
            unbiased=options.unbiased,
        )
    return algorithm.stylizer
