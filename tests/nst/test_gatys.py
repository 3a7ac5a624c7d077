"""A picture that is optimised: seamless tiles, masks, pyramids, and runs that go on."""

import keras
import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from experiments.training import checkpoint
from nst.features import feature_network, field
from nst.gatys.algorithm import MEAN_COLOUR, Gatys, first_picture
from nst.gatys.config import GatysConfig
from nst.gatys.objective import Level, Objective
from nst.weights import random_weights

pytestmark = pytest.mark.backends

WEIGHTS = random_weights(width=1 / 16)
# each shape of a window is compiled
LONG = pytest.mark.skipif(keras.backend.backend() == "jax", reason="long on JAX")
SHALLOW = {
    "normalise": False,
    "content_layers": ("relu2_1",),
    "content_weight": 1e-4,
    "style_layers": ("relu1_1", "conv2_1"),
    "style_layer_weights": (),
    "style_weight": 1e-6,
}


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def picture(height, width, seed=0, low=0.0, high=1.0):
    """Coarse waves and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 9
    waves = np.stack([np.sin((seed + 1) * x + i) * np.cos(y - i * seed) for i in range(3)], -1)
    found = 0.5 + 0.3 * waves + random.normal(0, 0.1, (height, width, 3))
    return (low + (high - low) * np.clip(found, 0, 1)).astype("float32")


def level(height=20, width=24, styles=1, weights=None, masks=None, content=None):
    content = picture(height, width) if content is None else content
    found = [picture(18 + i, 22, seed=i + 1) for i in range(styles)]
    return Level(height, width, content, found, weights or [1 / styles] * styles, masks)


def config(**settings):
    return GatysConfig(**(SHALLOW | settings))


def gatys(*levels, seed=0, **settings):
    return Gatys(config(**settings), WEIGHTS, levels or (level(),), seed=seed)


def objective(level, start=None, **settings):
    settings = config(**settings)
    taps = [tap for term in settings.terms().values() for tap in term]
    features = feature_network(
        WEIGHTS, taps, pooling=settings.pooling, ceil=settings.ceil, padding=settings.padding
    )
    start = picture(level.height, level.width, seed=9) if start is None else start
    seen = {tap: field("vgg19", tap) for tap in taps}
    return Objective(features, seen, settings, level, start)


def train(algorithm, images, at=(), save=None):
    """To this number of images, as the loop does it; the pictures after each."""
    found, done = [], int(numpy(algorithm.images.value))
    stage = algorithm.stage(done) if done else None
    if stage:
        algorithm.current_stage = stage  # resumed: not entered
    for step in range(done, images):
        if algorithm.stage(step) != stage:
            stage = algorithm.current_stage = algorithm.stage(step)
            algorithm.enter(stage)
        algorithm.step({}, step)
        found.append(algorithm.picture())
        if step + 1 in at:
            checkpoint.save(save / str(step + 1), algorithm, {"images": step + 1}, keep=1)
    return found


# --- tiles

HEIGHT, WIDTH = 131, 127  # of the last row of tiles, 3 pixels are left


def halves(height=HEIGHT, width=WIDTH, soft=True):
    """Two masks, left and right, that meet in a ramp."""
    ramp = np.clip((np.arange(width) + 0.5 - width / 2) / (40 if soft else 1e-9) + 0.5, 0, 1)
    right = np.tile(ramp.astype("float32"), (height, 1))
    return np.stack([1 - right, right])


CASES = {
    "shallow": {},
    "max-ceil-reflect": {"pooling": "max", "ceil": True, "padding": "reflect",
                         "style_layers": ("pool1", "relu3_1"), "content_layers": ("pool2",)},
    "deep": {"pooling": "max", "style_layers": ("relu1_1", "pool3"),
             "content_layers": ("relu4_1", "conv1_2")},
    "deep-ceil": {"style_layers": ("conv4_1",), "content_layers": ("pool3",), "ceil": True},
    "tv-components": {"tv_weight": 1e-3, "components": 2, "padding": "reflect"},
    "content-only": {"style_layers": (), "content_layers": ("conv3_1",)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "masked"),
    [
        ("shallow", True),
        ("content-only", False),
        pytest.param("max-ceil-reflect", True, marks=LONG),
        *(pytest.param(name, False, marks=LONG) for name in CASES if name != "content-only"),
    ],
)
def test_tiles_leave_no_seam(case, masked):
    """Loss, parts and gradient are those of the whole picture; a style is larger than that, too."""
    styles = [picture(127, 131, 1), picture(60, 71, 2)]
    given = Level(
        HEIGHT, WIDTH, picture(HEIGHT, WIDTH), styles, [0.3, 0.7], halves() if masked else None
    )
    tiled = objective(given, tile=64, **CASES[case])
    whole = objective(given, tile=512, **CASES[case])
    assert (whole.grid.whole, len(tiled.grid.tiles)) == (True, 6)
    total, logs, gradient = whole.evaluate()
    found, parts, pulled = tiled.evaluate()
    assert found == pytest.approx(total, rel=1e-4) and total > 0
    assert parts == pytest.approx(logs, rel=1e-4) and set(parts) == set(logs)
    assert total == pytest.approx(sum(logs.values()), rel=1e-5)
    assert pulled.shape == gradient.shape == (1, HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(pulled, gradient, rtol=0, atol=1e-4 * np.abs(gradient).max())
    for tap, grams in whole.targets.items():
        if tap.startswith("gram"):
            np.testing.assert_allclose(tiled.targets[tap], grams, rtol=1e-4, atol=1e-4)


def test_the_gradient_is_that_of_the_loss():
    """A central difference along a direction, tile by tile."""
    point, step = picture(150, 130, seed=9, low=0.2, high=0.8), 2e-3
    tiled = objective(level(150, 130), point, tile=64, tv_weight=1e-4)
    assert len(tiled.grid.tiles) > 1
    gradient = tiled.evaluate()[2]
    direction = np.sign(gradient)
    values = []
    for sign in (1, -1):
        tiled.image.assign(point[None] + sign * step * direction)
        values.append(tiled.evaluate()[0])
    expected = (np.float64(gradient) * direction).sum()
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(expected, rel=0.02)


# --- the optimisation


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("tile", [64, 512])
def test_the_loss_falls(optimizer, tile):
    algorithm = gatys(level(150, 120), optimizer=optimizer, tile=tile)
    assert algorithm.level.grid.whole == (tile == 512)
    first = algorithm.level.evaluate()
    assert set(first[1]) == {"loss/content", "loss/style"}
    logs = [algorithm.step({}, i) for i in range(4)]
    assert all(set(log) == {"loss/total", "loss/content", "loss/style"} for log in logs)
    last = algorithm.level.evaluate()
    assert last[0] < (0.5 if optimizer == "lbfgs" else 0.9) * first[0]
    before = first if optimizer == "adam" else last  # L-BFGS logs its new point, Adam its old one
    seen = logs[0] if optimizer == "adam" else logs[-1]
    assert float(numpy(seen["loss/total"])) == pytest.approx(before[0], rel=1e-4)
    assert int(numpy(algorithm.images.value)) == 4
    result = algorithm.picture()
    assert result.shape == (150, 120, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1
    assert ((result == 0) | (result == 1)).any()  # the bounds were reached


@pytest.mark.parametrize("tile", [64, 512])
def test_a_start_at_the_content_has_no_content_loss(tile):
    given = level(150, 120)
    algorithm = gatys(given, init="content", tile=tile)
    np.testing.assert_array_equal(algorithm.picture(), given.content)
    logs = algorithm.level.evaluate()[1]
    assert logs["loss/content"] == pytest.approx(0, abs=1e-9 * logs["loss/style"])
    assert logs["loss/style"] > 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_picture_in_its_own_style_stays(optimizer):
    x = picture(20, 24, low=0.1, high=0.9)
    given, other = Level(20, 24, x, [x], [1.0]), Level(20, 24, x, [picture(20, 24, 3)], [1.0])
    settings = {"init": "content", "optimizer": optimizer, "learning_rate": 0.01}
    algorithm, moving = gatys(given, **settings), gatys(other, **settings)
    assert algorithm.level.evaluate()[0] < 1e-9 * moving.level.evaluate()[0]
    train(algorithm, 3)
    train(moving, 3)
    if optimizer == "lbfgs":  # Adam's steps are as long whatever the gradient
        assert np.abs(moving.picture() - x).max() > 5e-3
        assert np.abs(algorithm.picture() - x).max() < 1e-6
    assert np.abs(algorithm.picture() - x).max() < 4 * 0.01 / 255


def test_lbfgs_at_a_minimum_goes_on_and_counts():
    algorithm = gatys(content_layers=(), style_weight=1e-6, restart=2)
    algorithm.level.evaluate = lambda: (1.0, {}, np.ones((1, 20, 24, 3), "f"))
    before = algorithm.picture()
    assert algorithm.step({}, 0) == algorithm.step({}, 1) == {"loss/total": 1.0}
    np.testing.assert_array_equal(algorithm.picture(), before)
    assert int(numpy(algorithm.images.value)) == 2


def test_lbfgs_never_climbs():
    algorithm = gatys(level(12, 12), restart=3)
    values = []
    for step in range(40):
        algorithm.step({}, step)
        values.append(algorithm.level.evaluate()[0])
    assert np.all(np.diff(values) <= 1e-6 * np.array(values[:-1]))
    assert values[-1] < 0.5 * values[0]


# --- styles


def test_a_style_that_weighs_nothing_is_not_there():
    one = objective(level(styles=1))
    both = objective(level(styles=2, weights=[1.0, 0.0]))
    equal = objective(level(styles=2))
    assert both.evaluate()[0] == pytest.approx(one.evaluate()[0], rel=1e-6)
    np.testing.assert_allclose(both.evaluate()[2], one.evaluate()[2], rtol=1e-4, atol=1e-5)
    assert equal.evaluate()[0] != pytest.approx(one.evaluate()[0], rel=1e-3)


def test_a_masked_style_ends_at_its_mask():
    """The right half's gradient knows nothing of the style on the left."""
    settings = {"style_layers": ("relu1_1", "conv1_2"), "content_layers": ()}
    masks, styles = halves(20, 24, soft=False), [picture(18, 22, i) for i in (1, 2, 3)]
    found = []
    for left in (0, 2):
        pair = [styles[left], styles[1]]
        given = Level(20, 24, None, pair, [0.5, 0.5], masks)
        found.append(objective(given, **settings).evaluate()[2][0])
    one, two = found
    assert np.abs(one[:, :12] - two[:, :12]).max() > 1e-2 * np.abs(one).max()
    np.testing.assert_array_equal(one[:, 15:], two[:, 15:])  # 2 pixels of conv1_2, and 1 spare
    assert np.abs(one[:, 15:]).max() > 0


def test_masks_of_a_style_each_are_grams_of_parts():
    settings = {"style_layers": ("conv1_1",), "content_layers": (), "style_weight": 1.0}
    x, styles = picture(20, 24, seed=9), [picture(18, 22, i) for i in (1, 2)]
    masks = halves(20, 24, soft=False)
    given = Level(20, 24, None, styles, [0.25, 0.75], masks)
    masked = objective(given, x, **settings)
    maps = numpy(masked.features(x[None])["conv1_1"])[0]
    expected = 0.0
    for share, part, style in zip((0.5, 1.5), (maps[:, :12], maps[:, 12:]), styles, strict=True):
        target = numpy(masked.features(style[None])["conv1_1"])[0].reshape(-1, 4)
        part = np.float64(part).reshape(-1, 4)
        gap = part.T @ part / len(part) - target.T @ target / len(target)
        expected += share * (gap**2).sum() / (4 * 4**2)
    assert masked.evaluate()[0] == pytest.approx(expected, rel=1e-3)


def test_principal_components():
    settings = {"style_layers": ("relu1_1",), "content_layers": ()}
    found = [objective(level(), components=k, **settings).evaluate()[0] for k in (1, 2, 3, 4, 9)]
    assert found[3] == found[4] == objective(level(), **settings).evaluate()[0]
    sums = [k**2 * x for k, x in enumerate(found[:4], 1)]  # the scaling is by components
    assert 0 < sums[0] < sums[1] < sums[2] < sums[3]
    few = objective(level(), components=2, **settings)
    basis, target = few.targets["basis/relu1_1"], few.targets["gram/relu1_1"][0]
    largest = np.sort(np.linalg.eigvalsh(target))[::-1][:2]
    np.testing.assert_allclose(basis.T @ target @ basis, np.diag(largest), atol=1e-3 * largest[0])


# --- starts


def test_starts():
    given = level(60, 70)
    noise = first_picture(config(noise_scale=5.0), given, 0)
    assert noise.shape == (60, 70, 3) and noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean((0, 1)), MEAN_COLOUR, atol=2e-3)
    assert noise.std((0, 1)) == pytest.approx(np.full(3, 5 / 255), rel=0.05)
    np.testing.assert_array_equal(noise, first_picture(config(noise_scale=5.0), given, 0))
    assert not np.array_equal(noise, first_picture(config(noise_scale=5.0), given, 1))
    uniform = first_picture(config(noise="uniform", noise_scale=20.0), given, 0)
    assert 0.95 < np.abs(uniform - MEAN_COLOUR).max() * 255 / 20 <= 1.0001
    wild = first_picture(config(noise_scale=1000.0), given, 0)
    assert (wild.min(), wild.max()) == (0, 1)


def test_starts_from_pictures():
    given = level(60, 70)
    style = first_picture(config(init="style"), given, 0)
    assert style.shape == (60, 70, 3)
    np.testing.assert_allclose(style.mean((0, 1)), given.styles[0].mean((0, 1)), atol=0.03)
    mixed = first_picture(config(init="content", noise_ratio=0.25), given, 0)
    expected = 0.25 * first_picture(config(), given, 0) + 0.75 * given.content
    inside = (mixed > 0) & (mixed < 1) & (np.abs(first_picture(config(), given, 0) - 0.5) < 0.5)
    np.testing.assert_allclose(mixed[inside], expected[inside], atol=1e-5)
    assert inside.mean() > 0.8


def test_the_seed_decides():
    one, again, other = (train(gatys(seed=seed), 2)[-1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


# --- coarse to fine


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_finer_level_starts_from_the_coarser_one(optimizer):
    levels = level(10, 12), level(15, 18), level(20, 24)
    algorithm = gatys(*levels, optimizer=optimizer, pyramid=(12, 18), pyramid_images=(3, 1))
    assert [(s.start, s.end, s.size) for s in algorithm.stages] == [
        (0, 3, 12), (3, 4, 18), (4, None, 24)
    ]  # fmt: skip
    sizes = [algorithm.stage(n).size for n in (0, 2, 3, 4, 5, 99)]
    assert sizes == [12, 12, 18, 24, 24, 24]
    shapes = [x.shape[:2] for x in train(algorithm, 6)]
    assert shapes == [(10, 12)] * 3 + [(15, 18)] + [(20, 24)] * 2
    coarse = numpy(algorithm.levels[1].image.value)
    algorithm.enter(algorithm.stages[2])
    enlarged = numpy(ops.image.resize(coarse, (20, 24), "bicubic", antialias=False))
    np.testing.assert_allclose(algorithm.picture(), np.clip(enlarged, 0, 1)[0], atol=1e-6)
    assert algorithm.picture().std() > 0.05
    if optimizer == "lbfgs":
        segment = algorithm.segments[2]
        np.testing.assert_array_equal(numpy(segment.start.value)[0], algorithm.picture())
        assert segment.count() == 0


def test_each_level_of_adam_has_its_log():
    levels = level(10, 12), level(20, 24)
    algorithm = gatys(*levels, optimizer="adam", pyramid=(12,), pyramid_images=(1,))
    assert "loss/total_12" in algorithm.step({}, 0)
    algorithm.current_stage = algorithm.stages[1]
    algorithm.enter(algorithm.stages[1])
    assert "loss/total" in algorithm.step({}, 1)


# --- runs that go on


@pytest.mark.parametrize(
    ("optimizer", "tile"),
    [("lbfgs", 512), ("adam", 512), pytest.param("adam", 64, marks=LONG)],
)
def test_a_run_that_goes_on_makes_the_same_pictures(optimizer, tile, tmp_path):
    """Stopped in the middle of a segment (2, 4), at the end of one (5), and between levels (2)."""
    levels = [level(75, 60), level(150, 120)] if tile == 64 else [level(10, 12), level(20, 24)]
    side, stops = (75, (4,)) if tile == 64 else (12, (2, 4, 5))
    settings = {"optimizer": optimizer, "tile": tile, "restart": 3}
    settings |= {"pyramid": (side,), "pyramid_images": (2,)}
    expected = train(gatys(*levels, **settings), 7, at=stops, save=tmp_path)
    assert np.abs(expected[-1] - expected[-2]).max() > 1e-4
    for images in stops:
        again = gatys(*levels, seed=5, **settings)  # another start, which is to be forgotten
        assert checkpoint.restore(tmp_path / str(images), again)["images"] == images
        if images == 2:
            again.enter(again.stage(2))
        found = train(again, 7)
        assert len(found) == 7 - images
        for own, wanted in zip(found, expected[images:], strict=True):
            np.testing.assert_array_equal(own, wanted)


def test_the_start_of_a_segment_stays_while_the_picture_changes():
    """A resumed run makes the iterations since then again."""
    algorithm = gatys()
    start = algorithm.picture()
    train(algorithm, 1)
    (segment,) = algorithm.segments
    assert np.abs(algorithm.picture() - start).max() > 0.01
    np.testing.assert_array_equal(numpy(segment.start.value)[0], start)
    assert segment.count() == 1


def test_a_checkpoint_holds_the_picture_and_not_the_features(tmp_path):
    algorithm = gatys()
    assert set(algorithm.groups()) == {"picture", "lbfgs", "counter"}
    assert set(gatys(optimizer="adam").groups()) == {"picture", "optimizer_total", "counter"}
    checkpoint.save(tmp_path, algorithm, {"images": 0}, keep=1)
    with pytest.raises(InputError, match="another architecture"):
        checkpoint.restore(tmp_path, gatys(level(20, 26)))


# --- what is refused

REFUSED = [
    ({"pooling": "mean"}, "pooling='mean': expected one of max, average"),
    ({"padding": "same"}, "padding='same': expected one of zeros, reflect"),
    ({"content_scaling": "x"}, "content_scaling='x': expected one of paper, mean, course"),
    ({"style_scaling": "x"}, "style_scaling='x': expected one of paper, gatys, johnson"),
    ({"init": "photo"}, "init='photo': expected one of noise, content, style"),
    ({"noise": "pink"}, "noise='pink': expected one of normal, uniform"),
    ({"optimizer": "sgd"}, "optimizer='sgd': expected one of lbfgs, adam"),
    ({"network": "vgg11"}, "network='vgg11': expected one of nothing, vgg16, vgg19"),
    ({"style_layers": ("conv1_1", "conv1_1")}, "style_layers=conv1_1,conv1_1: .* twice"),
    ({"content_layer_weights": (1.0, 2.0)}, "content_layer_weights has 2 numbers for 1 layers"),
    ({"style_layer_weights": (1.0, -1.0)}, "style_layer_weights=.* from 0 up"),
    ({"style_layer_weights": (0.0, 0.0)}, "style_layer_weights=.* not sum to zero"),
    ({"style_layer_weights": (float("nan"), 1.0)}, "style_layer_weights=.* from 0 up"),
    ({"content_weight": -1.0}, "content_weight=-1.0: expected a number from 0 up"),
    ({"style_weight": float("inf")}, "style_weight=inf: expected a number from 0 up"),
    ({"style_weight": float("nan")}, "style_weight=nan"),
    ({"tv_weight": -1.0}, "tv_weight=-1.0"),
    ({"noise_scale": -1.0}, "noise_scale=-1.0"),
    ({"noise_ratio": 1.5}, "noise_ratio=1.5: expected a number from 0 up to 1$"),
    ({"memory": 0}, "memory=0: expected a number from 1 up"),
    ({"restart": 0}, "restart=0"),
    ({"learning_rate": 0.0}, "learning_rate=0.0"),
    ({"components": -1}, "components=-1"),
    ({"tile": 100}, "tile=100: expected a multiple of 32 from 64 up"),
    ({"tile": 32}, "tile=32"),
    ({"pyramid": (64,)}, "pyramid has 1 levels, pyramid_images 0"),
    ({"pyramid": (64,), "pyramid_images": (0,)}, "expected numbers from 1 up"),
    ({"pyramid": (0,), "pyramid_images": (5,)}, "expected numbers from 1 up"),
    ({"content_weight": 0.0, "style_layers": ()}, "nothing is left to optimise"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_refused_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        config(**settings)


def test_terms_leave_out_what_weighs_nothing():
    found = config(style_layer_weights=(0.0, 0.5), style_weight=4.0, content_weight=0.0).terms()
    assert found == {"style": {"conv2_1": 2.0}}
    assert GatysConfig().terms()["content"] == {"conv4_2": 1.0}


def test_layers_the_network_does_not_have():
    with pytest.raises(ValueError, match="nearest is 'conv2_2'"):
        gatys(style_layers=("conv2_3",))
