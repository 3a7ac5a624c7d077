"""Runs of StyleGAN3: of NVIDIA's pickle, all modes, training that goes on, and export."""

from pathlib import Path

import numpy as np
import pytest
from commands import cut_power
from test_runner import error, main
from tiny import assert_same_state, noise

from core.nvidia_file import read
from core.torch_file import read_state_dict
from core.torch_writer import write_state_dict
from experiments import api
from experiments.data import pictures
from experiments.weights import find_import, import_weights
from gan.importers import import_network
from gan.nvidia_exporters import settings, state_dict
from gan.stylegan3.algorithm import StyleGAN3

pytestmark = pytest.mark.thorough

GOLDEN = Path(__file__).parents[1] / "golden"
PICKLE = GOLDEN / "nvidia_pickle_stylegan3_t.pkl"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A run of both networks of the pickle; not to be changed."""
    run_dir = tmp_path_factory.mktemp("runs") / "ffhq"
    for kind in ("stylegan3/generator", "stylegan3/discriminator"):
        import_weights(*find_import(kind), PICKLE, run_dir, say=lambda line: None)
    return run_dir


def test_pictures_of_an_imported_run(imported):
    run = api.load(imported, say=lambda line: None)
    own = run.config.algorithm
    assert (own.config, own.g_channel_base, own.g_channel_max) == ("t", 128, 12)
    assert (own.g_conv_clamp, own.conv_clamp, own.mbstd_group_size) == (256, 0, 4)
    with np.load(GOLDEN / "nvidia_pickle_stylegan3_t.npz") as oracle:
        z, expected = oracle["z"], oracle["image_truncation_0_7"].transpose(0, 2, 3, 1)
    found = np.asarray(run.algorithm.generator(z, truncation_psi=0.7))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("sample", ["--seeds=0-1", "--truncation=0.7", "--translate=0.25,0", "--rotate=20"]),
        ("mix", ["--seeds=0", "--seeds_b=2-3"]),
        ("truncation", ["--seeds=0"]),
        ("edit", ["--seeds=0", "--directions=1"]),
    ],
)
def test_uses_of_an_imported_run(imported, tmp_path, mode, options):
    flags = ["--model=stylegan3", f"--mode={mode}", f"--run_dir={imported}"]
    assert main(*flags, f"--output={tmp_path / 'made'}", *options) == 0
    assert (made := list((tmp_path / "made").glob("*.png")))
    assert all(np.ptp(pictures.read(path)) > 0 for path in made)


def test_there_is_no_noise(imported, tmp_path, capfd):
    flags = ["--model=stylegan3", "--mode=noise", f"--run_dir={imported}"]
    assert main(*flags, f"--output={tmp_path / 'made'}") == 1
    assert "without noise inputs" in error(capfd)


def test_an_exported_generator_is_what_was_imported(imported, tmp_path):
    network = api.load(imported, say=lambda line: None).algorithm.sampling_network
    write_state_dict(tmp_path / "G_ema.pth", state_dict(network))
    arrays, (official, given) = read_state_dict(tmp_path / "G_ema.pth"), read(PICKLE)
    assert set(arrays) == set(official)
    for name, value in official.items():
        np.testing.assert_allclose(arrays[name], value, rtol=0, atol=1e-7, err_msg=name)
    told = settings(network)
    for name in set(given) - {"mapping_kwargs", "magnitude_ema_beta"}:
        assert told[name] == given[name], name
    import_network("stylegan3/generator", tmp_path / "G_ema.pth")


def train(folder, run_dir, **changes):
    return api.train(
        "stylegan3", preset="smoke", dataset=f"folder:{folder}", run_dir=run_dir,
        say=lambda line: None, checkpoint_every=8, algorithm__p=0.3, algorithm__num_layers=3,
        algorithm__blur_sigma=2.0, **({"images": 20} | changes),
    )  # fmt: skip


def test_resumed_equals_uninterrupted(tmp_path):
    """Also the mean squares of features and the blur; then another training begins from it."""
    noise(tmp_path / "pictures", 5, 0)
    whole = train(tmp_path / "pictures", tmp_path / "whole")
    cut_power(lambda: train(tmp_path / "pictures", tmp_path / "run"), StyleGAN3, 3)
    train(tmp_path / "pictures", tmp_path / "run")
    assert_same_state(tmp_path / "run", tmp_path / "whole")
    magnitudes = [b.magnitude for b in whole.algorithm.sampling_network.synthesis.blocks]
    assert all(float(np.asarray(m)) != 1.0 for m in magnitudes)
    base = str(tmp_path / "whole")
    run = train(tmp_path / "pictures", tmp_path / "next", algorithm__base=base, images=4)
    assert run.config.algorithm.blur_sigma == 2.0  # it was given, so it stays
