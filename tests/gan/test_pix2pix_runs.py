"""Training, resuming, evaluating and translating with pix2pix, through the api."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.phases import Algorithm
from experiments import api
from experiments.training import checkpoint
from gan.importers import import_network

GOLDEN = Path(__file__).parents[1] / "golden"
# dropout needs 6 halvings
TINY = {"algorithm.num_downs": 6, "data.size": 64, "data.load_size": 66, "images": 12,
        "log_every": 2, "eval_every": 12, "sample_every": 12}  # fmt: skip
SCORES = {"l1/AtoB", "l1/identity", "psnr/AtoB", "psnr/identity", "ssim/AtoB", "ssim/identity"}


def train(run_dir, said=None, **changes):
    changes = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    config = api.make_config("pix2pix", "smoke", changes)
    return api.train_config(config, run_dir, say=(said if said is not None else []).append)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """`(run directory, run)` that nothing interrupted."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    return path, train(path)


def arrays(run_dir):
    with np.load(checkpoint.newest_first(run_dir)[0]) as archive:
        return {name: archive[name] for name in archive.files}


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_smoke(tmp_path):
    """Trains, is loaded, scores, draws and translates at any size."""
    said = []
    api.train("pix2pix", preset="smoke", run_dir=tmp_path / "run", images=4, say=said.append)
    assert any("l1/AtoB" in line for line in said)
    loaded = api.load(tmp_path / "run", say=said.append)
    assert set(loaded.evaluate()) == SCORES
    columns, scale, gap = 6, 128 // 32, 2
    assert loaded.sheets()["translation"].shape[1] == columns * (32 * scale + gap) + gap
    for size in ((1, 1), (32, 32), (45, 70)):
        picture = loaded.translate(noise(*size))
        assert picture.shape == (*size, 3) and picture.dtype == np.uint8


@pytest.mark.backends
@pytest.mark.thorough
def test_going_on_after_an_interruption(finished, tmp_path, monkeypatch):
    """At 4 images a checkpoint, stopped in the third step: dropout and statistics go on, too."""
    step = Algorithm.step

    def stop(algorithm, batch, number):
        if number == 2:
            raise KeyboardInterrupt
        return step(algorithm, batch, number)

    monkeypatch.setattr(Algorithm, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run")
    assert [int(path.stem) for path in checkpoint.newest_first(tmp_path / "run")] == [4]
    monkeypatch.undo()
    said = []
    train(tmp_path / "run", said)
    assert any("going on after 4 of 12 images" in line for line in said)
    one, two = arrays(tmp_path / "run"), arrays(finished[0])
    assert set(one) == set(two) and any("seed" in name for name in one)
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []


def test_a_picture_translates_the_same_every_time(finished):
    """Also when it was not alone, and in another process of the same weights."""
    path, run = finished
    picture = noise(64, 64)
    first = run.translate(picture)
    run.translate(noise(64, 128))
    assert np.array_equal(run.translate(picture), first)
    assert np.array_equal(api.load(path, say=lambda line: None).translate(picture), first)


def test_evaluation_is_of_the_test_mode(finished):
    path, run = finished
    scores = run.evaluate()
    assert scores == run.evaluate()
    other = api.load(path, {"algorithm.test_mode": "eval"}, say=lambda line: None)
    found = other.evaluate()
    assert found["l1/identity"] == scores["l1/identity"]
    assert found["l1/AtoB"] != scores["l1/AtoB"]
    assert not np.array_equal(other.translate(noise(64, 64)), run.translate(noise(64, 64)))


def test_scores_by_hand(finished, tmp_path):
    """Pairs of constant pictures and a translator that is 10 levels off."""
    root = tmp_path / "pairs"
    for split, count in (("train", 3), ("test", 2)):
        (root / split).mkdir(parents=True)
        for i in range(count):
            pair = np.concatenate([np.full((64, 64, 3), 100), np.full((64, 64, 3), 150)], 1)
            Image.fromarray(pair.astype(np.uint8)).save(root / split / f"{i}.png")
    run = api.build(
        api.make_config("pix2pix", "smoke", TINY | {"data.dataset": f"folder:{root}"}), 3, 12, root
    )
    run.algorithm.translator = lambda direction: lambda x, training: x * 0 + 160 / 127.5 - 1
    scores = run.evaluate()
    assert scores["l1/AtoB"] == 10 and scores["l1/identity"] == 50
    assert scores["psnr/AtoB"] == pytest.approx(20 * np.log10(255 / 10), rel=1e-4)
    assert scores["ssim/identity"] < scores["ssim/AtoB"] < 1
    assert train(tmp_path / "run", data__dataset=f"folder:{root}", images=2)


# --- what is refused


@pytest.mark.parametrize(
    ("paired", "message"),
    [
        (True, "needs pairs of A and B.*or 'seasons_paired'"),
        (False, "are not pairs.*seasons_paired.*data.paired=true"),
    ],
)
def test_unpaired_data(paired, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(tmp_path / "run", data__dataset="seasons", data__paired=paired)
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.size": 48}, "data.size=48: a U-Net of 5 halvings takes multiples of 32 pixels"),
        ({"data.size": 32, "algorithm.n_layers": 4}, "a patch discriminator of 4 layers needs 48"),
        ({"algorithm.num_downs": 4}, "num_downs=4: expected 5 to 8"),
    ],
)
def test_sizes(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        config = api.make_config("pix2pix", "smoke", {"data.load_size": 64} | changes)
        api.build(config, 10, 10, tmp_path)


def test_the_other_direction(finished, tmp_path):
    with pytest.raises(InputError, match="--direction=BtoA: .* has learned AtoB alone.*Give --dir"):
        finished[1].translate(noise(64, 64), direction="BtoA")
    back = train(tmp_path / "back", algorithm__direction="BtoA", images=2)
    assert set(back.evaluate()) == {name.replace("AtoB", "BtoA") for name in SCORES}
    assert back.translate(noise(64, 64), "BtoA").shape == (64, 64, 3)
    with pytest.raises(InputError, match="has learned BtoA alone"):
        back.translate(noise(64, 64), "AtoB")


# --- published weights


def imported(run_dir, kind, file):
    """The run of a file that was trained from B to A."""
    arguments = [f"--kind={kind}", f"--from={GOLDEN / file}", "--direction=BtoA"]
    command = [sys.executable, "-m", "scripts.import_weights", f"--run_dir={run_dir}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return api.load(run_dir)


def test_imported_weights_translate(tmp_path):
    """As published: with the statistics of the picture, mirrored on to 64x32 pixels."""
    kind, file = "pix2pix/unet_generator", "pix2pix_net_G.pth"
    found = imported(tmp_path / "run", kind, file).translate(noise(40, 30), "BtoA")
    padded = np.pad(noise(40, 30), [(0, 24), (0, 2), (0, 0)], mode="symmetric")
    network = import_network(kind, GOLDEN / file)
    expected = np.asarray(network(padded[None] / np.float32(127.5) - 1, training=True))[0]
    np.testing.assert_allclose(found, (expected[:40, :30] + 1) * 127.5, atol=1)


@pytest.mark.thorough
def test_a_discriminator_alone_does_not_translate(tmp_path):
    run = imported(tmp_path / "run", "pix2pix/patch_discriminator", "pix2pix_net_D.pth")
    with pytest.raises(
        InputError, match="imported without G. Import it with scripts.import_weights"
    ):
        run.translate(noise(40, 30), "BtoA")
