"""Grey pictures of more than 8 bits: one range for a data set, guessed or given."""

import json

import numpy as np
import pytest
import tiny
from PIL import Image
from test_runner import main

from core.errors import InputError
from experiments import api
from experiments.data import pictures, ranges
from experiments.data.config import DataConfig
from experiments.data.sources import open_dataset
from experiments.training.rundir import stored_ranges

GREY = np.random.default_rng(3).integers(0, 256, (40, 50), dtype=np.uint8)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def read(path, **options):
    return pictures.read(path, 1, **options)[..., 0].astype(int)


def unit(low=0.0, high=1.0):
    values = (GREY / 255).astype(np.float32)
    values[0, :2] = low, high
    return values


def opened(folder, **options):
    said = []
    dataset = open_dataset(f"folder:{folder}", size=0, channels=1, report=said.append, **options)
    source = dataset.train["image"]
    return [source.get(i)[..., 0].astype(int) for i in range(source.size)], said, dataset


@pytest.mark.parametrize("odd", [1.001, -0.001, 1.2, 30.0, -7.0, np.nan, np.inf])
def test_an_odd_pixel_does_not_change_how_floats_are_read(tmp_path, odd):
    found = read(save(tmp_path / "a.tif", unit(high=odd)))
    rest = np.ones_like(GREY, bool)
    rest[0, :2] = False
    assert np.abs(found - GREY)[rest].max() <= 1


@pytest.mark.parametrize(
    ("low", "high"), [(0, 255), (-1, 1), (-1024, 3072), (0, 1000), (5e4, 9e4), (0, 1e-3)]
)
def test_floats_of_other_ranges(tmp_path, low, high):
    values = (low + GREY / 255.0 * (high - low)).astype(np.float32)
    wanted = GREY if high > 0.1 else np.zeros_like(GREY)  # as dark as it says
    assert np.abs(read(save(tmp_path / "a.tif", values)) - wanted).max() <= 1


def test_neighbours_are_read_alike_whatever_the_order(tmp_path):
    dark = np.full((20, 20), 0.9, np.float32)  # alone it would be nearly white
    for i, values in enumerate([dark, GREY.astype(np.float32), GREY.astype(np.float32)]):
        save(tmp_path / "set" / f"{i}.tif", values)
    found, said, dataset = opened(tmp_path / "set")
    assert found[0].max() == 1 and np.array_equal(found[1], GREY)
    assert len(said) == 1 and "0 to 255" in said[0] and "data.range" in said[0]
    backwards = [dataset.train["image"].get(i)[..., 0] for i in (2, 1, 0)]
    assert all(np.array_equal(a, b) for a, b in zip(backwards, found[::-1], strict=True))
    assert read(tmp_path / "set/0.tif").min() == 229


def test_train_and_test_have_one_range(tmp_path):
    save(tmp_path / "train/a.tif", (GREY * 16.0 - 1024).astype(np.float32))
    save(tmp_path / "test/a.tif", np.float32([[0, 1, 0.5]]))
    _, said, dataset = opened(tmp_path)
    assert np.ptp(dataset.test["image"].get(0)) == 0 and len(said) == 2  # and no contrast


def test_a_given_range_is_for_all_but_8_bits(tmp_path):
    twelve = GREY.astype(np.uint16) * 16
    for name, values in [
        ("a.png", twelve),
        ("b.tif", twelve),
        ("c.tif", twelve.astype(np.int32)),
        ("d.tif", twelve.astype(np.float32)),
        ("e.png", GREY),
    ]:
        save(tmp_path / name, values)
    found, said, dataset = opened(tmp_path, limits=(0, 4080))
    assert all(np.array_equal(picture, GREY) for picture in found) and not said
    assert dataset.fingerprint() != opened(tmp_path)[2].fingerprint()


def test_pictures_that_use_a_part_of_their_range_are_said(tmp_path):
    save(tmp_path / "a.png", GREY.astype(np.uint16) * 257)
    save(tmp_path / "b.png", np.minimum(GREY.astype(np.uint16) * 16, 4095))
    found, said, dataset = opened(tmp_path)
    assert np.array_equal(found[0], GREY) and found[1].max() == 16
    assert len(said) == 1
    assert all(w in said[0] for w in ("1 of 2", "b.png", "6.2%", "data.range=0,4095"))
    (tmp_path / "b.png").unlink()
    assert opened(tmp_path)[1] == []
    zipped = tmp_path.parent / "a.zip"
    save(tmp_path / "b.png", np.minimum(GREY.astype(np.uint16) * 16, 4095))
    import zipfile

    with zipfile.ZipFile(zipped, "w") as archive:
        for name in ("a.png", "b.png"):
            archive.write(tmp_path / name, name)
    again = []
    source = open_dataset(f"zip:{zipped}", size=0, report=again.append).train["image"]
    assert source.get(1).max() == 16 and len(again) == 1


def test_8_bit_sets_are_not_looked_through(tmp_path, monkeypatch):
    for i in range(3):
        save(tmp_path / f"{i}.png", GREY)
    monkeypatch.setattr(ranges.SetRanges, "_look_through", None)
    found, said, _ = opened(tmp_path)
    assert np.array_equal(found[2], GREY) and not said


def test_usual_ranges_keep_the_fingerprint_and_others_are_in_it(tmp_path):
    save(tmp_path / "a.tif", unit())
    before = opened(tmp_path)[2].fingerprint()
    Image.fromarray(GREY).save(tmp_path / "a.tif")
    assert opened(tmp_path)[2].fingerprint() == before
    found = set()
    for top in (1000, 2000):
        save(tmp_path / "a.tif", (GREY * (top / 255.0) - 500).astype(np.float32))
        found.add(str(opened(tmp_path)[2].fingerprint()))
    assert len(found) == 2 and str(before) not in found


def test_whole_numbers_of_32_bits(tmp_path):
    for values in (GREY.astype(np.int32), GREY.astype(np.int32) * 257, GREY * np.int32(16) - 1024):
        assert np.abs(read(save(tmp_path / "a.tif", values)) - GREY).max() <= 1
    sixteen = np.linspace(0, 65535, 4000).astype(np.int32).reshape(40, 100)
    wanted = ranges.levels(sixteen.astype(np.uint16), ranges.SIXTEEN)
    sixteen[0, :9] = -3  # some odd ones
    assert np.array_equal(read(save(tmp_path / "b.tif", sixteen))[1:], wanted[1:])


def test_levels_are_the_same_in_blocks_and_by_table(monkeypatch):
    monkeypatch.setattr(ranges, "BLOCK", 1000)
    values = np.arange(2**16)
    for limits in (ranges.SIXTEEN, (100.0, 4095.0)):
        exact = np.clip((values - limits[0]) * 255 / (limits[1] - limits[0]), 0, 255)
        table = ranges.levels(values.astype(np.uint16), limits)
        assert np.abs(table - exact).max() <= 0.5 + 1e-6
        assert np.array_equal(ranges.levels(values.reshape(2**8, -1), limits).ravel(), table)
    assert np.array_equal(
        ranges.levels(values.astype(np.uint16), ranges.SIXTEEN), np.rint(values / 257)
    )


@pytest.mark.parametrize("limits", [(1.0,), (2.0, 1.0), (0.0, np.inf), (0.0, np.nan), (1, 2, 3)])
def test_no_ranges(limits):
    with pytest.raises(ValueError, match=r"such as 0,4095"):
        DataConfig(range=limits)


def test_a_damaged_file_is_left_out_of_the_guess(tmp_path):
    save(tmp_path / "b.tif", unit())
    (tmp_path / "a.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:3000])
    source = open_dataset(f"folder:{tmp_path}", size=0, report=print).train["image"]
    assert source.get(0) is None
    assert np.abs(source.get(1)[..., 0].astype(int) - GREY)[1:].max() <= 1
    with pytest.raises(InputError):
        pictures.deep_values(tmp_path / "a.tif")


def test_a_run_reads_later_pictures_with_the_range_it_was_trained_with(tmp_path, capfd):
    for role, count in (("trainA", 4), ("trainB", 4)):
        for i in range(count):
            save(tmp_path / f"data/{role}/{i}.tif", (np.roll(GREY, i) * 16.0).astype(np.float32))
    run = tiny.train(tmp_path / "data", tmp_path / "run", data__channels=1)
    assert json.loads((tmp_path / "run/config.json").read_text())["ranges"]["A"]["float"] == [
        0,
        4080,
    ]
    dark = save(tmp_path / "dark.tif", (GREY * 0.9).astype(np.float32))  # alone, 0 to 255
    wanted = run.translate(ranges.levels(GREY * 0.9, (0, 4080))[..., None])
    assert wanted.std() > 0 and np.array_equal(run.translate(str(dark)), wanted)
    given = [f"--run_dir={tmp_path}/run", f"--input={dark}", f"--output={tmp_path}/out"]
    assert main("--model=cyclegan", "--mode=translate", *given) == 0
    assert np.array_equal(pictures.read(tmp_path / "out/dark.png", 1), wanted)
    assert "guessed" not in capfd.readouterr().err
    other = api.load(tmp_path / "run", {"data.range": (0.0, 255.0)}, say=lambda line: None)
    assert not np.array_equal(other.translate(str(dark)), wanted)


def test_a_run_that_went_on_knows_its_ranges(tmp_path):
    tiny.noise(tmp_path / "data" / "trainB", 2, 0)
    save(tmp_path / "data/trainA/0.tif", GREY.astype(np.float32) - 500)
    tiny.train(tmp_path / "data", tmp_path / "run", images=4)
    stored = stored_ranges(tmp_path / "run")
    assert stored["A"]["float"] == (-500, -245)
    content = json.loads((tmp_path / "run/config.json").read_text())
    del content["ranges"]  # as before there were any
    (tmp_path / "run/config.json").write_text(json.dumps(content))
    assert stored_ranges(tmp_path / "run") == {}
    tiny.train(tmp_path / "data", tmp_path / "run", images=8)
    assert stored_ranges(tmp_path / "run") == stored
