"""Style swap, Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), with its inverse network.

python -m experiments.run --model=style_swap --dataset=folder:content,folder:style
python -m experiments.run --model=style_swap --mode=stylize --content=DIR --style=DIR --output=DIR

Without training, by optimisation of the picture: `style_swap_optimise`.
"""

from typing import Any

from experiments.data.config import DataConfig
from experiments.export.parts import Part
from experiments.model import Model, Run
from experiments.tasks.picture_parts import swap_parts
from experiments.tasks.stylization import AnyStyle
from experiments.tasks.vgg import features_weights
from experiments.training.config import RunConfig
from experiments.training.presets import prefixed, presets
from nst.features import field
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.config import StyleSwapConfig
from nst.style_swap.networks import TAP

# `paper`: rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:9-31 and
# lib/ImageLoaderAsync.lua (pictures squashed to a square), with the instance norm of the network
# that they publish. `quick`: ours, for minutes. Batch norm, because instance norm takes the means
# of a picture away. Total variation is summed over pixels, and hed's features are small: 3e-7 is a
# few hundredths of the loss.
_ALGORITHM = {
    #                 paper         quick       smoke
    "weights":       ("imagenet",   "imagenet", "random"),
    "norm":          ("instance",   "batch",    "instance"),
    "init":          ("orthogonal", "grey",     "orthogonal"),
    "tv_weight":     (1e-6,         3e-7,       1e-6),
    "decay":         (1e-4,         3e-4,       1e-4),
}  # fmt: skip
_FOLDERS = "folder:content,folder:style"
_RUN = {
    #                    paper      quick     smoke
    "data.dataset":     (_FOLDERS,  "photos", "photos"),
    "data.size":        (256,       64,       32),
    "data.load_size":   (256,       112,      32),
    "data.fit":         ("stretch", "side",   "side"),
    "data.flip":        (False,     True,     True),
    "batch_size":       (2,         2,        2),
    "images":           (160_000,   6_000,    8),
    "log_every":        (200,       100,      2),
    "sample_every":     (8_000,     1_000,    4),
    "eval_every":       (40_000,    2_000,    8),
    "eval_images":      (100,       4,        2),
    "checkpoint_every": (4_000,     500,      4),
}  # fmt: skip
PRESETS = presets(
    "style_swap",
    StyleSwapConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
)


def build(config: RunConfig, epoch: int, budget: int) -> StyleSwap:
    """The algorithm of a configuration; its schedule counts steps, not images of the data set.

    Raises:
        InputError: the encoder's weights cannot be had.
        ValueError: crops that the encoder cannot see a whole field of, or smaller than a patch.
    """
    seen = field("vgg19", TAP)
    least = max(seen.size, seen.stride * config.algorithm.patch)
    if config.data.size < least:
        raise ValueError(
            f"data.size={config.data.size}: {TAP} and its patches see {least} pixels; expected "
            f"{least} or more"
        )
    return StyleSwap(
        config.algorithm,
        features_weights(config.algorithm),
        size=config.data.size,
        batch_size=config.batch_size,
        xla=config.xla,
    )


class SwappedStyle(AnyStyle):
    """A network that takes any style, by patches of its features."""

    def parts(self, run: Run, **_: Any) -> list[Part]:
        return swap_parts(run)


MODEL = Model(
    name="style_swap",
    summary="any style, patch by patch",
    paper="Chen & Schmidt 2016, https://arxiv.org/abs/1612.04337",
    task=SwappedStyle(),
    presets=PRESETS,
    build=build,
)
