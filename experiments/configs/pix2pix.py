"""pix2pix, Isola et al. 2017 (https://arxiv.org/abs/1611.07004).

python -m experiments.run --model=pix2pix
python -m experiments.run --model=pix2pix --preset=paper --dataset=folder:facades \
    --set algorithm.direction=BtoA

It learns from pairs, one direction a run: `--set algorithm.direction=BtoA` for the other one. (The
paper's facades have the photograph at the left, A, and learn to make it from the labels, B.)
"""

import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.pipeline import DataConfig, test_images
from experiments.data.sources import Dataset
from experiments.tasks.translation import (
    MODES,
    ROLES,
    SHEET_ROWS,
    absolute_error,
    check_patches,
    check_ready,
    predict,
    psnr,
    ssim,
)
from experiments.tasks.translation import translate_picture as translate
from experiments.training.config import RunConfig, columns
from gan.pix2pix.algorithm import Pix2Pix
from gan.pix2pix.config import Pix2PixConfig

__all__ = ["CHANGEABLE", "MODES", "PRESETS", "ROLES", "build", "check_data", "check_ready",
           "evaluate", "sheets", "translate"]  # fmt: skip

CHANGEABLE = ("algorithm.test_mode",)  # how a trained generator is used

SCORES = {"l1": absolute_error, "psnr": psnr, "ssim": ssim}

# `paper`: as printed and as the official code runs it. `quick`: chosen by trial on the embedded set
# for five minutes on two CPU cores.
_PAPER, _QUICK, _SMOKE = columns(Pix2PixConfig, {
    #                     paper     quick     smoke
    "ngf":               (64,       32,       4),
    "num_downs":         (8,        6,        5),
    "ndf":               (64,       32,       4),
    "n_layers":          (3,        2,        2),
    "learning_rate":     (2e-4,     6e-4,     2e-4),
})  # fmt: skip

PRESETS = {
    "paper": RunConfig(
        model="pix2pix",
        preset="paper",
        algorithm=_PAPER,
        data=DataConfig(dataset="folder:facades", size=256, load_size=286, paired=True),
        batch_size=1,
        epochs=200,
        log_every=100,
        sample_every=2_000,
        eval_every=20_000,
        checkpoint_every=2_000,
    ),
    "quick": RunConfig(
        model="pix2pix",
        preset="quick",
        algorithm=_QUICK,
        data=DataConfig(dataset="seasons_paired", size=64, load_size=64, paired=True),
        batch_size=1,
        images=4_000,
        log_every=40,
        sample_every=1_000,
        eval_every=1_000,
        checkpoint_every=1_000,
    ),
    "smoke": RunConfig(
        model="pix2pix",
        preset="smoke",
        algorithm=_SMOKE,
        data=DataConfig(dataset="seasons_paired", size=32, load_size=36, paired=True),
        batch_size=2,
        images=16,
        log_every=2,
        sample_every=8,
        eval_every=8,
        eval_images=4,
        checkpoint_every=4,
    ),
}


def build(config: RunConfig, *, epoch: int, budget: int) -> Pix2Pix:
    """The algorithm of a config, for a data set of `epoch` pairs and `budget` pairs in all.

    The learning rate changes once an epoch, as published, where the length is given in epochs, and
    with every step where it is given in images.

    Raises:
        ValueError: an image size that the networks cannot take.
    """
    _check_size(config.data.size, config.algorithm)
    stair = epoch if config.epochs else config.batch_size
    return Pix2Pix(
        config.algorithm,
        size=config.data.size,
        batch_size=config.batch_size,
        epoch=stair,
        epochs=budget / stair,
        seed=config.seed,
        xla=config.xla,
    )


def _check_size(size, algorithm):
    """The U-Net needs whole halvings, the discriminator one patch."""
    downs = algorithm.num_downs
    if size % 2**downs:
        raise ValueError(
            f"data.size={size}: a U-Net of {downs} halvings takes multiples of {2**downs} pixels; "
            "change data.size (and data.load_size) or algorithm.num_downs (from 5 up)"
        )
    check_patches(size, algorithm)


def check_data(config: RunConfig, dataset: Dataset) -> None:
    """Refuses a data set that is not made of pairs.

    Raises:
        InputError: says how to give pairs.
    """
    if not dataset.paired:
        raise InputError(
            f"--dataset={dataset.name}: its domains are not pairs, which pix2pix learns from. Give "
            "'seasons_paired', a folder with pictures A|B side by side in train and test, or one "
            "with trainA and trainB of the same file names and --set data.paired=true. "
            "(--model=cyclegan does without pairs.)"
        )


def evaluate(algorithm: Pix2Pix, dataset: Dataset, config: RunConfig) -> dict[str, float]:
    """Scores of the trained direction and of doing nothing ("identity") on the test pairs.

    L1 is the mean absolute difference in 8-bit levels (0 to 255); PSNR and SSIM are those of
    `experiments.tasks.translation.evaluate`. None, where the test set has no pairs.
    """
    if not dataset.truth:
        return {}
    (direction,) = algorithm.directions
    inputs, truth = (
        test_images(dataset, config.data, role, config.eval_images)
        for role in (direction[0], direction[-1])
    )
    results = {direction: predict(algorithm.translator(direction), inputs), "identity": inputs}
    return {
        f"{name}/{what}": score(result, truth)
        for name, score in SCORES.items()
        for what, result in results.items()
    }


def sheets(algorithm: Pix2Pix, dataset: Dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"translation": picture}`: input, output and truth of test images, twice side by side."""
    (direction,) = algorithm.directions
    source, target = direction[0], direction[-1]
    parts = []
    for shift in (0, 0.5):
        images = test_images(dataset, config.data, source, SHEET_ROWS, shift)
        parts += [images, predict(algorithm.translator(direction), images)]
        if dataset.truth:
            parts.append(test_images(dataset, config.data, target, SHEET_ROWS, shift))
    titles = [source, f"{source} to {target}", "truth"][: len(parts) // 2]
    rows = [list(row) for row in zip(*parts, strict=False)]
    scale = max(1, 128 // config.data.size)
    return {"translation": pictures.sheet(rows, 2 * titles, scale=scale)}
