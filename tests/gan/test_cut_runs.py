"""Training, resuming, evaluating and translating with CUT, through the api."""

from pathlib import Path

import numpy as np
import pytest
from absl.testing import flagsaver
from test_importers import write

from core.errors import InputError
from core.phases import Algorithm
from experiments import api, configs
from experiments.cli import FLAGS
from experiments.training import checkpoint
from experiments.weights import find_import, import_weights
from gan.cut.networks import patch_mlps
from gan.importers import import_network

GOLDEN = Path(__file__).parents[1] / "golden"
TINY = {"algorithm.ngf": 2, "algorithm.ndf": 2, "data.size": 32, "data.load_size": 34,
        "images": 8, "log_every": 2, "eval_every": 8, "sample_every": 8, "checkpoint_every": 4,
        "algorithm.n_layers": 1}  # fmt: skip
FAST = {"algorithm.nce_idt": False, "algorithm.flip_equivariance": True}
SCORES = {"l1/AtoB", "l1/identity", "psnr/AtoB", "psnr/identity", "ssim/AtoB", "ssim/identity"}


def train(run_dir, said=None, **changes):
    changes = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    config = api.make_config("cut", "smoke", changes)
    return api.train_config(config, run_dir, say=(said if said is not None else []).append)


def arrays(run_dir):
    with np.load(checkpoint.newest_first(run_dir)[0]) as archive:
        return {name: archive[name] for name in archive.files}


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_trains_scores_draws_and_translates_at_any_size(tmp_path):
    said = []
    train(tmp_path / "run", said, images=4, eval_every=4)
    assert any("psnr/AtoB" in line for line in said)
    loaded = api.load(tmp_path / "run", say=said.append)
    assert set(loaded.evaluate(say=said.append)) == SCORES
    assert loaded.sheets(say=said.append)["translation"].ndim == 3
    for size in ((1, 1), (16, 16), (21, 38)):
        picture = loaded.translate(noise(*size))
        assert picture.shape == (*size, 3) and picture.dtype == np.uint8
    with pytest.raises(InputError, match="has learned AtoB alone.*algorithm.direction=BtoA"):
        loaded.translate(noise(16, 16), direction="BtoA")


@pytest.mark.backends
@pytest.mark.thorough
def test_going_on_after_an_interruption(tmp_path, monkeypatch):
    """At 4 images a checkpoint, stopped in the fourth step: positions and flips go on, too."""
    changes = {key.replace(".", "__"): value for key, value in FAST.items()}
    train(tmp_path / "whole", **changes)
    step = Algorithm.step

    def stop(algorithm, batch, number):
        if number == 3:
            raise KeyboardInterrupt
        return step(algorithm, batch, number)

    monkeypatch.setattr(Algorithm, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", **changes)
    monkeypatch.undo()
    said = []
    train(tmp_path / "run", said, **changes)
    assert any("going on after 4 of 8 images" in line for line in said)
    one, two = arrays(tmp_path / "run"), arrays(tmp_path / "whole")
    assert set(one) == set(two) and any(name.startswith("random") for name in one)
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []


def test_published_presets():
    """CUT and FastCUT of the paper; FastCUT's rate falls in the last 50 of 200 epochs."""
    presets = configs.find("cut").presets
    paper, fast = presets["paper"].algorithm, presets["fastcut"].algorithm
    assert (presets["paper"].epochs, presets["fastcut"].epochs) == (400, 200)
    assert (paper.decay_from, fast.decay_from) == (0.5, 0.75)
    assert (paper.lambda_nce, fast.lambda_nce) == (1, 10)
    assert (paper.nce_idt, fast.nce_idt) == (True, False)
    assert (paper.flip_equivariance, fast.flip_equivariance) == (False, True)
    quick, other = presets["quick"], configs.find("cyclegan").presets["quick"]
    assert vars(quick.data) == vars(other.data) | {"zoom": 0}
    assert quick.images == other.images
    assert quick.algorithm.ngf == other.algorithm.ngf


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.size": 34}, "data.size=34: the generator halves a picture 2 times and takes"),
        ({"algorithm.n_layers": 4}, "a patch discriminator of 4 layers needs 48"),
        ({"algorithm.nce_layers": "0,13"}, "the last residual block is layer 12"),
        ({"algorithm.nce_layers": "4,0"}, "in rising order"),
        ({"algorithm.num_patches": 10**6}, "num_patches=1000000: expected 100,000 or less"),
    ],
)
def test_settings_that_cannot_be(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        config = api.make_config("cut", "smoke", TINY | changes)
        api.build(config, 10, 10, tmp_path)


def test_grey_rectangles(tmp_path):
    sizes = {"data.size": (16, 24), "data.load_size": (16, 24), "data.channels": 1}
    config = api.make_config("cut", "smoke", TINY | sizes)
    algorithm = api.build(config, 10, 10, tmp_path).algorithm
    assert algorithm.networks["G"].input_shape == (None, None, None, 1)
    assert algorithm.networks["F"].inputs[0].shape[-1] == 1
    assert algorithm.shape(algorithm.stages[0]) == (2, 16, 24, 1)


# --- published weights


def saved(folder, network):
    """A file of the authors' network, by hand."""
    with np.load(GOLDEN / "cut_step.npz") as file:
        prefix = f"state/{network}."
        state = {k.removeprefix(prefix): file[k] for k in file if k.startswith(prefix)}
    return write(folder / f"latest_net_{network}.pth", state)


def test_imported_weights_translate(tmp_path):
    """The generator has 2 blocks, so the four published layers that it has are compared; the
    authors' MLPs are for 5."""
    run_dir = tmp_path / "run"
    with flagsaver.as_parsed(direction="BtoA"):
        for kind, network in (("generator", "G"), ("discriminator", "D"), ("patch_mlp", "F")):
            model, known = find_import(f"cut/{kind}")
            path = saved(tmp_path, network)
            if network == "F":
                with pytest.raises(InputError, match="is not a F of this configuration"):
                    import_weights(model, known, path, run_dir, options=FLAGS, say=[].append)
            else:
                import_weights(model, known, path, run_dir, options=FLAGS, say=[].append)
    run = api.load(run_dir, say=[].append)
    assert run.algorithm.directions == ("BtoA",)
    assert run.config.algorithm.nce_layers == (0, 4, 8, 12)
    found = run.translate(noise(32, 24), "BtoA")
    network = import_network("cut/generator", tmp_path / "latest_net_G.pth")
    expected = np.asarray(network(noise(32, 24)[None] / np.float32(127.5) - 1))[0]
    np.testing.assert_allclose(found, (expected + 1) * 127.5, atol=1)


def test_imported_mlps_go_with_their_generator(tmp_path):
    """Of 5 blocks, as the published layers need."""
    network = patch_mlps((3, 4, 8, 8, 8), 6)
    state = {}
    for layer in network.layers:
        if layer.weights:
            name = f"{layer.name[:-2]}.{layer.name[-1]}"
            state[f"{name}.weight"] = np.ascontiguousarray(layer.kernel.numpy().T)
            state[f"{name}.bias"] = layer.bias.numpy()
    model, known = find_import("cut/patch_mlp")
    path = write(tmp_path / "latest_net_F.pth", state)
    import_weights(model, known, path, tmp_path / "run", options=FLAGS, say=[].append)
    run = api.load(tmp_path / "run", say=[].append)
    assert (run.config.algorithm.ngf, run.config.algorithm.nce_width) == (2, 6)
    for one, two in zip(run.algorithm.networks["F"].weights, network.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(InputError, match="imported without G. Import it with scripts.import"):
        run.translate(noise(16, 16))
