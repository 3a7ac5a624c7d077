"""Style swap through the runner: training and going on, stylising, and optimised pictures."""

import shutil

import numpy as np
import pytest
import tiny
from commands import cut_power, load_once
from PIL import Image
from test_runner import error, main

from experiments import api
from experiments.data import pictures
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.optimisation import SwapOptimisation
from nst.weights import random_weights, save_weights

SIZE = (40, 48)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Folders "content" (3), "style" (2) and "small", masks and narrow weights; not to be
    changed."""
    root = tmp_path_factory.mktemp("style_swap")
    tiny.noise(root / "content", 3, 0, SIZE)
    tiny.noise(root / "style", 2, 1, SIZE)
    tiny.noise(root / "small", 1, 2, (20, 90))
    left = np.zeros((40, 48), np.uint8)
    left[:, :24] = 255
    Image.fromarray(left).save(root / "left.png")
    Image.fromarray(255 - left).save(root / "right.png")
    for network in ("vgg16", "vgg19"):
        save_weights(root / f"{network}.npz", random_weights(network, width=1 / 32))
    full = random_weights(width=1 / 32)
    short = {name: pair for name, pair in full.kernels.items() if name < "conv3"}
    save_weights(root / "short.npz", type(full)("short", "vgg19", short, full.colour))
    return root


def flags(here, run_dir, *more, **changes):
    return [
        "--model=style_swap",
        "--preset=smoke",
        f"--dataset=folder:{here}/content,folder:{here}/style",
        f"--weights={here}/vgg19.npz",
        f"--run_dir={run_dir}",
        *(f"--set={key}={value}" for key, value in changes.items()),
        *(argument.format(here=here) for argument in more),
    ]


@pytest.fixture(scope="module")
def trained(here, tmp_path_factory):
    """The directory of a run that nothing interrupted; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "style_swap"
    assert main(*flags(here, path)) == 0
    return path


def listed(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# --- training


def test_the_smoke_preset_trains(tmp_path, capfd):
    """On networks of the full size."""
    assert main("--model=style_swap", "--preset=smoke", f"--run_dir={tmp_path}", "--images=2") == 0
    out, said = capfd.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["images", "test/features", "test/tv"]
    assert "Traceback" not in said and listed(tmp_path / "samples")


def test_the_losses_of_a_run(trained):
    losses = [row for row in tiny.rows(trained) if "loss/features" in row]
    assert [row["images"] for row in losses] == [2, 4, 6, 8]
    assert losses[-1]["loss/features"] < losses[0]["loss/features"]
    assert listed(trained / "samples")[-1].startswith("stylized")


@pytest.mark.parametrize("norm", ["instance", pytest.param("batch", marks=pytest.mark.thorough)])
def test_a_power_cut_changes_nothing(norm, here, trained, tmp_path, capfd):
    command, whole = flags(here, tmp_path / "run", **{"algorithm.norm": norm}), trained
    if norm != "instance":  # that of the preset
        whole = tmp_path / "whole"
        assert main(*flags(here, whole, **{"algorithm.norm": norm})) == 0
    cut_power(lambda: main(*command), StyleSwap, 3)  # after 6 images; 4 are saved
    capfd.readouterr()
    assert main(*command) == 0
    assert "going on after 4 of 8 images" in capfd.readouterr().err
    tiny.assert_same_state(tmp_path / "run", whole)
    assert tiny.rows(tmp_path / "run") == tiny.rows(whole)


def test_vgg16_stylises_and_other_weights_are_not_those_of_the_training(here, tmp_path, capfd):
    """The others come under the same name."""
    shutil.copy(here / "vgg16.npz", tmp_path / "vgg16.npz")
    given = [f for f in flags(here, tmp_path / "run") if not f.startswith("--weights")]
    given += [f"--weights={tmp_path}/vgg16.npz", "--images=2"]
    assert main(*given) == 0
    run = api.load(tmp_path / "run", say=lambda line: None)
    content = pictures.read(here / "content" / "0.png")
    assert run.algorithm.network == "vgg16"
    assert run.stylize(content, [content]).shape == content.shape
    save_weights(tmp_path / "vgg16.npz", random_weights("vgg16", seed=5, width=1 / 32))
    capfd.readouterr()
    assert main(*given) == 1
    said = capfd.readouterr().err
    assert "error: " in said and "'weights': " in said and "Traceback" not in said


REFUSED = [
    (["--dataset=folder:{here}/content"], "this model needs content, style. Give two folders"),
    (["--weights={here}/short.npz"], "conv2_2, style swap needs conv3_1"),
    (["--weights={here}/left.png"], "left.png"),
    (["--set=data.size=20", "--set=data.load_size=20"], "relu3_1 and its patches see 24 pixels"),
    (["--set=algorithm.patch=9"], "relu3_1 and its patches see 36 pixels"),
    (["--set=algorithm.patch=0"], "patch=0: expected 1 or more"),
    (["--set=algorithm.norm=layer"], "norm='layer'"),
    (["--content={here}/content"], "--content: not an option of --model=style_swap --mode=train"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), REFUSED, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_what_training_refuses(arguments, message, here, tmp_path, capfd):
    assert main(*flags(here, tmp_path / "run", *arguments)) == 1
    assert message in error(capfd)
    assert not (tmp_path / "run" / "config.json").exists()


# --- stylising


@pytest.fixture(scope="module")
def loaded(trained):
    """The run, ready to stylise."""
    return api.load(trained, say=lambda line: None)


@pytest.fixture
def stylize(here, trained, loaded, monkeypatch):
    """`--mode=stylize` into an output with further flags; its exit status."""
    load_once(monkeypatch, loaded)

    def call(output, *arguments):
        usual = ["--content={here}/content/0.png", "--style={here}/style/0.png", "--style_size=0"]
        names = [argument.partition("=")[0] for argument in arguments]
        given = [u for u in usual if u.partition("=")[0] not in names]
        given = [argument.format(here=here) for argument in (*given, *arguments)]
        run = "--model=style_swap", "--mode=stylize", f"--run_dir={trained}", f"--output={output}"
        return main(*run, *given)

    return call


def test_folder_by_folder(stylize, tmp_path, capfd):
    folders = "--content={here}/content", "--style={here}/style"
    assert stylize(tmp_path / "out", *folders) == 0
    assert listed(tmp_path / "out") == [f"{c}-{s}.png" for c in range(3) for s in range(2)]
    found = [pictures.read(tmp_path / "out" / name) for name in listed(tmp_path / "out")]
    assert {picture.shape for picture in found} == {(*SIZE, 3)}
    assert len({picture.tobytes() for picture in found}) == 6
    assert "Traceback" not in capfd.readouterr().err


def test_masks_weights_alpha_and_colours_in_one_call(here, loaded, stylize, tmp_path):
    given = ["--style={here}/style", "--mask={here}/left.png", "--mask={here}/right.png",
             "--style_weights=0.7,0.3", "--alpha=0.8", "--colours=luminance"]  # fmt: skip
    assert stylize(tmp_path / "one.png", *given) == 0
    run = loaded
    masks = [here / f"{side}.png" for side in ("left", "right")]
    styles = [here / "style" / f"{i}.png" for i in range(2)]
    options = {"weights": (0.7, 0.3), "alpha": 0.8, "colours": "luminance"}
    expected = run.stylize(here / "content" / "0.png", styles, masks=masks, **options)
    np.testing.assert_array_equal(pictures.read(tmp_path / "one.png"), expected)
    for left_out in options:
        rest = {k: v for k, v in options.items() if k != left_out}
        plain = run.stylize(here / "content" / "0.png", styles, masks=masks, **rest)
        assert not np.array_equal(plain, expected), left_out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--content={here}/small/0.png", "90x20 pixels, but relu3_1 of vgg19 sees 24x24"),
        ("--style={here}/small/0.png", "90x20 pixels, but relu3_1 of vgg19 sees 24x24"),
        ("--mask={here}/none.png", "none.png"),
        ("--style_weights=1,2", "2 style weights for 1 styles"),
    ],
)
def test_what_stylize_refuses(argument, message, stylize, tmp_path, capfd):
    assert stylize(tmp_path / "out.png", argument) == 1
    out, said = capfd.readouterr()
    assert message in said and "error: " in said and "Traceback" not in said
    assert not (tmp_path / "out.png").exists()


# --- by optimisation


def optimise(here, run_dir, *more):
    return main(
        "--model=style_swap_optimise",
        "--preset=smoke",
        f"--weights={here}/vgg19.npz",
        f"--content={here}/content/0.png",
        f"--style={here}/style/0.png",
        f"--run_dir={run_dir}",
        *(argument.format(here=here) for argument in more),
    )


@pytest.fixture(scope="module")
def optimised(here, tmp_path_factory):
    """The directory of a picture that nothing interrupted; not to be changed."""
    path = tmp_path_factory.mktemp("optimised") / "run"
    assert optimise(here, path, "--size=40") == 0
    return path


def test_a_picture_is_optimised(here, optimised, tmp_path, capfd):
    shutil.copytree(optimised, tmp_path / "run")
    assert optimise(here, tmp_path / "run", f"--output={tmp_path}/out.png", "--size=40") == 0
    assert "objective/content" in capfd.readouterr().out
    assert pictures.read(tmp_path / "out.png").shape == (*SIZE, 3)
    rows = [row for row in tiny.rows(tmp_path / "run") if "loss/total" in row]
    assert len(rows) == 6 and rows[-1]["loss/content"] < rows[0]["loss/content"]


def test_a_power_cut_changes_no_optimisation(here, optimised, tmp_path, capfd):
    def command():
        return optimise(here, tmp_path / "run", "--size=40")

    cut_power(command, SwapOptimisation, 5)  # 3 are saved
    capfd.readouterr()
    assert command() == 0
    assert "going on after 3 of 6 images" in capfd.readouterr().err
    tiny.assert_same_state(tmp_path / "run", optimised)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--set=algorithm.patch=0", "patch=0: expected 1 or more"),
        ("--set=algorithm.patch=40", "positions of features, but a patch has 40x40"),
        ("--set=data.style_scale=0.1", "5x4 pixels, but relu3_1 of vgg19 sees 24x24"),
        ("--size=20", "20x17 pixels, but relu3_1 of vgg19 sees 24x24"),
        ("--content={here}/none.png", "none.png"),
        ("--weights={here}/short.npz", "conv2_2"),
    ],
)
def test_what_the_optimisation_refuses(argument, message, here, tmp_path, capfd):
    assert optimise(here, tmp_path / "run", argument) == 1
    assert message in error(capfd)
