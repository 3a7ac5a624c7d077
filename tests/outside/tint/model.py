"""What the runner needs to know of it."""

from experiments.data.config import DataConfig
from experiments.model import Model
from experiments.tasks.translation import Translation
from experiments.training.config import RunConfig
from experiments.training.presets import prefixed, presets
from tint.algorithm import Tint
from tint.config import TintConfig

_ALGORITHM = {
    #                 paper  quick  smoke
    "channels":      (8,     8,     4),
    "learning_rate": (0.01,  0.01,  0.02),
}  # fmt: skip
_RUN = {
    #                    paper      quick      smoke
    "data.dataset":     ("seasons", "seasons", "seasons"),
    "data.size":        (128,       64,        32),
    "data.load_size":   (128,       64,        32),
    "batch_size":       (1,         1,         2),
    "images":           (10_000,    1_000,     16),
    "log_every":        (100,       50,        4),
    "sample_every":     (1_000,     500,       8),
    "eval_every":       (1_000,     500,       16),
    "eval_images":      (None,      20,        2),
    "checkpoint_every": (1_000,     500,       4),
}  # fmt: skip
PRESETS = presets("tint", TintConfig, DataConfig, prefixed(_ALGORITHM), _RUN)


def build(config: RunConfig, epoch: int, budget: int) -> Tint:
    """The algorithm of a configuration."""
    return Tint(config.algorithm, size=config.data.size, batch_size=config.batch_size)


MODEL = Model(
    name="tint",
    summary="the mean colour of one kind of picture for another",
    paper="none",
    task=Translation(),
    presets=PRESETS,
    build=build,
)
