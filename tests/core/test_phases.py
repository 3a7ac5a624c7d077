"""Phases, stages and what the engine promises them, on the smallest networks there are."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.phases import Algorithm, Phase, Stage

pytestmark = pytest.mark.backends


def _discriminator():
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.LeakyReLU(0.2)(keras.layers.Conv2D(3, 3)(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


class LazyR1(Algorithm):
    """The example of docs/adding_a_model.md: R1 as a phase of its own, sharing the optimizer."""

    def __init__(self):
        self.traced = 0  # a loss is called while a step is compiled, and never again
        network = _discriminator()
        super().__init__([Stage(2, 6)], {"D": network})
        variables = network.trainable_variables
        optimizer = keras.optimizers.Adam(1e-3)
        optimizer.build(variables)
        self.phases = [
            Phase("D", variables, optimizer, self.main),
            Phase("D_r1", variables, optimizer, self.r1, interval=2),
        ]

    def main(self, batch):
        self.traced += 1
        return ops.mean(ops.softplus(-self.networks["D"](batch["image"]))), {}, {}

    def r1(self, batch):
        gradient = engine.input_grad(self.networks["D"], batch["image"])
        return ops.mean(ops.sum(ops.square(gradient), axis=(1, 2, 3))), {}, {}


def _batch(n=2):
    image = np.random.default_rng(0).normal(size=(n, 6, 6, 2)).astype("float32")
    return engine.shard({"image": image})


def test_r1_as_a_phase_of_its_own_runs_when_due_and_leaves_the_last_bias():
    algorithm = LazyR1()
    bias = algorithm.networks["D"].layers[-1].bias
    due = algorithm.step(_batch(), 0)
    assert due.keys() == {"loss/D", "loss/D_r1"}
    assert float(ops.convert_to_numpy(due["loss/D_r1"])) > 0
    assert algorithm.step(_batch(), 1).keys() == {"loss/D"}
    variables = algorithm.networks["D"].trainable_variables
    gradients = engine.compile(
        lambda b: engine.value_and_grad(lambda: (algorithm.r1(b)[0], ()), variables)[1],
        algorithm.variables(),
    )(_batch())
    assert variables[-1] is bias
    assert not np.any(ops.convert_to_numpy(gradients[-1]))
    assert np.any(ops.convert_to_numpy(gradients[0]))


def test_an_optimizer_of_two_phases_is_stored_once():
    groups = LazyR1().groups()
    assert [name for name in groups if name.startswith("optimizer")] == ["optimizer_D"]


def test_images_are_counted_in_every_batch_size():
    algorithm = LazyR1()
    algorithm.step(_batch(2), 1)
    algorithm.step(_batch(3), 1)
    assert int(algorithm.images.numpy()) == 5


def test_each_size_has_a_step_of_its_own():
    algorithm = LazyR1()
    for stage, traced in ((Stage(2, 6), 1), (Stage(2, 6, start=4), 1), (Stage(2, 12), 2)):
        algorithm.current_stage = stage
        algorithm.step(_batch(), 1)
        assert algorithm.traced == traced


def test_variables_that_hold_the_same_array():
    one, two = keras.Variable(np.ones(3, "float32")), keras.Variable(np.zeros(3, "float32"))
    two.assign(one.value)

    def add():
        one.assign_add(np.ones(3, "float32"))
        return ops.sum(one.value)

    compiled = engine.compile(add, [one, two])
    compiled()
    compiled()
    np.testing.assert_array_equal(one.numpy(), 3 * np.ones(3))
    np.testing.assert_array_equal(two.numpy(), np.ones(3))
