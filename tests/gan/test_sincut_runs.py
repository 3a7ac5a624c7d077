"""Training, resuming and translating with SinCUT, through the api."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import InputError
from core.phases import Algorithm
from experiments import api, configs
from experiments.data import pictures
from experiments.dry_run import describe
from experiments.modes import EVALUATE
from experiments.training import checkpoint

TINY = {"algorithm.ngf": 1, "algorithm.n_blocks": 2, "algorithm.ndf": 1, "algorithm.nce_width": 4,
        "algorithm.nce_layers": "0,2,3", "data.size": 8, "data.load_size": 32, "batch_size": 2,
        "images": 8, "log_every": 2, "eval_every": 8, "sample_every": 8,
        "checkpoint_every": 4}  # fmt: skip


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """One picture of each kind, of different sizes."""
    for role, size in (("A", (20, 30)), ("B", (36, 18))):
        pictures.write_png(tmp_path / "mine" / f"train{role}" / "x.png", noise(*size))
    return tmp_path / "mine"


def config_of(folder, preset="sincut_quick", **changes):
    changes = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    return api.make_config("cut", preset, {"data.dataset": f"folder:{folder}"} | changes)


def train(run_dir, folder, said=None, **changes):
    say = (said if said is not None else []).append
    return api.train_config(config_of(folder, **changes), run_dir, say=say)


def arrays(run_dir):
    with np.load(checkpoint.newest_first(run_dir)[0]) as archive:
        return {name: archive[name] for name in archive.files}


def test_trains_draws_and_translates_at_any_size(tmp_path, folder):
    train(tmp_path / "run", folder, images=4, sample_every=4)
    run = api.load(tmp_path / "run", say=[].append)
    assert run.evaluate(say=[].append) == {}  # no truth, no scores
    with pytest.raises(InputError, match="scored on test pairs, which this data has not"):
        EVALUATE.work(run, SimpleNamespace(metrics=[], metric_networks=None), print)
    sheet = run.sheets(say=[].append)["translation"]
    scale = 128 // 30
    assert sheet.shape[1] >= 3 * 30 * scale and sheet.shape[0] >= 20 * scale
    for size in ((1, 1), (20, 30), (21, 38)):
        picture = run.translate(noise(*size))
        assert picture.shape == (*size, 3) and picture.dtype == np.uint8
        np.testing.assert_array_equal(run.translate(noise(*size)), picture)  # without noise
    with pytest.raises(InputError, match="has learned AtoB alone"):
        run.translate(noise(16, 16), direction="BtoA")
    with pytest.raises(InputError, match="fd_hed5k"):
        run.measure(["fd_hed5k"], say=[].append)


@pytest.mark.backends
@pytest.mark.thorough
def test_going_on_after_an_interruption(tmp_path, folder, monkeypatch):
    """At 4 crops a checkpoint, stopped in the fourth step: zooms, places and noise go on, too."""
    train(tmp_path / "whole", folder)
    step = Algorithm.step

    def stop(algorithm, batch, number):
        if number == 3:
            raise KeyboardInterrupt
        return step(algorithm, batch, number)

    monkeypatch.setattr(Algorithm, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", folder)
    monkeypatch.undo()
    said = []
    train(tmp_path / "run", folder, said)
    assert any("going on after 4 of 8 images" in line for line in said)
    one, two = arrays(tmp_path / "run"), arrays(tmp_path / "whole")
    assert set(one) == set(two) and any("seed" in name for name in one)
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []


@pytest.mark.thorough
def test_embedded_pictures_and_true_counterparts(tmp_path):
    """Of an embedded set one scene of each season is learned from; its test scenes have a truth."""
    said = []
    run = train(tmp_path / "run", "", said, data__dataset="seasons", algorithm__direction="BtoA")
    assert run.config.data.limit == 1
    scores = run.evaluate(say=[].append)
    assert {"l1/BtoA", "psnr/BtoA", "ssim/identity"} <= set(scores)
    assert run.sheets(say=[].append)["translation"].ndim == 3


def test_published_preset():
    preset = configs.find("cut").presets["sincut"]
    config, data = preset.algorithm, preset.data
    assert (config.ngf, config.n_blocks, config.n_downsampling, config.ndf) == (10, 6, 1, 8)
    assert (config.lambda_gan, config.lambda_nce, config.lambda_identity) == (1, 4, 1)
    assert (config.lambda_r1, config.gan_mode, config.nce_T) == (1, "vanilla", 0.07)
    assert (config.nce_layers, config.nce_width, config.num_patches) == ((0, 2, 4), 256, 1)
    assert (config.learning_rate, config.beta_1, config.beta_2) == (2e-3, 0, 0.99)
    assert config.nce_idt and not config.flip_equivariance and not config.ema_half_life
    assert (data.size, data.zoom, data.flip) == (64, 3, True)
    assert (preset.batch_size, preset.images) == (16, 1_600_000)


def residual(taken, given, resized=True):
    """Parameters of a residual block: two 3x3 convolutions with biases, one 1x1 without."""
    convs = 9 * taken * taken + taken + 9 * taken * given + given
    return convs + (taken * given if resized else 0)


def test_parameters_of_the_published_networks(tmp_path):
    """Counted by hand; the MLPs are for the picture and two layers of 160 features."""
    config = api.make_config("cut", "sincut")
    algorithm = api.build(config, 1, config.images, tmp_path).algorithm
    found = {name: network.count_params() for name, network in algorithm.networks.items()}
    generator = 3 * 80 + 80 + residual(80, 160) + 6 * residual(160, 160, resized=False)
    generator += 9 * 160 * 80 + 80 + 1 + 80 * 3 + 3  # up, with the strength of the noise, and last
    widths = [32, 64, 128, 256, 384]  # at 64, 32, 16, 8 and 4 pixels
    discriminator = 3 * 32 + 32 + sum(map(residual, widths, widths[1:]))
    discriminator += 9 * 384 * 384 + 384  # at 4 pixels, without a deviation of the minibatch
    discriminator += 16 * 384 * 384 + 384 + 384 + 1
    mlps = (3 + 160 + 160) * 256 + 3 * (256 + 256 * 256 + 256)
    assert found == {"G": generator, "D": discriminator, "F": mlps}
    assert (generator, discriminator, mlps) == (3_068_404, 5_885_473, 280_832)
    assert (algorithm.size_multiple, algorithm.width) == (2, 80)


@pytest.mark.parametrize(
    ("images", "rates"),
    [(1_600_000, {0: 2e-3, 799_999: 2e-3, 800_000: 2e-3 * 8 / 9, 1_599_999: 2e-3 / 9}),
     (100_000, {0: 2e-3, 49_999: 2e-3, 75_000: 2e-3 / 2}),
     (100, {0: 2e-3, 49: 2e-3, 75: 2e-3 / 2})],
    ids=["published", "one epoch", "short"],
)  # fmt: skip
def test_learning_rate(images, rates, tmp_path, folder):
    """It is constant for half of the training and then falls every 100,000 crops; in trainings that
    are no multiple of these, with every step."""
    config = config_of(folder, images=images)
    algorithm = api.build(config, 1, images, tmp_path).algorithm
    for seen, rate in rates.items():
        found = float(algorithm.phases[0].learning_rate(np.float32(seen)))
        assert found == pytest.approx(rate, rel=0.05 if images == 100 else 1e-4)


def test_dry_run(folder, tmp_path):
    text = describe(config_of(folder, "sincut", images=160_000), tmp_path / "run")
    assert "160,000 images of each domain = 80,000 steps\n" in text
    assert "data.zoom" in text and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data.size": 32, "data.load_size": 32},
            r"\(A\): the picture has a width of 30 and a hei",
        ),
        ({"epochs": 16, "images": 0}, "epochs=16: of one picture .* Give the number of crops"),
        ({"data.dataset": "seasons_paired"}, "has pairs, whose crops would be of the same places"),
        ({"data.dataset": "seasons", "data.limit": 0}, r"has \d+ training pictures \(A\); with"),
    ],
)
def test_data_that_cannot_be(changes, message, folder):
    with pytest.raises(InputError, match=message):
        api.open_data(config_of(folder, **changes), [].append)


def test_several_pictures_are_refused_before_training(tmp_path, folder):
    pictures.write_png(folder / "trainB" / "y.png", noise(30, 30))
    with pytest.raises(InputError, match=r"has 2 training pictures \(B\).*--set data.limit=1"):
        train(tmp_path / "run", folder)
    assert not checkpoint.newest_first(tmp_path / "run")
    assert api.open_data(config_of(folder, data__limit=1), [].append).train["B"].size == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.size": 9}, "data.size=9: the generator halves a picture 1 times"),
        ({"data.size": (16, 18)}, "data.size=16x18: resolution=16x18 .*: expected sides from 4 up"),
        ({"algorithm.nce_layers": "0,4"}, "the last residual block is layer 3"),
        ({"algorithm.discriminator": "patch"}, "expected 'stylegan2' for both or for none"),
        ({"data.zoom": 0.5}, "zoom=0.5: expected 1 or more"),
        ({"data.zoom": 65}, "zoom=65.0: expected 64 or less"),
    ],
)
def test_settings_that_cannot_be(changes, message, folder, tmp_path):
    with pytest.raises(InputError, match=message):
        api.build(config_of(folder, **changes), 1, 8, tmp_path)
