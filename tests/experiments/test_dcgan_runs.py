"""DCGAN through the runner, with and without classes."""

import shutil

import numpy as np
import pytest
import tiny
from commands import cut_power
from fakes import use
from test_runner import error, main
from tiny import assert_same_state

from core.errors import InputError
from experiments import api
from experiments.data import pictures
from experiments.dry_run import describe
from gan.dcgan.algorithm import DCGAN

SMOKE = {"data.size": 16, "data.load_size": 16, "images": 16, "log_every": 4, "sample_every": 16,
         "eval_every": 16, "eval_images": 4, "checkpoint_every": 4, "batch_size": 4}  # fmt: skip


@pytest.fixture(scope="session")
def noise_pictures(tmp_path_factory):
    """Three classes of noise; not to be changed."""
    root = tmp_path_factory.mktemp("classes") / "pictures"
    for i in range(3):
        tiny.noise(root / f"class{i}", 3, i)
    return root


def config(folder, **changes):
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    return api.make_config("dcgan", "smoke", SMOKE | {"data.dataset": f"folder:{folder}"} | changes)


def train(folder, run_dir, **changes):
    return api.train_config(config(folder, **changes), run_dir, say=lambda line: None)


@pytest.fixture(scope="session")
def trained(noise_pictures, tmp_path_factory):
    """The directory of a finished DCGAN; to be copied, not changed."""
    path = tmp_path_factory.mktemp("runs") / "dcgan"
    train(noise_pictures, path)
    return path


@pytest.fixture(scope="session")
def conditional(noise_pictures, tmp_path_factory):
    """The same with three classes."""
    path = tmp_path_factory.mktemp("runs") / "conditional"
    train(noise_pictures, path, algorithm__classes=3, data__labels=True)
    return path


@pytest.mark.backends
def test_same_seed_same_picture(trained):
    run = api.load(trained, say=lambda line: None)
    many = run.sample(20)
    assert many.shape == (20, 16, 16, 3) and many.dtype == np.uint8
    for seeds in ([7], [19, 7], [3, 4, 5, 7]):
        np.testing.assert_array_equal(run.sample(seeds)[-1], many[seeds[-1]])
    assert (many[0] != many[1]).any()
    with pytest.raises(InputError, match="expected at least one"):
        run.sample(0)


def test_sheet_and_scores(trained, noise_pictures):
    run = api.load(trained, say=lambda line: None)
    scores = run.evaluate()
    assert set(scores) == {"diversity/generated", "diversity/real", "colour_distance"}
    sheet = run.sheets()["samples"]
    rows = (128 + 2) * 9 + 2
    assert sheet.shape[0] == rows and sheet.shape[1] > (128 + 2) * 8
    np.testing.assert_array_equal(sheet, run.sheets()["samples"])  # of the same z every time
    top_left = sheet[2 : 2 + 128 : 8, -(130 * 8) : -(130 * 8) + 128 : 8]
    np.testing.assert_array_equal(top_left, run.sample([0])[0])


def test_the_smoke_preset_and_its_modes(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main("--model=dcgan", "--preset=smoke") == 0
    assert "diversity/generated" in capfd.readouterr().out
    for mode, name in (("sample", "grid.png"), ("interpolate", "interpolation.gif")):
        arguments = ["--frames=6"] if mode == "interpolate" else []
        assert main("--model=dcgan", "--preset=smoke", f"--mode={mode}", "--output=out",
                    *arguments) == 0  # fmt: skip
        assert (tmp_path / "out" / name).exists()
    capfd.readouterr()
    for bad, message in (
        (["--mode=mix", "--output=out"], "--mode=mix: this dcgan has no styles"),
        (["--mode=sample"], "--mode=sample: give --output. dcgan: "),
        (["--mode=sample", "--output=out", "--fps=3"], "--fps: not an option of"),
        (["--mode=translate", "--input=x", "--output=y"], "not a mode of dcgan"),
    ):
        assert main("--model=dcgan", "--preset=smoke", *bad) == 1
        assert message in error(capfd)


@pytest.mark.parametrize("classes", [0, 3])
def test_dry_run(classes, noise_pictures, tmp_path):
    changes = {"algorithm__classes": classes, "data__labels": classes > 0}
    text = describe(config(noise_pictures, **changes), tmp_path / "run")
    assert "memory (estimate)" in text and "G  " in text


@pytest.mark.backends
@pytest.mark.parametrize("classes", [pytest.param(0, marks=pytest.mark.thorough), 3])
def test_resumed_equals_uninterrupted(classes, trained, conditional, noise_pictures, tmp_path):
    """Stopped after two steps by a crash, and gone on with."""
    changes = {"algorithm__classes": 3, "data__labels": True} if classes else {}
    cut_power(lambda: train(noise_pictures, tmp_path / "run", **changes), DCGAN, 2)
    train(noise_pictures, tmp_path / "run", **changes)
    assert_same_state(tmp_path / "run", conditional if classes else trained)


def test_labels(conditional, tmp_path):
    run = api.load(conditional, say=lambda line: None)
    mixed, zeros = run.sample(6), run.sample(6, label=0)
    np.testing.assert_array_equal(mixed[[0, 3]], zeros[[0, 3]])  # seeds modulo 3
    assert (mixed[[1, 2]] != zeros[[1, 2]]).any()
    with pytest.raises(InputError, match="--label=3: this model has the classes 0 to 2"):
        run.sample(1, label=3)
    assert run.sheets()["samples"].shape[1] < 600  # a column for each class
    in_turn = run.sample([4, 4, 4, 4], label=[2, 0])
    np.testing.assert_array_equal(in_turn[[0, 2]], run.sample([4, 4], label=2))
    use("interpolate", run, tmp_path, frames=3, label="1")
    with pytest.raises(InputError, match="--label=0,2: a walk from class to class goes through w"):
        use("interpolate", run, tmp_path, frames=3, label="0,2")


def test_classes_in_turn_do_not_depend_on_batches(conditional, tmp_path):
    run = api.load(conditional, say=lambda line: None)
    use("sample", run, tmp_path, seeds="0-9", label="2,0,1")
    for seed in (0, 4, 8, 9):  # 8 are made at a time
        expected = run.sample([seed], label=(2, 0, 1)[seed % 3])[0]
        found = pictures.read(tmp_path / f"seed{seed:04}.png")
        assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm__classes": 3}, "algorithm.classes=3 needs the labels of the images"),
        (
            {"algorithm__classes": 4, "data__labels": True},
            "has 3 classes, algorithm.classes is 4. Give --set algorithm.classes=3",
        ),
        ({"data__size": 18, "data__load_size": 18}, "size=18: expected 4, 5, 6 or 7 times"),
    ],
)
def test_configurations_that_do_not_fit(changes, message, noise_pictures, tmp_path):
    with pytest.raises(InputError, match=message):
        train(noise_pictures, tmp_path / "run", **changes)


def test_classes_of_a_folder_without_classes(noise_pictures, tmp_path):
    shutil.copytree(noise_pictures / "class0", tmp_path / "plain")
    with pytest.raises(InputError, match="data.labels needs images of one domain in classes"):
        train(tmp_path / "plain", tmp_path / "run", algorithm__classes=3, data__labels=True)
