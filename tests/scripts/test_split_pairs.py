"""Two folders of the same names become two unpaired domains with paired tests."""

import numpy as np
import pytest
from absl.testing import flagsaver

from experiments.cli import command
from experiments.data import pictures
from scripts import split_pairs


@pytest.fixture
def split(tmp_path):
    for domain, level in ("a", 0), ("b", 100):
        for number in range(10):
            picture = np.full((4, 4, 3), level + number, np.uint8)
            name = f"{domain}/{number}.png"
            (tmp_path / domain).mkdir(exist_ok=True)
            pictures.write_png(tmp_path / name, picture)
    pictures.write_png(tmp_path / "a" / "alone.png", picture)

    def call(held_out=3, output="pairs", domain_b="b"):
        with flagsaver.flagsaver(
            domain_a=str(tmp_path / "a"),
            domain_b=domain_b and str(tmp_path / domain_b),
            held_out=held_out,
            output=output and str(tmp_path / output),
        ):
            return command(split_pairs._split)(["split"])

    return call


def levels(folder):
    return {path.name: int(pictures.read(path)[0, 0, 0]) for path in pictures.find(folder)}


def test_no_name_is_seen_from_both_sides(split, tmp_path):
    assert split() == 0
    found = {part: levels(tmp_path / "pairs" / part) for part in
             ("trainA", "trainB", "testA", "testB")}  # fmt: skip
    assert [len(names) for names in found.values()] == [3, 4, 3, 3]
    assert found["testA"].keys() == found["testB"].keys()
    kinds = [set(found[part]) for part in ("trainA", "trainB", "testA")]
    assert len(set.union(*kinds)) == 10  # disjoint, and nothing but the names in common
    for part, names in found.items():
        offset = 100 * (part[-1] == "B")
        assert all(level == offset + int(name[0]) for name, level in names.items())


@pytest.mark.parametrize(("given", "message"), [
    ({"held_out": 9}, "10 names in common"),
    ({"output": None}, "--output: give the folder"),
    ({"domain_b": None}, "--domain_b: give a folder"),
    ({"output": "a"}, "is there already"),
])  # fmt: skip
def test_bad_input(split, capsys, given, message):
    assert split(**given) == 1
    assert message in capsys.readouterr().err


def test_names_are_paired_whatever_their_suffix_and_form(split, tmp_path, capsys):
    names = {"a": ("caf\u00e9.v1", "IMG_2"), "b": ("cafe\u0301.v1", "img_2")}
    for folder, old, new in ((f, str(i + 1), names[f][i]) for f in "ab" for i in (0, 1)):
        (tmp_path / folder / f"{old}.png").rename(tmp_path / folder / f"{new}.png")
    pictures.write_png(tmp_path / "more.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "more.png").rename(tmp_path / "b" / "4.jpg")
    (tmp_path / "b" / "4.png").unlink()
    assert split(held_out=8) == 0
    names = {name for part in ("testA", "trainA", "trainB") for name in
             levels(tmp_path / "pairs" / part)}  # fmt: skip
    assert {"caf\u00e9.v1.png", "IMG_2.png", "4.png"} <= names and len(names) == 10
    assert "1 without a partner left out (1 have no partner, such as 'alone')" in (
        capsys.readouterr().err
    )
