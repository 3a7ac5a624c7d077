"""StyleGAN2 with adaptive augmentation, Karras et al. 2020 (https://arxiv.org/abs/1912.04958 and
https://arxiv.org/abs/2006.06676).

python -m experiments.run --model=stylegan2
python -m experiments.run --model=stylegan2 --preset=auto --dataset=folder:mine
python -m experiments.run --model=stylegan2 --mode=sample --seeds=0-63 --truncation=0.7 --output=DIR
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from experiments.data.config import DataConfig
from experiments.model import Model, Run
from experiments.tasks.generation import LabelledGeneration, check_classes, gan_options
from experiments.tasks.imports import stylegan2_features, stylegan2_settings
from experiments.training import starting
from experiments.training.checkpoint import newest_first
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets, renamed
from gan import importers
from gan.stylegan2.algorithm import StyleGAN2
from gan.stylegan2.config import StyleGAN2Config

# Published: NVlabs/stylegan2-ada-pytorch @ d72cc7d, train.py:154-192. `stylegan2` is configuration
# F of the first paper, without augmentation; `auto` is what that code computes for 256 pixels on
# one GPU, and is computed again for other sizes and batches (`automatic`). Half precision is
# published for all of them; `auto` is in float32, so that it runs everywhere: add
# --precision=mixed_float16.
_ALGORITHM = {
    #                     stylegan2  paper256   paper512   paper1024  cifar      auto
    "channel_base":       (32768,    16384,     32768,     32768,     32768,     16384),
    "mapping_layers":     (8,        8,         8,         8,         2,         2),
    "mbstd_group_size":   (4,        8,         8,         4,         32,        4),
    "g_learning_rate":    (2e-3,     2.5e-3,    2.5e-3,    2e-3,      2.5e-3,    2.5e-3),
    "d_learning_rate":    (2e-3,     2.5e-3,    2.5e-3,    2e-3,      2.5e-3,    2.5e-3),
    "r1_gamma":           (10.0,     1.0,       0.5,       2.0,       0.01,      0.8192),
    "pl_weight":          (2.0,      2.0,       2.0,       2.0,       0.0,       2.0),
    "style_mixing":       (0.9,      0.9,       0.9,       0.9,       0.0,       0.9),
    "d_architecture":     ("resnet", "resnet",  "resnet",  "resnet",  "orig",    "resnet"),
    "ema_half_life":      (10_000.0, 20_000.0,  20_000.0,  10_000.0,  500_000.0, 5_000.0),
    "ema_ramp_up":        (0.0,      0.0,       0.0,       0.0,       0.05,      0.05),
    "augment":            ("none",   "ada",     "ada",     "ada",     "ada",     "ada"),
}  # fmt: skip
_HALF = "mixed_float16"
_RUN = {
    "data.dataset":       (*["folder:ffhq"] * 4, "cifar10", "folder:mine"),
    "data.size":          (1024,     256,       512,       1024,      32,        256),
    "data.load_size":     (1024,     256,       512,       1024,      32,        256),
    "data.flip":          (*[False] * 5, True),
    "data.fit":           ("crop",   "crop",    "crop",    "crop",    "crop",    "crop"),
    "batch_size":         (32,       64,        64,        32,        64,        16),
    "images":             (*[25_000_000] * 4, 100_000_000, 25_000_000),
    "precision":          (_HALF,    _HALF,     _HALF,     _HALF,     _HALF,     "float32"),
}  # fmt: skip
_NAMES = ("stylegan2", "paper256", "paper512", "paper1024", "cifar", "auto")
_CADENCE = {
    "log_every": 4_000,
    "sample_every": 100_000,
    "eval_every": 1_000_000,
    "checkpoint_every": 100_000,
}

# For two CPU cores. In so few steps, noise inputs take the place of details, the path length keeps
# pictures alike, and published learning rates are too low; with the blur, shapes come first. Rates
# that fall, and R1 at every fourth step, halve the distance and what it differs by between seeds.
_SMALL = {
    #                     quick      smoke
    "z_dim":              (64,       8),
    "w_dim":              (64,       8),
    "mapping_layers":     (2,        2),
    "mapping_lrmul":      (0.1,      0.01),
    "channel_base":       (512,      128),
    "channel_max":        (64,       8),
    "mbstd_group_size":   (4,        2),
    "use_noise":          (False,    True),
    "g_learning_rate":    (8e-3,     2e-3),
    "d_learning_rate":    (8e-3,     2e-3),
    "decay_images":       (100_000,  32),
    "r1_gamma":           (0.5,      1.0),
    "r1_interval":        (4,        16),
    "pl_weight":          (0.0,      2.0),
    "style_mixing":       (0.0,      0.9),
    "ema_half_life":      (5_000.0,  16.0),
    "ema_ramp_up":        (0.05,     0.05),
    "conv_clamp":         (0.0,      0.0),
    "augment":            ("none",   "ada"),
    "ada_images":         (500_000,  100),
    "blur_sigma":         (4.0,      1.0),
    "blur_images":        (9_000,    16),
}  # fmt: skip
_SMALL_RUN = {
    #                     quick      smoke
    "data.size":          (32,       16),
    "data.load_size":     (32,       16),
    "batch_size":         (16,       4),
    "images":             (100_000,  32),
    "log_every":          (1_600,    4),
    "sample_every":       (6_000,    16),
    "eval_every":         (12_000,   16),
    "eval_images":        (100,      8),
    "checkpoint_every":   (6_000,    8),
}  # fmt: skip
_KINDS = ("stylegan2", StyleGAN2Config, DataConfig)
PRESETS = presets(*_KINDS, prefixed(_ALGORITHM), _RUN, names=_NAMES, fixed=_CADENCE)
PRESETS |= {"paper": renamed(PRESETS["stylegan2"], "paper")}
PRESETS |= presets(
    *_KINDS,
    prefixed(_SMALL),
    _SMALL_RUN,
    names=("quick", "smoke"),
    fixed={"data.dataset": "faces"},
)


class StyledGeneration(LabelledGeneration):
    """Generation whose training may begin with the networks of another run."""

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """The configuration with what `auto` computes, and what beginning with a run implies."""
        if config.preset == "auto":
            config = automatic(config, given)
        if not (config.algorithm.base or config.start_from):
            return config
        # as the official code resumes: p may rise faster, the average is there already, no blur
        changes = {"ada_images": 100_000, "ema_ramp_up": 0.0, "blur_sigma": 0.0}
        return _replaced(config, changes, given)

    def begin(self, run: Run, load: Callable[..., Run]) -> None:
        """Starts from the networks of `algorithm.base`, if there is one, as `start_from` does.

        A run that has a checkpoint goes on from that and does not need the other one any more.

        Raises:
            InputError: no trained run there, or its networks have other sizes.
        """
        if (base := run.config.algorithm.base) and not newest_first(run.run_dir):
            starting.take_networks(run, load, "algorithm.base", base)


def automatic(config: RunConfig, given: Collection[str]) -> RunConfig:
    """A configuration whose batch and hyper-parameters are computed from the size of the pictures.

    Of a rectangle, the longer side counts for what memory bounds, and for R1 its area.

    Args:
        config: the configuration.
        given: the dotted keys that were given, which stay.

    Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, train.py:163-173 ("auto", one GPU).
    """
    height, width = config.data.sides
    size = max(height, width)
    batch = config.batch_size if "batch_size" in given else max(min(4096 // size, 32), 1)
    rate = 2e-3 if size >= 1024 else 2.5e-3
    computed: dict[str, Any] = {
        "channel_base": 32768 if size >= 512 else 16384,
        "mbstd_group_size": min(batch, 4),
        "g_learning_rate": rate,
        "d_learning_rate": rate,
        "r1_gamma": 2e-4 * height * width / batch,
        "ema_half_life": batch * 10_000 / 32,
    }
    return _replaced(replace(config, batch_size=batch), computed, given)


def _replaced(config, computed, given):
    """Returns the configuration with the settings of the algorithm that were not given."""
    own = {key: value for key, value in computed.items() if f"algorithm.{key}" not in given}
    return replace(config, algorithm=replace(config.algorithm, **own))


def build(config: RunConfig, epoch: int, budget: int) -> StyleGAN2:
    """The algorithm of a configuration; the length of training does not change it.

    Raises:
        ValueError: a resolution that the networks cannot have, or classes without labels.
    """
    check_classes(config)
    return StyleGAN2(config.algorithm, channels=config.data.channels, **gan_options(config))


MODEL = Model(
    name="stylegan2",
    summary="StyleGAN2: sharper, and on few pictures with adaptive augmentation",
    paper="Karras et al. 2020, https://arxiv.org/abs/1912.04958 and /2006.06676",
    task=StyledGeneration(),
    presets=PRESETS,
    build=build,
    any_shape=True,
    imports=(
        Import(
            "stylegan2/generator",
            importers,
            ("G",),
            stylegan2_settings("g_"),
            read=stylegan2_features,
        ),
        Import(  # not averaged: what training goes on with, beside the average
            "stylegan2/raw_generator",
            importers,
            ("raw_G",),
            stylegan2_settings("g_"),
            read=stylegan2_features,
        ),
        Import(
            "stylegan2/discriminator",
            importers,
            ("D",),
            stylegan2_settings("d_"),
            read=stylegan2_features,
        ),
    ),
    costs={
        "quick": "7 to 10 minutes on two CPU cores",
        **dict.fromkeys(("stylegan2", "paper"), "published: 9.8 days on 8 V100, 70 on one"),
    },
)
