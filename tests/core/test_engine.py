"""The engine's verbs and the phases' step, the same on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import SettingError

pytestmark = pytest.mark.backends

X = np.float32([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def tensor(x):
    return ops.convert_to_tensor(np.float32(x))


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def variable(x, **kwargs):
    return keras.Variable(np.float32(x), **kwargs)


COMPILED = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def maybe_compile(fn, variables, compiled):
    return engine.compile(fn, variables) if compiled else fn


# --- gradients


@COMPILED
def test_value_and_grad(compiled):
    """loss = mean((x w - y)^2): gradient 2 x^T (x w - y) / N."""
    w, y = variable([[0.5], [-1.0], [2.0]]), np.float32([[1.0], [2.0]])

    def loss_fn():
        error = ops.matmul(tensor(X), w) - y
        return ops.mean(ops.square(error)), {"error": error}

    fn = maybe_compile(lambda: engine.value_and_grad(loss_fn, [w]), [w], compiled)
    (loss, aux), (gradient,) = fn()
    error = X @ numpy(w) - y
    np.testing.assert_allclose(numpy(aux["error"]), error, rtol=1e-5)
    assert float(loss) == pytest.approx(np.mean(error**2), rel=1e-5)
    np.testing.assert_allclose(numpy(gradient), 2 * X.T @ error / 2, rtol=1e-5)


def test_gradients_come_in_the_order_of_the_variables():
    a, b, c = variable(2.0), variable(3.0), variable(5.0)
    _, gradients = engine.value_and_grad(lambda: (a.value * b.value**2 * c.value, None), [b, a])
    assert [float(g) for g in gradients] == pytest.approx([60.0, 45.0])


@COMPILED
def test_value_and_grad_keeps_what_the_loss_assigns(compiled):
    w, count = variable(2.0), keras.Variable(0, dtype="int32", trainable=False)

    def loss_fn():
        count.assign_add(3)
        return w.value**2 * ops.cast(count.value, "float32"), ops.cast(count.value, "float32")

    fn = maybe_compile(lambda: engine.value_and_grad(loss_fn, [w]), [w, count], compiled)
    for expected in (3, 6):
        (_, aux), (gradient,) = fn()
        assert float(aux) == expected
        assert float(gradient) == pytest.approx(4.0 * expected)
        assert int(count.value) == expected


@COMPILED
@pytest.mark.parametrize("inside", [0.0, 1.0], ids=["through", "also inside"])
def test_forward_gives_the_gradient_of_the_whole(compiled, inside):
    """loss = (a b)^2 c + inside a: in a 2 a b^2 c + inside; in c, which comes later, (a b)^2. What
    happens between the halves does not change it; a loss that does not use the first is zero."""
    a, b, c = variable(2.0), variable(3.0), variable(5.0)
    count = keras.Variable(0, dtype="int32", trainable=False)

    def first():
        count.assign_add(1)
        return {"ab": a.value * b.value}, [ops.cast(count.value, "float32")]

    def fn():
        tensors, (rest,), finish = engine.forward(first, [a, c])
        b.assign(100.0)
        loss = lambda made: (made["ab"] ** 2 * c.value + inside * a.value, rest)  # noqa: E731
        return tensors["ab"], finish(loss)

    ab, ((loss, aux), gradients) = maybe_compile(fn, [a, b, c, count], compiled)()
    assert (float(ab), float(aux), int(count.value)) == (6, 1, 1)
    assert float(loss) == pytest.approx(180 + 2 * inside)
    assert [float(g) for g in gradients] == pytest.approx([180 + inside, 36])


def test_forward_whose_tensors_the_loss_does_not_use():
    a, c = variable(2.0), variable(5.0)
    _, _, finish = engine.forward(lambda: ({"a": a.value * 3}, None), [a, c])
    _, gradients = finish(lambda made: (c.value**2, None))
    assert [float(g) for g in gradients] == pytest.approx([0, 10])


def test_value_and_grad_does_not_update():
    w = variable(2.0)
    engine.value_and_grad(lambda: (w.value**2, None), [w])
    assert float(w.value) == 2.0


@COMPILED
def test_input_grad_of_a_linear_network_is_its_weight(compiled):
    """R1 of D(x) = x w + b is ||w||^2, whatever x."""
    d = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    d.set_weights([np.float32([[1.0], [2.0], [-2.0]]), np.float32([7.0])])
    fn = maybe_compile(lambda x: engine.input_grad(d, x), d.variables, compiled)
    gradient = numpy(fn(tensor(X)))
    np.testing.assert_allclose(gradient, [[1, 2, -2], [1, 2, -2]], rtol=1e-6)
    assert np.sum(gradient**2, axis=1) == pytest.approx([9.0, 9.0])


def penalty_and_grad(penalty, variables, compiled):
    def fn():
        return engine.value_and_grad(lambda: (penalty(), None), variables)

    (value, _), gradients = maybe_compile(fn, variables, compiled)()
    return float(value), [numpy(g) for g in gradients]


@COMPILED
def test_gradient_penalty_of_a_linear_network_of_norm_1(compiled):
    """WGAN-GP: mean((||grad|| - 1)^2) is 0, and so is its gradient; at norm 3 it is 4, and its
    gradient 2 (3 - 1) w / 3."""
    w = variable([[1 / 3], [2 / 3], [-2 / 3]])

    def penalty():
        gradient = engine.input_grad(lambda x: ops.matmul(x, w), tensor(X))
        norm = ops.sqrt(ops.sum(ops.square(gradient), axis=1))
        return ops.mean(ops.square(norm - 1.0))

    value, (gradient,) = penalty_and_grad(penalty, [w], compiled)
    assert value == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    w.assign(numpy(w) * 3)
    value, (gradient,) = penalty_and_grad(penalty, [w], compiled)
    assert value == pytest.approx(4)
    np.testing.assert_allclose(gradient, 4 * numpy(w) / 3, rtol=1e-5)


def r1_by_hand(w, v):
    """R1 of D(x) = v . tanh(x w), float64: the gradient in x is w (v * (1 - tanh^2))."""
    slope = 1 - np.tanh(np.float64(X) @ w) ** 2
    return np.mean(np.sum(((slope * v[:, 0]) @ w.T) ** 2, axis=1))


def numeric_gradient(fn, x, step=1e-6):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[index] += step
        low[index] -= step
        gradient[index] = (fn(high) - fn(low)) / (2 * step)
    return gradient


@COMPILED
def test_gradient_of_r1_of_a_nonlinear_network(compiled):
    rng = np.random.default_rng(0)
    w0, v0 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
    w, v = variable(w0), variable(v0)

    def penalty():
        gradient = engine.input_grad(lambda x: ops.matmul(ops.tanh(ops.matmul(x, w)), v), tensor(X))
        return ops.mean(ops.sum(ops.square(gradient), axis=1))

    value, gradients = penalty_and_grad(penalty, [w, v], compiled)
    assert value == pytest.approx(r1_by_hand(w0, v0), rel=1e-5)
    expected_w = numeric_gradient(lambda w: r1_by_hand(w, v0), w0)
    expected_v = numeric_gradient(lambda v: r1_by_hand(w0, v), v0)
    np.testing.assert_allclose(gradients[0], expected_w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients[1], expected_v, rtol=1e-4, atol=1e-5)


@COMPILED
def test_penalty_beside_a_loss_through_a_convolution(compiled):
    """Logistic loss and R1 in one loss, as StyleGAN's first discriminator step has it."""
    layers = keras.layers
    d = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(2, 3, activation="tanh"), layers.Flatten(),
         layers.Dense(1)]
    )  # fmt: skip
    x = tensor(np.random.default_rng(0).normal(size=(2, 4, 4, 1)))
    variables = d.trainable_variables

    def loss_fn():
        gradient = engine.input_grad(d, x)
        r1 = ops.mean(ops.sum(ops.square(gradient), axis=(1, 2, 3)))
        return ops.mean(ops.softplus(-d(x))) + 5.0 * r1, r1

    fn = maybe_compile(lambda: engine.value_and_grad(loss_fn, variables), d.variables, compiled)
    (loss, _), gradients = fn()
    kernel, gradient = numpy(variables[0]), numpy(gradients[0])
    direction = np.sign(gradient)
    variables[0].assign(kernel + 1e-2 * direction)
    high = float(fn()[0][0])
    variables[0].assign(kernel - 1e-2 * direction)
    low = float(fn()[0][0])
    slope = (high - low) / 2e-2
    assert np.abs(gradient).sum() > 0.05
    assert slope == pytest.approx(np.abs(gradient).sum(), rel=1e-2)
    assert low < float(loss) < high


# --- apply and compile


@COMPILED
def test_apply_updates_only_its_variables(compiled):
    a, b = variable([1.0, 2.0]), variable([3.0])
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build([a])
    fn = maybe_compile(
        lambda g: engine.apply(optimizer, [g], [a]), [a, b, *optimizer.variables], compiled
    )
    fn(tensor([1.0, -2.0]))
    fn(tensor([1.0, -2.0]))
    np.testing.assert_allclose(numpy(a), [0.0, 4.0])
    np.testing.assert_array_equal(numpy(b), [3.0])
    assert int(optimizer.iterations.value) == 2


def test_apply_adam_by_hand():
    w = variable([1.0])
    adam = keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-8)
    adam.build([w])
    update = engine.compile(lambda g: engine.apply(adam, [g], [w]), [w, *adam.variables])
    value, m, s = 1.0, 0.0, 0.0
    for t, g in enumerate((2.0, -1.0, 0.5), 1):
        update(tensor([g]))
        m, s = 0.5 * m + 0.5 * g, 0.9 * s + 0.1 * g * g
        value -= 0.1 * (m / (1 - 0.5**t)) / (np.sqrt(s / (1 - 0.9**t)) + 1e-8)
    assert float(numpy(w)[0]) == pytest.approx(value, rel=1e-5)


def test_compile_writes_back():
    """Moving statistics, the state of random numbers and counters, inside a gradient."""
    norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)
    norm.build((None, 3))
    seed, other_seed = keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)
    count = keras.Variable(0, dtype="int32", trainable=False)
    rest = variable([4.0])
    variables = [*norm.variables, seed.state, count, rest]

    def fn(x):
        def loss_fn():
            y = norm(x, training=True)
            return ops.mean(y * y), keras.random.uniform((4,), seed=seed)

        count.assign_add(1)
        (_, noise), _ = engine.value_and_grad(loss_fn, norm.trainable_variables)
        return noise

    compiled = engine.compile(fn, variables)
    noises = [numpy(compiled(tensor(X))) for _ in range(3)]
    expected = [numpy(keras.random.uniform((4,), seed=other_seed)) for _ in range(3)]
    np.testing.assert_array_equal(noises, expected)
    assert len({tuple(noise) for noise in noises}) == 3
    assert int(count.value) == 3
    np.testing.assert_allclose(numpy(norm.moving_mean), X.mean(0) * (1 - 0.9**3), rtol=1e-4)
    variance = 0.9**3 + X.var(0) * (1 - 0.9**3)
    np.testing.assert_allclose(numpy(norm.moving_variance), variance, rtol=1e-4)
    np.testing.assert_array_equal(numpy(rest), [4.0])


def test_compile_sees_values_assigned_outside():
    """A checkpoint that is loaded between two calls."""
    w = variable(2.0)
    double = engine.compile(lambda: w.value * 2.0, [w])
    assert float(double()) == 4.0
    w.assign(5.0)
    assert float(double()) == 10.0


def test_shard_puts_a_batch_on_the_device():
    batch = engine.shard({"A": X, "B": X + 1})
    np.testing.assert_array_equal(numpy(batch["A"]), X)
    np.testing.assert_array_equal(numpy(batch["B"]), X + 1)
    assert ops.is_tensor(batch["A"])


def test_setup_of_more_devices_than_there_are():
    with pytest.raises(SettingError) as caught:
        engine.setup(4096, deterministic=False)
    error = caught.value
    assert (error.setting, error.received) == ("devices", 4096)
    assert str(error).startswith("devices=4096: expected ") and "--devices" not in str(error)
    if keras.backend.backend() == "tensorflow":
        assert error.expected.startswith("1, ") and "JAX" in error.remedy
    else:
        assert error.expected.startswith("a number from 1 to ")


def test_setup_of_two_devices_on_tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX may have two")
    with pytest.raises(SettingError, match="devices=2: expected 1, .* needs the JAX backend"):
        engine.setup(2)


def test_setup_of_one_device():
    assert engine.setup(1, deterministic=False) == 1
    name = {"tensorflow": "TensorFlow", "jax": "JAX"}[keras.backend.backend()]
    assert engine.describe_devices() == f"CPU ({name})"
