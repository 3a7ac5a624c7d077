"""The smallest algorithm that the loop can train: one weight per pixel, and state beside it."""

import keras
import numpy as np
from keras import ops

from core.phases import Algorithm, Phase, Stage
from experiments.data.sources import Dataset, Source
from experiments.training import loop

SIZE = 8


class Toy(Algorithm):
    """Two phases on one network; `poison(images) -> {name: value}` replaces logged values."""

    def __init__(self, poison=None, spoil_weights_at=None):
        inputs = keras.Input((SIZE, SIZE, 3))
        network = keras.Model(inputs, keras.layers.Dense(3, name="dense")(inputs), name="net")
        super().__init__([Stage(2, SIZE)], {"net": network})
        self.poison, self.spoil_weights_at = poison, spoil_weights_at
        self.unused = keras.Variable(0.0, trainable=False, name="unused")
        self.extra = {"unused": [self.unused]}
        self.phases = [self.phase("G", "A"), self.phase("D", "B")]

    def phase(self, name, role):
        network = self.networks["net"]
        optimizer = keras.optimizers.SGD(0.01)
        optimizer.build(network.trainable_variables)

        def loss(batch):
            error = ops.mean(ops.square(network(batch[role])))
            return error, {f"loss/{name}_mse": error}, {}

        return Phase(name, network.trainable_variables, optimizer, loss)

    def step(self, batch, step):
        logs = super().step(batch, step)
        images = 2 * (step + 1)
        if self.spoil_weights_at == images:
            self.unused.assign(np.inf)
        return logs | (self.poison(images) if self.poison else {})


def dataset(size=5, read=None, report=print):
    """Two domains of constant pictures: image `i` of A is grey `10 i`, of B `10 i + 100`."""

    def grey(base):
        return lambda i: np.full((SIZE, SIZE, 3), base + 10 * i, np.uint8)

    sources = {
        "A": Source("A", size, read or grey(0), report=report),
        "B": Source("B", size, grey(100), report=report),
    }
    return Dataset("toy", sources, sources)


def no_metrics(check):
    return {}


def train(
    algorithm,
    run_dir,
    config,
    *,
    budget,
    data=None,
    say=lambda line: None,
    measure=no_metrics,
    keep=lambda: None,
):
    """`loop.train` without an evaluation."""
    run_dir.mkdir(parents=True, exist_ok=True)
    loop.train(
        algorithm,
        data or dataset(),
        config,
        run_dir,
        budget=budget,
        evaluate=lambda *_: {"score": 1.0},
        sheets=lambda *_: {"sheet": np.zeros((4, 4, 3), np.uint8)},
        measure=measure,
        keep=keep,
        say=say,
    )
