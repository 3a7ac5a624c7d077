"""Runs whose losses look through another network than VGG."""

import json

import numpy as np
import pytest
import tiny
from test_runner import error, main

from core.errors import InputError
from experiments import api
from experiments.tasks import vgg
from nst.backbones import seeing
from nst.backbones.table import NETWORKS
from nst.backbones.weights import load_backbone
from nst.perceptual import FeatureLoss
from nst.weights import random_weights, save_weights

MOBILE = NETWORKS["mobilenet_v2"]
SHALLOW = MOBILE.style[:2]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Pictures of noise, folders of them, and narrow weights of VGG; not to be changed."""
    root = tmp_path_factory.mktemp("networks")
    for i, name in enumerate(("content", "style")):
        tiny.noise(root / name, 3, i, (76, 80))
    save_weights(root / "vgg19.npz", random_weights(width=1 / 16))
    return root


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """The network is built once, and measured on one small picture."""
    patch, kept = pytest.MonkeyPatch(), {}

    def load(network, weights):
        if (network, weights) != ("mobilenet_v2", "random"):
            return load_backbone(network, weights)
        return kept.setdefault(network, kept.get(network) or load_backbone(network, weights))

    patch.setattr(vgg, "load_backbone", load)
    picture = np.random.default_rng(0).uniform(0, 1, (64, 64, 3)).astype("float32")
    patch.setattr(vgg, "_shown", lambda: iter([picture]))
    yield
    patch.undo()


def gatys(here, run_dir, *more):
    return [
        "--model=gatys", "--preset=smoke", "--longer_side=48", "--vgg_weights=random",
        f"--content={here}/content/0.png", f"--style={here}/style/0.png",
        "--set=algorithm.network=mobilenet_v2", f"--run_dir={run_dir}",
        f"--set=algorithm.style_layers={','.join(SHALLOW)}",
        f"--set=algorithm.content_layers={SHALLOW[1]}", *more,
    ]  # fmt: skip


# --- settings


@pytest.mark.parametrize("model", ["gatys", "texture", "johnson", "ulyanov", "dumoulin", "ghiasi"])
def test_the_usual_layers_take_the_place_of_vggs(model):
    config = api.make_config(model, "quick", {"algorithm.network": "mobilenet_v2"}).algorithm
    preset = api.make_config(model, "quick").algorithm
    assert config.style_layers == MOBILE.style
    assert config.content_layers == (MOBILE.content if preset.content_layers else ())
    assert config.pooling == "max"
    assert (config.style_weight, config.normalise) == (preset.style_weight, preset.normalise)
    given = {"algorithm.network": "mobilenet_v2", "algorithm.style_layers": ["out_relu"]}
    assert api.make_config(model, "quick", given).algorithm.style_layers == ("out_relu",)
    for name in ("vgg16", "vgg19"):
        same = api.make_config(model, "quick", {"algorithm.network": name}).algorithm
        assert (same.style_layers, same.pooling) == (preset.style_layers, preset.pooling)


def test_adains_encoder_stays_a_vgg():
    config = api.make_config("adain", "quick", {"algorithm.network": "resnet50"}).algorithm
    assert (config.network, config.loss_network) == ("", "resnet50")
    assert config.style_layers == NETWORKS["resnet50"].style
    assert api.make_config("adain", "quick").algorithm.style_layers == ()


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        ("gatys", {"network": "resnet"}, "network='resnet': expected one of nothing, vgg16"),
        ("gatys", {"smoothing": "mean"}, "smoothing='mean': expected one of"),
        ("gatys", {"activation": -1}, "activation=-1"),
        ("johnson", {"network": "inception_v3"}, "data.size: 32x32 pixels, but inception_v3"),
        ("adain", {"network": "inception_v3"}, "data.size: 72x72 pixels, but inception_v3"),
        ("adain", {"network": "resnet50", "loss_network": "vit_b16"}, "Give one of both"),
        ("adain", {"smoothing": "softmax"}, "are of loss_network, which is not given"),
        ("style_swap", {"network": "resnet50"}, "expected vgg16, vgg19 or nothing"),
        ("style_swap_optimise", {"network": "resnet50"}, "patches are swapped in VGG's"),
        ("style_swap_optimise", {"smoothing": "softmax"}, "patches are swapped in VGG's"),
    ],
)
def test_what_makes_no_sense_is_refused(model, changes, words):
    changes = {f"algorithm.{key}": value for key, value in changes.items()}
    with pytest.raises(InputError) as caught:
        api.make_config(model, "smoke", changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# --- runs


def test_gatys_goes_on_and_takes_masks(here, tmp_path, capfd):
    path = tmp_path / "run"
    masks = [f"--mask={here}/content/1.png", f"--mask={here}/content/2.png",
             f"--style={here}/style/1.png"]  # fmt: skip
    assert main(*gatys(here, path, *masks, "--images=3")) == 0
    first = tiny.rows(path)[0]["loss/total"]
    assert main(*gatys(here, path, *masks, "--images=6")) == 0
    assert tiny.rows(path)[-1]["objective/total"] < first
    run = api.load(path, say=lambda line: None)
    assert run.algorithm.level.fields == {} and run.algorithm.level.grid.whole
    maps = run.algorithm.level.given[f"maps/{SHALLOW[1]}"]
    assert (
        maps.shape[0] == 2
        and maps.shape[1:]
        == run.algorithm.features(run.algorithm.picture()[None])[SHALLOW[1]].shape[1:3]
    )
    np.testing.assert_allclose(maps.sum((1, 2)), 1, rtol=1e-5)
    stored = json.loads((path / "config.json").read_text())
    assert stored["config"]["algorithm.style_layers"] == list(SHALLOW)
    # a run that is older than these settings loads
    for key in ("algorithm.smoothing", "algorithm.activation"):
        del stored["config"][key]
    (path / "config.json").write_text(json.dumps(stored))
    assert api.load(path, say=lambda line: None).config == run.config
    capfd.readouterr()
    refused = gatys(here, tmp_path / "no", "--set=algorithm.pooling=average")
    assert main(*refused) == 1 and "pooling=average: is for VGG" in error(capfd)
    refused = gatys(here, tmp_path / "no", "--set=algorithm.convention=torch")
    assert main(*refused) == 1 and "convention=torch: is for VGG" in error(capfd)
    refused = gatys(here, tmp_path / "no", "--set=algorithm.content_layers=relu4_2")
    assert main(*refused) == 1 and "mobilenet_v2 has no such layer" in error(capfd)


def test_gatys_with_smoothed_vgg(here, tmp_path):
    given = ["--model=gatys", "--preset=smoke", "--longer_side=32", "--images=3",
             f"--vgg_weights={here}/vgg19.npz", "--set=algorithm.smoothing=softmax",
             "--set=algorithm.style_weight=1e4", "--set=algorithm.tv_weight=0",
             f"--content={here}/content/0.png", f"--style={here}/style/0.png"]  # fmt: skip
    assert main(*given, f"--run_dir={tmp_path}/run") == 0
    rows = tiny.rows(tmp_path / "run")
    assert rows[-1]["objective/total"] < rows[0]["loss/total"]


def test_a_network_is_used_without_the_one_of_its_loss(here, tmp_path, monkeypatch):
    """Johnson's transformer learns through MobileNet, and shows pictures without it."""
    path = tmp_path / "johnson"
    flags = ["--model=johnson", "--preset=smoke", f"--dataset=folder:{here}/content",
             f"--style={here}/style/0.png", "--vgg_weights=random", "--images=2",
             "--set=algorithm.network=mobilenet_v2", "--set=algorithm.smoothing=softmax",
             "--set=algorithm.width=0.1", f"--run_dir={path}"]  # fmt: skip
    assert main(*flags) == 0

    def fails(*_):
        raise AssertionError("the network of the loss was loaded")

    with monkeypatch.context() as patch:
        patch.setattr(vgg, "load_backbone", fails)
        run = api.load(path, say=lambda line: None)
        assert run.stylize(f"{here}/content/0.png").shape == (76, 80, 3)
    assert set(run.evaluate(say=lambda line: None)) >= {"test/content", "test/style"}


def test_adains_style_loss(here, tmp_path, monkeypatch):
    path = tmp_path / "adain"
    flags = ["--model=adain", "--preset=smoke", "--images=4", "--set=algorithm.loss_weights=random",
             f"--dataset=folder:{here}/content,folder:{here}/style",
             f"--vgg_weights={here}/vgg19.npz", "--set=algorithm.network=mobilenet_v2",
             f"--run_dir={path}"]  # fmt: skip
    assert main(*flags) == 0
    scored = tiny.rows(path)[-1]
    with monkeypatch.context() as patch:
        patch.setattr(vgg, "load_backbone", None)
        run = api.load(path, say=lambda line: None)
        assert run.stylize(f"{here}/content/0.png", [f"{here}/style/0.png"]).shape == (76, 80, 3)
    assert run.algorithm.looks is None
    found = run.evaluate(say=lambda line: None)
    assert run.algorithm.looks is not None
    assert found["test/style"] == pytest.approx(scored["test/style"], rel=1e-3)


def test_the_loss_sees_what_the_network_sees():
    """The style loss is that of the Gram matrices of the network's own features."""
    config = api.make_config("johnson", "smoke", {"algorithm.network": "mobilenet_v2"}).algorithm
    seer = vgg.load_backbone("mobilenet_v2", "random")
    loss = FeatureLoss(config, seer)
    picture = np.random.default_rng(1).uniform(0, 1, (1, 64, 64, 3)).astype("float32")
    features = np.asarray(seeing.look(seer, MOBILE.style)(picture)[SHALLOW[0]])[0].reshape(-1, 96)
    expected = features.T @ features / len(features)
    np.testing.assert_allclose(np.asarray(loss.grams(picture)[SHALLOW[0]])[0], expected, rtol=1e-3)
