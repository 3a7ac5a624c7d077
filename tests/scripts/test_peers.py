"""The stand-ins in PyTorch are the networks that ours are: they have as many parameters."""

import importlib.util
import math

import pytest
from absl.testing import flagsaver

from core.errors import InputError
from scripts.peers import __main__ as peers
from scripts.peers.settings import PEERS, Settings, make

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="the extra `peers` is not installed")
# trained parameters by network; of VGG, which is not trained, all
COUNTS = {
    ("cyclegan", "paper", 256): {"G_A": 11_378_179, "D_A": 2_764_737},
    ("cyclegan", "quick", 64): {"G_A": 107_003, "D_A": 95_017},
    ("stylegan", "paper", 32): {"G": 22_841_356, "D": 20_726_785},
    ("stylegan", "paper", 64): {"G": 25_137_935, "D": 22_498_049},
    ("stylegan", "paper", 256): {"G": 26_086_229, "D": 23_052_353},
    ("stylegan2", "paper", 64): {"G": 23_819_544, "D": 23_407_361},
    ("stylegan2", "paper", 256): {"G": 24_767_458, "D": 24_001_089},
    ("stylegan2", "paper", 512): {"G": 30_276_583, "D": 28_982_849},
    ("stylegan2", "paper", 1024): {"G": 30_370_060, "D": 29_012_513},
    ("adain", "paper", 256): {"encoder": 3_505_740, "decoder": 3_505_219},
    ("gatys", "paper", 256): {"features": 12_944_972},
}
QUICK = list(COUNTS)[:3] + list(COUNTS)[-5:-4] + list(COUNTS)[-2:]
CASES = [
    case if case in QUICK else pytest.param(case, marks=pytest.mark.thorough) for case in COUNTS
]


def ours(model, preset, size):
    """Our networks by name, of the classes that the presets make."""
    from experiments.configs import find
    from gan.cyclegan.networks import discriminator, resnet_generator
    from gan.progressive import Discriminator
    from gan.stylegan.networks import Generator
    from gan.stylegan2.discriminator import Discriminator as Discriminator2
    from gan.stylegan2.networks import Generator as Generator2

    if model == "cyclegan":
        config = find(model).presets[preset].algorithm
        names = ("ngf", "n_blocks", "n_downsampling")
        generator = resnet_generator(**{name: getattr(config, name) for name in names})
        return {"G_A": generator, "D_A": discriminator(config)}
    if model == "stylegan":
        return {"G": Generator(size), "D": Discriminator(size, blur=True)}
    base = find("stylegan2").presets[f"paper{max(size, 256)}"].algorithm.channel_base
    return {"G": Generator2(size, channel_base=base), "D": Discriminator2(size, channel_base=base)}


def of_vgg(model):
    """Our networks by name, on VGG-19."""
    from nst.adain.networks import decoder, encoder
    from nst.features import feature_network
    from nst.weights import random_weights

    weights = random_weights()
    if model == "adain":
        return {"encoder": encoder(weights), "decoder": decoder()}
    return {"features": feature_network(weights, ["relu5_1"])}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_our_networks_have_as_many(case):
    found = of_vgg(case[0]) if case[0] in ("adain", "gatys") else ours(*case)
    counts = {
        name: sum(math.prod(v.shape) for v in network.trainable_variables or network.variables)
        for name, network in found.items()
    }
    assert counts == COUNTS[case]


@needs_torch
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_the_stand_ins_have_as_many(case):
    networks = make(Settings(*case)).networks
    counts = {name: sum(p.numel() for p in networks[name].parameters()) for name in COUNTS[case]}
    assert counts == COUNTS[case]


@needs_torch
@pytest.mark.parametrize("model", [name for name in PEERS if name != "stylegan2"])
def test_a_stand_in_is_timed(model):
    preset, size = ("quick", 16) if model == "cyclegan" else ("paper", 16)
    row = peers.row(Settings(model, preset, size if "stylegan" in model else 64, 2), 1)
    assert row["images_per_second"] == pytest.approx(2000 / row["ms_per_step"], rel=1e-3)
    assert row["first_step_s"] > 0 and row["parameters"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 4}, "--peer_size=4"),
        ({"batch_size": 0}, "--peer_batch=0"),
        ({"model": "nothing"}, "--peer_model=nothing: unknown"),
        *([] if HAS_TORCH else [({}, r"pip install -e '\.\[peers\]'")]),
    ],
)
def test_what_cannot_be_timed_is_said(changes, words):
    with pytest.raises(InputError, match=words):
        make(Settings(**{"model": "cyclegan"} | changes))


def test_a_mistake_is_one_line(capsys):
    with flagsaver.flagsaver(peer_steps=0):
        assert peers.main(["peers"]) == 1
    assert capsys.readouterr().err == "error: --peer_steps=0: expected a number from 1 up.\n"
