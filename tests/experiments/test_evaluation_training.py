"""Metrics in training, and the best checkpoint by a score: kept, found again, not lost."""

import dataclasses
import json
import signal

import keras
import numpy as np
import pytest
import tiny
import toy
from commands import PowerCut
from test_evaluation import SMOKE, quiet, small  # noqa: F401 a fixture
from test_resume import run as child
from test_runner import main

from core.errors import InputError
from experiments import api
from experiments.metrics import evaluation, picture_scores
from experiments.tasks.feed_forward import LearnedStyles
from experiments.tasks.generation import Generated, Generation
from experiments.tasks.optimisation import StyleOptimisation
from experiments.tasks.translation import Translated, Translation
from experiments.training import checkpoint, loop
from experiments.training.writer import read_metrics

OPTIONS = {
    "data__size": 8,
    "data__load_size": 8,
    "metrics": ("fd_hed5k",),
    "metrics_every": 4,
    "best": "fd_hed5k",
    "keep": 1,
}
VALUES = {4: 3.0, 8: 1.0, 12: 2.0, 16: 1.5}


def train(path, values=VALUES, budget=16, own=None, said=None, **changes):
    """The toy, whose metric is `values` by images; returns it."""
    keras.utils.set_random_seed(0)
    config, algorithm = tiny.config("unused", **OPTIONS | changes), toy.Toy()
    path.mkdir(parents=True, exist_ok=True)
    loop.train(
        algorithm,
        toy.dataset(),
        config,
        path,
        budget=budget,
        evaluate=lambda *_: own or {"psnr/AtoB": 0.0},
        sheets=lambda *_: {},
        best_sign=1 if config.best.startswith("psnr") else -1,
        measure=lambda check: {"metrics/fd_hed5k": values[int(algorithm.images.numpy())]},
        say=([] if said is None else said).append,
    )
    return algorithm


def kept(path):
    """The images of the best checkpoint, and what it says of its score."""
    _, progress = checkpoint.read(checkpoint.best(path))
    return progress["images"], progress["best"]


def test_the_best_is_kept_beside_the_last(tmp_path):
    train(tmp_path)
    assert kept(tmp_path) == (8, {"score": "fd_hed5k", "value": 1.0})
    assert [path.stem for path in checkpoint.newest_first(tmp_path)] == ["000000000016"]
    rows = [row for row in read_metrics(tmp_path) if "metrics/fd_hed5k" in row]
    assert [(row["images"], row["metrics/fd_hed5k"]) for row in rows] == list(VALUES.items())
    assert "psnr/AtoB" in rows[-1] and "psnr/AtoB" not in rows[0]
    algorithm = toy.Toy()
    checkpoint.restore(tmp_path, algorithm, which="best")
    assert int(algorithm.images.numpy()) == 8
    checkpoint.restore(tmp_path, algorithm)
    assert int(algorithm.images.numpy()) == 16


def test_only_at_the_end(tmp_path):
    train(tmp_path, metrics_every=0)
    assert kept(tmp_path)[0] == 16
    assert [r["images"] for r in read_metrics(tmp_path) if "metrics/fd_hed5k" in r] == [16]


@pytest.mark.parametrize(("score", "images"), [("psnr/AtoB", 8), ("cycle_error/A", 4)])
def test_a_score_of_the_models_own(score, images, tmp_path):
    """The first of equal ones is the best; higher PSNR, lower errors."""
    counts = iter([1.0, 2.0, 2.0, 1.0])
    config = tiny.config("unused", data__size=8, data__load_size=8, eval_every=4, best=score)
    loop.train(
        toy.Toy(), toy.dataset(), config, tmp_path, budget=16, sheets=lambda *_: {}, say=quiet,
        evaluate=lambda *_: {score: next(counts)}, best_sign=1 if score.startswith("psnr") else -1,
    )  # fmt: skip
    assert kept(tmp_path)[0] == images


def test_values_that_are_not_numbers_are_not_the_best(tmp_path):
    train(tmp_path, {4: float("nan"), 8: 5.0, 12: float("nan"), 16: 6.0})
    assert kept(tmp_path)[0] == 8


def cut_at(images):
    class Values(dict):
        def __getitem__(self, key):
            if key == images:
                raise PowerCut
            return super().__getitem__(key)

    return Values(VALUES)


@pytest.mark.parametrize("images", [8, 12])
def test_a_power_cut(images, tmp_path):
    """Before the best one, and after it with no other checkpoint of that moment."""
    options = {"checkpoint_every": 16}
    train(tmp_path / "whole", **options)
    with pytest.raises(PowerCut):
        train(tmp_path / "cut", cut_at(images), **options)
    train(tmp_path / "cut", **options)
    tiny.assert_same_state(tmp_path / "whole", tmp_path / "cut")
    one, two = (checkpoint.read(checkpoint.best(tmp_path / n)) for n in ("whole", "cut"))
    assert all(np.array_equal(one[0][name], two[0][name]) for name in one[0])
    assert kept(tmp_path / "cut") == kept(tmp_path / "whole")


def test_going_on_remembers_the_best(tmp_path):
    train(tmp_path, budget=8)
    train(tmp_path, {12: 1.5, 16: 0.9}, budget=16)
    assert kept(tmp_path) == (16, {"score": "fd_hed5k", "value": 0.9})


def test_a_best_one_of_no_use_is_replaced(tmp_path):
    train(tmp_path, budget=8)
    said = []
    train(tmp_path, {12: 9.0}, budget=12, best="psnr/AtoB", said=said)
    assert "the best checkpoint by fd_hed5k is replaced by that by psnr/AtoB" in said
    assert kept(tmp_path) == (12, {"score": "psnr/AtoB", "value": 0.0})
    checkpoint.best(tmp_path).write_bytes(b"damaged")
    with pytest.raises(InputError, match="--checkpoint=best: .*best.npz is damaged"):
        checkpoint.restore(tmp_path, toy.Toy(), which="best")
    train(tmp_path, {16: 9.0}, budget=16, said=said)
    assert any("best.npz is damaged" in line for line in said)
    assert kept(tmp_path) == (16, {"score": "fd_hed5k", "value": 9.0})


@pytest.mark.thorough
def test_kill_minus_nine(pictures_of_two, tmp_path):
    """When `best.npz` has just been written, which is before the checkpoint of that moment."""
    changes = {"eval_every": 4, "checkpoint_every": 8, "best": "cycle_error/A", "images": 8}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    tiny.train(pictures_of_two, whole, **changes)
    command = tiny.flags(pictures_of_two, killed, **changes)
    assert child("SIGKILL@replaced:1", command)[0] == -signal.SIGKILL
    assert kept(killed)[0] == 4 and not checkpoint.newest_first(killed)
    status, said = child("none", command)
    assert status == 0, said
    tiny.assert_same_state(whole, killed)
    assert kept(whole) == kept(killed) and tiny.rows(whole) == tiny.rows(killed)


# --- what is better


@pytest.mark.parametrize(
    ("score", "expected"),
    [("fid50k_full", -1), ("kd_hed5k", -1), ("swd2k_mean", -1), ("fid_test/AtoB", -1),
     ("pr_hed5k_recall", 1), ("is5k_mean", 1), ("psnr/AtoB", 1), ("ssim/BtoA", 1), ("l1/AtoB", -1),
     ("test/style", -1), ("ppl_wend", -1), ("objective/total", -1), ("sep_faces_w", -1)],
)  # fmt: skip
def test_whether_lower_or_higher(score, expected):
    assert known_sign(score) == expected


@pytest.mark.parametrize("score", ["ms_ssim1k", "diversity/real", "is5k_std", "kid5k_std", "x"])
def test_neither_is_known(score):
    assert known_sign(score) == 0


def known_sign(score):
    """What the subject of a metric, or the task of a score of its own, says of it."""
    tasks = (Translation, Generation, LearnedStyles, StyleOptimisation)
    for start, sign in (pair for task in tasks for pair in task.better.items()):
        if score.startswith(start) and score.partition("/")[0] not in picture_scores.PAIRS:
            return sign
    kind = Translated if "/" in score else Generated
    return kind.__new__(kind).better(score)


# --- through the runner


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    root = tmp_path_factory.mktemp("noise")
    tiny.noise(root, 9, 0, (16, 16))
    return root


def flags(noise, run_dir, *more):
    pairs = SMOKE | {"data.dataset": f"folder:{noise}"}
    return ["--model=dcgan", "--preset=smoke", f"--run_dir={run_dir}", *more,
            *(f"--set={key}={value}" for key, value in pairs.items())]  # fmt: skip


def test_train_then_use_the_best(noise, tmp_path, small, monkeypatch, capfd):  # noqa: F811
    """Of the values that training has printed the lower one."""
    run_dir = tmp_path / "run"
    more = "--metrics=fd_hed5k,ms_ssim1k", "--set=metrics_every=4", "--set=best=fd_hed5k"
    assert main(*flags(noise, run_dir, *more)) == 0
    assert "metrics/fd_hed5k" in capfd.readouterr().out
    rows = [row for row in read_metrics(run_dir) if "metrics/fd_hed5k" in row]
    assert [row["images"] for row in rows] == [4, 8] and "metrics/ms_ssim1k" in rows[0]
    values = [row["metrics/fd_hed5k"] for row in rows]
    images, expected = (4, 8)[int(np.argmin(values))], min(values)
    assert main(*flags(noise, run_dir, *more, "--set=metrics_every=0")) == 0  # it may change
    run = api.load(run_dir, checkpoint="best", say=quiet)
    assert int(run.algorithm.images.numpy()) == images
    found = run.measure(["fd_hed5k"], say=quiet)
    assert found["fd_hed5k"] == pytest.approx(expected, rel=1e-5)
    assert json.loads((run_dir / evaluation.RECORDS).read_text())["checkpoint"] == "best"
    out = f"--output={tmp_path}/out"
    assert main("--model=dcgan", "--mode=sample", f"--run_dir={run_dir}", out, "--count=1",
                "--checkpoint=best") == 0  # fmt: skip
    assert (tmp_path / "out" / "seed0000.png").exists()
    # what cannot be measured at one moment does not end the run
    said = []
    monkeypatch.setattr(Generated, "measure", refuse_one)
    config = dataclasses.replace(run.config, metrics=("swd2k", "fd_hed5k"))
    subject = Generated(dataclasses.replace(run, config=config), None)
    found = evaluation.in_training(subject, said.append)
    assert found == {"metrics/fd_hed5k": 2.0} and said == ["left out: of one colour"]


def refuse_one(self, name, folder, cache):
    if name == "swd2k":
        raise InputError("of one colour")
    return {name: 2.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics=fd_hed5"], "--metrics=fd_hed5: not a metric of dcgan, which takes"),
        (["--metrics=fid50k"], "fid50k: needs 50,000 real images"),
        (["--metrics=ppl_zend", "--metrics_weights=/no"], "/no/vgg16-397923af.pth: no such file"),
        (["--set=metrics_every=4"], "metrics_every=4: expected 0 (at the end), or more with"),
        (["--set=best=fd_hed5k"], "best=fd_hed5k: there will be no such score. Give one of colour"),
        (["--set=best=diversity/real"], "best=diversity/real: of this score neither"),
        (["--metrics=swd2k", "--set=best=swd2k"], "no such score. Give one of swd2k_mean, or"),
        (["--metrics=ms_ssim1k", "--set=best=ms_ssim1k"], "best=ms_ssim1k: of this score neither"),
    ],
)
def test_refused_before_training(arguments, message, noise, tmp_path, small, capfd):  # noqa: F811
    assert main(*flags(noise, tmp_path / "run", *arguments)) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[-1].startswith("error: ") and message in said[-1]
    assert not (tmp_path / "run" / "config.json").exists()
