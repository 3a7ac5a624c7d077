"""The optimisation of a picture as an algorithm of the training loop: an iteration is an image."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from core import engine
from core.optimizers import Adam
from core.phases import Algorithm, Phase, Stage
from nst.features import Weights, perceptual
from nst.gatys.config import GatysConfig
from nst.gatys.lbfgs import LBFGS
from nst.gatys.objective import Level, Objective

MEAN_COLOUR = np.array([123.68, 116.779, 103.939], np.float32) / 255  # of ImageNet, RGB


class Gatys(Algorithm):
    """Optimises a picture, on one level or from coarse to fine.

    Attributes:
        levels: an `Objective` for each stage.
    """

    objective = Objective

    def __init__(
        self,
        config: GatysConfig,
        weights: Weights,
        levels: Sequence[Level],
        *,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: what is optimised, and how.
        weights: of the features.
        levels: the pictures at the sizes of `config.pyramid`, coarse to fine, and at the last.
        seed: of the noise in the start.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: a layer that the network or its weights do not have.
        """
        stages = _stages(config, levels)
        super().__init__(stages, {}, xla=xla)
        taps = [tap for term in config.terms().values() for tap in term]
        self.features = perceptual(
            weights, taps, pooling=config.pooling, ceil=config.ceil, padding=config.padding
        )
        self.frozen, self.passes = {"features": self.features}, {"features": 2}
        self.config = config
        start = first_picture(config, levels[0], seed)
        self.levels = []
        for level in levels:
            start = (
                start if not self.levels else np.zeros((level.height, level.width, 3), "float32")
            )
            self.levels.append(self.objective(self.features, weights.network, config, level, start))
        self.extra = {"picture": [level.image for level in self.levels]}
        if config.optimizer == "adam":
            self.phases = [self._adam_phase(i) for i in range(len(levels))]
        else:
            self.segments = [_Segment(level.image, config.memory) for level in self.levels]
            self.extra["lbfgs"] = [v for s in self.segments for v in (s.start, s.done)]

    @staticmethod
    def style_taps(config: GatysConfig) -> list[str]:
        """The layers that see the styles."""
        return list(config.terms().get("style", ()))

    @property
    def level(self) -> Objective:
        """That of the current stage."""
        return self.levels[self.stages.index(self.current_stage)]

    def picture(self) -> np.ndarray:
        """The picture as it is now: `[height, width, 3]`, RGB in [0, 1]."""
        return _array(self.level.image.value)[0]

    def enter(self, stage: Stage) -> None:
        """A finer level starts from the enlarged picture of the one before."""
        index = self.stages.index(stage)
        if index:
            image = self.levels[index].image
            before = ops.convert_to_tensor(self.levels[index - 1].image.value)
            finer = ops.image.resize(before, image.shape[1:3], "bicubic", antialias=False)
            image.assign(ops.clip(finer, 0, 1))
            if self.config.optimizer == "lbfgs":
                self.segments[index - 1].close()
                self.segments[index].begin()

    def step(self, batch: dict, step: int) -> dict:
        """One iteration; `batch` is not used, all there is to see is the algorithm's own."""
        if self.config.optimizer == "lbfgs":
            return self._lbfgs_step()
        if self.level.grid.whole:
            return super().step(self.level.given, step)
        return self._tiled_adam_step()

    def batch_size(self, batch: dict) -> int:
        """An iteration is an image."""
        return 1

    def shape(self, stage: Stage) -> tuple[int, ...]:
        """Of the largest window."""
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
        """Adam's picture stays a picture."""
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
        logs, before = {}, self.picture()[None]

        def evaluate(point):
            self.level.image.assign(point.astype(np.float32))
            total, parts, gradient = self.level.evaluate()
            logs.update(parts, **{"loss/total": total})
            return total, gradient

        segment = self.segments[self.stages.index(self.current_stage)]
        if segment.count() >= self.config.restart:
            segment.begin()
        point = segment.iterate(evaluate)
        if point is None:  # no lower one along its direction: perhaps from an empty memory
            self.level.image.assign(before)
            segment.begin()
            point = segment.iterate(evaluate)
        if point is None:  # a minimum
            point = _array(segment.start)
            evaluate(point)
        self.level.image.assign(point.astype(np.float32))
        self.images.assign_add(1)
        return logs


class _Segment:
    """Iterations of L-BFGS from an empty memory on.

    SciPy keeps that memory to itself. A run that goes on makes the iterations since `start` again,
    from which it comes to the same memory and the same picture.

    Attributes:
        start: the picture when it began, a variable.
        done: iterations since then, a variable.
    """

    def __init__(self, image, memory):
        self.image, self.memory = image, memory
        self.start = keras.Variable(_array(image.value), trainable=False, name="segment_start")
        self.done = keras.Variable(0, dtype="int32", trainable=False, name="segment_done")
        self._live, self._made = None, 0  # the minimiser, and the iterations it has made

    def count(self):
        return int(ops.convert_to_numpy(self.done.value))

    def begin(self):
        """From the picture as it is."""
        self.start.assign(_array(self.image.value))
        self.done.assign(0)
        self.close()

    def iterate(self, evaluate):
        """The next point, or None; the first call after a resume catches up."""
        done = self.count()
        if self._live is None or self._made != done:
            self.close()
            self._live, self._made = LBFGS(_array(self.start), memory=self.memory), 0
        while self._made <= done:
            point = self._live.iterate(evaluate)
            if point is None:
                return None
            self._made += 1
        self.done.assign(self._made)
        return point

    def close(self):
        """Gives the memory back; the next call makes it again."""
        if self._live is not None:
            self._live.close()
        self._live = None


def _stages(config, levels):
    """A stage a level; the last one is open."""
    ends = np.cumsum([0, *config.pyramid_images]).tolist()
    sizes = [max(level.height, level.width) for level in levels]
    return [
        Stage(1, size, start, ends[i + 1] if i + 1 < len(levels) else None)
        for i, (size, start) in enumerate(zip(sizes, ends, strict=True))
    ]


def first_picture(config: GatysConfig, level: Level, seed: int) -> np.ndarray:
    """What the optimisation starts from: `[height, width, 3]` in [0, 1].

    Noise lies around ImageNet's mean colour, as it does where that is subtracted.
    """
    shape = (level.height, level.width, 3)
    draw, noise = np.random.default_rng(seed), MEAN_COLOUR
    if config.noise == "normal":
        noise = noise + draw.normal(0, config.noise_scale / 255, shape)
    else:
        noise = noise + draw.uniform(-1, 1, shape) * config.noise_scale / 255
    if config.init == "noise":
        start = noise
    else:
        picture = level.content if config.init == "content" else level.styles[0]
        start = config.noise_ratio * noise + (1 - config.noise_ratio) * _resized(picture, shape)
    return np.clip(start, 0, 1).astype(np.float32)


def _resized(picture, shape):
    """Stretched to a size, `[H, W, 3]`."""
    if picture.shape == shape:
        return picture
    return _array(ops.image.resize(picture[None], shape[:2], "bilinear", antialias=True))[0]


def _array(x):
    return ops.convert_to_numpy(x)
