"""The strips in which texture sticks to pixels: what they show, and where."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from absl.testing import flagsaver

from experiments import api
from experiments.cli import command
from experiments.data import pictures
from experiments.tasks import animation
from scripts import figure_texture_sticking as figure


def test_a_strip_is_a_column_over_time():
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 3), np.uint8)
    found = figure.strip(frames, 2)
    assert found.shape == (3, 5, 3)
    assert np.array_equal(found[1, 4], frames[4, 1, 2])
    marked = figure.marked(frames[0], 2)
    assert (marked[:, 2] == (255, 0, 0)).all()
    assert np.array_equal(marked[:, [0, 1, 3]], frames[0][:, [0, 1, 3]])


@pytest.fixture
def runs(monkeypatch):
    """Walks whose pictures have a white line: that of "still" stays, that of "moving" sinks."""

    def walk(run, seeds, frames, **options):
        made = np.zeros((frames, 32, 32, 3), np.uint8)
        for i in range(frames):
            made[i, i if run.run_dir.name == "moving" else 5] = 255
        return made

    def load(run_dir):
        kind = SimpleNamespace(has_styles=True, classes=0)
        config = SimpleNamespace(model="toy")
        return SimpleNamespace(run_dir=Path(run_dir), algorithm=kind, config=config, imported=())

    monkeypatch.setattr(api, "load", load)
    monkeypatch.setattr(animation, "walk", walk)
    monkeypatch.setattr("experiments.tasks.seeds.check_imported", lambda *_: None)


def use(**given):
    with flagsaver.flagsaver(**given):
        return command(figure._figure)(["figure"])


def test_two_rows_with_what_sticks_and_what_moves(runs, tmp_path):
    place = tmp_path / "strips.png"
    assert use(generators=["still", "moving"], output=str(place), frames=24, column=0.25) == 0
    image = pictures.read(place)
    assert image.shape == (2 * 256 + 4, 256 + 24, 3)
    assert (image[:256, 64:72] == (255, 0, 0)).all()  # column 8 of 32, 8 times as large
    strips = [image[start : start + 256 : 8, 256:, 0] == 255 for start in (0, 260)]
    rows = [strip.argmax(axis=0) for strip in strips]
    assert (rows[0] == 5).all()
    assert np.array_equal(rows[1], range(24))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generators": []}, "--generators, --output: give the runs"),
        ({"column": 1.5}, "--column=1.5: expected 0 (left) to 1 (right)"),
        ({"frames": 1}, "--frames=1: expected two or more"),
    ],
)
def test_bad_flags(given, message, runs, tmp_path, capfd):
    options = {"generators": ["still"], "output": str(tmp_path / "a.png")} | given
    assert use(**options) == 1
    assert message in capfd.readouterr().err
    assert not list(tmp_path.iterdir())
