"""The optimisation of a picture as an algorithm of the training loop.

An iteration counts as one image.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from core import engine
from core.optimizers import Adam
from core.phases import Algorithm, Phase, Stage
from core.tensors import to_numpy
from nst.backbones.seeing import Seer, digest, fields, look, mean_of_features
from nst.gatys.config import GatysConfig
from nst.gatys.lbfgs import LBFGS
from nst.gatys.objective import Level, Objective

MEAN_COLOUR = np.array([123.68, 116.779, 103.939], np.float32) / 255  # ImageNet's, RGB


class Gatys(Algorithm):
    """Optimises a picture, at one size or from coarse to fine.

    Attributes:
        levels: an `Objective` for each stage, coarse to fine.
        features: the network that the losses look through; not trained.
        digest: `nst.backbones.seeing.digest` of its weights, which checkpoints do not hold.
    """

    objective = Objective  # the class of the levels

    def __init__(
        self,
        config: GatysConfig,
        weights: Seer,
        levels: Sequence[Level],
        *,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: what is optimised, and how.
        weights: of VGG, or another network, for the features.
        levels: the pictures at the sizes of `config.pyramid`, coarse to fine, and then at the size
            of the result.
        seed: chooses the noise that the optimisation starts from.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: a layer that the network or its weights do not have.
        """
        stages = _stages(config, levels)
        super().__init__(stages, {}, xla=xla)
        taps = [tap for term in config.terms().values() for tap in term]
        self.features = look(
            weights,
            taps,
            pooling=config.pooling,
            ceil=config.ceil,
            padding=config.padding,
            smoothing=config.smoothing,
            mean=mean_of_features(config.normalise, config.activation),
        )
        seen = fields(weights, taps, config.smoothing)
        self.frozen, self.passes = {"features": self.features}, {"features": 2}
        self.config, self.digest = config, digest(weights)
        blank = [np.zeros((level.height, level.width, 3), "float32") for level in levels[1:]]
        starts = [first_picture(config, levels[0], seed), *blank]  # `enter` fills finer levels
        self.levels = [
            self.objective(self.features, seen, config, level, start)
            for level, start in zip(levels, starts, strict=True)
        ]
        self.extra = {"picture": [level.image for level in self.levels]}
        if config.optimizer == "adam":
            self.phases = [self._adam_phase(i) for i in range(len(levels))]
        else:
            self.segments = [_Segment(level.image, config.memory) for level in self.levels]
            self.extra["lbfgs"] = [v for s in self.segments for v in (s.start, s.done)]

    @staticmethod
    def style_taps(config: GatysConfig) -> list[str]:
        """The names of the layers that see the styles."""
        return list(config.terms().get("style", ()))

    @property
    def level(self) -> Objective:
        """The `Objective` of the current stage."""
        return self.levels[self.stages.index(self.current_stage)]

    @property
    def content(self) -> np.ndarray | None:
        """The content at the size of the current stage, `[height, width, 3]`, RGB in [0, 1]; None
        where there is no content (texture synthesis)."""
        return self.level.level.content

    @property
    def styles(self) -> list[np.ndarray]:
        """The styles at the sizes of the current stage, `[h, w, 3]` each, RGB in [0, 1]."""
        return list(self.level.level.styles)

    def picture(self) -> np.ndarray:
        """The picture as it is now: `[height, width, 3]`, RGB in [0, 1]."""
        return to_numpy(self.level.image.value)[0]

    def enter(self, stage: Stage) -> None:
        """Starts a finer level from the enlarged picture of the level before."""
        index = self.stages.index(stage)
        if index:
            image = self.levels[index].image
            coarse = ops.convert_to_tensor(self.levels[index - 1].image.value)
            finer = ops.image.resize(coarse, image.shape[1:3], "bicubic", antialias=False)
            image.assign(ops.clip(finer, 0, 1))
            if self.config.optimizer == "lbfgs":
                self.segments[index - 1].close()
                self.segments[index].begin()

    def step(self, batch: dict, step: int) -> dict:
        """Makes one iteration and returns its losses. `batch` is not used: the algorithm has its
        pictures."""
        if self.config.optimizer == "lbfgs":
            return self._lbfgs_step()
        if self.level.grid.whole:
            return super().step(self.level.given, step)
        return self._tiled_adam_step()

    def batch_size(self, batch: dict) -> int:
        """1: an iteration counts as one image."""
        return 1

    def shape(self, stage: Stage) -> tuple[int, ...]:
        """The shape of the largest part of the picture that is seen at once, `(1, H, W, 3)`."""
        tiles = self.levels[self.stages.index(stage)].grid.tiles
        rows, columns = zip(*tiles, strict=True)
        return (1, *(max(span.end - span.start for span in axis) for axis in (rows, columns)), 3)

    # --- Adam

    def _adam_phase(self, index):
        level, last = self.levels[index], index == len(self.levels) - 1
        optimizer = Adam(self.config.learning_rate / 255)
        optimizer.build([level.image])
        size = max(level.level.height, level.level.width)

        def loss(given):
            total, logs = level.loss(level.image, given)
            return total, logs, {}

        name = "total" if last else f"total_{size}"
        return Phase(name, [level.image], optimizer, loss, stage=self.stages[index])

    def after_phases(self, batch_size: int) -> None:
        """Clips the picture to [0, 1], which Adam does not do; L-BFGS stays in its bounds."""
        image = self.level.image
        image.assign(ops.clip(image, 0, 1))

    def _tiled_adam_step(self):
        (phase,) = (p for p in self.phases if p.stage == self.current_stage)
        key = (phase.name, "apply")
        if key not in self._compiled:

            def apply(gradient):
                engine.apply(phase.optimizer, [gradient], phase.variables)
                self.after_phases(1)
                self.images.assign_add(1)

            self._compiled[key] = engine.compile(apply, self.variables(), self.xla)
        total, logs, gradient = self.level.evaluate()
        self._compiled[key](gradient)
        return {f"loss/{phase.name}": total} | logs

    # --- L-BFGS

    def _lbfgs_step(self):
        logs: dict[str, Any] = {}
        before = self.picture()[None]

        def evaluate(point):
            self.level.image.assign(point.astype(np.float32))
            total, parts, gradient = self.level.evaluate()
            logs.update(parts, **{"loss/total": total})
            return total, gradient

        segment = self.segments[self.stages.index(self.current_stage)]
        if segment.count() >= self.config.restart:
            segment.begin()
        point = segment.iterate(evaluate)
        if point is None:  # its direction does not lead down: try again with an empty memory
            self.level.image.assign(before)
            segment.begin()
            point = segment.iterate(evaluate)
        if point is None:  # neither does the gradient: it is a minimum
            point = to_numpy(segment.start)
            evaluate(point)
        self.level.image.assign(point.astype(np.float32))
        self.images.assign_add(1)
        return logs


class _Segment:
    """Iterations of L-BFGS that begin with an empty memory.

    SciPy does not give its memory away, so a checkpoint cannot hold it. A run that is resumed makes
    the iterations since `start` again, and so gets the same memory and the same picture.

    Attributes:
        image: the picture, a variable.
        memory: how many corrections L-BFGS keeps.
        start: the picture at the first iteration, a variable.
        done: how many iterations have been made since then, a variable.
    """

    def __init__(self, image, memory):
        self.image, self.memory = image, memory
        self.start = keras.Variable(to_numpy(image.value), trainable=False, name="segment_start")
        self.done = keras.Variable(0, dtype="int32", trainable=False, name="segment_done")
        self._live = None  # the minimiser, an `LBFGS`
        self._made = 0  # how many iterations it has made

    def count(self):
        """The number of iterations made."""
        return int(ops.convert_to_numpy(self.done.value))

    def begin(self):
        """Starts again from the picture as it is, with an empty memory."""
        self.start.assign(to_numpy(self.image.value))
        self.done.assign(0)
        self.close()

    def iterate(self, evaluate):
        """The point after the next iteration, or None where no lower one is found.

        The first call after a resume makes all iterations since `start` again.
        """
        done = self.count()
        if self._live is None or self._made != done:
            self.close()
            self._live, self._made = LBFGS(to_numpy(self.start), memory=self.memory), 0
        while self._made <= done:
            point = self._live.iterate(evaluate)
            if point is None:
                return None
            self._made += 1
        self.done.assign(self._made)
        return point

    def close(self):
        """Frees the minimiser and its memory; `iterate` makes them again."""
        if self._live is not None:
            self._live.close()
        self._live = None


def _stages(config, levels):
    """One stage for each level; the last one has no end."""
    ends = np.cumsum([0, *config.pyramid_images]).tolist()
    sizes = [max(level.height, level.width) for level in levels]
    return [
        Stage(1, size, start, ends[i + 1] if i + 1 < len(levels) else None)
        for i, (size, start) in enumerate(zip(sizes, ends, strict=True))
    ]


def first_picture(config: GatysConfig, level: Level, seed: int) -> np.ndarray:
    """The picture that the optimisation starts from, RGB in [0, 1], `[height, width, 3]`.

    Noise is added to ImageNet's mean colour, which is what noise about 0 means in the codes that
    subtract that mean.

    Args:
        config: says whether it is noise, the content or the style, and how much noise.
        level: the pictures at the first size.
        seed: chooses the noise.
    """
    shape = (level.height, level.width, 3)
    random = np.random.default_rng(seed)
    if config.noise == "normal":
        noise = MEAN_COLOUR + random.normal(0, config.noise_scale / 255, shape)
    else:
        noise = MEAN_COLOUR + random.uniform(-1, 1, shape) * config.noise_scale / 255
    if config.init == "noise":
        start = noise
    else:
        picture = level.content if config.init == "content" else level.styles[0]
        start = config.noise_ratio * noise + (1 - config.noise_ratio) * _resized(picture, shape)
    return np.clip(start, 0, 1).astype(np.float32)


def _resized(picture, shape):
    """The picture stretched to a shape `[H, W, 3]`."""
    if picture.shape == shape:
        return picture
    return to_numpy(ops.image.resize(picture[None], shape[:2], "bilinear", antialias=True))[0]
