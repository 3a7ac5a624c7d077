"""Adversarial losses by hand, and the image pool."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from gan.losses import MODES, discriminator_loss, generator_loss
from gan.pool import ImagePool

pytestmark = pytest.mark.backends

REAL, FAKE = np.float32([2.0, 0.0]), np.float32([-1.0, 3.0])


def softplus(x):
    return np.mean(np.log1p(np.exp(np.float64(x))))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("lsgan", (4 + 4) / 2),  # (-1 - 1)^2, (3 - 1)^2
        ("vanilla", softplus(-FAKE)),
        ("hinge", -1.0),  # -(-1 + 3) / 2
        ("minimax", -softplus(FAKE)),
        ("wgan", -1.0),
    ],
)
def test_generator_loss(mode, expected):
    assert float(generator_loss(mode, ops.convert_to_tensor(FAKE))) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("lsgan", (1 + 1) / 2 + (1 + 9) / 2),
        ("vanilla", softplus(-REAL) + softplus(FAKE)),
        ("hinge", (0 + 1) / 2 + (0 + 4) / 2),
        ("minimax", softplus(-REAL) + softplus(FAKE)),
        ("wgan", (-1 + 3) / 2 - (2 + 0) / 2),
    ],
)
def test_discriminator_loss(mode, expected):
    loss = discriminator_loss(mode, ops.convert_to_tensor(REAL), ops.convert_to_tensor(FAKE))
    assert float(loss) == pytest.approx(expected)


def test_logarithms_are_finite_for_large_logits():
    far = ops.convert_to_tensor(np.float32([-200.0]))
    assert float(generator_loss("vanilla", far)) == pytest.approx(200.0)
    assert float(generator_loss("minimax", -far)) == pytest.approx(-200.0)


def test_minimax_is_the_logarithm_that_the_paper_minimises():
    """log(1 - sigmoid(D)); its gradient fades where D calls the fakes fake, vanilla's does not."""
    logits = ops.convert_to_tensor(FAKE)
    expected = np.mean(np.log(1 - 1 / (1 + np.exp(-np.float64(FAKE)))))
    assert float(generator_loss("minimax", logits)) == pytest.approx(expected)
    sure = ops.convert_to_tensor(np.float32([-10.0]))
    saturated, other = (
        float(np.ravel(engine.input_grad(lambda x, m=mode: generator_loss(m, x), sure))[0])
        for mode in ("minimax", "vanilla")
    )
    assert -1e-4 < saturated < 0
    assert other == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_losses_are_scalars_over_patches(mode):
    patches = ops.ones((2, 3, 3, 1))
    assert generator_loss(mode, patches).shape == ()
    assert discriminator_loss(mode, patches, patches).shape == ()


def test_unknown_mode():
    with pytest.raises(ValueError, match="gan_mode='dcgan': expected one of lsgan, vanilla, hinge"):
        generator_loss("dcgan", REAL)
    with pytest.raises(ValueError, match="gan_mode='dcgan'"):
        discriminator_loss("dcgan", REAL, FAKE)


# --- pool; an image is one pixel that holds its number


def compiled(pool):
    return engine.compile(pool.query, pool.variables)


def images(*numbers):
    return ops.reshape(ops.convert_to_tensor(np.float32(numbers)), (-1, 1, 1, 1))


def numbers(tensor):
    return [int(x) for x in np.ravel(ops.convert_to_numpy(tensor))]


def run(capacity, seed, batches):
    """What `query` returns for each batch, and the images in the pool at the end."""
    pool = ImagePool(capacity, (1, 1, 1), seed)
    query = compiled(pool)
    returned = [numbers(query(images(*batch))) for batch in batches]
    return returned, numbers(pool.buffer.value)


def batches(count, size=1, start=1):
    return np.arange(start, start + count * size).reshape(count, size)


def test_pool_fills_first():
    returned, kept = run(4, 0, [[1, 2], [3, 4]])
    assert returned == [[1, 2], [3, 4]]
    assert kept == [1, 2, 3, 4]


def test_pool_fills_first_within_a_batch():
    pool = ImagePool(3, (1, 1, 1), 0)
    first = numbers(compiled(pool)(images(1, 2, 3, 4)))
    assert first[:3] == [1, 2, 3]
    assert int(pool.count.value) == 3


def test_pool_keeps_every_image_once():
    """What came in has come out or is kept; an image that is kept after the pool was full has not
    come out, one of the filling has come out already."""
    returned, kept = run(5, 3, batches(60))
    out = [number for batch in returned for number in batch]
    assert out[:5] == [1, 2, 3, 4, 5]
    assert sorted(out[5:] + kept) == list(range(1, 61))


def test_pool_returns_new_and_old_half_the_time():
    given = batches(300, 8)
    returned, _ = run(16, 1, given)
    new = np.array(returned[2:]) == given[2:]
    assert 0.465 < new.mean() < 0.535  # 2384 coins: 3.4 standard deviations


def test_pool_chooses_every_slot():
    pool = ImagePool(4, (1, 1, 1), 2)
    query = compiled(pool)
    query(images(0, 1, 2, 3))
    pushed_out = {n for _ in range(40) for n in numbers(query(images(9)))}
    assert pushed_out == {0, 1, 2, 3, 9}


def test_a_later_image_may_push_out_an_earlier_one_of_its_batch():
    """Capacity 1: the second image returns the first where both coins say swap."""
    returned, _ = run(1, 5, [[0], *batches(200, 2, start=1)])
    earlier = [second == first_in for (_, second), (first_in, _) in
               zip(returned[1:], batches(200, 2, start=1), strict=True)]  # fmt: skip
    assert 0.15 < np.mean(earlier) < 0.35  # 1/4; 3.2 standard deviations


def test_pool_of_0_is_the_identity():
    returned, _ = run(0, 0, batches(5, 2))
    assert returned == batches(5, 2).tolist()


def test_pool_follows_its_seed():
    assert run(3, 7, batches(20)) == run(3, 7, batches(20))
    assert run(3, 7, batches(20)) != run(3, 8, batches(20))


def test_pool_continues_from_its_variables():
    """Saving `variables` is enough for a checkpoint."""
    pool, other = ImagePool(3, (1, 1, 1), 0), ImagePool(3, (1, 1, 1), 99)
    query, resumed = compiled(pool), compiled(other)
    for batch in batches(10):
        query(images(*batch))
    for target, source in zip(other.variables, pool.variables, strict=True):
        target.assign(np.array(ops.convert_to_numpy(source.value)))
    later = batches(10, start=50)
    assert [numbers(query(images(*b))) for b in later] == [
        numbers(resumed(images(*b))) for b in later
    ]


@pytest.mark.parametrize("capacity", [0, 2])
def test_no_gradient_passes_the_pool(capacity):
    pool = ImagePool(capacity, (1, 1, 1), 0)
    x = keras.Variable(np.float32([[[[2.0]]]]))

    def loss_fn():
        pooled = pool.query(x.value * 3.0)
        return ops.sum(pooled * x.value), pooled

    (_, pooled), (gradient,) = engine.value_and_grad(loss_fn, [x])
    assert numbers(pooled) == [6]
    assert float(np.ravel(gradient)[0]) == 6.0  # through the second factor alone, else 12
