"""The figure of modes on a tiny budget: its files, its table, and what it refuses."""

import numpy as np
import pytest
from absl.testing import flagsaver

from experiments.cli import command
from experiments.data import pictures
from scripts import figure_modes as figure


def test_points_are_drawn_where_they_are():
    made = figure.plotted(np.reshape([[0, 0], [-2.9, 2.9], [9, 9]], (3, 1, 1, 2)))
    assert made.shape == (96, 96, 3)
    dark = np.argwhere(made[..., 0] < 255).tolist()
    assert len(dark) == 2 and dark[0][0] < 3 and dark[0][1] < 3 and dark[1] in ([47, 48], [48, 48])


def test_the_table_and_both_figures(tmp_path, capsys):
    small = figure.Setup(4, 4, 4, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure, "SETUPS", {"ring": small, "digits": small})
        with flagsaver.flagsaver(output=str(tmp_path), losses=["vanilla", "wgan_gp"],
                                 seeds="0,1", images=20):  # fmt: skip
            assert command(figure._figure)(["figure"]) == 0
    table = (tmp_path / "modes.md").read_text().splitlines()
    assert table[0].startswith("| loss | ring: modes | ring: good | ring: KL | digits: modes")
    assert [line.split("|")[1].strip() for line in table[2:4]] == ["vanilla", "WGAN-GP"]
    ring, digits = (pictures.read(tmp_path / f"{name}.png") for name in ("ring", "digits"))
    assert ring.shape[0] >= 3 * 96 and ring.shape[1] >= 5 * 96  # two losses and the real points
    assert digits.shape[0] >= 3 * 48 and digits.shape[1] >= 12 * 48


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({}, "--output: give the folder"),
        ({"output": "x", "losses": ["hinge"]}, "--losses=hinge: expected some of vanilla"),
        ({"output": "x", "images": 0}, "--images=0"),
        ({"output": "x", "seeds": "a"}, "--seeds=a"),
    ],
)
def test_what_it_refuses(flags, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with flagsaver.flagsaver(**flags):
        assert command(figure._figure)(["figure"]) == 1
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())
