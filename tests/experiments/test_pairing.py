"""Pairs by name: dots, suffixes, Unicode forms, upper and lower case, and what is not clear."""

import unicodedata
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments.data.pairing import by_name
from experiments.data.sources import open_dataset

NFC, NFD = (unicodedata.normalize(form, "설악산 café") for form in ("NFC", "NFD"))


def paths(names):
    return [PurePosixPath(name) for name in sorted(names)]


def paired(a, b):
    found = by_name(paths(a), paths(b))
    assert found.complete, found.problems()
    return {str(one): str(other) for one, other in found.partners.items()}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (["x.jpg"], ["x.png"]),
        (["scene.jpg", "scene.mask.jpg"], ["scene.png", "scene.mask.png"]),
        (["scene.png", "scene.mask.png"], ["scene.jpg", "scene.mask.jpg"]),
        (["a.v1.JPG", "a.v10.JPG", "a.JPG"], ["a.v1.webp", "a.v10.webp", "a.webp"]),
        (["a.b"], ["a.b.png"]),  # no suffix of a picture: part of the name
        (["in/x.jpg", "out/x.jpg"], ["in/x.png", "out/x.png"]),
        (["x.jpg", "x.png"], ["x.jpg", "x.png"]),
        ([f"{NFC}.jpg", "b.jpg"], [f"{NFD}.png", "b.png"]),
        ([f"{NFD}.jpg", f"{NFD}.png"], [f"{NFC}.jpg", f"{NFC}.png"]),
        (["IMG_1.JPG", "img_2.jpg"], ["img_1.png", "IMG_2.png"]),
        (["x.jpg", "X.jpg"], ["x.png", "X.png"]),
        (["x.jpg", "X.png"], ["X.jpg", "x.png"]),
    ],
)
def test_pairs(a, b):
    found = paired(a, b)
    assert list(found) == sorted(a)  # in the order of A
    for one, other in found.items():
        assert by_name([PurePosixPath(one)], [PurePosixPath(other)]).complete
    assert sorted(found.values()) == sorted(b)
    assert paired(b, a) == {other: one for one, other in found.items()}


def test_the_most_alike_come_first():
    assert paired(["x.jpg", "X.jpg"], ["X.png", "x.png"]) == {"X.jpg": "X.png", "x.jpg": "x.png"}
    assert paired(["x.jpg", "x.png"], ["x.png", "x.bmp"]) == {"x.png": "x.png", "x.jpg": "x.bmp"}


def test_what_has_no_partner_and_what_has_several():
    found = by_name(paths(["a.jpg", "b.jpg", "c.jpg", "c.png"]), paths(["a.png", "c.bmp", "d.png"]))
    assert {str(one): str(other) for one, other in found.partners.items()} == {"a.jpg": "a.png"}
    assert [str(name) for name in found.alone] == ["b.jpg", "d.png"]
    assert [str(name) for name in found.unclear] == ["c.jpg", "c.png", "c.bmp"]
    assert found.problems() == (
        "2 have no partner, such as 'b', 'd'; 3 fit several partners, such as 'c.jpg', 'c.png', "
        "'c.bmp'"
    )
    assert by_name(paths(["x.jpg"]), paths(["y.jpg"])).problems() == (
        "2 have no partner, such as 'x', 'y'"
    )


def domains(root, kind, names, suffixes=(".png", ".bmp"), seed=0):
    """B is the negative of A; names are given for A and for B."""
    values = np.random.default_rng(seed)
    for pair in names:
        picture = values.integers(0, 256, (12, 12, 3), np.uint8)
        for role, name, pixels in zip("AB", pair, (picture, 255 - picture), strict=True):
            path = root / f"{kind}{role}" / (name + suffixes["AB".index(role)])
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


NAMES = [("scene", "scene"), ("scene.mask", "scene.mask"), (NFC, NFD), ("B_1", "b_1")]


def test_a_set_of_pairs(tmp_path):
    domains(tmp_path, "train", NAMES)
    domains(tmp_path, "test", NAMES, seed=1)
    options = {"size": 0, "roles": ("A", "B"), "report": [].append}
    whole = open_dataset(f"folder:{tmp_path}", paired=True, **options)
    tested = open_dataset(f"folder:{tmp_path}", paired_test=True, **options)
    for split in (whole.train, whole.test, tested.test):
        assert split["A"].size == len(NAMES)
        for i in range(len(NAMES)):
            np.testing.assert_array_equal(split["A"].load(i), 255 - split["B"].load(i))
    assert not tested.paired and tested.truth


@pytest.mark.parametrize("option", ["paired", "paired_test"])
def test_names_that_are_not_clear_are_refused(tmp_path, option):
    domains(tmp_path, "train", [("x", "x")])
    domains(tmp_path, "test", [("x", "x")])
    (tmp_path / "testA" / "x.png").rename(tmp_path / "testA" / "x.jpg")
    (tmp_path / "testA" / "x.gif").write_bytes((tmp_path / "testA" / "x.jpg").read_bytes())
    with pytest.raises(InputError, match=f"data.{option}: .* 3 fit several partners, such as 'x."):
        open_dataset(f"folder:{tmp_path}", size=0, roles=("A", "B"), **{option: True})
