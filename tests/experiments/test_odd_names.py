"""Names that are not UTF-8, that are too long or have line ends: in reports and run directories."""

import os
import shutil
import sys

import pytest
import test_compare
import tiny
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from test_compare import asked, here  # noqa: F401 fixtures
from test_runner import main

from experiments import api, tables

BYTES = os.fsdecode(b"\xbb\xea")  # a Korean name as old zip programs unpack it
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")


@linux
def test_a_comparison(here, asked, tmp_path, monkeypatch, capsys):  # noqa: F811
    for place in ("content", "style"):
        tiny.noise(tmp_path / place, 1, 1, (96, 96))
    (tmp_path / "content" / "0.png").rename(tmp_path / "content" / f"{BYTES}.png")
    (tmp_path / "style" / "0.png").rename(tmp_path / "style" / ("a\n" + "雪" * 80 + ".png"))
    shutil.copy(here / "style" / "a.png", tmp_path / "style" / ("x" * 250 + ".png"))
    output = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["compare", f"--content={tmp_path}/{BYTES}"])
    command = ["--models=gatys,adain", "--preset=smoke", "--images=2", f"--runs=adain={here}/adain",
               "--size=96", f"--weights={here}/vgg19.npz", f"--content={tmp_path}/content",
               f"--style={tmp_path}/style", f"--output={output}"]  # fmt: skip
    assert test_compare.main(*command) == 0, capsys.readouterr().err
    page = (output / "report.html").read_text(encoding="utf-8")
    assert r"compare --content=" in page and r"\xbb\xea" in page
    table = (output / "comparison.md").read_text(encoding="utf-8")
    assert table.count("2 of 2") == 2 and r"\xbb\xea" in table
    assert len(list((output / "gatys").glob("*.png"))) == 2
    for path in output.rglob("*"):
        assert path.name.isprintable() and len(path.name.encode()) <= 255
    (events,) = (output / "tensorboard" / "gatys").glob("events*")
    tags = [v.tag for event in EventFileLoader(str(events)).Load() for v in event.summary.value]
    assert sum(tag.startswith("comparison/") for tag in tags) == 2
    asked.clear()
    assert test_compare.main(*command) == 0 and not asked  # all is there


@linux
def test_a_run_in_its_usual_directory(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    tiny.noise(tmp_path, 2, 0, (48, 48))
    (tmp_path / "0.png").rename(tmp_path / f"{BYTES}.png")
    (tmp_path / "1.png").rename(tmp_path / ("x" * 240 + "\n.png"))
    command = ["--model=gatys", "--preset=smoke", "--weights=random", "--images=2",
               "--longer_side=32", f"--content={BYTES}.png", f"--style={'x' * 240}\n.png",
               "--output=made"]  # fmt: skip
    assert main(*command, "--dry_run") == 0
    assert r"\xbb\xea.png" in capfd.readouterr().out
    assert main(*command) == 0, capfd.readouterr().err
    (run,) = (tmp_path / "runs" / "gatys").iterdir()
    assert (run / "result.png").exists() and len(run.name.encode()) <= 255
    assert len(list((tmp_path / "made").iterdir())) == 1
    assert main(*command) == 0  # its configuration and its fingerprints are those stored


def test_usual_directories_of_long_names(tmp_path):
    names = []
    for end in "ab":
        changes = {"data.dataset": f"folder:{'x' * 300}{end}"}
        names.append(api.default_run_dir(api.make_config("dcgan", "smoke", changes)).name)
    assert len(set(names)) == 2 and all(len(name) <= 255 for name in names)
    assert api.default_run_dir(api.make_config("dcgan", "smoke")).name == "smoke-faces"


def test_tables_of_any_name(tmp_path):
    shown = tables.write(tmp_path, "t", ["method", "x"], [[f"{BYTES}\n", "1"]])
    assert r"| \xbb\xea\n | 1 |" in shown
    assert r"\textbackslash{}xbb" in (tmp_path / "t.tex").read_text(encoding="utf-8")
