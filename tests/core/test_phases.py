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


# --- the step of an algorithm


class Counting(Algorithm):
    """Two variables; phase "a" adds 1 to `a` at every step, "b" 1 to `b` at every third."""

    def __init__(self, learning_rate=None):
        super().__init__([Stage(2, 1)], {})
        self.a, self.b = keras.Variable(0.0), keras.Variable(0.0)
        self.seen = keras.Variable(0.0, trainable=False)
        optimizers = [keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0)]
        self.phases = [
            self.phase("a", self.a, optimizers[0], self.loss_a, learning_rate=learning_rate),
            self.phase("b", self.b, optimizers[1], self.loss_b, interval=3),
        ]
        self.extra = {"weights": [self.a, self.b, self.seen]}

    @staticmethod
    def phase(name, trained, optimizer, loss, **kwargs):
        optimizer.build([trained])
        return Phase(name, [trained], optimizer, loss, **kwargs)

    def loss_a(self, batch):
        loss = -self.a.value
        return loss, {"loss/part": loss * 2.0}, {"made": self.a.value + 10.0}

    def loss_b(self, batch):
        return -self.b.value * (1.0 + 0.0 * self.a.value), {"log/made": batch["made"]}, {}

    def after_phases(self, batch_size):
        self.seen.assign(self.seen.value + self.a.value)


BATCH = {"x": np.zeros((2, 1), "float32")}


def test_phases_run_when_due():
    toy, names = Counting(), []
    for step in range(5):
        logs = toy.step(engine.shard(BATCH), step)
        names.append(sorted(logs))
    assert float(toy.a.value) == 5
    assert float(toy.b.value) == 2  # steps 0 and 3
    assert int(toy.images.value) == 10
    both = ["log/made", "loss/a", "loss/b", "loss/part"]
    only_a = ["loss/a", "loss/part"]
    assert names == [both, only_a, only_a, both, only_a]


def test_a_phase_sees_what_the_one_before_made():
    """The output of "a" is of before its update."""
    toy = Counting()
    for step, expected in ((0, 10.0), (3, 11.0)):
        assert float(toy.step(engine.shard(BATCH), step)["log/made"]) == expected


def test_after_phases_runs_last_in_every_step():
    toy = Counting()
    for step in range(3):
        toy.step(engine.shard(BATCH), step)
    assert float(toy.seen.value) == 1 + 2 + 3


def test_learning_rate_follows_the_images():
    toy = Counting(learning_rate=lambda images: 1.0 + images)
    rates = []
    for step in range(3):
        before = float(toy.a.value)
        toy.step(engine.shard(BATCH), step)
        rates.append(float(toy.a.value) - before)
        assert float(toy.phases[0].optimizer.learning_rate) == rates[-1]
    assert rates == [1.0, 3.0, 5.0]
    assert float(toy.phases[1].optimizer.learning_rate) == 1.0


def test_every_variable_is_in_one_group():
    toy = Counting()
    assert set(toy.groups()) == {"optimizer_a", "optimizer_b", "weights", "counter"}
    ids = {id(v) for v in toy.variables()}
    assert len(ids) == len(toy.variables())
    assert {id(toy.a), id(toy.images), id(toy.phases[0].optimizer.iterations)} <= ids


def test_stage_of_an_image():
    stages = [Stage(4, 8, 0, 100), Stage(2, 16, 100)]
    algorithm = Algorithm(stages, {})
    assert [algorithm.stage(n).size for n in (0, 99, 100, 10_000)] == [8, 8, 16, 16]


# --- mixed precision


@pytest.fixture
def mixed_float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


class Half(Algorithm):
    """Dense(1) under mixed_float16; the loss is the mean of output * `batch["scale"]`."""

    def __init__(self, initial_scale):
        self.dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        self.dense.set_weights([np.float32([[1.0], [2.0], [3.0]]), np.float32([0.0])])
        super().__init__([Stage(2, 1)], {"dense": self.dense})
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.5), initial_scale=initial_scale
        )
        optimizer.build(self.dense.trainable_variables)
        rate = 0.25
        self.phases = [
            Phase("D", self.dense.trainable_variables, optimizer, self.loss,
                  learning_rate=lambda images: rate + 0.0 * images)
        ]  # fmt: skip

    def loss(self, batch):
        y = self.dense(batch["x"])
        loss = ops.mean(ops.cast(y, "float32") * batch["scale"])
        return loss, {"log/half": ops.cast(y.dtype == "float16", "float32")}, {}


INPUTS = np.float32([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def scaled(scale):
    return engine.shard({"x": INPUTS, "scale": np.full((2, 1), scale, "float32")})


def test_loss_scaling(mixed_float16):
    """The gradient of 2^-26 is 0 in float16 and not when scaled by 2^15; the log is not scaled."""
    half = Half(initial_scale=2.0**15)
    scale = 2.0**-26
    before = ops.convert_to_numpy(half.dense.trainable_variables[0])
    logs = half.step(scaled(scale), 0)
    assert float(logs["loss/D"]) == pytest.approx(np.mean(INPUTS @ before) * scale, rel=1e-2)
    # beside 1, 2 and 3 float32 cannot show so small a step
    half.dense.trainable_variables[0].assign(np.zeros((3, 1), "float32"))
    half.step(scaled(scale), 1)
    found = ops.convert_to_numpy(half.dense.trainable_variables[0])[:, 0] / scale
    np.testing.assert_allclose(found, -0.25 * INPUTS.mean(0), rtol=1e-2)


def test_loss_scaling_skips_a_step_that_overflows(mixed_float16):
    half = Half(initial_scale=2.0**15)
    optimizer = half.phases[0].optimizer
    before = [ops.convert_to_numpy(v) for v in half.dense.trainable_variables]
    half.step(scaled(1e9), 0)
    for old, new in zip(before, half.dense.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))
    assert float(optimizer.dynamic_scale.value) == 2.0**14
    half.step(scaled(1.0), 1)
    moved = ops.convert_to_numpy(half.dense.trainable_variables[0]) - before[0]
    np.testing.assert_allclose(moved[:, 0], -0.25 * INPUTS.mean(0), rtol=1e-2)
    assert half.dense.trainable_variables[0].dtype == "float32"
