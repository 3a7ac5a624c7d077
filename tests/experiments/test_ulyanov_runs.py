"""Texture networks through the runner: training, going on, stylising, and making textures."""

import numpy as np
import pytest
import tiny
from commands import cut_power, load_once
from PIL import Image
from test_runner import error, main

from experiments import api
from experiments.data import pictures
from experiments.training import checkpoint
from nst.ulyanov.algorithm import Ulyanov, UlyanovTexture
from nst.weights import random_weights, save_weights

SIZE = (40, 52)
KINDS = {"ulyanov": Ulyanov, "ulyanov_texture": UlyanovTexture}
RANDOM = np.random.default_rng(3)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder "content" (3), a style and narrow weights; not to be changed."""
    root = tmp_path_factory.mktemp("ulyanov")
    tiny.noise(root / "content", 3, 0, SIZE)
    tiny.noise(root, 1, 1, SIZE)
    (root / "0.png").rename(root / "style.png")
    save_weights(root / "vgg16.npz", random_weights("vgg16", width=1 / 32))
    return root


def flags(here, run_dir, model, *more):
    changes = {"algorithm.style_size": 32, "eval_every": 8, "sample_every": 8}
    given = [f"--model={model}", "--preset=smoke", f"--style={here}/style.png",
             f"--weights={here}/vgg16.npz", f"--run_dir={run_dir}",
             *(f"--set={key}={value}" for key, value in changes.items())]  # fmt: skip
    if model == "ulyanov":
        given.append(f"--dataset=folder:{here}/content")
    return [*given, *more]


@pytest.fixture(scope="module")
def trained(here, tmp_path_factory):
    """The directories of runs that nothing interrupted, by model; not to be changed."""
    found = {model: tmp_path_factory.mktemp("runs") / model for model in KINDS}
    for model, path in found.items():
        assert main(*flags(here, path, model)) == 0
    return found


@pytest.fixture(scope="module")
def loaded(trained):
    """The runs, ready to be used, by model."""
    return {model: api.load(path, say=lambda line: None) for model, path in trained.items()}


@pytest.fixture
def stylize(loaded, trained, monkeypatch):
    """`--mode=stylize` into an output with further flags; its exit status."""
    load_once(monkeypatch, loaded["ulyanov"])

    def call(output, *more):
        run = f"--run_dir={trained['ulyanov']}", f"--output={output}"
        return main("--model=ulyanov", "--mode=stylize", *run, *more)

    return call


@pytest.fixture
def sampled(loaded, trained, monkeypatch):
    """`--mode=sample` of textures into an output with further flags; its exit status."""
    load_once(monkeypatch, loaded["ulyanov_texture"])

    def call(output, *more):
        run = f"--run_dir={trained['ulyanov_texture']}", f"--output={output}"
        return main("--model=ulyanov_texture", "--mode=sample", *run, *more)

    return call


def listed(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# --- training


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.thorough
def test_a_power_cut_changes_nothing(model, here, trained, tmp_path, capfd):
    path = tmp_path / "run"
    command = flags(here, path, model)
    cut_power(lambda: main(*command), KINDS[model], 3)  # one after the checkpoint
    capfd.readouterr()
    assert main(*flags(here, path, model)) == 0
    assert "going on after 4 of 8 images" in capfd.readouterr().err
    tiny.assert_same_state(path, trained[model])
    assert tiny.rows(path) == tiny.rows(trained[model])


@pytest.mark.parametrize("model", KINDS)
def test_the_training_changes_the_network(model, trained):
    """From the checkpoint before the last to the last."""
    two, one = (dict(np.load(path)) for path in checkpoint.newest_first(trained[model]))
    still = [name for name in one if one[name].tobytes() == two[name].tobytes()]
    assert one.keys() == two.keys() and not [name for name in still if "network" in name]
    assert not [name for name in one if "features" in name]
    rates = [row["learning_rate/network"] for row in tiny.rows(trained[model])
             if "learning_rate/network" in row]  # fmt: skip
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 8e-4, 8e-4], rtol=1e-5)


@pytest.mark.parametrize("model", KINDS)
def test_sheets_scores_and_evaluation(model, trained, capfd):
    name = {"ulyanov": "stylized", "ulyanov_texture": "textures"}[model]
    assert any(name in file for file in listed(trained[model] / "samples"))
    assert main(f"--model={model}", "--mode=evaluate", f"--run_dir={trained[model]}") == 0
    scores = dict(line.split() for line in capfd.readouterr().out.splitlines())
    last = [row for row in tiny.rows(trained[model]) if "test/style" in row][-1]
    assert float(scores["test/style"]) == pytest.approx(last["test/style"], rel=1e-3)
    assert ("test/content" in scores) == (model == "ulyanov")


@pytest.mark.parametrize("model", KINDS)
def test_a_dry_run_writes_nothing(model, here, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(*flags(here, tmp_path / "run", model, "--dry_run")) == 0
    out, said = capfd.readouterr()
    assert all(line in out for line in ("network  ", "features  ", "memory (estimate)  "))
    assert said == "" and list(tmp_path.iterdir()) == []


def test_the_names_of_runs():
    usual = {m: api.default_run_dir(api.make_config(m, "smoke")) for m in KINDS}
    assert str(usual["ulyanov"]) == "runs/ulyanov/smoke-photos-immunohistochemistry"
    assert str(usual["ulyanov_texture"]) == "runs/ulyanov_texture/smoke-gravel"


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("arguments, message", [
    (["--style={here}/none.png"], "none.png: there is no such picture"),
    (["--style=photos:gravel", "--style={here}/style.png"], "2 pictures came"),
    (["--set=data.size=30"], "data.size=30: this network takes multiples of 4, from 8 up"),
    (["--set=algorithm.padding=same"], "padding='same': expected one of replicate, circular"),
    (["--set=algorithm.network=vgg19"], "vgg16"),
    (["--alpha=0.5"], "--alpha: not an option of --model={model} --mode=train"),
    (["--size=64"], "--size: not an option of --model={model} --mode=train"),
], ids=str)  # fmt: skip
def test_what_training_refuses(arguments, message, model, here, tmp_path, capfd):
    given = [argument.format(here=here) for argument in arguments]
    names = [argument.partition("=")[0] for argument in given if "--set" not in argument]
    usual = [f for f in flags(here, tmp_path / "run", model) if f.partition("=")[0] not in names]
    assert main(*usual, *given) == 1
    assert message.format(model=model) in error(capfd)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_texture_needs_noise_and_has_no_data_set(here, tmp_path, capfd):
    given = flags(here, tmp_path / "run", "ulyanov_texture")
    assert main(*given, "--set=algorithm.noise=0") == 1
    assert "noise=0: without content expected 1 or more" in error(capfd)
    assert main(*given, "--dataset=photos") == 1
    assert "--dataset: ulyanov_texture takes no data set" in error(capfd)


# --- use: without the style picture and without VGG


def test_stylising_at_any_size(loaded, stylize, tmp_path):
    odd = RANDOM.integers(0, 256, (37, 43, 3), np.uint8)
    Image.fromarray(odd).save(tmp_path / "odd.png")
    assert stylize(tmp_path / "one.png", f"--content={tmp_path}/odd.png") == 0
    one = pictures.read(tmp_path / "one.png")
    run = loaded["ulyanov"]
    assert one.shape == odd.shape and np.array_equal(run.stylize(odd), one)
    assert np.array_equal(run.stylize(odd), one)  # every frame has the same noise
    assert np.array_equal(run.stylize(odd, alpha=0.0), odd)
    half = run.stylize(odd, ["style"], alpha=0.5).astype(int)
    assert np.abs(half - (one.astype(int) + odd) / 2).max() <= 1
    assert run.stylize(odd[:3, :5]).shape == (3, 5, 3)


def test_stylising_with_a_mask_and_the_contents_colours(here, loaded, stylize, tmp_path):
    run = loaded["ulyanov"]
    content = pictures.read(here / "content" / "0.png")
    mask = np.zeros(SIZE, np.float32)
    mask[:, :20] = 1
    masked, whole = run.stylize(content, masks=[mask]), run.stylize(content)
    assert np.array_equal(masked[:, :20], whole[:, :20])
    assert np.array_equal(masked[:, 20:], content[:, 20:])
    assert stylize(tmp_path / "out", f"--content={here}/content", "--colours=luminance") == 0
    assert listed(tmp_path / "out") == [f"{i}-style.png" for i in range(3)]
    grey = pictures.read(tmp_path / "out" / "0-style.png").astype(int)
    assert not np.array_equal(grey, whole)


def test_textures_by_seed_and_size(loaded, sampled, tmp_path):
    assert sampled(tmp_path / "out", "--seeds=0-1,7", "--size=45") == 0
    names = ["seed0000.png", "seed0001.png", "seed0007.png"]
    assert listed(tmp_path / "out") == names
    found = np.stack([pictures.read(tmp_path / "out" / name) for name in names])
    assert found.shape == (3, 45, 45, 3)
    assert sampled(tmp_path / "again", "--seeds=7", "--size=45") == 0
    assert np.array_equal(pictures.read(tmp_path / "again" / names[2]), found[2])
    run = loaded["ulyanov_texture"]
    assert np.array_equal(run.sample([7, 0], size=45), found[[2, 0]])
    floats = [run.algorithm.texture(seed, 45, 45) for seed in (0, 1)]
    assert np.abs(floats[0] - floats[1]).max() > 1e-4
    assert run.sample(2).shape == (2, 32, 32, 3)


@pytest.mark.parametrize("arguments, message", [
    (["--seeds=x"], "--seeds=x: expected numbers and ranges"),
    (["--count=0"], "--count=0: expected 1 or more"),
    (["--size=1000000"], "size 1000000: expected 1 to"),
    (["--truncation=0.7"], "--truncation: not an option of --model=ulyanov_texture --mode=sample"),
    (["--label=1"], "--label: not an option of --model=ulyanov_texture --mode=sample"),
    (["--alpha=0.5"], "--alpha: not an option of --model=ulyanov_texture --mode=sample"),
], ids=str)  # fmt: skip
def test_what_sampling_refuses(arguments, message, sampled, tmp_path, capfd):
    assert sampled(tmp_path / "out", *arguments) == 1
    assert message in error(capfd)
    assert not (tmp_path / "out").exists() or not listed(tmp_path / "out")


def test_other_generators_take_no_size(tmp_path, capfd):
    given = "--mode=sample", f"--output={tmp_path}/out", "--size=64"
    assert main("--model=dcgan", *given) == 1
    assert "--size: not an option of --model=dcgan --mode=sample" in error(capfd)


def test_the_modes(here, trained, tmp_path, capfd):
    given = "--mode=stylize", f"--content={here}/content", f"--output={tmp_path}/out"
    assert main("--model=ulyanov_texture", f"--run_dir={trained['ulyanov_texture']}", *given) == 1
    assert "not a mode of ulyanov_texture, which has train, evaluate, sample" in error(capfd)
