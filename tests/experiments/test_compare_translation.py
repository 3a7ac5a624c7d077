"""Comparisons of translations, and what every comparison refuses."""

import json
import shutil

import numpy as np
import pytest
import tiny
from test_compare import ask, asked, compared, here, main, table, untrained  # noqa: F401
from test_runner import error

from experiments import api
from experiments.compare import inputs, methods
from experiments.compare.report import page
from experiments.data import pictures
from experiments.metrics import pairs


def flags(here, output, *more):  # noqa: F811
    runs = f"--runs=cyclegan={here}/cyclegan,pix2pix={here}/pix2pix"
    return ["--models=cyclegan,pix2pix", runs, "--count=3", f"--output={output}", *more]


def test_translations(here, asked, tmp_path, capsys):  # noqa: F811
    """On the same test images, with the truth; what the runs differ in is said."""
    assert main(*flags(here, tmp_path)) == 0
    found = table(tmp_path)
    assert list(found) == ["cyclegan", "pix2pix"] and "content term" not in found["cyclegan"]
    run = api.load(here / "cyclegan", say=str)
    inputs, truth, made = (
        np.stack([pictures.read(tmp_path / f"{name}/AtoB-{i:03d}.png") for i in range(3)])
        for name in ("inputs/A", "inputs/truth", "cyclegan")
    )
    assert np.abs(run.translate(inputs[1]).astype(int) - made[1]).max() <= 1
    assert "--count=3: 3 of " in capsys.readouterr().err
    assert found["cyclegan"]["PSNR, dB"] == f"{pairs.psnr(made, truth):.2f}"
    assert found["cyclegan"]["SSIM"] == f"{pairs.ssim(made, truth):.4f}"
    count = run.algorithm.networks["G_A"].count_params()
    assert found["cyclegan"]["parameters"] == str(count)  # one direction, no discriminators
    notes = (tmp_path / "comparison.md").read_text()
    assert "pix2pix: data.dataset seasons_paired, of the inputs seasons." in notes
    assert asked == ["cyclegan", "pix2pix"]


def test_two_runs_of_a_model_and_the_other_direction(
    here,  # noqa: F811
    asked,  # noqa: F811
    tmp_path,
    monkeypatch,
    capsys,
):
    """And on another device it is another comparison."""
    untrained(tmp_path / "second", "cyclegan", images=0, **{"data.dataset": "seasons", "seed": 3})
    runs = f"--runs={here}/cyclegan,second={tmp_path}/second"
    command = [runs, "--count=2", "--direction=BtoA", f"--output={tmp_path}/out"]
    assert main(*command) == 0
    found = table(tmp_path / "out")
    assert [row["training images"] for row in found.values()] == ["8", "–"]  # no images: imported
    assert list(found) == ["cyclegan", "second"]
    assert len({row["PSNR, dB"] for row in found.values()}) == 2
    capsys.readouterr()
    monkeypatch.setattr(inputs.engine, "describe_devices", lambda: "another")
    assert main(*command) == 1
    assert "what it was made from has changed: device." in error(capsys)


def test_the_newest_run_is_found(here, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    for name in ("older", "newer"):
        untrained(tmp_path / "runs" / "cyclegan" / name, "cyclegan", **{"data.dataset": "seasons"})
    said, options = [], {"preset": "quick", "changes": {}, "checkpoint": "last"}
    (found,) = methods.find(["cyclegan"], [], say=said.append, **options)
    assert found.run_dir.name == "newer" and "using its newest run" in said[0]


# --- bad input

PAIR = "--content={here}/content --style={here}/style --weights={here}/vgg19.npz"
BAD = [
    ("", "give --models, such as"),
    ("--models=adian", "--models=adian: no such model. Did you mean 'adain'?"),
    ("--models=dcgan", "dcgan: takes neither contents and styles nor test images"),
    ("--models=texture", "texture: takes neither"),
    ("--models=gatys,gatys", "gatys is given twice"),
    ("--models=gatys,cyclegan --runs=cyclegan={here}/cyclegan", "gatys: take a content"),
    ("--models=gatys --runs=gatys={here}/adain", "gatys is optimised for every picture"),
    ("--runs=adain={here}/style", "is not a run directory (no config.json)"),
    ("--runs={here}/nowhere", "is not a run directory"),
    ("--models=adain --runs=adain={here}/dumoulin", "is a run of dumoulin, not adain"),
    ("--runs={here}/adain,{here}/adain", "'adain' has a run already"),
    ("--runs=a={here}/adain,b={here}/adain", "two of them are the same directory"),
    ("--runs=../a={here}/adain", "a column's name has letters"),
    ("--runs=Sheet.png={here}/adain", "is none of inputs, tensorboard, sheet.png"),
    ("--runs={here}/adain --checkpoint=77", "--checkpoint=77"),
    ("--models=gatys", "give --content and --style"),
    ("--models=gatys --mode=train", "--mode: not an option of experiments.compare"),
    ("--models=gatys --direction=BtoA " + PAIR, "--direction: not an option of a comparison of st"),
    ("--runs={here}/adain --preset=paper " + PAIR, "--preset: is of methods that optimise"),
    ("--models=gatys --size=20 " + PAIR, "--longer_side=20: expected 32 pixels or more"),
    ("--models=gatys --set=algorithm.no=1 " + PAIR, "algorithm.no: no such key"),
    ("--models=gatys --preset=smoke --size=32 --content={here}/content --style={here}/style "
     "--weights=nonsense", "weights 'nonsense': expected imagenet"),
    ("--models=gatys --content={here}/none --style={here}/style --weights=random",
     "--content={here}/none: does not exist"),
    ("--models=gatys --style={here}/style/a.png " + PAIR, "several pictures are called 'a'"),
    ("--runs={here}/dumoulin --content={here}/content --style={here}/style/c.png "
     "--weights={here}/vgg19.npz", "(c came; learned by dumoulin: a, b)"),
    ("--models=gatys --content={here}/vgg19.npz --style={here}/style --weights=nonsense",
     "Cannot read the picture {here}/vgg19.npz"),
    ("--runs={here}/cyclegan --content={here}/content", "--content: not an option of a comparison"),
    ("--runs={here}/cyclegan --direction=up", "--direction=up: unknown. Known: AtoB, BtoA."),
    ("--runs={here}/cyclegan,{here}/pix2pix --direction=BtoA", "has learned AtoB alone"),
    ("--runs={here}/cyclegan --count=0", "--count=0: expected 1"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "expected"), BAD)
def test_bad_input(arguments, expected, here, asked, tmp_path, capsys):  # noqa: F811
    given = arguments.format(here=here).split()
    assert main(*given, f"--output={tmp_path}/out") == 1
    assert expected.format(here=here) in error(capsys)
    assert asked == [] and not (tmp_path / "out" / "report.html").exists()


def test_an_output_is_needed(capsys):
    assert main("--models=gatys") == 1
    assert "--output: give the folder" in error(capsys)


def test_several_sizes_are_refused(here, asked, tmp_path, capsys):  # noqa: F811
    changes = {"data.dataset": "seasons", "data.size": 64, "data.load_size": 64}
    untrained(tmp_path / "large", "cyclegan", **changes)
    runs = f"--runs={here}/cyclegan,large={tmp_path}/large"
    assert main(runs, f"--output={tmp_path}/out") == 1
    assert "of several sizes (cyclegan 32, large 64 pixels)" in error(capsys)


def test_inputs_that_a_method_cannot_take_are_left_out(here, asked, tmp_path, capsys):  # noqa: F811
    """AdaIN sees 68 pixels: a flat content stays without a picture; no picture at all is an
    error."""
    tiny.noise(tmp_path / "content", 1, 0, (96, 90))
    tiny.noise(tmp_path / "flat", 1, 0, (24, 96))
    (tmp_path / "flat" / "0.png").rename(tmp_path / "content" / "flat.png")
    command = [f"--runs={here}/adain", f"--style={here}/style/a.png", "--size=96",
               f"--weights={here}/vgg19.npz", f"--output={tmp_path}/out"]  # fmt: skip
    assert main(*command, f"--content={tmp_path}/content") == 0
    assert "left out: flat-a:" in capsys.readouterr().err
    assert table(tmp_path / "out")["adain"]["pictures"] == "1 of 2"
    assert main(*command, f"--content={tmp_path}/content/flat.png") == 1
    said = capsys.readouterr().err
    assert said.count("96x24 pixels, but relu4_1 of vgg19 sees 68x68") == 1
    assert "error: no method can take any of the inputs" in said


def test_a_method_that_can_take_nothing_stays_empty(here, asked, tmp_path):  # noqa: F811
    """AdaIN at 64 pixels, beside one that can and was in the folder before."""
    command = [f"--style={here}/style/a.png", "--size=64", f"--content={here}/content/0.png",
               f"--weights={here}/vgg19.npz", f"--output={tmp_path}"]  # fmt: skip
    runs = f"--runs=adain={here}/adain,dumoulin={here}/dumoulin"
    (tmp_path / "tensorboard" / "earlier").mkdir(parents=True)
    (tmp_path / "tensorboard" / "earlier" / "events.out.tfevents.1").touch()
    assert main(runs, *command) == 0
    found = table(tmp_path)
    assert {*found["adain"].values()} == {"adain", "–", "0 of 1"}
    assert float(found["dumoulin"]["style term"]) > 0
    assert {p.name for p in (tmp_path / "tensorboard").iterdir()} == {"dumoulin", "inputs"}
    notes = (tmp_path / "comparison.md").read_text()
    assert "means over one picture that all methods that made any have" in notes
    assert "as in inputs to adain; as in training, shorter side in pixels, dumoulin 40." in notes


def test_a_damaged_record_is_named(here, asked, tmp_path, capsys):  # noqa: F811
    assert main(*flags(here, tmp_path)) == 0
    capsys.readouterr()
    record = tmp_path / "pix2pix" / "AtoB-001.json"
    whole = json.loads(record.read_text())
    broken = [[1], {"made_from": 5}, whole | {"made_from": 5}, whole | {"environment": {}},
              {key: value for key, value in whole.items() if key != "seconds"}]  # fmt: skip
    for content in broken:
        record.write_text(json.dumps(content))
        assert main(*flags(here, tmp_path)) == 1
        assert f"{record} is damaged" in error(capsys)
    record.write_text(json.dumps(whole))
    tiny.noise(tmp_path / "other", 1, 0)
    shutil.copy(tmp_path / "other" / "0.png", record.with_suffix(".png"))
    assert main(*flags(here, tmp_path)) == 1
    assert "AtoB-001.png is not what was made" in error(capsys)


def test_text_is_escaped_in_the_page():
    picture = np.zeros((8, 8, 3), np.uint8)
    text = page("<b>", (["&a"], [["<i>x"]]), (["<c>"], [("<d>", [picture])]), ["<script>"])
    body = text[text.index("<body>") :]
    assert not any(tag in body for tag in ("<b>", "<i>", "<c>", "<d>", "<script>"))
    assert "&lt;script&gt;" in body and "&amp;a" in body and 'alt="&lt;c&gt;"' in body
