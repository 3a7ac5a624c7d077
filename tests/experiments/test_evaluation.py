"""Metrics of runs: what they are of, what is recorded, and what is refused before the work."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
import test_feed_forward
import test_stylization
import tiny
from test_runner import error, main

from core.errors import InputError
from experiments import api, metrics
from experiments.data.pictures import from_unit
from experiments.data.pipeline import test_images as held_out
from experiments.metrics import evaluation, features, pairs, picture_scores, protocols, published
from experiments.metrics.features import Extractor
from experiments.metrics.sampling import generate
from experiments.tasks.feed_forward import Learned
from experiments.tasks.translation import predict, translator
from nst.features import feature_network
from nst.weights import random_weights, save_weights

SMOKE = {"data.size": 16, "data.load_size": 16, "images": 8, "batch_size": 4, "log_every": 4,
         "sample_every": 8, "eval_every": 8, "eval_images": 4, "checkpoint_every": 4,
         "algorithm.ema_half_life": 0}  # fmt: skip


def quiet(line):
    pass


def colours(images):
    """In place of a network: mean colours and their squares."""
    means = np.stack(images).mean((1, 2), np.float64) / 255
    return np.float32(np.hstack([means, means**2]))


def away(a, b):
    return np.square(a - b).mean((1, 2, 3))


@pytest.fixture
def small(monkeypatch):
    """Protocols of few pictures, toys for HED and for the published networks."""
    toy = Extractor("toy", 6, lambda x: {"features": colours(x)})
    for name in ("inception", "hed"):
        monkeypatch.setitem(features.EXTRACTORS, name, lambda folder: toy)
    for name, count in (("fd_hed5k", 7), ("swd2k", 7), ("ms_ssim1k", 4), ("fid5k", 7),
                        ("fd_hed5k_full", 7)):  # fmt: skip
        protocol = protocols.PROTOCOLS[name]
        protocol = protocol._replace(generated=count, real=protocol.real and count)
        monkeypatch.setitem(protocols.PROTOCOLS, name, protocol)
    monkeypatch.setattr(picture_scores, "hed_distance", lambda: away)
    narrow = random_weights("vgg16", width=1 / 32)
    monkeypatch.setattr(picture_scores, "load_weights", lambda name: narrow)
    return narrow


@pytest.fixture(scope="session")
def noise_run(tmp_path_factory):
    """The directory of a DCGAN; to be copied, not changed."""
    root = tmp_path_factory.mktemp("evaluation")
    tiny.noise(root / "pictures", 9, 0, (16, 16))
    changes = SMOKE | {"data.dataset": f"folder:{root}/pictures"}
    api.train_config(api.make_config("dcgan", "smoke", changes), root / "run", say=quiet)
    return root / "run"


@pytest.fixture
def run_dir(noise_run, tmp_path):
    shutil.copytree(noise_run, tmp_path / "run")
    return tmp_path / "run"


def evaluate(run_dir, names, *arguments):
    return main("--mode=evaluate", f"--run_dir={run_dir}", f"--metrics={names}", *arguments)


def records(run_dir):
    text = (run_dir / evaluation.RECORDS).read_text()
    return [json.loads(line) for line in text.splitlines()]


# --- pictures from noise


def test_seeds_against_training_images(run_dir, small):
    run = api.load(run_dir, say=quiet)
    found = run.measure(["fd_hed5k", "swd2k", "ms_ssim1k"], say=quiet)
    fakes = generate(run.algorithm, range(7))
    source = run.open_data(quiet).train["image"]
    reals = [source.get(i) for i in range(7)]
    expected = metrics.frechet_distance(colours(reals), colours(fakes))
    assert found["fd_hed5k"] == pytest.approx(expected, rel=1e-5)
    assert found["swd2k_16"] == pytest.approx(metrics.swd(np.stack(reals), fakes)[16])
    assert found["ms_ssim1k"] == pytest.approx(metrics.ms_ssim(fakes[:4:2], fakes[1:4:2]))


def test_the_table_and_the_record(run_dir, small, capfd):
    assert evaluate(run_dir, "fd_hed5k,swd2k") == 0
    table = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert [name for name, _ in table] == ["fd_hed5k", "swd2k_16", "swd2k_mean"]
    assert evaluate(run_dir, "fd_hed5k", "--checkpoint=4") == 0
    first, second, third = records(run_dir)
    assert [first["metric"], second["metric"], third["metric"]] == ["fd_hed5k", "swd2k", "fd_hed5k"]
    assert first["values"]["fd_hed5k"] == pytest.approx(float(table[0][1]), rel=5e-3)
    assert first["pictures"]["seeds"] == "0-6" and first["pictures"]["real"].startswith("train")
    assert (first["images"], third["images"], third["checkpoint"]) == (8, 4, "4")
    assert first["averaged"] is False and first["size"] == 16
    assert first["data"]["image"].startswith("9:") and first["seed"] == 0
    assert {"commit", "date", "device", "versions", "command"} <= set(first)
    assert third["values"] != first["values"]
    assert [p.name for p in (run_dir / "features").iterdir()][0].startswith("toy-trainimage-16px")


def test_distances_within_each_class(small, tmp_path, capfd):
    for i, name in enumerate(("dark", "light")):
        tiny.noise(tmp_path / "pictures" / name, 4 + i, i, (16, 16))
    changes = SMOKE | {"data.dataset": f"folder:{tmp_path}/pictures", "data.labels": True,
                       "algorithm.classes": 2}  # fmt: skip
    run = api.train_config(api.make_config("dcgan", "smoke", changes), tmp_path / "run", say=quiet)
    assert evaluate(tmp_path / "run", "intra_fd_hed5k") == 0
    found = dict(line.split() for line in capfd.readouterr().out.splitlines())
    source, fakes = run.open_data(quiet).train["image"], generate(run.algorithm, range(7), label=1)
    reals = [source.get(i) for i in range(9) if source.label(i) == 1]
    expected = metrics.frechet_distance(colours(reals), colours(fakes))
    assert float(found["intra_fd_hed5k/light"]) == pytest.approx(expected, rel=5e-3)
    both = [float(found[f"intra_fd_hed5k/{name}"]) for name in ("dark", "light")]
    assert float(found["intra_fd_hed5k"]) == pytest.approx(sum(both) / 2, rel=5e-3)
    (record,) = records(tmp_path / "run")
    assert record["pictures"]["seeds"] == "0-6 of each class"
    assert len(set(record["pictures"]["real"])) == 2
    for path in list((tmp_path / "pictures" / "dark").iterdir())[1:]:
        path.unlink()
    assert evaluate(tmp_path / "run", "intra_fd_hed5k") == 1
    assert "class dark: fd_hed5k_full: needs 2 real images" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        ("intra_fid5k", [], "intra_fid5k: this model was trained without classes. Take fid5k_full"),
        ("fid_5k", [], "--metrics=fid_5k: not a metric of dcgan, which takes fid50k_full, fid50k"),
        ("psnr", [], "not a metric of dcgan"),
        ("ppl_hed_wend", [], "this model has no w. Take ppl_hed_zend"),
        ("fd_hed5k,fid50k", [], "fid50k: needs 50,000 real images of the train split, got 9"),
        ("kd_hed50k_full", [], "needs 1,000 real images of the train split, got 9"),
        ("fd_hed5k", ["--checkpoint=best"], "--checkpoint=best: .* Expected 'last' or one of 8, 4"),
        ("fd_hed5k", ["--checkpoint=5"], "--checkpoint=5: "),
        ("fd_hed5k", ["--checkpoint=../x"], "--checkpoint=../x: "),
        ("fd_hed5k", ["--set=data.size=8"], "data.size=8: this run was trained with 16"),
    ],
)
def test_refused(names, arguments, message, run_dir, small, capfd):
    assert evaluate(run_dir, names, *arguments) == 1
    assert re.search(message, error(capfd))
    assert not (run_dir / evaluation.RECORDS).exists()


def test_files_that_are_missing_or_others(run_dir, tmp_path, capfd):
    given = f"--metrics_weights={tmp_path}/weights"
    assert evaluate(run_dir, "fid_test", given) == 1
    assert f"{published.INCEPTION.name}: no such file. Copy it there from" in error(capfd)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / published.INCEPTION.name).write_bytes(b"another")
    assert evaluate(run_dir, "fid_test", given) == 1
    mark = hashlib.sha256(b"another").hexdigest()[:8]
    assert f"its SHA-256 begins {mark}, that of" in error(capfd)
    assert evaluate(tmp_path / "weights", "fid_test", given) == 1
    assert "is not a run directory" in error(capfd)


def test_a_directory_that_cannot_be_written(run_dir, small, capfd):
    (run_dir / evaluation.RECORDS).mkdir()
    assert evaluate(run_dir, "fd_hed5k") == 1
    assert "evaluations.jsonl cannot be written (Is a directory)" in error(capfd)


def test_not_in_other_modes(run_dir, capfd):
    assert main("--model=dcgan", "--mode=sample", f"--run_dir={run_dir}", "--output=x",
                "--metrics=fd_hed5k") == 1  # fmt: skip
    assert "--metrics: not an option of --model=dcgan --mode=sample" in error(capfd)
    assert main("--model=dcgan", f"--run_dir={run_dir}", "--checkpoint=best") == 1
    assert "--checkpoint: not an option" in error(capfd)


# --- translations


def test_both_directions_against_test_images(finished, tmp_path, small):
    shutil.copytree(finished, tmp_path / "run")
    run = api.load(tmp_path / "run", say=quiet)
    found = run.measure(["fd_hed_test"], say=quiet)
    assert list(found) == ["fd_hed_test/AtoB", "fd_hed_test/BtoA"]
    data = run.open_data(quiet)
    a, b = (held_out(data, run.config.data, role, 2) for role in "AB")
    fakes = predict(translator(run, "BtoA"), b)
    expected = metrics.frechet_distance(colours(a), colours(fakes))
    assert found["fd_hed_test/BtoA"] == pytest.approx(expected, rel=1e-4)
    (line,) = records(tmp_path / "run")
    assert line["pictures"]["test AtoB"] == 2 and line["averaged"] is True


def test_pairs_need_the_truth(finished, tmp_path, small):
    shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(InputError, match="no true counterparts.* data.paired_test=true"):
        api.load(tmp_path / "run", say=quiet).measure(["psnr"], say=quiet)
    run = api.load(tmp_path / "run", {"data.paired_test": True}, quiet)
    found, own = run.measure(["psnr", "lpips_hed"], say=quiet), run.evaluate(say=quiet)
    assert list(found) == ["psnr/AtoB", "psnr/BtoA", "lpips_hed/AtoB", "lpips_hed/BtoA"]
    assert found["psnr/BtoA"] == own["psnr/BtoA"]
    data = run.open_data(quiet)
    a, b = (held_out(data, run.config.data, role, 2) for role in "AB")
    fakes = predict(translator(run, "AtoB"), a)
    assert found["lpips_hed/AtoB"] == pytest.approx(np.square((fakes / 255.0) - b / 255.0).mean())
    with pytest.raises(InputError, match="ms_ssim1k: not a metric of cyclegan, which takes fid50k"):
        run.measure(["ms_ssim1k"], say=quiet)


# --- stylised pictures


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """Folders "content" (3) and "style" (2), pictures a and b and narrow weights."""
    root = tmp_path_factory.mktemp("stylised")
    tiny.noise(root / "content", 3, 0, (80, 96))
    tiny.noise(root / "style", 2, 1, (80, 96))
    for i, name in enumerate("ab"):
        shutil.copy(root / "style" / f"{i}.png", root / f"{name}.png")
    for network in ("vgg16", "vgg19"):
        save_weights(root / f"{network}.npz", random_weights(network, width=1 / 32))
    return root


def terms(weights, rows):
    taps = picture_scores.CONTENT_TAPS, picture_scores.STYLE_TAPS
    content, style = (feature_network(weights, names) for names in taps)
    return {
        "content_hed": np.mean([pairs.content_term(content, x, c, "mean") for x, c, _ in rows]),
        "style_hed": np.mean([pairs.style_term(style, x, s, "johnson") for x, _, s in rows]),
    }


def check_rows(found, weights, rows):
    for name, value in terms(weights, rows).items():
        assert found[name] == pytest.approx(value, rel=1e-4)
    results, contents, styles = (np.stack(x) for x in zip(*rows, strict=True))
    lpips = away(results / 255, contents / 255).mean()
    assert found["lpips_hed"] == pytest.approx(lpips, rel=1e-4)
    distance = metrics.frechet_distance(colours(styles), colours(results))
    assert found["art_fd_hed"] == pytest.approx((1 + lpips) * (1 + distance), rel=1e-4)


HED = ["content_hed", "style_hed", "lpips_hed", "art_fd_hed"]


def test_contents_in_test_styles(pictured, tmp_path, small):
    path = tmp_path / "run"
    assert main(*test_stylization.flags(pictured, path, images=2, eval_images=3)) == 0
    run = api.load(path, say=quiet)
    found = run.measure(HED, say=quiet)
    data = run.open_data(quiet)
    contents, styles = (held_out(data, run.config.data, r, 3) for r in ("content", "style"))
    rows = [(run.stylize(c, [styles[i % 2]]), c, styles[i % 2]) for i, c in enumerate(contents)]
    check_rows(found, small, rows)
    assert records(path)[0]["pictures"] == {"test": 3, "styles": 2}
    with pytest.raises(InputError, match="fid5k: not a metric of adain, which takes content_vgg16"):
        run.measure(["fid5k"], say=quiet)


def test_learned_styles(pictured, tmp_path, small):
    path = tmp_path / "run"
    changes = {"images": 2, "data.size": 40, "data.load_size": 40, "eval_images": 3}
    assert main(*test_feed_forward.flags(pictured, path, "dumoulin", "ab", **changes)) == 0
    run = api.load(path, say=quiet)
    found = run.measure(HED, say=quiet)
    contents = held_out(run.open_data(quiet), run.config.data, "content", 3)
    styles = Learned(run, None).styles
    rows = [(run.stylize(c, [i % 2]), c, styles[i % 2]) for i, c in enumerate(contents)]
    found_terms, expected = {k: found[k] for k in HED[:2]}, terms(small, rows)
    assert found_terms == pytest.approx(expected, rel=1e-4)
    assert min(styles[0].shape[:2]) == 40


def test_an_optimised_picture(pictured, tmp_path, small, capfd):
    path = tmp_path / "run"
    assert main("--model=gatys", "--preset=smoke", "--size=32", f"--weights={pictured}/vgg19.npz",
                f"--content={pictured}/content/0.png", f"--style={pictured}/a.png",
                f"--run_dir={path}") == 0  # fmt: skip
    run = api.load(path, say=quiet)
    found = run.measure(HED[:2], say=quiet)
    own = run.algorithm
    row = [from_unit(x) for x in (own.picture(), own.content, own.styles[0])]
    assert found == pytest.approx(terms(small, [row]), rel=1e-4)
    capfd.readouterr()
    assert evaluate(path, "artfid") == 1
    assert "not a metric of gatys, which takes content_vgg16, style_vgg16" in error(capfd)
