"""Runs of NVIDIA's StyleGAN2 pickles: pictures, training that goes on from them, and export."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from test_runner import error, main

from core.errors import InputError
from core.importing import NamedState
from core.nvidia_file import read
from core.torch_file import read_state_dict
from core.torch_writer import write_state_dict
from experiments import api
from experiments.data import pictures
from experiments.weights import find_import, import_weights
from gan.importers import import_network

pytestmark = pytest.mark.thorough

GOLDEN = Path(__file__).parents[1] / "golden"
PICKLE = GOLDEN / "nvidia_pickle_stylegan2.pkl"
GENERATOR, DISCRIMINATOR = "stylegan2/generator", "stylegan2/discriminator"
RAW = "stylegan2/raw_generator"
SIZES = {"z_dim": 16, "w_dim": 16, "mapping_layers": 2, "channel_base": 128, "channel_max": 12,
         "mbstd_group_size": 4, "conv_clamp": 256}  # fmt: skip


def script(name, *arguments):
    command = [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def take(kind, path, run_dir):
    import_weights(*find_import(kind), path, run_dir, say=lambda line: None)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A run of both networks of the pickle; not to be changed."""
    run_dir = tmp_path_factory.mktemp("runs") / "ffhq"
    for kind in (GENERATOR, DISCRIMINATOR):
        done = script(
            "import_weights", f"--kind={kind}", f"--from={PICKLE}", f"--run_dir={run_dir}"
        )
        assert done.returncode == 0, done.stderr
    assert "imported so far: D, G" in done.stderr
    return run_dir


def test_the_configuration_is_that_of_the_file(imported):
    config = api.load(imported, say=lambda line: None).config
    found = {name: getattr(config.algorithm, name) for name in SIZES}
    assert found == SIZES and config.algorithm.num_fp16_res == 4
    assert (config.data.size, config.algorithm.classes) == (16, 0)


def test_pictures_of_an_imported_run(imported):
    run = api.load(imported, say=lambda line: None)
    with np.load(GOLDEN / "nvidia_pickle_stylegan2.npz") as oracle:
        z, expected = oracle["z"], oracle["image_truncation_0_7"].transpose(0, 2, 3, 1)
        images, logits = oracle["input"].transpose(0, 2, 3, 1), oracle["logits"]
    found = np.asarray(run.algorithm.generator(z, truncation_psi=0.7))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    judged = np.asarray(run.algorithm.networks["D"](np.ascontiguousarray(images)))
    np.testing.assert_allclose(judged, logits, rtol=0, atol=1e-4 * np.abs(logits).max())


@pytest.mark.parametrize(
    ("mode", "options", "files"),
    [
        ("sample", ["--seeds=0-3", "--truncation=0.7"], ["grid.png", "seed0003.png"]),
        ("mix", ["--seeds=0-1", "--seeds_b=2-3", "--truncation=0.7"], ["*.png"]),
        ("interpolate", ["--seeds=0-1", "--frames=2"], ["*"]),
        ("noise", ["--seeds=0-1"], ["*.png"]),
        ("truncation", ["--seeds=0-1"], ["*.png"]),
    ],
)
def test_every_use_of_an_imported_run(imported, tmp_path, mode, options, files):
    output = tmp_path / ("walk.gif" if mode == "interpolate" else "made")
    flags = ["--model=stylegan2", f"--mode={mode}", f"--run_dir={imported}", f"--output={output}"]
    assert main(*flags, *options) == 0
    if mode == "interpolate":
        assert output.stat().st_size > 100
        return
    for pattern in files:
        assert (made := list(output.glob(pattern)))
        assert all(np.ptp(pictures.read(path)) > 0 for path in made)


def trained(base, folder, run_dir, **changes):
    settings = SIZES | {"base": str(base)} | changes
    flags = [f"--set=algorithm.{key}={value}" for key, value in settings.items()]
    return main(
        "--model=stylegan2", "--preset=smoke", f"--dataset=folder:{folder}", f"--run_dir={run_dir}",
        "--images=8", "--set=batch_size=4", "--set=eval_images=4", *flags,
    )  # fmt: skip


def test_training_goes_on_from_an_imported_run(imported, tmp_path, capfd):
    tiny.noise(tmp_path / "photos", 12, 0)
    slow = {"g_learning_rate": 1e-9, "pl_weight": 0, "r1_gamma": 0, "augment": "none"}
    assert trained(imported, tmp_path / "photos", tmp_path / "on", **slow) == 0
    before, after = (api.load(path, say=lambda line: None) for path in (imported, tmp_path / "on"))
    assert int(after.algorithm.images.numpy()) == 8
    pairs = zip(before.algorithm.generator.synthesis.weights,
                after.algorithm.generator.synthesis.weights, strict=True)  # fmt: skip
    for ours, theirs in pairs:  # at this rate, nothing moves that could be seen
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-6)
    capfd.readouterr()
    assert trained(imported, tmp_path / "photos", tmp_path / "other", channel_max=8) == 1
    assert "Give the settings that it was made with" in error(capfd)


def read_in(run_dir):
    return api.load(run_dir, say=lambda line: None).algorithm


def assert_of(network, name):
    """The weights are those of a network of the pickle."""
    official = import_network(GENERATOR, NamedState(*read(PICKLE, name)))
    for ours, theirs in zip(network.get_weights(), official.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kinds", [(GENERATOR, RAW), (RAW, GENERATOR)])
def test_the_generator_and_its_average_in_any_order(kinds, tmp_path):
    for kind in kinds:
        take(kind, PICKLE, tmp_path / "run")
    found = read_in(tmp_path / "run")
    assert_of(found.networks["G"], "G")
    assert_of(found.sampling_network, "G_ema")
    take(DISCRIMINATOR, PICKLE, tmp_path / "run")
    again = read_in(tmp_path / "run")
    assert_of(again.networks["G"], "G")
    assert_of(again.sampling_network, "G_ema")
    changes = {f"algorithm.{key}": value for key, value in SIZES.items()}
    changes |= {"algorithm.base": str(tmp_path / "run")}
    config = api.make_config("stylegan2", "smoke", changes)
    begun = api.build(config, 8, 8, tmp_path / "on").algorithm
    assert_of(begun.networks["G"], "G")
    assert_of(begun.sampling_network, "G_ema")
    for ours, theirs in zip(
        begun.networks["D"].get_weights(), again.networks["D"].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert float(begun.augmentation.p) == float(begun.pl_mean) == 0


def test_a_raw_generator_alone_makes_pictures(tmp_path):
    take(RAW, PICKLE, tmp_path / "run")
    run = api.load(tmp_path / "run", say=lambda line: None)
    assert_of(run.algorithm.sampling_network, "G")
    assert run.sample([0]).shape == (1, 16, 16, 3)


def test_training_needs_both_networks(tmp_path, capfd):
    take(GENERATOR, PICKLE, tmp_path / "half")
    tiny.noise(tmp_path / "photos", 12, 0)
    assert trained(tmp_path / "half", tmp_path / "photos", tmp_path / "on") == 1
    assert "imported without D" in error(capfd)


def test_a_discriminator_of_another_kind_joins_the_generator(tmp_path):
    """What its file tells of it replaces what the run had for it; the generator stays."""
    arrays, _ = read(PICKLE, "D")
    write_state_dict(tmp_path / "orig.pth", {k: v for k, v in arrays.items() if "skip" not in k})
    take(GENERATOR, PICKLE, tmp_path / "run")
    before = api.load(tmp_path / "run", say=lambda line: None).sample([0])
    take(DISCRIMINATOR, tmp_path / "orig.pth", tmp_path / "run")
    run = api.load(tmp_path / "run", say=lambda line: None)
    assert run.config.algorithm.d_architecture == "orig"
    # a file of arrays alone does not tell the clamping, which these pictures do not reach
    np.testing.assert_array_equal(run.sample([0]), before)


def test_networks_of_other_sizes_are_not_put_together(tmp_path):
    with np.load(GOLDEN / "stylegan2_discriminator.npz") as file:
        arrays = {k[6:]: file[k] for k in file.files if k.startswith("state/")}
    write_state_dict(tmp_path / "large.pth", arrays)
    take(GENERATOR, PICKLE, tmp_path / "run")
    with pytest.raises(InputError, match="does not go with the G in"):
        take(DISCRIMINATOR, tmp_path / "large.pth", tmp_path / "run")
    assert api.load(tmp_path / "run", say=lambda line: None).config.data.size == 16


def test_an_exported_run_is_what_was_imported(imported, tmp_path):
    done = script("export_state_dict", f"--run_dir={imported}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "D.json", "D.pth", "G_ema.json", "G_ema.pth",
    ]  # fmt: skip
    for name, kind in (("G_ema", GENERATOR), ("D", DISCRIMINATOR)):
        arrays = read_state_dict(tmp_path / "out" / f"{name}.pth")
        official, _ = read(PICKLE, name)
        assert set(arrays) == set(official)
        for key, value in official.items():
            np.testing.assert_array_equal(arrays[key], value, err_msg=key)
        network = import_network(kind, tmp_path / "out" / f"{name}.pth")
        again = import_network(kind, PICKLE)
        assert network.get_config() | {"name": ""} == again.get_config() | {"name": ""}
        for ours, theirs in zip(network.weights, again.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
