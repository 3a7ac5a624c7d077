"""Algorithms: networks, and the phases that make one step of training together."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from core import engine, sizes
from core.picture_size import Size, sides
from core.tensors import Batch, Tensor


@dataclass(frozen=True)
class Stage:
    """A part of training in which shapes stay as they are (a level of progressive growing).

    Attributes:
        batch_size: images a step.
        size: of the images in pixels: a side of squares, or (height, width).
        start: images seen when it begins.
        end: images seen when it ends, None for the last one.
    """

    batch_size: int
    size: Size
    start: int = 0
    end: int | None = None

    @property
    def height(self) -> int:
        """Height of the images in pixels; of squares, their side."""
        return sides(self.size)[0]


@dataclass(frozen=True)
class Phase:
    """One update: a loss, the variables it trains, and when.

    Attributes:
        name: what logs and messages call it ("G", "D", "D_r1").
        variables: the variables that `optimizer` updates; nothing else changes by gradient.
        optimizer: an optimizer that was built on `variables`.
        loss: `batch -> (loss, logs, outputs)`. `loss` is a scalar, `logs` are named scalars,
            `outputs` are named tensors that the later phases of the step find in their batch
            (fakes are computed once).
        interval: the phase runs at every `interval`-th step (lazy regularisation).
        learning_rate: `images seen -> learning rate`, or None for the optimizer's own.
        stage: the stage in which the phase runs, None for every one.
        ahead: `batch -> (tensors, rest)`, or None: what the loss begins with and earlier phases
            need as well, such as the generator's pictures for the discriminator. It runs before the
            first phase, once; all phases find the named tensors of both in their batch, and the
            gradient of this phase's loss flows back through `tensors`. All phases of the stage then
            have one interval.
        repair: `gradient -> gradient`, applied to each before the update, or None. Not with scaled
            losses (mixed_float16), whose optimizer skips a step with gradients that are not finite.
    """

    name: str
    variables: Sequence
    optimizer: keras.optimizers.Optimizer
    loss: Callable
    interval: int = 1
    learning_rate: Callable | None = None
    stage: Stage | None = None
    ahead: Callable | None = None
    repair: Callable | None = None


@dataclass
class Algorithm:
    """What the training loop needs of a model. Subclasses fill `networks` and `phases`.

    Attributes:
        stages: the parts of training, one after the other.
        networks: the networks that are trained, by name; checkpoints hold them.
        phases: the updates of a step, in the order in which they run.
        extra: further variables that checkpoints hold, by name of group: averages, pools, seeds.
        passes: how many images go through a network, by its name, for one image of the batch, 1
            where it is not named. Memory and arithmetic are estimated from it. For a frozen
            network it counts passes forwards and backwards.
        frozen: networks, by name, that the step reads and nothing changes, such as pretrained
            features; checkpoints leave them out.
        xla: compile the step with XLA on TensorFlow.
        channels: of the pictures.
        batches_per_step: how many batches of the data a step takes, one behind the other; only one
            counts as images seen.
        images: a variable that counts the images seen so far.
        current_stage: the stage that training is in.
    """

    stages: Sequence[Stage]
    networks: dict[str, keras.Model]
    phases: list[Phase] = field(default_factory=list)
    extra: dict[str, Sequence] = field(default_factory=dict)
    passes: dict[str, int] = field(default_factory=dict)
    frozen: dict[str, keras.Model] = field(default_factory=dict)
    xla: bool = False
    channels: int = 3
    batches_per_step: int = 1

    def __post_init__(self):
        self.images = keras.Variable(0, dtype="int32", trainable=False, name="images")
        # the loop sets it at the start of every stage, also of one that is resumed
        self.current_stage = self.stages[0]
        self._compiled = {}

    def stage(self, images: int) -> Stage:
        """The stage that training is in after `images`."""
        return next(s for s in reversed(self.stages) if s.start <= images)

    def enter(self, stage: Stage) -> None:
        """Prepares for a stage; called by the loop when one begins, not when it is resumed."""

    def after_phases(self, batch_size: int) -> None:
        """Ends every compiled step, after its last phase; averages of weights move here.

        Args:
            batch_size: how many images the step had.
        """

    def batch_size(self, batch: Batch) -> int:
        """How many images a batch adds to the count of images seen."""
        return len(next(iter(batch.values()))) // self.batches_per_step

    def shape(self, stage: Stage) -> tuple[int, ...]:
        """The shape `(N, H, W, channels)` of the pictures that a step of a stage sees at once."""
        return (stage.batch_size, *sides(stage.size), self.channels)

    def sized(self, name: str, stage: Stage | None = None) -> keras.Model:
        """A copy of a network whose layers know the sizes of a stage, to count what they do.

        Args:
            name: the name of one of `networks` or `frozen`.
            stage: the stage; None: the last one.
        """
        stage = self.stages[-1] if stage is None else stage
        network = (self.networks | self.frozen)[name]
        return sizes.at_shapes(network, self.input_shapes(name, stage))

    def input_shapes(self, name: str, stage: Stage) -> list[tuple[int, ...]]:
        """The shapes of what a network takes at a stage, batch size first, one for each input.

        These are `core.sizes.input_shapes` for the pictures of the stage. A model overrides this
        for a network that takes something else than pictures, such as a decoder, whose input is
        `[core.sizes.code_shape(network, self.shape(stage))]`.
        """
        return sizes.input_shapes((self.networks | self.frozen)[name], self.shape(stage))

    def described(self) -> list[str]:
        """Lines that `--dry_run` shows of the networks, beside their sizes."""
        return []

    def take(self, name: str, weights: Sequence) -> None:
        """Gives a network other weights, arrays in its own order, as if it had been trained to
        them."""
        self.holder(name).set_weights(weights)

    def holder(self, name: str) -> keras.Model:
        """The network that `take` gives weights to."""
        return self.networks[name]

    def average_networks(self) -> dict[str, keras.Model]:
        """The networks whose weights are moving averages, by the name of the one they follow."""
        return {}

    def start_from(self, other: "Algorithm") -> None:
        """Takes over the networks of another one, the average for the average.

        Where the other has no average, its network is the average to begin with.

        Raises:
            ValueError: a network has other layers or features; then nothing is taken.
        """
        given = other.networks | {f"average of {n}": x for n, x in other.average_networks().items()}
        pairs: list[tuple[str, keras.Model, Any]] = []
        pairs += [(name, network, given.get(name)) for name, network in self.networks.items()]
        for name, network in self.average_networks().items():
            full = f"average of {name}"
            pairs.append((full, network, given.get(full, given.get(name))))
        for name, own, theirs in pairs:
            shapes = None if theirs is None else [w.shape for w in theirs.weights]
            if shapes != [w.shape for w in own.weights]:
                raise ValueError(f"its {name} has other layers or features than this one")
        for _, own, theirs in pairs:
            own.set_weights(theirs.get_weights())

    def groups(self) -> dict[str, list]:
        """Every variable that a checkpoint holds, by group: all that change."""
        groups = {name: network.variables for name, network in self.networks.items()}
        optimizers = {id(p.optimizer): p for p in reversed(self.phases)}  # phases may share one
        groups |= {f"optimizer_{p.name}": p.optimizer.variables for p in optimizers.values()}
        groups |= {name: list(variables) for name, variables in self.extra.items()}
        return groups | {"counter": [self.images]}

    def variables(self) -> list:
        """Every variable that a step reads or writes, each once."""
        frozen = (network.variables for network in self.frozen.values())
        return list({id(v): v for vs in (*self.groups().values(), *frozen) for v in vs}.values())

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Runs the phases that are due; returns their logs, scalars by name.

        Args:
            batch: tensors by name, from `core.engine.shard`.
            step: the number of the step, from 0 on; a phase is due where its interval divides it.
        """
        stage, size = self.current_stage, self.batch_size(batch)
        here = [p for p in self.phases if p.stage in (None, stage)]
        due = [p for p in here if step % p.interval == 0]
        if len({p.interval for p in here}) == 1:
            parts = [(due, True)]
        else:  # compiled one by one, as many of their combinations occur
            parts = [([p], False) for p in due] + [([], True)]
        logs: dict[str, Tensor] = {}
        for phases, ends in parts:
            part_logs, outputs = self._part(phases, ends, size, stage)(batch)
            logs, batch = logs | part_logs, batch | outputs
        return logs

    def _part(self, phases, ends, batch_size, stage):
        """Some phases of a step, and perhaps its end, as one compiled call."""
        # stages of one size (growing, then stable) share what is compiled
        key = (*map(id, phases), ends, batch_size, stage.size)
        if key not in self._compiled:
            self._compiled[key] = engine.compile(
                lambda batch: self._update(batch, phases, ends, batch_size),
                self.variables(),
                self.xla,
            )
        return self._compiled[key]

    def _update(self, batch, phases, ends, batch_size):
        batch = dict(batch)
        logs: dict[str, Tensor] = {}
        made: dict[str, Tensor] = {}
        begun = {}
        for phase in phases:
            if phase.ahead is not None:
                work = functools.partial(phase.ahead, batch)
                tensors, rest, begun[phase.name] = engine.forward(work, phase.variables)
                batch |= tensors | rest
        for phase in phases:
            phase_logs, outputs = _run_phase(phase, batch, self.images, begun.get(phase.name))
            logs, batch, made = logs | phase_logs, batch | outputs, made | outputs
        if ends:
            self.after_phases(batch_size)
            self.images.assign_add(batch_size)
            made = {}
        return logs, made


def _run_phase(phase, batch, images, finish=None):
    """One gradient and one update; returns the logs and the outputs of the phase.

    `finish` is that of `engine.forward` where the phase has something `ahead`.
    """
    if phase.learning_rate is not None:
        phase.optimizer.learning_rate = phase.learning_rate(ops.cast(images.value, "float32"))

    def scaled_loss(tensors):
        loss, logs, outputs = phase.loss(batch | tensors)
        # only LossScaleOptimizer (mixed_float16) changes the loss here
        return phase.optimizer.scale_loss(loss), ({f"loss/{phase.name}": loss} | logs, outputs)

    if finish is None:
        result, gradients = engine.value_and_grad(lambda: scaled_loss({}), phase.variables)
    else:
        result, gradients = finish(scaled_loss)
    _, (logs, outputs) = result
    scaled = isinstance(phase.optimizer, keras.optimizers.LossScaleOptimizer)
    if phase.repair is not None and not scaled:
        gradients = [phase.repair(gradient) for gradient in gradients]
    engine.apply(phase.optimizer, gradients, phase.variables)
    return logs, outputs
