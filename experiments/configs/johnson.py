"""One network for one style, Johnson et al. 2016 (https://arxiv.org/abs/1603.08155).

python -m experiments.run --model=johnson --dataset=folder:photos --style=painting.jpg
python -m experiments.run --model=johnson --mode=stylize --content=DIR --output=DIR
"""

from pathlib import Path

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.feed_forward import Builder, LearnedStyles
from experiments.training.imported import Import
from experiments.training.presets import prefixed, presets
from nst import importers
from nst.johnson.algorithm import Johnson
from nst.johnson.config import JohnsonConfig

_FNS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


# `paper`: jcjohnson/fast-neural-style @ 813c834, whose content layer is relu3_3 where the paper has
# relu2_2; its instance norm came after the paper, which has batch norm: --set algorithm.norm=batch.
# `pytorch`: pytorch/examples @ 77f55b9, whose weights are for torchvision's VGG-16: with its file
# give --weights=vgg16-397923af.pth; others, which see levels, are a thousand times more style. Both
# style weights are of Gram matrices divided by C * H * W. `quick`: ours.
_ALGORITHM = {
    #                    paper         pytorch       quick         smoke
    "weights":          ("imagenet",   "imagenet",   "imagenet",   "random"),
    "content_layers":   (("relu3_3",), ("relu2_2",), ("relu3_3",), ("relu2_1",)),
    "content_weight":   (1.0,          1e5,          1.0,          1.0),
    "style_layers":     (_FNS,         _FNS,         _FNS,         ("relu1_1", "relu2_1")),
    "style_weight":     (5.0,          1e10,         1.0,          5.0),
    "learning_rate":    (1e-3,         1e-3,         3e-4,         1e-3),
    "tv_weight":        (1e-6,         0.0,          1e-6,         0.0),
    "style_size":       (256,          256,          192,          64),
    "padding":          ("start",      "reflect",    "reflect",    "reflect"),
    "upsampling":       ("transposed", "nearest",    "nearest",    "nearest"),
    "output":           ("tanh",       "linear",     "tanh",       "linear"),
    "gamma":            ("uniform",    "ones",       "ones",       "ones"),
    "width":            (1.0,          1.0,          0.5,          0.25),
}  # fmt: skip
_RUN = {
    #                   paper         pytorch       quick      smoke
    "data.dataset":     ("coco/2014",  "coco/2014",  "photos",  "photos"),
    "data.size":        (256,          256,          96,        32),
    "data.load_size":   (256,          256,          128,       40),
    "data.fit":         ("crop",       "crop",       "side",    "side"),
    "data.flip":        (False,        False,        True,      True),
    "batch_size":       (4,            4,            1,         2),
    "epochs":           (0,            2,            0,         0),
    "images":           (160_000,      0,            10_000,    8),
    "log_every":        (400,          400,          100,       2),
    "sample_every":     (4_000,        4_000,        2_000,     4),
    "eval_every":       (16_000,       16_000,       4_000,     8),
    "eval_images":      (100,          100,          4,         2),
    "checkpoint_every": (4_000,        4_000,        1_000,     4),
}  # fmt: skip
PRESETS = presets(
    "johnson",
    JohnsonConfig,
    DataConfig,
    prefixed(_ALGORITHM),
    _RUN,
    names=("paper", "pytorch", "quick", "smoke"),
)


def _transformer_settings(found, options):
    """The network of a file; its style is known by the file's name."""
    name = Path(options["from"].value).stem
    return {"algorithm.style": [name]} | {f"algorithm.{key}": x for key, x in found.items()}


_BUILDER = Builder(Johnson, seeded=False)
MODEL = Model(
    name="johnson",
    summary="one style, by one network",
    paper="Johnson et al. 2016, https://arxiv.org/abs/1603.08155",
    task=LearnedStyles(),
    presets=PRESETS,
    build=_BUILDER.build,
    rebuild=_BUILDER.rebuild,
    imports=(
        Import("johnson/transformer", importers, ("network",), _transformer_settings, "pytorch"),
    ),
    costs={"quick": "some 20 minutes on two CPU cores"},
)
