"""AdaIN, Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868).

python -m experiments.run --model=adain --dataset=folder:content,folder:style
python -m experiments.run --model=adain --mode=stylize --content=DIR --style=DIR --output=DIR
python -m experiments.run --model=adain --mode=video --content=MP4|DIR --style=FILE --output=MP4|DIR
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from core.errors import InputError
from core.paths import user_path
from experiments.data.config import DataConfig
from experiments.export.parts import Part
from experiments.model import Model, Run
from experiments.tasks.picture_parts import moment_parts
from experiments.tasks.stylization import AnyStyle
from experiments.tasks.vgg import features_weights, loss_weights
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from experiments.training.rundir import check_unchanged
from nst import importers
from nst.adain.algorithm import AdaIN
from nst.adain.config import AdaINConfig
from nst.adain.networks import TAPS
from nst.backbones.table import NETWORKS, check_smallest
from nst.weights import NAMES

# `paper`: xunhuang1995/AdaIN-style @ 6d8ac28, whose default style weight of 0.01 is that of its
# decoder-content-similar.t7; 0.1 is that of decoder.t7. Its VGG is rescaled: with their file give
# --weights=vgg_normalised.pth --set algorithm.normalise=false. `pytorch`: naoto0804/pytorch-AdaIN @
# 47950d0, which squashes pictures to a square instead of keeping their aspect. `quick`: ours, to
# see the decoder learn in minutes: colours come first with "mean", which weighs relu1_1 most, and a
# rate of 1e-3 killed the ReLUs after 7,000 steps.
_ALGORITHM = {
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
_FOLDERS = "folder:content,folder:style"
_RUN = {
    #                    paper      pytorch    quick     smoke
    "data.dataset":     (_FOLDERS,  _FOLDERS,  "photos", "photos"),
    "data.size":        (256,       256,       96,       72),
    "data.load_size":   (512,       512,       144,      72),
    "data.fit":         ("side",    "stretch", "side",   "side"),
    "data.flip":        (False,     False,     True,     True),
    "batch_size":       (8,         8,         4,        2),
    "images":           (1_280_000, 1_280_000, 6_000,    8),
    "log_every":        (800,       800,       100,      2),
    "sample_every":     (8_000,     8_000,     2_000,    4),
    "eval_every":       (40_000,    40_000,    2_000,    8),
    "eval_images":      (100,       100,       4,        2),
    "checkpoint_every": (8_000,     8_000,     1_000,    4),
}  # fmt: skip
PRESETS = presets(
    "adain",
    AdaINConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "pytorch", "quick", "smoke"),
)


def build(config: RunConfig, epoch: int, budget: int) -> AdaIN:
    """The algorithm of a configuration; its schedule counts steps, not images of the data set.

    Raises:
        InputError: the encoder's weights cannot be had.
        ValueError: crops that the encoder cannot see a whole field of.
    """
    if config.data.size < 68:
        raise ValueError(
            f"data.size={config.data.size}: relu4_1 sees 68 pixels; expected 68 or more"
        )
    algorithm = rebuild(config)
    if config.algorithm.loss_network:
        algorithm.attach(_loss_weights(config.algorithm))
    return algorithm


def rebuild(config: RunConfig) -> AdaIN:
    """The algorithm without a network that only its style loss sees.

    Raises:
        InputError: the encoder's weights cannot be had.
    """
    return AdaIN(
        config.algorithm,
        features_weights(config.algorithm),
        size=config.data.size,
        batch_size=config.batch_size,
        xla=config.xla,
    )


def _loss_weights(config: AdaINConfig):
    """The network of the style loss, where it is not the encoder."""
    named = replace(config, network=config.loss_network, weights=config.loss_weights, convention="")
    return loss_weights(named, config.style_layers or TAPS, "algorithm.loss_weights")


def _decoder_settings(found, options):
    """The encoder that a decoder of naoto0804 was trained with: they go together.

    Raises:
        InputError: `--vgg_weights` does not say which one.
    """
    weights = options.vgg_weights
    if not weights:
        raise InputError(
            "--vgg_weights: give the encoder that the decoder was trained with, such as "
            "vgg_normalised.pth."
        )
    if weights not in NAMES:
        weights = str(user_path(weights).absolute())
    return {"algorithm.weights": weights, "algorithm.normalise": False}


def _refusal(options):
    return f"for the encoder --vgg_weights={options.vgg_weights}: give the one it was trained with"


class MomentStyle(AnyStyle):
    """A network that takes any style, described by moments of its features."""

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """The usual layers of the style loss's network. The encoder is a VGG, so another network as
        `network` is that of the style loss, too.

        Raises:
            InputError: it is named twice, or the pictures are too small for it.
        """
        own = config.algorithm
        if own.network in NETWORKS:
            if own.loss_network:
                raise InputError(
                    f"algorithm.network={own.network}: the encoder is vgg16 or vgg19; "
                    f"algorithm.loss_network={own.loss_network} already names the network of the "
                    "style loss. Give one of both."
                )
            own = replace(own, loss_network=own.network, network="")
        if own.loss_network in NETWORKS:
            height, width = config.data.sides
            check_smallest(own.loss_network, height, width, "data.size")
            layers = own.style_layers or NETWORKS[own.loss_network].style
            own = replace(own, style_layers=layers)
        return replace(config, algorithm=own)

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Digests of the encoder's weights, and of the style loss's network where it is there."""
        looks = run.algorithm.looks_digest
        return super().fingerprint(run) | ({"loss weights": looks} if looks else {})

    def check_ready(self, run: Run) -> None:
        """Loads the network of the style loss into a run, since evaluation needs it.

        Raises:
            InputError: it is not available, or is not that of the training.
        """
        if run.config.algorithm.loss_network and run.algorithm.looks is None:
            run.algorithm.attach(_loss_weights(run.config.algorithm))
            check_unchanged(run.run_dir, self.fingerprint(run))

    def parts(self, run: Run, **_: Any) -> list[Part]:
        return moment_parts(run)


MODEL = Model(
    name="adain",
    summary="any style, by the mean and deviation of features",
    paper="Huang & Belongie 2017, https://arxiv.org/abs/1703.06868",
    costs={"quick": "some 30 minutes of one CPU core"},
    task=MomentStyle(),
    presets=PRESETS,
    build=build,
    rebuild=rebuild,
    imports=(
        Import(
            "adain/decoder",
            importers,
            ("decoder",),
            _decoder_settings,
            "pytorch",
            refusal=_refusal,
        ),
    ),
)
