"""Published weights become a run directory that translates pictures."""

import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from experiments import api
from experiments.data import pictures
from gan.importers import import_network
from nst import importers as nst_importers
from nst.adain.stylize import AdaINStylizer

pytestmark = pytest.mark.thorough  # a process each
GOLDEN = Path(__file__).parent.parent / "golden"


def run(*arguments):
    command = [sys.executable, "-m", "scripts.import_weights", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_direction_then_the_other(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (30, 22, 3), np.uint8)
    path = tmp_path / "imported"
    done = run(f"--from={GOLDEN / 'latest_net_G_A.pth'}", f"--run_dir={path}")
    assert done.returncode == 0, done.stderr
    first = api.load(path)
    network = import_network("cyclegan/resnet_generator", GOLDEN / "latest_net_G_A.pth")
    padded = np.pad(pictures.to_signed(picture), [(0, 2), (0, 2), (0, 0)], mode="symmetric")
    made = np.asarray(network(padded[None], training=False))[0, :30, :22]
    expected = pictures.from_signed(made)
    assert np.array_equal(first.translate(picture), expected)
    with pytest.raises(InputError, match="imported without G_B"):
        first.translate(picture, "BtoA")
    with pytest.raises(InputError, match="imported without G_B"):
        first.evaluate()

    done = run(f"--from={GOLDEN / 'latest_net_G_B.pth'}", "--network=G_B", f"--run_dir={path}")
    assert done.returncode == 0, done.stderr
    both = api.load(path)
    assert np.array_equal(both.translate(picture), expected)
    assert not np.array_equal(both.translate(picture, "BtoA"), expected)


def test_a_whole_pickled_module_is_refused_in_one_line(tmp_path):
    done = run(f"--from={GOLDEN / 'torch_module.pth'}", f"--run_dir={tmp_path / 'run'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "state_dict" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_an_adain_decoder_with_its_encoder(tmp_path):
    rng = np.random.default_rng(0)
    content, style = (rng.integers(0, 256, (70, 81, 3), np.uint8) for _ in "ab")
    files = [f"--from={GOLDEN / 'adain_decoder.pth'}", f"--run_dir={tmp_path / 'run'}"]
    done = run("--kind=adain/decoder", *files)
    assert done.returncode == 1 and "--vgg_weights: give the encoder" in done.stderr
    weights = GOLDEN / "vgg_normalised.pth"
    done = run("--kind=adain/decoder", *files, f"--weights={weights}")
    assert done.returncode == 0, done.stderr
    encoder = nst_importers.import_network("adain/encoder", weights)
    decoder = nst_importers.import_network("adain/decoder", GOLDEN / "adain_decoder.pth")
    stylizer = AdaINStylizer(encoder, decoder, style_epsilon=1e-5, unbiased=True)
    expected = np.rint(255 * stylizer(content / np.float32(255), [style / np.float32(255)]))
    found = api.load(tmp_path / "run").stylize(content, [style])
    assert found.shape == content.shape and np.ptp(found) > 0
    np.testing.assert_allclose(found, expected, atol=1)


def test_the_authors_transformer_makes_a_run_that_stylises(tmp_path):
    with np.load(GOLDEN / "johnson_original.npz") as file:
        levels, expected = (file[name][0].transpose(1, 2, 0) for name in ("input", "output"))
    path, content = GOLDEN / "johnson_original.pth", np.rint(levels).astype(np.uint8)
    done = run("--kind=johnson/transformer", f"--from={path}", f"--run_dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    imported = api.load(tmp_path / "run")
    found = imported.stylize(content).astype(float)
    assert np.abs(found - np.clip(expected, 0, 255)).mean() < 1.5  # of rounded levels
    assert np.array_equal(imported.stylize(content, ["johnson_original"]), found)
    with pytest.raises(InputError, match="there is no such picture"):
        imported.evaluate()


def test_a_stylegan_pickle_makes_a_run_that_samples(tmp_path, monkeypatch):
    with np.load(GOLDEN / "stylegan1_generator.npz") as file:
        state = {k.removeprefix("state/"): file[k] for k in file.files if k.startswith("state/")}
        z, expected = file["latents"], file["images_truncation_0_5"].transpose(0, 2, 3, 1)
    path = write_networks(tmp_path / "karras.pkl", state, monkeypatch)
    done = run("--kind=stylegan/generator", f"--from={path}", f"--run_dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    generator = api.load(tmp_path / "run").algorithm.generator
    found = np.asarray(generator(z, truncation_psi=0.5))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)


def test_a_discriminator_alone_makes_no_pictures(tmp_path, monkeypatch):
    with np.load(GOLDEN / "stylegan1_discriminator.npz") as file:
        state = {k.removeprefix("state/"): file[k] for k in file.files if k.startswith("state/")}
    path = write_networks(tmp_path / "karras.pkl", state, monkeypatch, index=1)
    done = run("--kind=stylegan/discriminator", f"--from={path}", f"--run_dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    imported = api.load(tmp_path / "run")
    for use in (imported.sample, imported.evaluate):
        with pytest.raises(InputError, match="was imported without G"):
            use()


def write_networks(path, state, monkeypatch, index=2):
    """As the official code writes `(G, D, Gs)`; only one of them holds anything."""
    module = types.ModuleType("dnnlib.tflib.network")
    module.Network = type("Network", (), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, "dnnlib", types.ModuleType("dnnlib"))
    monkeypatch.setitem(sys.modules, "dnnlib.tflib", types.ModuleType("dnnlib.tflib"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    networks = [module.Network() for _ in range(3)]
    for network in networks:
        network.__dict__ |= {"name": "G", "variables": [], "components": {}}
    networks[index].variables = list(state.items())
    path.write_bytes(pickle.dumps(tuple(networks), 4))
    return path
