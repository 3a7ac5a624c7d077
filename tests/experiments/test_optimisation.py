"""Optimised pictures, gatys and texture, through the runner."""

import keras
import numpy as np
import pytest
import tiny
from commands import cut_power
from PIL import Image
from test_runner import error, main

from experiments import api
from experiments.data import pictures
from nst.gatys.algorithm import Gatys
from nst.weights import random_weights, save_weights


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Pictures of noise, masks and narrow weights; not to be changed."""
    root = tmp_path_factory.mktemp("optimisation")
    tiny.noise(root, 3, 0, (40, 60))
    left = np.zeros((16, 16), np.uint8)
    left[:, :8] = 255
    Image.fromarray(left).save(root / "left.png")
    Image.fromarray(255 - left).save(root / "right.png")
    Image.fromarray(0 * left).save(root / "black.png")
    (root / "empty.png").write_bytes(b"")
    for network in ("vgg16", "vgg19"):
        save_weights(root / f"{network}.npz", random_weights(network, width=1 / 16))
    return root


def flags(here, run_dir, *more, model="gatys", style=("1.png",), **changes):
    content = [f"--content={here}/0.png"] if model == "gatys" else []
    return [
        f"--model={model}",
        "--preset=smoke",
        "--size=32",
        f"--weights={here}/vgg19.npz",
        f"--run_dir={run_dir}",
        *content,
        *(f"--style={here}/{name}" for name in style),
        *(f"--set={key}={value}" for key, value in changes.items()),
        *(argument.format(here=here) for argument in more),
    ]


# --- runs


@pytest.mark.parametrize(("model", "shape"), [("gatys", (300, 451)), ("texture", (48, 48))])
def test_the_smoke_presets_run(model, shape, tmp_path, monkeypatch, capfd):
    """Embedded pictures; the result has the content's size."""
    monkeypatch.chdir(tmp_path)
    assert main(f"--model={model}", "--preset=smoke", "--output=out.png") == 0
    out, said = capfd.readouterr()
    assert "objective/total" in out and "Traceback" not in said
    assert pictures.read(tmp_path / "out.png").shape == (*shape, 3)
    (run_dir,) = (tmp_path / "runs" / model).iterdir()
    name = {"gatys": "smoke-chelsea-immunohistochemistry", "texture": "smoke-gravel"}[model]
    assert run_dir.name == name and list((run_dir / "samples").iterdir())
    assert np.array_equal(pictures.read(run_dir / "result.png"), pictures.read("out.png"))


@pytest.mark.parametrize("model", ["gatys", "texture"])
def test_the_same_command_again_is_complete_and_writes_the_same(model, here, tmp_path, capfd):
    command = flags(here, tmp_path / "run", f"--output={tmp_path}/out", model=model)
    assert main(*command) == 0
    (target,) = (tmp_path / "out").iterdir()
    assert target.name == {"gatys": "0-1.png", "texture": "1.png"}[model]
    first, out = pictures.read(target), capfd.readouterr().out
    target.unlink()
    assert main(*command) == 0
    again = capfd.readouterr()
    assert again.out == out and "this run is complete: 6 of 6 images" in again.err
    assert np.array_equal(pictures.read(target), first)
    losses = [row["loss/total"] for row in tiny.rows(tmp_path / "run") if "loss/total" in row]
    assert len(losses) == 6 and losses[-1] < 0.9 * losses[0]
    assert main(*command, "--seed=1") == 1
    assert "seed: 0 -> 1" in capfd.readouterr().err


# every state that goes on is in the three that are not thorough
RESUMED = {
    "lbfgs": {},
    "lbfgs_restart": {"algorithm.restart": 2},
    "lbfgs_pyramid": {"algorithm.pyramid": 24, "algorithm.pyramid_images": 2},
    "adam": {"algorithm.optimizer": "adam"},
    "adam_pyramid": {
        "algorithm.optimizer": "adam",
        "algorithm.pyramid": 24,
        "algorithm.pyramid_images": 4,
    },
}


@pytest.mark.backends
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.thorough] if kind in ("lbfgs", "adam") else [])
        for kind in RESUMED
    ],
)
def test_a_power_cut_changes_nothing(kind, here, tmp_path, capfd):
    changes = RESUMED[kind]
    assert main(*flags(here, tmp_path / "whole", **changes)) == 0
    command = flags(here, tmp_path / "run", **changes)
    cut_power(lambda: main(*command), Gatys, 5)  # 3 are saved
    capfd.readouterr()
    assert main(*command) == 0
    assert "going on after 3 of 6 images" in capfd.readouterr().err
    tiny.assert_same_state(tmp_path / "run", tmp_path / "whole")
    assert tiny.rows(tmp_path / "run") == tiny.rows(tmp_path / "whole")
    whole, again = (tmp_path / name / "result.png" for name in ("whole", "run"))
    assert whole.read_bytes() == again.read_bytes()
    short = tmp_path / "short"
    assert main(*flags(here, short, "--images=5", **changes)) == 0
    assert not np.array_equal(pictures.read(short / "result.png"), pictures.read(whole))


def test_styles_weights_masks_and_colours_together(here, tmp_path):
    everything = {
        "--style_weights=0.7,0.3": None,
        "--mask={here}/left.png": None,
        "--mask={here}/right.png": None,
        "--colours=luminance": None,
    }
    command = flags(here, tmp_path / "run", *everything, style=("1.png", "2.png"))
    assert main(*command) == 0
    result, content = (pictures.read(p) for p in (tmp_path / "run/result.png", here / "0.png"))
    assert result.shape == content.shape and not np.array_equal(result, content)
    level = api.load(tmp_path / "run", say=lambda line: None).algorithm.level.level
    assert level.masks.shape == (2, 21, 32) and level.style_weights == [0.7, 0.3]
    assert level.masks[0, :, :12].min() == 1 and level.masks[0, :, 20:].max() == 0
    assert len(level.styles) == 2


def test_the_contents_own_size(here, tmp_path, capfd):
    assert main(*flags(here, tmp_path / "run", "--size=0", "--images=1")) == 0
    assert "result.png: 60x40\n" in capfd.readouterr().err
    assert main(*flags(here, tmp_path / "small", "--images=1")) == 0
    assert "60x40, from 32x21; --longer_side=0 optimises" in capfd.readouterr().err
    assert pictures.read(tmp_path / "small" / "result.png").shape == (40, 60, 3)


def test_pictures_of_all_kinds(here, tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 256, (40, 60, 4), np.uint8)
    Image.fromarray(values).save(tmp_path / "rgba.png")
    Image.fromarray(values[..., 0].astype("uint16") * 257).save(tmp_path / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(values[..., 0]).save(tmp_path / "turned.jpg", exif=exif)
    given = [f for f in flags(here, tmp_path / "run", "--images=1") if not f.startswith("--cont")]
    given = [f for f in given if not f.startswith("--style")]
    styles = f"--style={tmp_path}/rgba.png", f"--style={tmp_path}/deep.png"
    assert main(*given, f"--content={tmp_path}/turned.jpg", *styles) == 0
    assert pictures.read(tmp_path / "run" / "result.png").shape == (60, 40, 3)


def test_the_api_gives_the_run(here, tmp_path, capfd):
    path = tmp_path / "run"
    assert main(*flags(here, path)) == 0
    run = api.load(path, say=lambda line: None)
    scores = run.evaluate()
    assert scores["objective/total"] == pytest.approx(tiny.rows(path)[-1]["objective/total"])
    with pytest.raises(api.InputError, match="gatys does not stylize"):
        run.stylize(None, [])
    capfd.readouterr()
    assert main("--model=gatys", "--mode=evaluate", f"--run_dir={path}") == 0
    assert f"{scores['objective/total']:.3f}" in capfd.readouterr().out
    assert main("--model=gatys", "--mode=stylize", f"--run_dir={path}", "--output=x") == 1
    assert "not a mode of gatys, which has train, evaluate" in error(capfd)


@pytest.mark.parametrize("model", ["gatys", "texture"])
def test_a_dry_run_writes_nothing(model, here, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    given = "--dry_run", f"--output={tmp_path}/out/x.png"
    assert main(*flags(here, tmp_path / "run", *given, model=model)) == 0
    out, said = capfd.readouterr()
    for line in (f"{'model':28} {model}", "data.size ", "features  ", "memory (estimate)  "):
        assert line in out
    assert said == "" and list(tmp_path.iterdir()) == []


# --- what is refused

LAYER = "--set=algorithm.style_layers=relu1_1,"
BAD = [
    ([f"{LAYER}relu9_9"], "vgg19 has no such layer, the nearest is 'relu5_"),
    ([f"{LAYER}block4_conv2"], "vgg19 has no such layer, the nearest is 'conv4_2'"),
    (["--set=algorithm.content_layers=conv3_9"], "layer 'conv3_9': vgg19 has no such layer"),
    ([f"{LAYER}relu1_1"], "a layer is named twice"),
    (["--content={here}/none.png"], "none.png"),
    (["--content={here}/empty.png"], "empty.png: an empty file"),
    (["--content={here}"], "optimisation"),
    (["--content=photos:chelse"], "'photos:chelse': no such picture"),
    (["--style={here}/empty.png"], "empty.png: an empty file"),
    (["--mask={here}/left.png", "--mask={here}/right.png"], "2 masks for 1 styles"),
    (["--mask={here}/black.png"], "mask 1 is black everywhere"),
    (["--mask={here}/none.png"], "none.png"),
    (["--style_weights=1,2"], "2 style weights for 1 styles"),
    (["--style_weights=0"], "do not sum to zero"),
    (["--style_weights=x"], "--style_weights=x: expected numbers"),
    (["--colours=sepia"], "colours='sepia': expected one of style"),
    (["--size=12"], "12x8 pixels, but relu2_"),
    (["--size=4"], "size=4: expected 8 or more"),
    (["--size=-3"], "size=-3: expected a number of pixels, or 0"),
    (["--set=data.style_scale=0.2"], "1.png': 6x4 pixels, but relu2_1 of vgg19 sees"),
    (
        ["--set=algorithm.pyramid=64", "--set=algorithm.pyramid_images=2"],
        "below that of the result",
    ),
    (["--set=algorithm.optimizer=sgd"], "optimizer='sgd': expected one of lbfgs, adam"),
    (["--weights={here}/vgg16.npz", "--set=algorithm.network=vgg19"], "vgg16"),
    (["--weights={here}/0.png"], "0.png"),
    (["--weights=imagnet"], "Did you mean 'imagenet'?"),
    (["--alpha=0.5"], "--alpha: not an option of --model=gatys --mode=train"),
    (["--style_size=64"], "--style_size: not an option of --model=gatys --mode=train"),
    (["--input=x"], "--input: not an option of --model=gatys --mode=train"),
    (["--dataset=photos"], "--dataset: gatys takes no data set"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_what_gatys_refuses(arguments, message, here, tmp_path, capfd):
    names = [argument.partition("=")[0] for argument in arguments if "--set" not in argument]
    usual = [f for f in flags(here, tmp_path / "run") if f.partition("=")[0] not in names]
    assert main(*usual, *(argument.format(here=here) for argument in arguments)) == 1
    assert message in error(capfd)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_texture_has_no_content(here, tmp_path, capfd):
    command = flags(here, tmp_path / "run", "--content={here}/0.png", model="texture")
    assert main(*command) == 1
    assert "--content" in error(capfd)


def test_a_texture_needs_a_size(here, tmp_path, capfd):
    assert main(*flags(here, tmp_path / "run", "--size=0", model="texture")) == 1
    assert "size=0 is the content's own size, and there is no content" in error(capfd)


@pytest.mark.parametrize("model", ["gatys", "texture"])
@pytest.mark.parametrize("output", ["file/out", "out.jpg", "file/one.png"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    output, model, here, tmp_path, capfd
):
    (tmp_path / "file").write_text("")
    command = flags(here, tmp_path / "run", f"--output={tmp_path}/{output}", model=model)
    assert main(*command) == 1
    assert "--output=" in error(capfd)
    assert not (tmp_path / "run").exists()


def test_the_result_is_not_written_over_a_picture_that_is_read(here, tmp_path, capfd):
    content = tmp_path / "0.png"
    content.write_bytes((here / "0.png").read_bytes())
    given = [f for f in flags(here, tmp_path / "run") if not f.startswith("--content")]
    assert main(*given, f"--content={content}", f"--output={content}") == 1
    assert "would overwrite" in error(capfd)
    assert content.read_bytes() == (here / "0.png").read_bytes()


@pytest.mark.parametrize("model", ["gatys", "texture", "adain"])
def test_weights_that_cannot_be_downloaded(model, tmp_path, monkeypatch, capfd):
    def fetch(**_):
        address = "https://storage.googleapis.com/vgg19.h5"
        raise Exception(f"URL fetch failure on {address}: None -- [Errno -2] Name not known")

    monkeypatch.setattr(keras.applications, "VGG19", fetch)
    monkeypatch.chdir(tmp_path)
    assert main(f"--model={model}", "--preset=quick") == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("error: "))
    assert "vgg19 could not be downloaded ([Errno -2] Name not known)" in line
    for way in (
        "Go online once",
        "--vgg_weights=FILE",
        "--vgg_weights=hed",
        "--vgg_weights=random",
    ):
        assert way in line


NEWER = {"--weights": "--vgg_weights"}  # names of older flags


@pytest.mark.parametrize("flag", ["--content=x", "--style=x", "--mask=x", "--weights=random",
                                  "--colours=luminance", "--size=64", "--alpha=1",
                                  "--output=x"])  # fmt: skip
def test_cyclegan_has_no_such_flags(flag, capfd, tmp_path):
    name = flag.partition("=")[0]
    assert main("--preset=smoke", f"--run_dir={tmp_path}/run", flag) == 1
    assert f"{NEWER.get(name, name)}: not an option of --model=cyclegan" in error(capfd)
