"""One network for many styles, Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629).

python -m experiments.run --model=dumoulin --dataset=folder:photos --style=a.jpg --style=b.jpg
python -m experiments.run --model=dumoulin --mode=stylize --style=0 --content=DIR --output=DIR

A style more, for a network that is trained, without touching the others:

python -m experiments.run --model=dumoulin --dataset=folder:photos --style=c.jpg \
    --set algorithm.base=runs/dumoulin/mine --run_dir=runs/dumoulin/more
"""

import hashlib
from dataclasses import replace

import keras
import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.pipeline import DataConfig, test_images
from experiments.tasks import feed_forward
from experiments.tasks.feed_forward import (
    MODES,
    OPTIONS,
    ROLES,
    assemble,
    check_ready,
    evaluate,
    learned_styles,
    make_stylizer,
    perceptual,
    run_label,
    stylize,
)
from experiments.tasks.stylization import to_uint8, to_unit
from experiments.training.config import RunConfig, columns
from experiments.training.rundir import stored_config
from nst.dumoulin.algorithm import Dumoulin
from nst.dumoulin.config import DumoulinConfig

__all__ = ["MODES", "OPTIONS", "PRESETS", "ROLES", "build", "check_ready", "complete", "evaluate",
           "fingerprint", "learned_styles", "make_stylizer", "rebuild", "run_label", "sheets",
           "stylize"]  # fmt: skip

STEPS = 5  # of the sheet that blends
_ENDS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_OURS = tuple(f"photos:{name}" for name in ("immunohistochemistry", "hubble_deep_field", "retina",
                                            "brick", "grass", "gravel"))  # fmt: skip

# `paper`: magenta/magenta @ 526d3eb; the paper's network has 32 paintings: give them with --style.
# `quick`: ours. In few steps, one picture each, styles stay alike unless their scales and offsets
# learn faster than the rest, and 1e-3 is too fast for that.
_COLUMNS = {
    #                    paper       quick       smoke
    "style":            (_OURS,      _OURS,      _OURS[:2]),
    "weights":          ("imagenet", "imagenet", "random"),
    "content_layers":   (("relu3_3",), ("relu3_3",), ("relu2_1",)),
    "style_layers":     (_ENDS,      _ENDS,      ("relu1_1", "relu2_1")),
    "style_size":       (256,        192,        64),
    "width":            (1.0,        0.5,        0.25),
    "style_weight":     (1e-4,       5e-5,       1e-4),
    "learning_rate":    (1e-3,       2e-4,       1e-3),
    "style_rate":       (1.0,        50.0,       1.0),
}  # fmt: skip


def _preset(name, algorithm, data, **kwargs):
    return RunConfig(model="dumoulin", preset=name, algorithm=algorithm, data=data, **kwargs)


_PAPER, _QUICK, _SMOKE = columns(DumoulinConfig, _COLUMNS)
PRESETS = {
    "paper": _preset(
        "paper",
        _PAPER,
        DataConfig(dataset="imagenet2012", size=256, load_size=256, fit="crop", flip=False),
        batch_size=16,
        images=40_000 * 16,
        log_every=1_600,
        sample_every=16_000,
        eval_every=64_000,
        checkpoint_every=16_000,
    ),
    "quick": _preset(
        "quick",
        _QUICK,
        DataConfig(dataset="photos", size=96, load_size=128, fit="side"),
        batch_size=1,
        images=16_000,
        log_every=100,
        sample_every=4_000,
        eval_every=8_000,
        eval_images=4,
        checkpoint_every=1_000,
    ),
    "smoke": _preset(
        "smoke",
        _SMOKE,
        DataConfig(dataset="photos", size=32, load_size=40, fit="side"),
        batch_size=2,
        images=8,
        log_every=2,
        sample_every=4,
        eval_every=8,
        eval_images=2,
        checkpoint_every=4,
    ),
}


def complete(config: RunConfig) -> RunConfig:
    """A configuration with what `algorithm.base` says: its styles, and how its network is made.

    Raises:
        InputError: it is no run of this model, or made otherwise than the configuration wants.
    """
    given, usual = config.algorithm, PRESETS[config.preset].algorithm
    if not given.base:
        return config
    try:
        own = stored_config(given.base, PRESETS).algorithm
    except InputError as error:
        raise InputError(
            f"algorithm.base={given.base}: {error} (It is needed to add styles to it, and to go on "
            "with that; not to use what was trained.)"
        ) from error
    found = {"learned": (*own.learned, *own.style), "width": own.width,
             "style_rate": own.style_rate}  # fmt: skip
    for key, value in found.items():
        if getattr(given, key) not in (getattr(usual, key), value):
            raise InputError(f"algorithm.{key}={getattr(given, key)}: algorithm.base has {value}. "
                             "Leave it out.")  # fmt: skip
    return replace(config, algorithm=replace(given, **found))


def build(config: RunConfig, *, epoch: int, budget: int) -> Dumoulin:
    """The algorithm of a config; `epoch` and `budget` do not matter.

    Raises:
        InputError: VGG's weights or a style cannot be had; no trained run in `algorithm.base`.
    """
    built = _build(config, perceptual(config.algorithm))
    if config.algorithm.base:
        from experiments import api

        policy = keras.config.dtype_policy()
        base = api.load(config.algorithm.base, say=lambda line: None)
        keras.config.set_dtype_policy(policy)
        built.start_from(base.algorithm)
        weights = base.algorithm.networks["network"].get_weights()
        built.base = hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest()[:16]
    return built


def fingerprint(run) -> dict[str, str]:
    """What training depends on beside its data set: VGG's weights, the styles, and the base."""
    found, base = feed_forward.fingerprint(run), getattr(run.algorithm, "base", None)
    return found | ({"algorithm.base": base} if base else {})


def rebuild(config: RunConfig) -> Dumoulin:
    """The algorithm without what only training needs."""
    return _build(config, None)


def _build(config, loss):
    return assemble(Dumoulin, config, loss, seed=config.seed)


def sheets(algorithm: Dumoulin, dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"stylized": contents x styles, "blend": one content between four styles}`.

    The corners of "blend" are the last four styles, the last one again where there are fewer; the
    other pictures have their scales and offsets in proportion (the paper's figure 7).
    """
    found = feed_forward.sheets(algorithm, dataset, config)
    if algorithm.count > 1:
        content = test_images(dataset, config.data, "content", 1)[0]
        found["blend"] = blend(make_stylizer(algorithm, config), content)
    return found


def blend(stylizer, content: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """A square of `steps` x `steps` pictures of a content, uint8 `[H, W, 3]`, between the last
    four styles of `stylizer`, or as many as it has."""
    corners = list(range(stylizer.count))[-4:]
    corners = [*corners, *corners[-1:] * (4 - len(corners))]
    rows = []
    for down in np.linspace(0, 1, steps):
        row = []
        for right in np.linspace(0, 1, steps):
            shares = (
                (1 - down) * (1 - right),
                (1 - down) * right,
                down * (1 - right),
                down * right,
            )
            row.append(to_uint8(stylizer(to_unit(content), corners, weights=shares)))
        rows.append(row)
    return pictures.sheet(rows)
