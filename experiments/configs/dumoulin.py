"""One network for many styles, Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629).

python -m experiments.run --model=dumoulin --dataset=folder:photos --style=a.jpg --style=b.jpg
python -m experiments.run --model=dumoulin --mode=stylize --style=0 --content=DIR --output=DIR

A style more, for a network that is trained, without touching the others:

python -m experiments.run --model=dumoulin --dataset=folder:photos --style=c.jpg \
    --set algorithm.base=runs/dumoulin/mine --run_dir=runs/dumoulin/more
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.pipeline import test_images
from experiments.model import Model, Run
from experiments.tasks.feed_forward import Builder, LearnedStyles
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from experiments.training.rundir import stored_config
from nst import importers
from nst.dumoulin.algorithm import Dumoulin
from nst.dumoulin.config import DumoulinConfig
from nst.stylizer import Stylizer
from nst.transformer_importers import MULTI_STYLE_SHAPE

STEPS = 5  # of the sheet that blends
_ENDS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_OURS = tuple(
    f"photos:{name}"
    for name in ("immunohistochemistry", "hubble_deep_field", "retina", "brick", "grass", "gravel")
)

# `paper`: magenta/magenta @ 526d3eb; the paper's network has 32 paintings: give them with --style.
# `quick`: ours. In few steps, one picture each, styles stay alike unless their scales and offsets
# learn faster than the rest, and 1e-3 is too fast for that.
_ALGORITHM = {
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
_RUN = {
    #                   paper            quick      smoke
    "data.dataset":     ("imagenet2012",  "photos",  "photos"),
    "data.size":        (256,             96,        32),
    "data.load_size":   (256,             128,       40),
    "data.fit":         ("crop",          "side",    "side"),
    "data.flip":        (False,           True,      True),
    "batch_size":       (16,              1,         2),
    "images":           (640_000,         16_000,    8),
    "log_every":        (1_600,           100,       2),
    "sample_every":     (16_000,          4_000,     4),
    "eval_every":       (64_000,          8_000,     8),
    "eval_images":      (100,             4,         2),
    "checkpoint_every": (16_000,          1_000,     4),
}  # fmt: skip
PRESETS = presets("dumoulin", DumoulinConfig, DataConfig, prefixed(_ALGORITHM), _RUN)


class ManyStyles(LearnedStyles):
    """Several styles in one network, to which more can be added later."""

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """A configuration with what `algorithm.base` says: its styles, and how its network is made.

        Raises:
            InputError: it is no run of this model, or made otherwise than the configuration wants.
        """
        config = super().complete(config, presets, given)
        wanted, usual = config.algorithm, presets[config.preset].algorithm
        if not wanted.base:
            return config
        try:
            own = stored_config(wanted.base, presets).algorithm
        except InputError as error:
            raise InputError(
                f"algorithm.base={wanted.base}: {error} (It is needed to add styles to it, and to "
                "go on with that; not to use what was trained.)"
            ) from error
        implied = {"learned": own.all_styles, "width": own.width, "style_rate": own.style_rate}
        for key, value in implied.items():
            if getattr(wanted, key) not in (getattr(usual, key), value):
                raise InputError(
                    f"algorithm.{key}={getattr(wanted, key)}: algorithm.base has {value}. Leave it "
                    "out."
                )
        return replace(config, algorithm=replace(wanted, **implied))

    def begin(self, run: Run, load: Callable[..., Run]) -> None:
        """Starts from the weights of `algorithm.base`, if there is one.

        Raises:
            InputError: no trained run in `algorithm.base`.
        """
        if run.config.algorithm.base:
            base = load(run.config.algorithm.base, say=lambda line: None)
            run.algorithm.start_from(base.algorithm)

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Digests of VGG's weights, of the styles, and of the base."""
        base = run.algorithm.base_digest
        return super().fingerprint(run) | ({"algorithm.base": base} if base else {})

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """`{"stylized": contents x styles, "blend": one content between four styles}`.

        The corners of "blend" are the last four styles, the last one again where there are fewer;
        the other pictures have their scales and offsets in proportion (the paper's figure 7).
        """
        sheets = super().sheets(run, dataset)
        count = len(run.config.algorithm.all_styles)
        if count > 1:
            content = test_images(dataset, run.config.data, "content", 1)[0]
            sheets["blend"] = blend(run.stylizer, content, count)
        return sheets


def blend(stylizer: Stylizer, content: np.ndarray, count: int, steps: int = STEPS) -> np.ndarray:
    """Pictures of a content between the last four of a network's styles, or as many as it has.

    Args:
        stylizer: of the network.
        content: uint8 `[H, W, 3]`.
        count: how many styles the network has.
        steps: pictures along each side of the square.

    Returns:
        The square as one picture, uint8.
    """
    corners = list(range(count))[-4:]
    corners = [*corners, *corners[-1:] * (4 - len(corners))]
    unit, at = pictures.to_unit(content), np.linspace(0, 1, steps)
    rows = [[_between(stylizer, unit, corners, down, right) for right in at] for down in at]
    return pictures.sheet(rows)


def _between(stylizer, content, corners, down, right):
    """A picture at a place of the square, `down` and `right` from 0 to 1."""
    shares = (
        (1 - down) * (1 - right),
        (1 - down) * right,
        down * (1 - right),
        down * right,
    )
    return pictures.from_unit(stylizer(content, corners, style_weights=shares))


def _of_26(found: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """The settings of the network of 26 styles, which have no names."""
    names = tuple(f"{i:02d}" for i in range(found["styles"]))
    shape = {f"algorithm.{key}": value for key, value in MULTI_STYLE_SHAPE.items()}
    return shape | {"algorithm.style": names}


_BUILDER = Builder(Dumoulin)
MODEL = Model(
    name="dumoulin",
    summary="several styles and mixtures of them, by one network that takes more later",
    paper="Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629",
    task=ManyStyles(),
    presets=PRESETS,
    build=_BUILDER.build,
    rebuild=_BUILDER.rebuild,
    imports=(
        Import(
            "dumoulin/multistyle26",
            importers,
            ("network",),
            _of_26,
            packaged=True,
            parts=lambda network: {"network": network.transformer},
        ),
    ),
    published="dumoulin/multistyle26",
    costs={"quick": "some 20 minutes on two CPU cores"},
)
