"""AdaIN through the runner: training, going on, and stylising files of all kinds."""

import shutil
import signal

import numpy as np
import pytest
import tiny
from commands import cut_power, load_once
from PIL import Image
from test_resume import run as child
from test_runner import error, main

from experiments import api
from experiments.data import pictures
from experiments.training import checkpoint
from nst.adain.algorithm import AdaIN
from nst.weights import random_weights, save_weights

SIZE = (80, 96)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Folders "content" (3) and "style" (2), pictures, masks and narrow weights; not to be
    changed."""
    root = tmp_path_factory.mktemp("stylization")
    tiny.noise(root / "content", 3, 0, SIZE)
    tiny.noise(root / "style", 2, 1, SIZE)
    tiny.noise(root / "small", 1, 2, (40, 90))
    left = np.zeros((40, 64), np.uint8)
    left[:, :32] = 255
    Image.fromarray(left).save(root / "left.png")
    Image.fromarray(255 - left).save(root / "right.png")
    (root / "empty").mkdir()
    for network in ("vgg16", "vgg19"):
        save_weights(root / f"{network}.npz", random_weights(network, width=1 / 32))
    return root


def flags(here, run_dir, **changes):
    changes = {"algorithm.normalise": False, "eval_every": 8, "sample_every": 8} | changes
    return [
        "--model=adain",
        "--preset=smoke",
        f"--dataset=folder:{here}/content,folder:{here}/style",
        f"--weights={here}/vgg19.npz",
        f"--run_dir={run_dir}",
        *(f"--set={key}={value}" for key, value in changes.items()),
    ]


@pytest.fixture(scope="module")
def trained(here, tmp_path_factory):
    """The directory of a run that nothing interrupted; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "adain"
    assert main(*flags(here, path)) == 0
    return path


@pytest.fixture(scope="module")
def loaded(trained):
    """The run, ready to stylise."""
    return api.load(trained, say=lambda line: None)


@pytest.fixture
def stylize(trained, loaded, monkeypatch):
    """`--mode=stylize` of the trained run with further flags; its exit status. The run is loaded
    once for all."""
    load_once(monkeypatch, loaded)

    def call(*arguments, output):
        return main(
            "--model=adain",
            "--mode=stylize",
            f"--run_dir={trained}",
            f"--output={output}",
            "--style_size=0",
            "--alpha=1",
            *arguments,
        )

    return call


def listed(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# --- training


def test_the_smoke_preset_trains(tmp_path, capfd):
    """On networks of the full size, but for their rescaling, which takes half a minute."""
    given = "--preset=smoke", "--images=2", "--set=algorithm.normalise=false"
    assert main("--model=adain", f"--run_dir={tmp_path}/run", *given) == 0
    out, said = capfd.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == [
        "images",
        "test/content",
        "test/style",
    ]
    assert "Traceback" not in said
    assert listed(tmp_path / "run" / "samples")


def test_two_folders_and_the_same_command_again(here, trained, tmp_path, capfd):
    path = tmp_path / "run"
    shutil.copytree(trained, path)
    before = tiny.newest(path)
    assert main(*flags(here, path)) == 0
    assert "this run is complete: 8 of 8 images" in capfd.readouterr().err
    after = tiny.newest(path)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    losses = [row for row in tiny.rows(trained) if "loss/style" in row]
    assert [row["images"] for row in losses] == [2, 4, 6, 8]
    assert losses[-1]["loss/style"] != losses[0]["loss/style"]
    assert main(*flags(here, path, **{"algorithm.style_weight": 1})) == 1
    assert "algorithm.style_weight: 0.01 -> 1.0" in capfd.readouterr().err


def test_a_power_cut_changes_nothing(here, trained, tmp_path, capfd):
    path = tmp_path / "run"
    cut_power(lambda: main(*flags(here, path)), AdaIN, 3)  # after 6 images; 4 are saved
    capfd.readouterr()
    assert main(*flags(here, path)) == 0
    assert "going on after 4 of 8 images" in capfd.readouterr().err
    tiny.assert_same_state(path, trained)
    assert tiny.rows(path) == tiny.rows(trained)


@pytest.mark.slow
def test_kill_minus_nine_changes_nothing(here, tmp_path):
    assert child("none", flags(here, tmp_path / "whole"))[0] == 0
    assert child("SIGKILL@step:3", flags(here, tmp_path / "run"))[0] == -signal.SIGKILL
    status, said = child("none", flags(here, tmp_path / "run"))
    assert status == 0 and "going on after 4 of 8 images" in said, said
    tiny.assert_same_state(tmp_path / "run", tmp_path / "whole")


def test_the_training_changes_what_it_should(trained):
    """From the checkpoint before the last to the last."""
    two, one = (dict(np.load(path)) for path in checkpoint.newest_first(trained))
    still = [name for name in one if one[name].tobytes() == two[name].tobytes()]
    assert one.keys() == two.keys() and not [name for name in still if "decoder" in name]


def test_the_other_modes(here, trained, capfd):
    given = "--mode=translate", f"--input={here}/content", f"--output={here}/out"
    assert main("--model=adain", f"--run_dir={trained}", *given) == 1
    assert "not a mode of adain, which has train, evaluate, stylize" in error(capfd)
    assert main("--model=adain", "--mode=evaluate", f"--run_dir={trained}") == 0
    scores = dict(line.split() for line in capfd.readouterr().out.splitlines())
    stored = tiny.rows(trained)[-1]
    assert float(scores["test/style"]) == pytest.approx(stored["test/style"], abs=1e-3)


# --- stylising


def test_folder_by_folder(here, stylize, tmp_path, capfd):
    output = tmp_path / "out"
    folders = f"--content={here}/content", f"--style={here}/style"
    assert stylize(*folders, output=output) == 0
    assert listed(output) == [f"{c}-{s}.png" for c in range(3) for s in range(2)]
    found = {name: pictures.read(output / name) for name in listed(output)}
    assert {picture.shape for picture in found.values()} == {(*SIZE, 3)}
    assert len({picture.tobytes() for picture in found.values()}) == 6
    assert "Traceback" not in capfd.readouterr().err


def test_a_single_png_of_several_styles_with_weights_and_masks(here, loaded, stylize, tmp_path):
    output, content = tmp_path / "new" / "one.png", f"{here}/content/0.png"
    styles = [f"{here}/style/{i}.png" for i in range(2)]
    masks = [f"{here}/{side}.png" for side in ("left", "right")]  # of another size
    arguments = [f"--content={content}", "--style_weights=0.7,0.3", "--alpha=0.8",
                 "--colours=luminance", *(f"--style={s}" for s in styles),
                 *(f"--mask={m}" for m in masks)]  # fmt: skip
    assert stylize(*arguments, output=output) == 0
    read = [pictures.read(p) for p in (content, *styles)]
    wide = [np.kron([[a, b]], np.ones((80, 48))).astype("float32") for a, b in ((1, 0), (0, 1))]
    options = {"weights": (0.7, 0.3), "alpha": 0.8, "colours": "luminance"}
    expected = loaded.stylize(read[0], read[1:], masks=wide, **options).astype(int)
    assert np.abs(pictures.read(output) - expected).max() <= 2  # the enlarged mask has soft edges
    assert listed(tmp_path / "new") == ["one.png"]


def test_alpha_is_1_where_none_is_given(here, trained, tmp_path):
    pair = f"--content={here}/content/0.png", f"--style={here}/style/0.png"
    usual = "--model=adain", "--mode=stylize", f"--run_dir={trained}", "--style_size=0", *pair
    for name, more in (("none", []), ("one", ["--alpha=1"]), ("zero", ["--alpha=0"])):
        assert main(*usual, *more, f"--output={tmp_path}/{name}.png") == 0
    none, one, zero = (pictures.read(tmp_path / f"{n}.png") for n in ("none", "one", "zero"))
    assert np.array_equal(none, one) and not np.array_equal(none, zero)


def test_the_sizes_of_content_and_style(here, stylize, tmp_path):
    pair = f"--content={here}/content/0.png", f"--style={here}/style/0.png"
    assert stylize(*pair, "--size=100", "--style_size=70", output=tmp_path / "one.png") == 0
    assert pictures.read(tmp_path / "one.png").shape == (100, 120, 3)


def test_grey_transparent_deep_and_turned_pictures(here, stylize, tmp_path):
    folder, values = tmp_path / "in", np.random.default_rng(0).integers(0, 256, (*SIZE, 4), "uint8")
    folder.mkdir()
    Image.fromarray(values[..., 0]).save(folder / "grey.png")
    Image.fromarray(values).save(folder / "rgba.png")
    Image.fromarray(values[..., :3]).quantize(16).save(folder / "palette.gif")
    Image.fromarray(values[..., 0].astype("uint16") * 257).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(values[..., :3]).save(folder / "turned.jpg", exif=exif)
    output, style = tmp_path / "out", f"--style={folder}/grey.png"
    assert stylize(f"--content={folder}", style, output=output) == 0
    shapes = {name: pictures.read(output / name).shape[:2] for name in listed(output)}
    names = {f"{stem}-grey.png": SIZE for stem in ("grey", "rgba", "palette", "deep")}
    assert shapes == names | {"turned-grey.png": SIZE[::-1]}
    assert np.array_equal(
        pictures.read(output / "grey-grey.png"), pictures.read(output / "deep-grey.png")
    )


def test_damaged_files_are_named_and_left_out(here, stylize, tmp_path, capfd):
    folder = tmp_path / "in"
    shutil.copytree(here / "content", folder)
    (folder / "1.png").write_bytes(b"")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:200])
    style = f"--style={here}/style/0.png"
    assert stylize(f"--content={folder}", style, output=tmp_path / "out") == 0
    assert listed(tmp_path / "out") == ["0-0.png"]
    said = capfd.readouterr().err
    assert said.count("left out: ") == 2 and "Traceback" not in said
    assert f"{folder}/1.png: an empty file" in said and f"{folder}/2.png" in said
    assert stylize(f"--content={folder}/1.png", style, output=tmp_path / "one.png") == 1
    said = capfd.readouterr().err
    assert f"error: Cannot read the picture {folder}/1.png: an empty file" in said


def test_a_small_picture_is_named_and_the_others_are_made(here, stylize, tmp_path, capfd):
    folder = tmp_path / "in"
    shutil.copytree(here / "content", folder)
    shutil.copy(here / "small" / "0.png", folder / "1.png")
    style = f"--style={here}/style/0.png"
    assert stylize(f"--content={folder}/1.png", style, output=tmp_path / "one.png") == 1
    assert "90x40 pixels, but relu4_1 of vgg19 sees 68x68" in error(capfd)
    assert stylize(f"--content={folder}", style, output=tmp_path / "out") == 0
    assert listed(tmp_path / "out") == ["0-0.png", "2-0.png"]
    assert f"{folder}/1.png" in capfd.readouterr().err


REFUSED = [
    (["--content={here}/empty"], "--content={here}/empty: no pictures in this folder"),
    (["--content={here}/none.png"], "--content={here}/none.png: does not exist"),
    (["--style={here}/empty"], "--style={here}/empty: no pictures in this folder"),
    (["--content=photos:chelse"], "'photos:chelse': no such picture"),
    (["--mask={here}/left.png", "--style={here}/style"], "1 masks for 2 styles"),
    (["--mask={here}/none.png"], "none.png"),
    (["--mask={here}/empty"], "empty"),
    (["--style_weights=1,2"], "2 style weights for 1 styles"),
    (["--style_weights=-1"], "style weights -1"),
    (["--style_weights=a,b"], "--style_weights=a,b: expected numbers"),
    (["--alpha=1.5"], "--alpha=1.5: expected a number from 0 to 1"),
    (["--alpha=-0.1"], "--alpha=-0.1: expected a number from 0 to 1"),
    (["--colours=sepia"], "colours='sepia': expected one of style"),
    (["--size=-3"], "-3"),
    (["--style_size=-3"], "-3"),
    (["--size=20"], "pixels, but relu4_1 of vgg19 sees 68x68"),
    (["--input={here}/content"], "--input: not an option of --model=adain --mode=stylize"),
    (["--weights=random"], "--vgg_weights: not an option of --model=adain --mode=stylize"),
    (["--dry_run"], "--dry_run: not an option of --model=adain --mode=stylize"),
    (["--set=algorithm.style_weight=3"], "this run was trained with 0.01"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), REFUSED, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_what_stylize_refuses(arguments, message, here, stylize, tmp_path, capfd):
    given = [argument.format(here=here) for argument in arguments]
    defaults = [f"--content={here}/content/0.png", f"--style={here}/style/0.png"]
    names = [argument.partition("=")[0] for argument in given]
    given += [d for d in defaults if d.partition("=")[0] not in names]
    assert stylize(*given, output=tmp_path / "out.png") == 1
    out, said = capfd.readouterr()
    assert message.format(here=here) in said and "error: " in said and "Traceback" not in said
    assert out == "" and not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("output", ["file/out", "out.jpg", "file/one.png"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    output, here, stylize, tmp_path, monkeypatch, capfd
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(api.Run, "stylize", lambda *_, **__: pytest.fail("was called"))
    pair = f"--content={here}/content/0.png", f"--style={here}/style/0.png"
    assert stylize(*pair, output=tmp_path / output) == 1
    assert "--output=" in error(capfd)


def test_nothing_is_written_over_a_picture_that_is_read(here, stylize, tmp_path, capfd):
    shutil.copytree(here / "content", tmp_path / "in")
    shutil.copy(here / "style" / "0.png", tmp_path / "in" / "0-1.png")
    one = f"--style={tmp_path}/in/1.png"
    assert stylize(f"--content={tmp_path}/in/0.png", one, output=tmp_path / "in" / "0.png") == 1
    assert "would overwrite" in error(capfd)
    assert stylize(f"--content={tmp_path}/in", one, output=tmp_path / "in") == 1
    assert "would overwrite" in error(capfd)


# --- the training's own refusals

TRAINING = [
    (["--dataset=folder:{here}/content"], "this model needs content, style. Give two folders"),
    (["--dataset=folder:{here}/content,folder:{here}/empty"], "holds no pictures"),
    (["--dataset=folder:{here}/content,folder:{here}/none"], "no folder"),
    (["--dataset=photos,photos"], "each part of a list must have one"),
    (["--dataset=seasons"], "this model needs content, style"),
    (["--weights={here}/left.png"], "left.png"),
    (["--weights=imagnet"], "Did you mean 'imagenet'?"),
    (["--weights={here}/none.npz"], "none.npz"),
    (["--weights={here}/vgg16.npz", "--set=algorithm.network=vgg19"], "vgg16"),
    (["--set=data.size=60", "--set=data.load_size=60"], "relu4_1 sees 68 pixels"),
    (["--set=algorithm.style_reduction=max"], "style_reduction='max'"),
    (["--set=algorithm.style_weights=1"], "Did you mean 'algorithm.style_weight'?"),
    (["--content={here}/content"], "--content: not an option of --model=adain --mode=train"),
    (["--alpha=0.5"], "--alpha: not an option of --model=adain --mode=train"),
    (["--output=x"], "--output: not an option of --model=adain --mode=train"),
    (["--mode=stylize"], "--mode=stylize: give --output"),
    (["--mode=stylize", "--output=x"], "is not a run directory"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), TRAINING, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_what_training_refuses(arguments, message, here, tmp_path, capfd):
    given = [argument.format(here=here) for argument in arguments]
    names = [argument.partition("=")[0] for argument in given]
    usual = [f for f in flags(here, tmp_path / "run") if f.partition("=")[0] not in names]
    if "--mode" in names:
        usual = [f for f in usual if not f.startswith("--weights")]
    assert main(*usual, "--set=algorithm.normalise=false", *given) == 1
    assert message in error(capfd)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_damaged_picture_is_left_out_of_the_training(here, tmp_path, capfd):
    shutil.copytree(here / "content", tmp_path / "content")
    (tmp_path / "content" / "1.png").write_bytes(b"")
    dataset = f"--dataset=folder:{tmp_path}/content,folder:{here}/style"
    given = [f for f in flags(here, tmp_path / "run") if not f.startswith("--dataset")]
    assert main(*given, dataset, "--images=4") == 0
    assert "1 images could not be read" in capfd.readouterr().err


def test_a_dry_run_writes_nothing(here, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(*flags(here, tmp_path / "run"), "--dry_run") == 0
    out, said = capfd.readouterr()
    for line in ("model                        adain", "algorithm.style_weight       0.01",
                 "decoder  ", "encoder  ", "memory (estimate)  "):  # fmt: skip
        assert line in out
    assert said == "" and list(tmp_path.iterdir()) == []


def test_vgg16_trains_and_stylises(here, tmp_path):
    """VGG-16: the decoder mirrors it."""
    given = [f for f in flags(here, tmp_path / "run") if not f.startswith("--weights")]
    assert main(*given, f"--weights={here}/vgg16.npz", "--images=2") == 0
    run = api.load(tmp_path / "run", say=lambda line: None)
    content = pictures.read(here / "content" / "0.png")
    assert run.algorithm.network == "vgg16"
    assert run.stylize(content, [content]).shape == content.shape
    with pytest.raises(api.InputError, match="does not translate"):
        run.translate(content)


def test_masks_from_python_are_paths_strings_or_arrays(here, loaded):
    run = loaded
    content = pictures.read(here / "content" / "0.png")
    path = here / "left.png"
    one = run.stylize(content, [content], masks=[str(path)])
    assert np.array_equal(run.stylize(content, [content], masks=[path]), one)
    assert not np.array_equal(run.stylize(content, [content]), one)


def test_without_a_run_dir_the_newest_run_is_used(here, trained, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "runs/adain/mine")
    stylized = ["--model=adain", "--preset=smoke", "--mode=stylize", "--output=one.png"]
    assert main(*stylized, f"--style={here}/style/0.png", f"--content={here}/content/0.png") == 0
    assert "using the newest of adain, --run_dir=runs/adain/mine" in capfd.readouterr().err
    assert (tmp_path / "one.png").exists()
